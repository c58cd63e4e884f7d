//! Connections that are kept between operations, and what tells whether they may be used again.

use std::{
    ops::{Deref, DerefMut},
    ptr,
    sync::{Arc, Weak},
    time::Instant,
};

use parking_lot::Mutex;

use super::{connection::DbConnection, opener::Opener};

/// A connection that knows when it was opened and last used.
///
/// [`Opener::is_usable`] compares both with what has happened to the database since.
pub(in crate::db) struct TrackedConnection {
    connection: DbConnection,
    /// The opener's generation when the connection was opened.
    pub(super) generation: u64,
    /// When the last operation on it ended.
    pub(super) last_used: Instant,
    /// Whether it has served an operation before the present one. An error of such a connection may only say that the
    /// connection was lost in between; an error of a new connection says that the database has a problem.
    pub is_kept: bool,
}

impl TrackedConnection {
    pub(super) fn new(connection: DbConnection, generation: u64) -> Self {
        Self { connection, generation, last_used: Instant::now(), is_kept: false }
    }

    /// Records that an operation on the connection has ended.
    pub fn note_use(&mut self) {
        self.last_used = Instant::now();
        self.is_kept = true;
    }
}

impl Deref for TrackedConnection {
    type Target = DbConnection;

    fn deref(&self) -> &DbConnection {
        &self.connection
    }
}

impl DerefMut for TrackedConnection {
    fn deref_mut(&mut self) -> &mut DbConnection {
        &mut self.connection
    }
}

/// What a slot contains.
pub(super) type SlotContent = Mutex<Option<TrackedConnection>>;

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

    /// Takes the connection out for an operation, so that an error or a panic drops it. Returns `None` if there is no
    /// connection that may be used.
    pub fn take(&self) -> Option<TrackedConnection> {
        let opener = self.opener.upgrade()?;
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
