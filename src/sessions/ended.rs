//! Finds out whether a session is over, and why.

use super::{
    Sessions,
    model::{EndReason, Sid},
    queries::{self, SessionState},
};
use crate::{
    clock::Timestamp,
    db::{SessionId, UserId},
    error::Result,
};

/// The end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionEnd {
    /// Why it ended; `None` for a reason that only another program uses.
    pub reason: Option<EndReason>,
    /// When it ended.
    pub at: Timestamp,
}

/// What an open page has to know about its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It is alive, until this time if it is not used, or if that is its absolute expiry.
    Alive {
        /// The earlier of both expiries.
        until: Timestamp,
        /// Whether activity puts it off.
        is_idle_expiry: bool,
    },
    /// It has ended, or expired.
    Over(SessionEnd),
}

impl Sessions {
    /// Whether one of a user's sessions is alive, without recording activity. `None` if there is no such session.
    pub async fn liveness(&self, user: UserId, id: SessionId) -> Result<Option<Liveness>> {
        let now = self.clock.now();
        let found = self.db.read(move |connection| queries::find_state(connection, user, id)).await?;
        Ok(found.map(|session| {
            if let Some(end) = end(&session, now) {
                return Liveness::Over(end);
            }
            let (reason, until) = session.next_expiry();
            Liveness::Alive { until, is_idle_expiry: reason == EndReason::IdleTimeout }
        }))
    }

    /// The end of the session of a verified sid; `None` if it is alive, or if there is no session with this sid. A
    /// session that has expired counts as ended at its expiry, whether or not it was purged.
    pub async fn find_end(&self, sid: &Sid) -> Result<Option<SessionEnd>> {
        let (sid, now) = (sid.clone(), self.clock.now());
        let found = self.db.read(move |connection| queries::find_by_sid(connection, &sid)).await?;
        Ok(found.and_then(|session| end(&session, now)))
    }
}

fn end(session: &SessionState, now: Timestamp) -> Option<SessionEnd> {
    match &session.ended {
        Some((reason, at)) => Some(SessionEnd { reason: EndReason::parse(reason), at: *at }),
        None => session.expiry(now).map(|(reason, at)| SessionEnd { reason: Some(reason), at }),
    }
}
