//! The columns of Keyrack's tables, as the migrations create them.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{
    PgConnection, RunQueryDsl, SqliteConnection,
    sql_types::{Array, Text},
};

use super::problem::SchemaProblem;
use crate::error::Result;

/// A table: its name, and the names and the PostgreSQL types of its columns.
struct Table(&'static str, &'static [(&'static str, &'static str)]);

const TIME: &str = "timestamp with time zone NOT NULL";

/// The tables that only Keyrack has, so that their columns have exactly these types. An application may have made the
/// others; [`column_problems`](crate::db::express_import) checks what is needed of those.
const OWN_TABLES: [Table; 16] = [
    Table(
        "replaced_sids",
        &[
            ("sid", "character varying NOT NULL"),
            ("session_id", "uuid NOT NULL"),
            ("replaced_at", "timestamp with time zone"),
        ],
    ),
    Table("ended_sids", &[("sid", "character varying NOT NULL"), ("forget_at", TIME)]),
    Table(
        "ends_for_journal",
        &[
            ("session_id", "uuid NOT NULL"),
            ("end_reason", "character varying(32) NOT NULL"),
            ("ended_at", TIME),
            ("expires_at", TIME),
            ("settles_at", TIME),
            ("is_truncated", "boolean NOT NULL"),
        ],
    ),
    Table("keyrack_settings", &[("name", "character varying(64) NOT NULL"), ("value", "text NOT NULL")]),
    Table(
        "sign_in_failures",
        &[
            ("key", "text NOT NULL"),
            ("in_a_row", "integer NOT NULL"),
            ("last_failure_at", TIME),
            ("forgotten_at", TIME),
        ],
    ),
    Table(
        "known_browsers",
        &[
            ("id_hash", "text NOT NULL"),
            ("user_id", "uuid NOT NULL"),
            ("session_id", "uuid NOT NULL"),
            ("created_at", TIME),
            ("last_used_at", TIME),
            ("trusted_until", "timestamp with time zone"),
            ("trusted_in", "uuid"),
        ],
    ),
    Table(
        "one_time_passwords",
        &[("user_id", "uuid NOT NULL"), ("password_changed_at", TIME), ("used_at", "timestamp with time zone")],
    ),
    Table(
        "mails",
        &[
            ("id", "uuid NOT NULL"),
            ("created_at", TIME),
            ("user_id", "uuid"),
            ("address", "text NOT NULL"),
            ("kind", "character varying(32) NOT NULL"),
            ("params", "json NOT NULL"),
            ("language", "character varying(16) NOT NULL"),
            ("link_id", "uuid"),
            ("attempts", "integer NOT NULL"),
            ("attempt_id", "uuid"),
            ("next_attempt_at", "timestamp with time zone"),
            ("sent_at", "timestamp with time zone"),
            ("given_up_at", "timestamp with time zone"),
            ("last_error", "text"),
        ],
    ),
    Table(
        "account_links",
        &[
            ("id", "uuid NOT NULL"),
            ("kind", "character varying(32) NOT NULL"),
            ("user_id", "uuid NOT NULL"),
            ("token_hash", "character varying(64) NOT NULL"),
            ("created_at", TIME),
            ("expires_at", TIME),
            ("used_at", "timestamp with time zone"),
            ("password_changed_at", "timestamp with time zone"),
            ("voided_at", "timestamp with time zone"),
            ("session_id", "uuid"),
            ("requested_by", "character varying(80)"),
            ("address", "text"),
        ],
    ),
    Table(
        "registrations",
        &[
            ("id", "uuid NOT NULL"),
            ("address", "text NOT NULL"),
            ("token_hash", "character varying(64) NOT NULL"),
            ("created_at", TIME),
            ("expires_at", TIME),
            ("used_at", "timestamp with time zone"),
            ("voided_at", "timestamp with time zone"),
        ],
    ),
    Table(
        "totp_factors",
        &[
            ("user_id", "uuid NOT NULL"),
            ("sealed_secret", "text NOT NULL"),
            ("created_at", TIME),
            ("session_id", "uuid"),
            ("last_step", "bigint NOT NULL"),
            ("last_form", "text NOT NULL"),
            ("last_used_at", TIME),
        ],
    ),
    Table(
        "recovery_codes",
        &[
            ("code_hash", "text NOT NULL"),
            ("user_id", "uuid NOT NULL"),
            ("key_id", "text NOT NULL"),
            ("created_at", TIME),
            ("used_at", "timestamp with time zone"),
            ("used_by_form", "text"),
        ],
    ),
    Table(
        "passkeys",
        &[
            ("id", "uuid NOT NULL"),
            ("user_id", "uuid NOT NULL"),
            ("credential_id", "text NOT NULL"),
            ("rp_id", "character varying(253) NOT NULL"),
            ("public_key", "text NOT NULL"),
            ("name", "character varying(64) NOT NULL"),
            ("aaguid", "character varying(36) NOT NULL"),
            ("transports", "character varying(100) NOT NULL"),
            ("counter", "bigint NOT NULL"),
            ("backup_eligible", "boolean NOT NULL"),
            ("backed_up", "boolean NOT NULL"),
            ("created_at", TIME),
            ("session_id", "uuid NOT NULL"),
            ("last_used_at", "timestamp with time zone"),
            ("challenged_at", TIME),
            ("last_form", "text NOT NULL"),
            ("copied_at", "timestamp with time zone"),
        ],
    ),
    Table("passkey_proofs", &[("session_id", "uuid NOT NULL"), ("passkey_added_at", TIME)]),
    Table(
        "security_events",
        &[
            ("id", "bigint NOT NULL"),
            ("transaction_id", "bigint NOT NULL"),
            ("at", TIME),
            ("kind", "character varying(32) NOT NULL"),
            ("user_id", "uuid"),
            ("session_id", "uuid"),
            ("actor", "character varying(16) NOT NULL"),
            ("ip_address", "character varying(45)"),
            ("detail", "json NOT NULL"),
        ],
    ),
    Table(POSTGRES_ONLY, &[("id", "uuid NOT NULL"), ("history", "text NOT NULL"), ("seen_at", TIME)]),
];

