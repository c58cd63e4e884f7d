//! The words of the pages, in every language.
//!
//! They stand in `locales/*.ftl`. `build/` reads these files and writes one method per message, so that a template
//! can't name a message that does not exist, nor forget an argument.

#[allow(clippy::all, clippy::pedantic, reason = "written by build/rust_code.rs")]
mod generated {
    use super::*;

    include!(concat!(env!("OUT_DIR"), "/words.rs"));
}

mod site;

pub use generated::Language;
pub(crate) use site::{Picture, Site};

/// Text with elements, which templates print as it is.
pub(crate) type Html = askama::filters::Safe<String>;

/// An element within a sentence, such as a time.
pub(crate) trait Inline {
    /// Appends the element.
    fn push_html(&self, out: &mut String);
}

impl<T: Inline> Inline for &T {
    fn push_html(&self, out: &mut String) {
        (*self).push_html(out);
    }
}

/// A number, or a reference to one, which is what templates pass.
pub(crate) trait Number {
    /// The number.
    fn get(&self) -> usize;
}

impl Number for usize {
    fn get(&self) -> usize {
        *self
    }
}

impl<T: Number> Number for &T {
    fn get(&self) -> usize {
        (*self).get()
    }
}

/// The words of one language.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    language: Language,
    offered: LanguageSet,
    site: &'static Site,
}

impl Words {
    /// Those of a language.
    pub const fn new(language: Language) -> Self {
        Self { language, offered: LanguageSet(0), site: &Site::KEYRACK }
    }

    /// The same, for a page that can be shown in these languages.
    pub const fn among(self, offered: LanguageSet) -> Self {
        Self { offered, ..self }
    }

    /// The same, in another language.
    pub const fn in_language(self, language: Language) -> Self {
        Self { language, ..self }
    }

    /// The same, for a page of this site.
    pub const fn of_site(self, site: &'static Site) -> Self {
        Self { site, ..self }
    }

    /// The site of the page.
    pub const fn site(self) -> &'static Site {
        self.site
    }

    /// The languages in which the page can be shown, if there are several.
    pub fn choices(self) -> impl Iterator<Item = Language> {
        let has_choice = self.offered.languages().nth(1).is_some();
        self.offered.languages().filter(move |_| has_choice)
    }

    /// Their language.
    pub const fn language(self) -> Language {
        self.language
    }

    /// What the site is called.
    pub fn product(self) -> &'static str {
        &self.site.name
    }
}

/// Some of the languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LanguageSet(u32);

impl LanguageSet {
    /// These languages.
    pub fn of(languages: &[Language]) -> Self {
        Self(languages.iter().fold(0, |bits, language| bits | 1 << *language as u32))
    }

    /// Each of them, in the order of [`Language::ALL`].
    fn languages(self) -> impl Iterator<Item = Language> {
        Language::ALL.iter().copied().filter(move |language| self.0 & 1 << *language as u32 != 0)
    }
}

impl Language {
    /// The language with this BCP 47 tag.
    pub fn parse(tag: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|language| language.code().eq_ignore_ascii_case(tag))
    }

    /// Its own name for itself.
    pub(crate) const fn name(self) -> &'static str {
        Words::new(self).language_name()
    }

    /// The languages for people.
    pub(crate) const fn for_people() -> &'static [Self] {
        Self::ALL.split_at(Self::COMPLETE).0
    }

    /// The value of the attribute `dir`.
    pub const fn direction(self) -> &'static str {
        match self {
            Self::ArXb => "rtl",
            Self::En | Self::De | Self::EnXa => "ltr",
        }
    }
}

/// What a message is given.
trait Argument {
    /// Appends it, escaped if the message is HTML.
    fn push_to(&self, out: &mut String, language: Language, is_html: bool);
}

impl Argument for usize {
    fn push_to(&self, out: &mut String, language: Language, _: bool) {
        let digits = self.to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                out.push_str(language.group_separator());
            }
            out.push(digit);
        }
    }
}

impl Argument for &str {
    fn push_to(&self, out: &mut String, _: Language, is_html: bool) {
        if is_html { push_escaped(out, self) } else { out.push_str(self) }
    }
}

impl<T: Inline> Argument for T {
    fn push_to(&self, out: &mut String, _: Language, _: bool) {
        self.push_html(out);
    }
}

/// Appends a text, for an element's content or a quoted attribute.
pub(crate) fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&#38;"),
            '<' => out.push_str("&#60;"),
            '>' => out.push_str("&#62;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

/// Appends a link. `text` is HTML.
fn push_link(out: &mut String, href: &str, text: &str) {
    out.push_str("<a href=\"");
    push_escaped(out, href);
    out.push_str("\">");
    out.push_str(text);
    out.push_str("</a>");
}
