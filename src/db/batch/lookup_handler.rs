//! Looks up a batch of keys in one PostgreSQL statement.

use std::{thread, time::Duration};

use super::{
    request::{Request, reject_all, reject_late, reply_each},
    worker::{BatchHandler, Worker},
};
use crate::{
    db::connect::connection::DbConnection,
    error::{Error, Result},
};

/// Pause between two attempts to connect.
const CONNECT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Returns the value of each key, in the keys' order.
pub(in crate::db) type FindFn<K, V> = fn(&mut DbConnection, &[K]) -> Result<Vec<Option<V>>>;

pub(super) struct LookupHandler<K, V>(pub FindFn<K, V>);

impl<K: Clone + Send + 'static, V: Send + 'static> BatchHandler for LookupHandler<K, V> {
    type Input = K;
    type Output = Option<V>;
    const THREAD_NAME: &str = "keyrack-lookup";

    /// Replaces a kept connection that turns out to be lost and retries once on the new one, which is safe because a
    /// lookup changes nothing.
    fn run(&self, worker: &mut Worker, mut batch: Vec<Request<K, Option<V>>>) {
        while !batch.is_empty() {
            let kept = worker.connection.take();
            let was_kept = kept.is_some();
            let mut connection = match kept.map_or_else(|| worker.opener.open(), Ok) {
                Ok(connection) => connection,
                Err(error) => {
                    let error = Error::Unavailable(error.into());
                    reject_late(&mut batch, || error.duplicate());
                    if !batch.is_empty() {
                        thread::sleep(CONNECT_RETRY_DELAY);
                    }
                    continue;
                }
            };
            match self.find_all(&mut connection, &batch) {
                Err(Error::Unavailable(_)) if was_kept => {}
                Err(error) => return reject_all(batch, &error),
                Ok(found) => {
                    worker.connection = Some(connection);
                    return reply_each(batch, found);
                }
            }
        }
    }
}

impl<K: Clone, V> LookupHandler<K, V> {
    /// Looks all keys up together; if that fails although the database is available, each on its own, so that one bad
    /// key fails only its own request.
    ///
    /// # Errors
    /// [`Error::Unavailable`] only.
    fn find_all(
        &self,
        connection: &mut DbConnection,
        batch: &[Request<K, Option<V>>],
    ) -> Result<Vec<Result<Option<V>>>> {
        let keys: Vec<K> = batch.iter().map(|request| request.input.clone()).collect();
        match (self.0)(connection, &keys) {
            Ok(found) => Ok(found.into_iter().map(Ok).collect()),
            Err(error @ Error::Unavailable(_)) => Err(error),
            Err(_) => Ok(keys.chunks(1).map(|key| (self.0)(connection, key).map(single)).collect()),
        }
    }
}

/// Returns the value of a single key.
pub(super) fn single<V>(found: Vec<Option<V>>) -> Option<V> {
    found.into_iter().next().flatten()
}
