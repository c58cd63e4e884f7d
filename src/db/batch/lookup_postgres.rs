//! A batch of lookups in one statement.

use std::{thread, time::Duration};

use super::{
    Job, Own, Serve, answer,
    lookup::{Find, only},
};
use crate::{
    db::DbConnection,
    error::{Error, Result},
};

/// How long to wait before another attempt to connect.
const PAUSE: Duration = Duration::from_millis(50);

/// See the module.
pub(super) struct Asking<K, V>(pub Find<K, V>);

impl<K: Clone + Send + 'static, V: Send + 'static> Serve for Asking<K, V> {
    type Key = K;
    type Value = V;
    const NAME: &str = "keyrack-lookup";

    /// A connection that turns out to be lost is replaced once: nothing was changed, so asking again is no harm.
    fn serve(&self, own: &mut Own, mut batch: Vec<Job<K, V>>) {
        loop {
            let kept = own.connection.take();
            let was_kept = kept.is_some();
            let mut connection = match kept.map_or_else(|| own.opener.open(), Ok) {
                Ok(connection) => connection,
                Err(error) => {
                    batch = without_late(batch, &Error::Unavailable(error.into()));
                    if batch.is_empty() {
                        return;
                    }
                    thread::sleep(PAUSE);
                    continue;
                }
            };
            match self.find_all(&mut connection, &batch) {
                Err(Error::Unavailable(_)) if was_kept => {}
                outcome => {
                    if !matches!(outcome, Err(Error::Unavailable(_))) {
                        own.connection = Some(connection);
                    }
                    return answer(batch, outcome);
                }
            }
        }
    }
}

impl<K: Clone, V> Asking<K, V> {
    fn find_all(&self, connection: &mut DbConnection, batch: &[Job<K, V>]) -> Result<Vec<Result<Option<V>>>> {
        let keys: Vec<K> = batch.iter().map(|job| job.key.clone()).collect();
        match (self.0)(connection, &keys) {
            Ok(found) => Ok(found.into_iter().map(Ok).collect()),
            // One that can't be looked up must not fail the others.
            Err(error @ Error::Unavailable(_)) => Err(error),
            Err(_) => Ok(keys.chunks(1).map(|key| (self.0)(connection, key).map(only)).collect()),
        }
    }
}

/// Answers those whose time is up; the others are tried again.
fn without_late<K, V>(batch: Vec<Job<K, V>>, error: &Error) -> Vec<Job<K, V>> {
    let (late, rest): (Vec<_>, Vec<_>) = batch.into_iter().partition(Job::is_late);
    answer(late, Err(error.duplicate()));
    rest
}
