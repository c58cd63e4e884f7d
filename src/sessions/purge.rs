//! Purge: giving run-out sessions their end, and removing what nobody needs any more.
//!
//! Nothing waits for it: [`Sessions::resume`] refuses a session that has run out whether or not it was purged.

use super::{
    Sessions,
    model::EndReason,
    queries::{self, End, RunOut, Which},
};
use crate::{
    clock::Timestamp,
    db::{
        connection::DbConnection,
        sql::{Exclusive, exclusively},
    },
    error::Result,
};

/// How many rows one transaction changes.
const BATCH: i64 = 200;

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
    /// Ends what has run out, with its reason and the time at which it did, then removes dead data and old history.
    ///
    /// What is to be done is looked up outside any transaction and done in small batches, each a transaction of its own, so
    /// that a sign-in never waits long for its turn; of several instances, one at a time does one. Calls `progress` after
    /// each batch with the sum so far.
    ///
    /// # Errors
    /// The first one; what does not depend on the step that failed is done all the same.
    pub async fn purge(&self, mut progress: impl FnMut(Purged)) -> Result<Purged> {
        let mut sum = Purged::default();
        let mut failure = None;
        for step in [Step::Expired, Step::WithoutData, Step::DeadData, Step::History] {
            if let Err(error) = self.purge_step(step, &mut sum, &mut progress).await {
                failure.get_or_insert(error);
            }
        }
        self.metrics.run(failure.is_none(), self.clock.now());
        failure.map_or(Ok(sum), Err)
    }

    async fn purge_step(&self, step: Step, sum: &mut Purged, progress: &mut impl FnMut(Purged)) -> Result<()> {
        loop {
            let batch = self.purge_batch(step).await?;
            if batch.is_empty() {
                return Ok(());
            }
            self.metrics.batch(batch);
            sum.ended += batch.ended;
            sum.data_removed += batch.data_removed;
            sum.history_removed += batch.history_removed;
            progress(*sum);
        }
    }

    async fn purge_batch(&self, step: Step) -> Result<Purged> {
        let now = self.clock.now();
        let history_before = now - self.policy.history_retention;
        let none = Purged::default();
        match step {
            Step::Expired => {
                let found = self.db.read(move |connection| queries::find_run_out(connection, now, BATCH)).await?;
                Ok(Purged { ended: self.end_run_out(found, now).await?, ..none })
            }
            Step::WithoutData => {
                let found = self.db.read(|connection| queries::find_without_data(connection, BATCH)).await?;
                Ok(Purged { ended: self.end_run_out(found, now).await?, ..none })
            }
            Step::DeadData => {
                let removed = self.db.transaction(move |connection| {
                    exclusively(connection, Exclusive::Purge)?;
                    queries::delete_dead_data(connection, now, BATCH)
                });
                Ok(Purged { data_removed: removed.await?, ..none })
            }
            Step::History => {
                let removed = self.db.transaction(move |connection| {
                    exclusively(connection, Exclusive::Purge)?;
                    queries::delete_history(connection, history_before, BATCH)
                });
                Ok(Purged { history_removed: removed.await?, ..none })
            }
        }
    }

    async fn end_run_out(&self, mut found: Vec<RunOut>, now: Timestamp) -> Result<usize> {
        if found.is_empty() {
            return Ok(0);
        }
        // The order in which everybody locks rows.
        found.sort_unstable_by_key(|run_out| run_out.id);
        let keep_data = self.policy.keep_ended_data;
        let ending = move |connection: &mut DbConnection| {
            exclusively(connection, Exclusive::Purge)?;
            let mut ended = 0;
            for run_out in &found {
                let (reason, at) = how_it_ended(run_out, now);
                let end = End { reason, at, keep_data };
                ended += queries::end(connection, &Which::RunOut(run_out.id, now), end)?.len();
            }
            Ok(ended)
        };
        self.db.transaction(ending).await
    }
}

/// What a purge does, one after the other.
#[derive(Debug, Clone, Copy)]
enum Step {
    Expired,
    WithoutData,
    DeadData,
    History,
}

/// Which of its limits a session reached first, and when. One whose data somebody removed before either was signed out.
fn how_it_ended(run_out: &RunOut, now: Timestamp) -> (EndReason, Timestamp) {
    match run_out.expire {
        Some(expire) if expire < run_out.expires_at => (EndReason::IdleTimeout, expire),
        None if now < run_out.expires_at => (EndReason::SignedOut, now),
        _ => (EndReason::AbsoluteTimeout, run_out.expires_at),
    }
}
