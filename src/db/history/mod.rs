//! Keeps ends when the database's history goes back: after a failover to a standby that lagged, or a restored backup.
//!
//! | module | what it holds |
//! |---|---|
//! | `record` | one line of the journal |
//! | `journal` | the file of acknowledged ends, and the thread that writes it |
//! | `uncommitted` | the ends of the transaction that a thread is in |
//! | `mark` | which history a server has, as each lookup checks it |
//! | `overwritten` | the check that the content of a SQLite file was not overwritten in place |
//! | `guard` | what lookups and commits of one database have to pass |
//! | `watcher` | the thread that applies the journal |
//! | `patrol` | which ends the watcher looks at, whether they still hold |
//! | `progress` | what the watcher is doing |
//! | `repeats` | when the journal is applied again after a change of history |
//! | `supervisor` | the thread that replaces a watcher that hangs |
//! | `tail` | what that thread writes to the journal: the ends of other programs |
//! | `end_store` | the statements on sessions that this needs |
//! | `neighbours` | the other instances, which apply their journals too |
//! | `synchronous` | the check that a standby has a commit |
//!
//! The reasons are in `docs/decisions/0019-ends-survive-failover.md`.

mod end_store;
#[cfg(test)]
mod fuzz_tests;
mod guard;
mod journal;
mod mark;
mod neighbours;
mod overwritten;
mod patrol;
mod progress;
mod record;
mod repeats;
mod supervisor;
mod synchronous;
mod tail;
mod uncommitted;
mod watcher;

pub(crate) use end_store::{EndStore, LostEnds};
pub(crate) use guard::History;
pub use journal::{Journal, JournalError};
pub(crate) use mark::{ExpectedMark, HistoryChanged, HistoryCheck, sqlite_position};
pub(crate) use record::{EndedSession, ReplacedSid, hash_of_sid};
pub(in crate::db) use supervisor::watch;
pub use synchronous::Replication;
pub(in crate::db) use synchronous::count_synchronous_standbys;
pub(in crate::db) use uncommitted::{
    clear as clear_uncommitted, len as uncommitted_len, truncate as truncate_uncommitted,
};
pub(crate) use uncommitted::{note_end, note_end_requested, note_replaced_sid};
