//! Finds out whether a session is over, and why.

use super::{
    Sessions,
    model::{EndReason, Sid},
    queries::{self, SessionState},
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId},
    error::Result,
};

/// The end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionEnd {
    /// Why it ended; `None` for a reason that only another program uses.
    pub reason: Option<EndReason>,
    /// When it ended, or continued.
    pub at: Timestamp,
    /// Whether it has not ended, but continued under another sid: its user has signed in again, or proved again who they
    /// are, with a copy of the cookie or on the same browser.
    pub is_continued: bool,
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
    /// It is alive under another sid.
    Renewed,
    /// It has ended, or expired.
    Over(SessionEnd),
}

impl Sessions {
    /// Whether one of a user's sessions is alive under this sid, without recording activity. `None` if there is no such
    /// session.
    pub async fn liveness(&self, user: UserId, id: SessionId, sid: &Sid) -> Result<Option<Liveness>> {
        let (sid, now) = (sid.clone(), self.clock.now());
        let found = self.db.read(move |connection| queries::find_state(connection, user, id)).await?;
        Ok(found.map(|session| {
            if let Some(end) = end(&session, now) {
                return Liveness::Over(end);
            }
            if session.sid != sid {
                return Liveness::Renewed;
            }
            let (reason, until) = session.next_expiry();
            Liveness::Alive { until, is_idle_expiry: reason == EndReason::IdleTimeout }
        }))
    }

    /// The end of the session of a verified sid; `None` if it is alive, or if there is no session with this sid. A
    /// session that has expired counts as ended at its expiry, whether or not it was purged. A sid that its session had
    /// before counts as over, too.
    pub async fn find_end(&self, sid: &Sid) -> Result<Option<SessionEnd>> {
        let (sid, now) = (sid.clone(), self.clock.now());
        let find = move |connection: &mut DbConnection| {
            Ok(match queries::find_by_sid(connection, &sid)? {
                Some(session) => end(&session, now),
                None => queries::replaced_at(connection, &sid)?.map(SessionEnd::continued),
            })
        };
        self.db.read(find).await
    }
}

impl SessionEnd {
    /// The end of a session under a sid that it had until `at`.
    const fn continued(at: Timestamp) -> Self {
        Self { reason: None, at, is_continued: true }
    }
}

fn end(session: &SessionState, now: Timestamp) -> Option<SessionEnd> {
    let end = |reason, at| SessionEnd { reason, at, is_continued: false };
    match &session.ended {
        Some((reason, at)) => Some(end(EndReason::parse(reason), *at)),
        None => session.expiry(now).map(|(reason, at)| end(Some(reason), at)),
    }
}
