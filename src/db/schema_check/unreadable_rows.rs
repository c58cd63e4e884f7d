//! Finds values that Keyrack can't read, or finds by no query. On SQLite, a column takes any value; PostgreSQL's types refuse
//! almost all of them.

use diesel::{
    RunQueryDsl, SqliteConnection,
    sql_types::{BigInt, Text},
};

use super::problem::SchemaProblem;
use crate::{db::DbConnection, error::Result};

/// A table and its columns of a kind.
type Columns = (&'static str, &'static [&'static str]);

/// The columns with times, but for `security_events`, whose rows can't be corrected.
const TIMES: [Columns; 15] = [
    ("users", &["created_at", "updated_at", "password_changed_at", "disabled_at"]),
    ("sessions", &["expires_at", "created_at", "updated_at", "last_seen_at", "logged_out_at", "authenticated_at"]),
    ("user_sessions", &["expire"]),
    ("replaced_sids", &["replaced_at"]),
    ("ended_sids", &["forget_at"]),
    ("ends_for_journal", &["ended_at", "expires_at", "settles_at"]),
    ("sign_in_failures", &["last_failure_at", "forgotten_at"]),
    ("known_browsers", &["created_at", "last_used_at", "trusted_until"]),
    ("totp_factors", &["created_at", "last_used_at"]),
    ("recovery_codes", &["created_at", "used_at"]),
    ("mails", &["created_at", "next_attempt_at", "sent_at", "given_up_at"]),
    ("registrations", &["created_at", "expires_at", "used_at", "voided_at"]),
    ("account_links", &["created_at", "expires_at", "used_at", "password_changed_at", "voided_at"]),
    ("passkeys", &["created_at", "last_used_at", "challenged_at", "copied_at"]),
    ("passkey_proofs", &["passkey_added_at"]),
];

/// Those with UUIDs.
const UUIDS: [Columns; 13] = [
    ("users", &["id"]),
    ("sessions", &["id", "user_id"]),
    ("replaced_sids", &["session_id"]),
    ("ends_for_journal", &["session_id"]),
    ("known_browsers", &["user_id", "session_id", "trusted_in"]),
    ("one_time_passwords", &["user_id"]),
    ("mails", &["id", "user_id", "link_id", "attempt_id"]),
    ("registrations", &["id"]),
    ("account_links", &["id", "user_id", "session_id"]),
    ("totp_factors", &["user_id", "session_id"]),
    ("recovery_codes", &["user_id"]),
    ("passkeys", &["id", "user_id", "session_id"]),
    ("passkey_proofs", &["session_id"]),
];

/// The condition that a value is a time as Keyrack writes it, the same as that of the triggers.
fn is_time(column: &str) -> String {
    format!(
        "typeof({column}) = 'text' AND length(CAST({column} AS BLOB)) = 27
         AND {column} GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
         AND strftime('%Y-%m-%dT%H:%M:%S', substr({column}, 1, 19), '+0 days') IS substr({column}, 1, 19)"
    )
}

/// The condition that a value is a UUID as Keyrack writes it, the same as that of the triggers.
fn is_uuid(column: &str) -> String {
    format!(
        "typeof({column}) = 'text' AND length(CAST({column} AS BLOB)) = 36 AND length(replace({column}, '-', '')) = 32
         AND {column} GLOB '????????-????-????-????-????????????' AND {column} NOT GLOB '*[^-0-9a-f]*'"
    )
}

#[derive(diesel::QueryableByName)]
struct Unreadable {
    #[diesel(sql_type = BigInt)]
    count: i64,
    /// The first row.
    #[diesel(sql_type = BigInt)]
    first: i64,
    /// The beginning of its value, as a literal.
    #[diesel(sql_type = Text)]
    value: String,
}

/// Finds the columns of a SQLite database that hold such values.
pub(super) fn unreadable_values(connection: &mut SqliteConnection) -> Result<Vec<SchemaProblem>> {
    let times =
        TIMES.iter().map(|columns| (columns, "a time such as 2026-01-29T11:50:14.000000Z", is_time as fn(&str) -> _));
    let uuids = UUIDS.iter().map(|columns| (columns, "a UUID in lower case", is_uuid as fn(&str) -> _));
    let mut problems = Vec::new();
    for ((table, columns), expected, is_readable) in times.chain(uuids) {
        for column in *columns {
            let condition = is_readable(column);
            let query = format!(
                "SELECT count(*) AS count, coalesce(min(rowid), 0) AS first,
                     coalesce(substr(quote({column}), 1, 60), '') AS value
                 FROM {table} WHERE {column} IS NOT NULL AND NOT ({condition})"
            );
            let Unreadable { count, first, value } = diesel::sql_query(query).get_result(connection)?;
            if count > 0 {
                let detail = format!(
                    "{table}.{column} is not {expected} in {count} row(s), the first with the rowid {first}: {value:?}. Keyrack \
                     leaves these rows out: correct them, or delete them"
                );
                problems.push(SchemaProblem::new("unreadable value", detail));
            }
        }
    }
    Ok(problems)
}

#[derive(diesel::QueryableByName)]
struct UnreadableEvents {
    #[diesel(sql_type = BigInt)]
    count: i64,
    /// The first of them, with commas.
    #[diesel(sql_type = Text)]
    ids: String,
}

/// Warns of security events that can't be read, or only in part. They can't be corrected.
pub(crate) fn unreadable_event_warnings(connection: &mut DbConnection) -> Result<Option<String>> {
    let found: UnreadableEvents = match connection {
        DbConnection::Postgres(connection) => {
            diesel::sql_query(include_str!("unreadable_events.sql")).get_result(connection)?
        }
        DbConnection::Sqlite(connection) => {
            let (at, user, session) = (is_time("at"), is_uuid("user_id"), is_uuid("session_id"));
            let query = format!(
                "SELECT count(*) AS count, coalesce(group_concat(id, ', ') FILTER (WHERE position <= 10), '') AS ids
                 FROM (
                     SELECT id, row_number() OVER (ORDER BY id) AS position FROM security_events
                     WHERE id < 1 OR NOT ({at}) OR typeof(kind) <> 'text' OR typeof(actor) <> 'text'
                         OR user_id IS NOT NULL AND NOT ({user}) OR session_id IS NOT NULL AND NOT ({session})
                         OR CASE
                             WHEN typeof(detail) = 'text' AND json_valid(detail) THEN json_type(detail) <> 'object'
                             ELSE true
                         END
                 )"
            );
            diesel::sql_query(query).get_result(connection)?
        }
    };
    let UnreadableEvents { count, ids } = found;
    Ok((count > 0).then(|| {
        format!(
            "{count} security event(s) can't be read, or only in part, since another program wrote them; the first have the \
             ids {ids}: `keyrack events` shows what can be read of them, and the purge deletes them when their retention is \
             over"
        )
    }))
}
