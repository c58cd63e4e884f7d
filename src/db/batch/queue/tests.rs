use std::iter;

use tokio::sync::oneshot;

use super::*;

/// What a caller holds while its request waits.
type Reply = oneshot::Receiver<Result<()>>;

/// A queue, and a clock that only moves when told to.
struct Fixture {
    queue: Queue<u32, ()>,
    now: Instant,
}

impl Fixture {
    fn new(limit: WorkerLimit) -> Self {
        Self { queue: Queue::new(limit), now: Instant::now() }
    }

    fn two_workers() -> Self {
        Self::new(WorkerLimit::doubled_while_stuck(2))
    }

    fn advance(&mut self, time: Duration) {
        self.now += time;
    }

    fn try_push(&mut self, key: u32) -> Result<(Action, Reply)> {
        let (reply, answer) = oneshot::channel();
        let request = Request { id: 0, input: key, deadline: self.now + Duration::from_secs(1), reply };
        self.queue.push(request, self.now).map(|action| (action, answer))
    }

    fn push(&mut self, key: u32) -> (Action, Reply) {
        self.try_push(key).unwrap()
    }

    fn push_many(&mut self, count: usize) -> Vec<Reply> {
        (0..count).map(|_| self.push(0).1).collect()
    }

    /// Pushes a request for which the caller has to start a worker, and returns since when that one is busy.
    fn push_and_start(&mut self, key: u32) -> Instant {
        match self.push(key).0 {
            Action::Start(since) => since,
            action => panic!("{action:?} instead of a start"),
        }
    }

    fn finish(&mut self, since: Instant) -> bool {
        self.queue.worker_finished(since, self.now)
    }

    /// The keys of the next batch, and since when its worker is busy.
    fn serve(&mut self) -> (Vec<u32>, Instant) {
        match self.queue.next(self.now) {
            Next::Serve(batch) => (batch.requests.iter().map(|request| request.input).collect(), batch.busy_since),
            Next::Wait => panic!("no batch, the worker waits"),
            Next::End => panic!("no batch, the worker ends"),
        }
    }

    /// Starts a worker, which serves one request and then waits for the next.
    fn start_idle_worker(&mut self) {
        let started = self.push_and_start(0);
        assert!(self.finish(started));
        let (_, since) = self.serve();
        assert!(self.finish(since));
        self.assert_waits();
    }

    fn assert_waits(&mut self) {
        assert!(matches!(self.queue.next(self.now), Next::Wait));
        assert!(!self.queue.try_wake());
    }

    fn assert_ends(&mut self) {
        assert!(matches!(self.queue.next(self.now), Next::End));
    }
}

#[test]
fn first_request_starts_worker_and_is_served_alone() {
    let mut fixture = Fixture::two_workers();
    let started = fixture.push_and_start(1);
    assert!(fixture.finish(started));
    assert_eq!(fixture.serve().0, [1]);
}

#[test]
fn idle_worker_is_notified_instead_of_starting_another() {
    let mut fixture = Fixture::two_workers();
    fixture.start_idle_worker();
    assert_eq!(fixture.push(1).0, Action::Notify);
    assert_eq!(fixture.push(2).0, Action::None, "the notified worker takes both");
    assert!(fixture.queue.try_wake());
    assert_eq!(fixture.serve().0, [1, 2]);
}

#[test]
fn requests_that_wait_for_busy_worker_form_next_batch() {
    let mut fixture = Fixture::two_workers();
    let started = fixture.push_and_start(0);
    assert!(fixture.finish(started));
    let (_, since) = fixture.serve();
    for key in [1, 2, 3] {
        assert_eq!(fixture.push(key).0, Action::None);
    }
    assert!(fixture.finish(since));
    assert_eq!(fixture.serve().0, [1, 2, 3]);
}

