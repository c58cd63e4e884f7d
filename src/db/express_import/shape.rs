//! What the three tables that an Express application has must look like for Keyrack to work on them.

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
    pub kind: Kind,
    pub presence: Presence,
    /// What it means where it is missing.
    pub missing: Missing,
}

/// The types that Diesel reads and writes, see `db/types.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Uuid,
    /// `text`, or a `varchar` of this length or more.
    Text(i32),
    Json,
    /// With a time zone.
    Instant,
    /// Without: only `user_sessions.expire`.
    LocalTime,
    Boolean,
}

/// Whether rows may leave a column out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// It may be null.
    Optional,
    /// It may not, and has no default.
    Given,
    /// It may not, and is this if an INSERT does not name it.
    Default(&'static str),
}

/// What a table without the column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// Another table than the one that Keyrack knows.
    Foreign,
    /// One that gets it, with this definition: adding it changes no row.
    Added(&'static str),
    /// The same, and each row then gets a value of its own.
    Filled(&'static str),
}

use Kind::{Boolean, Instant, Json, LocalTime, Text, Uuid};
use Missing::{Added, Filled, Foreign};
use Presence::{Default, Given, Optional};

const fn column(name: &'static str, kind: Kind, presence: Presence, missing: Missing) -> Column {
    Column { name, kind, presence, missing }
}

const NOW: Presence = Default("now()");
const SINCE_NOW: Missing = Added("timestamptz NOT NULL DEFAULT now()");
const SWITCH: Missing = Added("boolean NOT NULL DEFAULT false");
// Without the check that a fresh table has, which would be read through for it: what roles there are is the application's to say.
const ROLE: Missing = Added("varchar(16) NOT NULL DEFAULT 'user'");
const NAME: Missing = Added("varchar(64)");

pub(super) const USERS: Table = Table {
    name: "users",
    columns: &[
        column("id", Uuid, Default("gen_random_uuid()"), Foreign),
        column("email", Text(1), Given, Foreign),
        column("user_name", Text(1), Optional, NAME),
        column("first_name", Text(1), Optional, NAME),
        column("last_name", Text(1), Optional, NAME),
        column("role", Text(5), Default("'user'"), ROLE),
        column("password_hash", Text(128), Optional, Added("text")),
        column("password_changed_at", Instant, NOW, SINCE_NOW),
        column("created_at", Instant, NOW, SINCE_NOW),
        column("updated_at", Instant, NOW, SINCE_NOW),
        column("disabled_at", Instant, Optional, Added("timestamptz")),
    ],
};

pub(super) const SESSIONS: Table = Table {
    name: "sessions",
    columns: &[
        column("id", Uuid, Default("gen_random_uuid()"), Foreign),
        column("sid", Text(36), Given, Foreign),
        column("user_id", Uuid, Given, Foreign),
        column("status", Text(10), Default("'active'"), Foreign),
        column("ip_address", Text(45), Optional, Added("varchar(45)")),
        column("user_agent", Text(512), Optional, Added("text")),
        column("expires_at", Instant, Given, Foreign),
        column("created_at", Instant, NOW, SINCE_NOW),
        column("updated_at", Instant, NOW, SINCE_NOW),
        column("logged_out_at", Instant, Optional, Added("timestamptz")),
        // Null says that a row has not been looked at yet.
        column("last_seen_at", Instant, NOW, Filled("timestamptz")),
        column("end_reason", Text(32), Optional, Added("varchar(32)")),
        column("remembered", Boolean, Default("false"), SWITCH),
        column("data_kept", Boolean, Default("false"), SWITCH),
    ],
};

pub(super) const USER_SESSIONS: Table = Table {
    name: "user_sessions",
    columns: &[
        column("sid", Text(36), Given, Foreign),
        column("sess", Json, Given, Foreign),
        column("expire", LocalTime, Given, Foreign),
    ],
};

pub(super) const TABLES: [&Table; 3] = [&USERS, &SESSIONS, &USER_SESSIONS];

impl Kind {
    /// Whether a column of this type of the catalog, a `varchar` with its length, holds what Keyrack reads and writes.
    pub(super) fn is(self, type_name: &str, length: Option<i32>) -> bool {
        match self {
            Uuid => type_name == "uuid",
            Text(least) => {
                matches!(type_name, "text" | "citext")
                    || (type_name == "varchar" && length.is_none_or(|length| length >= least))
            }
            Json => type_name == "json",
            Instant => type_name == "timestamptz",
            LocalTime => type_name == "timestamp",
            Boolean => type_name == "bool",
        }
    }

    /// The type to change such a column to.
    pub(super) fn name(self) -> &'static str {
        match self {
            Uuid => "uuid",
            Text(_) => "text",
            Json => "json",
            Instant => "timestamptz",
            LocalTime => "timestamp(6)",
            Boolean => "boolean",
        }
    }
}
