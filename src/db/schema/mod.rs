//! The schema: tables, SQL types, and the indexes that must exist.

pub(super) mod indexes;
pub(crate) mod tables;
pub(crate) mod types;

pub(crate) use tables::{
    account_links, ended_sids, ends_for_journal, keyrack_settings, known_browsers, mails, one_time_passwords,
    passkey_proofs, passkeys, recovery_codes, registrations, replaced_sids, security_events, sessions,
    sign_in_failures, totp_factors, user_sessions, users,
};
