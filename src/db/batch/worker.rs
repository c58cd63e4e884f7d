//! The threads that take batches from a queue.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::AtomicU64},
    thread,
    time::Instant,
};

use parking_lot::{Condvar, Mutex};

use super::{
    queue::{Batch, Next, Queue},
    request::Request,
};
use crate::{
    db::connect::{opener::Opener, slot::ConnectionSlot, tracked::TrackedConnection},
    error::{Error, Result},
};

/// Serves one kind of request in batches.
pub(super) trait BatchHandler: Send + Sync + 'static {
    /// What a caller requests.
    type Input: Send + 'static;
    /// What the caller gets.
    type Output: Send + 'static;
    /// Name of the worker threads, of at most 15 characters.
    const THREAD_NAME: &str;

    /// The answer to a request that no worker has taken, because all of them are stuck. `None` lets it wait.
    fn skipped(&self) -> Option<Self::Output> {
        None
    }

    /// Serves the batch and answers each request.
    fn run(&self, worker: &Worker, batch: Vec<Request<Self::Input, Self::Output>>);
}

/// What a worker thread keeps between batches.
pub(super) struct Worker {
    pub opener: Arc<Opener>,
    slot: ConnectionSlot,
}

impl Worker {
    fn new(opener: &Arc<Opener>) -> Self {
        Self { opener: Arc::clone(opener), slot: ConnectionSlot::new(opener) }
    }

    /// Takes the kept connection, or opens one.
    pub fn connect(&self) -> Result<TrackedConnection> {
        match self.slot.take() {
            Some(connection) => Ok(connection),
            None => self.opener.open().map_err(|error| Error::Unavailable(error.into())),
        }
    }

    /// Finds out whether the SQLite file is still the one that the connection has.
    pub fn check_file(&self, connection: &TrackedConnection) -> Result<()> {
        self.opener.check_file().map_err(|error| Error::Unavailable(error.into()))?;
        if self.opener.is_usable(connection) {
            Ok(())
        } else {
            Err(Error::Unavailable(anyhow::anyhow!("the database file was exchanged")))
        }
    }

    /// Keeps the connection for the next batch.
    pub fn keep(&self, connection: TrackedConnection) {
        self.slot.keep(connection);
    }
}

/// What the workers of one queue share with its batcher.
pub(super) struct WorkerShared<H: BatchHandler> {
    pub opener: Arc<Opener>,
    pub queue: Mutex<Queue<H::Input, H::Output>>,
    /// Signalled when a worker was notified or the queue closed.
    pub wakeup: Condvar,
    pub handler: H,
    /// The id of the next request.
    pub next_id: AtomicU64,
}

impl<H: BatchHandler> WorkerShared<H> {
    /// Starts a worker that the queue counts as busy since `since`.
    pub fn start_worker(self: &Arc<Self>, since: Instant) -> Result<()> {
        let shared = Arc::clone(self);
        let started = thread::Builder::new().name(H::THREAD_NAME.to_owned()).spawn(move || shared.work(since));
        started.map(drop).map_err(|error| {
            self.queue.lock().worker_failed(since);
            Error::Unavailable(error.into())
        })
    }

    fn work(&self, started: Instant) {
        let worker = Worker::new(&self.opener);
        let mut busy_since = started;
        while let Some(mut batch) = self.take_batch(busy_since) {
            busy_since = batch.busy_since;
            let run = || {
                batch.requests.retain(|request| !request.is_abandoned());
                if !batch.requests.is_empty() {
                    self.handler.run(&worker, batch.requests);
                }
            };
            // A panic drops its own batch, whose callers get an error, and the worker goes on.
            let _ = catch_unwind(AssertUnwindSafe(run));
        }
    }

    /// Waits for the next batch, after the one that the worker was busy with since `since`. Returns `None` if the
    /// worker is to end.
    fn take_batch(&self, since: Instant) -> Option<Batch<H::Input, H::Output>> {
        let mut queue = self.queue.lock();
        if !queue.worker_finished(since, Instant::now()) {
            return None;
        }
        loop {
            match queue.next(Instant::now()) {
                Next::Serve(batch) => return Some(batch),
                Next::End => return None,
                Next::Wait => {
                    while !queue.try_wake() {
                        self.wakeup.wait(&mut queue);
                    }
                }
            }
        }
    }
}
