//! The state of a queue and its workers. It decides; [`super::worker`] owns the lock and the threads.
//!
//! The current time is a parameter, so that tests need no clock. A busy worker is identified by the time since which it
//! is busy.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::request::Request;
use crate::error::{Error, Result};

/// Maximum requests in one batch. In a larger one, the first request would wait too long for the last.
pub(super) const MAX_BATCH: usize = 32;

/// Above this length, abandoned requests are dropped; if none were abandoned, new ones are rejected.
pub(super) const MAX_QUEUED: usize = 10_000;

/// After this time with one batch, a worker may never come back, and another may take its place.
pub(super) const WORKER_STUCK_AFTER: Duration = Duration::from_millis(300);

/// Maximum workers of one queue.
#[derive(Clone, Copy)]
pub(super) struct WorkerLimit {
    /// Workers that are not stuck.
    not_stuck: usize,
    /// All workers, those that are stuck included.
    total: usize,
}

impl WorkerLimit {
    /// Exactly one worker, which is waited for even while it is stuck.
    pub const ONE: Self = Self { not_stuck: 1, total: 1 };

    /// This many workers, and twice as many while some are stuck.
    pub fn doubled_while_stuck(workers: usize) -> Self {
        Self { not_stuck: workers, total: 2 * workers }
    }
}

/// What the caller of [`Queue::push`] or [`Queue::wake_if_stuck`] has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    None,
    /// Wake one idle worker.
    Notify,
    /// Start a worker, which counts as busy since then.
    Start(Instant),
}

/// The requests that a worker takes from the queue at once.
pub(super) struct Batch<I, O> {
    pub requests: Vec<Request<I, O>>,
    /// Since when its worker is busy with it.
    pub busy_since: Instant,
}

/// What a worker has to do next.
pub(super) enum Next<I, O> {
    Serve(Batch<I, O>),
    /// Wait until [`Queue::try_wake`] succeeds.
    Wait,
    End,
}

/// Requests that wait, in the order of their arrival, and the workers that serve them.
pub(super) struct Queue<I, O> {
    requests: VecDeque<Request<I, O>>,
    limit: WorkerLimit,
    /// Workers that wait and have not been notified.
    idle: usize,
    /// Workers that have been notified and have not woken up yet.
    notified: usize,
    /// Since when each of the other workers has been busy.
    busy: Vec<Instant>,
    is_closed: bool,
}

impl<I, O> Queue<I, O> {
    pub fn new(limit: WorkerLimit) -> Self {
        Self { requests: VecDeque::new(), limit, idle: 0, notified: 0, busy: Vec::new(), is_closed: false }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Adds a request.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the queue is full.
    pub fn push(&mut self, request: Request<I, O>, now: Instant) -> Result<Action> {
        if self.requests.len() >= MAX_QUEUED {
            // Unlike in `next`, dropping requests is safe here: the caller holds a handle of the queue.
            self.requests.retain(|request| !request.is_abandoned());
            if self.requests.len() >= MAX_QUEUED {
                return Err(Error::Unavailable(anyhow::anyhow!("too many requests are waiting for the database")));
            }
        }
        self.requests.push_back(request);
        Ok(self.ensure_worker(now))
    }

    /// Finds another worker for the waiting requests if the busy ones look stuck.
    pub fn wake_if_stuck(&mut self, now: Instant) -> Action {
        if self.requests.is_empty() { Action::None } else { self.ensure_worker(now) }
    }

    /// Removes a request that no worker has taken. Returns whether there was one.
    pub fn withdraw(&mut self, id: u64) -> bool {
        let place = self.requests.iter().position(|request| request.id == id);
        place.is_some_and(|place| self.requests.remove(place).is_some())
    }

    /// Finds a worker for the waiting requests, unless one will take them soon: a notified one, or a busy one that can
    /// take all of them as its next batch. So the second worker starts only when a whole batch waits: fewer and larger
    /// batches cost less.
    fn ensure_worker(&mut self, now: Instant) -> Action {
        let expected = self.notified + self.not_stuck(now);
        if self.notified > 0 || (expected > 0 && self.requests.len() < MAX_BATCH) {
            return Action::None;
        }
        if self.idle > 0 {
            self.idle -= 1;
            self.notified += 1;
            return Action::Notify;
        }
        if expected >= self.limit.not_stuck || self.busy.len() >= self.limit.total {
            return Action::None;
        }
        self.busy.push(now);
        Action::Start(now)
    }

    /// Records that the worker busy since `since` has finished its batch. Returns whether it is to go on: a worker that
    /// was taken for stuck may have been replaced.
    pub fn worker_finished(&mut self, since: Instant, now: Instant) -> bool {
        self.remove_busy(since);
        self.idle + self.notified + self.not_stuck(now) < self.limit.not_stuck
    }

    /// Records that the worker busy since `since` could not be started.
    pub fn worker_failed(&mut self, since: Instant) {
        self.remove_busy(since);
    }

    /// Decides what a worker that is neither busy nor idle does next.
    ///
    /// The batch may contain abandoned requests. They are not dropped here, because dropping one may drop the queue's
    /// last handle, which takes the queue's lock.
    pub fn next(&mut self, now: Instant) -> Next<I, O> {
        if self.is_closed {
            return Next::End;
        }
        if self.requests.is_empty() {
            self.idle += 1;
            return Next::Wait;
        }
        let requests = self.requests.drain(..self.requests.len().min(MAX_BATCH)).collect();
        // Frees the memory that an overload needed.
        if self.requests.is_empty() && self.requests.capacity() > MAX_QUEUED {
            self.requests = VecDeque::new();
        }
        self.busy.push(now);
        Next::Serve(Batch { requests, busy_since: now })
    }

    /// Lets an idle worker go on to [`Queue::next`] if one was notified or the queue was closed. Returns whether it
    /// may.
    pub fn try_wake(&mut self) -> bool {
        if self.notified > 0 {
            self.notified -= 1;
        } else if self.is_closed {
            self.idle -= 1;
        } else {
            return false;
        }
        true
    }

    /// Ends the workers: the idle ones at once, the busy ones after their batch.
    pub fn close(&mut self) {
        self.is_closed = true;
    }

    /// Returns the number of busy workers that are not stuck.
    fn not_stuck(&self, now: Instant) -> usize {
        self.busy.iter().filter(|since| now.duration_since(**since) < WORKER_STUCK_AFTER).count()
    }

    fn remove_busy(&mut self, since: Instant) {
        if let Some(index) = self.busy.iter().position(|busy| *busy == since) {
            self.busy.swap_remove(index);
        }
    }
}

#[cfg(test)]
mod tests;
