//! The links between the pages of a list.

use crate::words::Words;

/// The values of `partials/pagination.html`.
pub(super) struct Pagination {
    /// The name of the links, for screen readers.
    pub name: &'static str,
    /// The first page, unless this is it.
    pub first: Option<String>,
    pub first_text: &'static str,
    /// The next page, if there is one.
    pub next: Option<String>,
    pub next_text: &'static str,
}

impl Pagination {
    /// The links of a list that begins with the newest entries.
    pub fn newest_first(words: Words, name: &'static str, first: Option<String>, next: Option<String>) -> Self {
        Self { name, first, first_text: words.newest(), next, next_text: words.older() }
    }
}
