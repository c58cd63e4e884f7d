//! Changes that wait at the same moment, in one transaction: PostgreSQL's counterpart of what [`super::writer`] does for SQLite.
//!
//! A commit that is to survive a crash costs PostgreSQL more than what is committed, and so do the ways to it and back. Here,
//! one statement changes the rows of many requests, and none of them is answered before its commit.
//!
//! It is for what succeeds nearly always and waits for nobody. Whatever is not of that kind is left undone, and its request
//! goes the ordinary way, alone: [`Database::transaction`].

use std::sync::Arc;

use super::{Job, Own, Serve, Together, answer};
use crate::{
    db::{Database, DbConnection, Engine, connect::errors::is_worth_a_retry},
    error::{Error, Result},
};

/// How many transactions are under way at once. The second begins when a whole batch waits.
const THREADS: usize = 2;

/// Makes the changes, and returns what came of each, in their order; nothing of one that it left undone.
type Change<K, V> = fn(&mut DbConnection, &[&K]) -> Result<Vec<Option<V>>>;

/// One kind of change to one database; clones share its threads.
pub struct GroupCommit<K: Send + 'static, V: Send + 'static>(Option<Arc<Together<Changing<K, V>>>>);

impl<K: Send, V: Send> Clone for GroupCommit<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Send + 'static, V: Send + 'static> GroupCommit<K, V> {
    /// Changes to `database` by `change`.
    pub fn new(database: &Database, change: Change<K, V>) -> Self {
        let together = || Arc::new(Together::new(database.opener().clone(), Changing(change), THREADS));
        Self((database.engine() == Engine::Postgres).then(together))
    }

    /// Makes the change and waits for its commit. `None` if it was left undone: that says nothing but to go the ordinary way, as
    /// always on SQLite.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it may have happened, or did not within the database's timeout.
    pub async fn try_commit(&self, change: impl FnOnce() -> K) -> Result<Option<V>> {
        match &self.0 {
            Some(together) => together.ask(change()).await,
            None => Ok(None),
        }
    }
}

struct Changing<K, V>(Change<K, V>);

impl<K: Send + 'static, V: Send + 'static> Serve for Changing<K, V> {
    type Key = K;
    type Value = V;
    const NAME: &str = "keyrack-commits";

    fn serve(&self, own: &mut Own, mut batch: Vec<Job<K, V>>) {
        while !batch.is_empty() {
            batch = self.round(own, batch);
        }
    }
}

impl<K, V> Changing<K, V> {
    /// Answers those that are done, or can't be, and returns the others: somebody did not wait for the commit, and what was not
    /// waited for must not happen.
    fn round(&self, own: &mut Own, batch: Vec<Job<K, V>>) -> Vec<Job<K, V>> {
        let batch = timely(batch);
        if batch.is_empty() {
            return batch;
        }
        let Some(mut connection) = begin(own) else {
            // Nothing was done, so the ordinary way finds out what there is to say.
            leave_undone(batch);
            return Vec::new();
        };
        let keys: Vec<&K> = batch.iter().map(|job| &job.key).collect();
        let changed = (self.0)(&mut connection, &keys);
        let count = batch.len();
        let batch = timely(batch);
        match changed {
            Ok(changed) if batch.len() == count => match connection.commit() {
                Ok(()) => {
                    own.connection = Some(connection);
                    answer(batch, Ok(changed.into_iter().map(Ok).collect()));
                }
                // The server says that it was not committed, and one alone may be the cause, or not meet it again.
                Err(error) if is_refused(&error) => leave_undone(batch),
                Err(error) => answer(batch, Err(error)),
            },
            changed => {
                if connection.rollback().is_ok() {
                    own.connection = Some(connection);
                }
                if changed.is_ok() {
                    return batch;
                }
                leave_undone(batch);
            }
        }
        Vec::new()
    }
}

/// Opens a transaction. A connection that was kept may be lost by now, and is replaced.
fn begin(own: &mut Own) -> Option<DbConnection> {
    let begun = |mut connection: DbConnection| connection.begin().is_ok().then_some(connection);
    own.connection.take().and_then(begun).or_else(|| own.opener.open().ok().and_then(begun))
}

/// Whether the server refused the commit, rather than fell silent, after which the commit may have happened.
fn is_refused(error: &Error) -> bool {
    is_worth_a_retry(error) || !matches!(error, Error::Unavailable(_))
}

/// Those that somebody waits for; the others are told that it was too late for them.
fn timely<K, V>(batch: Vec<Job<K, V>>) -> Vec<Job<K, V>> {
    let (late, timely): (Vec<_>, Vec<_>) = batch.into_iter().partition(Job::is_late);
    answer(late, Err(Error::Unavailable(anyhow::anyhow!("the transaction took too long and was rolled back"))));
    timely
}

fn leave_undone<K, V>(batch: Vec<Job<K, V>>) {
    let nothing = batch.iter().map(|_| Ok(None)).collect();
    answer(batch, Ok(nothing));
}
