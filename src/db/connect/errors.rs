//! Classifies database errors: unavailable at the moment, retryable, invalid input, or a fault.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::error::Error;

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        if is_unavailable(&error) {
            Self::Unavailable(error.into())
        } else if let Some(message) = users_view_message(&error) {
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
            _ => is_unavailable_message(information.message()),
        },
        _ => false,
    }
}

/// Returns PostgreSQL's message if `users` is a view that can't store what was to be written.
fn users_view_message(error: &DieselError) -> Option<&str> {
    let DieselError::DatabaseError(_, information) = error else { return None };
    Some(information.message()).filter(|message| message.starts_with("cannot ") && message.contains("view \"users\""))
}

/// Recognises by their text the errors for which Diesel passes on neither an SQLSTATE nor a SQLite code.
fn is_unavailable_message(message: &str) -> bool {
    const PARTS: [&str; 26] = [
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
        // A column was altered after the statement was prepared; a new connection prepares it again.
        "cached plan must not change result type",
    ];
    PARTS.iter().any(|part| message.contains(part))
}

/// Whether the same transaction may succeed if it runs again at once: after a serialization failure or a deadlock.
pub(in crate::db) fn is_retryable(error: &Error) -> bool {
    let Error::Unavailable(cause) = error else { return false };
    match cause.downcast_ref::<DieselError>() {
        Some(DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _)) => true,
        Some(DieselError::DatabaseError(_, information)) => information.message().contains("deadlock detected"),
        _ => false,
    }
}

/// The error of a transaction whose caller has given up, or is about to.
pub(in crate::db) fn rolled_back_after_deadline() -> Error {
    Error::Unavailable(anyhow::anyhow!("the transaction took too long and was rolled back"))
}
