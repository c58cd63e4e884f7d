//! The threads that hash: as many as there are cores, and behind everything that answers.

use std::{
    fmt,
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use argon2::Block;
use tokio::sync::oneshot;

use super::fair_queue::{Ticket, Turns};
use crate::error::{Error, Result};

/// How many may wait for each thread: one to two seconds' worth.
pub(super) const QUEUE_PER_THREAD: usize = 128;
/// Taken for the time of a hash until one was measured.
const FIRST_GUESS: Duration = Duration::from_millis(50);
/// How far a thread stands back. The kernel weighs 10 about a ninth of the usual 0, and lets whoever answers pass at once.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// What a thread hashes in: its own, kept from one hash to the next.
pub(super) type Memory = Vec<Block>;

/// Whose work it is: a client's network, or the program's own.
type Client = Option<IpAddr>;

/// Called with a thread's memory when its turn comes, or with the reason why it never will.
type Job = Box<dyn FnOnce(Result<&mut Memory>) + Send>;

/// The threads, and the queue before them. They start when they are needed, and end when this is dropped.
pub(super) struct HashThreads(Arc<Shared>);

struct Shared {
    most: usize,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    turns: Turns<Client, Job>,
    started: usize,
    idle: usize,
    /// The mean time of a turn, the latest ones counting most.
    pace: Duration,
    closed: bool,
}

impl HashThreads {
    /// At most `most` threads, of which none runs yet.
    pub fn new(most: usize) -> Self {
        let turns = Turns::new(most * QUEUE_PER_THREAD);
        let state = State { turns, started: 0, idle: 0, pace: FIRST_GUESS, closed: false };
        Self(Arc::new(Shared { most, state: Mutex::new(state), changed: Condvar::new() }))
    }

    /// Tells somebody who would be turned away, before anything else is done for them.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many are waiting, above all for this client.
    pub fn expect_turn(&self, client: Client) -> Result<()> {
        let state = self.0.lock();
        let retry_after = state.retry_after(self.0.most);
        if state.turns.is_closed_to(client) { Err(Error::Busy { retry_after }) } else { Ok(()) }
    }

    /// Waits for a turn, and does the work in it. If the caller goes away before that, the work is never done.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many are waiting, above all for this client.
    pub async fn in_turn<T, F>(&self, client: Client, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Memory) -> Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |turn| {
            // Nobody may be listening any more: then the answer is nobody's.
            let _ = answer.send(turn.and_then(work));
        });
        let _place = self.0.join(client, job)?;
        answered.await.map_err(|_| Error::internal("a hash was not finished"))?
    }
}

impl Drop for HashThreads {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl fmt::Debug for HashThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashThreads").field("most", &self.0.most).finish_non_exhaustive()
    }
}

/// A place in the queue, for as long as somebody waits at it.
struct Place<'a> {
    shared: &'a Shared,
    ticket: Ticket<Client>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let left = self.shared.lock().turns.leave(self.ticket);
        drop(left);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(self: &Arc<Self>, client: Client, job: Job) -> Result<Place<'_>> {
        let mut state = self.lock();
        if state.turns.len() >= state.idle && state.started < self.most {
            match self.start(state.started + 1) {
                Ok(()) => state.started += 1,
                Err(error) if state.started == 0 => return Err(Error::internal(error)),
                // Those that run already will do.
                Err(error) => tracing::warn!(%error, "a thread for hashes could not be started"),
            }
        }
        let (ticket, turned_away) = state.turns.join(client, job);
        let retry_after = state.retry_after(self.most);
        drop(state);
        self.changed.notify_one();
        if let Some(turned_away) = turned_away {
            turned_away(Err(Error::Busy { retry_after }));
        }
        Ok(Place { shared: self, ticket })
    }

    fn start(self: &Arc<Self>, number: usize) -> std::io::Result<()> {
        let shared = Arc::clone(self);
        let hashing = move || {
            stand_back();
            let (mut memory, mut took) = (Memory::new(), None);
            while let Some(job) = shared.next(took) {
                let since = Instant::now();
                if catch_unwind(AssertUnwindSafe(|| job(Ok(&mut memory)))).is_err() {
                    tracing::error!("a hash panicked");
                }
                took = Some(since.elapsed());
            }
        };
        thread::Builder::new().name(format!("hash-{number}")).spawn(hashing).map(drop)
    }

    /// Waits for the next job; `None` when there will be no more. `took` is the time of the one before.
    fn next(&self, took: Option<Duration>) -> Option<Job> {
        let mut state = self.lock();
        if let Some(took) = took {
            state.pace = (state.pace * 7 + took) / 8;
        }
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.turns.next() {
                return Some(job);
            }
            state.idle += 1;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }
}

