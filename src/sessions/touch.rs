//! Touch: records that a device was active.
//!
//! A request only notes the activity. A moment later, all noted activity is written at once, so that a thousand active
//! sessions don't mean a thousand transactions. A crash loses what is noted but not written: at most the last minute's
//! activity.

use std::{mem, sync::Arc, time::Duration};

use super::{
    Sessions,
    model::Activity,
    pending_touches::ScheduledWrite,
    policy::TOUCH_INTERVAL,
    queries::{self, Touch},
    resume::LiveSession,
};
use crate::{clock::Timestamp, error::Result};

/// How long activity is collected before it is written.
const FLUSH_DELAY: Duration = Duration::from_secs(1);

/// Maximum rows per transaction. An end that waits for one of them waits for no more than that.
const MAX_TOUCHES_PER_TRANSACTION: usize = 200;

impl Sessions {
    /// Notes that a session is active now, if it is, unless that was recorded less than a minute ago.
    pub(super) fn touch(
        &self,
        live: &mut LiveSession,
        now: Timestamp,
        activity: impl FnOnce(&LiveSession) -> Option<Activity>,
    ) {
        let idle_for = live.idle_for(now);
        // Once a minute would be too coarse for an idle timeout of a few minutes.
        if idle_for < TOUCH_INTERVAL.min(live.idle / 4) {
            return;
        }
        let Some(Activity { ip_address }) = activity(live) else { return };
        let idle_expiry = now + live.idle;
        let data_expiry = if live.has_absolute_expiry { live.expires_at.min(idle_expiry) } else { idle_expiry };
        let former = mem::replace(&mut live.last_seen_at, now);
        if !live.has_absolute_expiry {
            live.expires_at = data_expiry;
        }
        let is_new = self.touches.add(live.id, Touch { at: now, data_expiry, ip_address, former });
        // Or the session would expire before it is written, and other requests and open pages would see it ended.
        let is_urgent = live.idle.saturating_sub(idle_for) < 2 * FLUSH_DELAY;
        if is_new || is_urgent {
            let delay = if is_urgent { Duration::ZERO } else { FLUSH_DELAY };
            let (sessions, scheduled) = (self.clone(), ScheduledWrite(Arc::clone(&self.touches)));
            tokio::spawn(async move {
                let _scheduled = scheduled;
                tokio::time::sleep(delay).await;
                if let Err(error) = sessions.record_activity().await {
                    tracing::warn!(error = error.chain(), "activity was not recorded; the next request tries again");
                }
            });
        }
    }

    /// Writes the activity noted since the last time. It runs by itself a second after the first touch; call it before
    /// the program ends.
    ///
    /// It moves `last_seen_at` and the idle expiry forward, never back, and skips sessions that have ended meanwhile.
    pub async fn record_activity(&self) -> Result<()> {
        let touches = self.touches.take();
        for (index, batch) in touches.chunks(MAX_TOUCHES_PER_TRANSACTION).enumerate() {
            let rows = batch.to_vec();
            if let Err(error) = self.db.transaction(move |connection| queries::touch(connection, &rows)).await {
                self.touches.put_back(&touches[index * MAX_TOUCHES_PER_TRANSACTION..]);
                return Err(error);
            }
        }
        Ok(())
    }
}
