//! Purge: giving run-out sessions their end, and removing what nobody needs any more.
//!
//! Nothing waits for it: [`Sessions::resume`] refuses a session that has run out whether or not it was purged.

use super::{
    Sessions,
    model::EndReason,
    queries::{self, End, RunOut, Which},
};
use crate::{clock::Timestamp, error::Result};

/// How many rows one transaction changes: few enough that a sign-in never waits long for its turn.
const BATCH: i64 = 500;

/// What a purge did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Purged {
    /// Active sessions that had run out and were given their end.
    pub ended: usize,
    /// Rows of data removed that belonged to no active session.
    pub data_removed: usize,
    /// Rows of history removed past their retention.
    pub history_removed: usize,
}

impl Purged {
    /// Whether there was nothing to do.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl Sessions {
    /// Ends what has run out, with its reason and the time at which it did, then removes dead data and old history; in
    /// small batches, each its own transaction. Calls `progress` after each with the sum so far.
    pub async fn purge(&self, mut progress: impl FnMut(Purged)) -> Result<Purged> {
        let mut sum = Purged::default();
        loop {
            let batch = self.purge_batch().await?;
            if batch.is_empty() {
                return Ok(sum);
            }
            sum.ended += batch.ended;
            sum.data_removed += batch.data_removed;
            sum.history_removed += batch.history_removed;
            progress(sum);
        }
    }

    async fn purge_batch(&self) -> Result<Purged> {
        let (now, keep_data) = (self.clock.now(), self.policy.keep_ended_data);
        let history_before = now - self.policy.history_retention;
        self.db
            .transaction(move |connection| {
                let mut ended = 0;
                for run_out in queries::find_run_out(connection, now, BATCH)? {
                    let (reason, at) = how_it_ended(&run_out, now);
                    ended += queries::end(connection, &Which::Id(run_out.id), End { reason, at, keep_data })?.len();
                }
                Ok(Purged {
                    ended,
                    data_removed: queries::delete_dead_data(connection, now, BATCH)?,
                    history_removed: queries::delete_history(connection, history_before, BATCH)?,
                })
            })
            .await
    }
}

/// Which of its limits a session reached first, and when. One whose data somebody removed before either was signed out.
fn how_it_ended(run_out: &RunOut, now: Timestamp) -> (EndReason, Timestamp) {
    match run_out.expire {
        Some(expire) if expire < run_out.expires_at => (EndReason::IdleTimeout, expire),
        None if now < run_out.expires_at => (EndReason::SignedOut, now),
        _ => (EndReason::AbsoluteTimeout, run_out.expires_at),
    }
}