#[test]
fn batch_is_limited_and_second_worker_takes_the_rest() {
    let mut fixture = Fixture::two_workers();
    let first = fixture.push_and_start(0);
    let _replies = fixture.push_many(MAX_BATCH - 2);
    let second = fixture.push_and_start(1);
    assert_eq!(fixture.push(2).0, Action::None, "both workers are starting");
    assert!(fixture.finish(first));
    assert_eq!(fixture.serve().0.len(), MAX_BATCH);
    assert!(fixture.finish(second));
    assert_eq!(fixture.serve().0, [2]);
}

#[test]
fn second_worker_is_notified_only_when_whole_batch_waits() {
    let mut fixture = Fixture::two_workers();
    let first = fixture.push_and_start(0);
    let _replies = fixture.push_many(MAX_BATCH - 2);
    let second = fixture.push_and_start(0);
    assert!(fixture.finish(first));
    let (_, busy) = fixture.serve();
    assert!(fixture.finish(second));
    fixture.assert_waits();
    let replies = fixture.push_many(MAX_BATCH - 1);
    assert!(!fixture.queue.try_wake(), "less than a batch waits for the busy worker");
    assert_eq!(fixture.push(0).0, Action::Notify);
    assert!(fixture.queue.try_wake());
    assert_eq!(fixture.serve().0.len(), replies.len() + 1);
    assert!(fixture.finish(busy));
    fixture.assert_waits();
}

#[test]
fn stuck_worker_is_replaced_up_to_total_limit() {
    let mut fixture = Fixture::two_workers();
    for _ in 0..4 {
        let started = fixture.push_and_start(0);
        assert!(fixture.finish(started));
        fixture.serve();
        fixture.advance(WORKER_STUCK_AFTER);
    }
    assert_eq!(fixture.push(0).0, Action::None);
}

#[test]
fn waiting_request_gets_another_worker_when_busy_one_is_stuck() {
    let mut fixture = Fixture::two_workers();
    let started = fixture.push_and_start(0);
    assert!(fixture.finish(started));
    fixture.serve();
    let (action, _reply) = fixture.push(1);
    assert_eq!(action, Action::None);
    fixture.advance(WORKER_STUCK_AFTER / 2);
    assert_eq!(fixture.queue.wake_if_stuck(fixture.now), Action::None);
    fixture.advance(WORKER_STUCK_AFTER / 2);
    assert_eq!(fixture.queue.wake_if_stuck(fixture.now), Action::Start(fixture.now));
    assert_eq!(fixture.queue.wake_if_stuck(fixture.now), Action::None, "one is starting");
}

#[test]
fn stuck_worker_with_nothing_waiting_is_not_replaced() {
    let mut fixture = Fixture::two_workers();
    let started = fixture.push_and_start(0);
    assert!(fixture.finish(started));
    fixture.serve();
    fixture.advance(WORKER_STUCK_AFTER);
    assert_eq!(fixture.queue.wake_if_stuck(fixture.now), Action::None);
}

#[test]
fn single_worker_is_waited_for_while_stuck() {
    let mut fixture = Fixture::new(WorkerLimit::ONE);
    let started = fixture.push_and_start(0);
    assert!(fixture.finish(started));
    let (_, since) = fixture.serve();
    let _replies = fixture.push_many(2 * MAX_BATCH);
    fixture.advance(2 * WORKER_STUCK_AFTER);
    assert_eq!(fixture.queue.wake_if_stuck(fixture.now), Action::None);
    assert!(fixture.finish(since), "it goes on when it comes back");
    assert_eq!(fixture.serve().0.len(), MAX_BATCH);
}

#[test]
fn replaced_worker_that_comes_back_ends() {
    let mut fixture = Fixture::new(WorkerLimit::doubled_while_stuck(1));
    let started = fixture.push_and_start(0);
    assert!(fixture.finish(started));
    let (_, stuck) = fixture.serve();
    fixture.advance(WORKER_STUCK_AFTER);
    let replacement = fixture.push_and_start(1);
    assert!(!fixture.finish(stuck), "the replacement is enough");
    assert!(fixture.finish(replacement));
    assert_eq!(fixture.serve().0, [1]);
}

