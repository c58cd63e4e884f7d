//! Which database errors mean "not available just now", and which are faults.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::error::Error;

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        if is_unavailable(&error) {
            Self::Unavailable(error.into())
        } else if let Some(message) = says_view(&error) {
            Self::Invalid(format!(
                "{message}: do this in the application that the users belong to, or let the view write it"
            ))
        } else {
            Self::Internal(error.into())
        }
    }
}

fn is_unavailable(error: &DieselError) -> bool {
    match error {
        DieselError::BrokenTransactionManager => true,
        DieselError::RollbackErrorOnCommit { rollback_error, commit_error } => {
            is_unavailable(rollback_error) || is_unavailable(commit_error)
        }
        DieselError::DatabaseError(kind, information) => match kind {
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::SerializationFailure
            | DatabaseErrorKind::ReadOnlyTransaction => true,
            _ => says_unavailable(information.message()),
        },
        _ => false,
    }
}

/// What PostgreSQL says when the users are a view, and the view has no place for what was to be written.
fn says_view(error: &DieselError) -> Option<&str> {
    let DieselError::DatabaseError(_, information) = error else { return None };
    Some(information.message()).filter(|message| message.starts_with("cannot ") && message.contains("view \"users\""))
}

/// Diesel passes on no SQLSTATE and no SQLite code for these, so the message has to tell.
fn says_unavailable(message: &str) -> bool {
    const SIGNS: [&str; 26] = [
        // SQLite
        "database is locked",
        "database table is locked",
        "database or disk is full",
        "disk I/O error",
        "unable to open database file",
        "attempt to write a readonly database",
        // libpq
        "server closed the connection",
        "no connection to the server",
        "could not receive data",
        "could not send data",
        "SSL connection has been closed",
        "SSL SYSCALL error",
        "connection to server",
        // PostgreSQL
        "terminating connection",
        "the database system is",
        "canceling statement",
        "deadlock detected",
        "remaining connection slots",
        "too many clients",
        "No space left on device",
        // PgBouncer
        "pgbouncer cannot connect to server",
        "server login",
        "server conn crashed",
        "query_wait_timeout",
        "no more connections allowed",
        // A column was altered after the statement was prepared; a new connection prepares it anew.
        "cached plan must not change result type",
    ];
    SIGNS.iter().any(|sign| message.contains(sign))
}

/// Whether running the same transaction again may succeed at once.
pub(in crate::db) fn is_retryable(error: &Error) -> bool {
    let Error::Unavailable(cause) = error else { return false };
    match cause.downcast_ref::<DieselError>() {
        Some(DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _)) => true,
        Some(DieselError::DatabaseError(_, information)) => information.message().contains("deadlock detected"),
        _ => false,
    }
}
