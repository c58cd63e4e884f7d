//! Opens connections to one database, and decides which of the open ones may be used again.

use std::{
    fmt,
    path::Path,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use diesel::ConnectionError;
use parking_lot::{Mutex, RwLock};

use super::{
    connection::DbConnection,
    hosts::ConnectAttempts,
    sqlite_file::{FileChange, SqliteFile, log_change},
    tracked::{OpenGeneration, SlotContent, TrackedConnection},
    url::{DatabaseUrl, Engine},
};

/// How often all connections to a file that can't be written are replaced. Those that read are needed meanwhile.
const REOPEN_INTERVAL: Duration = Duration::from_secs(1);

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
    attempts: ConnectAttempts,
    /// Raised when all connections are discarded.
    generation: AtomicU64,
    /// What all open connections of the present generation share.
    open: Mutex<Arc<OpenGeneration>>,
    /// What the connections of earlier generations share, until they are closed.
    closing: Mutex<Vec<Weak<OpenGeneration>>>,
    /// The file of a SQLite database.
    file: Option<SqliteFile>,
    /// Taken for writing while a change of the file is handled, for reading while a connection to it is opened: one that
    /// opened the new file before the journal of the former one was moved away would write that journal to it.
    exchange: RwLock<()>,
    /// Called when a SQLite database may have gone back to an earlier state, since its files were exchanged.
    file_observer: OnceLock<FileObserver>,
    /// When a kept connection was last found to be lost. Those that were idle then may be lost, too.
    lost_at: Mutex<Option<Instant>>,
    /// When all connections to a SQLite file were last discarded because none could write it.
    reopened_at: Mutex<Option<Instant>>,
    /// The slots of all threads that keep a connection to this database.
    slots: Mutex<Vec<Weak<SlotContent>>>,
}

/// A function that has no name to print.
struct FileObserver(Box<dyn Fn() + Send + Sync>);

impl fmt::Debug for FileObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileObserver")
    }
}

