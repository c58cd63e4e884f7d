//! Whether the database is as the promises need it: triggers, indexes.

use std::collections::BTreeSet;

use diesel::{PgConnection, RunQueryDsl, sql_types::Text};

use super::indexes::{INDEXES, Index, Present};
use crate::{
    db::{DbConnection, Engine},
    error::Result,
};

/// The triggers that both engines have under the same names.
const TRIGGERS: [&str; 7] = [
    "keyrack_complete_end",
    "keyrack_end_without_data",
    "keyrack_forget_user",
    "keyrack_freeze_data_of_ended",
    "keyrack_keep_active_sessions",
    "keyrack_refuse_data_of_ended",
    "keyrack_remove_data_of_ended",
];

/// What only PostgreSQL has: where two write at once, and where peers do.
const POSTGRES_TRIGGERS: [&str; 2] = ["keyrack_prefer_row_of_peer", "keyrack_remove_data_of_dead_sid"];

/// What only SQLite has, where a rule takes a trigger more, and times are text.
const SQLITE_OBJECTS: [&str; 15] = [
    "IDX_session_expire",
    "keyrack_cap_expire_inserted",
    "keyrack_cap_expire_updated",
    "keyrack_refuse_return",
    "keyrack_widen_expire_inserted",
    "keyrack_widen_expire_updated",
    "keyrack_widen_session_times_inserted",
    "keyrack_widen_session_times_updated",
    "replaced_sids_by_session",
    "sessions_by_end",
    "sessions_by_user",
    "sqlite_autoindex_replaced_sids_1",
    "sqlite_autoindex_sessions_2",
    "sqlite_autoindex_user_sessions_1",
    "users_email_key",
];

#[derive(diesel::QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The names of the triggers and indexes that are not there, or are switched off.
pub(crate) fn missing_schema_objects(connection: &mut DbConnection) -> Result<Vec<String>> {
    let (catalog, own): (_, &[&str]) = match connection.engine() {
        Engine::Postgres => (
            // A view of users needs none.
            "SELECT tgname::text AS name FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' \
             UNION SELECT 'keyrack_forget_user' FROM pg_class WHERE oid = to_regclass('users') AND relkind = 'v'",
            &POSTGRES_TRIGGERS,
        ),
        Engine::Sqlite => ("SELECT name FROM sqlite_master WHERE type IN ('index', 'trigger')", &SQLITE_OBJECTS),
    };
    let names: Vec<Name> = diesel::sql_query(catalog).load(connection)?;
    let present: BTreeSet<String> = names.into_iter().map(|row| row.name).collect();
    let missing = TRIGGERS.iter().chain(own).filter(|name| !present.contains(**name)).map(ToString::to_string);
    let indexes =
        if let DbConnection::Postgres(connection) = connection { missing_indexes(connection)? } else { Vec::new() };
    Ok(missing.chain(indexes).collect())
}

/// An index of a table that was taken over may have another name. A view has none, and is its owner's business.
fn missing_indexes(connection: &mut PgConnection) -> Result<Vec<String>> {
    let views = "SELECT relname::text AS name FROM pg_class WHERE oid = to_regclass('users') AND relkind = 'v'";
    let views: Vec<Name> = diesel::sql_query(views).load(connection)?;
    let present = Present::read(connection)?;
    let is_missing = |index: &&Index| !present.serves(index) && views.iter().all(|view| view.name != index.table);
    Ok(INDEXES.iter().filter(is_missing).map(|index| index.name.to_owned()).collect())
}
