//! Deletes events past their retention.

use std::time::Duration;

use super::{queries, reader::Events, retention::Retentions};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection,
        sql::{SharedTask, take_task},
    },
    error::Result,
};

/// Maximum rows per transaction: on SQLite, every other writer waits for it.
const PURGE_BATCH_ROWS: i64 = 500;

/// Deletes one batch. Returns how many were deleted.
type DeleteFn = fn(&mut DbConnection, Timestamp) -> Result<usize>;

impl Events {
    /// Deletes the events whose retention is over, in batches, and returns how many. If the retention in the database is
    /// lower than this one, it is raised first: see [`set_retention`](Self::set_retention).
    pub async fn purge(&self, retention: Duration) -> Result<usize> {
        self.raise_retention(retention).await?;
        self.db.transaction(queries::adapt_restored).await?;
        // Those that are dated in the future first: only an event that is deleted later tells that theirs is over.
        let misdated = self.delete_misdated().await?;
        let oldest = self.delete_in_batches(delete_oldest).await?;
        let since_lowered = self.delete_in_batches(delete_since_lowered).await?;
        Ok(misdated + oldest + since_lowered)
    }

    /// Deletes events that a clock which was ahead has dated in the future, once a later event's retention is over. They
    /// are searched for outside the transaction, since all that are still kept may have to be passed over.
    async fn delete_misdated(&self) -> Result<usize> {
        let mut sum = 0;
        loop {
            let now = self.clock.now();
            let find = move |connection: &mut DbConnection| {
                let longest = Retentions::read(connection)?.longest;
                queries::find_misdated(connection, now, longest, PURGE_BATCH_ROWS)
            };
            let ids = self.db.read(find).await?;
            if ids.is_empty() {
                return Ok(sum);
            }
            let deleted = self.db.transaction(move |connection| {
                take_task(connection, SharedTask::Purge)?;
                queries::delete(connection, &ids)
            });
            sum += deleted.await?;
        }
    }

    async fn delete_in_batches(&self, delete: DeleteFn) -> Result<usize> {
        let mut sum = 0;
        loop {
            let now = self.clock.now();
            let batch = self.db.transaction(move |connection| {
                take_task(connection, SharedTask::Purge)?;
                delete(connection, now)
            });
            match batch.await? {
                0 => return Ok(sum),
                deleted => sum += deleted,
            }
        }
    }
}

/// Deletes the oldest events, which the longest retention of any does not keep.
fn delete_oldest(connection: &mut DbConnection, now: Timestamp) -> Result<usize> {
    let longest = Retentions::read(connection)?.longest;
    queries::delete_old(connection, now, longest, PURGE_BATCH_ROWS)
}

/// Deletes those of the events since the retention was lowered that the lower one does not keep.
fn delete_since_lowered(connection: &mut DbConnection, now: Timestamp) -> Result<usize> {
    let Retentions { current, lowered, .. } = Retentions::read(connection)?;
    let Some(after) = lowered else { return Ok(0) };
    queries::delete_old_since(connection, after, now, current, PURGE_BATCH_ROWS)
}
