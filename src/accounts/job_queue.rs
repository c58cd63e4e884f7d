//! Runs work after the answer that it belongs to, so that no answer tells by its time what there was to do.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Once},
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

/// Jobs that wait at once. Further ones are refused.
const MAX_WAITING: usize = 1000;

/// How long the first of several jobs waits, so that its answer is sent before. See `events/deferred.rs`.
const BEGUN_AFTER: Duration = Duration::from_millis(100);

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Jobs that run one after the other, in a thread of their own. Clones share them.
#[derive(Clone)]
pub(super) struct JobQueue(Arc<Inner>);

struct Inner {
    sender: mpsc::Sender<Job>,
    /// What the thread needs, until it runs.
    receiver: Mutex<Option<mpsc::Receiver<Job>>>,
    started: Once,
    /// The number of jobs that have not ended.
    waiting: watch::Sender<usize>,
}

impl JobQueue {
    pub fn new() -> Self {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let receiver = Mutex::new(Some(receiver));
        Self(Arc::new(Inner { sender, receiver, started: Once::new(), waiting: watch::Sender::new(0) }))
    }

    /// Adds a job. Never waits. Returns false if there are too many.
    pub fn push(&self, job: impl Future<Output = ()> + Send + 'static) -> bool {
        self.start();
        let Inner { sender, waiting, .. } = &*self.0;
        waiting.send_modify(|count| *count += 1);
        let is_added = sender.try_send(Box::pin(job)).is_ok();
        if !is_added {
            waiting.send_modify(|count| *count -= 1);
        }
        is_added
    }

    /// Waits until no job waits any longer.
    pub async fn done(&self) {
        // The sender lives as long as this value, so the wait never fails.
        let _ = self.0.waiting.subscribe().wait_for(|count| *count == 0).await;
    }

    /// The number of jobs that have not ended.
    pub fn waiting(&self) -> usize {
        *self.0.waiting.borrow()
    }

    /// Starts the thread: at the start of a server, since the first answer must take no longer than the others.
    pub fn start(&self) {
        self.0.started.call_once(|| {
            let Some(receiver) = self.0.receiver.lock().take() else { return };
            let waiting = self.0.waiting.clone();
            let thread = thread::Builder::new().name("keyrack-requests".to_owned());
            if let Err(error) = thread.spawn(move || run(receiver, &waiting)) {
                tracing::error!(%error, "no thread can be started; requests for mails are refused");
            }
        });
    }
}

/// Runs jobs until no one can push any more.
fn run(mut receiver: mpsc::Receiver<Job>, waiting: &watch::Sender<usize>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime can be started; requests for mails are refused");
            return;
        }
    };
    runtime.block_on(async {
        while let Some(first) = receiver.recv().await {
            tokio::time::sleep(BEGUN_AFTER).await;
            let mut next = Some(first);
            while let Some(job) = next {
                job.await;
                waiting.send_modify(|count| *count -= 1);
                next = receiver.try_recv().ok();
            }
        }
    });
}
