//! The few kinds of failure that the layers share.
//!
//! `db`, `sessions` and `accounts` return [`Error`]; `web` turns it into an answer (`web/errors.rs`), `commands` into a
//! sentence and an exit status. Absence is never an error here: it is an `Option`, so that a database that is down can
//! not be mistaken for a session that is not there.

use std::time::Duration;

/// What can go wrong below the web layer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database could not be reached, or did not answer in time. Nobody is signed out by it; the same request may
    /// succeed a moment later.
    #[error("the database is not available")]
    Unavailable(#[source] anyhow::Error),

    /// The session that the operation is about ended before the operation took effect.
    #[error("the session has ended")]
    SessionEnded,

    /// More passwords are waiting to be checked than is sound to queue.
    #[error("too many sign-ins at once")]
    Busy {
        /// How long a client should wait before it tries again.
        retry_after: Duration,
    },

    /// The caller asked for something that can't be done; the sentence says what and how to mend it.
    #[error("{0}")]
    Invalid(String),

    /// A fault of ours, or of the database's content. Users see that something went wrong, operators the chain.
    #[error("internal error")]
    Internal(#[source] anyhow::Error),
}

impl Error {
    /// A fault described by a sentence for operators.
    pub fn internal(message: impl std::fmt::Display) -> Self {
        Self::Internal(anyhow::anyhow!("{message}"))
    }

    /// The same for another caller who ran into it; of the causes, their text.
    pub(crate) fn duplicate(&self) -> Self {
        let cause = |cause: &anyhow::Error| anyhow::anyhow!("{cause:#}");
        match self {
            Self::Unavailable(error) => Self::Unavailable(cause(error)),
            Self::SessionEnded => Self::SessionEnded,
            Self::Busy { retry_after } => Self::Busy { retry_after: *retry_after },
            Self::Invalid(sentence) => Self::Invalid(sentence.clone()),
            Self::Internal(error) => Self::Internal(cause(error)),
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

/// What most functions of the crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
