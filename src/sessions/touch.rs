//! Touch: recording that a device was active.
//!
//! A request only notes the activity; a moment later, all that was noted is written together, so that a thousand active
//! sessions do not mean a thousand transactions. What waits is lost in a crash: at most the last minute's activity.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    Sessions,
    policy::TOUCH_INTERVAL,
    queries::{self, Touch},
    resume::LiveSession,
};
use crate::{clock::Timestamp, db::SessionId, error::Result};

/// How long activity is gathered before it is written.
const GATHERING: Duration = Duration::from_secs(1);

/// How many rows one transaction changes: an end that waits for one of them waits for so many at most.
const BATCH: usize = 200;

/// Activity that waits to be written: one entry a session, so never two writes for one at once.
#[derive(Debug, Default)]
pub(super) struct Touches(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    sessions: HashMap<SessionId, Touch>,
    /// Whether somebody is going to write them.
    is_scheduled: bool,
}

impl Touches {
    /// Takes the note. Returns whether the caller has to see to it that it is written.
    fn add(&self, id: SessionId, touch: Touch) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = waiting.sessions.entry(id).or_insert(touch);
        if noted.at < touch.at {
            *noted = touch;
        }
        !mem::replace(&mut waiting.is_scheduled, true)
    }

    /// Everything that waits, in the order of the ids, in which every instance locks its rows.
    fn take(&self) -> Vec<(SessionId, Touch)> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What is noted from here on is for somebody else to write.
        waiting.is_scheduled = false;
        let mut touches: Vec<_> = mem::take(&mut waiting.sessions).into_iter().collect();
        touches.sort_unstable_by_key(|(id, _)| *id);
        touches
    }

    /// Puts back what could not be written; the next note brings it along.
    fn put_back(&self, touches: &[(SessionId, Touch)]) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, touch) in touches {
            waiting.sessions.entry(*id).or_insert(*touch);
        }
    }
}

/// Held by whoever is going to write what waits. If that never happens (a worker that dies takes its tasks along), dropping
/// this lets the next note see to it.
struct Scheduled(Arc<Touches>);

impl Drop for Scheduled {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).is_scheduled = false;
    }
}

impl Sessions {
    /// Notes that a session is active now, if the last record is a minute old.
    pub(super) fn touch(&self, live: &mut LiveSession, now: Timestamp) {
        // Under an idle limit of a few minutes, a record a minute would be too coarse.
        if live.idle_for(now) < TOUCH_INTERVAL.min(live.idle / 4) {
            return;
        }
        let runs_out = now + live.idle;
        let expire = if live.has_absolute_expiry { live.expires_at.min(runs_out) } else { runs_out };
        live.last_seen_at = now;
        if !live.has_absolute_expiry {
            live.expires_at = expire;
        }
        if self.touches.add(live.id, Touch { at: now, expire }) {
            let (sessions, scheduled) = (self.clone(), Scheduled(Arc::clone(&self.touches)));
            tokio::spawn(async move {
                let _scheduled = scheduled;
                tokio::time::sleep(GATHERING).await;
                if let Err(error) = sessions.record_activity().await {
                    tracing::warn!(error = error.chain(), "activity was not recorded; it will be with the next");
                }
            });
        }
    }

    /// Writes the activity that was noted since the last time. It happens by itself a second after the first note; call it
    /// before the program ends.
    ///
    /// It moves `last_seen_at` and the idle end forward, never back, and never touches a session that has ended meanwhile.
    pub async fn record_activity(&self) -> Result<()> {
        let touches = self.touches.take();
        for (index, batch) in touches.chunks(BATCH).enumerate() {
            let rows = batch.to_vec();
            if let Err(error) = self.db.transaction(move |connection| queries::touch(connection, &rows)).await {
                self.touches.put_back(&touches[index * BATCH..]);
                return Err(error);
            }
        }
        Ok(())
    }
}
