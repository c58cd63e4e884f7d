//! Save: writing what a request changed in the data.

use super::{
    Sessions,
    data::{DataPatch, SessionData},
    model::Sid,
    queries::{self, LiveRow},
};
use crate::{
    clock::Timestamp,
    error::{Error, Result},
};

impl Sessions {
    /// Writes the changed keys into the data as it is now, so that two requests which change different keys both win; of
    /// two that change the same key, the later one does. It only ever updates: a session that ended meanwhile stays
    /// ended.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] if the session is over.
    pub async fn save(&self, sid: &Sid, changes: DataPatch) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let (sid, now, sessions) = (sid.clone(), self.clock.now(), self.clone());
        self.db
            .transaction(move |connection| {
                let (live, owner, sess) = queries::lock_live(connection, &sid, now)?.ok_or(Error::SessionEnded)?;
                let mut data = SessionData::parse_of(owner, &sess).ok_or(Error::SessionEnded)?;
                data.apply(&changes);
                sessions.mend_cookie(&live, &mut data, now);
                queries::update_data(connection, &sid, &data)
            })
            .await
    }

    /// Makes sure that what is written breaks no peer, and returns when the session runs out if it is active now.
    pub(super) fn mend_cookie(&self, live: &LiveRow, data: &mut SessionData, now: Timestamp) -> Timestamp {
        let idle = self.policy.timeouts.idle_of(live.remembered, live.expires_at, data);
        let expires = live.expires_at.min(now + idle);
        let terms = self.cookie_terms(idle, expires);
        if data.mend_cookie(&terms) {
            tracing::warn!(session_id = %live.id, "the session's `cookie` would have broken an Express peer: it was mended");
        }
        expires
    }
}
