//! The error of a command.

use std::fmt;

use crate::error::Error;

/// Why a command failed: a message, and the exit status.
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

    /// A value that a setting or an argument can't have.
    pub fn invalid_value(value: &str, place: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self::usage(format!("invalid value {value:?} for {place}: {why}"))
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
