//! Group commit on PostgreSQL: concurrent writes of one kind share one transaction.
//!
//! It serves the sign-ins and sign-outs of a busy server, for which a durable commit and its round trips cost more than
//! the rows that they write. It is only for writes that nearly always succeed and never wait for a lock; any other
//! write is skipped here and done in its own transaction.
//!
//! A single request gains nothing and loses nothing. On SQLite, [`super::sqlite_writer`] does this for every write.

use std::sync::Arc;

use super::{
    batcher::Batcher,
    queue::WorkerLimit,
    request::{Request, reject_all, reject_late, reply_each},
    worker::{BatchHandler, Worker},
};
use crate::{
    db::{
        connect::{
            connection::DbConnection,
            errors::{is_retryable, may_be_committed, rolled_back_after_deadline},
            opener::Opener,
            tracked::TrackedConnection,
            url::Engine,
        },
        history::{History, clear_uncommitted},
    },
    error::Result,
};

/// Maximum transactions at the same time. The second begins when a whole batch waits.
const GROUP_COMMIT_WORKERS: usize = 2;

/// Does all writes and returns their results, in the same order: `None` for each that it skipped. After an error
/// nothing is committed.
pub(in crate::db) type GroupWriteFn<W, V> = fn(&mut DbConnection, &[&W]) -> Result<Vec<Option<V>>>;

/// One kind of write to one database; clones share its threads.
pub struct GroupCommit<W: Send + 'static, V: Send + 'static>(Option<Arc<Batcher<GroupCommitHandler<W, V>>>>);

impl<W: Send, V: Send> Clone for GroupCommit<W, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<W: Send + 'static, V: Send + 'static> GroupCommit<W, V> {
    /// See [`Database::new_group_commit`](crate::db::Database::new_group_commit).
    pub(in crate::db) fn new(opener: &Arc<Opener>, history: &Arc<History>, write: GroupWriteFn<W, V>) -> Self {
        let limit = WorkerLimit::doubled_while_stuck(GROUP_COMMIT_WORKERS);
        let handler = || GroupCommitHandler { write, history: Arc::clone(history) };
        let batcher = || Arc::new(Batcher::new(Arc::clone(opener), handler(), limit));
        Self((opener.engine() == Engine::Postgres).then(batcher))
    }

    /// Does the write and waits for its commit. Returns `None` if it was skipped; the caller then uses
    /// [`Database::transaction`](crate::db::Database::transaction). Always `None` on SQLite.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the write was not committed within the database's timeout, or if it is not known
    /// whether it was.
    pub async fn try_commit(&self, write: impl FnOnce() -> W) -> Result<Option<V>> {
        match &self.0 {
            Some(batcher) => batcher.submit(write()).await,
            None => Ok(None),
        }
    }
}

struct GroupCommitHandler<W, V> {
    write: GroupWriteFn<W, V>,
    history: Arc<History>,
}

impl<W: Send + 'static, V: Send + 'static> BatchHandler for GroupCommitHandler<W, V> {
    type Input = W;
    type Output = Option<V>;
    const THREAD_NAME: &str = "keyrack-commits";

    /// A transaction of its own may find a connection that does not hang.
    fn skipped(&self) -> Option<Option<V>> {
        Some(None)
    }

    fn run(&self, worker: &Worker, mut batch: Vec<Request<W, Option<V>>>) {
        reject_late(&mut batch, rolled_back_after_deadline);
        while !batch.is_empty() {
            self.commit_batch(worker, &mut batch);
        }
    }
}

impl<W, V> GroupCommitHandler<W, V> {
    /// Commits the batch in one transaction and answers it. If the commit comes too late for a request, the transaction
    /// is rolled back and the others stay in the batch.
    fn commit_batch(&self, worker: &Worker, batch: &mut Vec<Request<W, Option<V>>>) {
        let Some(mut connection) = begin(worker) else { return leave_to_single_transactions(batch) };
        let writes: Vec<&W> = batch.iter().map(|request| &request.input).collect();
        let written = (self.write)(&mut connection, &writes);
        let count = batch.len();
        reject_late(batch, rolled_back_after_deadline);
        match written {
            Ok(values) if batch.len() == count => match self.history.commit(&mut connection) {
                Ok(()) => {
                    worker.keep(connection);
                    reply_each(batch.drain(..), values.into_iter().map(Ok));
                }
                Err(error) if !may_be_committed(&error) => leave_to_single_transactions(batch),
                Err(error) => reject_all(batch.drain(..), &error),
            },
            written => {
                let is_usable = !matches!(&written, Err(error) if !is_retryable(error));
                if connection.rollback().is_ok() && is_usable {
                    worker.keep(connection);
                }
                if written.is_err() {
                    leave_to_single_transactions(batch);
                }
            }
        }
    }
}

/// Begins a transaction. A kept connection may have been lost since its last use; it is replaced.
fn begin(worker: &Worker) -> Option<TrackedConnection> {
    clear_uncommitted();
    loop {
        let mut connection = worker.connect().ok()?;
        match connection.begin() {
            Ok(()) => return Some(connection),
            Err(_) if connection.is_kept => worker.opener.discard_idle(),
            Err(_) => return None,
        }
    }
}

/// Answers that nothing was committed, so that each caller uses a transaction of its own, which succeeds or finds the
/// cause.
fn leave_to_single_transactions<W, V>(batch: &mut Vec<Request<W, Option<V>>>) {
    batch.drain(..).for_each(|request| request.reply(Ok(None)));
}