/// The table that SQLite does not have.
const POSTGRES_ONLY: &str = "keyrack_instances";

/// The table that only SQLite has: the notes of its triggers that refuse REPLACE.
const SQLITE_ONLY: (&str, &[&str]) = ("conflicting_inserts", &["table_name"]);

/// The columns of the tables that an application may have made. Their types are checked on PostgreSQL only, see above.
const SHARED_TABLES: [(&str, &[&str]); 3] = [
    (
        "users",
        &[
            "id",
            "email",
            "user_name",
            "first_name",
            "last_name",
            "role",
            "password_hash",
            "password_changed_at",
            "created_at",
            "updated_at",
            "disabled_at",
        ],
    ),
    (
        "sessions",
        &[
            "id",
            "sid",
            "user_id",
            "status",
            "ip_address",
            "user_agent",
            "expires_at",
            "created_at",
            "updated_at",
            "logged_out_at",
            "last_seen_at",
            "end_reason",
            "remembered",
            "data_kept",
            "authorised_by",
            "ended_by",
            "ended_by_name",
            "ended_from",
            "authenticated_at",
            "must_change_password",
            "form_id",
            "client_hints",
            "name",
            "from_new_browser",
            "last_ip_address",
            "addresses",
            "bound_key",
            "bound_from",
            "bound_challenge_at",
        ],
    ),
    ("user_sessions", &["sid", "sess", "expire"]),
];

#[derive(diesel::QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Text)]
    name: String,
    /// With ` NOT NULL` if it is.
    #[diesel(sql_type = Text)]
    declared: String,
}

/// Finds tables of Keyrack alone that are missing, and columns of theirs that are missing or have another type.
pub(super) fn postgres_column_problems(connection: &mut PgConnection) -> Result<Vec<SchemaProblem>> {
    let names: Vec<&str> = OWN_TABLES.iter().map(|Table(name, _)| *name).collect();
    let query = diesel::sql_query(include_str!("columns.sql")).bind::<Array<Text>, _>(names);
    let rows: Vec<Column> = query.load(connection)?;
    let found: BTreeMap<(&str, &str), &str> =
        rows.iter().map(|row| ((row.table.as_str(), row.name.as_str()), row.declared.as_str())).collect();
    let tables: BTreeSet<&str> = rows.iter().map(|row| row.table.as_str()).collect();
    let mut problems = Vec::new();
    for Table(table, columns) in OWN_TABLES {
        if !tables.contains(table) {
            problems.push(missing_table(table));
            continue;
        }
        for (column, expected) in columns {
            match found.get(&(table, *column)) {
                None => problems.push(missing_column(table, column)),
                Some(declared) if declared != expected => problems.push(SchemaProblem::new(
                    RULE,
                    format!("{table}.{column} is {declared}, and Keyrack needs {expected}: change it back"),
                )),
                Some(_) => {}
            }
        }
    }
    Ok(problems)
}

/// Finds tables and columns that a SQLite database lacks.
pub(super) fn sqlite_column_problems(connection: &mut SqliteConnection) -> Result<Vec<SchemaProblem>> {
    let query = "SELECT t.name AS \"table\", c.name AS name, c.type AS declared
                 FROM sqlite_master AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table'";
    let rows: Vec<Column> = diesel::sql_query(query).load(connection)?;
    let own = OWN_TABLES.iter().filter(|Table(name, _)| *name != POSTGRES_ONLY);
    let own = own.map(|Table(name, columns)| (*name, columns.iter().map(|(column, _)| *column).collect::<Vec<_>>()));
    let shared = SHARED_TABLES.iter().chain([&SQLITE_ONLY]).map(|(name, columns)| (*name, columns.to_vec()));
    let mut problems = Vec::new();
    for (table, columns) in shared.chain(own) {
        let found: BTreeSet<&str> = rows.iter().filter(|row| row.table == table).map(|row| row.name.as_str()).collect();
        if found.is_empty() {
            problems.push(missing_table(table));
        } else {
            let missing = columns.into_iter().filter(|column| !found.contains(column));
            problems.extend(missing.map(|column| missing_column(table, column)));
        }
    }
    Ok(problems)
}

const RULE: &str = "changed table";

fn missing_table(table: &str) -> SchemaProblem {
    SchemaProblem::new(
        RULE,
        format!("the table {table} is missing: restore a backup, or create it as in the migrations"),
    )
}

fn missing_column(table: &str, column: &str) -> SchemaProblem {
    SchemaProblem::new(RULE, format!("{table} has no column {column}: add it as in the migrations"))
}
