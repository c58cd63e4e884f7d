use std::{
    pin::pin,
    sync::mpsc,
    task::{Context, Waker},
    time::Duration,
};

use super::*;
use crate::db::batch::{request::reply_each, worker::Worker};

const PANIC: u32 = 13;

/// Reports each batch, waits until the test lets it go on, and answers with the doubled keys.
struct DoublingHandler {
    batches: mpsc::Sender<Vec<u32>>,
    permits: Mutex<mpsc::Receiver<()>>,
}

impl BatchHandler for DoublingHandler {
    type Input = u32;
    type Output = u32;
    const THREAD_NAME: &str = "keyrack-test";

    fn run(&self, _: &Worker, batch: Vec<Request<u32, u32>>) {
        let keys: Vec<u32> = batch.iter().map(|request| request.input).collect();
        let doubled: Vec<_> = keys.iter().map(|key| Ok(2 * key)).collect();
        let panics = keys.contains(&PANIC);
        self.batches.send(keys).unwrap();
        self.permits.lock().recv().unwrap();
        assert!(!panics, "on purpose");
        reply_each(batch, doubled);
    }
}

struct Fixture {
    batcher: Batcher<DoublingHandler>,
    batches: mpsc::Receiver<Vec<u32>>,
    permits: mpsc::Sender<()>,
}

impl Fixture {
    /// One worker, so that requests which wait for it form one batch.
    fn new() -> Self {
        let opener = Opener::new("sqlite:never-opened.db".parse().unwrap(), Duration::from_secs(60));
        let ((reporter, batches), (permits, permitted)) = (mpsc::channel(), mpsc::channel());
        let handler = DoublingHandler { batches: reporter, permits: Mutex::new(permitted) };
        Self { batcher: Batcher::new(Arc::new(opener), handler, WorkerLimit::ONE), batches, permits }
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

#[test]
fn requests_that_arrive_meanwhile_share_one_batch() {
    let Fixture { batcher, batches, permits } = Fixture::new();
    block_on(async {
        let mut waiting: Vec<_> = (1..=4).map(|key| Box::pin(batcher.submit(key))).collect();
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting[0].as_mut().poll(&mut context).is_pending());
        assert_eq!(batches.recv().unwrap(), [1], "a lone request is served at once");
        for request in &mut waiting[1..] {
            assert!(request.as_mut().poll(&mut context).is_pending());
        }
        drop(waiting.remove(2));
        permits.send(()).unwrap();
        permits.send(()).unwrap();
        for (request, answer) in waiting.into_iter().zip([2, 4, 8]) {
            assert_eq!(request.await.unwrap(), answer);
        }
        assert_eq!(batches.recv().unwrap(), [2, 4], "the abandoned request is dropped");
    });
}

#[test]
fn panic_fails_its_own_batch_only() {
    let Fixture { batcher, batches: _batches, permits } = Fixture::new();
    permits.send(()).unwrap();
    permits.send(()).unwrap();
    block_on(async {
        assert!(matches!(batcher.submit(PANIC).await, Err(Error::Internal(_))));
        assert_eq!(batcher.submit(1).await.unwrap(), 2);
    });
}

/// Like [`DoublingHandler`], but its requests may be skipped.
struct SkippableHandler(DoublingHandler);

impl BatchHandler for SkippableHandler {
    type Input = u32;
    type Output = u32;
    const THREAD_NAME: &str = "keyrack-test";

    fn skipped(&self) -> Option<u32> {
        Some(0)
    }

    fn run(&self, worker: &Worker, batch: Vec<Request<u32, u32>>) {
        self.0.run(worker, batch);
    }
}

#[test]
fn request_is_skipped_if_all_workers_are_stuck() {
    let opener = Opener::new("sqlite:never-opened.db".parse().unwrap(), Duration::from_secs(60));
    let ((reporter, taken), (permits, granted)) = (mpsc::channel(), mpsc::channel());
    let skippable = SkippableHandler(DoublingHandler { batches: reporter, permits: Mutex::new(granted) });
    let batcher = Batcher::new(Arc::new(opener), skippable, WorkerLimit::ONE);
    block_on(async {
        let mut stuck = pin!(batcher.submit(1));
        assert!(stuck.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(taken.recv().unwrap(), [1]);
        assert_eq!(batcher.submit(2).await.unwrap(), 0, "no worker has taken it");
        permits.send(()).unwrap();
        assert_eq!(stuck.await.unwrap(), 2, "one that was taken is served");
        permits.send(()).unwrap();
        assert_eq!(batcher.submit(3).await.unwrap(), 6);
        assert_eq!(taken.recv().unwrap(), [3], "the skipped request is never served");
    });
}

#[test]
fn worker_ends_when_batcher_is_dropped() {
    for is_busy in [false, true] {
        let Fixture { batcher, batches, permits } = Fixture::new();
        block_on(async {
            let mut request = pin!(batcher.submit(1));
            assert!(request.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert_eq!(batches.recv().unwrap(), [1]);
            if !is_busy {
                permits.send(()).unwrap();
                assert_eq!(request.await.unwrap(), 2);
            }
        });
        drop(batcher);
        if is_busy {
            permits.send(()).unwrap();
        }
        // The worker owns the last sender of batches.
        assert!(batches.recv().is_err());
    }
}