#[test]
fn replaced_worker_that_comes_back_stays_while_others_are_stuck() {
    let mut fixture = Fixture::new(WorkerLimit::doubled_while_stuck(1));
    let mut busy = Vec::new();
    for key in 0..2 {
        let started = fixture.push_and_start(key);
        assert!(fixture.finish(started));
        busy.push(fixture.serve().1);
        fixture.advance(WORKER_STUCK_AFTER);
    }
    let (action, _reply) = fixture.push(2);
    assert_eq!(action, Action::None);
    assert!(fixture.finish(busy[0]));
    assert_eq!(fixture.serve().0, [2]);
}

#[test]
fn worker_that_could_not_start_is_started_by_next_request() {
    let mut fixture = Fixture::new(WorkerLimit::ONE);
    let failed = fixture.push_and_start(0);
    fixture.queue.worker_failed(failed);
    let started = fixture.push_and_start(1);
    assert!(fixture.finish(started));
    assert_eq!(fixture.serve().0, [0, 1]);
}

#[test]
fn full_queue_drops_abandoned_requests() {
    let mut fixture = Fixture::two_workers();
    drop(fixture.push_many(MAX_QUEUED - 1));
    let (_, _reply) = fixture.push(1);
    let (_, _reply) = fixture.push(2);
    assert_eq!(fixture.serve().0, [1, 2]);
}

#[test]
fn full_queue_rejects_new_request_if_none_was_abandoned() {
    let mut fixture = Fixture::two_workers();
    let mut replies = fixture.push_many(MAX_QUEUED);
    assert!(matches!(fixture.try_push(0), Err(Error::Unavailable(_))));
    replies.pop();
    assert!(fixture.try_push(0).is_ok());
    assert_eq!(fixture.queue.requests.len(), MAX_QUEUED);
}

#[test]
fn overload_memory_is_freed_when_queue_is_empty() {
    let mut fixture = Fixture::two_workers();
    let _replies = fixture.push_many(MAX_QUEUED);
    let served: usize = iter::from_fn(|| match fixture.queue.next(fixture.now) {
        Next::Serve(batch) => Some(batch.requests.len()),
        Next::Wait | Next::End => None,
    })
    .sum();
    assert_eq!(served, MAX_QUEUED);
    assert!(fixture.queue.requests.capacity() < MAX_QUEUED);
}

#[test]
fn request_is_too_late_at_deadline_or_when_caller_gives_up() {
    let now = Instant::now();
    let (reply, answer) = oneshot::channel::<Result<()>>();
    let request = Request { id: 0, input: 0, deadline: now + Duration::from_millis(1), reply };
    assert!(!request.is_too_late(now));
    assert!(request.is_too_late(now + Duration::from_millis(1)));
    assert!(!request.is_abandoned());
    drop(answer);
    assert!(request.is_abandoned() && request.is_too_late(now));
}

#[test]
fn close_ends_idle_worker() {
    let mut fixture = Fixture::two_workers();
    fixture.start_idle_worker();
    fixture.queue.close();
    assert!(fixture.queue.try_wake());
    fixture.assert_ends();
}

#[test]
fn close_ends_busy_worker_after_its_batch() {
    let mut fixture = Fixture::two_workers();
    let started = fixture.push_and_start(0);
    assert!(fixture.finish(started));
    let (_, since) = fixture.serve();
    fixture.queue.close();
    assert!(fixture.finish(since));
    fixture.assert_ends();
}

#[test]
fn close_leaves_waiting_requests_unserved() {
    let mut fixture = Fixture::two_workers();
    fixture.start_idle_worker();
    let (action, mut reply) = fixture.push(1);
    assert_eq!(action, Action::Notify);
    fixture.queue.close();
    assert!(fixture.queue.try_wake());
    fixture.assert_ends();
    drop(fixture);
    assert_eq!(reply.try_recv().unwrap_err(), oneshot::error::TryRecvError::Closed);
}
