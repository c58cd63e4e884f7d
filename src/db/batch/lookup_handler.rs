//! Looks up a batch of keys in one PostgreSQL statement.

use std::{sync::Arc, thread, time::Duration};

use super::{
    request::{Request, reject_all, reject_late, reply_each},
    worker::{BatchHandler, Worker},
};
use crate::{
    db::{
        connect::{
            connection::DbConnection,
            errors::{has_no_kind, is_connection_lost},
        },
        history::{ExpectedMark, History, HistoryChanged},
    },
    error::{Error, Result},
};

/// Pause between two attempts to connect.
const CONNECT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Pause between two looks whether the journal of ends has been applied.
pub(super) const HISTORY_RETRY_DELAY: Duration = Duration::from_millis(10);

/// How many new connections of a batch may be lost before its requests fail.
const MAX_LOST_CONNECTIONS: u32 = 3;

/// Returns the value of each key, in the keys' order. Fails with [`HistoryChanged`] if the server has another history
/// than the expected one.
pub(in crate::db) type FindFn<K, V> = fn(&mut DbConnection, &[K], &ExpectedMark) -> Result<Vec<Option<V>>>;

pub(super) struct LookupHandler<K, V> {
    pub find: FindFn<K, V>,
    pub history: Arc<History>,
}

impl<K: Clone + Send + 'static, V: Send + 'static> BatchHandler for LookupHandler<K, V> {
    type Input = K;
    type Output = Option<V>;
    const THREAD_NAME: &str = "keyrack-lookup";

    /// Replaces a kept connection that turns out to be lost and retries once on the new one, which is safe because a
    /// lookup changes nothing. Waits while the journal of ends is being applied.
    fn run(&self, worker: &Worker, mut batch: Vec<Request<K, Option<V>>>) {
        let mut lost_connections = 0;
        while !batch.is_empty() {
            let Some(expected) = self.history.expected() else {
                reject_late(&mut batch, History::unverified);
                thread::sleep(HISTORY_RETRY_DELAY);
                continue;
            };
            let mut connection = match worker.connect() {
                Ok(connection) => connection,
                Err(error) => {
                    reject_late(&mut batch, || error.duplicate());
                    if !batch.is_empty() {
                        thread::sleep(CONNECT_RETRY_DELAY);
                    }
                    continue;
                }
            };
            match self.find_all(&mut connection, &batch, &expected) {
                Err(error) if HistoryChanged::is_cause_of(&error) => {
                    reject_late(&mut batch, || error.duplicate());
                    self.history.report_unexpected(&expected);
                    match self.history.follow_unwatched(&mut connection) {
                        Ok(true) => worker.keep(connection),
                        Ok(false) => {}
                        Err(_) => worker.opener.discard_all(),
                    }
                }
                Ok(found) => {
                    worker.keep(connection);
                    return reply_each(batch, found);
                }
                Err(Error::Unavailable(_)) if connection.is_kept => worker.opener.discard_idle(),
                Err(error) if is_connection_lost(&error) && lost_connections < MAX_LOST_CONNECTIONS => {
                    lost_connections += 1;
                }
                Err(error) if has_no_kind(&error) && batch.len() > 1 => {
                    let found: Vec<_> =
                        batch.iter().map(|one| self.find_one(&mut connection, &one.input, &expected)).collect();
                    return reply_each(batch, found);
                }
                Err(error) => return reject_all(batch, &error),
            }
        }
    }
}

impl<K: Clone, V> LookupHandler<K, V> {
    /// Looks all keys up together; if Keyrack itself is at fault, each on its own, so that one bad key fails only its
    /// own request.
    ///
    /// # Errors
    /// [`Error::Unavailable`] only.
    fn find_all(
        &self,
        connection: &mut DbConnection,
        batch: &[Request<K, Option<V>>],
        expected: &ExpectedMark,
    ) -> Result<Vec<Result<Option<V>>>> {
        let keys: Vec<K> = batch.iter().map(|request| request.input.clone()).collect();
        match (self.find)(connection, &keys, expected) {
            Ok(found) => Ok(found.into_iter().map(Ok).collect()),
            Err(error @ Error::Unavailable(_)) => Err(error),
            Err(_) => Ok(keys.iter().map(|key| self.find_one(connection, key, expected)).collect()),
        }
    }

    fn find_one(&self, connection: &mut DbConnection, key: &K, expected: &ExpectedMark) -> Result<Option<V>> {
        (self.find)(connection, std::slice::from_ref(key), expected).map(single)
    }
}

/// Returns the value of a single key.
pub(super) fn single<V>(found: Vec<Option<V>>) -> Option<V> {
    found.into_iter().next().flatten()
}
