//! The other instances on one PostgreSQL database. Each has a journal of its own, so after a change of history an
//! instance waits until the others have applied theirs.
//!
//! Each instance writes a row once per second. It is named by its journal, since that journal's ends are waited for.

use diesel::{
    QueryableByName, RunQueryDsl,
    connection::SimpleConnection,
    sql_types::{Bool, Text},
};
use uuid::Uuid;

use crate::{db::DbConnection, error::Result};

/// A row of `keyrack_instances`.
#[derive(Debug, Clone, QueryableByName)]
pub(super) struct Neighbour {
    #[diesel(sql_type = Text)]
    pub id: String,
    /// The history to which it has applied its journal.
    #[diesel(sql_type = Text)]
    pub history: String,
    /// Whether it has written its row in the last ten seconds.
    #[diesel(sql_type = Bool)]
    pub is_alive: bool,
}

/// Writes the row of this instance: it is alive, and has applied its journal to this history. The row need not survive
/// a crash, so the disk is not waited for.
pub(super) fn announce(connection: &mut DbConnection, id: Uuid, history: &str) -> Result<()> {
    let history = history.replace('\'', "''");
    connection.batch_execute(&format!(
        "BEGIN; SET LOCAL synchronous_commit = off;
         INSERT INTO keyrack_instances (id, history, seen_at) VALUES ('{id}', '{history}', clock_timestamp())
         ON CONFLICT (id) DO UPDATE SET history = excluded.history, seen_at = excluded.seen_at;
         COMMIT"
    ))?;
    Ok(())
}

/// Reads the rows of the other instances.
pub(super) fn others(connection: &mut DbConnection, id: Uuid) -> Result<Vec<Neighbour>> {
    let sql = "SELECT CAST(id AS text) AS id, history, \
                   seen_at > clock_timestamp() - interval '10 seconds' AS is_alive \
               FROM keyrack_instances WHERE CAST(id AS text) <> $1";
    Ok(diesel::sql_query(sql).bind::<Text, _>(id.to_string()).load(connection)?)
}

/// Deletes the row of this instance, which stops.
pub(super) fn withdraw(connection: &mut DbConnection, id: Uuid) -> Result<()> {
    connection.batch_execute(&format!("DELETE FROM keyrack_instances WHERE id = '{id}'"))?;
    Ok(())
}

/// Deletes the rows of instances that have been gone for an hour, because they were killed.
pub(super) fn forget_gone(connection: &mut DbConnection) -> Result<()> {
    connection.batch_execute("DELETE FROM keyrack_instances WHERE seen_at < clock_timestamp() - interval '1 hour'")?;
    Ok(())
}
