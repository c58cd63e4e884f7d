//! Lookups by key, on the cheapest path that each engine offers. Nothing is cached.
//!
//! - SQLite reads faster than a thread can be woken, so a lookup runs on the caller's thread, on a connection that
//!   belongs to that thread.
//! - On PostgreSQL, concurrent lookups of one kind share a statement. Each kind has its own workers, so that no kind
//!   waits for another.
//!
//! On both engines the statement starts after the lookup was requested, so it sees everything committed before that.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    slice,
    sync::Arc,
    time::Instant,
};

use super::{
    batcher::Batcher,
    lookup_handler::{FindFn, HISTORY_RETRY_DELAY, LookupHandler, single},
    queue::WorkerLimit,
};
use crate::{
    db::{
        connect::{connection::DbConnection, pool::Pool, thread_connection, url::Engine},
        history::{ExpectedMark, History, HistoryChanged},
    },
    error::{Error, Result},
};

/// Maximum threads of one kind of lookup on PostgreSQL; twice as many while some are stuck. SQLite needs none.
#[derive(Debug, Clone, Copy)]
pub enum LookupThreads {
    /// For lookups that only some requests need.
    Few = 2,
    /// For the lookup that every request needs.
    Many = 4,
}

/// One kind of lookup in one database; clones share its threads.
pub struct Lookups<K: Clone + Send + 'static, V: Send + 'static>(Arc<Inner<K, V>>);

struct Inner<K: Clone + Send + 'static, V: Send + 'static> {
    pool: Pool,
    history: Arc<History>,
    find: FindFn<K, V>,
    batcher: Batcher<LookupHandler<K, V>>,
}

impl<K: Clone + Send, V: Send> Clone for Lookups<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Clone + Send + Sync + 'static, V: Send + 'static> Lookups<K, V> {
    /// See [`Database::new_lookups`](crate::db::Database::new_lookups).
    pub(in crate::db) fn new(pool: Pool, history: Arc<History>, find: FindFn<K, V>, threads: LookupThreads) -> Self {
        let limit = WorkerLimit::doubled_while_stuck(threads as usize);
        let batcher =
            Batcher::new(Arc::clone(pool.opener()), LookupHandler { find, history: Arc::clone(&history) }, limit);
        Self(Arc::new(Inner { pool, history, find, batcher }))
    }

    /// Returns the present value of `key`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database gives no answer within its timeout.
    pub async fn find(&self, key: K) -> Result<Option<V>> {
        match self.0.pool.opener().engine() {
            Engine::Sqlite => self.find_on_this_thread(key).await,
            Engine::Postgres => self.0.batcher.submit(key).await,
        }
    }

    /// Reads on the caller's thread. Waits while the journal of ends is being applied.
    async fn find_on_this_thread(&self, key: K) -> Result<Option<V>> {
        let history = &self.0.history;
        let deadline = Instant::now() + self.0.pool.opener().timeout();
        loop {
            let generation = history.generation();
            if let Some(expected) = history.expected() {
                match self.find_expected(key.clone(), Arc::clone(&expected)).await {
                    Err(error) if HistoryChanged::is_cause_of(&error) => history.report_unexpected(&expected),
                    // It may have been read from a file that got the database's name just now.
                    Ok(_) if generation != history.generation() => {}
                    outcome => return outcome,
                }
            }
            if Instant::now() > deadline {
                return Err(History::unverified());
            }
            tokio::time::sleep(HISTORY_RETRY_DELAY).await;
        }
    }

    /// Reads on the caller's thread; if that fails, through the pool, which may wait.
    async fn find_expected(&self, key: K, expected: Arc<ExpectedMark>) -> Result<Option<V>> {
        let find = self.0.find;
        let find_one = |connection: &mut DbConnection| find(connection, slice::from_ref(&key), &expected).map(single);
        // A panic must not end the server's worker thread.
        match catch_unwind(AssertUnwindSafe(|| thread_connection::read(self.0.pool.opener(), find_one))) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => {
                let find =
                    move |connection: &mut DbConnection| find(connection, slice::from_ref(&key), &expected).map(single);
                self.0.pool.read(find).await
            }
            Err(_) => Err(Error::internal("a lookup panicked")),
        }
    }
}
