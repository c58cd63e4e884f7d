//! The columns that the three tables of an Express application must have, or get.

/// A table, and the columns that Keyrack uses.
#[derive(Debug)]
pub(super) struct Table {
    pub name: &'static str,
    pub columns: &'static [Column],
}

/// A column that Keyrack uses.
#[derive(Debug)]
pub(super) struct Column {
    pub name: &'static str,
    pub sql_type: ColumnType,
    pub nullability: Nullability,
    pub if_missing: IfMissing,
}

/// The types that Diesel reads and writes (`db/schema/types.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnType {
    Uuid,
    /// `text`, or a `varchar` of at least this length.
    Text(i32),
    Json,
    Timestamptz,
    /// Without time zone: only `user_sessions.expire`.
    Timestamp,
    Boolean,
}

/// Whether a column accepts NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nullability {
    Nullable,
    /// NOT NULL without a default.
    Required,
    /// NOT NULL with this default.
    RequiredWithDefault(&'static str),
}

/// What happens if a table lacks a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfMissing {
    /// The import is rejected: it is another kind of table.
    Reject,
    /// The column is added with this definition, which changes no row.
    Add(&'static str),
    /// The column is added with this definition, and then `backfill.sql` sets a value for each row.
    AddAndBackfill(&'static str),
}

use ColumnType::{Boolean, Json, Text, Timestamp, Timestamptz, Uuid};
use IfMissing::{Add, AddAndBackfill, Reject};
use Nullability::{Nullable, Required, RequiredWithDefault};

const fn column(name: &'static str, sql_type: ColumnType, nullability: Nullability, if_missing: IfMissing) -> Column {
    Column { name, sql_type, nullability, if_missing }
}

const DEFAULT_NOW: Nullability = RequiredWithDefault("now()");
const DEFAULT_RANDOM_ID: Nullability = RequiredWithDefault("gen_random_uuid()");
const ADD_NOW: IfMissing = Add("timestamptz NOT NULL DEFAULT now()");
const ADD_TIME: IfMissing = Add("timestamptz");
const ADD_FALSE: IfMissing = Add("boolean NOT NULL DEFAULT false");
const ADD_PEER: IfMissing = Add("varchar(32) NOT NULL DEFAULT 'peer'");
const ADD_NAME: IfMissing = Add("varchar(64)");
/// Without the CHECK of a new table: adding it would read the whole table, and the application may have other roles.
const ADD_ROLE: IfMissing = Add("varchar(16) NOT NULL DEFAULT 'user'");

pub(super) const USERS: Table = Table {
    name: "users",
    columns: &[
        column("id", Uuid, DEFAULT_RANDOM_ID, Reject),
        column("email", Text(1), Required, Reject),
        column("user_name", Text(1), Nullable, ADD_NAME),
        column("first_name", Text(1), Nullable, ADD_NAME),
        column("last_name", Text(1), Nullable, ADD_NAME),
        column("role", Text(5), RequiredWithDefault("'user'"), ADD_ROLE),
        column("password_hash", Text(128), Nullable, Add("text")),
        column("password_changed_at", Timestamptz, DEFAULT_NOW, ADD_NOW),
        column("created_at", Timestamptz, DEFAULT_NOW, ADD_NOW),
        column("updated_at", Timestamptz, DEFAULT_NOW, ADD_NOW),
        column("disabled_at", Timestamptz, Nullable, ADD_TIME),
    ],
};

pub(super) const SESSIONS: Table = Table {
    name: "sessions",
    columns: &[
        column("id", Uuid, DEFAULT_RANDOM_ID, Reject),
        column("sid", Text(36), Required, Reject),
        column("user_id", Uuid, Required, Reject),
        column("status", Text(10), RequiredWithDefault("'active'"), Reject),
        column("ip_address", Text(45), Nullable, Add("varchar(45)")),
        column("user_agent", Text(512), Nullable, Add("text")),
        column("expires_at", Timestamptz, Required, Reject),
        column("created_at", Timestamptz, DEFAULT_NOW, ADD_NOW),
        column("updated_at", Timestamptz, DEFAULT_NOW, ADD_NOW),
        column("logged_out_at", Timestamptz, Nullable, ADD_TIME),
        // NULL marks the rows that are still to be backfilled.
        column("last_seen_at", Timestamptz, DEFAULT_NOW, AddAndBackfill("timestamptz")),
        column("end_reason", Text(32), Nullable, Add("varchar(32)")),
        column("remembered", Boolean, RequiredWithDefault("false"), ADD_FALSE),
        column("data_kept", Boolean, RequiredWithDefault("false"), ADD_FALSE),
        column("authorised_by", Text(32), RequiredWithDefault("'peer'"), ADD_PEER),
        column("ended_by", Text(16), Nullable, Add("varchar(16)")),
        column("ended_by_name", Text(64), Nullable, Add("varchar(64)")),
        column("ended_from", Text(45), Nullable, Add("varchar(45)")),
        column("authenticated_at", Timestamptz, Nullable, ADD_TIME),
        column("must_change_password", Boolean, RequiredWithDefault("false"), ADD_FALSE),
        column("form_id", Uuid, Nullable, Add("uuid")),
        column("client_hints", Text(512), Nullable, Add("text")),
        column("name", Text(64), Nullable, Add("text")),
        column("from_new_browser", Boolean, RequiredWithDefault("false"), ADD_FALSE),
        column("last_ip_address", Text(45), Nullable, Add("varchar(45)")),
        column("addresses", Text(4096), Nullable, Add("text")),
        column("bound_key", Text(1024), Nullable, Add("text")),
        column("bound_from", Timestamptz, Nullable, ADD_TIME),
        column("bound_challenge_at", Timestamptz, Nullable, ADD_TIME),
    ],
};

pub(super) const USER_SESSIONS: Table = Table {
    name: "user_sessions",
    columns: &[
        column("sid", Text(36), Required, Reject),
        column("sess", Json, Required, Reject),
        column("expire", Timestamp, Required, Reject),
    ],
};

pub(super) const TABLES: [&Table; 3] = [&USERS, &SESSIONS, &USER_SESSIONS];

impl ColumnType {
    /// Whether Keyrack can read and write a column of this catalog type, with this length if it is a `varchar`.
    pub(super) fn accepts(self, type_name: &str, length: Option<i32>) -> bool {
        match self {
            Uuid => type_name == "uuid",
            Text(min_length) => {
                matches!(type_name, "text" | "citext")
                    || (type_name == "varchar" && length.is_none_or(|length| length >= min_length))
            }
            Json => type_name == "json",
            Timestamptz => type_name == "timestamptz",
            Timestamp => type_name == "timestamp",
            Boolean => type_name == "bool",
        }
    }

    /// The type that a column of another type should be changed to.
    pub(super) fn sql_name(self) -> &'static str {
        match self {
            Uuid => "uuid",
            Text(_) => "text",
            Json => "json",
            Timestamptz => "timestamptz",
            Timestamp => "timestamp(6)",
            Boolean => "boolean",
        }
    }
}
