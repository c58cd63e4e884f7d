//! Ends many sessions: all others of a user, all of a user, or everyone's.
//!
//! A user may have any number of sessions, for example because an attacker who knows the password signs in all the time.
//! So they end in batches, each in its own short transaction: other requests are served in between, no transaction runs
//! into the database's time limit, and what a batch has ended stays ended if the program stops.

use std::time::{Duration, Instant};

use super::{
    Sessions,
    first_batch::{FirstBatchMode, with_first_batch},
    model::EndReason,
    queries::{self, ActivePage, EndScope},
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, Engine, RETRY_DELAY, Refused, SessionId, UserId, retried},
    error::{Error, Result},
};

/// Maximum sessions ended per transaction. On SQLite, every other writer waits for it.
pub(super) const MAX_ENDED_PER_TRANSACTION: usize = 200;

/// The pause after each of these batches but the first, as a multiple of the time that it took. SQLite works in this
/// process: what it uses of a processor, the requests of others don't have.
const PAUSE_FACTOR_POSTGRES: u32 = 1;
const PAUSE_FACTOR_SQLITE: u32 = 4;

/// Sessions read at a time to find those to end.
const MAX_FOUND_PER_READ: usize = 1000;

/// Sessions of one user that are left to end after the first batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RestToEnd {
    scope: EndScope,
    reason: EndReason,
    /// Sessions that started later stay: otherwise someone who signs in all the time could keep this from finishing.
    started_until: Timestamp,
}

/// The first batch of an end, and the rest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FirstBatch {
    pub ended: usize,
    /// `None` if the batch was all.
    pub rest: Option<RestToEnd>,
}

/// What a pass over sessions has done.
#[derive(Debug, Default)]
pub(super) struct EndPass {
    pub ended: usize,
    /// Those that the database refuses to end.
    pub refused: Refused,
}

/// The end of a user's other sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokeProgress {
    /// None of them is alive any longer. So many were.
    Done(usize),
    /// It goes on, whether or not the caller waits. The sessions that end have started until this time.
    InProgress {
        /// The start of the latest session that ends.
        started_until: Timestamp,
    },
}

impl Sessions {
    /// Ends all of a user's sessions except `this`, and answers when none of those that had started before is alive.
    /// Returns how many were alive. It goes on if the caller stops waiting.
    ///
    /// # Errors
    /// After an error some may still be alive; another call ends the rest.
    pub async fn revoke_others(&self, user: UserId, this: SessionId) -> Result<usize> {
        let first = self.first_batch_of(user, EndScope::OthersOf(user, this), EndReason::Revoked).await?;
        match first.rest {
            None => Ok(first.ended),
            Some(rest) => Ok(first.ended + self.end_rest_in_background(user, rest).await.map_err(Error::internal)??),
        }
    }

    /// Does the same, but waits for at most `max_wait`.
    pub async fn revoke_others_within(
        &self,
        user: UserId,
        this: SessionId,
        max_wait: Duration,
    ) -> Result<RevokeProgress> {
        let first = self.first_batch_of(user, EndScope::OthersOf(user, this), EndReason::Revoked).await?;
        self.end_rest_within(user, first, max_wait).await
    }

    /// Does the same for a form with a proof, which may have been sent twice: both requests end sessions, and each counts
    /// what both have ended since the proof, as it can't know which of the two answers the browser keeps.
    pub(crate) async fn revoke_others_after_proof(
        &self,
        user: UserId,
        this: SessionId,
        proved_at: Timestamp,
        max_wait: Duration,
    ) -> Result<RevokeProgress> {
        let reason = EndReason::Revoked;
        let first = self.first_batch_of(user, EndScope::OthersOf(user, this), reason).await?;
        self.end_rest_after_proof(user, first, reason, proved_at, max_wait).await
    }

    /// Ends what the first batch has left, and counts what another request with the same form has ended as well. Waits
    /// for at most `max_wait`.
    pub(crate) async fn end_rest_after_proof(
        &self,
        user: UserId,
        first: FirstBatch,
        reason: EndReason,
        proved_at: Timestamp,
        max_wait: Duration,
    ) -> Result<RevokeProgress> {
        let progress = self.end_rest_within(user, first, max_wait).await?;
        let RevokeProgress::Done(ended) = progress else { return Ok(progress) };
        let max = Self::MAX_COUNTED;
        let count =
            move |connection: &mut DbConnection| queries::count_ended_since(connection, user, reason, proved_at, max);
        // The clock of another server may be behind that of the proof.
        Ok(RevokeProgress::Done(self.db.read(count).await?.max(ended)))
    }

