//! Lets one task at a time end many sessions of a user.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use crate::db::UserId;

/// Lets one task at a time work on a user's sessions in this process.
#[derive(Debug, Default)]
pub(super) struct UserTurns(Mutex<HashMap<UserId, Arc<tokio::sync::Mutex<()>>>>);

impl UserTurns {
    /// Waits for the other tasks.
    pub async fn take(self: &Arc<Self>, user: UserId) -> UserTurn {
        let lock = self.lock_of(user);
        UserTurn { user, guard: Some(lock.lock_owned().await), turns: Arc::clone(self) }
    }

    /// Returns `None` if another task is working.
    pub fn try_take(self: &Arc<Self>, user: UserId) -> Option<UserTurn> {
        let guard = self.lock_of(user).try_lock_owned().ok()?;
        Some(UserTurn { user, guard: Some(guard), turns: Arc::clone(self) })
    }

    fn lock_of(&self, user: UserId) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.0.lock().entry(user).or_default())
    }
}

/// A task's turn; the next task's begins when it is dropped.
pub(super) struct UserTurn {
    user: UserId,
    guard: Option<OwnedMutexGuard<()>>,
    turns: Arc<UserTurns>,
}

impl Drop for UserTurn {
    fn drop(&mut self) {
        self.guard = None;
        let mut locks = self.turns.0.lock();
        // Only the map holds it: no other task waits.
        if locks.get(&self.user).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            locks.remove(&self.user);
        }
    }
}
