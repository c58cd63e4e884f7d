//! Touch: recording that a device was active.

use super::{Sessions, policy::TOUCH_INTERVAL, queries, resume::LiveSession};
use crate::clock::Timestamp;

impl Sessions {
    /// Moves `last_seen_at`, and with it the idle end, if the last record is a minute old. It never moves them back, and
    /// never touches a session that has ended meanwhile.
    ///
    /// A request does not fail because its activity could not be written: the next one records it.
    pub(super) async fn touch(&self, live: &mut LiveSession, now: Timestamp) {
        if live.idle_for(now) < TOUCH_INTERVAL {
            return;
        }
        let (id, expires_at) = (live.id, live.expires_at);
        let expire = self.policy.timeouts.expire(now, live.remembered, expires_at);
        match self.db.transaction(move |connection| queries::touch(connection, id, now, expire)).await {
            Ok(true) => live.last_seen_at = now,
            Ok(false) => {}
            Err(error) => tracing::warn!(session_id = %id, error = error.chain(), "activity was not recorded"),
        }
    }
}
