//! Rows that the database refuses to change: how many, which, and why.

use std::fmt;

use crate::{
    error::{Error, Result},
    text::printable,
};

/// The rows that a message names; it only counts the others.
const MAX_NAMED: usize = 10;

/// The rows that were left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refused {
    count: usize,
    /// The first of them, and why.
    named: Vec<String>,
}

impl Refused {
    /// Adds a row by its name, without the secrets that it may contain.
    pub fn add(&mut self, name: impl fmt::Display, error: &Error) {
        self.count += 1;
        if self.named.len() < MAX_NAMED {
            self.named.push(format!("{name} ({})", printable(&error.root_cause())));
        }
    }

    pub fn extend(&mut self, other: Self) {
        self.count += other.count;
        let free = MAX_NAMED.saturating_sub(self.named.len());
        self.named.extend(other.named.into_iter().take(free));
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns an error that says what could not be done, as `what` tells of the number of rows, to which rows, and what to
    /// do.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if there is any row.
    pub fn check(self, what: impl FnOnce(usize) -> String) -> Result<()> {
        let Self { count, named } = self;
        if count == 0 {
            return Ok(());
        }
        let what = what(count);
        let more = if count > named.len() { format!(" and {} more", count - named.len()) } else { String::new() };
        let named = named.join(", ");
        Err(Error::Incomplete(format!(
            "{what}: {named}{more}; change what keeps these rows, such as a foreign key of another table, a trigger, or a \
             transaction that does not end, then try again"
        )))
    }
}
