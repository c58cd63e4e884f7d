//! Submits requests to a queue that workers serve in batches.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use parking_lot::{Condvar, Mutex};
use tokio::{sync::oneshot, time};

use super::{
    queue::{Action, Queue, WORKER_STUCK_AFTER, WorkerLimit},
    request::Request,
    worker::{BatchHandler, WorkerShared},
};
use crate::{
    db::connect::opener::Opener,
    error::{Error, Result},
};

/// A queue and its workers, which end when it is dropped.
pub(super) struct Batcher<H: BatchHandler>(Arc<WorkerShared<H>>);

impl<H: BatchHandler> Drop for Batcher<H> {
    fn drop(&mut self) {
        self.0.queue.lock().close();
        self.0.wakeup.notify_all();
    }
}

impl<H: BatchHandler> Batcher<H> {
    /// Creates the queue. Workers start when they are first needed.
    pub fn new(opener: Arc<Opener>, handler: H, limit: WorkerLimit) -> Self {
        let queue = Mutex::new(Queue::new(limit));
        Self(Arc::new(WorkerShared { opener, queue, wakeup: Condvar::new(), handler, next_id: AtomicU64::new(0) }))
    }

    /// Submits `input` and waits for the handler's answer, up to the database's timeout. Where the handler allows it, a
    /// request that no worker takes because all are stuck is skipped.
    ///
    /// # Errors
    /// [`Error::Unavailable`] after the timeout or if the queue is full; otherwise the handler's error.
    pub async fn submit(&self, input: H::Input) -> Result<H::Output> {
        let timeout = self.0.opener.timeout();
        let (reply, mut answer) = oneshot::channel();
        let now = Instant::now();
        // Leaves the last eighth of the timeout for the commit, and for an answer that contains the cause of a failure.
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let request = Request { id, input, deadline: now + timeout * 7 / 8, reply };
        let action = self.0.queue.lock().push(request, now)?;
        self.perform(action)?;
        let mut outcome = time::timeout(WORKER_STUCK_AFTER.min(timeout), &mut answer).await;
        if outcome.is_err() {
            let (action, is_withdrawn) = {
                let mut queue = self.0.queue.lock();
                let action = queue.wake_if_stuck(Instant::now());
                let may_be_skipped = action == Action::None && self.0.handler.skipped().is_some();
                (action, may_be_skipped && queue.withdraw(id))
            };
            if is_withdrawn && let Some(answer) = self.0.handler.skipped() {
                return Ok(answer);
            }
            self.perform(action)?;
            outcome = time::timeout(timeout.saturating_sub(WORKER_STUCK_AFTER), answer).await;
        }
        match outcome {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Error::internal("the batch of this request panicked")),
            Err(elapsed) => Err(Error::Unavailable(anyhow::Error::new(elapsed).context("no answer in time"))),
        }
    }

    /// The number of requests in the queue.
    #[cfg(test)]
    pub fn queued(&self) -> usize {
        self.0.queue.lock().len()
    }

    fn perform(&self, action: Action) -> Result<()> {
        match action {
            Action::None => {}
            Action::Notify => _ = self.0.wakeup.notify_one(),
            Action::Start(since) => self.0.start_worker(since)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
