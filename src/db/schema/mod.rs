//! The schema: tables, SQL types, and the triggers and indexes that must exist.

pub(super) mod indexes;
pub(super) mod required;
pub(crate) mod tables;
pub(crate) mod types;

pub(crate) use tables::{
    keyrack_settings, known_browsers, replaced_sids, sessions, sign_in_failures, user_sessions, users,
};
