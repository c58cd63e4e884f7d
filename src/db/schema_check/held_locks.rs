//! Finds transactions that keep the locks of tasks which several instances share.

use diesel::RunQueryDsl;

use super::problem::Name;
use crate::{db::DbConnection, error::Result};

/// Describes transactions that keep the purge, or the log of other programs' events, waiting: one sentence each. Empty on
/// SQLite.
pub(crate) fn held_lock_warnings(connection: &mut DbConnection) -> Result<Vec<String>> {
    let DbConnection::Postgres(connection) = connection else { return Ok(Vec::new()) };
    let found: Vec<Name> = diesel::sql_query(include_str!("held_locks.sql")).load(connection)?;
    Ok(found.into_iter().map(|row| row.name).collect())
}
