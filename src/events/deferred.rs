//! Stores events after the answer that they are about.
//!
//! An answer that waits for such a write tells that there is one. So does an answer that is sent while the write takes a
//! processor: it was a quarter slower. A refused sign-in is recorded for an existing account only, so it is logged at once,
//! and stored later. Even to wake the thread that stores it takes a tenth of the time of the answer, so that of an unknown
//! address wakes it, too.

use std::{
    mem,
    sync::{Arc, Once, atomic::AtomicBool, atomic::Ordering},
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use super::{event::NewEvent, log::log_event, queries};
use crate::{
    clock::Timestamp,
    db::Database,
    error::{Error, Result},
};

/// Events that wait at once. Further ones are logged, and not stored.
const MAX_WAITING: usize = 1000;

/// Events per transaction.
const BATCH_EVENTS: usize = 100;

/// How long the first of several events waits, so that its answer is sent before it is written.
const WRITTEN_AFTER: Duration = Duration::from_millis(100);

/// How long after an attempt that the database could not serve the next one follows.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// An event, and when it happened.
type Dated = (NewEvent, Timestamp);

/// What wakes the thread: an event, or nothing to store.
type Waiting = Option<Dated>;

/// Events that are logged, and wait to be stored, by a thread of their own: a task of a server's worker would end with it
/// while the transaction goes on. Clones share them.
#[derive(Clone)]
pub(crate) struct DeferredEvents(Arc<Inner>);

struct Inner {
    sender: mpsc::Sender<Waiting>,
    /// What the thread needs, until it runs.
    receiver: Mutex<Option<(mpsc::Receiver<Waiting>, Database)>>,
    started: Once,
    /// The number of events that are not stored yet, and of what else waits.
    waiting: watch::Sender<usize>,
    /// Whether the last event was left out.
    is_overflowing: AtomicBool,
}

impl DeferredEvents {
    /// Stores events in this database. The thread starts with the first event, or by [`start`](Self::start).
    pub fn new(db: Database) -> Self {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let waiting = watch::Sender::new(0);
        let receiver = Mutex::new(Some((receiver, db)));
        Self(Arc::new(Inner {
            sender,
            receiver,
            started: Once::new(),
            waiting,
            is_overflowing: AtomicBool::new(false),
        }))
    }

    /// Starts the thread now: the first event must take no longer than the others.
    pub fn start(&self) {
        self.0.started.call_once(|| {
            let Some((receiver, db)) = self.0.receiver.lock().take() else { return };
            let waiting = self.0.waiting.clone();
            let thread = thread::Builder::new().name("keyrack-events".to_owned());
            if let Err(error) = thread.spawn(move || run(receiver, &db, &waiting)) {
                tracing::error!(%error, "no thread can be started; events of refused sign-ins are only logged");
            }
        });
    }

    /// Logs an event that happened now, and stores it later. Never waits.
    pub fn push(&self, event: NewEvent, now: Timestamp) {
        log_event(&event);
        self.start();
        let Inner { sender, waiting, is_overflowing, .. } = &*self.0;
        waiting.send_modify(|count| *count += 1);
        let is_left_out = sender.try_send(Some((event, now))).is_err();
        if is_left_out {
            waiting.send_modify(|count| *count -= 1);
        }
        if is_left_out && !is_overflowing.swap(is_left_out, Ordering::Relaxed) {
            tracing::warn!(
                "{MAX_WAITING} security events wait to be stored; until the database takes them, further refused sign-ins \
                 are only logged"
            );
        }
        is_overflowing.store(is_left_out, Ordering::Relaxed);
    }

    /// Does the work of [`push`](Self::push) that a client may notice, but stores nothing. Leaves room for events.
    pub fn push_nothing(&self, event: &NewEvent) {
        log_event(event);
        self.start();
        let Inner { sender, waiting, .. } = &*self.0;
        waiting.send_modify(|count| *count += 1);
        if sender.capacity() <= MAX_WAITING / 2 || sender.try_send(None).is_err() {
            waiting.send_modify(|count| *count -= 1);
        }
    }

    /// Waits until nothing waits any longer.
    pub async fn stored(&self) {
        // The sender lives as long as this value, so the wait never fails.
        let _ = self.0.waiting.subscribe().wait_for(|count| *count == 0).await;
    }

    /// The number of events that wait.
    pub fn waiting(&self) -> usize {
        *self.0.waiting.borrow()
    }
}

/// Writes events until no one can push any more.
fn run(mut receiver: mpsc::Receiver<Waiting>, db: &Database, waiting: &watch::Sender<usize>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime can be started; events of refused sign-ins are only logged");
            return;
        }
    };
    runtime.block_on(async {
        let mut batch = Vec::new();
        while let Some(first) = receiver.recv().await {
            tokio::time::sleep(WRITTEN_AFTER).await;
            batch.push(first);
            while batch.len() < BATCH_EVENTS
                && let Ok(event) = receiver.try_recv()
            {
                batch.push(event);
            }
            let count = batch.len();
            let events: Vec<Dated> = batch.drain(..).flatten().collect();
            if let Err(error) = write_patiently(db, events).await {
                tracing::warn!(
                    count,
                    error = error.chain(),
                    "could not store security events of refused sign-ins; their log lines are all that is left"
                );
            }
            waiting.send_modify(|waiting| *waiting -= count);
        }
    });
}

/// Writes events in one transaction, as soon as the database can be reached.
async fn write_patiently(db: &Database, batch: Vec<Dated>) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let batch = Arc::new(batch);
    let mut is_logged = false;
    loop {
        let events = Arc::clone(&batch);
        let written = db.transaction(move |connection| {
            events.iter().try_for_each(|(event, at)| queries::insert(connection, event, *at))
        });
        match written.await {
            Err(error @ (Error::Unavailable(_) | Error::Busy { .. })) => {
                if !mem::replace(&mut is_logged, true) {
                    tracing::warn!(
                        error = error.chain(),
                        "could not store the security events of refused sign-ins; they wait until the database can be \
                         reached"
                    );
                }
                tokio::time::sleep(RETRY_DELAY).await;
            }
            outcome => return outcome,
        }
    }
}
