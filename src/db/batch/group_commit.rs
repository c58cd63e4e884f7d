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
    request::{Request, drop_expired, reject_all, reply_each},
    worker::{BatchHandler, Worker},
};
use crate::{
    db::connect::{
        connection::DbConnection,
        errors::{is_retryable, rolled_back_after_deadline},
        opener::Opener,
        url::Engine,
    },
    error::{Error, Result},
};

/// Maximum transactions at the same time. The second begins when a whole batch waits.
const GROUP_COMMIT_WORKERS: usize = 2;

/// Does the writes of all keys and returns their results, in the keys' order: `None` for each that it skipped. After an
/// error nothing is committed.
pub(in crate::db) type GroupedWrites<K, V> = fn(&mut DbConnection, &[&K]) -> Result<Vec<Option<V>>>;

/// One kind of write to one database; clones share its threads.
pub struct GroupCommit<K: Send + 'static, V: Send + 'static>(Option<Arc<Batcher<GroupCommitHandler<K, V>>>>);

impl<K: Send, V: Send> Clone for GroupCommit<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Send + 'static, V: Send + 'static> GroupCommit<K, V> {
    /// See [`Database::group_commit`](crate::db::Database::group_commit).
    pub(in crate::db) fn new(opener: &Arc<Opener>, write: GroupedWrites<K, V>) -> Self {
        let limit = WorkerLimit::doubled_while_stuck(GROUP_COMMIT_WORKERS);
        let batcher = || Arc::new(Batcher::new(Arc::clone(opener), GroupCommitHandler(write), limit));
        Self((opener.engine() == Engine::Postgres).then(batcher))
    }

    /// Does the write and waits for its commit. Returns `None` if it was skipped; the caller then uses
    /// [`Database::transaction`](crate::db::Database::transaction). Always `None` on SQLite.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the write was not committed within the database's timeout, or if it is not known
    /// whether it was.
    pub async fn try_commit(&self, key: impl FnOnce() -> K) -> Result<Option<V>> {
        match &self.0 {
            Some(batcher) => batcher.submit(key()).await,
            None => Ok(None),
        }
    }
}

struct GroupCommitHandler<K, V>(GroupedWrites<K, V>);

impl<K: Send + 'static, V: Send + 'static> BatchHandler for GroupCommitHandler<K, V> {
    type Key = K;
    type Value = Option<V>;
    const THREAD_NAME: &str = "keyrack-commits";

    fn run(&self, worker: &mut Worker, mut batch: Vec<Request<K, Option<V>>>) {
        drop_expired(&mut batch, rolled_back_after_deadline);
        while !batch.is_empty() {
            self.commit_batch(worker, &mut batch);
        }
    }
}

impl<K, V> GroupCommitHandler<K, V> {
    /// Commits the batch in one transaction and answers it. If a request expires before the commit, the transaction is
    /// rolled back and the others stay in the batch.
    fn commit_batch(&self, worker: &mut Worker, batch: &mut Vec<Request<K, Option<V>>>) {
        let Some(mut connection) = begin(worker) else { return reject_to_single(batch) };
        let keys: Vec<&K> = batch.iter().map(|request| &request.key).collect();
        let written = (self.0)(&mut connection, &keys);
        let count = batch.len();
        drop_expired(batch, rolled_back_after_deadline);
        match written {
            Ok(values) if batch.len() == count => match connection.commit() {
                Ok(()) => {
                    worker.connection = Some(connection);
                    reply_each(batch.drain(..), values.into_iter().map(Ok));
                }
                Err(error) if is_refused(&error) => reject_to_single(batch),
                Err(error) => reject_all(batch.drain(..), &error),
            },
            written => {
                worker.connection = connection.rollback().is_ok().then_some(connection);
                if written.is_err() {
                    reject_to_single(batch);
                }
            }
        }
    }
}

/// Begins a transaction. A kept connection may have been lost since its last use; it is replaced.
fn begin(worker: &mut Worker) -> Option<DbConnection> {
    let begun = |mut connection: DbConnection| connection.begin().is_ok().then_some(connection);
    worker.connection.take().and_then(begun).or_else(|| worker.opener.open().ok().and_then(begun))
}

/// Whether the server refused the commit. After any other error the commit may have happened.
fn is_refused(error: &Error) -> bool {
    is_retryable(error) || !matches!(error, Error::Unavailable(_))
}

/// Answers that nothing was committed, so that each caller uses a transaction of its own, which succeeds or finds the
/// cause.
fn reject_to_single<K, V>(batch: &mut Vec<Request<K, Option<V>>>) {
    batch.drain(..).for_each(|request| request.reply(Ok(None)));
}
