//! The indexes that Keyrack requires, and those that a PostgreSQL database has.

use diesel::{
    PgConnection, RunQueryDsl,
    sql_types::{Bool, Text},
};

use crate::error::Result;

/// A required index. An existing one with another name covers it if everything else is the same.
#[derive(Debug, Clone, Copy)]
pub(in crate::db) struct Index {
    /// The name that the migrations give it.
    pub name: &'static str,
    pub table: &'static str,
    /// The columns, as the catalog spells them.
    pub key: &'static str,
    pub unique: bool,
    /// The predicate of a partial index, as the catalog spells it; otherwise empty.
    pub predicate: &'static str,
}

const fn unique(name: &'static str, table: &'static str, key: &'static str) -> Index {
    Index { name, table, key, unique: true, predicate: "" }
}

const fn plain(name: &'static str, table: &'static str, key: &'static str) -> Index {
    Index { name, table, key, unique: false, predicate: "" }
}

/// Email addresses without regard to the case of ASCII letters. The collation is named because `lower` depends on it.
pub(in crate::db) const EMAIL_KEY: &str = "lower(email COLLATE C)";

impl Index {
    /// The key as SQL. The catalog's spelling leaves out quotes, and casts to `text`, which a `citext` column needs.
    pub(in crate::db) fn key_sql(&self) -> &'static str {
        if self.key == EMAIL_KEY { "lower(email::text COLLATE \"C\")" } else { self.key }
    }
}

/// The indexes that the migrations create.
pub(in crate::db) const INDEXES: [Index; 45] = [
    unique("users_pkey", "users", "id"),
    unique("users_email_key", "users", EMAIL_KEY),
    unique("sessions_pkey", "sessions", "id"),
    unique("sessions_sid_key", "sessions", "sid"),
    Index { predicate: "(form_id IS NOT NULL)", ..unique("sessions_form_id_key", "sessions", "form_id") },
    plain("sessions_by_user", "sessions", "user_id, status, logged_out_at, id"),
    Index { predicate: "(logged_out_at IS NOT NULL)", ..plain("sessions_by_end", "sessions", "logged_out_at") },
    unique("replaced_sids_pkey", "replaced_sids", "sid"),
    plain("replaced_sids_by_session", "replaced_sids", "session_id"),
    unique("ended_sids_pkey", "ended_sids", "sid"),
    plain("ended_sids_by_time", "ended_sids", "forget_at"),
    unique("ends_for_journal_pkey", "ends_for_journal", "session_id"),
    plain("ends_for_journal_by_time", "ends_for_journal", "settles_at"),
    unique("keyrack_settings_pkey", "keyrack_settings", "name"),
    unique("session_pkey", "user_sessions", "sid"),
    plain("IDX_session_expire", "user_sessions", "expire"),
    unique("sign_in_failures_pkey", "sign_in_failures", "key"),
    unique("known_browsers_pkey", "known_browsers", "id_hash"),
    plain("known_browsers_by_user", "known_browsers", "user_id"),
    plain("known_browsers_by_session", "known_browsers", "session_id"),
    unique("one_time_passwords_pkey", "one_time_passwords", "user_id"),
    unique("mails_pkey", "mails", "id"),
    Index { predicate: "(next_attempt_at IS NOT NULL)", ..plain("mails_due", "mails", "next_attempt_at") },
    plain("mails_by_user", "mails", "user_id"),
    plain("mails_by_time", "mails", "created_at"),
    plain("mails_by_address", "mails", "address"),
    unique("account_links_pkey", "account_links", "id"),
    plain("account_links_by_user", "account_links", "user_id"),
    plain("account_links_by_time", "account_links", "expires_at"),
    unique("registrations_pkey", "registrations", "id"),
    plain("registrations_by_address", "registrations", "address"),
    plain("registrations_by_time", "registrations", "expires_at"),
    unique("totp_factors_pkey", "totp_factors", "user_id"),
    unique("recovery_codes_pkey", "recovery_codes", "code_hash"),
    plain("recovery_codes_by_user", "recovery_codes", "user_id"),
    unique("passkeys_pkey", "passkeys", "id"),
    unique("passkeys_credential_id_key", "passkeys", "credential_id"),
    plain("passkeys_by_user", "passkeys", "user_id"),
    unique("passkey_proofs_pkey", "passkey_proofs", "session_id"),
    unique("security_events_pkey", "security_events", "id"),
    plain("security_events_by_user", "security_events", "user_id, id"),
    plain("security_events_by_session", "security_events", "session_id, id"),
    plain("security_events_by_transaction", "security_events", "transaction_id, id"),
    plain("security_events_by_time", "security_events", "at"),
    Index {
        predicate: "((kind)::text = 'setting_changed'::text)",
        ..plain("security_events_of_settings", "security_events", "id")
    },
];

/// The valid indexes of a PostgreSQL database.
pub(in crate::db) struct ExistingIndexes(Vec<ExistingIndex>);

#[derive(diesel::QueryableByName)]
struct ExistingIndex {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Text)]
    predicate: String,
    #[diesel(sql_type = Bool)]
    unique: bool,
}

impl ExistingIndexes {
    /// Reads the catalog.
    pub(in crate::db) fn read(connection: &mut PgConnection) -> Result<Self> {
        Ok(Self(diesel::sql_query(include_str!("existing_indexes.sql")).load(connection)?))
    }

    /// Whether an existing index does what `index` does. A unique index covers one that need not be unique.
    pub(in crate::db) fn covers(&self, index: &Index) -> bool {
        // The catalog's text comes without quotes, see existing_indexes.sql.
        let key = index.key.replace('"', "");
        self.0.iter().any(|existing| {
            existing.table == index.table
                && existing.key == key
                && existing.predicate == index.predicate
                && (existing.unique || !index.unique)
        })
    }
}
