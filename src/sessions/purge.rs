//! Purge: ends expired sessions and those beyond the limit, and deletes data and history past their retention.
//!
//! No timeout depends on it: [`Sessions::resume`] refuses an expired session whether or not it was purged.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use super::{
    Sessions,
    end_many::{MAX_ENDED_PER_TRANSACTION, batch_pause},
    model::{EndReason, Purged},
    queries::{self, EndTarget, Ending, Expired},
};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, SessionId,
        sql::{AdvisoryLock, take_advisory_lock},
    },
    error::Result,
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
    /// [`Error::Invalid`](crate::error::Error::Invalid) if this machine's clock is wrong by a minute or more, see
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
        loop {
            let started = Instant::now();
            let now = self.clock.now();
            let find = move |connection: &mut _| queries::find_expired_data(connection, now, PURGE_BATCH_ROWS);
            let sids = self.db.read(find).await?;
            if sids.is_empty() {
                return Ok(());
            }
            let batch = self.db.transaction(move |connection| {
                take_advisory_lock(connection, AdvisoryLock::Purge)?;
                let expired = queries::lock_expired(connection, &sids, now)?;
                let ends: Vec<_> = expired.into_iter().map(reason_and_time).collect();
                let ended = queries::end_expired(connection, &ends, now)?;
                let data_removed = queries::delete_expired_data(connection, &sids, now)?;
                Ok(Purged { ended, data_removed, history_removed: 0 })
            });
            let batch = batch.await?;
            // Another transaction has purged them, moved their expiry, or holds them.
            if batch.is_empty() {
                return Ok(());
            }
            add(batch);
            tokio::time::sleep(batch_pause(started)).await;
        }
    }

    async fn purge_history(&self, add: &mut impl FnMut(Purged)) -> Result<()> {
        loop {
            let started = Instant::now();
            let before = self.clock.now() - self.policy.history_retention;
            let deleted = self.db.transaction(move |connection| {
                take_advisory_lock(connection, AdvisoryLock::Purge)?;
                queries::delete_history(connection, before, PURGE_BATCH_ROWS)
            });
            match deleted.await? {
                0 => return Ok(()),
                history_removed => add(Purged { history_removed, ..Purged::default() }),
            }
            tokio::time::sleep(batch_pause(started)).await;
        }
    }

    /// Deletes the sids of deleted history that no cookie can have any longer.
    async fn forget_sids(&self) -> Result<()> {
        loop {
            let started = Instant::now();
            let now = self.clock.now();
            let find = move |connection: &mut _| queries::find_outdated_sids(connection, now, PURGE_BATCH_ROWS);
            let sids = self.db.read(find).await?;
            if sids.is_empty() {
                return Ok(());
            }
            self.db.transaction(move |connection| queries::forget_sids(connection, &sids)).await?;
            tokio::time::sleep(batch_pause(started)).await;
        }
    }

    /// Deletes the ends that were kept for the journals, once their sessions would have expired.
    async fn forget_ends(&self) -> Result<()> {
        loop {
            let started = Instant::now();
            let now = self.clock.now();
            let find = move |connection: &mut _| queries::find_outdated_ends(connection, now, PURGE_BATCH_ROWS);
            let ids = self.db.read(find).await?;
            if ids.is_empty() {
                return Ok(());
            }
            self.db.transaction(move |connection| queries::forget_ends(connection, &ids)).await?;
            tokio::time::sleep(batch_pause(started)).await;
        }
    }

    /// Scans the next pages of all sessions, and ends those without data.
    async fn end_sessions_without_data(&self, max_pages: usize, add: &mut impl FnMut(Purged)) -> Result<()> {
        let mut cursor = if max_pages == usize::MAX { None } else { *self.scan_cursor.lock() };
        let settled = self.clock.now() - SETTLE_TIME;
        for _ in 0..max_pages {
            let scan = move |connection: &mut _| queries::scan_page(connection, cursor, settled, SCAN_PAGE_ROWS);
            let page = self.db.read(scan).await?;
            cursor = page.last().map(|last| last.id);
            let without_data: Vec<_> = page
                .iter()
                .filter(|session| session.lacks_data)
                .map(|session| (session.id, session.absolute_expiry))
                .collect();
            for batch in without_data.chunks(MAX_ENDED_PER_TRANSACTION) {
                let ended = self.end_batch(batch.to_vec()).await?;
                if ended > 0 {
                    add(Purged { ended, ..Purged::default() });
                }
            }
            *self.scan_cursor.lock() = cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Scans the next pages of all users, and ends the sessions that a limit or a disabled user does not allow.
    async fn end_sessions_of_users(&self, max_pages: usize, add: &mut impl FnMut(Purged)) -> Result<()> {
        let max = self.policy.max_sessions.map(NonZeroU32::get);
        let mut cursor = if max_pages == usize::MAX { None } else { *self.user_cursor.lock() };
        for _ in 0..max_pages {
            let scan = move |connection: &mut _| queries::scan_users(connection, cursor, max, USER_PAGE_ROWS);
            let page = self.db.read(scan).await?;
            cursor = page.last().map(|last| last.id);
            for user in page {
                if user.is_disabled_with_sessions {
                    let ended = self.end_all_of(user.id, EndReason::AccountDisabled).await?;
                    add(Purged { ended, ..Purged::default() });
                } else if user.is_over_limit {
                    self.enforce_limit_fully(user.id, None, |ended| add(Purged { ended, ..Purged::default() })).await?;
                }
            }
            *self.user_cursor.lock() = cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(())
    }

    async fn end_batch(&self, sessions: Vec<(SessionId, Timestamp)>) -> Result<usize> {
        let now = self.clock.now();
        let by = self.clone();
        let end = move |connection: &mut DbConnection| {
            take_advisory_lock(connection, AdvisoryLock::Purge)?;
            let mut ended = 0;
            for (id, absolute_expiry) in &sessions {
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
        self.db.transaction(end).await
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
