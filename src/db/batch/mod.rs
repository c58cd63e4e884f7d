//! Batches concurrent requests into one statement or one commit, on a few dedicated threads.
//!
//! [`batcher::Batcher`] is the one mechanism: a queue, and workers that take what waits in it. A request that arrives
//! while a worker is idle is served alone and at once; those that arrive while the workers are busy form the next
//! batch. No timer delays anything.
//!
//! | user | batches | engine | workers |
//! |---|---|---|---|
//! | [`Lookups`] | lookups of one kind into one statement | PostgreSQL | 2 or 4 |
//! | [`GroupCommit`] | sign-ins and sign-outs into one transaction | PostgreSQL | 2 |
//! | [`SqliteWriter`] | all transactions into one commit | SQLite | 1 |

mod batcher;
mod group_commit;
mod lookup_handler;
mod lookups;
mod queue;
mod request;
mod sqlite_writer;
mod worker;

pub(crate) use group_commit::GroupCommit;
pub(super) use group_commit::GroupWriteFn;
pub(super) use lookup_handler::FindFn;
pub(crate) use lookups::{LookupThreads, Lookups};
pub(super) use sqlite_writer::SqliteWriter;
