//! The links between the pages of a list.

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
