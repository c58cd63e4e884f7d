//! The threads that hash passwords: one per core, at a lower priority than the threads that answer requests.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use argon2::Block;
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

pub(super) use super::hash_queue::HashClient;
use super::{fair_queue::Ticket, hash_queue::HashQueue};
use crate::error::{Error, Result};

/// Maximum number of queued jobs per thread in each line, strangers' and known browsers': about 1.5 seconds of work at 12 ms per hash, as measured for
/// `docs/decisions/0008-password-hashing.md`.
pub(super) const MAX_QUEUED_JOBS_PER_THREAD: usize = 128;
/// Assumed duration of a hash until one has been measured. Long enough for a slow machine, so that the first clients
/// that are rejected do not return too early.
const INITIAL_HASH_TIME: Duration = Duration::from_millis(50);
/// Nice value of the hashing threads. The kernel gives 10 about a ninth of the weight of the default 0.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// The memory that argon2 works in. Each thread keeps its own from one hash to the next.
pub(super) type Memory = Vec<Block>;

/// Called with a thread's memory when it is the job's turn, or with the reason why the job was dropped.
type Job = Box<dyn FnOnce(Result<&mut Memory>) + Send>;

/// Runs jobs on a bounded number of threads, behind a fair queue. Threads start on demand, and end when this is
/// dropped.
pub(super) struct HashThreads(Arc<ThreadPool>);

/// The queue and the state of the threads. [`HashThreads`], each thread and each queued job refer to it.
struct ThreadPool {
    max_threads: usize,
    state: Mutex<PoolState>,
    changed: Condvar,
}

struct PoolState {
    jobs: HashQueue<Job>,
    thread_count: usize,
    idle_count: usize,
    /// Moving average, in which the latest job weighs an eighth.
    mean_duration: Duration,
    closed: bool,
}

impl HashThreads {
    /// Starts no thread yet.
    pub fn new(max_threads: usize) -> Self {
        let state = PoolState {
            jobs: HashQueue::new(max_threads * MAX_QUEUED_JOBS_PER_THREAD),
            thread_count: 0,
            idle_count: 0,
            mean_duration: INITIAL_HASH_TIME,
            closed: false,
        };
        Self(Arc::new(ThreadPool { max_threads, state: Mutex::new(state), changed: Condvar::new() }))
    }

    /// Checks that the queue would accept a job of this client, so that an overloaded server can reject a sign-in
    /// early.
    ///
    /// # Errors
    /// [`Error::Busy`] if the client's line is full and no other client has more jobs in it.
    pub fn check_capacity(&self, client: HashClient) -> Result<()> {
        let mut state = self.0.state.lock();
        let retry_after = state.retry_after(client, self.0.max_threads);
        if state.jobs.would_reject(client) { Err(Error::Busy { retry_after }) } else { Ok(()) }
    }

    /// Runs a job on a thread when it is the client's turn. Dropping the future before that cancels the job.
    ///
    /// # Errors
    /// [`Error::Busy`] if the client's line is full and no other client has more jobs in it; now, or while the job waits.
    pub async fn run<T, F>(&self, client: HashClient, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Memory) -> Result<T> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            // The caller may have gone meanwhile; then nothing receives the result.
            let _ = sender.send(memory.and_then(work));
        });
        let _queued = self.0.push(client, job)?;
        receiver.await.map_err(|_| Error::internal("a hash was not finished"))?
    }
}

impl Drop for HashThreads {
    fn drop(&mut self) {
        self.0.state.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl fmt::Debug for HashThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashThreads").field("max_threads", &self.0.max_threads).finish_non_exhaustive()
    }
}

/// A job whose caller still waits. Dropping it cancels the job, unless a thread has begun it.
struct QueuedJob<'a> {
    pool: &'a ThreadPool,
    ticket: Ticket<HashClient>,
}

impl Drop for QueuedJob<'_> {
    fn drop(&mut self) {
        // The job is dropped after the lock is released.
        let cancelled = self.pool.state.lock().jobs.cancel(self.ticket);
        drop(cancelled);
    }
}

