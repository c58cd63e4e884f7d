//! What mails say.

use askama::Template;

use crate::words::Words;

/// A mail in words: paragraphs, and perhaps a link. All mails look the same, so a new one needs words only.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub words: Words,
    pub subject: String,
    /// What happened, or what to do.
    pub paragraphs: Vec<String>,
    /// When, on which device and from where, one line each.
    pub facts: Vec<String>,
    pub link: Option<ContentLink>,
    /// What else to know, below the link.
    pub notes: Vec<String>,
}

/// A link, which the text shows in full, since it can't be hidden behind a word there.
#[derive(Debug, Clone)]
pub(crate) struct ContentLink {
    pub label: String,
    pub url: String,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct MailHtml<'a> {
    words: Words,
    content: &'a Content,
}

#[derive(Template)]
#[template(path = "mail.txt")]
struct MailText<'a> {
    words: Words,
    content: &'a Content,
}

impl Content {
    /// A mail of `keyrack mail test`.
    pub fn test(words: Words) -> Self {
        Self {
            words,
            subject: words.mail_test_subject(),
            paragraphs: vec![words.mail_test_text()],
            facts: Vec::new(),
            link: None,
            notes: Vec::new(),
        }
    }

    /// The mail as HTML.
    pub fn html(&self) -> askama::Result<String> {
        MailHtml { words: self.words, content: self }.render()
    }

    /// The mail as text.
    pub fn text(&self) -> askama::Result<String> {
        MailText { words: self.words, content: self }.render()
    }
}
