//! The indexes that the promises need, and what PostgreSQL has in their place.

use std::collections::BTreeSet;

use diesel::{
    PgConnection, RunQueryDsl,
    sql_types::{Bool, Text},
};

use crate::error::Result;

/// An index of the schema: its name in the migrations, and what makes it one, whatever it is called.
#[derive(Debug, Clone, Copy)]
pub(in crate::db) struct Index {
    pub name: &'static str,
    pub table: &'static str,
    /// The columns, as the catalog spells them.
    pub key: &'static str,
    pub unique: bool,
    /// Of which rows, as the catalog spells it; none: of all.
    pub only: &'static str,
}

const fn unique(name: &'static str, table: &'static str, key: &'static str) -> Index {
    Index { name, table, key, unique: true, only: "" }
}

const fn plain(name: &'static str, table: &'static str, key: &'static str) -> Index {
    Index { name, table, key, unique: false, only: "" }
}

/// All of them, as the migrations make them.
pub(in crate::db) const INDEXES: [Index; 10] = [
    unique("users_pkey", "users", "id"),
    unique("users_email_key", "users", "lower(email)"),
    unique("sessions_pkey", "sessions", "id"),
    unique("sessions_sid_key", "sessions", "sid"),
    plain("sessions_by_user", "sessions", "user_id, status, logged_out_at, id"),
    Index { only: "(logged_out_at IS NOT NULL)", ..plain("sessions_by_end", "sessions", "logged_out_at") },
    unique("replaced_sids_pkey", "replaced_sids", "sid"),
    plain("replaced_sids_by_session", "replaced_sids", "session_id"),
    unique("session_pkey", "user_sessions", "sid"),
    plain("IDX_session_expire", "user_sessions", "expire"),
];

/// What PostgreSQL has: only valid indexes, and of the unique ones only those that an upsert can rely on.
pub(in crate::db) struct Present(BTreeSet<(String, String, String, bool)>);

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Text)]
    only: String,
    #[diesel(sql_type = Bool)]
    unique: bool,
}

impl Present {
    /// Reads the catalog.
    pub(in crate::db) fn read(connection: &mut PgConnection) -> Result<Self> {
        let rows: Vec<Row> = diesel::sql_query(
            "SELECT t.name, x.indisunique AND x.indimmediate AS unique, (
                 SELECT string_agg(replace(pg_get_indexdef(x.indexrelid, n, true), '::text', ''), ', ' ORDER BY n)
                 FROM generate_series(1, x.indnkeyatts) AS n
             ) AS key, coalesce(pg_get_expr(x.indpred, x.indrelid), '') AS only
             FROM unnest(ARRAY['users', 'sessions', 'replaced_sids', 'user_sessions']) AS t(name)
             JOIN pg_index x ON x.indrelid = to_regclass(t.name)
             WHERE x.indisvalid",
        )
        .load(connection)?;
        Ok(Self(rows.into_iter().map(|row| (row.name, row.key, row.only, row.unique)).collect()))
    }

    /// Whether there is one that does what this one does.
    pub(in crate::db) fn serves(&self, index: &Index) -> bool {
        let Index { table, key, only, unique, .. } = *index;
        let is_there = |unique| self.0.contains(&(table.to_owned(), key.to_owned(), only.to_owned(), unique));
        is_there(true) || (!unique && is_there(false))
    }
}
