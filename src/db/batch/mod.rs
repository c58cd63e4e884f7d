//! What waits at the same moment goes to PostgreSQL together, on a few threads that do nothing else.
//!
//! Whoever comes alone is served alone, and at once; what comes meanwhile is the next batch. [`Serve`] says what is done with
//! one.

mod group_commit;
mod lookup;
mod lookup_postgres;
mod lookup_sqlite;
mod queue;
pub(super) mod sqlite_writer;
mod worker;

use std::{sync::Arc, time::Instant};

use tokio::{sync::oneshot, time};

use super::connect::pool::Opener;
use crate::error::{Error, Result};

use queue::{Queue, STUCK_AFTER};

pub(crate) use group_commit::GroupCommit;
pub(crate) use lookup::{LookupThreads, Lookups};
use queue::Job;
use worker::Own;

/// How a batch is done.
pub(super) trait Serve: Send + Sync + 'static {
    /// What is asked for.
    type Key: Send + 'static;
    /// What comes of it.
    type Value: Send + 'static;
    /// The threads' name, of at most 15 characters.
    const NAME: &str;

    /// Does it, and answers each of them.
    fn serve(&self, own: &mut Own, batch: Vec<Job<Self::Key, Self::Value>>);
}

/// The queue of one kind of work and its threads, which end with it.
pub(super) struct Together<S: Serve> {
    opener: Opener,
    serve: Arc<S>,
    queue: Arc<Queue<S::Key, S::Value>>,
}

impl<S: Serve> Drop for Together<S> {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl<S: Serve> Together<S> {
    /// For at most so many threads, twice as many while some hang. None starts before it is needed.
    pub fn new(opener: Opener, serve: S, threads: usize) -> Self {
        Self { opener, serve: Arc::new(serve), queue: Arc::new(Queue::with_threads(threads)) }
    }

    /// Hands the key to the threads and waits, no longer than the database's timeout.
    ///
    /// # Errors
    /// [`Error::Unavailable`] after that, or if too many wait already; else what came of it.
    pub async fn ask(&self, key: S::Key) -> Result<Option<S::Value>> {
        let timeout = self.opener.timeout();
        let (reply, mut answer) = oneshot::channel();
        let deadline = Instant::now() + timeout * 7 / 8;
        self.start(self.queue.push(Job { key, deadline, reply })?)?;
        let mut outcome = time::timeout(STUCK_AFTER.min(timeout), &mut answer).await;
        if outcome.is_err() {
            // It may be waiting behind a thread that does not come back.
            self.start(self.queue.nudge())?;
            outcome = time::timeout(timeout.saturating_sub(STUCK_AFTER), answer).await;
        }
        match outcome {
            Ok(Ok(found)) => found,
            Ok(Err(_)) => Err(Error::internal("what was asked for was dropped")),
            Err(elapsed) => Err(Error::Unavailable(anyhow::Error::new(elapsed).context("no answer in time"))),
        }
    }

    fn start(&self, needed_since: Option<Instant>) -> Result<()> {
        needed_since.map_or(Ok(()), |since| worker::start(&self.opener, &self.serve, &self.queue, since))
    }
}

/// Answers a batch: each of it its own way, or all of them with an error.
pub(super) fn answer<K, V>(batch: Vec<Job<K, V>>, outcome: Result<Vec<Result<Option<V>>>>) {
    match outcome {
        // Who does not wait any more does not miss the answer.
        Ok(found) => batch.into_iter().zip(found).for_each(|(job, found)| drop(job.reply.send(found))),
        Err(error) => batch.into_iter().for_each(|job| drop(job.reply.send(Err(error.duplicate())))),
    }
}