impl ThreadPool {
    fn push(self: &Arc<Self>, client: HashClient, job: Job) -> Result<QueuedJob<'_>> {
        let mut state = self.state.lock();
        if state.jobs.len() >= state.idle_count && state.thread_count < self.max_threads {
            match self.start_thread(state.thread_count + 1) {
                Ok(()) => state.thread_count += 1,
                Err(error) if state.thread_count == 0 => return Err(Error::internal(error)),
                // The threads that run already will do the work.
                Err(error) => tracing::warn!(%error, "could not start a hashing thread"),
            }
        }
        let pushed = state.jobs.push(client, job);
        let retry_after = state.retry_after(client, self.max_threads);
        drop(state);
        let (ticket, evicted) = pushed.map_err(|_| Error::Busy { retry_after })?;
        self.changed.notify_one();
        if let Some(evicted) = evicted {
            evicted(Err(Error::Busy { retry_after }));
        }
        Ok(QueuedJob { pool: self, ticket })
    }

    fn start_thread(self: &Arc<Self>, number: usize) -> std::io::Result<()> {
        let pool = Arc::clone(self);
        let run_jobs = move || {
            lower_priority();
            let (mut memory, mut took) = (Memory::new(), None);
            while let Some(job) = pool.next_job(took) {
                let since = Instant::now();
                if catch_unwind(AssertUnwindSafe(|| job(Ok(&mut memory)))).is_err() {
                    tracing::error!("a hash panicked");
                }
                took = Some(since.elapsed());
            }
        };
        thread::Builder::new().name(format!("hash-{number}")).spawn(run_jobs).map(drop)
    }

    /// Waits for the next job; `None` once the pool is closed. `took` is the duration of the thread's previous job.
    fn next_job(&self, took: Option<Duration>) -> Option<Job> {
        let mut state = self.state.lock();
        if let Some(took) = took {
            state.mean_duration = (state.mean_duration * 7 + took) / 8;
        }
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.jobs.pop() {
                return Some(job);
            }
            state.idle_count += 1;
            self.changed.wait(&mut state);
            state.idle_count -= 1;
        }
    }
}

impl PoolState {
    /// How long the jobs that are served before a new one of this client will take, rounded up to whole seconds.
    fn retry_after(&self, client: HashClient, thread_count: usize) -> Duration {
        let queued = u32::try_from(self.jobs.ahead_of(client)).unwrap_or(u32::MAX);
        let threads = u32::try_from(thread_count.max(1)).unwrap_or(u32::MAX);
        let left = self.mean_duration.saturating_mul(queued) / threads;
        Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0)).max(Duration::from_secs(1))
    }
}

/// Lowers the priority of the calling thread, so that many sign-ins at once slow down sign-ins and not other requests.
///
/// POSIX gives a nice value to a process. Linux gives one to each thread: `setpriority` on "this process" (0) changes
/// the calling thread only, and threads that it starts later. On macOS and the BSDs the same call would slow the whole
/// program, so nothing is done there. The value is a weight: when cores are idle, hashes run at full speed. Raising it
/// needs no privilege; in a sandbox that forbids the call, hashes keep the normal priority.
#[cfg(target_os = "linux")]
fn lower_priority() {
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "could not lower the priority of a hashing thread");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

#[cfg(test)]
mod tests {
    use std::{
        net::IpAddr,
        sync::mpsc,
        task::{Context, Poll, Waker},
    };

    use super::*;

    type Log = Arc<Mutex<Vec<&'static str>>>;

