//! The threads that look up, each on a connection of its own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{
    Find, only,
    queue::{Job, Queue},
};
use crate::{
    db::{Database, connection::DbConnection, pool::Opener},
    error::{Error, Result},
};

/// How long to wait before another attempt to connect.
const PAUSE: Duration = Duration::from_millis(50);

/// Starts a thread that `queue` counts as busy.
pub(super) fn start<K, V>(database: &Database, find: Find<K, V>, queue: &Arc<Queue<K, V>>, since: Instant) -> Result<()>
where
    K: Clone + Send + Sync + 'static,
    V: Send + 'static,
{
    let mut lookup = Lookup { opener: database.opener().clone(), connection: None, find };
    let jobs = Arc::clone(queue);
    let started = thread::Builder::new().name("keyrack-lookup".to_owned()).spawn(move || {
        let mut since = since;
        while let Some((batch, busy_since)) = jobs.take(since) {
            since = busy_since;
            // What panics takes its own batch along and its connection, which is nobody's while it is used.
            let _ = catch_unwind(AssertUnwindSafe(|| lookup.serve(batch)));
        }
    });
    started.map(drop).map_err(|error| {
        queue.give_up(since);
        Error::Unavailable(error.into())
    })
}

/// What one thread has.
struct Lookup<K, V> {
    opener: Opener,
    connection: Option<DbConnection>,
    find: Find<K, V>,
}

impl<K: Clone, V> Lookup<K, V> {
    /// Answers every job of the batch. A connection that turns out to be lost is replaced once: nothing was changed, so asking
    /// again is no harm.
    fn serve(&mut self, mut batch: Vec<Job<K, V>>) {
        loop {
            let kept = self.connection.take();
            let was_kept = kept.is_some();
            let mut connection = match kept.map_or_else(|| self.opener.open(), Ok) {
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
                        self.connection = Some(connection);
                    }
                    return answer(batch, outcome);
                }
            }
        }
    }

    fn find_all(&self, connection: &mut DbConnection, batch: &[Job<K, V>]) -> Result<Vec<Result<Option<V>>>> {
        let keys: Vec<K> = batch.iter().map(|job| job.key.clone()).collect();
        match (self.find)(connection, &keys) {
            Ok(found) => Ok(found.into_iter().map(Ok).collect()),
            // One that can't be looked up must not fail the others.
            Err(error @ Error::Unavailable(_)) => Err(error),
            Err(_) => Ok(keys.chunks(1).map(|key| (self.find)(connection, key).map(only)).collect()),
        }
    }
}

fn answer<K, V>(batch: Vec<Job<K, V>>, outcome: Result<Vec<Result<Option<V>>>>) {
    match outcome {
        // Who does not wait any more does not miss the answer.
        Ok(found) => batch.into_iter().zip(found).for_each(|(job, found)| drop(job.reply.send(found))),
        Err(error) => batch.into_iter().for_each(|job| drop(job.reply.send(Err(for_one(&error))))),
    }
}

/// Answers those whose time is up; the others are tried again.
fn without_late<K, V>(batch: Vec<Job<K, V>>, error: &Error) -> Vec<Job<K, V>> {
    let now = Instant::now();
    let (late, rest): (Vec<_>, Vec<_>) =
        batch.into_iter().partition(|job| job.deadline <= now || job.reply.is_closed());
    answer(late, Err(for_one(error)));
    rest
}

/// Each caller gets an error of their own.
fn for_one(error: &Error) -> Error {
    Error::Unavailable(anyhow::anyhow!("{}", error.chain()))
}
