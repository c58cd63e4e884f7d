//! One connection, to either engine.

use std::{
    thread,
    time::{Duration, Instant},
};

use diesel::{
    Connection as _, PgConnection, RunQueryDsl, SqliteConnection,
    connection::{AnsiTransactionManager, CacheSize, SimpleConnection, TransactionManager},
    r2d2::R2D2Connection,
    sql_types::Bool,
};

use super::{
    errors::rolled_back_after_deadline,
    url::{DatabaseUrl, Engine},
};
use crate::error::{Error, Result};

/// Pause between two attempts to switch a new SQLite file to WAL.
const WAL_RETRY_DELAY: Duration = Duration::from_millis(5);

/// A connection to either engine.
#[derive(diesel::MultiConnection)]
pub enum DbConnection {
    /// PostgreSQL 13 or later.
    Postgres(PgConnection),
    /// The embedded engine.
    Sqlite(SqliteConnection),
}

impl DbConnection {
    /// Opens a connection like [`DbConnection::open`], and creates a missing SQLite file.
    pub(in crate::db) fn create_or_open(
        url: &DatabaseUrl,
        lock_timeout: Duration,
    ) -> Result<Self, diesel::ConnectionError> {
        url.create_private_file().map_err(|error| diesel::ConnectionError::BadConnection(error.to_string()))?;
        Self::open(url, lock_timeout)
    }

    /// Opens a connection and sets it up: durable commits, foreign keys, the peers' time zone. `lock_timeout` is how
    /// long SQLite waits for another writer's lock.
    ///
    /// A missing SQLite file is not created: an empty one in its place would look like a database without sessions, and
    /// the connections to it would stay open after the real file has come back.
    pub fn open(url: &DatabaseUrl, lock_timeout: Duration) -> Result<Self, diesel::ConnectionError> {
        let setup = |error| diesel::ConnectionError::CouldntSetupConfiguration(error);
        match url.engine() {
            Engine::Postgres => {
                let mut connection = PgConnection::establish(url.connection_string())?;
                // Diesel has set the time zone to UTC, but `user_sessions.expire` has no zone and is in the peers'. It
                // is the only setting that lasts longer than a transaction: poolers keep track of it.
                connection.batch_execute("RESET TIME ZONE").map_err(setup)?;
                if is_behind_pooler(&mut connection).map_err(setup)? {
                    connection.set_prepared_statement_cache_size(CacheSize::Disabled);
                }
                Ok(Self::Postgres(connection))
            }
            Engine::Sqlite => {
                if let Some(path) = url.path().filter(|path| !path.exists()) {
                    let message = format!("the file {} does not exist", path.display());
                    return Err(diesel::ConnectionError::BadConnection(message));
                }
                let mut connection = SqliteConnection::establish(url.connection_string())?;
                // The lock timeout comes first, because switching to WAL already needs a lock.
                connection
                    .batch_execute(&format!("PRAGMA busy_timeout = {}", lock_timeout.as_millis()))
                    .and_then(|()| switch_to_wal(&mut connection, Instant::now() + lock_timeout))
                    .and_then(|()| connection.batch_execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON"))
                    .map_err(setup)?;
                Ok(Self::Sqlite(connection))
            }
        }
    }

    /// Opens a connection that only reads and never waits for a lock.
    pub(in crate::db) fn open_read_only(url: &DatabaseUrl) -> Result<Self, diesel::ConnectionError> {
        let mut connection = Self::open(url, Duration::ZERO)?;
        if let Self::Sqlite(connection) = &mut connection {
            let setup = |error| diesel::ConnectionError::CouldntSetupConfiguration(error);
            connection.batch_execute("PRAGMA query_only = ON").map_err(setup)?;
        }
        Ok(connection)
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
        self.begin()?;
        let outcome = work(self)
            .and_then(|value| if Instant::now() < deadline { Ok(value) } else { Err(rolled_back_after_deadline()) });
        match outcome {
            Ok(value) => self.commit().map(|()| value),
            Err(error) => Err(match self.rollback() {
                Ok(()) => error,
                // The connection is lost, which matters more than why the work failed.
                Err(lost) => Error::Unavailable(anyhow::anyhow!("{}: {}", error.chain(), lost.chain())),
            }),
        }
    }

    /// Whether a pooler sits between us and PostgreSQL, so that each transaction may run on another server connection.
    pub(in crate::db) fn is_behind_pooler(&mut self) -> Result<bool> {
        match self {
            Self::Postgres(connection) => Ok(is_behind_pooler(connection)?),
            Self::Sqlite(_) => Ok(false),
        }
    }

    /// Begins a transaction that writes.
    ///
    /// On PostgreSQL it asks for a durable commit, whatever the server's default, because an acknowledged end must
    /// survive a crash. That is sent with BEGIN and costs no extra round trip.
    ///
    /// On SQLite it takes the write lock at once: a transaction that reads first fails without waiting if another one
    /// writes in between.
    pub(in crate::db) fn begin(&mut self) -> diesel::QueryResult<()> {
        match self {
            Self::Postgres(connection) => {
                AnsiTransactionManager::begin_transaction_sql(connection, "BEGIN; SET LOCAL synchronous_commit = on")
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

    /// Rolls back to the savepoint, or the whole transaction.
    pub(in crate::db) fn rollback(&mut self) -> Result<()> {
        Ok(<Self as diesel::Connection>::TransactionManager::rollback_transaction(self)?)
    }

    /// Whether an error left a transaction open, so that the connection can't be used again.
    pub(in crate::db) fn is_broken(&mut self) -> bool {
        R2D2Connection::is_broken(self)
    }
}

/// Whether a pooler sits between us and PostgreSQL.
///
/// Each of our connections passes its `application_name` while it connects, so on a direct connection the server names
/// the client as the source of the setting. `PgBouncer` connects without a name and sets ours whenever it lends us the
/// connection.
///
/// In a pooler's transaction mode, each transaction may run on another server connection. A prepared statement may be
/// missing there or, worse, be another client's of the same name. So none may be prepared, and this has to be known
/// before the first.
fn is_behind_pooler(connection: &mut PgConnection) -> diesel::QueryResult<bool> {
    #[derive(diesel::QueryableByName)]
    struct ApplicationName {
        #[diesel(sql_type = Bool)]
        is_from_client: bool,
    }

    let name = "SELECT source = 'client' AS is_from_client FROM pg_settings WHERE name = 'application_name'";
    Ok(!diesel::sql_query(name).get_result::<ApplicationName>(connection)?.is_from_client)
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
