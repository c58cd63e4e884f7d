//! One connection, to either engine.

use std::{
    os::unix::ffi::OsStrExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use diesel::{
    Connection as _, PgConnection, RunQueryDsl, SqliteConnection,
    connection::{AnsiTransactionManager, CacheSize, SimpleConnection, TransactionManager},
    r2d2::R2D2Connection,
    sql_types::{BigInt, Bool, Integer},
};
use percent_encoding::{AsciiSet, CONTROLS};

use super::{
    errors::{may_be_committed, rolled_back_after_deadline},
    hosts::ConnectAttempts,
    url::{DatabaseUrl, Engine},
};
use crate::error::{Error, Result};

/// Pause between two attempts to switch a new SQLite file to WAL.
const WAL_RETRY_DELAY: Duration = Duration::from_millis(5);

/// How long a command waits for a new connection's first statement. Poolers let clients wait for a server, `PgBouncer`
/// for up to two minutes.
const OPEN_TIMEOUT: Duration = Duration::from_secs(150);

/// What has a meaning in the path of a URI.
const URI_PATH: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#');

/// How long a checkpoint that saves a removed journal is repeated.
const CHECKPOINT_TIMEOUT: Duration = Duration::from_millis(500);

/// Why a server is refused that can't take part in a sign-in or an end.
const READ_ONLY_SERVER: &str = "the server does not accept writes: it is a standby, or default_transaction_read_only \
                                is on";

/// A connection to either engine.
#[derive(diesel::MultiConnection)]
pub enum DbConnection {
    /// PostgreSQL 13 or later.
    Postgres(PgConnection),
    /// The embedded engine.
    Sqlite(SqliteConnection),
}

/// A transaction that failed.
pub(in crate::db) struct TransactionFailure {
    pub error: Error,
    /// Whether nothing was committed, so that the work may run again. After a lost commit it is not known.
    pub nothing_happened: bool,
}

impl DbConnection {
    /// Opens a connection like [`DbConnection::open`], and creates a missing SQLite file.
    pub(in crate::db) fn create_or_open(
        url: &DatabaseUrl,
        lock_timeout: Duration,
    ) -> Result<Self, diesel::ConnectionError> {
        url.create_private_file().map_err(|error| diesel::ConnectionError::BadConnection(error.to_string()))?;
        match url.path() {
            None => Self::open(url, lock_timeout),
            Some(path) => open_sqlite(path, url.connection_string(), lock_timeout, &Opening::new(true)),
        }
    }

    /// Opens a connection and sets it up: durable commits, foreign keys, the peers' time zone. `lock_timeout` is how
    /// long SQLite waits for another writer's lock.
    ///
    /// A missing SQLite file is not created: an empty one in its place would look like a database without sessions, and
    /// the connections to it would stay open after the real file has come back. An empty one is refused: it is about to
    /// be written by another program, as `cp` does, and the switch to WAL would write a first page into that.
    pub fn open(url: &DatabaseUrl, lock_timeout: Duration) -> Result<Self, diesel::ConnectionError> {
        match url.engine() {
            Engine::Postgres => {
                let requires_writable = url.hosts().len() > 1;
                let open = move |host: &str| Self::open_postgres(host, requires_writable);
                let timeout = url.connect_timeout() + OPEN_TIMEOUT;
                let opened = ConnectAttempts::default().open_first(url.hosts(), 0, timeout, open);
                opened.map(|(_, connection)| connection)
            }
            Engine::Sqlite => {
                let path = Path::new(url.connection_string());
                open_sqlite(path, url.connection_string(), lock_timeout, &Opening::new(false))
            }
        }
    }

    /// Opens a SQLite file like [`DbConnection::open`], unless `is_same_file` is false once it is open: then another file
    /// has its name, and nothing was read or written.
    pub(in crate::db) fn open_file(
        url: &DatabaseUrl,
        lock_timeout: Duration,
        is_same_file: &dyn Fn() -> bool,
    ) -> Result<Self, diesel::ConnectionError> {
        let opening = Opening { may_be_empty: false, is_same_file };
        open_sqlite(Path::new(url.connection_string()), url.connection_string(), lock_timeout, &opening)
    }

    /// Opens a connection to one PostgreSQL server, and sets it up.
    ///
    /// # Errors
    /// Also if `requires_writable` and the server is read-only or in recovery: the old primary after a failover, or a
    /// standby, which may not have the latest ends of sessions.
    pub(in crate::db) fn open_postgres(
        connection_string: &str,
        requires_writable: bool,
    ) -> Result<Self, diesel::ConnectionError> {
        let setup = |error| diesel::ConnectionError::CouldntSetupConfiguration(error);
        let mut connection = PgConnection::establish(connection_string)?;
        let server = server_state(&mut connection).map_err(setup)?;
        if requires_writable && server.is_read_only {
            return Err(diesel::ConnectionError::BadConnection(READ_ONLY_SERVER.to_owned()));
        }
        // Diesel has set the time zone to UTC, but `user_sessions.expire` has no zone and is in the peers'. It is the
        // only setting that lasts longer than a transaction behind a pooler: poolers keep track of it.
        if server.is_direct {
            // Reads outside of a transaction take their isolation level from here.
            connection
                .batch_execute("RESET TIME ZONE; SET default_transaction_isolation = 'read committed'")
                .map_err(setup)?;
        } else {
            connection.batch_execute("RESET TIME ZONE").map_err(setup)?;
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
        }
        Ok(Self::Postgres(connection))
    }

    /// Opens a SQLite file like [`DbConnection::open_file`], for reading only.
    pub(in crate::db) fn open_file_read_only(
        path: &Path,
        lock_timeout: Duration,
        is_same_file: &dyn Fn() -> bool,
    ) -> Result<Self, diesel::ConnectionError> {
        open_sqlite(path, &read_only_uri(path), lock_timeout, &Opening { may_be_empty: false, is_same_file })
    }

    /// The engine that the connection leads to.
    pub fn engine(&self) -> Engine {
        match self {
            Self::Postgres(_) => Engine::Postgres,
            Self::Sqlite(_) => Engine::Sqlite,
        }
    }

    /// Runs `work` in one transaction that writes. Commits if `work` succeeds before the deadline, otherwise rolls
    /// back: after the deadline the caller has reported a failure, so nothing may have happened.
    pub fn transaction<T>(&mut self, deadline: Instant, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.try_transaction(deadline, work, Self::commit).map_err(|failure| failure.error)
    }

    /// Runs `work` like [`DbConnection::transaction`] and commits with `commit`. The error says whether the work may run
    /// again.
    pub(in crate::db) fn try_transaction<T>(
        &mut self,
        deadline: Instant,
        work: impl FnOnce(&mut Self) -> Result<T>,
        commit: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<T, TransactionFailure> {
        let nothing_happened = |error| TransactionFailure { error, nothing_happened: true };
        self.begin().map_err(|error| nothing_happened(error.into()))?;
        let outcome = work(self)
            .and_then(|value| if Instant::now() < deadline { Ok(value) } else { Err(rolled_back_after_deadline()) });
        match outcome {
            Ok(value) => commit(self)
                .map(|()| value)
                .map_err(|error| TransactionFailure { nothing_happened: !may_be_committed(&error), error }),
            Err(error) => Err(nothing_happened(match self.rollback() {
                Ok(()) => error,
                // The connection is lost, which matters more than why the work failed.
                Err(lost) => Error::Unavailable(anyhow::anyhow!("{}: {}", error.chain(), lost.chain())),
            })),
        }
    }

    /// Whether a pooler sits between us and PostgreSQL, so that each transaction may run on another server connection.
    pub(in crate::db) fn is_behind_pooler(&mut self) -> Result<bool> {
        match self {
            Self::Postgres(connection) => Ok(!server_state(connection)?.is_direct),
            Self::Sqlite(_) => Ok(false),
        }
    }

    /// Begins a transaction that writes.
    ///
    /// On PostgreSQL it sets a durable commit, whatever the server's default, because an acknowledged end must survive
    /// a crash; and READ COMMITTED, for which the row locks are designed: a stricter default of the role or the
    /// database would only make transactions fail that wait for the same row. Both are sent with BEGIN and cost no
    /// extra round trip.
    ///
    /// On SQLite it takes the write lock at once: a transaction that reads first fails without waiting if another one
    /// writes in between.
    pub(in crate::db) fn begin(&mut self) -> diesel::QueryResult<()> {
        match self {
            Self::Postgres(connection) => {
                let begin = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = on";
                AnsiTransactionManager::begin_transaction_sql(connection, begin)
            }
            Self::Sqlite(connection) => AnsiTransactionManager::begin_transaction_sql(connection, "BEGIN IMMEDIATE"),
        }
    }

    /// Begins a part of the open transaction that can be rolled back alone.
    pub(in crate::db) fn begin_savepoint(&mut self) -> Result<()> {
        Ok(<Self as diesel::Connection>::TransactionManager::begin_transaction(self)?)
    }

    /// Commits the transaction, or ends the savepoint.
    pub(in crate::db) fn commit(&mut self) -> Result<()> {
        Ok(<Self as diesel::Connection>::TransactionManager::commit_transaction(self)?)
    }

    /// Keeps in memory what SQLite needs to undo a savepoint. It would write more than 64 kB of it to a temporary file: the
    /// end of 200 sessions took a third of its time for that.
    ///
    /// It holds for the connection, and for sorting, too, so it is for one whose transactions are short.
    pub(in crate::db) fn keep_savepoints_in_memory(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => Ok(connection.batch_execute("PRAGMA temp_store = MEMORY")?),
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Rolls back to the savepoint, or the whole transaction.
    pub(in crate::db) fn rollback(&mut self) -> Result<()> {
        Ok(<Self as diesel::Connection>::TransactionManager::rollback_transaction(self)?)
    }

    /// Writes the whole journal of a SQLite database to its file. Returns whether that succeeded.
    ///
    /// Other connections may be reading an older state for a moment, which the checkpoint can't pass.
    pub(in crate::db) fn checkpoint(&mut self) -> bool {
        let Self::Sqlite(connection) = self else { return false };
        let deadline = Instant::now() + CHECKPOINT_TIMEOUT;
        loop {
            match diesel::sql_query("PRAGMA wal_checkpoint(PASSIVE)").get_result::<Checkpoint>(connection) {
                Ok(done) if done.busy == 0 && done.log == done.checkpointed => return true,
                _ if Instant::now() > deadline => return false,
                _ => thread::sleep(WAL_RETRY_DELAY),
            }
        }
    }

    /// Whether an error left a transaction open, so that the connection can't be used again.
    pub(in crate::db) fn is_broken(&mut self) -> bool {
        R2D2Connection::is_broken(self)
    }
}

/// What a server says about itself right after a connection was opened.
#[derive(diesel::QueryableByName)]
struct ServerState {
    /// Whether no pooler sits between us and PostgreSQL.
    ///
    /// Each of our connections passes its `application_name` while it connects, so on a direct connection the server
    /// names the client as the source of the setting. `PgBouncer` connects without a name and sets ours whenever it
    /// lends us the connection.
    ///
    /// In a pooler's transaction mode, each transaction may run on another server connection. A prepared statement may
    /// be missing there or, worse, be another client's of the same name. So none may be prepared, and this has to be
    /// known before the first.
    #[diesel(sql_type = Bool)]
    is_direct: bool,
    /// Whether it is in recovery, or its transactions are read-only by default.
    #[diesel(sql_type = Bool)]
    is_read_only: bool,
}

fn server_state(connection: &mut PgConnection) -> diesel::QueryResult<ServerState> {
    diesel::sql_query(include_str!("connection/server_state.sql")).get_result(connection)
}

/// What a SQLite file must be to be opened.
struct Opening<'a> {
    may_be_empty: bool,
    is_same_file: &'a dyn Fn() -> bool,
}

impl Opening<'_> {
    fn new(may_be_empty: bool) -> Self {
        Self { may_be_empty, is_same_file: &|| true }
    }
}

/// Opens a SQLite file by its path or URI.
fn open_sqlite(
    path: &Path,
    address: &str,
    lock_timeout: Duration,
    opening: &Opening<'_>,
) -> Result<DbConnection, diesel::ConnectionError> {
    let bad = |state: &str| diesel::ConnectionError::BadConnection(format!("the file {} {state}", path.display()));
    if !path.exists() {
        return Err(bad("does not exist"));
    }
    let failed = diesel::ConnectionError::CouldntSetupConfiguration;
    let mut connection = SqliteConnection::establish(address)?;
    // The journal is opened by the first statement. If another file has the name, the journal of the former one may still
    // be beside it, would be taken for its own, and written to it.
    if !(opening.is_same_file)() {
        return Err(bad("was exchanged while it was being opened"));
    }
    // The lock timeout comes first, because reading the schema and switching to WAL already need a lock.
    connection.batch_execute(&format!("PRAGMA busy_timeout = {}", lock_timeout.as_millis())).map_err(failed)?;
    if !opening.may_be_empty && count_schema_objects(&mut connection).map_err(failed)? == 0 {
        return Err(bad("is empty, or has no table yet"));
    }
    // Reading the schema again opens the journal.
    switch_to_wal(&mut connection, Instant::now() + lock_timeout)
        .and_then(|()| connection.batch_execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON"))
        .and_then(|()| count_schema_objects(&mut connection))
        .map_err(failed)?;
    Ok(DbConnection::Sqlite(connection))
}

fn count_schema_objects(connection: &mut SqliteConnection) -> diesel::QueryResult<i64> {
    diesel::dsl::sql::<BigInt>("SELECT count(*) FROM sqlite_schema").get_result(connection)
}

/// Returns a URI with which SQLite opens the file for reading only.
fn read_only_uri(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let encoded = percent_encoding::percent_encode(path.as_os_str().as_bytes(), URI_PATH);
    format!("file://{encoded}?mode=ro")
}

/// How far a checkpoint came, in pages.
#[derive(diesel::QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = Integer)]
    busy: i32,
    #[diesel(sql_type = Integer)]
    log: i32,
    #[diesel(sql_type = Integer)]
    checkpointed: i32,
}

/// Switches a new file to WAL, and retries while another connection does the same: SQLite then fails without waiting.
fn switch_to_wal(connection: &mut SqliteConnection, deadline: Instant) -> diesel::QueryResult<()> {
    loop {
        match connection.batch_execute("PRAGMA journal_mode = WAL") {
            Err(error) if error.to_string().contains("locked") && Instant::now() < deadline => {
                thread::sleep(WAL_RETRY_DELAY);
            }
            outcome => return outcome,
        }
    }
}
