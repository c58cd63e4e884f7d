//! Lookups by key, each as cheap as its engine can have it, and none from memory.
//!
//! - SQLite reads faster than a thread can be woken, so a lookup reads at once, on a connection of its thread's own
//!   ([`super::lookup_sqlite`]).
//! - To PostgreSQL, lookups that wait at the same moment go in one statement ([`super::lookup_postgres`]). Each kind of
//!   lookup has threads of its own, so that none waits for another kind.
//!
//! Either way, the statement starts after the lookup was asked for: whatever was committed by then, it sees.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{Together, lookup_postgres::Asking, lookup_sqlite};
use crate::{
    db::{Database, DbConnection, Engine},
    error::{Error, Result},
};

/// Finds what each key leads to, in the keys' order.
pub(super) type Find<K, V> = fn(&mut DbConnection, &[K]) -> Result<Vec<Option<V>>>;

/// How many threads one kind of lookup has at most on PostgreSQL. SQLite needs none.
#[derive(Debug, Clone, Copy)]
pub enum LookupThreads {
    /// For what some requests look up.
    Few = 2,
    /// For what every request looks up.
    Many = 4,
}

/// One kind of lookup in one database; clones share its threads.
pub struct Lookups<K: Clone + Send + 'static, V: Send + 'static>(Arc<Inner<K, V>>);

struct Inner<K: Clone + Send + 'static, V: Send + 'static> {
    database: Database,
    find: Find<K, V>,
    together: Together<Asking<K, V>>,
}

impl<K: Clone + Send, V: Send> Clone for Lookups<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Clone + Send + Sync + 'static, V: Send + 'static> Lookups<K, V> {
    /// Lookups in `database` by `find`, which must only read.
    pub fn new(database: Database, find: Find<K, V>, threads: LookupThreads) -> Self {
        let together = Together::new(database.opener().clone(), Asking(find), threads as usize);
        Self(Arc::new(Inner { database, find, together }))
    }

    /// What `key` leads to now.
    pub async fn find(&self, key: K) -> Result<Option<V>> {
        match self.0.database.engine() {
            Engine::Sqlite => self.find_here(key).await,
            Engine::Postgres => self.0.together.ask(key).await,
        }
    }

    /// Reads on this thread; if that is not possible at once, on one that may wait, as everything else does.
    async fn find_here(&self, key: K) -> Result<Option<V>> {
        let find = self.0.find;
        let one = |connection: &mut DbConnection| find(connection, std::slice::from_ref(&key)).map(|found| only(found));
        // A panic ends the lookup, not the server's worker.
        match catch_unwind(AssertUnwindSafe(|| lookup_sqlite::with(&self.0.database, one))) {
            Ok(Some(found)) => Ok(found),
            Ok(None) => self.0.database.read(move |connection| find(connection, &[key]).map(only)).await,
            Err(_) => Err(Error::internal("a lookup panicked")),
        }
    }
}

pub(super) fn only<V>(found: Vec<Option<V>>) -> Option<V> {
    found.into_iter().next().flatten()
}
