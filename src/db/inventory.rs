//! Whether the database is as the promises need it: triggers, indexes, time zone.

use std::collections::BTreeSet;

use diesel::{RunQueryDsl, sql_types::Text};

use super::{connection::DbConnection, url::Engine};
use crate::error::Result;

/// What both engines have under the same names.
const OBJECTS: [&str; 11] = [
    "IDX_session_expire",
    "keyrack_complete_end",
    "keyrack_end_without_data",
    "keyrack_freeze_data_of_ended",
    "keyrack_keep_active_sessions",
    "keyrack_refuse_data_of_ended",
    "keyrack_remove_data_of_ended",
    "replaced_sids_by_session",
    "sessions_by_end",
    "sessions_by_user",
    "users_email_key",
];

/// What only PostgreSQL has: where two write at once, and what keeps each sid from being there twice.
const POSTGRES_OBJECTS: [&str; 5] = [
    "keyrack_prefer_row_of_peer",
    "keyrack_remove_data_of_dead_sid",
    "replaced_sids_pkey",
    "session_pkey",
    "sessions_sid_key",
];

/// What only SQLite has, where a rule takes a trigger more, and times are text.
const SQLITE_OBJECTS: [&str; 10] = [
    "keyrack_cap_expire_inserted",
    "keyrack_cap_expire_updated",
    "keyrack_refuse_return",
    "keyrack_widen_expire_inserted",
    "keyrack_widen_expire_updated",
    "keyrack_widen_session_times_inserted",
    "keyrack_widen_session_times_updated",
    "sqlite_autoindex_replaced_sids_1",
    "sqlite_autoindex_sessions_2",
    "sqlite_autoindex_user_sessions_1",
];

#[derive(diesel::QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The names of the triggers and indexes that are not there, or are switched off.
pub(crate) fn missing_objects(connection: &mut DbConnection) -> Result<Vec<String>> {
    let (catalog, own): (_, &[&str]) = match connection.engine() {
        Engine::Postgres => (
            "SELECT indexname::text AS name FROM pg_indexes WHERE schemaname = ANY (current_schemas(false)) \
             UNION SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'",
            &POSTGRES_OBJECTS,
        ),
        Engine::Sqlite => ("SELECT name FROM sqlite_master WHERE type IN ('index', 'trigger')", &SQLITE_OBJECTS),
    };
    let names: Vec<Name> = diesel::sql_query(catalog).load(connection)?;
    let present: BTreeSet<String> = names.into_iter().map(|row| row.name).collect();
    Ok(OBJECTS.iter().chain(own).filter(|name| !present.contains(**name)).map(ToString::to_string).collect())
}

/// The `TimeZone` of this connection, if it comes from our own side (`PGTZ`, or options in the URL) and not from the server,
/// whose setting all that connect to it share. SQLite's times have no zone but UTC.
pub(crate) fn own_time_zone(connection: &mut DbConnection) -> Result<Option<String>> {
    if connection.engine() == Engine::Sqlite {
        return Ok(None);
    }
    let own = "SELECT setting AS name FROM pg_settings WHERE name = 'TimeZone' AND source = 'client'";
    let zones: Vec<Name> = diesel::sql_query(own).load(connection)?;
    Ok(zones.into_iter().next().map(|zone| zone.name))
}
