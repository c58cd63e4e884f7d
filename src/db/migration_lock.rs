//! The lock that keeps two instances from migrating a PostgreSQL database at the same time.
//!
//! Once there is a table of migrations, its lock is enough: to take it, a role needs the right to write to that table. The
//! first migration has no table yet, and may import those of an Express application in several transactions, so it takes
//! an advisory lock. Any role that may connect can take that, too, and keep it: what waits for it says who holds it.

use diesel::{
    RunQueryDsl,
    connection::SimpleConnection,
    sql_types::{Bool, Nullable, Text},
};

use super::{DbConnection, Engine};
use crate::error::{Error, Result};

/// The number of the advisory lock: "keyrack" in ASCII, then a zero.
const LOCK_NUMBER: i64 = 0x6b65_7972_6163_6b00;

/// Takes the advisory lock until the connection is closed, unless another one holds it. Returns whether it took it.
pub(super) fn try_lock(connection: &mut DbConnection) -> Result<bool> {
    try_with(connection, "pg_try_advisory_lock")
}

/// Takes the lock until the transaction ends, which limits the wait by its `lock_timeout`.
///
/// # Errors
/// [`Error::Unavailable`] with the words "lock timeout" if another one holds it.
pub(super) fn lock_in_transaction(connection: &mut DbConnection, has_table: bool) -> Result<()> {
    if connection.engine() == Engine::Sqlite {
        return Ok(());
    }
    if has_table {
        connection.batch_execute("LOCK TABLE __diesel_schema_migrations IN SHARE UPDATE EXCLUSIVE MODE")?;
        return Ok(());
    }
    if try_with(connection, "pg_try_advisory_xact_lock")? {
        return Ok(());
    }
    let holder = holder(connection)?;
    Err(Error::Unavailable(anyhow::anyhow!("lock timeout: {holder} holds the lock of migrations")))
}

/// Says who holds the advisory lock.
pub(super) fn holder(connection: &mut DbConnection) -> Result<String> {
    #[derive(diesel::QueryableByName)]
    struct Holder {
        #[diesel(sql_type = Text)]
        process: String,
        #[diesel(sql_type = Nullable<Text>)]
        role: Option<String>,
    }

    let query = format!(
        "SELECT pg_locks.pid::text AS process, usename::text AS role FROM pg_locks LEFT JOIN pg_stat_activity USING (pid)
         WHERE locktype = 'advisory' AND granted AND objsubid = 1
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
             AND (classid::bigint << 32) + objid::bigint = {LOCK_NUMBER}"
    );
    let found: Vec<Holder> = diesel::sql_query(query).load(connection)?;
    Ok(found.into_iter().next().map_or_else(
        || "a process that has ended".to_owned(),
        |Holder { process, role }| format!("process {process} of the role {}", role.unwrap_or_default()),
    ))
}

fn try_with(connection: &mut DbConnection, function: &str) -> Result<bool> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bool)]
        is_locked: bool,
    }

    if connection.engine() == Engine::Sqlite {
        return Ok(true);
    }
    let query = diesel::sql_query(format!("SELECT {function}({LOCK_NUMBER}) AS is_locked"));
    Ok(query.get_result::<Row>(connection)?.is_locked)
}
