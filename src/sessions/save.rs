//! Save: writes what a request changed in the data.

use super::{
    Sessions,
    data::{DataPatch, SessionData},
    model::Sid,
    queries::{self, LiveColumns},
};
use crate::{
    clock::Timestamp,
    error::{Error, Result},
};

impl Sessions {
    /// Applies the changed keys to the current data, so that concurrent requests that change different keys both
    /// succeed. Of two that change the same key, the later one wins. It only updates: a session that has ended
    /// meanwhile stays ended.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] if the session has ended.
    pub async fn save(&self, sid: &Sid, patch: DataPatch) -> Result<()> {
        if patch.is_empty() {
            return Ok(());
        }
        let (sid, now, sessions) = (sid.clone(), self.clock.now(), self.clone());
        self.db
            .transaction(move |connection| {
                let (live, owner, sess) = queries::lock_live(connection, &sid, now)?.ok_or(Error::SessionEnded)?;
                let mut data = SessionData::parse_of(live.owner(owner), &sess).ok_or(Error::SessionEnded)?;
                patch.apply_to(&mut data);
                sessions.repair_cookie(&live, &mut data, now);
                queries::update_data(connection, &sid, &data)
            })
            .await
    }

    /// Repairs the data's `cookie` if it would break an Express peer. Returns the data's expiry if the session is
    /// active now.
    pub(super) fn repair_cookie(&self, live: &LiveColumns, data: &mut SessionData, now: Timestamp) -> Timestamp {
        let idle = self.policy.timeouts.idle_of(live.remembered, live.absolute_expiry, data);
        let data_expiry = live.absolute_expiry.min(now + idle);
        if data.repair_cookie(&self.cookie_attributes(idle, data_expiry)) {
            tracing::warn!(
                session_id = %live.id,
                "the session's `cookie` would have broken an Express peer: it was repaired"
            );
        }
        data_expiry
    }
}
