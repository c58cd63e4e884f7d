//! Keyrack: a sign-in service whose users can see and revoke their sessions.
//!
//! Users see a list of the devices on which they are signed in. A device that they revoke is signed out at once. The
//! program `keyrack` is one use of this crate; another Actix application can mount Keyrack's pages and protect its own
//! routes with it, see [`Keyrack`] and `examples/embed.rs`.
//!
//! # Map
//!
//! | module | contents | may use |
//! |---|---|---|
//! | [`commands`] | one file per command; reads flags, variables and files | everything |
//! | `app` | builds the parts and the server | `routes`, `web`, the domain |
//! | `routes` | every URL, and whether it requires sign-in | `web` |
//! | `web` | session layer, required sign-in, pages | the domain |
//! | [`accounts`] | users, and checking their passwords | `sessions`, `mail`, `events`, `db` |
//! | [`sessions`] | sessions and their data, from sign-in to the end | `events`, `db` |
//! | [`events`] | security events: written, read and logged | `db` |
//! | [`db`] | pool, batching, schema, migrations; the only place with two SQL dialects | |
//! | [`mail`] | mails to users: their words, and the way to the mail server | `events`, `db` |
//! | [`geoip`] | where an address is, from files of the operator | |
//! | [`config`], [`error`], [`clock`], `text`, `words`, `file_stamp` | typed settings, errors, the clock, cleaning of text, the words of the pages, whether a file is still the same | |
//!
//! `sessions`, `accounts`, `mail`, `events` and `db` do not depend on the web; only `db` and the `queries` modules use
//! Diesel. A test checks these rules.
//!
//! # The five flows
//!
//! 1. **Start** (sign in): `web/pages/login.rs` → [`accounts::Accounts::authenticate`] → the handler names the user in
//!    actix-session's `Session` → `web/session/persist.rs` → [`sessions::Sessions::start`] → both tables, one
//!    transaction → `web/session/mod.rs` sets the cookie.
//! 2. **Resume** (a request): `web/session/mod.rs` verifies the cookie → [`sessions::Sessions::resume`], which also
//!    touches → `web/require_sign_in.rs` → the page.
//! 3. **Save** (a request changed its data): `web/session/persist.rs` finds the changed keys →
//!    [`sessions::Sessions::save`] merges them into the row, if the session is still active.
//! 4. **Rotate** (a new sid): `web/session/persist.rs` → [`sessions::Sessions::rotate`].
//! 5. **End** (sign out, revoke): `web/pages/logout.rs` or `revoke.rs`, or a command → `sessions/end.rs` → one UPDATE;
//!    the migrations' triggers delete the data with it.

pub mod accounts;
mod app;
pub mod clock;
pub mod commands;
pub mod config;
pub mod db;
pub mod error;
pub mod events;
mod file_stamp;
#[cfg(test)]
mod fuzz;
pub mod geoip;
pub mod mail;
mod routes;
pub mod sessions;
mod text;
mod web;
mod words;

pub use app::Keyrack;
pub use web::{RequestSession, SessionLayer, SignedIn, require_recent_sign_in, require_sign_in};
pub use words::Language;
