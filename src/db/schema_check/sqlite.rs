//! Compares a SQLite database with the migrations.

use std::collections::BTreeMap;

use diesel::{
    RunQueryDsl, SqliteConnection,
    sql_types::{Nullable, Text},
};

use super::{
    columns::sqlite_column_problems,
    definitions::sqlite_triggers,
    problem::{Name, SchemaProblem},
    unreadable_rows::unreadable_values,
};
use crate::error::Result;

/// The indexes; those without a name of their own have SQLite's.
const INDEXES: [&str; 41] = [
    "IDX_session_expire",
    "account_links_by_time",
    "account_links_by_user",
    "ended_sids_by_time",
    "ends_for_journal_by_time",
    "known_browsers_by_session",
    "known_browsers_by_user",
    "mails_by_address",
    "mails_by_time",
    "mails_by_user",
    "mails_due",
    "recovery_codes_by_user",
    "passkeys_by_user",
    "passkeys_credential_id_key",
    "registrations_by_address",
    "registrations_by_time",
    "replaced_sids_by_session",
    "security_events_by_session",
    "security_events_by_time",
    "security_events_by_user",
    "security_events_of_settings",
    "sessions_by_end",
    "sessions_by_user",
    "sessions_form_id_key",
    "sqlite_autoindex_account_links_1",
    "sqlite_autoindex_conflicting_inserts_1",
    "sqlite_autoindex_ended_sids_1",
    "sqlite_autoindex_ends_for_journal_1",
    "sqlite_autoindex_keyrack_settings_1",
    "sqlite_autoindex_known_browsers_1",
    "sqlite_autoindex_mails_1",
    "sqlite_autoindex_one_time_passwords_1",
    "sqlite_autoindex_recovery_codes_1",
    "sqlite_autoindex_passkey_proofs_1",
    "sqlite_autoindex_passkeys_1",
    "sqlite_autoindex_registrations_1",
    "sqlite_autoindex_replaced_sids_1",
    "sqlite_autoindex_sessions_2",
    "sqlite_autoindex_sign_in_failures_1",
    "sqlite_autoindex_totp_factors_1",
    "sqlite_autoindex_user_sessions_1",
];

#[derive(diesel::QueryableByName)]
struct SchemaObject {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Text>)]
    sql: Option<String>,
}

pub(super) fn find_problems(connection: &mut SqliteConnection) -> Result<Vec<SchemaProblem>> {
    let objects = "SELECT name, sql FROM sqlite_master WHERE type IN ('index', 'trigger')";
    let objects: Vec<SchemaObject> = diesel::sql_query(objects).load(connection)?;
    let existing: BTreeMap<String, Option<String>> =
        objects.into_iter().map(|object| (object.name, object.sql)).collect();
    let mut problems = Vec::new();
    for (name, trigger) in sqlite_triggers() {
        let statement = trigger.statement;
        // A connection that remembers a trigger which another one has dropped learns of it by the DROP only.
        let recreate = format!("DROP TRIGGER IF EXISTS {name}; {statement}");
        match existing.get(name) {
            None => problems.push(
                SchemaProblem::new(
                    "missing trigger or index",
                    format!("{name} is missing: restore it by keyrack doctor --repair"),
                )
                .repaired_by(recreate),
            ),
            Some(sql) if !is_same_statement(sql.as_deref().unwrap_or_default(), statement) => problems.push(
                SchemaProblem::new(
                    "changed trigger",
                    format!("{name} differs from the migrations: restore it by keyrack doctor --repair"),
                )
                .repaired_by(recreate),
            ),
            Some(_) => {}
        }
    }
    let missing = INDEXES.iter().chain(&["users_email_key"]).filter(|name| !existing.contains_key(**name));
    problems.extend(missing.map(|name| {
        let detail = format!("{name} is missing: restore it from the migrations");
        SchemaProblem::new("missing trigger or index", detail)
    }));
    let column_problems = sqlite_column_problems(connection)?;
    if column_problems.is_empty() {
        problems.extend(unreadable_values(connection)?);
    }
    problems.extend(column_problems);
    problems.extend(broken_references(connection)?);
    problems.extend(damaged_pages(connection)?);
    Ok(problems)
}

fn is_same_statement(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

/// Finds rows that refer to a row that does not exist, which a program without `PRAGMA foreign_keys` can leave behind.
fn broken_references(connection: &mut SqliteConnection) -> Result<Vec<SchemaProblem>> {
    let rows = "SELECT \"table\" || ' refers to ' || \"parent\" || ' in ' || count(*) || ' row(s)' AS name
                FROM pragma_foreign_key_check GROUP BY \"table\", \"parent\"";
    let rows: Vec<Name> = diesel::sql_query(rows).load(connection)?;
    let problem = |Name { name }| {
        let detail = format!("{name} that do not exist: delete them; PRAGMA foreign_key_check lists them");
        SchemaProblem::new("broken reference", detail)
    };
    Ok(rows.into_iter().map(problem).collect())
}

/// Reports what `PRAGMA quick_check` finds: pages that a failing disk, or a copy made while in use, has damaged.
fn damaged_pages(connection: &mut SqliteConnection) -> Result<Vec<SchemaProblem>> {
    let check = "SELECT quick_check AS name FROM pragma_quick_check LIMIT 10";
    let lines: Vec<Name> = diesel::sql_query(check).load(connection)?;
    let problem = |Name { name }| {
        let detail = format!("{}: restore a backup, or recover what can be read by sqlite3's .recover", name.trim());
        SchemaProblem::new("damaged file", detail)
    };
    Ok(lines.into_iter().filter(|line| line.name != "ok").map(problem).collect())
}
