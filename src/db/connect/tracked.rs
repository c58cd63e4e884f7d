//! Connections that are kept between operations, and what tells whether they may be used again.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use parking_lot::Mutex;

use super::connection::DbConnection;

/// A connection that knows when it was opened and last used.
///
/// `Opener::is_usable` compares both with what has happened to the database since.
pub(in crate::db) struct TrackedConnection {
    connection: DbConnection,
    /// The opener's generation when the connection was opened.
    pub(super) generation_number: u64,
    /// When the last operation on it ended.
    pub(super) last_used: Instant,
    /// Whether it has served an operation before the present one. An error of such a connection may only say that the
    /// connection was lost in between; an error of a new connection says that the database has a problem.
    pub is_kept: bool,
    /// A connection to the same SQLite file that can't write. If it is closed after the one that writes, SQLite leaves
    /// the journal as it is, instead of writing it to the database and removing it.
    guard: Option<DbConnection>,
    /// Whether the journal beside the file may be another database's, though those of the generation are not.
    is_journal_abandoned: bool,
    /// Shared with the other connections of its generation. The last field, so that it is dropped after the connection:
    /// the opener learns from it when all of them are closed.
    generation: Arc<OpenGeneration>,
}

/// What the open connections of one generation share.
#[derive(Debug, Default)]
pub(super) struct OpenGeneration {
    /// Whether closing the connections must leave a SQLite journal as it is: it belongs to another database, or to
    /// another program that began a new one.
    pub is_journal_abandoned: AtomicBool,
}

impl Drop for TrackedConnection {
    fn drop(&mut self) {
        if !self.is_journal_abandoned && !self.generation.is_journal_abandoned.load(Ordering::SeqCst) {
            self.guard = None;
        }
    }
}

impl TrackedConnection {
    pub(super) fn new(
        (connection, guard): (DbConnection, Option<DbConnection>),
        number: u64,
        generation: Arc<OpenGeneration>,
    ) -> Self {
        Self {
            connection,
            generation_number: number,
            last_used: Instant::now(),
            is_kept: false,
            guard,
            is_journal_abandoned: false,
            generation,
        }
    }

    /// Leaves the journal as it is when the connection is closed.
    pub(super) fn abandon_journal(&mut self) {
        self.is_journal_abandoned = true;
    }

    /// Closes the connection. Returns whether nothing is lost with a journal that was removed: it is written to the
    /// database first, if this is the connection that can.
    pub(super) fn close(mut self) -> bool {
        self.guard.is_none() || self.connection.checkpoint()
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
