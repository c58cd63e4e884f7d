//! The limit of live sessions per user: the least recently active ones give way.
//!
//! It holds for all of a user's sessions, also those that an Express application started. Keyrack enforces it at its
//! own sign-ins, when the user lists their devices, and at each purge.

use super::{
    Sessions,
    end_many::{MAX_ENDED_PER_TRANSACTION, could_not_end},
    model::EndReason,
    queries::{self, EndScope},
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, Refused, SessionId, UserId},
    error::Result,
};

/// Sign-ins of one user that group commits may be writing at the same time without seeing each other: two commits of
/// 32.
const MAX_UNSEEN_SIGN_INS: i64 = 64;

/// Maximum sessions beyond the limit that are put in the order of their activity within one transaction.
const MAX_BEYOND: u32 = 500;

/// The outcome of one step towards the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LimitStep {
    pub ended: usize,
    /// Whether the user may still have sessions beyond the limit.
    pub is_partial: bool,
}

impl LimitStep {
    /// None has ended, and the user may have sessions beyond the limit.
    pub(super) const NONE_YET: Self = Self { ended: 0, is_partial: true };
}

impl Sessions {
    /// Ends the live sessions of a user beyond the limit, if they are few, so that the transaction stays short however
    /// many there are: with more than [`MAX_BEYOND`], it ends none. `keep` is the session that must not be ended: the
    /// one that has just started, or that lists its user's devices.
    pub(super) fn limit_step(
        &self,
        connection: &mut DbConnection,
        user: UserId,
        keep: Option<SessionId>,
        now: Timestamp,
    ) -> Result<LimitStep> {
        const NONE: LimitStep = LimitStep { ended: 0, is_partial: false };
        let Some(max) = self.policy.max_sessions else { return Ok(NONE) };
        if !queries::has_more_active_than(connection, user, max.get())? {
            return Ok(NONE);
        }
        if queries::has_more_active_than(connection, user, max.get().saturating_add(MAX_BEYOND))? {
            return Ok(LimitStep::NONE_YET);
        }
        // The turn of one transaction per user: two that keep different sessions could end each other's.
        queries::lock_user(connection, user)?;
        let keep = match keep {
            Some(id) if queries::is_active(connection, id)? => Some(id),
            _ => None,
        };
        let batch = i64::try_from(MAX_ENDED_PER_TRANSACTION).unwrap_or(i64::MAX);
        let found = queries::live_beyond(connection, user, keep, now, max.get(), batch)?;
        let is_partial = found.len() >= MAX_ENDED_PER_TRANSACTION;
        let ended = queries::end_few(connection, found, &self.ending_now(EndReason::Replaced))?.len();
        Ok(LimitStep { ended, is_partial })
    }

    /// Enforces the limit after a sign-in whose transaction saw `active` other sessions of its user. Concurrent
    /// sign-ins may not have seen each other; the last of them to be committed sees all others here.
    ///
    /// A failure does not fail the sign-in, which is committed: the next sign-in or purge enforces the limit.
    pub(super) async fn enforce_limit_after_sign_in(&self, user: UserId, this: SessionId, active: i64) {
        let Some(max) = self.policy.max_sessions else { return };
        let max = i64::from(max.get());
        let enforced = if active >= max {
            self.enforce_limit_beyond(user, Some(this)).await
        } else if active + MAX_UNSEEN_SIGN_INS > max {
            self.enforce_limit(user, Some(this)).await
        } else {
            return;
        };
        if let Err(error) = enforced {
            tracing::warn!(error = error.chain(), "the limit of sessions was not enforced; the next purge does it");
        }
    }

    /// Enforces the limit for one user. Ends one batch at once; if there are many, all in the
    /// background.
    pub(super) async fn enforce_limit(&self, user: UserId, keep: Option<SessionId>) -> Result<usize> {
        let Some(max) = self.policy.max_sessions else { return Ok(0) };
        let is_over =
            self.db.read(move |connection| queries::has_more_active_than(connection, user, max.get())).await?;
        if !is_over {
            return Ok(0);
        }
        self.enforce_limit_beyond(user, keep).await
    }

    /// Enforces the limit for a user who has more sessions.
    async fn enforce_limit_beyond(&self, user: UserId, keep: Option<SessionId>) -> Result<usize> {
        let step = self.limit_step_alone(user, keep).await?;
        if step.is_partial {
            self.enforce_limit_in_background(user, keep);
        }
        Ok(step.ended)
    }

    /// Makes one step towards the limit, in a transaction of its own. Ends none if the database refuses to end one of them.
    async fn limit_step_alone(&self, user: UserId, keep: Option<SessionId>) -> Result<LimitStep> {
        let (sessions, now) = (self.clone(), self.clock.now());
        let step = self.db.transaction(move |connection| sessions.limit_step(connection, user, keep, now)).await;
        match step {
            Err(error) if error.is_refusal() => Ok(LimitStep::NONE_YET),
            step => step,
        }
    }

    /// Ends the rest of a user's sessions beyond the limit, batch by batch, unless that is under way already.
    pub(super) fn enforce_limit_in_background(&self, user: UserId, keep: Option<SessionId>) {
        let sessions = self.clone();
        tokio::spawn(async move {
            let Some(_turn) = sessions.user_turns.try_take(user) else { return };
            if let Err(error) = sessions.enforce_limit_fully(user, keep, |_| ()).await {
                tracing::warn!(error = error.chain(), "the limit of sessions was not enforced; the next purge does it");
            }
        });
    }

    /// Ends all of a user's sessions beyond the limit, batch by batch. Calls `progress` with the number that ended.
    pub(super) async fn enforce_limit_fully(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        mut progress: impl FnMut(usize),
    ) -> Result<()> {
        let Some(max) = self.policy.max_sessions else { return Ok(()) };
        loop {
            let (step, now) = (self.limit_step_alone(user, keep).await?, self.clock.now());
            let (mut ended, mut refused) = (step.ended, Refused::default());
            if step.is_partial {
                let find = move |connection: &mut DbConnection| queries::first_beyond(connection, user, now, max.get());
                if let Some(first) = self.db.read(find).await? {
                    let scope = EndScope::InactiveOf(user, first, keep);
                    let pass = self.end_pass(scope, EndReason::Replaced, None).await?;
                    ended += pass.ended;
                    refused = pass.refused;
                }
            }
            if ended > 0 {
                progress(ended);
            }
            // Without progress, the rest has expired, or another transaction is ending the same sessions.
            if !step.is_partial || ended == 0 {
                return refused.check(could_not_end);
            }
        }
    }
}
