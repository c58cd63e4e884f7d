//! The tables, as both engines have them.

use diesel::{allow_tables_to_appear_in_same_query, joinable, table};

table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::db::schema::types::{Instant, SqlUuid};

    /// The accounts that can sign in.
    users (id) {
        id -> SqlUuid,
        email -> Text,
        user_name -> Nullable<Text>,
        first_name -> Nullable<Text>,
        last_name -> Nullable<Text>,
        role -> Text,
        password_hash -> Nullable<Text>,
        password_changed_at -> Instant,
        created_at -> Instant,
        updated_at -> Instant,
        disabled_at -> Nullable<Instant>,
    }
}

table! {
    use diesel::sql_types::{Bool, Nullable, Text};
    use crate::db::schema::types::{Instant, SqlUuid};

    /// One row per signed-in device, kept as history after the session has ended.
    sessions (id) {
        id -> SqlUuid,
        sid -> Text,
        user_id -> SqlUuid,
        status -> Text,
        ip_address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        expires_at -> Instant,
        created_at -> Instant,
        updated_at -> Instant,
        logged_out_at -> Nullable<Instant>,
        last_seen_at -> Instant,
        end_reason -> Nullable<Text>,
        remembered -> Bool,
        data_kept -> Bool,
        authorised_by -> Text,
        ended_by -> Nullable<Text>,
        ended_by_name -> Nullable<Text>,
        ended_from -> Nullable<Text>,
        authenticated_at -> Nullable<Instant>,
        must_change_password -> Bool,
        form_id -> Nullable<SqlUuid>,
        client_hints -> Nullable<Text>,
        name -> Nullable<Text>,
        from_new_browser -> Bool,
        last_ip_address -> Nullable<Text>,
        addresses -> Nullable<Text>,
        bound_key -> Nullable<Text>,
        bound_from -> Nullable<Instant>,
        bound_challenge_at -> Nullable<Instant>,
    }
}

table! {
    use diesel::sql_types::Text;
    use crate::db::schema::types::{Expire, SqlJson};

    /// The data of live sessions, in connect-pg-simple's table.
    user_sessions (sid) {
        sid -> Text,
        sess -> SqlJson,
        expire -> Expire,
    }
}

table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::db::schema::types::{Instant, SqlUuid};

    /// Sids that must not be used again, such as those that sessions had before a rotation.
    replaced_sids (sid) {
        sid -> Text,
        session_id -> SqlUuid,
        replaced_at -> Nullable<Instant>,
    }
}

table! {
    use diesel::sql_types::Text;
    use crate::db::schema::types::Instant;

    /// Sids of ended sessions whose history was deleted.
    ended_sids (sid) {
        sid -> Text,
        forget_at -> Instant,
    }
}

table! {
    use diesel::sql_types::{Bool, Text};
    use crate::db::schema::types::{Instant, SqlUuid};

    /// Ends that can't be read from `sessions`, for the journals of ends.
    ends_for_journal (session_id) {
        session_id -> SqlUuid,
        end_reason -> Text,
        ended_at -> Instant,
        expires_at -> Instant,
        settles_at -> Instant,
        is_truncated -> Bool,
    }
}

table! {
    use diesel::sql_types::Text;

    /// Settings that triggers and all instances obey.
    keyrack_settings (name) {
        name -> Text,
        value -> Text,
    }
}

table! {
    use diesel::sql_types::{Integer, Text};
    use crate::db::schema::types::Instant;

    /// Counts of failed sign-ins.
    sign_in_failures (key) {
        key -> Text,
        in_a_row -> Integer,
        last_failure_at -> Instant,
        forgotten_at -> Instant,
    }
}

table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::db::schema::types::{Instant, SqlUuid};

    /// The browsers that have signed in to an account.
    known_browsers (id_hash) {
        id_hash -> Text,
        user_id -> SqlUuid,
        session_id -> SqlUuid,
        created_at -> Instant,
        last_used_at -> Instant,
        trusted_until -> Nullable<Instant>,
        trusted_in -> Nullable<SqlUuid>,
        language -> Nullable<Text>,
    }
}

