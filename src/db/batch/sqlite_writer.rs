//! The single writer of a SQLite database: concurrent transactions share one commit.
//!
//! SQLite lets one transaction write at a time, and a durable commit waits for the disk, longer than everything else
//! combined. So one thread does the transactions of this process: it runs those that wait, each within a savepoint, and
//! commits once. It answers none before that commit, and rolls back alone what fails alone.

use std::{
    any::Any,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

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
            errors::{is_from_read_only_file, leaves_sqlite_usable, rolled_back_after_deadline},
            opener::Opener,
            tracked::TrackedConnection,
        },
        history::{History, clear_uncommitted},
        savepoint::in_savepoint,
    },
    error::{Error, Result},
};

/// After an eighth of the timeout, the transactions done so far are committed. Otherwise slow transactions would
/// make each other late until none of them commits.
const COMMIT_AFTER_DIVISOR: u32 = 8;

/// The work of one transaction. It may run more than once before it is committed.
type Work = Box<dyn Fn(&mut DbConnection) -> Result<Value> + Send>;

/// What the work returned; each caller knows its type.
type Value = Box<dyn Any + Send>;

/// Writes to one SQLite database; clones share its thread.
#[derive(Clone)]
pub(in crate::db) struct SqliteWriter(Arc<Batcher<WriteHandler>>);

impl SqliteWriter {
    pub fn new(opener: Arc<Opener>, history: Arc<History>) -> Self {
        // A second worker would only wait for the first one's lock on the file.
        Self(Arc::new(Batcher::new(opener, WriteHandler(history), WorkerLimit::ONE)))
    }

    /// Runs `work` in a transaction and waits for its commit, up to the database's timeout.
    pub async fn transaction<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        let work = move |connection: &mut DbConnection| work(connection).map(|value| Box::new(value) as Value);
        let value = self.0.submit(Box::new(work)).await?;
        value.downcast().map(|value| *value).map_err(|_| Error::internal("a transaction returned another type"))
    }
}

struct WriteHandler(Arc<History>);

impl BatchHandler for WriteHandler {
    type Input = Work;
    type Output = Value;
    const THREAD_NAME: &str = "keyrack-writer";

    fn run(&self, worker: &Worker, batch: Vec<Request<Work, Value>>) {
        let mut queued = VecDeque::from(batch);
        while !queued.is_empty() {
            commit_batch(worker, &self.0, &mut queued);
        }
    }
}

/// Runs transactions from the front of the queue, commits them together, and answers at least one. Puts back at the
/// front those that have to run again.
fn commit_batch(worker: &Worker, history: &History, queued: &mut VecDeque<Request<Work, Value>>) {
    let mut connection = match begin(worker) {
        Ok(connection) => connection,
        Err(error) => {
            // The file can be written again, but not yet the index of its journal.
            if is_from_read_only_file(&error) {
                worker.opener.reopen_unwritable();
            }
            return reject_all(queued.drain(..), &error);
        }
    };
    let (mut uncommitted, mut values) = (Vec::new(), Vec::new());
    let commit_at = Instant::now() + worker.opener.timeout() / COMMIT_AFTER_DIVISOR;
    while (uncommitted.is_empty() || Instant::now() < commit_at)
        && let Some(request) = queued.pop_front()
    {
        if request.is_too_late(Instant::now()) {
            request.reply(Err(rolled_back_after_deadline()));
            continue;
        }
        match run_in_savepoint(&mut connection, &request.input) {
            Outcome::Uncommitted(value) => {
                uncommitted.push(request);
                values.push(value);
            }
            Outcome::RolledBack(error) => request.reply(Err(error)),
            Outcome::BatchLost(error) => {
                if is_from_read_only_file(&error) {
                    worker.opener.reopen_unwritable();
                }
                request.reply(Err(error));
                return put_back(queued, uncommitted);
            }
        }
    }
    let count = uncommitted.len();
    reject_late(&mut uncommitted, rolled_back_after_deadline);
    if uncommitted.is_empty() || uncommitted.len() < count {
        // A caller gave up after its work had run: roll back and run the others again.
        if connection.rollback().is_ok() {
            worker.keep(connection);
        }
        return put_back(queued, uncommitted);
    }
    // What was committed to a file that is no longer the database must not be acknowledged.
    let committed = history.commit(&mut connection).and_then(|()| worker.check_file(&connection));
    match committed {
        Ok(()) => {
            worker.keep(connection);
            reply_each(uncommitted, values.into_iter().map(Ok));
        }
        Err(error) => reject_all(uncommitted, &error),
    }
}

/// Begins the transaction of a batch. A kept connection that can't begin one is replaced, unless another process holds
/// the lock.
fn begin(worker: &Worker) -> Result<TrackedConnection> {
    clear_uncommitted();
    loop {
        let mut connection = worker.connect()?;
        if !connection.is_kept {
            connection.keep_savepoints_in_memory()?;
        }
        let Err(error) = connection.begin() else { return Ok(connection) };
        let error = error.into();
        if leaves_sqlite_usable(&error) && !connection.is_broken() {
            worker.keep(connection);
            return Err(error);
        }
        if !connection.is_kept {
            return Err(error);
        }
    }
}

/// Effect of one request on the transaction of its batch.
enum Outcome {
    /// The work is done and waits for the commit.
    Uncommitted(Value),
    /// The work failed, and was rolled back alone.
    RolledBack(Error),
    /// The work failed, and the whole transaction with it, or it can't write at all.
    BatchLost(Error),
}

fn run_in_savepoint(connection: &mut DbConnection, work: &Work) -> Outcome {
    match catch_unwind(AssertUnwindSafe(|| in_savepoint(connection, work))) {
        Ok(Ok(Ok(value))) => Outcome::Uncommitted(value),
        // SQLite begins a transaction that only reads, without an error.
        Ok(Ok(Err(error))) if is_from_read_only_file(&error) => Outcome::BatchLost(error),
        Ok(Ok(Err(error))) => Outcome::RolledBack(error),
        Ok(Err(error)) => Outcome::BatchLost(error),
        Err(_) => Outcome::BatchLost(Error::internal("a transaction panicked")),
    }
}

fn put_back(queued: &mut VecDeque<Request<Work, Value>>, uncommitted: Vec<Request<Work, Value>>) {
    uncommitted.into_iter().rev().for_each(|request| queued.push_front(request));
}

#[cfg(test)]
mod tests;
