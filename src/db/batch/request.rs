//! A request in a queue, and the replies to a batch of them.

use std::time::Instant;

use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// One caller's request.
pub(super) struct Request<K, V> {
    pub key: K,
    /// After this time the request must not be served, only be answered with an error: its caller is about to give up.
    pub deadline: Instant,
    pub reply: oneshot::Sender<Result<V>>,
}

impl<K, V> Request<K, V> {
    /// Whether the caller has given up.
    pub fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    /// Whether the caller has given up or is about to. Such a request must not be committed.
    pub fn is_expired(&self, now: Instant) -> bool {
        self.is_abandoned() || self.deadline <= now
    }

    /// Answers the caller, unless it has given up.
    pub fn reply(self, outcome: Result<V>) {
        let _ = self.reply.send(outcome);
    }
}

/// Answers each request with its own outcome.
pub(super) fn reply_each<K, V>(
    batch: impl IntoIterator<Item = Request<K, V>>,
    outcomes: impl IntoIterator<Item = Result<V>>,
) {
    batch.into_iter().zip(outcomes).for_each(|(request, outcome)| request.reply(outcome));
}

/// Answers all requests with the same error.
pub(super) fn reject_all<K, V>(batch: impl IntoIterator<Item = Request<K, V>>, error: &Error) {
    batch.into_iter().for_each(|request| request.reply(Err(error.duplicate())));
}

/// Removes the expired requests from the batch and answers them with `error`.
pub(super) fn drop_expired<K, V>(batch: &mut Vec<Request<K, V>>, error: impl Fn() -> Error) {
    let now = Instant::now();
    batch.extract_if(.., |request| request.is_expired(now)).for_each(|request| request.reply(Err(error())));
}
