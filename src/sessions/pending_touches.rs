//! Activity that requests have noted and that is not yet written.

use std::{collections::HashMap, mem, sync::Arc};

use parking_lot::Mutex;

use super::queries::Touch;
use crate::db::SessionId;

/// Activity that is noted but not written: one entry per session, so never two concurrent writes for one.
#[derive(Debug, Default)]
pub(super) struct PendingTouches(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    sessions: HashMap<SessionId, Touch>,
    /// Whether a task is going to write them.
    is_scheduled: bool,
}

impl PendingTouches {
    /// Notes a touch. Returns whether the caller must schedule the write.
    pub fn add(&self, id: SessionId, touch: Touch) -> bool {
        let mut state = self.0.lock();
        let noted = state.sessions.entry(id).or_insert(touch);
        if noted.at < touch.at {
            *noted = Touch { former: noted.former, ..touch };
        }
        !mem::replace(&mut state.is_scheduled, true)
    }

    /// Takes all pending touches, in the order of their ids, in which every instance locks its rows.
    pub fn take(&self) -> Vec<(SessionId, Touch)> {
        let mut state = self.0.lock();
        // A later touch schedules another write.
        state.is_scheduled = false;
        let mut touches: Vec<_> = mem::take(&mut state.sessions).into_iter().collect();
        touches.sort_unstable_by_key(|(id, _)| *id);
        touches
    }

    /// Puts back what could not be written. It is written with the next touch.
    pub fn put_back(&self, touches: &[(SessionId, Touch)]) {
        let mut state = self.0.lock();
        for (id, touch) in touches {
            state.sessions.entry(*id).or_insert(*touch);
        }
    }
}

/// Held by the task that is going to write the pending touches. If the task is dropped before it does, as when its
/// worker panics, the next touch schedules another.
pub(super) struct ScheduledWrite(pub Arc<PendingTouches>);

impl Drop for ScheduledWrite {
    fn drop(&mut self) {
        self.0.0.lock().is_scheduled = false;
    }
}
