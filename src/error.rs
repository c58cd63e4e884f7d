//! The errors that the layers share.
//!
//! `db`, `sessions` and `accounts` return [`Error`]. `web` turns it into a response (`web/errors.rs`), `commands` into
//! a message and an exit status. Absence is an `Option` and never an error, so that a database that is down can't be
//! mistaken for a session that does not exist.

use std::time::Duration;

/// What can go wrong below the web layer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database could not be reached, or did not answer in time. Users stay signed in; the same request may succeed
    /// a moment later.
    #[error("the database is not available")]
    Unavailable(#[source] anyhow::Error),

    /// The session ended before the operation took effect.
    #[error("the session has ended")]
    SessionEnded,

    /// The password was good for one sign-in, which another one has been at the same time.
    #[error("the one-time password was used by another sign-in")]
    PasswordUsedUp,

    /// Too many passwords are queued to be checked.
    #[error("too many sign-ins at once")]
    Busy {
        /// How long the client should wait before it tries again.
        retry_after: Duration,
    },

    /// The caller requested something impossible. The message contains the reason and a fix.
    #[error("{0}")]
    Invalid(String),

    /// The operation has done what it could, but the database refuses the rest: the message says what is left, and what to
    /// do. Users see that some of it was not done.
    #[error("{0}")]
    Incomplete(String),

    /// A bug in Keyrack, or invalid content in the database. Users see a general message, operators the chain of
    /// causes.
    #[error("internal error")]
    Internal(#[source] anyhow::Error),
}

impl Error {
    /// An internal error with a message for operators.
    pub fn internal(message: impl std::fmt::Display) -> Self {
        Self::Internal(anyhow::anyhow!("{message}"))
    }

    /// A copy for another caller that the same failure affects. The causes are copied as text.
    pub(crate) fn duplicate(&self) -> Self {
        let cause = |cause: &anyhow::Error| anyhow::anyhow!("{cause:#}");
        match self {
            Self::Unavailable(error) => Self::Unavailable(cause(error)),
            Self::SessionEnded => Self::SessionEnded,
            Self::PasswordUsedUp => Self::PasswordUsedUp,
            Self::Busy { retry_after } => Self::Busy { retry_after: *retry_after },
            Self::Invalid(sentence) => Self::Invalid(sentence.clone()),
            Self::Incomplete(sentence) => Self::Incomplete(sentence.clone()),
            Self::Internal(error) => Self::Internal(cause(error)),
        }
    }

    /// The last cause, without what it means for the operation.
    pub(crate) fn root_cause(&self) -> String {
        match self {
            Self::Unavailable(cause) | Self::Internal(cause) => cause.root_cause().to_string(),
            error => error.to_string(),
        }
    }

    /// The error and its causes on one line, for logs and terminals.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }
}

/// The result of most functions of the crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
