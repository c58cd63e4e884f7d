//! Writes an event within a transaction.

use super::{event::NewEvent, log::log_after_commit, queries};
use crate::{clock::Timestamp, db::DbConnection, error::Result};

/// Writes an event in the caller's transaction, and logs it after the commit. If the transaction is rolled back, neither
/// happens.
pub(crate) fn record(connection: &mut DbConnection, event: NewEvent, now: Timestamp) -> Result<()> {
    queries::insert(connection, &event, now)?;
    log_after_commit(event);
    Ok(())
}