    fn client(last_octet: u8) -> HashClient {
        HashClient::Stranger(Some(IpAddr::from([192, 0, 2, last_octet]).into()))
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    /// Queues a job without waiting for its result.
    fn queue<T>(future: impl Future<Output = T>) -> std::pin::Pin<Box<impl Future<Output = T>>> {
        let mut future = Box::pin(future);
        assert!(poll(&mut future).is_pending());
        future
    }

    fn poll<F: Future>(future: &mut std::pin::Pin<Box<F>>) -> Poll<F::Output> {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Keeps one thread busy until the sender is dropped; returns when it is.
    fn occupy(threads: &HashThreads) -> (mpsc::Sender<()>, impl Future<Output = Result<()>>) {
        let (start, started) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let work = queue(threads.run(HashClient::Program, move |_| {
            start.send(()).unwrap();
            let _ = released.recv();
            Ok(())
        }));
        started.recv().unwrap();
        (release, work)
    }

    fn note(log: &Log, what: &'static str) -> impl FnOnce(&mut Memory) -> Result<()> + Send + 'static {
        let log = Arc::clone(log);
        move |_| {
            log.lock().push(what);
            Ok(())
        }
    }

    #[test]
    fn jobs_are_served_round_robin_and_dropped_ones_skipped() {
        let threads = HashThreads::new(1);
        let log = Log::default();
        let (release, occupied) = occupy(&threads);
        let first = queue(threads.run(client(1), note(&log, "first of one")));
        let dropped = queue(threads.run(client(1), note(&log, "dropped")));
        let second = queue(threads.run(client(1), note(&log, "second of one")));
        let other = queue(threads.run(client(2), note(&log, "only of other")));
        drop(dropped);
        assert_eq!(threads.0.state.lock().jobs.len(), 3);
        drop(release);
        block_on(async {
            occupied.await.unwrap();
            first.await.unwrap();
            second.await.unwrap();
            other.await.unwrap();
        });
        assert_eq!(*log.lock(), ["first of one", "only of other", "second of one"]);
    }

    #[test]
    fn full_queue_is_busy_only_for_the_client_that_filled_it() {
        let threads = HashThreads::new(1);
        let (release, occupied) = occupy(&threads);
        let mut waiting: Vec<_> =
            (0..MAX_QUEUED_JOBS_PER_THREAD).map(|_| queue(threads.run(client(1), |_| Ok(())))).collect();
        threads.0.state.lock().mean_duration = Duration::from_millis(100);
        let refused = block_on(threads.run(client(1), |_| Ok(())));
        let Err(Error::Busy { retry_after }) = refused else { panic!("{refused:?}") };
        assert_eq!(retry_after, Duration::from_secs(13), "128 jobs of 100 ms");
        let other = queue(threads.run(client(2), |_| Ok(())));
        let last = poll(&mut waiting.pop().unwrap());
        assert!(matches!(last, Poll::Ready(Err(Error::Busy { .. }))), "{last:?}");
        drop(waiting);
        assert_eq!(threads.0.state.lock().jobs.len(), 1, "cancelled jobs make room");
        drop(release);
        block_on(async {
            occupied.await.unwrap();
            other.await.unwrap();
        });
    }

    #[test]
    fn retry_after_follows_the_mean_duration() {
        let threads = HashThreads::new(2);
        for _ in 0..100 {
            assert!(threads.0.state.lock().jobs.push(client(1), Box::new(|_| ())).is_ok());
        }
        let mut state = threads.0.state.lock();
        state.mean_duration = Duration::from_millis(20);
        assert_eq!(state.retry_after(client(1), 2), Duration::from_secs(1));
        state.mean_duration = Duration::from_millis(21);
        assert_eq!(state.retry_after(client(1), 2), Duration::from_secs(2), "100 jobs of 21 ms, two at once");
        drop(state);
        for _ in 0..40 {
            threads.0.next_job(Some(Duration::from_millis(400)));
        }
        let mean = threads.0.state.lock().mean_duration;
        assert!(mean > Duration::from_millis(390) && mean <= Duration::from_millis(400), "{mean:?}");
    }

    #[test]
    fn threads_start_on_demand_up_to_the_maximum() {
        let threads = HashThreads::new(2);
        assert_eq!(threads.0.state.lock().thread_count, 0);
        let (one, first) = occupy(&threads);
        let (two, second) = occupy(&threads);
        let third = queue(threads.run(client(1), |_| Ok(())));
        assert_eq!(threads.0.state.lock().thread_count, 2);
        drop((one, two));
        block_on(async {
            first.await.unwrap();
            second.await.unwrap();
            third.await.unwrap();
        });
        assert_eq!(threads.0.state.lock().thread_count, 2);
    }

    #[test]
    fn panicking_job_is_an_error_and_keeps_its_thread() {
        let threads = HashThreads::new(1);
        let failed = block_on(threads.run(client(1), |_| -> Result<()> { panic!("on purpose") }));
        assert!(matches!(failed, Err(Error::Internal(_))), "{failed:?}");
        assert!(block_on(threads.run(client(1), |_| Ok(()))).is_ok());
    }

    #[test]
    fn threads_end_when_the_pool_is_dropped() {
        /// Sends a message when the thread that holds it ends.
        struct OnEnd(mpsc::Sender<()>);
        impl Drop for OnEnd {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        thread_local!(static LEFT: std::cell::OnceCell<OnEnd> = const { std::cell::OnceCell::new() });
        let (ended, has_ended) = mpsc::channel();
        let threads = HashThreads::new(1);
        block_on(threads.run(HashClient::Program, move |_| Ok(LEFT.with(|left| left.set(OnEnd(ended)).is_ok()))))
            .unwrap();
        assert!(has_ended.try_recv().is_err());
        drop(threads);
        has_ended.recv().unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn hash_threads_run_at_lower_priority() {
        let threads = HashThreads::new(1);
        let own = || rustix::process::getpriority_process(None).map_err(Error::internal);
        let before = own().unwrap();
        let within = block_on(threads.run(HashClient::Program, move |_| own())).unwrap();
        assert_eq!(within, (before + NICE).min(19));
        assert_eq!(own().unwrap(), before);
    }
}
