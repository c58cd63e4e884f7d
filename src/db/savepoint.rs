//! A part of a transaction that can fail alone.

use super::{
    DbConnection,
    history::{truncate_uncommitted, uncommitted_len},
};
use crate::error::Result;

/// Runs `work` within the open transaction. If it fails, what it has done is rolled back alone, and what it has noted for
/// the commit is forgotten.
///
/// # Errors
/// The outer one, if the whole transaction is lost. On a full disk SQLite rolls it back by itself, and the savepoint no
/// longer exists.
pub(crate) fn in_savepoint<T>(
    connection: &mut DbConnection,
    work: impl FnOnce(&mut DbConnection) -> Result<T>,
) -> Result<Result<T>> {
    let noted_before = uncommitted_len();
    connection.begin_savepoint()?;
    let outcome = work(connection);
    if outcome.is_err() {
        truncate_uncommitted(noted_before);
    }
    if outcome.is_ok() { connection.commit() } else { connection.rollback() }.map(|()| outcome)
}
