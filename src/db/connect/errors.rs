//! Classifies database errors: unavailable, retryable, invalid input, or a fault of Keyrack.
//!
//! A PostgreSQL server writes its messages in the language of its `lc_messages`, and Diesel passes on no SQLSTATE, only
//! the kinds of [`DatabaseErrorKind`]. So no decision depends on a message that is translated: an error without a kind
//! counts as unavailable, costs the connection and is tried again once if nothing has happened. That covers what is
//! temporary (a timeout, a deadlock, a server that shuts down, a cached plan that an `ALTER TABLE` made invalid). For
//! what is not, 503 is as right as 500: the database can't serve, and no request is let in.

use diesel::result::{DatabaseErrorKind as Kind, Error as DieselError};

use crate::error::Error;

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        if let Some(message) = users_view_message(&error) {
            return Self::Invalid(format!(
                "{message}: do this in the application that the users belong to, or let the view write it"
            ));
        }
        if is_fault(&error) { Self::Internal(error.into()) } else { Self::Unavailable(error.into()) }
    }
}

/// Whether Keyrack itself caused the error: a violated constraint, or a value that does not have the expected type.
fn is_fault(error: &DieselError) -> bool {
    match error {
        DieselError::BrokenTransactionManager | DieselError::RollbackErrorOnCommit { .. } => false,
        DieselError::DatabaseError(kind, _) => matches!(
            kind,
            Kind::UniqueViolation
                | Kind::ForeignKeyViolation
                | Kind::NotNullViolation
                | Kind::CheckViolation
                | Kind::RestrictViolation
                | Kind::ExclusionViolation
        ),
        _ => true,
    }
}

/// Returns PostgreSQL's message if `users` is a view that can't store what was to be written.
///
/// Every translation of the message quotes the name, and of the hint names the kind of trigger; the messages about a
/// single column have a translated hint, or none, and are recognised in English only.
fn users_view_message(error: &DieselError) -> Option<&str> {
    let DieselError::DatabaseError(Kind::Unknown, information) = error else { return None };
    let message = information.message();
    let lacks_trigger = information.hint().is_some_and(|hint| hint.contains("INSTEAD OF")) && message.contains("users");
    let is_about_view = message.starts_with("cannot ") && message.contains("view \"users\"");
    Some(message).filter(|_| lacks_trigger || is_about_view)
}

impl Error {
    /// Whether the database refused the statement because of the rows that it was to change, as far as can be told: a
    /// constraint, a trigger that raised an error, or a lock that was not free in time. The same statement may succeed
    /// without some of these rows.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Internal(cause) => cause.downcast_ref::<DieselError>().is_some(),
            error => has_no_kind(error) && !is_retryable(error),
        }
    }
}

/// Returns the Diesel error that made the database unavailable.
fn cause(error: &Error) -> Option<&DieselError> {
    let Error::Unavailable(cause) = error else { return None };
    cause.downcast_ref()
}

/// Whether the server refused or rolled back the statement, and the same transaction may succeed if it runs again at
/// once on the same connection: after a serialization failure or a deadlock. A deadlock has no kind, so it is
/// recognised in English only; in other languages it is an error without a kind.
pub(in crate::db) fn is_retryable(error: &Error) -> bool {
    match cause(error) {
        Some(DieselError::DatabaseError(Kind::SerializationFailure, _)) => true,
        Some(DieselError::DatabaseError(Kind::Unknown, information)) => {
            information.message().contains("deadlock detected")
        }
        _ => false,
    }
}

/// Whether the connection to the server was lost, before or while it was used.
pub(in crate::db) fn is_connection_lost(error: &Error) -> bool {
    match cause(error) {
        Some(DieselError::DatabaseError(kind, _)) => {
            matches!(kind, Kind::ClosedConnection | Kind::UnableToSendCommand)
        }
        Some(DieselError::BrokenTransactionManager) => true,
        _ => false,
    }
}

/// Whether the server answered with an error that has no kind. The connection still works, but may be the cause.
pub(in crate::db) fn has_no_kind(error: &Error) -> bool {
    matches!(cause(error), Some(DieselError::DatabaseError(Kind::Unknown, _)))
}

/// Whether a transaction may be committed although its COMMIT returned this error: the connection was lost. An error
/// that the server sends in answer to COMMIT says that it rolled back.
pub(in crate::db) fn may_be_committed(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_)) && !is_retryable(error) && !has_no_kind(error)
}

/// Whether the server accepts no writes, so that it is not, or no longer, the database.
pub(in crate::db) fn is_from_read_only_server(error: &Error) -> bool {
    matches!(cause(error), Some(DieselError::DatabaseError(Kind::ReadOnlyTransaction, _)))
}

/// Whether a SQLite connection can be used again after this error: another connection held the lock, or the disk was
/// full. After any other one, such as a damaged or a removed file, it is replaced. SQLite's messages are not translated.
pub(in crate::db) fn leaves_sqlite_usable(error: &Error) -> bool {
    match cause(error) {
        Some(DieselError::DatabaseError(_, information)) => {
            let message = information.message();
            message.contains("locked") || message.contains("full")
        }
        _ => true,
    }
}

/// Whether a SQLite connection can't write: SQLite opens a file for reading only, without an error, if it may not be
/// written. SQLite's messages are not translated.
pub(in crate::db) fn is_from_read_only_file(error: &Error) -> bool {
    let Some(DieselError::DatabaseError(_, information)) = cause(error) else { return false };
    information.message().contains("readonly database")
}

/// The error of a transaction whose caller has given up, or is about to.
pub(in crate::db) fn rolled_back_after_deadline() -> Error {
    Error::Unavailable(anyhow::anyhow!("the transaction took too long and was rolled back"))
}
