//! A transaction of another program that keeps everyone from writing.

use std::thread;

use diesel::{Connection, PgConnection, SqliteConnection, connection::SimpleConnection};

use super::{EngineKind, TestDatabase};

/// Lets nothing be written until it is released. Reading goes on.
pub enum WriteLock {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl WriteLock {
    /// Locks this table. On SQLite, that is the whole file.
    pub fn take(database: &TestDatabase, table: &str) -> Self {
        match database.kind() {
            EngineKind::Sqlite => {
                let mut other = SqliteConnection::establish(database.url().strip_prefix("sqlite:").unwrap()).unwrap();
                other.batch_execute("PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE").unwrap();
                Self::Sqlite(other)
            }
            EngineKind::Postgres => {
                let mut other = PgConnection::establish(database.url()).unwrap();
                other.batch_execute(&format!("BEGIN; LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")).unwrap();
                Self::Postgres(other)
            }
        }
    }

    pub fn release(self) {
        match self {
            Self::Sqlite(mut other) => other.batch_execute("ROLLBACK").unwrap(),
            Self::Postgres(mut other) => other.batch_execute("ROLLBACK").unwrap(),
        }
    }
}

/// Makes a request, and runs SQL once it waits for its user's row, which another program has locked. PostgreSQL only: SQLite
/// does not show who waits.
pub fn change_before<T: Send>(database: &TestDatabase, sql: &str, request: impl FnOnce() -> T + Send) -> T {
    change_rows_before(database, "users", "%FOR%UPDATE%", sql, request)
}

/// The same for a request that waits for the rows of this table in a statement like this.
pub fn change_rows_before<T: Send>(
    database: &TestDatabase,
    table: &str,
    waiting: &str,
    sql: &str,
    request: impl FnOnce() -> T + Send,
) -> T {
    let mut other = PgConnection::establish(database.url()).unwrap();
    other.batch_execute(&format!("BEGIN; SELECT 1 FROM {table} FOR UPDATE")).unwrap();
    thread::scope(|scope| {
        let sent = scope.spawn(request);
        database.wait_until_blocked(waiting);
        other.batch_execute(&format!("{sql}; COMMIT")).unwrap();
        sent.join().unwrap()
    })
}
