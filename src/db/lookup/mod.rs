//! Lookups by key, each as cheap as its engine can have it, and none from memory.
//!
//! - SQLite reads faster than a thread can be woken, so a lookup reads at once, on a connection of its thread's own
//!   ([`own`]).
//! - To PostgreSQL, lookups that wait at the same moment go together in one statement, on a few threads that do nothing else
//!   ([`queue`], [`threads`]). Each kind of lookup has its own, so that none waits for another kind.
//!
//! Either way, the statement starts after the lookup was asked for: whatever was committed by then, it sees.

mod own;
mod queue;
mod threads;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use tokio::{sync::oneshot, time};

use super::{Database, connection::DbConnection, url::Engine};
use crate::error::{Error, Result};

use queue::{Job, Queue, STUCK_AFTER};

/// Finds what each key leads to, in the keys' order.
type Find<K, V> = fn(&mut DbConnection, &[K]) -> Result<Vec<Option<V>>>;

/// One kind of lookup in one database; clones share its threads.
pub struct Lookups<K: Send + 'static, V: Send + 'static>(Arc<Inner<K, V>>);

struct Inner<K: Send + 'static, V: Send + 'static> {
    database: Database,
    find: Find<K, V>,
    queue: Arc<Queue<K, V>>,
}

impl<K: Send, V: Send> Clone for Lookups<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// With the last handle, the threads end.
impl<K: Send, V: Send> Drop for Inner<K, V> {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl<K: Clone + Send + Sync + 'static, V: Send + 'static> Lookups<K, V> {
    /// Lookups in `database` by `find`, which must only read, for what every request asks.
    pub fn of_every_request(database: Database, find: Find<K, V>) -> Self {
        Self::new(database, find, Queue::with_threads(4))
    }

    /// The same for what some requests ask, on fewer connections.
    pub fn of_a_page(database: Database, find: Find<K, V>) -> Self {
        Self::new(database, find, Queue::with_threads(2))
    }

    fn new(database: Database, find: Find<K, V>, queue: Queue<K, V>) -> Self {
        Self(Arc::new(Inner { database, find, queue: Arc::new(queue) }))
    }

    /// What `key` leads to now.
    pub async fn find(&self, key: K) -> Result<Option<V>> {
        match self.0.database.engine() {
            Engine::Sqlite => self.find_here(key).await,
            Engine::Postgres => self.find_together(key).await,
        }
    }

    /// Reads on this thread; if that is not possible at once, on one that may wait, as everything else does.
    async fn find_here(&self, key: K) -> Result<Option<V>> {
        let find = self.0.find;
        let one = |connection: &mut DbConnection| find(connection, std::slice::from_ref(&key)).map(|found| only(found));
        // A panic ends the lookup, not the server's worker.
        match catch_unwind(AssertUnwindSafe(|| own::with(&self.0.database, one))) {
            Ok(Some(found)) => Ok(found),
            Ok(None) => self.0.database.read(move |connection| find(connection, &[key]).map(only)).await,
            Err(_) => Err(Error::internal("a lookup panicked")),
        }
    }

    /// Hands the key to the threads and waits, no longer than the database's patience.
    async fn find_together(&self, key: K) -> Result<Option<V>> {
        let patience = self.0.database.patience();
        let (reply, mut answer) = oneshot::channel();
        let deadline = Instant::now() + patience * 7 / 8;
        self.start(self.0.queue.push(Job { key, deadline, reply })?)?;
        let mut outcome = time::timeout(STUCK_AFTER.min(patience), &mut answer).await;
        if outcome.is_err() {
            // It may be waiting behind a thread that does not come back.
            self.start(self.0.queue.nudge())?;
            outcome = time::timeout(patience.saturating_sub(STUCK_AFTER), answer).await;
        }
        match outcome {
            Ok(Ok(found)) => found,
            Ok(Err(_)) => Err(Error::internal("a lookup was dropped")),
            Err(elapsed) => Err(Error::Unavailable(anyhow::Error::new(elapsed).context("no answer in time"))),
        }
    }

    fn start(&self, needed_since: Option<Instant>) -> Result<()> {
        let start = |since| threads::start(&self.0.database, self.0.find, &self.0.queue, since);
        needed_since.map_or(Ok(()), start)
    }
}

fn only<V>(found: Vec<Option<V>>) -> Option<V> {
    found.into_iter().next().flatten()
}
