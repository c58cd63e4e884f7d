//! The threads that do it, each on a connection of its own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Instant,
};

use super::{Serve, queue::Queue};
use crate::{
    db::{DbConnection, connect::pool::Opener},
    error::{Error, Result},
};

/// What a thread has.
pub(in crate::db) struct Own {
    pub opener: Opener,
    /// While it is used it is nobody's, so that whatever goes wrong throws it away.
    pub connection: Option<DbConnection>,
}

/// Starts a thread that `queue` counts as busy.
pub(super) fn start<S: Serve>(
    opener: &Opener,
    serve: &Arc<S>,
    queue: &Arc<Queue<S::Key, S::Value>>,
    since: Instant,
) -> Result<()> {
    let mut own = Own { opener: opener.clone(), connection: None };
    let (serve, jobs) = (Arc::clone(serve), Arc::clone(queue));
    let started = thread::Builder::new().name(S::NAME.to_owned()).spawn(move || {
        let mut since = since;
        while let Some((batch, busy_since)) = jobs.take(since) {
            since = busy_since;
            // What panics takes its own batch along.
            let _ = catch_unwind(AssertUnwindSafe(|| serve.serve(&mut own, batch)));
        }
    });
    started.map(drop).map_err(|error| {
        queue.give_up(since);
        Error::Unavailable(error.into())
    })
}