    /// Ends what the first batch of a user's other sessions has left. Waits for at most `max_wait`.
    async fn end_rest_within(&self, user: UserId, first: FirstBatch, max_wait: Duration) -> Result<RevokeProgress> {
        let Some(rest) = first.rest else { return Ok(RevokeProgress::Done(first.ended)) };
        match tokio::time::timeout(max_wait, self.end_rest_in_background(user, rest)).await {
            Ok(ended) => Ok(RevokeProgress::Done(first.ended + ended.map_err(Error::internal)??)),
            Err(_) => Ok(RevokeProgress::InProgress { started_until: rest.started_until }),
        }
    }

    /// Ends the sessions that an earlier request was to end, if it has left some: all others of the user that had started
    /// until `since`. Returns how many have ended for this reason since then. Waits for at most `max_wait`.
    pub(crate) async fn end_others_again(
        &self,
        user: UserId,
        this: SessionId,
        reason: EndReason,
        since: Timestamp,
        max_wait: Duration,
    ) -> Result<RevokeProgress> {
        let rest = RestToEnd { scope: EndScope::OthersOf(user, this), reason, started_until: since };
        let first = FirstBatch { ended: 0, rest: Some(rest) };
        self.end_rest_after_proof(user, first, reason, since, max_wait).await
    }

    /// Counts the sessions, except `this`, that had started until `started_until` and are still active. Counts at most
    /// [`MAX_COUNTED`](Self::MAX_COUNTED).
    pub async fn count_others(&self, user: UserId, this: SessionId, started_until: Timestamp) -> Result<usize> {
        let max = Self::MAX_COUNTED;
        self.db.read(move |connection| queries::count_others(connection, user, this, started_until, max)).await
    }

    /// Ends all sessions of one user. Returns how many were alive.
    pub async fn end_all_of(&self, user: UserId, reason: EndReason) -> Result<usize> {
        let first = self.first_batch_of(user, EndScope::AllOf(user), reason).await?;
        self.end_rest(first).await
    }

    /// Ends all sessions of all users, as an administrator. Returns how many were alive. A session that starts meanwhile
    /// may end as well.
    pub async fn revoke_everyone(&self) -> Result<usize> {
        // The first pass ends all that it finds, so that no session survives because the clock of its server is ahead.
        // The others end only those that started before: sign-ins can't keep them from finishing.
        self.end_in_passes(EndScope::Everyone, EndReason::RevokedByAdmin, None, self.clock.now()).await
    }

    /// Ends the first batch of all sessions of one user, within a transaction that may also change the user. The caller
    /// then calls [`Sessions::end_rest`] after the commit.
    pub(crate) fn first_batch_within(
        &self,
        connection: &mut DbConnection,
        user: UserId,
        reason: EndReason,
        mode: FirstBatchMode,
    ) -> Result<FirstBatch> {
        self.first_batch(connection, user, EndScope::AllOf(user), reason, mode)
    }

    /// Ends the first batch of a user's sessions other than `this`, within a transaction. The caller then calls
    /// [`Sessions::end_rest_after_proof`] after the commit.
    pub(super) fn first_batch_of_others_within(
        &self,
        connection: &mut DbConnection,
        user: UserId,
        this: SessionId,
        reason: EndReason,
        mode: FirstBatchMode,
    ) -> Result<FirstBatch> {
        self.first_batch(connection, user, EndScope::OthersOf(user, this), reason, mode)
    }

    /// Ends what the first batch has left. Returns how many have ended, the first batch included.
    ///
    /// # Errors
    /// Those that have ended stay ended; the others are still active.
    pub(crate) async fn end_rest(&self, first: FirstBatch) -> Result<usize> {
        match first.rest {
            None => Ok(first.ended),
            Some(rest) => Ok(first.ended + self.end_until_none_is_left(rest).await?),
        }
    }

    /// Ends the sessions that an earlier end of all was to end, if it was interrupted: those that had started until `since`.
    pub(crate) async fn end_all_again(&self, user: UserId, reason: EndReason, since: Timestamp) -> Result<usize> {
        let rest = RestToEnd { scope: EndScope::AllOf(user), reason, started_until: since };
        self.end_rest(FirstBatch { ended: 0, rest: Some(rest) }).await
    }

    async fn first_batch_of(&self, user: UserId, scope: EndScope, reason: EndReason) -> Result<FirstBatch> {
        with_first_batch(|mode| {
            let sessions = self.clone();
            self.db.transaction(move |connection| sessions.first_batch(connection, user, scope, reason, mode))
        })
        .await
    }

