//! The kinds of mails that wait in the queue.

use std::time::Duration;

use super::{
    content::{Content, ContentLink},
    link_tokens::LinkToken,
};
use crate::words::Words;

/// What a mail is about: the column `kind`. A new kind needs a word here, and its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum MailKind {
    /// A link that sets a new password.
    Reset,
    /// A link with which the user of a new account sets its first password.
    Invitation,
}

impl MailKind {
    const ALL: [Self; 2] = [Self::Reset, Self::Invitation];

    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Invitation => "invitation",
        }
    }

    /// Parses the word in the table; `None` for one that only another version knows.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The path and the query of its link.
    pub fn path_with(self, token: &LinkToken) -> String {
        let path = match self {
            Self::Reset => "/reset",
            Self::Invitation => "/invite",
        };
        format!("{path}?token={}", token.expose())
    }

    /// The mail with this link, which is good for so long.
    pub fn content(self, words: Words, url: String, lifetime: Duration) -> Content {
        let hours = usize::try_from(lifetime.as_secs() / 3600).unwrap_or(usize::MAX);
        let good_for = if hours < 48 { words.mail_link_hours(hours) } else { words.mail_link_days(hours / 24) };
        let (subject, text, label, note) = match self {
            Self::Reset => {
                (words.mail_reset_subject(), words.mail_reset_text(), words.mail_reset_link(), words.mail_reset_note())
            }
            Self::Invitation => (
                words.mail_invitation_subject(),
                words.mail_invitation_text(),
                words.mail_invitation_link(),
                words.mail_invitation_note(),
            ),
        };
        Content {
            words,
            subject,
            paragraphs: vec![text],
            link: Some(ContentLink { label: label.to_owned(), url }),
            notes: vec![good_for, note.to_owned()],
        }
    }
}
