//! Keyrack: sign-in and sessions that can be seen and taken back.
//!
//! Every signed-in device hangs on a rack; its owner sees the rack and takes a key off it, and that device is out at once.
//! The program `keyrack` is one use of this crate; another Actix application can mount Keyrack's pages and guard routes of
//! its own with it, see [`Keyrack`] and `examples/embed.rs`.
//!
//! # Map
//!
//! | module | what it holds | what it may use |
//! |---|---|---|
//! | [`commands`] | one file a command; flags, variables, files | everything |
//! | `app` | the parts put together, the server | `routes`, `web`, the domain |
//! | `routes` | every URL and its guard | `web` |
//! | `web` | what stands between a request and the domain: session layer, guard, pages | the domain |
//! | [`accounts`] | who can sign in, and the proof that it is them | `sessions`, `db` |
//! | [`sessions`] | the two tables of a session, from sign-in to the end | `db` |
//! | [`db`] | pool, schema, migrations; the only place that knows two dialects | |
//! | [`config`], [`error`], [`clock`] | typed settings, kinds of failure, the one clock | |
//!
//! `sessions`, `accounts` and `db` know nothing of the web; Diesel stands in `db` and the two `queries` modules only. A test
//! holds these rules.
//!
//! # The five flows
//!
//! 1. **Start** (sign in): `web/pages/login.rs` → [`accounts::Accounts::authenticate`] → the handler names the user in
//!    actix-session's `Session` → `web/session/persist.rs` → [`sessions::Sessions::start`] → both tables, one transaction →
//!    `web/session/mod.rs` sets the cookie.
//! 2. **Resume** (a request): `web/session/mod.rs` verifies the cookie → [`sessions::Sessions::resume`], which also touches →
//!    `web/require_sign_in.rs` → the page.
//! 3. **Save** (a request changed its data): `web/session/persist.rs` finds the changed keys → [`sessions::Sessions::save`]
//!    merges them into the row, if the session is still active.
//! 4. **Rotate** (a new sid): `web/session/persist.rs` → [`sessions::Sessions::rotate`].
//! 5. **End** (sign out, revoke): `web/pages/logout.rs` or `revoke.rs`, or a command → `sessions/end.rs` → one UPDATE; the
//!    triggers of the migrations remove the data with it.

pub mod accounts;
mod app;
pub mod clock;
pub mod commands;
pub mod config;
pub mod db;
pub mod error;
mod routes;
pub mod sessions;
mod web;

pub use app::Keyrack;
pub use web::{RequestSession, SessionLayer, SignedIn, require_sign_in};
