//! Purge: ends expired sessions and those beyond the limit, and deletes data and history past their retention.
//!
//! No timeout depends on it: [`Sessions::resume`] refuses an expired session whether or not it was purged.

use std::{
    fmt,
    num::NonZeroU32,
    time::{Duration, Instant},
};

use super::{
    Sessions,
    end_many::{MAX_ENDED_PER_TRANSACTION, batch_pause, could_not_end},
    model::{EndReason, Purged},
    queries::{self, EndTarget, Ending, Expired, ExpiredData, OutdatedSid},
};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, Refused, SessionId,
        sql::{SharedTask, take_task},
    },
    error::{Error, Result},
};

/// Maximum rows per transaction: on SQLite, every other writer waits for it.
const PURGE_BATCH_ROWS: i64 = 100;

/// Sessions per page of the scan over all sessions.
const SCAN_PAGE_ROWS: i64 = 1000;

/// Pages of the scan per [`Sessions::purge_step`].
const SCAN_PAGES_PER_STEP: usize = 50;

/// Users per page of the scan over all users.
const USER_PAGE_ROWS: i64 = 1000;

/// How long a session may exist before its data does: an Express application inserts the session first.
const SETTLE_TIME: Duration = Duration::from_secs(60);

impl Sessions {
    /// Ends expired sessions with the reason and time of their expiry, deletes expired data without an active session,
    /// deletes old history, and ends sessions whose data was deleted without the triggers, that are beyond their user's
    /// limit, or that an interrupted end of a disabled user's sessions has left.
    ///
    /// It reads outside any transaction and writes in small batches, each in its own transaction, so that a sign-in
    /// never waits long. Of several instances, only one writes a batch at a time. Calls `progress` after each batch
    /// with the sum so far.
    ///
    /// # Errors
    /// [`Error::Invalid`] if this machine's clock is wrong by a minute or more, see
    /// `clock_check.rs`; otherwise the first error. The steps that don't depend on the failed one still run.
    pub async fn purge(&self, progress: impl FnMut(Purged)) -> Result<Purged> {
        self.purge_with(usize::MAX, progress).await
    }

    /// Does the same for a server, which calls it every few minutes. To find sessions without data, it scans only the
    /// next 50,000 sessions and users each time.
    pub async fn purge_step(&self) -> Result<Purged> {
        self.purge_with(SCAN_PAGES_PER_STEP, |_| ()).await
    }

    async fn purge_with(&self, max_scan_pages: usize, mut progress: impl FnMut(Purged)) -> Result<Purged> {
        self.check_clock_before_purge().await?;
        let mut sum = Purged::default();
        let mut add = |batch: Purged| {
            self.metrics.batch(batch);
            sum.ended += batch.ended;
            sum.data_removed += batch.data_removed;
            sum.history_removed += batch.history_removed;
            progress(sum);
        };
        let outcomes = [
            self.purge_expired(&mut add).await,
            self.purge_history(&mut add).await,
            self.forget_sids().await,
            self.forget_ends().await,
            self.finish_role_changes().await,
            self.end_sessions_without_data(max_scan_pages, &mut add).await,
            self.end_sessions_of_users(max_scan_pages, &mut add).await,
        ];
        self.metrics.run(outcomes.iter().all(Result::is_ok), self.clock.now());
        outcomes.into_iter().collect::<Result<()>>().map(|()| sum)
    }

    async fn purge_expired(&self, add: &mut impl FnMut(Purged)) -> Result<()> {
        let (finding, purging) = (self.clock.clone(), self.clock.clone());
        let find = move |connection: &mut DbConnection, passed| {
            queries::find_expired_data(connection, finding.now(), passed, PURGE_BATCH_ROWS)
        };
        let purge = move |connection: &mut DbConnection, found: &[ExpiredData]| {
            take_task(connection, SharedTask::Purge)?;
            let now = purging.now();
            let sids: Vec<String> = found.iter().map(|data| data.sid.clone()).collect();
            let expired = queries::lock_expired(connection, &sids, now)?;
            let ends: Vec<_> = expired.into_iter().map(reason_and_time).collect();
            let ended = queries::end_expired(connection, &ends, now)?;
            let data_removed = queries::delete_expired_data(connection, &sids, now)?;
            Ok(PurgedBatch { gone: ended + data_removed, purged: Purged { ended, data_removed, history_removed: 0 } })
        };
        self.purge_rows("rows of expired session data", find, purge, add).await
    }

