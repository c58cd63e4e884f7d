//! Fills in the new columns of existing sessions, one batch of rows per transaction.

use diesel::{OptionalExtension, RunQueryDsl, sql_types::BigInt};

use super::{
    catalog::Catalog, expected_tables::USER_SESSIONS, lock_timeout::with_short_lock_timeout, postgres::postgres,
};
use crate::{
    db::{
        DbConnection,
        schema::types::{SessionId, SqlUuid},
    },
    error::{Error, Result},
};

/// How many rows of `sessions` one transaction backfills.
const MAX_BATCH_ROWS: i64 = 1000;

/// Stands in for `user_sessions` where the application has no such table: no session has data.
const NO_USER_SESSIONS: &str =
    "(SELECT ''::varchar AS sid, NULL::json AS sess, NULL::timestamp AS expire WHERE false) AS user_sessions";

#[derive(diesel::QueryableByName)]
struct LastOfBatch {
    #[diesel(sql_type = SqlUuid)]
    id: SessionId,
}

/// Backfills all rows of `sessions`, in the order of their ids.
pub(super) fn backfill_sessions(connection: &mut DbConnection, catalog: &Catalog) -> Result<()> {
    let sql = include_str!("backfill.sql");
    let sql = match catalog.get(&USER_SESSIONS) {
        Some(_) => sql.to_owned(),
        None => sql.replace("LEFT JOIN user_sessions", &format!("LEFT JOIN {NO_USER_SESSIONS}")),
    };
    let mut after: SessionId = "00000000-0000-0000-0000-000000000000".parse().map_err(Error::internal)?;
    let mut rows = 0;
    loop {
        let last: Option<LastOfBatch> = with_short_lock_timeout(connection, |connection| {
            let batch = diesel::sql_query(&sql).bind::<SqlUuid, _>(after).bind::<BigInt, _>(MAX_BATCH_ROWS);
            Ok(batch.get_result(postgres(connection)?).optional()?)
        })?;
        let Some(last) = last else { return Ok(()) };
        after = last.id;
        rows += MAX_BATCH_ROWS;
        if rows % (100 * MAX_BATCH_ROWS) == 0 {
            tracing::info!(rows, "rows of sessions checked so far");
        }
    }
}
