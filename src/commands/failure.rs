//! The error of a command.

use std::fmt;

use crate::{accounts::Email, error::Error};

/// The message and the exit status of a failed command.
#[derive(Debug)]
pub(super) struct Failure {
    pub message: String,
    pub status: u8,
}

impl Failure {
    /// Wrong usage or configuration.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), status: 2 }
    }

    /// An invalid value of the setting or argument `name`.
    pub fn invalid_value(value: &str, name: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self::usage(format!("invalid value {value:?} for {name}: {reason}"))
    }

    /// No user has this address.
    pub fn unknown_user(email: &Email) -> Self {
        Self::failed(format!("no user {email}; `keyrack user list` shows all users"))
    }

    /// Any other failure.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), status: 1 }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::failed(error.chain())
    }
}