    async fn purge_history(&self, add: &mut impl FnMut(Purged)) -> Result<()> {
        let (clock, retention) = (self.clock.clone(), self.policy.history_retention);
        let find = move |connection: &mut DbConnection, passed| {
            queries::find_history(connection, clock.now() - retention, passed, PURGE_BATCH_ROWS)
        };
        let purge = move |connection: &mut DbConnection, ids: &[SessionId]| {
            take_task(connection, SharedTask::Purge)?;
            let history_removed = queries::delete_history(connection, ids)?;
            Ok(PurgedBatch { gone: history_removed, purged: Purged { history_removed, ..Purged::default() } })
        };
        self.purge_rows("ended sessions past their retention", find, purge, add).await
    }

    /// Deletes the sids of deleted history that no cookie can have any longer.
    async fn forget_sids(&self) -> Result<()> {
        let clock = self.clock.clone();
        let find = move |connection: &mut DbConnection, passed| {
            queries::find_outdated_sids(connection, clock.now(), passed, PURGE_BATCH_ROWS)
        };
        let forget = |connection: &mut DbConnection, sids: &[OutdatedSid]| {
            Ok(PurgedBatch { gone: queries::forget_sids(connection, sids)?, purged: Purged::default() })
        };
        self.purge_rows("sids of deleted sessions", find, forget, &mut |_| ()).await
    }

    /// Deletes the ends that were kept for the journals, once their sessions would have expired.
    async fn forget_ends(&self) -> Result<()> {
        let clock = self.clock.clone();
        let find = move |connection: &mut DbConnection, passed| {
            queries::find_outdated_ends(connection, clock.now(), passed, PURGE_BATCH_ROWS)
        };
        let forget = |connection: &mut DbConnection, ids: &[SessionId]| {
            Ok(PurgedBatch { gone: queries::forget_ends(connection, ids)?, purged: Purged::default() })
        };
        self.purge_rows("ends of deleted sessions", find, forget, &mut |_| ()).await
    }

    /// Purges rows in batches. `find` reads the next ones after the `passed` first, which are those that another
    /// transaction holds, or that the database refuses to purge: they stay for the next purge.
    ///
    /// # Errors
    /// [`Error::Incomplete`](crate::error::Error::Incomplete) if it refuses some.
    async fn purge_rows<K, F, P>(&self, rows: &str, find: F, purge: P, add: &mut impl FnMut(Purged)) -> Result<()>
    where
        K: fmt::Display + Clone + Send + Sync + 'static,
        F: Fn(&mut DbConnection, i64) -> Result<Vec<K>> + Clone + Send + 'static,
        P: Fn(&mut DbConnection, &[K]) -> Result<PurgedBatch> + Clone + Send + 'static,
    {
        let (mut passed, mut refused) = (0, Refused::default());
        loop {
            let started = Instant::now();
            let find = find.clone();
            let found = self.db.read(move |connection| find(connection, passed)).await?;
            if found.is_empty() {
                let what = |count| {
                    format!("{count} of the {rows} could not be purged, since the database refuses it; all others were")
                };
                return refused.check(what);
            }
            let (batches, refused_of_batch) = self.db.change_rows(&found, purge.clone()).await?;
            refused.extend(refused_of_batch);
            let mut left = found.len();
            for PurgedBatch { gone, purged } in batches {
                left = left.saturating_sub(gone);
                if !purged.is_empty() {
                    add(purged);
                }
            }
            passed += i64::try_from(left).unwrap_or(i64::MAX);
            tokio::time::sleep(batch_pause(started)).await;
        }
    }

