//! Deletes events past their retention.

use std::time::Duration;

use super::{queries, reader::Events};
use crate::{
    db::{
        DbConnection, settings,
        sql::{AdvisoryLock, take_advisory_lock},
    },
    error::Result,
};

/// How long events are kept, unless `KEYRACK_EVENTS_RETENTION` says otherwise: twice as long as the history of sessions,
/// so that an account's owner still sees what happened when they come back after a long absence.
pub(crate) const DEFAULT_RETENTION: Duration = Duration::from_secs(180 * 24 * 3600);

/// Maximum rows per transaction: on SQLite, every other writer waits for it.
const PURGE_BATCH_ROWS: i64 = 500;

impl Events {
    /// Deletes the events that are older than `retention`, in batches, and returns how many. It also writes the retention
    /// into the database, whose triggers refuse to delete younger ones.
    pub async fn purge(&self, retention: Duration) -> Result<usize> {
        let seconds = i64::try_from(retention.as_secs()).unwrap_or(i64::MAX);
        self.db
            .transaction(move |connection| {
                settings::store_events_retention(connection, seconds)?;
                queries::reset_foreign_transaction_ids(connection)
            })
            .await?;
        let before = self.clock.now() - retention;
        let delete = move |connection: &mut DbConnection| {
            take_advisory_lock(connection, AdvisoryLock::Purge)?;
            queries::delete_old(connection, before, seconds, PURGE_BATCH_ROWS)
        };
        let mut sum = 0;
        loop {
            match self.db.transaction(delete).await? {
                0 => return Ok(sum),
                deleted => sum += deleted,
            }
        }
    }
}