table! {
    use diesel::sql_types::Nullable;
    use crate::db::schema::types::{Instant, SqlUuid};

    /// Passwords that are good for one sign-in.
    one_time_passwords (user_id) {
        user_id -> SqlUuid,
        password_changed_at -> Instant,
        used_at -> Nullable<Instant>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::schema::types::{Instant, SqlUuid};

    /// The authenticator apps of users.
    totp_factors (user_id) {
        user_id -> SqlUuid,
        sealed_secret -> Text,
        created_at -> Instant,
        session_id -> Nullable<SqlUuid>,
        last_step -> BigInt,
        last_form -> Text,
        last_used_at -> Instant,
    }
}

table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::db::schema::types::{Instant, SqlUuid};

    /// Codes that are good for one sign-in without the authenticator app.
    recovery_codes (code_hash) {
        code_hash -> Text,
        user_id -> SqlUuid,
        key_id -> Text,
        created_at -> Instant,
        used_at -> Nullable<Instant>,
        used_by_form -> Nullable<Text>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::schema::types::{Instant, SqlJson, SqlUuid};

    /// What happened to accounts and sessions.
    security_events (id) {
        id -> BigInt,
        transaction_id -> BigInt,
        at -> Instant,
        kind -> Text,
        user_id -> Nullable<SqlUuid>,
        session_id -> Nullable<SqlUuid>,
        actor -> Text,
        ip_address -> Nullable<Text>,
        detail -> SqlJson,
    }
}

table! {
    use diesel::sql_types::{Integer, Nullable, Text};
    use crate::db::schema::types::{Instant, SqlJson, SqlUuid};

    /// Mails that wait, and what became of the others.
    mails (id) {
        id -> SqlUuid,
        created_at -> Instant,
        user_id -> Nullable<SqlUuid>,
        address -> Text,
        kind -> Text,
        params -> SqlJson,
        language -> Text,
        link_id -> Nullable<SqlUuid>,
        attempts -> Integer,
        attempt_id -> Nullable<SqlUuid>,
        next_attempt_at -> Nullable<Instant>,
        sent_at -> Nullable<Instant>,
        given_up_at -> Nullable<Instant>,
        last_error -> Nullable<Text>,
    }
}

table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::db::schema::types::{Instant, SqlUuid};

    /// Links that are good once.
    account_links (id) {
        id -> SqlUuid,
        kind -> Text,
        user_id -> SqlUuid,
        token_hash -> Text,
        created_at -> Instant,
        expires_at -> Instant,
        used_at -> Nullable<Instant>,
        password_changed_at -> Nullable<Instant>,
        voided_at -> Nullable<Instant>,
        session_id -> Nullable<SqlUuid>,
        requested_by -> Nullable<Text>,
        address -> Nullable<Text>,
    }
}

table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::db::schema::types::{Instant, SqlUuid};

    /// Addresses for which visitors want an account.
    registrations (id) {
        id -> SqlUuid,
        address -> Text,
        token_hash -> Text,
        created_at -> Instant,
        expires_at -> Instant,
        used_at -> Nullable<Instant>,
        voided_at -> Nullable<Instant>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use crate::db::schema::types::{Instant, SqlUuid};

    /// The passkeys of users.
    passkeys (id) {
        id -> SqlUuid,
        user_id -> SqlUuid,
        credential_id -> Text,
        rp_id -> Text,
        public_key -> Text,
        name -> Text,
        aaguid -> Text,
        transports -> Text,
        counter -> BigInt,
        backup_eligible -> Bool,
        backed_up -> Bool,
        created_at -> Instant,
        session_id -> SqlUuid,
        last_used_at -> Nullable<Instant>,
        challenged_at -> Instant,
        last_form -> Text,
        copied_at -> Nullable<Instant>,
    }
}

table! {
    use crate::db::schema::types::{Instant, SqlUuid};

    /// The sessions whose last proof was a passkey alone.
    passkey_proofs (session_id) {
        session_id -> SqlUuid,
        passkey_added_at -> Instant,
    }
}

joinable!(sessions -> users (user_id));
allow_tables_to_appear_in_same_query!(
    users,
    sessions,
    user_sessions,
    replaced_sids,
    ends_for_journal,
    keyrack_settings,
    sign_in_failures,
    known_browsers,
    one_time_passwords,
    totp_factors,
    recovery_codes,
    security_events,
    mails,
    account_links,
    passkeys,
    passkey_proofs
);
