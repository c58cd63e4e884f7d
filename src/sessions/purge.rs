//! Purge: giving run-out sessions their end, and removing what nobody needs any more.
//!
//! Nothing waits for it: [`Sessions::resume`] refuses a session that has run out whether or not it was purged.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use super::{
    Sessions,
    model::EndReason,
    queries::{self, End, RunOut, Which},
};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, SessionId,
        sql::{AdvisoryLock, with_advisory_lock},
    },
    error::Result,
};

/// How many rows one transaction changes: on SQLite, everybody else who writes waits for it.
const BATCH: i64 = 100;

/// How many sessions one step of the walk over all of them passes.
const STRIDE: i64 = 1000;

/// How long after its start a session may lack its data.
const SETTLING: Duration = Duration::from_secs(60);

/// How many steps a [short](Sessions::purge_step) purge walks.
const SHORT_WALK: usize = 50;

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
    /// Ends what has run out, with its reason and the time at which it did, then removes dead data and old history, and
    /// ends sessions whose data somebody has removed behind the triggers' back.
    ///
    /// What is to be done is looked up outside any transaction and done in small batches, each a transaction of its own, so
    /// that a sign-in never waits long for its turn; of several instances, one at a time does one. Calls `progress` after
    /// each batch with the sum so far.
    ///
    /// # Errors
    /// The first one; what does not depend on the step that failed is done all the same.
    pub async fn purge(&self, progress: impl FnMut(Purged)) -> Result<Purged> {
        self.purge_with(usize::MAX, progress).await
    }

    /// The same for a server, which does it every few minutes: of the sessions that nothing tells to be without data, it looks at
    /// the next 50,000 each time.
    pub async fn purge_step(&self) -> Result<Purged> {
        self.purge_with(SHORT_WALK, |_| ()).await
    }

    async fn purge_with(&self, steps: usize, mut progress: impl FnMut(Purged)) -> Result<Purged> {
        let mut sum = Purged::default();
        let mut add = |batch: Purged| {
            self.metrics.batch(batch);
            sum.ended += batch.ended;
            sum.data_removed += batch.data_removed;
            sum.history_removed += batch.history_removed;
            progress(sum);
        };
        let outcomes =
            [self.purge_expired(&mut add).await, self.purge_history(&mut add).await, self.walk(steps, &mut add).await];
        self.metrics.run(outcomes.iter().all(Result::is_ok), self.clock.now());
        outcomes.into_iter().collect::<Result<()>>().map(|()| sum)
    }

    async fn purge_expired(&self, add: &mut impl FnMut(Purged)) -> Result<()> {
        loop {
            let started = Instant::now();
            let now = self.clock.now();
            let sids = self.db.read(move |connection| queries::find_expired(connection, now, BATCH)).await?;
            if sids.is_empty() {
                return Ok(());
            }
            let batch = self.db.transaction(move |connection| {
                with_advisory_lock(connection, AdvisoryLock::Purge)?;
                let ends: Vec<_> = queries::lock_run_out(connection, &sids, now)?.iter().map(end_of).collect();
                let ended = queries::end_run_out(connection, &ends, now)?;
                let data_removed = queries::delete_dead_data(connection, &sids, now)?;
                Ok(Purged { ended, data_removed, history_removed: 0 })
            });
            let batch = batch.await?;
            // All of it was done, or moved, by somebody else.
            if batch.is_empty() {
                return Ok(());
            }
            add(batch);
            rest(started).await;
        }
    }

    async fn purge_history(&self, add: &mut impl FnMut(Purged)) -> Result<()> {
        loop {
            let started = Instant::now();
            let before = self.clock.now() - self.policy.history_retention;
            let removed = self.db.transaction(move |connection| {
                with_advisory_lock(connection, AdvisoryLock::Purge)?;
                queries::delete_history(connection, before, BATCH)
            });
            match removed.await? {
                0 => return Ok(()),
                history_removed => add(Purged { history_removed, ..Purged::default() }),
            }
            rest(started).await;
        }
    }

    /// Walks on over all sessions, for so many steps, and ends those that lack their data.
    async fn walk(&self, steps: usize, add: &mut impl FnMut(Purged)) -> Result<()> {
        let mut from = if steps == usize::MAX { None } else { self.walked_to() };
        let settled = self.clock.now() - SETTLING;
        for _ in 0..steps {
            let passed = self.db.read(move |connection| queries::walk(connection, from, settled, STRIDE)).await?;
            from = passed.last().map(|last| last.id);
            let lacking: Vec<_> = passed
                .iter()
                .filter(|session| session.lacks_data)
                .map(|session| (session.id, session.expires_at))
                .collect();
            for batch in lacking.chunks(200) {
                let ended = self.end_without_data(batch.to_vec()).await?;
                if ended > 0 {
                    add(Purged { ended, ..Purged::default() });
                }
            }
            *self.walked.lock().unwrap_or_else(PoisonError::into_inner) = from;
            if from.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn walked_to(&self) -> Option<SessionId> {
        *self.walked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn end_without_data(&self, sessions: Vec<(SessionId, Timestamp)>) -> Result<usize> {
        let now = self.clock.now();
        let ending = move |connection: &mut DbConnection| {
            with_advisory_lock(connection, AdvisoryLock::Purge)?;
            let mut ended = 0;
            for (id, expires_at) in &sessions {
                // One whose data somebody removed before its end was signed out.
                let (reason, at) = if now < *expires_at {
                    (EndReason::SignedOut, now)
                } else {
                    (EndReason::AbsoluteTimeout, *expires_at)
                };
                let end = End { reason, at, keep_data: false };
                ended += queries::end(connection, &Which::RunOut(*id, now), end)?.len();
            }
            Ok(ended)
        };
        self.db.transaction(ending).await
    }
}

/// Rests for as long as the batch took. A writer of another process that waits for SQLite's lock asks for it again and again, with
/// pauses: who takes it back at once leaves it to nobody.
async fn rest(since: Instant) {
    tokio::time::sleep(since.elapsed()).await;
}

/// Which of its limits a session reached first, and when.
fn end_of(run_out: &RunOut) -> (SessionId, EndReason, Timestamp) {
    if run_out.expire < run_out.expires_at {
        (run_out.id, EndReason::IdleTimeout, run_out.expire)
    } else {
        (run_out.id, EndReason::AbsoluteTimeout, run_out.expires_at)
    }
}
