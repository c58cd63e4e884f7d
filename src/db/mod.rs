//! The database: one schema, two engines.
//!
//! This is the only place that knows two dialects. Above it, `accounts/queries.rs` and `sessions/queries/` write
//! Diesel against `schema` and `connection::DbConnection`, which is either engine.

mod commits;
pub(crate) mod connection;
mod errors;
mod indexes;
mod inventory;
mod lookup;
mod migrations;
mod pool;
pub(crate) mod schema;
pub(crate) mod sql;
mod take_over;
mod together;
pub(crate) mod types;
mod url;
mod writer;
mod zones;

pub(crate) use commits::Commits;
pub(crate) use inventory::missing_objects;
pub(crate) use lookup::Lookups;
pub use migrations::migrate;
pub use pool::{Database, DatabaseOptions};
pub(crate) use sql::lock_writes;
pub use types::{SessionId, UserId};
pub use url::{DatabaseUrl, Engine, InvalidDatabaseUrl};
pub use zones::{TimeZone, is_same_zone, time_zone};
