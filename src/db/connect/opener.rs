//! Opens connections to one database, and decides which of the open ones may be used again.

use std::{
    path::Path,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{
    connection::DbConnection,
    hosts,
    tracked::{SlotContent, TrackedConnection},
    url::{DatabaseUrl, Engine},
};

/// The URL of one database, the timeout of its operations, and the state of its connections.
///
/// All that belongs to one [`Database`](crate::db::Database) shares one opener through an `Arc`; that pointer tells
/// the database from others that are open in the same process.
#[derive(Debug)]
pub(in crate::db) struct Opener {
    url: DatabaseUrl,
    timeout: Duration,
    /// Whether a server that is read-only or in recovery is refused.
    requires_writable: bool,
    /// Number of the host that accepted the last connection.
    preferred_host: AtomicUsize,
    /// Raised when all connections are discarded.
    generation: AtomicU64,
    /// When a kept connection was last found to be lost. Those that were idle then may be lost, too.
    lost_at: Mutex<Option<Instant>>,
    /// The slots of all threads that keep a connection to this database.
    slots: Mutex<Vec<Weak<SlotContent>>>,
}

impl Opener {
    pub fn new(url: DatabaseUrl, timeout: Duration) -> Self {
        Self {
            url,
            timeout,
            requires_writable: false,
            preferred_host: AtomicUsize::new(0),
            generation: AtomicU64::new(0),
            lost_at: Mutex::new(None),
            slots: Mutex::new(Vec::new()),
        }
    }

    /// Refuses servers that are read-only or in recovery, also if the URL names only one host. Of several hosts, such
    /// a server is always passed over.
    pub fn require_writable(mut self, required: bool) -> Self {
        self.requires_writable = required;
        self
    }

    /// The database file. `None` for PostgreSQL.
    pub fn path(&self) -> Option<&Path> {
        self.url.path()
    }

    /// The engine that the URL names.
    pub fn engine(&self) -> Engine {
        self.url.engine()
    }

    /// How long one operation may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Opens a connection, of several hosts to the one that accepted the last connection if it still does.
    pub fn open(&self) -> Result<TrackedConnection, diesel::ConnectionError> {
        // Read first: what is discarded while the connection is being opened must include it.
        let generation = self.generation();
        let connection = match self.engine() {
            Engine::Postgres => {
                let requires_writable = self.requires_writable || self.url.hosts().len() > 1;
                let open = move |host: &str| DbConnection::open_postgres(host, requires_writable);
                let first = self.preferred_host.load(Ordering::Relaxed);
                let (host, connection) = hosts::open_first(self.url.hosts(), first, open)?;
                self.preferred_host.store(host, Ordering::Relaxed);
                connection
            }
            Engine::Sqlite => DbConnection::open(&self.url, self.timeout)?,
        };
        Ok(TrackedConnection::new(connection, generation))
    }

    /// Opens a connection that only reads and never waits for a lock.
    pub fn open_read_only(&self) -> Result<TrackedConnection, diesel::ConnectionError> {
        let generation = self.generation();
        Ok(TrackedConnection::new(DbConnection::open_read_only(&self.url)?, generation))
    }

    /// Whether an open connection may serve another operation.
    pub fn is_usable(&self, connection: &TrackedConnection) -> bool {
        connection.generation == self.generation()
            && self.lost_at.lock().is_none_or(|lost_at| connection.last_used > lost_at)
    }

    /// Records that a kept connection was lost. All that are idle now are discarded instead of being used again: the
    /// server was restarted, or a firewall or a timeout of the server has ended them in the same way.
    pub fn discard_idle(&self) {
        *self.lost_at.lock() = Some(Instant::now());
    }

    /// Discards all connections: idle ones at once, the others when their operation ends. The next operation opens a
    /// new one, of several hosts to the first that accepts writes.
    pub fn discard_all(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        let mut slots = self.slots.lock();
        slots.retain(|slot| slot.strong_count() > 0);
        for slot in slots.iter().filter_map(Weak::upgrade) {
            drop(slot.lock().take());
        }
    }

    /// The number of times that all connections were discarded. What was read on a connection of an earlier generation
    /// may come from a server that is no longer the database.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    pub(super) fn register_slot(&self, content: &Arc<SlotContent>) {
        self.slots.lock().push(Arc::downgrade(content));
    }
}
