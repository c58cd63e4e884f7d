//! What pages call their site, and what gives it its looks.

use std::borrow::Cow;

/// A site. It lives as long as the program, which has one, so that [`Words`](super::Words) can be copied.
#[derive(Debug)]
pub(crate) struct Site {
    pub name: Cow<'static, str>,
    /// A hash of the files that pages link. It is in their URLs, so that browsers may cache them without limit.
    pub version: Cow<'static, str>,
    /// The picture in the header; Keyrack's own if there is none.
    pub logo: Option<Picture>,
}

/// The operator's picture, at the height that it has in the header.
#[derive(Debug)]
pub(crate) struct Picture {
    pub file: String,
    pub content_type: &'static str,
    pub width: u32,
    pub height: u32,
    /// Whether it stands beside the site's name, because it does not contain it.
    pub is_symbol: bool,
}

impl Site {
    /// Keyrack's own.
    pub const KEYRACK: Self = Self { name: Cow::Borrowed("Keyrack"), version: Cow::Borrowed(""), logo: None };

    /// The logo, if it also fits into the square of an icon.
    pub fn square_logo(&self) -> Option<&Picture> {
        self.logo.as_ref().filter(|logo| logo.is_symbol)
    }

    /// The URL of a file for use in pages.
    pub fn url(&self, file: &str) -> String {
        format!("/static/{file}?v={}", self.version)
    }
}
