//! Touch: records that a device was active.
//!
//! A request only notes the activity. A moment later, all noted activity is written at once, so that a thousand active
//! sessions don't mean a thousand transactions. A crash loses what is noted but not written: at most the last minute's
//! activity.

use std::{collections::HashMap, mem, sync::Arc, time::Duration};

use parking_lot::Mutex;

use super::{
    Sessions,
    policy::TOUCH_INTERVAL,
    queries::{self, Touch},
    resume::LiveSession,
};
use crate::{clock::Timestamp, db::SessionId, error::Result};

/// How long activity is collected before it is written.
const FLUSH_DELAY: Duration = Duration::from_secs(1);

/// The most rows that one transaction changes. An end that waits for one of them waits for no more than that.
const MAX_TOUCHES_PER_TRANSACTION: usize = 200;

/// Activity that is noted but not written: one entry per session, so never two concurrent writes for one.
#[derive(Debug, Default)]
pub(super) struct Touches(Mutex<PendingTouches>);

#[derive(Debug, Default)]
struct PendingTouches {
    sessions: HashMap<SessionId, Touch>,
    /// Whether a task is going to write them.
    is_scheduled: bool,
}

impl Touches {
    /// Notes a touch. Returns whether the caller must schedule the write.
    fn add(&self, id: SessionId, touch: Touch) -> bool {
        let mut pending = self.0.lock();
        let noted = pending.sessions.entry(id).or_insert(touch);
        if noted.at < touch.at {
            *noted = touch;
        }
        !mem::replace(&mut pending.is_scheduled, true)
    }

    /// Takes all pending touches, in the order of their ids, in which every instance locks its rows.
    fn take(&self) -> Vec<(SessionId, Touch)> {
        let mut pending = self.0.lock();
        // A later touch schedules another write.
        pending.is_scheduled = false;
        let mut touches: Vec<_> = mem::take(&mut pending.sessions).into_iter().collect();
        touches.sort_unstable_by_key(|(id, _)| *id);
        touches
    }

    /// Puts back what could not be written. It is written with the next touch.
    fn put_back(&self, touches: &[(SessionId, Touch)]) {
        let mut pending = self.0.lock();
        for (id, touch) in touches {
            pending.sessions.entry(*id).or_insert(*touch);
        }
    }
}

/// Held by the task that is going to write the pending touches. If the task is dropped before it does, as when its
/// worker panics, the next touch schedules another.
struct Scheduled(Arc<Touches>);

impl Drop for Scheduled {
    fn drop(&mut self) {
        self.0.0.lock().is_scheduled = false;
    }
}

impl Sessions {
    /// Notes that a session is active now, unless that was recorded less than a minute ago.
    pub(super) fn touch(&self, live: &mut LiveSession, now: Timestamp) {
        // Once a minute would be too coarse for an idle limit of a few minutes.
        if live.idle_for(now) < TOUCH_INTERVAL.min(live.idle / 4) {
            return;
        }
        let idle_expiry = now + live.idle;
        let expire = if live.has_absolute_expiry { live.expires_at.min(idle_expiry) } else { idle_expiry };
        live.last_seen_at = now;
        if !live.has_absolute_expiry {
            live.expires_at = expire;
        }
        if self.touches.add(live.id, Touch { at: now, expire }) {
            let (sessions, scheduled) = (self.clone(), Scheduled(Arc::clone(&self.touches)));
            tokio::spawn(async move {
                let _scheduled = scheduled;
                tokio::time::sleep(FLUSH_DELAY).await;
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
