//! A request in a queue, and the replies to a batch of them.

use std::time::Instant;

use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// One caller's request.
pub(super) struct Request<I, O> {
    /// Tells it from the other requests of its queue.
    pub id: u64,
    pub input: I,
    /// After this time the request must not be served, only be answered with an error: its caller is about to give up.
    pub deadline: Instant,
    pub reply: oneshot::Sender<Result<O>>,
}

impl<I, O> Request<I, O> {
    /// Whether the caller has given up.
    pub fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    /// Whether the caller has given up or is about to. Such a request must not be committed.
    pub fn is_too_late(&self, now: Instant) -> bool {
        self.is_abandoned() || self.deadline <= now
    }

    /// Answers the caller, unless it has given up.
    pub fn reply(self, outcome: Result<O>) {
        let _ = self.reply.send(outcome);
    }
}

/// Answers each request with its own outcome.
pub(super) fn reply_each<I, O>(
    batch: impl IntoIterator<Item = Request<I, O>>,
    outcomes: impl IntoIterator<Item = Result<O>>,
) {
    batch.into_iter().zip(outcomes).for_each(|(request, outcome)| request.reply(outcome));
}

/// Answers all requests with the same error.
pub(super) fn reject_all<I, O>(batch: impl IntoIterator<Item = Request<I, O>>, error: &Error) {
    batch.into_iter().for_each(|request| request.reply(Err(error.duplicate())));
}

/// Removes the requests that are too late from the batch and answers them with `error`.
pub(super) fn reject_late<I, O>(batch: &mut Vec<Request<I, O>>, error: impl Fn() -> Error) {
    let now = Instant::now();
    batch.extract_if(.., |request| request.is_too_late(now)).for_each(|request| request.reply(Err(error())));
}