impl Opener {
    pub fn new(url: DatabaseUrl, timeout: Duration) -> Self {
        Self {
            file: url.path().map(SqliteFile::new),
            url,
            timeout,
            requires_writable: false,
            preferred_host: AtomicUsize::new(0),
            attempts: ConnectAttempts::default(),
            generation: AtomicU64::new(0),
            open: Mutex::default(),
            closing: Mutex::default(),
            exchange: RwLock::default(),
            file_observer: OnceLock::new(),
            lost_at: Mutex::new(None),
            reopened_at: Mutex::new(None),
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

    /// Opens a connection that writes, of several hosts to the one that accepted the last connection if it still does.
    pub fn open(&self) -> Result<TrackedConnection, ConnectionError> {
        let Some(file) = &self.file else { return self.open_postgres() };
        self.open_file(file, self.timeout, |is_same_file| {
            let connection = DbConnection::open_file(&self.url, self.timeout, is_same_file)?;
            let guard = DbConnection::open_file_read_only(file.path(), Duration::ZERO, is_same_file)?;
            Ok((connection, Some(guard)))
        })
    }

    /// Opens a connection for reading through the pool, which waits for locks. On PostgreSQL it also writes.
    pub fn open_pooled(&self) -> Result<TrackedConnection, ConnectionError> {
        self.open_read_only_with(self.timeout)
    }

    /// Opens a connection that only reads and never waits for a lock.
    pub fn open_read_only(&self) -> Result<TrackedConnection, ConnectionError> {
        self.open_read_only_with(Duration::ZERO)
    }

    fn open_read_only_with(&self, lock_timeout: Duration) -> Result<TrackedConnection, ConnectionError> {
        let Some(file) = &self.file else { return self.open_postgres() };
        self.open_file(file, lock_timeout, |is_same_file| {
            Ok((DbConnection::open_file_read_only(file.path(), lock_timeout, is_same_file)?, None))
        })
    }

    /// Opens a connection for one read, which remembers no page that another connection has read. SQLite only.
    pub fn open_unshared(&self, path: &Path) -> Result<DbConnection, ConnectionError> {
        let _no_exchange = self.exchange.read();
        let is_same_file = || self.file.as_ref().is_some_and(|file| file.change().is_none());
        DbConnection::open_file_read_only(path, Duration::ZERO, &is_same_file)
    }

    /// Records that the content of a SQLite file was overwritten, so that [`Opener::check_file`] discards all
    /// connections.
    pub fn note_overwritten(&self) {
        if let Some(file) = &self.file {
            file.note_overwritten();
        }
    }

    /// Calls `observer` whenever the files of a SQLite database were exchanged, so that it may have gone back to an earlier
    /// state: before a connection opens the new files. Only the first observer that was set is called.
    pub fn observe_file(&self, observer: impl Fn() + Send + Sync + 'static) {
        let _ = self.file_observer.set(FileObserver(Box::new(observer)));
    }

    fn open_postgres(&self) -> Result<TrackedConnection, ConnectionError> {
        // Read first: what is discarded while the connection is being opened must include it.
        let (number, generation) = (self.generation(), Arc::clone(&self.open.lock()));
        let requires_writable = self.requires_writable || self.url.hosts().len() > 1;
        let open = move |host: &str| DbConnection::open_postgres(host, requires_writable);
        let first = self.preferred_host.load(Ordering::Relaxed);
        let timeout = self.url.connect_timeout() + self.timeout;
        let (host, connection) = self.attempts.open_first(self.url.hosts(), first, timeout, open)?;
        self.preferred_host.store(host, Ordering::Relaxed);
        Ok(TrackedConnection::new((connection, None), number, generation))
    }

    /// Opens a connection to the SQLite file with `open`, which is told how to find out whether the name still leads to the
    /// same file. `lock_timeout` is how long SQLite may wait for another writer's lock.
    fn open_file(
        &self,
        file: &SqliteFile,
        lock_timeout: Duration,
        open: impl FnOnce(&dyn Fn() -> bool) -> Result<(DbConnection, Option<DbConnection>), ConnectionError>,
    ) -> Result<TrackedConnection, ConnectionError> {
        self.check_file()?;
        let _no_exchange = self.exchange.read();
        // Read first: what is discarded while the connection is being opened must include it.
        let (number, generation) = (self.generation(), Arc::clone(&self.open.lock()));
        if self.is_closing() {
            // In one process, SQLite shares the index of the journal between old and new connections.
            let message = "the connections to the former database file are not closed yet";
            return Err(ConnectionError::BadConnection(message.to_owned()));
        }
        let before = file.present();
        let is_same_file = || file.present() == before && file.change().is_none();
        // The first connection is one that can switch the file to WAL, as a restored backup may need. If it can't be
        // opened, the other one tells why.
        let first = (!file.is_noted()).then(|| DbConnection::open_file(&self.url, lock_timeout, &is_same_file).ok());
        let mut connection = TrackedConnection::new(open(&is_same_file)?, number, generation);
        drop(first);
        if let Err(error) = file.note_opened(before) {
            connection.abandon_journal();
            return Err(ConnectionError::BadConnection(error.to_string()));
        }
        Ok(connection)
    }

    /// Like [`Opener::check_file`], for a lookup: it relies on a comparison of the last moment.
    pub fn check_file_lately(&self) -> Result<(), ConnectionError> {
        if self.file.as_ref().is_some_and(SqliteFile::was_just_unchanged) { Ok(()) } else { self.check_file() }
    }

    /// Finds out whether the files of a SQLite database are still those that the connections have. If not, discards
    /// all connections, and logs once what happened and what to do.
    ///
    /// # Errors
    /// If the files are missing or can't be used. If they were exchanged, the connections that are open are no longer
    /// [usable](Opener::is_usable), and the next one that is opened has the new files.
    pub fn check_file(&self) -> Result<(), ConnectionError> {
        let Some(file) = &self.file else { return Ok(()) };
        if file.change().is_none() {
            return Ok(());
        }
        // One thread at a time: the others find that it is done.
        let _exchange = self.exchange.write();
        let Some(change) = file.change() else { return Ok(()) };
        let is_last_closed = Arc::strong_count(&self.open.lock()) == 1;
        let may_have_gone_back = match change {
            FileChange::Missing => {
                if file.note_missing() {
                    self.discard_all();
                    log_change(change, file.path(), false);
                }
                let message = format!("the file {} does not exist", file.path().display());
                return Err(ConnectionError::BadConnection(message));
            }
            // The last connection that was closed has removed its journal.
            FileChange::JournalRemoved | FileChange::JournalReplaced if is_last_closed => false,
            FileChange::JournalRemoved => {
                // At hand unless it is in use: then its thread saves the journal when it closes the connection.
                let idle = self.begin_generation(false);
                let is_saved = idle.into_iter().all(TrackedConnection::close);
                log_change(change, file.path(), is_saved);
                !is_saved
            }
            FileChange::JournalReplaced | FileChange::Replaced | FileChange::Overwritten => {
                drop(self.begin_generation(true));
                log_change(change, file.path(), false);
                true
            }
        };
        if may_have_gone_back && let Some(FileObserver(observer)) = self.file_observer.get() {
            observer();
        }
        let moved = file.forget().map_err(|error| {
            ConnectionError::BadConnection(format!("cannot move the journal of the former database away: {error}"))
        })?;
        if let Some(journal) = moved {
            let journal = journal.display();
            tracing::warn!(
                "the journal of the former database would have been applied to the new one, and was moved to {journal}"
            );
        }
        Ok(())
    }

    /// Whether connections of an earlier generation are still open.
    fn is_closing(&self) -> bool {
        let mut closing = self.closing.lock();
        closing.retain(|generation| generation.strong_count() > 0);
        !closing.is_empty()
    }

    /// Whether an open connection may serve another operation.
    pub fn is_usable(&self, connection: &TrackedConnection) -> bool {
        connection.generation_number == self.generation()
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
        drop(self.begin_generation(false));
    }

    /// Makes all connections unusable, and returns the idle ones. With `abandon_journal`, closing them leaves the files
    /// of a SQLite database as they are.
    fn begin_generation(&self, abandon_journal: bool) -> Vec<TrackedConnection> {
        {
            let mut open = self.open.lock();
            self.generation.fetch_add(1, Ordering::SeqCst);
            let former = std::mem::take(&mut *open);
            former.is_journal_abandoned.store(abandon_journal, Ordering::SeqCst);
            let mut closing = self.closing.lock();
            closing.retain(|generation| generation.strong_count() > 0);
            closing.push(Arc::downgrade(&former));
        }
        let mut slots = self.slots.lock();
        slots.retain(|slot| slot.strong_count() > 0);
        slots.iter().filter_map(Weak::upgrade).filter_map(|slot| slot.lock().take()).collect()
    }

    /// Discards all connections to a SQLite file that a new one can't write, at most once per [`REOPEN_INTERVAL`].
    ///
    /// It stays so for as long as it is open, also after the file's owner or mode was corrected, and so does the index of
    /// the journal, which the connections of a process share: it is opened again once all of them are closed.
    pub fn reopen_unwritable(&self) {
        let mut reopened_at = self.reopened_at.lock();
        if reopened_at.is_none_or(|at| at.elapsed() >= REOPEN_INTERVAL) {
            *reopened_at = Some(Instant::now());
            self.discard_all();
        }
    }

    /// The number of times that all connections were discarded. What was read on a connection of an earlier generation
    /// may come from a server that is no longer the database.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    pub(super) fn register_slot(&self, content: &Arc<SlotContent>) {
        let mut slots = self.slots.lock();
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(content));
    }
}
