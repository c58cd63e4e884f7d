//! The places where threads keep their connections between operations.

use std::{
    ptr,
    sync::{Arc, Weak},
};

use super::{
    opener::Opener,
    tracked::{SlotContent, TrackedConnection},
};

/// The place where a thread keeps its connection between operations.
///
/// The opener knows all slots of its database, so that it can close the connections of threads that are idle. A slot
/// does not keep the opener: a database that was closed needs no connection.
pub(in crate::db) struct ConnectionSlot {
    opener: Weak<Opener>,
    content: Arc<SlotContent>,
}

impl ConnectionSlot {
    /// Creates an empty slot.
    pub fn new(opener: &Arc<Opener>) -> Self {
        let content = Arc::default();
        opener.register_slot(&content);
        Self { opener: Arc::downgrade(opener), content }
    }

    /// Whether the slot belongs to this opener's database.
    pub fn belongs_to(&self, opener: &Arc<Opener>) -> bool {
        ptr::eq(self.opener.as_ptr(), Arc::as_ptr(opener))
    }

    /// Whether the slot's database is still open.
    pub fn is_needed(&self) -> bool {
        self.opener.strong_count() > 0
    }

    /// Puts a connection that was just opened into the slot.
    pub fn put_new(&self, connection: TrackedConnection) {
        *self.content.lock() = Some(connection);
    }

    /// Whether the slot has a connection that may be used, as far as can be known without looking at the database.
    pub fn is_usable(&self) -> bool {
        let Some(opener) = self.opener.upgrade() else { return false };
        self.content.lock().as_ref().is_some_and(|connection| opener.is_usable(connection))
    }

    /// Takes the connection out for an operation, so that an error or a panic drops it. Returns `None` if there is no
    /// connection that may be used.
    pub fn take(&self) -> Option<TrackedConnection> {
        let opener = self.opener.upgrade()?;
        opener.check_file_lately().ok()?;
        let connection = self.content.lock().take();
        connection.filter(|connection| opener.is_usable(connection))
    }

    /// Keeps the connection for the next operation, unless all connections were discarded during this one.
    pub fn keep(&self, mut connection: TrackedConnection) {
        let Some(opener) = self.opener.upgrade() else { return };
        connection.note_use();
        let mut content = self.content.lock();
        if opener.is_usable(&connection) {
            *content = Some(connection);
        }
    }
}
