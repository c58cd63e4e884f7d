//! The handle through which everything above `db` reaches the database.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    batch::{FindFn, GroupCommit, GroupWriteFn, LookupThreads, Lookups, SqliteWriter},
    commit_signal::{self, CommitSignal},
    connect::{
        connection::DbConnection,
        opener::Opener,
        pool::Pool,
        url::{DatabaseUrl, Engine},
    },
    history::{self, EndStore, History, Journal, Replication},
};
use crate::{clock::Clock, error::Result};

/// How a [`Database`] is opened.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// Where the database is.
    pub url: DatabaseUrl,
    /// Maximum pooled connections. Batching opens a few more on PostgreSQL.
    pub pool_size: u32,
    /// How long one operation may take, waiting for a connection included, before it counts as unavailable.
    ///
    /// A server gives up within a second, so that each request gets an answer; a command that a person started waits
    /// longer.
    pub timeout: Duration,
    /// Whether a PostgreSQL server that is read-only or in recovery is refused. Of several hosts in the URL, such a one
    /// is always passed over.
    ///
    /// A server needs a writable database: on another one, a session that has ended may still be alive. A command that
    /// only reads may look at a standby.
    pub requires_writable: bool,
    /// Where ends are recorded so that they survive a failover or a restored backup of the database. Default: none.
    pub journal: Option<Journal>,
    /// Whether a write on PostgreSQL is acknowledged only when a synchronous standby has it. Default: no.
    pub requires_synchronous_standby: bool,
}

impl DatabaseOptions {
    /// The options of a server: 10 connections, 900 ms.
    pub fn for_server(url: DatabaseUrl) -> Self {
        Self { requires_writable: true, ..Self::new(url, 10, Duration::from_millis(900)) }
    }

    /// The options of a command: one connection, and five minutes, in which the doctor can read millions of rows.
    pub fn for_command(url: DatabaseUrl) -> Self {
        Self::new(url, 1, Duration::from_secs(300))
    }

    fn new(url: DatabaseUrl, pool_size: u32, timeout: Duration) -> Self {
        Self { url, pool_size, timeout, requires_writable: false, journal: None, requires_synchronous_standby: false }
    }
}

/// An open database; clones share its connections.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    history: Arc<History>,
    /// SQLite's only writer. PostgreSQL writes through the pool.
    writer: Option<SqliteWriter>,
    /// When SQLite's file was last found to accept writes. Its lock lets one check go on at a time.
    pub(super) written_at: Arc<tokio::sync::Mutex<Option<Instant>>>,
}

impl Database {
    /// Prepares the pool. Connections are opened when they are first needed, so this never waits for the database; call
    /// [`migrate`](crate::db::migrate()) to find out early whether it can be reached.
    pub fn open(options: DatabaseOptions) -> Self {
        let history = Arc::new(History::new(options.journal, options.requires_synchronous_standby));
        let opener = Opener::new(options.url, options.timeout).require_writable(options.requires_writable);
        let opener = Arc::new(opener);
        let writer =
            (opener.engine() == Engine::Sqlite).then(|| SqliteWriter::new(Arc::clone(&opener), Arc::clone(&history)));
        Self { pool: Pool::new(opener, options.pool_size), history, writer, written_at: Arc::default() }
    }

    /// The engine of the database.
    pub(crate) fn engine(&self) -> Engine {
        self.pool.opener().engine()
    }

    /// Whether the database has a clock of its own.
    pub(crate) fn has_clock(&self) -> bool {
        self.engine() == Engine::Postgres
    }

    /// Runs `work` on a connection, without a transaction around it. `work` must only read, because it runs again on
    /// another connection if a kept one was lost.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        self.pool.read(work).await
    }

    /// Runs `work` in one transaction, and again after a serialization failure or deadlock.
    ///
    /// On SQLite the transaction may share its commit with others, see `batch/sqlite_writer.rs`; `work` may then run
    /// again because another one failed.
    pub(crate) async fn transaction<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        if let Some(writer) = &self.writer {
            return writer.transaction(work).await;
        }
        let history = Arc::clone(&self.history);
        let work = move |connection: &mut DbConnection| {
            // An attempt that failed may have left some behind.
            history::clear_uncommitted();
            work(connection)
        };
        self.pool.transaction(work, move |connection| history.commit(connection)).await
    }

    /// Whether a synchronous standby has what the PostgreSQL server commits, as far as this role may see.
    pub async fn has_synchronous_standby(&self) -> Result<bool> {
        Ok(self.read(history::count_synchronous_standbys).await? > 0)
    }

    /// Whether writes wait for a synchronous standby, and how many this role sees. `None` on SQLite.
    pub(crate) async fn replication(&self) -> Result<Option<Replication>> {
        if self.engine() == Engine::Sqlite {
            return Ok(None);
        }
        let synchronous_standbys = self.read(history::count_synchronous_standbys).await?;
        Ok(Some(Replication { is_required: self.history.requires_synchronous_standby(), synchronous_standbys }))
    }

    /// Starts the thread that applies the journal of ends, if the database has one. From now on no lookup is answered
    /// before all of the journal's ends hold.
    pub(crate) fn watch_history<S: EndStore + Clone>(&self, store: S, clock: Clock) {
        history::watch(self.pool.opener(), &self.history, store, clock);
    }

    /// Whether the journal of ends has all that were committed.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::error::Error::Unavailable) while it can't be written.
    pub(crate) fn check_recorded_ends(&self) -> Result<()> {
        self.history.check_recorded_ends()
    }

    /// A number that changes whenever the database may have gone back to an earlier state.
    pub(crate) fn history_generation(&self) -> u64 {
        self.history.generation()
    }

    /// Whether sessions are looked up. They are not while the journal of ends is being applied.
    pub(super) fn is_history_verified(&self) -> bool {
        self.history.expected().is_some()
    }

    /// SQLite's file.
    pub(super) fn path(&self) -> Option<&Path> {
        self.pool.opener().path()
    }

    /// How long one operation may take.
    pub(super) fn timeout(&self) -> Duration {
        self.pool.opener().timeout()
    }

    /// Tells of commits that have recorded security events: those of this process, and on PostgreSQL those of others as
    /// soon as they are announced.
    pub(crate) fn commit_signal(&self) -> Arc<CommitSignal> {
        let signal = self.history.commits();
        commit_signal::announce(signal, self.pool.opener());
        Arc::clone(signal)
    }

    /// Ends that thread.
    pub(crate) fn stop_watching_history(&self) {
        self.history.close();
    }

    /// Creates one kind of lookup: `find` returns the value of each key, in the keys' order, and must only read.
    pub(crate) fn new_lookups<K, V>(&self, find: FindFn<K, V>, threads: LookupThreads) -> Lookups<K, V>
    where
        K: Clone + Send + Sync + 'static,
        V: Send + 'static,
    {
        Lookups::new(self.pool.clone(), Arc::clone(&self.history), find, threads)
    }

    /// Creates one kind of group commit. On SQLite it does nothing: there every transaction may share its commit.
    pub(crate) fn new_group_commit<K, V>(&self, write: GroupWriteFn<K, V>) -> GroupCommit<K, V>
    where
        K: Send + 'static,
        V: Send + 'static,
    {
        GroupCommit::new(self.pool.opener(), &self.history, write)
    }
}
