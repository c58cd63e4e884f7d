//! One connection, to either engine.

use std::time::{Duration, Instant};

use diesel::{
    Connection as _, PgConnection, RunQueryDsl, SqliteConnection,
    connection::{AnsiTransactionManager, CacheSize, SimpleConnection, TransactionManager},
    r2d2::R2D2Connection,
    sql_types::Bool,
};

use super::url::{DatabaseUrl, Engine};
use crate::error::{Error, Result};

/// A connection to the database that the settings name.
#[derive(diesel::MultiConnection)]
pub enum DbConnection {
    /// PostgreSQL 13 or later.
    Postgres(PgConnection),
    /// The embedded engine.
    Sqlite(SqliteConnection),
}

impl DbConnection {
    /// Opens a connection like [`DbConnection::open`], to a database file that may not exist yet.
    pub(in crate::db) fn create_or_open(url: &DatabaseUrl, timeout: Duration) -> Result<Self, diesel::ConnectionError> {
        url.create_private_file().map_err(|error| diesel::ConnectionError::BadConnection(error.to_string()))?;
        Self::open(url, timeout)
    }

    /// Opens a connection and sets it up for Keyrack's promises; on SQLite it waits for another writer as long as
    /// `timeout` says.
    ///
    /// A file that is missing is not created: an empty one in its place would look like a database without sessions, and
    /// the connections to it would outlive the return of the real one.
    pub fn open(url: &DatabaseUrl, timeout: Duration) -> Result<Self, diesel::ConnectionError> {
        let setup = |error| diesel::ConnectionError::CouldntSetupConfiguration(error);
        match url.engine() {
            Engine::Postgres => {
                let mut connection = PgConnection::establish(url.connection_string())?;
                // Diesel has set the zone to UTC; `user_sessions.expire` has none, and means what it means to the peers. The
                // zone is the only thing that is set for a connection and not for a transaction: poolers keep track of it.
                connection.batch_execute("RESET TIME ZONE").map_err(setup)?;
                if is_behind_pooler(&mut connection).map_err(setup)? {
                    connection.set_prepared_statement_cache_size(CacheSize::Disabled);
                }
                Ok(Self::Postgres(connection))
            }
            Engine::Sqlite => {
                if let Some(path) = url.path().filter(|path| !path.exists()) {
                    let message = format!("there is no file {}", path.display());
                    return Err(diesel::ConnectionError::BadConnection(message));
                }
                let mut connection = SqliteConnection::establish(url.connection_string())?;
                // The timeout comes first: switching to WAL already needs a lock.
                connection
                    .batch_execute(&format!("PRAGMA busy_timeout = {}", timeout.as_millis()))
                    .and_then(|()| switch_to_wal(&mut connection, Instant::now() + timeout))
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

    /// The engine at the other end.
    pub fn engine(&self) -> Engine {
        match self {
            Self::Postgres(_) => Engine::Postgres,
            Self::Sqlite(_) => Engine::Sqlite,
        }
    }

    /// Runs `work` in one transaction that writes: committed if it returns `Ok`, rolled back otherwise, and also after the
    /// deadline, when nobody waits for it any more: what was answered with "try again" should not have happened.
    pub fn transaction<T>(&mut self, deadline: Instant, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.begin()?;
        let late = || Error::Unavailable(anyhow::anyhow!("the transaction took too long and was rolled back"));
        match work(self).and_then(|value| if Instant::now() < deadline { Ok(value) } else { Err(late()) }) {
            Ok(value) => self.commit().map(|()| value),
            Err(error) => match self.rollback() {
                Ok(()) => Err(error),
                // The connection is lost; that is the news, whatever made the work give up.
                Err(lost) => Err(Error::Unavailable(anyhow::anyhow!("{}: {}", error.chain(), lost.chain()))),
            },
        }
    }

    /// Whether somebody between us and PostgreSQL hands its connections round, so that nothing may be left on one for later.
    pub(in crate::db) fn is_behind_pooler(&mut self) -> Result<bool> {
        match self {
            Self::Postgres(connection) => Ok(is_behind_pooler(connection)?),
            Self::Sqlite(_) => Ok(false),
        }
    }

    /// An acknowledged end must survive a crash of the server, whatever its default is; said for each transaction, which costs no
    /// way of its own.
    ///
    /// SQLite takes the write lock at the start: a transaction that reads first and then finds another writer in
    /// between would fail at once, without waiting.
    pub(in crate::db) fn begin(&mut self) -> diesel::QueryResult<()> {
        match self {
            Self::Postgres(connection) => {
                AnsiTransactionManager::begin_transaction_sql(connection, "BEGIN; SET LOCAL synchronous_commit = on")
            }
            Self::Sqlite(connection) => AnsiTransactionManager::begin_transaction_sql(connection, "BEGIN IMMEDIATE"),
        }
    }

    /// Begins a part of the open transaction that can be taken back alone.
    pub(in crate::db) fn begin_savepoint(&mut self) -> Result<()> {
        Ok(<Self as diesel::Connection>::TransactionManager::begin_transaction(self)?)
    }

    /// Ends the savepoint, or the transaction.
    pub(in crate::db) fn commit(&mut self) -> Result<()> {
        Ok(<Self as diesel::Connection>::TransactionManager::commit_transaction(self)?)
    }

    /// Takes back what was done since the savepoint, or in the transaction.
    pub(in crate::db) fn rollback(&mut self) -> Result<()> {
        Ok(<Self as diesel::Connection>::TransactionManager::rollback_transaction(self)?)
    }

    /// Whether a transaction was left open by an error, so that the connection can't be used again.
    pub(in crate::db) fn is_broken(&mut self) -> bool {
        R2D2Connection::is_broken(self)
    }
}

/// Whether a pooler is in between: the one that opened the server's connection did not say our name, as each of ours does
/// while it connects. `PgBouncer` connects under no name, and gives the connection ours by SET whenever it lends it to us.
///
/// In its transaction mode, each statement may meet another server connection. One that was prepared is not there, or, worse,
/// is another client's of the same name: so none may be prepared, and it has to be known before the first.
fn is_behind_pooler(connection: &mut PgConnection) -> diesel::QueryResult<bool> {
    #[derive(diesel::QueryableByName)]
    struct Verdict {
        #[diesel(sql_type = Bool)]
        is_ours: bool,
    }

    let name = "SELECT source = 'client' AS is_ours FROM pg_settings WHERE name = 'application_name'";
    Ok(!diesel::sql_query(name).get_result::<Verdict>(connection)?.is_ours)
}

/// Several that open a new file at once all want to switch it, and SQLite lets all but one fail without waiting.
fn switch_to_wal(connection: &mut SqliteConnection, deadline: Instant) -> diesel::QueryResult<()> {
    loop {
        match connection.batch_execute("PRAGMA journal_mode = WAL") {
            Err(error) if error.to_string().contains("locked") && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            outcome => return outcome,
        }
    }
}
