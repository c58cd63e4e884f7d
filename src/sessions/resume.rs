//! Resume: the check behind every request.

use std::time::Duration;

use super::{
    Sessions,
    data::SessionData,
    model::{Sid, User},
    policy::NO_ABSOLUTE_EXPIRY,
    queries::{Found, LiveRow, Wanted},
};
use crate::{clock::Timestamp, db::SessionId, error::Result};

/// A session that is signed in, as a request finds it.
#[derive(Debug, Clone)]
pub struct LiveSession {
    /// Names the session.
    pub id: SessionId,
    /// Whose it is.
    pub user: User,
    /// When it was started.
    pub created_at: Timestamp,
    /// When its device was last active, to the minute.
    pub last_seen_at: Timestamp,
    /// Its absolute end; of a session that an Express peer started, which has none, when it runs out unless it is used.
    pub expires_at: Timestamp,
    /// "Keep me signed in".
    pub remembered: bool,
    /// What requests read and write.
    pub data: SessionData,
    /// The idle limit.
    pub(super) idle: Duration,
    /// Whether it also has an absolute expiry.
    pub(super) has_absolute_expiry: bool,
}

impl Sessions {
    /// The session that a request's sid stands for, if it is alive: read from the tables each time, never from a cache,
    /// so that an end holds for the next request on every instance. Notes the activity when the last record is a
    /// minute old.
    pub async fn resume(&self, sid: &Sid) -> Result<Option<LiveSession>> {
        let now = self.clock.now();
        let found = self.lookups.find(Wanted { sid: sid.clone(), now }).await?;
        let Some(mut live) = found.and_then(|found| self.live_session(found)) else { return Ok(None) };
        self.touch(&mut live, now);
        Ok(Some(live))
    }

    /// A row whose data can't be read, or names another user, lets nobody in.
    fn live_session(&self, Found { row, user, sess }: Found) -> Option<LiveSession> {
        let LiveRow { id, created_at, last_seen_at, expires_at, remembered } = row;
        match SessionData::parse(&sess) {
            Some(data) if data.is_of(user.id) => {
                let (idle, has_absolute_expiry) =
                    (self.policy.timeouts.idle_of(remembered, expires_at, &data), expires_at != NO_ABSOLUTE_EXPIRY);
                let expires_at = if has_absolute_expiry { expires_at } else { last_seen_at + idle };
                Some(LiveSession {
                    id,
                    user,
                    created_at,
                    last_seen_at,
                    expires_at,
                    remembered,
                    data,
                    idle,
                    has_absolute_expiry,
                })
            }
            unreadable => {
                let what = if unreadable.is_some() {
                    "names another user, or says that it is over"
                } else {
                    "is not a JSON object"
                };
                tracing::warn!(session_id = %id, "the session is refused: its data {what}");
                None
            }
        }
    }
}

impl LiveSession {
    /// How long ago its device was last active; a time ahead, left by a clock that ran fast, counts as now.
    pub(super) fn idle_for(&self, now: Timestamp) -> Duration {
        now.since(self.last_seen_at)
    }
}
