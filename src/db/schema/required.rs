//! Checks that the triggers and indexes that Keyrack relies on exist.

use std::collections::BTreeSet;

use diesel::{PgConnection, RunQueryDsl, sql_types::Text};

use super::indexes::{ExistingIndexes, INDEXES, Index};
use crate::{
    db::{DbConnection, Engine},
    error::Result,
};

/// The triggers that both engines have under the same names.
const TRIGGERS: [&str; 9] = [
    "keyrack_complete_end",
    "keyrack_end_without_data",
    "keyrack_forget_known_browser",
    "keyrack_forget_user",
    "keyrack_freeze_data_of_ended",
    "keyrack_keep_active_sessions",
    "keyrack_record_set_up",
    "keyrack_refuse_data_of_ended",
    "keyrack_remove_data_of_ended",
];

/// The triggers that only PostgreSQL needs, for concurrent writers and for peers.
const POSTGRES_TRIGGERS: [&str; 2] = ["keyrack_prefer_row_of_peer", "keyrack_remove_data_of_dead_sid"];

/// The indexes of SQLite, and the triggers that only SQLite needs: where one rule takes several, and for times as text.
const SQLITE_OBJECTS: [&str; 20] = [
    "IDX_session_expire",
    "keyrack_cap_expire_inserted",
    "keyrack_cap_expire_updated",
    "keyrack_refuse_return",
    "keyrack_widen_expire_inserted",
    "keyrack_widen_expire_updated",
    "keyrack_widen_session_times_inserted",
    "keyrack_widen_session_times_updated",
    "known_browsers_by_session",
    "known_browsers_by_user",
    "replaced_sids_by_session",
    "sessions_by_end",
    "sessions_by_user",
    "sqlite_autoindex_keyrack_settings_1",
    "sqlite_autoindex_known_browsers_1",
    "sqlite_autoindex_replaced_sids_1",
    "sqlite_autoindex_sessions_2",
    "sqlite_autoindex_sign_in_failures_1",
    "sqlite_autoindex_user_sessions_1",
    "users_email_key",
];

/// A view `users` needs no trigger, so its trigger counts as existing.
const POSTGRES_CATALOG: &str = "\
     SELECT tgname::text AS name FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' \
     UNION SELECT unnest(ARRAY['keyrack_forget_user', 'keyrack_record_set_up']) FROM pg_class WHERE oid = to_regclass('users') AND relkind = 'v'";

const SQLITE_CATALOG: &str = "SELECT name FROM sqlite_master WHERE type IN ('index', 'trigger')";

#[derive(diesel::QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The names of the required triggers and indexes that do not exist or are disabled.
pub(crate) fn missing_schema_objects(connection: &mut DbConnection) -> Result<Vec<String>> {
    let (catalog, of_engine): (_, &[&str]) = match connection.engine() {
        Engine::Postgres => (POSTGRES_CATALOG, &POSTGRES_TRIGGERS),
        Engine::Sqlite => (SQLITE_CATALOG, &SQLITE_OBJECTS),
    };
    let names: Vec<Name> = diesel::sql_query(catalog).load(connection)?;
    let existing: BTreeSet<String> = names.into_iter().map(|row| row.name).collect();
    let missing = TRIGGERS.iter().chain(of_engine).filter(|name| !existing.contains(**name)).map(ToString::to_string);
    let indexes = match connection {
        DbConnection::Postgres(connection) => missing_indexes(connection)?,
        DbConnection::Sqlite(_) => Vec::new(),
    };
    Ok(missing.chain(indexes).collect())
}

/// The names of the required indexes that no existing index covers. Views have no indexes: those of the table behind
/// it are up to its owner.
fn missing_indexes(connection: &mut PgConnection) -> Result<Vec<String>> {
    let views = "SELECT relname::text AS name FROM pg_class WHERE oid = to_regclass('users') AND relkind = 'v'";
    let views: Vec<Name> = diesel::sql_query(views).load(connection)?;
    let existing = ExistingIndexes::read(connection)?;
    let is_missing = |index: &&Index| !existing.covers(index) && views.iter().all(|view| view.name != index.table);
    Ok(INDEXES.iter().filter(is_missing).map(|index| index.name.to_owned()).collect())
}
