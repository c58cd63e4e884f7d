//! What one subscriber has not taken yet.

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Change;
use crate::db::SessionId;

#[derive(Debug)]
pub(super) struct Mailbox {
    pub session: SessionId,
    change: Mutex<Option<Box<Change>>>,
    changed: Notify,
}

impl Mailbox {
    pub fn new(session: SessionId) -> Self {
        Self { session, change: Mutex::new(None), changed: Notify::new() }
    }

    pub fn update(&self, update: impl FnOnce(&mut Change)) {
        update(self.change.lock().get_or_insert_default());
        self.changed.notify_one();
    }

    /// Waits for a change and takes it.
    pub async fn next(&self) -> Change {
        loop {
            if let Some(change) = self.change.lock().take() {
                return *change;
            }
            self.changed.notified().await;
        }
    }
}
