//! What waits, and the threads that wait for it.

use std::{
    collections::VecDeque,
    mem,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// The most that is done together. More would make the first wait for the last.
const BATCH: usize = 32;

/// A thread that is busy with one batch for so long may never come back; another takes its place.
pub(super) const STUCK_AFTER: Duration = Duration::from_millis(300);

/// When so many wait, those that nobody waits for any more are cleared away; if none of them is, no more are taken.
const CROWDED: usize = 10_000;

/// Something that waits to be done.
pub(in crate::db) struct Job<K, V> {
    pub key: K,
    /// When to answer why it could not be done: shortly before its caller stops waiting.
    pub deadline: Instant,
    pub reply: oneshot::Sender<Result<Option<V>>>,
}

impl<K, V> Job<K, V> {
    /// Whether nobody waits for it any more, or soon won't.
    pub fn is_late(&self) -> bool {
        self.reply.is_closed() || self.deadline <= Instant::now()
    }
}

/// See the module.
pub(super) struct Queue<K, V> {
    state: Mutex<State<K, V>>,
    arrived: Condvar,
    /// How many threads are at work at once. The first is enough until a whole batch waits: fewer and larger statements cost less.
    threads: usize,
    /// The same, with those that may never come back.
    most_threads: usize,
}

struct State<K, V> {
    jobs: VecDeque<Job<K, V>>,
    /// Threads that wait for a job and have not been called.
    idle: usize,
    /// Threads that have been called and are not here yet.
    called: usize,
    /// Since when each of the other threads has been at work.
    busy: Vec<Instant>,
    is_closed: bool,
}

impl<K, V> Queue<K, V> {
    /// A queue for so many threads; twice as many while some hang.
    pub fn with_threads(threads: usize) -> Self {
        let state = State { jobs: VecDeque::new(), idle: 0, called: 0, busy: Vec::new(), is_closed: false };
        Self { state: Mutex::new(state), arrived: Condvar::new(), threads, most_threads: 2 * threads }
    }

    /// Takes a job, and calls a thread for it if one is idle. If it returns a time, the caller has to start one more, which
    /// counts as busy since then.
    pub fn push(&self, job: Job<K, V>) -> Result<Option<Instant>> {
        let mut state = self.state.lock();
        if state.jobs.len() >= CROWDED {
            state.jobs.retain(|job| !job.reply.is_closed());
            if state.jobs.len() >= CROWDED {
                return Err(Error::Unavailable(anyhow::anyhow!("too many requests wait")));
            }
        }
        state.jobs.push_back(job);
        Ok(self.see_to_it(state))
    }

    /// Sees to it that what waits is not left to threads that may never come back. Returns the same as [`Queue::push`].
    pub fn nudge(&self) -> Option<Instant> {
        let state = self.state.lock();
        if state.jobs.is_empty() { None } else { self.see_to_it(state) }
    }

    /// Calls a thread, or has one started, if those that are at work or on their way are too few.
    fn see_to_it(&self, mut state: MutexGuard<'_, State<K, V>>) -> Option<Instant> {
        let expected = state.called + state.at_work();
        if expected > 0 && (state.called > 0 || state.jobs.len() < BATCH) {
            return None;
        }
        if state.idle > 0 {
            state.idle -= 1;
            state.called += 1;
            drop(state);
            self.arrived.notify_one();
            return None;
        }
        if expected >= self.threads || state.busy.len() >= self.most_threads {
            return None;
        }
        let since = Instant::now();
        state.busy.push(since);
        Some(since)
    }

    /// What waits, for a thread that has been busy since `since`; it waits for it if nothing does. `None` if the thread is to
    /// end. Returns since when the thread has been busy with the batch, too.
    pub fn take(&self, since: Instant) -> Option<(Vec<Job<K, V>>, Instant)> {
        let mut state = self.state.lock();
        state.leave(since);
        // A thread that was given up and came back after all.
        if state.idle + state.called + state.at_work() >= self.threads {
            return None;
        }
        loop {
            if state.is_closed {
                return None;
            }
            let batch = state.next_batch();
            if !batch.is_empty() {
                let since = Instant::now();
                state.busy.push(since);
                return Some((batch, since));
            }
            state.idle += 1;
            while state.called == 0 && !state.is_closed {
                self.arrived.wait(&mut state);
            }
            state.called = state.called.saturating_sub(1);
        }
    }

    /// A thread could not be started.
    pub fn give_up(&self, since: Instant) {
        self.state.lock().leave(since);
    }

    /// Ends the threads.
    pub fn close(&self) {
        self.state.lock().is_closed = true;
        self.arrived.notify_all();
    }
}

impl<K, V> State<K, V> {
    /// How many threads are busy and can be expected back.
    fn at_work(&self) -> usize {
        self.busy.iter().filter(|since| since.elapsed() < STUCK_AFTER).count()
    }

    fn leave(&mut self, since: Instant) {
        if let Some(place) = self.busy.iter().position(|busy| *busy == since) {
            self.busy.swap_remove(place);
        }
    }

    fn next_batch(&mut self) -> Vec<Job<K, V>> {
        let mut batch = Vec::with_capacity(self.jobs.len().min(BATCH));
        while batch.len() < BATCH
            && let Some(job) = self.jobs.pop_front()
        {
            if !job.reply.is_closed() {
                batch.push(job);
            }
        }
        // What a crowd needed is not kept for ever.
        if self.jobs.is_empty() && self.jobs.capacity() > CROWDED {
            drop(mem::take(&mut self.jobs));
        }
        batch
    }
}