    /// Scans the next pages of all sessions, and ends those without data.
    async fn end_sessions_without_data(&self, max_pages: usize, add: &mut impl FnMut(Purged)) -> Result<()> {
        let mut cursor = if max_pages == usize::MAX { None } else { *self.scan_cursor.lock() };
        let settled = self.clock.now() - SETTLE_TIME;
        let mut refused = Refused::default();
        for _ in 0..max_pages {
            let scan = move |connection: &mut _| queries::scan_page(connection, cursor, settled, SCAN_PAGE_ROWS);
            let page = self.db.read(scan).await?;
            cursor = page.last().map(|last| last.id);
            let without_data: Vec<_> = page
                .iter()
                .filter(|session| session.lacks_data)
                .map(|session| SessionWithoutData { id: session.id, absolute_expiry: session.absolute_expiry })
                .collect();
            for batch in without_data.chunks(MAX_ENDED_PER_TRANSACTION) {
                let (ended, refused_of_batch) = self.end_batch(batch).await?;
                refused.extend(refused_of_batch);
                if ended > 0 {
                    add(Purged { ended, ..Purged::default() });
                }
            }
            *self.scan_cursor.lock() = cursor;
            if cursor.is_none() {
                break;
            }
        }
        refused.check(could_not_end)
    }

    /// Scans the next pages of all users, and ends the sessions that a limit or a disabled user does not allow.
    async fn end_sessions_of_users(&self, max_pages: usize, add: &mut impl FnMut(Purged)) -> Result<()> {
        let max = self.policy.max_sessions.map(NonZeroU32::get);
        let mut cursor = if max_pages == usize::MAX { None } else { *self.user_cursor.lock() };
        // The sessions of one user that can't be ended don't keep those of others.
        let mut incomplete = Ok(());
        for _ in 0..max_pages {
            let scan = move |connection: &mut _| queries::scan_users(connection, cursor, max, USER_PAGE_ROWS);
            let page = self.db.read(scan).await?;
            cursor = page.last().map(|last| last.id);
            for user in page {
                let outcome = if user.is_disabled_with_sessions {
                    let ended = self.end_all_of(user.id, EndReason::AccountDisabled).await;
                    ended.map(|ended| add(Purged { ended, ..Purged::default() }))
                } else if user.is_over_limit {
                    self.enforce_limit_fully(user.id, None, |ended| add(Purged { ended, ..Purged::default() })).await
                } else {
                    Ok(())
                };
                match outcome {
                    Err(error @ Error::Incomplete(_)) => incomplete = Err(error),
                    outcome => outcome?,
                }
            }
            *self.user_cursor.lock() = cursor;
            if cursor.is_none() {
                break;
            }
        }
        incomplete
    }

    async fn end_batch(&self, sessions: &[SessionWithoutData]) -> Result<(usize, Refused)> {
        let now = self.clock.now();
        let by = self.clone();
        let end = move |connection: &mut DbConnection, sessions: &[SessionWithoutData]| {
            take_task(connection, SharedTask::Purge)?;
            let mut ended = 0;
            for SessionWithoutData { id, absolute_expiry } in sessions {
                // Deleting a session's data before it expires signs it out.
                let (reason, at) = if now < *absolute_expiry {
                    (EndReason::SignedOut, now)
                } else {
                    (EndReason::AbsoluteTimeout, *absolute_expiry)
                };
                let ending = Ending { reason, at, keep_data: false, source: by.source_of_end(reason) };
                ended += queries::end(connection, &EndTarget::IdWithoutLiveData(*id, now), &ending)?.len();
            }
            Ok(ended)
        };
        let (ended, refused) = self.db.change_rows(sessions, end).await?;
        Ok((ended.into_iter().sum(), refused))
    }
}

/// What the purge of one batch has done.
struct PurgedBatch {
    /// The rows that are no longer found.
    gone: usize,
    purged: Purged,
}

/// An active session without data.
#[derive(Clone)]
struct SessionWithoutData {
    id: SessionId,
    absolute_expiry: Timestamp,
}

impl fmt::Display for SessionWithoutData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

/// The limit that a session reached first, and when.
fn reason_and_time(expired: Expired) -> (Expired, EndReason, Timestamp) {
    let (reason, at) = if expired.data_expiry < expired.absolute_expiry {
        (EndReason::IdleTimeout, expired.data_expiry)
    } else {
        (EndReason::AbsoluteTimeout, expired.absolute_expiry)
    };
    (expired, reason, at)
}
