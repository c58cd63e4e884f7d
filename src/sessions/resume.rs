//! Resume: the check behind every request.

use std::time::Duration;

use super::{
    Sessions,
    binding::Binding,
    data::SessionData,
    model::{Activity, Sid, User},
    policy::NO_ABSOLUTE_EXPIRY,
    queries::{LiveColumns, LiveSessionKey, LiveSessionRow},
};
use crate::{clock::Timestamp, db::SessionId, error::Result};

/// A live session, as a request finds it.
#[derive(Debug, Clone)]
pub struct LiveSession {
    /// `sessions.id`
    pub id: SessionId,
    /// Its user.
    pub user: User,
    /// When it was started.
    pub created_at: Timestamp,
    /// When its device was last active, to the minute.
    pub last_seen_at: Timestamp,
    /// When it expires at the latest. A session without an absolute expiry: when it expires unless it is used.
    pub expires_at: Timestamp,
    /// "Keep me signed in".
    pub remembered: bool,
    /// When its user last proved in it who they are: at the sign-in, or later before a sensitive change. `None` if that
    /// was not at Keyrack, as in the sessions that an Express application starts.
    pub authenticated_at: Option<Timestamp>,
    /// Whether its user signed in with a password that is good for one sign-in, and must change it before the session
    /// is good for anything else.
    pub must_change_password: bool,
    /// Whether it is bound to a browser.
    pub binding: Binding,
    /// The data that requests read and write.
    pub data: SessionData,
    /// The idle timeout.
    pub(super) idle: Duration,
    /// Whether it has an absolute expiry; sessions that an Express application started have none.
    pub(super) has_absolute_expiry: bool,
}

impl Sessions {
    /// Finds the live session of a request's sid, by the conditions in `queries/live.rs`. It is read from the tables
    /// each time, never from a cache, so that an end holds for the next request on every instance. If the last recorded
    /// activity is a minute old, notes the new one.
    pub async fn resume(&self, sid: &Sid) -> Result<Option<LiveSession>> {
        self.resume_with(sid, |_| Some(Activity::default())).await
    }

    /// Finds the live session of a request's sid like [`resume`](Self::resume). `activity` is only asked if there is
    /// activity to note: a page that is merely open is none, nor is a request that is refused.
    pub async fn resume_with(
        &self,
        sid: &Sid,
        activity: impl FnOnce(&LiveSession) -> Option<Activity>,
    ) -> Result<Option<LiveSession>> {
        let now = self.clock.now();
        let row = self.live_by_sid.find(LiveSessionKey { sid: sid.clone(), now }).await?;
        let Some(mut live) = row.and_then(|row| self.live_session(row)) else { return Ok(None) };
        self.touch(&mut live, now, activity);
        Ok(Some(live))
    }

    /// Makes the session from its row; `None` if its data cannot be read, is another user's, or is signed out.
    fn live_session(&self, LiveSessionRow { session, user, sess }: LiveSessionRow) -> Option<LiveSession> {
        let owner = session.owner(user.id);
        let binding = session.binding();
        let LiveColumns { id, created_at, last_seen_at, absolute_expiry, remembered, authenticated_at, .. } = session;
        match SessionData::parse(&sess) {
            Some(data) if data.belongs_to(owner) => {
                let idle = self.policy.timeouts.idle_of(remembered, absolute_expiry, &data);
                let has_absolute_expiry = absolute_expiry != NO_ABSOLUTE_EXPIRY;
                let expires_at = if has_absolute_expiry { absolute_expiry } else { last_seen_at + idle };
                Some(LiveSession {
                    id,
                    user,
                    created_at,
                    last_seen_at,
                    expires_at,
                    remembered,
                    authenticated_at: authenticated_at.map(Timestamp::from),
                    must_change_password: owner.must_change_password,
                    binding,
                    data,
                    idle,
                    has_absolute_expiry,
                })
            }
            data => {
                let problem =
                    if data.is_some() { "names another user, or is signed out" } else { "is not a JSON object" };
                tracing::warn!(session_id = %id, "the session is refused: its data {problem}");
                None
            }
        }
    }
}

impl LiveSession {
    /// How long it lives without activity.
    pub fn idle_timeout(&self) -> Duration {
        self.idle
    }

    /// How long ago its device was last active. A time in the future, from a clock that ran fast, counts as now.
    pub(super) fn idle_for(&self, now: Timestamp) -> Duration {
        now.since(self.last_seen_at)
    }
}
