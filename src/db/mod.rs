//! The database: one schema, two engines.
//!
//! This is the only place that knows two dialects. Above it, `accounts/queries.rs` and `sessions/queries/` write Diesel
//! against [`schema`] and [`DbConnection`], which is either engine.
//!
//! | room | what it holds |
//! |---|---|
//! | `connect` | the URL, one connection, the pool, classes of errors, the time zone |
//! | `schema` | tables, SQL types, the triggers and indexes that must be there |
//! | `sql` | pieces of SQL that the engines spell differently |
//! | `batch` | concurrent work that shares a statement or a commit |
//! | `express_import` | takes over the tables of an Express application |
//! | `migrate` | brings a database up to this version |

mod batch;
mod connect;
mod database;
mod express_import;
mod migrate;
pub(crate) mod schema;
pub(crate) mod sql;

pub(crate) use batch::{GroupCommit, LookupThreads, Lookups};
pub(crate) use connect::connection::{DbConnection, MultiBackend};
pub use connect::{
    time_zone::{TimeZone, is_same_zone, time_zone},
    url::{DatabaseUrl, Engine, InvalidDatabaseUrl},
};
pub use database::{Database, DatabaseOptions};
pub use migrate::migrate;
pub(crate) use schema::required::missing_schema_objects;
pub use schema::types::{SessionId, UserId};
pub(crate) use sql::lock_writes;
