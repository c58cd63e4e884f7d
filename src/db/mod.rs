//! The database: one schema, two engines.
//!
//! This is the only place that knows two dialects. Above it, `accounts/queries.rs` and `sessions/queries/` write Diesel
//! against `schema` and `DbConnection`, which is either engine.
//!
//! | module | what it holds | what it uses |
//! |---|---|---|
//! | `connect` | the URL, one connection, the pool, classes of errors, the time zone | |
//! | `after_commit` | what a thread does once its transaction is committed | |
//! | `batch` | concurrent requests that share a statement or a commit | `connect` |
//! | `commit_signal` | wakes those who follow the events, in this process and in others | `connect` |
//! | `history` | the journal of ends, and the check that the database has not gone back | `connect`, `schema` |
//! | `savepoint` | a part of a transaction that can fail alone | `history`, `connect` |
//! | `database` | the handle for everything above `db` | `batch`, `connect` |
//! | `row_batch` | changes rows without those that the database refuses to change | `database`, `savepoint`, `sql` |
//! | `schema` | tables, SQL types, the required indexes | `connect` |
//! | `sql` | pieces of SQL that the engines spell differently | `schema`, `connect` |
//! | `schema_check` | compares the triggers, functions and indexes with the migrations | `express_import`, `schema` |
//! | `settings` | settings that triggers and all instances agree on | `database`, `schema`, `connect` |
//! | `express_import` | imports the tables of an Express application | `sql`, `schema`, `connect` |
//! | `readiness` | whether the database can serve: migrated, writable, with the right time | `database`, `connect` |
//! | `migration_lock` | the lock of those who migrate | `connect` |
//! | `migrate` | migrates a database to this version | all of them |

mod after_commit;
mod batch;
mod commit_signal;
mod connect;
mod database;
mod express_import;
pub(crate) mod history;
mod migrate;
mod migration_lock;
mod readiness;
mod row_batch;
mod savepoint;
pub(crate) mod schema;
mod schema_check;
pub(crate) mod settings;
pub(crate) mod sql;

pub(crate) use after_commit::after_commit;
pub(crate) use batch::{GroupCommit, LookupThreads, Lookups};
pub(crate) use commit_signal::CommitSignal;
pub(crate) use connect::connection::{DbConnection, MultiBackend};
pub use connect::{
    time_zone::{TimeZone, is_same_zone, time_zone},
    url::{DatabaseUrl, Engine, InvalidDatabaseUrl},
};
pub use database::{Database, DatabaseOptions};
pub use history::{Journal, JournalError, Replication};
pub use migrate::migrate;
pub use readiness::{Readiness, check_before_serving};
pub(crate) use row_batch::{RETRY_DELAY, Refused, retried};
pub(crate) use savepoint::in_savepoint;
pub(crate) use schema::types::FormId;
pub(crate) use schema::types::{AttemptId, LinkId, MailId};
pub use schema::types::{PasskeyId, SessionId, UserId};
pub(crate) use schema_check::{
    OBJECT_OF_ANOTHER_ROLE, creator_warnings, find_schema_problems, find_tables_of_others, held_lock_warnings,
    privilege_warnings, unreadable_event_warnings,
};
pub(crate) use settings::change_peers;
pub use settings::{Peers, set_peers};
pub(crate) use sql::lock_writes;