    /// Ends one batch. Most users have no more sessions than that, and for them the end is one transaction.
    fn first_batch(
        &self,
        connection: &mut DbConnection,
        user: UserId,
        scope: EndScope,
        reason: EndReason,
        mode: FirstBatchMode,
    ) -> Result<FirstBatch> {
        let ending = self.ending_now(reason);
        let mut found = queries::find_active(connection, scope, None, None, MAX_ENDED_PER_TRANSACTION + 1)?.active;
        let is_left = mode == FirstBatchMode::Leave;
        let rest = if is_left || found.len() > MAX_ENDED_PER_TRANSACTION {
            // The latest start counts, not the time: the clock of the server that started it may be ahead of this one.
            let latest = queries::latest_start(connection, user)?;
            Some(RestToEnd { scope, reason, started_until: latest.map_or(ending.at, |latest| latest.max(ending.at)) })
        } else {
            None
        };
        found.truncate(if is_left { 0 } else { MAX_ENDED_PER_TRANSACTION });
        Ok(FirstBatch { ended: queries::end_batch(connection, found, &ending)?.len(), rest })
    }

    /// Ends the rest in a task of its own. One task per user works at a time: if a button is pressed twice, the second
    /// waits for the first, and then finds little left.
    fn end_rest_in_background(&self, user: UserId, rest: RestToEnd) -> tokio::task::JoinHandle<Result<usize>> {
        let sessions = self.clone();
        tokio::spawn(async move {
            let _turn = sessions.user_turns.take(user).await;
            let ended = sessions.end_until_none_is_left(rest).await;
            if let Err(error) = &ended {
                tracing::warn!(error = error.chain(), "not all sessions were ended; ending them again ends the rest");
            }
            ended
        })
    }

    async fn end_until_none_is_left(&self, rest: RestToEnd) -> Result<usize> {
        self.end_in_passes(rest.scope, rest.reason, Some(rest.started_until), rest.started_until).await
    }

    /// Repeats passes until one finds nothing: a sign-in that was under way during a pass may have been committed
    /// behind it. The first pass has a limit of its own for the start of sessions. Returns how many have ended.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if the database has refused to end some, in two passes at least.
    async fn end_in_passes(
        &self,
        scope: EndScope,
        reason: EndReason,
        first_until: Option<Timestamp>,
        started_until: Timestamp,
    ) -> Result<usize> {
        let (mut sum, mut until, mut is_repeated) = (0, first_until, false);
        loop {
            let EndPass { ended, refused } = self.end_pass(scope, reason, until).await?;
            sum += ended;
            if ended == 0 && (refused.is_empty() || is_repeated) {
                return refused.check(could_not_end).map(|()| sum);
            }
            if ended == 0 {
                tokio::time::sleep(RETRY_DELAY).await;
            }
            is_repeated = ended == 0;
            until = Some(started_until);
        }
    }

    /// Ends the sessions in the order of their ids.
    pub(super) async fn end_pass(
        &self,
        scope: EndScope,
        reason: EndReason,
        started_until: Option<Timestamp>,
    ) -> Result<EndPass> {
        let pause_factor = match self.db.engine() {
            Engine::Sqlite => PAUSE_FACTOR_SQLITE,
            Engine::Postgres => PAUSE_FACTOR_POSTGRES,
        };
        let (mut sum, mut after) = (EndPass::default(), None);
        loop {
            let find = move |connection: &mut DbConnection| {
                queries::find_active(connection, scope, after, started_until, MAX_FOUND_PER_READ)
            };
            let ActivePage { active, last } = retried(|| self.db.read(find)).await?;
            for batch in active.chunks(MAX_ENDED_PER_TRANSACTION) {
                let started = Instant::now();
                let ending = self.ending_now(reason);
                let end = move |connection: &mut DbConnection, ids: &[SessionId]| {
                    queries::end_batch(connection, ids.to_vec(), &ending)
                };
                let (ended, refused) = self.db.change_rows(batch, end).await?;
                sum.ended += ended.iter().map(Vec::len).sum::<usize>();
                sum.refused.extend(refused);
                tokio::time::sleep(batch_pause(started) * pause_factor).await;
            }
            if last.is_none() {
                return Ok(sum);
            }
            after = last;
        }
    }
}

/// Says how many sessions are left.
pub(super) fn could_not_end(count: usize) -> String {
    let sessions = if count == 1 { "session is" } else { "sessions are" };
    format!("{count} {sessions} still active, since the database refuses to end them; all others have ended")
}

/// The pause after a batch: as long as the batch took, so that it leaves half of the database's time to others. A writer
/// of another process polls SQLite's lock, and would hardly ever find it free if the next batch took it back at once.
pub(super) fn batch_pause(started: Instant) -> Duration {
    started.elapsed()
}