impl State {
    /// When all who wait now will have had their turn, in whole seconds, at the pace of late.
    fn retry_after(&self, threads: usize) -> Duration {
        let waiting = u32::try_from(self.turns.len()).unwrap_or(u32::MAX);
        let threads = u32::try_from(threads.max(1)).unwrap_or(u32::MAX);
        let left = self.pace.saturating_mul(waiting) / threads;
        Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0)).max(Duration::from_secs(1))
    }
}

/// Lowers the priority of the calling thread, so that a storm of sign-ins slows sign-ins, and not answers.
///
/// POSIX gives a nice value to a process. Linux gives one to each thread: `setpriority` on "this process" (0) changes the
/// calling thread only, and threads that it starts later. On macOS and the BSDs the same call would slow the whole program, so
/// nothing is done there. It is a share and not a rule: among idle cores nobody loses anything by it. Raising the value needs
/// no privilege; a sandbox that forbids the call costs no more than the politeness.
#[cfg(target_os = "linux")]
fn stand_back() {
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "hashes run at the priority of answers");
    }
}

#[cfg(not(target_os = "linux"))]
fn stand_back() {}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc,
        task::{Context, Poll, Waker},
    };

    use super::*;

    type Log = Arc<Mutex<Vec<&'static str>>>;

    const ONE: Client = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
    const OTHER: Client = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)));

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    /// Takes a place without waiting for the turn.
    fn queue<T>(future: impl Future<Output = T>) -> std::pin::Pin<Box<impl Future<Output = T>>> {
        let mut future = Box::pin(future);
        assert!(poll(&mut future).is_pending());
        future
    }

    fn poll<F: Future>(future: &mut std::pin::Pin<Box<F>>) -> Poll<F::Output> {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Keeps the one thread at work until the sender is dropped; returns when it is.
    fn occupy(threads: &HashThreads) -> (mpsc::Sender<()>, impl Future<Output = Result<()>>) {
        let (at_work, is_at_work) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let work = queue(threads.in_turn(None, move |_| {
            at_work.send(()).unwrap();
            let _ = released.recv();
            Ok(())
        }));
        is_at_work.recv().unwrap();
        (release, work)
    }

    fn note(log: &Log, what: &'static str) -> impl FnOnce(&mut Memory) -> Result<()> + Send + 'static {
        let log = Arc::clone(log);
        move |_| {
            log.lock().unwrap().push(what);
            Ok(())
        }
    }

    #[test]
    fn clients_take_turns_and_who_went_away_is_not_served() {
        let threads = HashThreads::new(1);
        let log = Log::default();
        let (release, occupied) = occupy(&threads);
        let first = queue(threads.in_turn(ONE, note(&log, "one's first")));
        let gone = queue(threads.in_turn(ONE, note(&log, "gone")));
        let second = queue(threads.in_turn(ONE, note(&log, "one's second")));
        let other = queue(threads.in_turn(OTHER, note(&log, "other's only")));
        drop(gone);
        assert_eq!(threads.0.lock().turns.len(), 3);
        drop(release);
        run(async {
            occupied.await.unwrap();
            first.await.unwrap();
            second.await.unwrap();
            other.await.unwrap();
        });
        assert_eq!(*log.lock().unwrap(), ["one's first", "other's only", "one's second"]);
    }

    #[test]
    fn a_full_queue_is_busy_for_who_filled_it_only() {
        let threads = HashThreads::new(1);
        let (release, occupied) = occupy(&threads);
        let mut waiting: Vec<_> = (0..QUEUE_PER_THREAD).map(|_| queue(threads.in_turn(ONE, |_| Ok(())))).collect();
        threads.0.lock().pace = Duration::from_millis(100);
        let refused = run(threads.in_turn(ONE, |_| Ok(())));
        let Err(Error::Busy { retry_after }) = refused else { panic!("{refused:?}") };
        assert_eq!(retry_after, Duration::from_secs(13), "128 turns of 100 ms");
        let other = queue(threads.in_turn(OTHER, |_| Ok(())));
        let last = poll(&mut waiting.pop().unwrap());
        assert!(matches!(last, Poll::Ready(Err(Error::Busy { .. }))), "{last:?}");
        drop(waiting);
        assert_eq!(threads.0.lock().turns.len(), 1, "those who left made room");
        drop(release);
        run(async {
            occupied.await.unwrap();
            other.await.unwrap();
        });
    }

    #[test]
    fn the_pace_follows_what_turns_take() {
        let threads = HashThreads::new(2);
        for _ in 0..100 {
            drop(threads.0.lock().turns.join(ONE, Box::new(|_| ())));
        }
        let mut state = threads.0.lock();
        state.pace = Duration::from_millis(20);
        assert_eq!(state.retry_after(2), Duration::from_secs(1));
        state.pace = Duration::from_millis(21);
        assert_eq!(state.retry_after(2), Duration::from_secs(2), "100 turns of 21 ms, two at once");
        drop(state);
        for _ in 0..40 {
            threads.0.next(Some(Duration::from_millis(400)));
        }
        let pace = threads.0.lock().pace;
        assert!(pace > Duration::from_millis(390) && pace <= Duration::from_millis(400), "{pace:?}");
    }

    #[test]
    fn threads_start_when_needed_and_never_more_than_allowed() {
        let threads = HashThreads::new(2);
        assert_eq!(threads.0.lock().started, 0);
        let (one, first) = occupy(&threads);
        let (two, second) = occupy(&threads);
        let third = queue(threads.in_turn(ONE, |_| Ok(())));
        assert_eq!(threads.0.lock().started, 2);
        drop((one, two));
        run(async {
            first.await.unwrap();
            second.await.unwrap();
            third.await.unwrap();
        });
        assert_eq!(threads.0.lock().started, 2);
    }

    #[test]
    fn a_panic_is_an_error_and_costs_no_thread() {
        let threads = HashThreads::new(1);
        let failed = run(threads.in_turn(ONE, |_| -> Result<()> { panic!("on purpose") }));
        assert!(matches!(failed, Err(Error::Internal(_))), "{failed:?}");
        assert!(run(threads.in_turn(ONE, |_| Ok(()))).is_ok());
    }

    #[test]
    fn the_threads_end_with_the_last_who_could_use_them() {
        /// Tells when the thread that it was left on has ended.
        struct OnEnd(mpsc::Sender<()>);
        impl Drop for OnEnd {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        thread_local!(static LEFT: std::cell::OnceCell<OnEnd> = const { std::cell::OnceCell::new() });
        let (ended, has_ended) = mpsc::channel();
        let threads = HashThreads::new(1);
        run(threads.in_turn(None, move |_| Ok(LEFT.with(|left| left.set(OnEnd(ended)).is_ok())))).unwrap();
        assert!(has_ended.try_recv().is_err());
        drop(threads);
        has_ended.recv().unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn hashes_stand_back_and_nobody_else_does() {
        let threads = HashThreads::new(1);
        let own = || rustix::process::getpriority_process(None).map_err(Error::internal);
        let before = own().unwrap();
        let within = run(threads.in_turn(None, move |_| own())).unwrap();
        assert_eq!(within, (before + NICE).min(19));
        assert_eq!(own().unwrap(), before);
    }
}
