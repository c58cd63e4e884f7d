//! Rows that the database refuses to change: a foreign key of another table or a trigger of an operator keeps them, or a
//! transaction that does not end holds them.
//!
//! A batch fails because of one such row, at each attempt, and would keep all others from ending. So it is done again row
//! by row, and what is refused is left out, counted, and named to the caller at the end.

use std::fmt;

use crate::{
    error::{Error, Result},
    text::printable,
};

/// The rows that a message names; it only counts the others.
const MAX_NAMED: usize = 10;

/// Whether a transaction that changes an account also ends the first batch of its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstBatchMode {
    /// It does.
    End,
    /// It leaves all sessions to the batches that follow.
    Leave,
}

/// Runs a transaction that ends the first batch of an account's sessions; if the database refuses that, without it, since
/// a session that can't be ended must not keep its account from being changed.
pub(crate) async fn with_first_batch<T, F: Future<Output = Result<T>>>(
    run: impl Fn(FirstBatchMode) -> F,
) -> Result<T> {
    match run(FirstBatchMode::End).await {
        Err(error) if error.is_refusal() => run(FirstBatchMode::Leave).await,
        outcome => outcome,
    }
}

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

    /// Returns the number of sessions that have ended, if none was left out.
    ///
    /// # Errors
    /// [`Error::Incomplete`] otherwise.
    pub fn check_ends(self, ended: usize) -> Result<usize> {
        let left = if self.count == 1 { "1 session is" } else { "{} sessions are" };
        let left = left.replace("{}", &self.count.to_string());
        self.check(format_args!("{left} still active, which the database refuses to end ({ended} others have ended)"))
            .map(|()| ended)
    }

    /// Returns an error that says what was left, which rows, and what to do.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if there is any row.
    pub fn check(self, what: impl fmt::Display) -> Result<()> {
        let Self { count, named } = self;
        if count == 0 {
            return Ok(());
        }
        let more = if count > named.len() { format!(" and {} more", count - named.len()) } else { String::new() };
        let named = named.join(", ");
        Err(Error::Incomplete(format!(
            "{what}: {named}{more}; change what keeps these rows, such as a foreign key of another table, a trigger, or a \
             transaction that does not end, then try again"
        )))
    }
}
