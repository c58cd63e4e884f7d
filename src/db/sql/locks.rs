//! Locks on more than rows. On SQLite they do nothing: a transaction that writes already excludes every other writer.

use std::time::Duration;

use diesel::{RunQueryDsl, connection::SimpleConnection};

use crate::{
    db::{DbConnection, Engine},
    error::Result,
};

/// Work that only one instance does at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdvisoryLock {
    /// Migrating.
    Migrate,
    /// Purging.
    Purge,
    /// Logging the security events of other programs.
    LogEvents,
}

/// The number of the first advisory lock: "keyrack" in ASCII, then a byte for the kind of work.
const FIRST_LOCK_NUMBER: i64 = 0x6b65_7972_6163_6b00;

impl AdvisoryLock {
    fn number(self) -> i64 {
        FIRST_LOCK_NUMBER + self as i64
    }
}

/// Waits for the lock and takes it until the transaction ends.
pub fn take_advisory_lock(connection: &mut DbConnection, lock: AdvisoryLock) -> Result<()> {
    if connection.engine() == Engine::Postgres {
        connection.batch_execute(&format!("SELECT pg_advisory_xact_lock({})", lock.number()))?;
    }
    Ok(())
}

/// Takes the lock until the connection is closed, unless another instance holds it. Returns whether it took it.
pub fn try_take_advisory_lock(connection: &mut DbConnection, lock: AdvisoryLock) -> Result<bool> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        locked: bool,
    }

    if connection.engine() == Engine::Sqlite {
        return Ok(true);
    }
    let query = diesel::sql_query(format!("SELECT pg_try_advisory_lock({}) AS locked", lock.number()));
    Ok(query.get_result::<Row>(connection)?.locked)
}

/// Limits how long this transaction waits for a row that another one holds. Then one that does not end costs an error
/// instead of the connection.
pub fn limit_lock_wait(connection: &mut DbConnection, max_wait: Duration) -> Result<()> {
    if connection.engine() == Engine::Postgres {
        connection.batch_execute(&format!("SET LOCAL lock_timeout = {}", max_wait.as_millis()))?;
    }
    Ok(())
}

/// Makes deferred constraints fail the statement that violates them instead of the commit, until this transaction ends.
pub fn check_constraints_at_once(connection: &mut DbConnection) -> Result<()> {
    if connection.engine() == Engine::Postgres {
        connection.batch_execute("SET CONSTRAINTS ALL IMMEDIATE")?;
    }
    Ok(())
}

/// Blocks every other transaction's writes to a table until this one ends. Reads go on.
pub fn lock_writes(connection: &mut DbConnection, table: &'static str) -> Result<()> {
    if connection.engine() == Engine::Postgres {
        connection.batch_execute(&format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))?;
    }
    Ok(())
}
