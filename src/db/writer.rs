//! The one that writes to a SQLite database: transactions that wait at the same moment are committed together.
//!
//! SQLite lets one transaction write at a time, and a commit that is to survive a crash waits for the disk, longer than all
//! else takes. So the transactions of one process go through one thread: it does whatever waits, each within a savepoint of
//! its own, and commits once. None is answered before that commit, and what fails alone is taken back alone.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use tokio::{sync::oneshot, time};

use super::{connection::DbConnection, pool::Opener};
use crate::error::{Error, Result};

/// The most transactions in one commit: the first of them waits for the last.
const BATCH: usize = 32;

/// After so much of its patience, what was done so far is committed. Otherwise many that are slow together would make each
/// other late, and nothing would ever be done.
const SHARE: u32 = 8;

/// When so many wait, those that nobody waits for any more are cleared away; if none of them is, no more are taken.
const CROWDED: usize = 10_000;

/// Writes to one SQLite database; clones share its thread, which ends with the last of them.
#[derive(Clone)]
pub(super) struct Writer(Arc<Handle>);

struct Handle {
    opener: Opener,
    queue: Arc<Queue>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.lock().is_closed = true;
        self.queue.arrived.notify_all();
    }
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Box<dyn Transaction>>,
    has_thread: bool,
    is_closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits, or what comes next; nothing if there is nobody left to ask for anything.
    fn take(&self) -> Vec<Box<dyn Transaction>> {
        let mut state = self.lock();
        while state.waiting.is_empty() && !state.is_closed {
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let count = state.waiting.len().min(BATCH);
        state.waiting.drain(..count).collect()
    }
}

/// Work that is to be committed, and somebody who waits for it.
trait Transaction: Send {
    /// Does the work. What it comes to is kept until [`Transaction::conclude`].
    fn attempt(&mut self, connection: &mut DbConnection) -> Result<()>;
    /// Answers.
    fn conclude(self: Box<Self>, outcome: Result<()>);
    /// Whether nobody waits for it any more: then it must not happen.
    fn is_late(&self) -> bool;
}

struct Asked<T, F> {
    work: F,
    value: Option<T>,
    reply: oneshot::Sender<Result<T>>,
    deadline: Instant,
}

impl<T: Send, F: Fn(&mut DbConnection) -> Result<T> + Send> Transaction for Asked<T, F> {
    fn attempt(&mut self, connection: &mut DbConnection) -> Result<()> {
        self.value = Some((self.work)(connection)?);
        Ok(())
    }

    fn conclude(self: Box<Self>, outcome: Result<()>) {
        let value = self.value.ok_or_else(|| Error::internal("a transaction came to nothing"));
        // Who does not wait any more does not miss the answer.
        let _ = self.reply.send(outcome.and(value));
    }

    fn is_late(&self) -> bool {
        self.reply.is_closed() || self.deadline <= Instant::now()
    }
}

impl Writer {
    pub fn new(opener: Opener) -> Self {
        Self(Arc::new(Handle { opener, queue: Arc::default() }))
    }

    /// Runs `work` in a transaction and waits for its commit, no longer than the database's patience. It may run more than
    /// once before that.
    pub async fn transaction<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        let patience = self.0.opener.patience();
        let (reply, answer) = oneshot::channel();
        self.push(Box::new(Asked { work, value: None, reply, deadline: Instant::now() + patience }))?;
        match time::timeout(patience, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Error::internal("a transaction was dropped")),
            Err(elapsed) => Err(Error::Unavailable(anyhow::Error::new(elapsed).context("no answer in time"))),
        }
    }

    fn push(&self, transaction: Box<dyn Transaction>) -> Result<()> {
        let mut state = self.0.queue.lock();
        if state.waiting.len() >= CROWDED {
            // Their callers have given up, and been answered.
            state.waiting.retain(|transaction| !transaction.is_late());
            if state.waiting.len() >= CROWDED {
                return Err(Error::Unavailable(anyhow::anyhow!("too many transactions wait")));
            }
        }
        if !state.has_thread {
            self.start()?;
            state.has_thread = true;
        }
        state.waiting.push_back(transaction);
        drop(state);
        self.0.queue.arrived.notify_one();
        Ok(())
    }

    fn start(&self) -> Result<()> {
        let queue = Arc::clone(&self.0.queue);
        let mut thread = Thread { opener: self.0.opener.clone(), connection: None };
        let run = move || {
            loop {
                let batch = queue.take();
                if batch.is_empty() {
                    return;
                }
                thread.serve(batch);
            }
        };
        let started = thread::Builder::new().name("keyrack-writer".to_owned()).spawn(run);
        started.map(drop).map_err(|error| Error::Unavailable(error.into()))
    }
}

/// What the thread has.
struct Thread {
    opener: Opener,
    connection: Option<DbConnection>,
}

impl Thread {
    /// Does the batch and answers each of it.
    fn serve(&mut self, mut batch: Vec<Box<dyn Transaction>>) {
        while !batch.is_empty() {
            batch = self.round(batch);
        }
    }

    /// Answers those that are done, or can't be, and returns the others: what one of them did has taken the transaction of
    /// all with it. At least one is answered each time.
    fn round(&mut self, batch: Vec<Box<dyn Transaction>>) -> Vec<Box<dyn Transaction>> {
        let mut connection = match catch_unwind(AssertUnwindSafe(|| self.begin())).unwrap_or_else(|_| Err(panicked())) {
            Ok(connection) => connection,
            Err(error) => {
                conclude(batch, &error);
                return Vec::new();
            }
        };
        let (mut done, mut rest) = (Vec::new(), VecDeque::from(batch));
        let until = Instant::now() + self.opener.patience() / SHARE;
        while (done.is_empty() || Instant::now() < until)
            && let Some(mut transaction) = rest.pop_front()
        {
            if transaction.is_late() {
                transaction.conclude(Err(late()));
                continue;
            }
            match within_savepoint(&mut connection, transaction.as_mut()) {
                Attempt::Done => done.push(transaction),
                Attempt::TakenBack(error) => transaction.conclude(Err(error)),
                Attempt::AllLost(error) => {
                    transaction.conclude(Err(error));
                    done.extend(rest);
                    return done;
                }
            }
        }
        let mut again = self.commit(connection, done);
        again.extend(rest);
        again
    }

    /// While the connection is used it is nobody's, so that whatever goes wrong throws it away.
    fn begin(&mut self) -> Result<DbConnection> {
        let opened = self.connection.take().map_or_else(|| self.opener.open(), Ok);
        let mut connection = opened.map_err(|error| Error::Unavailable(error.into()))?;
        match connection.begin() {
            Ok(()) => Ok(connection),
            Err(error) => {
                // Another process writes; that says nothing against the connection.
                if !connection.is_stuck() {
                    self.connection = Some(connection);
                }
                Err(error.into())
            }
        }
    }

    /// Commits what is done, if everybody still waits for it.
    fn commit(&mut self, mut connection: DbConnection, done: Vec<Box<dyn Transaction>>) -> Vec<Box<dyn Transaction>> {
        let (late_ones, timely): (Vec<_>, Vec<_>) = done.into_iter().partition(|transaction| transaction.is_late());
        if !late_ones.is_empty() || timely.is_empty() {
            conclude(late_ones, &late());
            if let Ok(Ok(())) = catch_unwind(AssertUnwindSafe(|| connection.rollback())) {
                self.connection = Some(connection);
            }
            return timely;
        }
        match catch_unwind(AssertUnwindSafe(|| connection.commit())) {
            Ok(Ok(())) => {
                self.connection = Some(connection);
                for transaction in timely {
                    transaction.conclude(Ok(()));
                }
            }
            Ok(Err(error)) => conclude(timely, &error),
            Err(_) => conclude(timely, &panicked()),
        }
        Vec::new()
    }
}

/// What one piece of work did to the transaction of all.
enum Attempt {
    /// It waits for the commit.
    Done,
    /// It failed, and nothing of it is left.
    TakenBack(Error),
    /// It failed, and took with it what was done before.
    AllLost(Error),
}

fn within_savepoint(connection: &mut DbConnection, transaction: &mut dyn Transaction) -> Attempt {
    let attempt = || {
        connection.begin_savepoint()?;
        let outcome = transaction.attempt(connection);
        if outcome.is_ok() { connection.commit() } else { connection.rollback() }.map(|()| outcome)
    };
    match catch_unwind(AssertUnwindSafe(attempt)) {
        Ok(Ok(Ok(()))) => Attempt::Done,
        Ok(Ok(Err(error))) => Attempt::TakenBack(error),
        // On a full disk SQLite rolls everything back by itself, and the savepoint is gone.
        Ok(Err(error)) => Attempt::AllLost(error),
        Err(_) => Attempt::AllLost(panicked()),
    }
}

fn conclude(transactions: Vec<Box<dyn Transaction>>, error: &Error) {
    for transaction in transactions {
        transaction.conclude(Err(error.repeated()));
    }
}

fn late() -> Error {
    Error::Unavailable(anyhow::anyhow!("the transaction took too long and was rolled back"))
}

fn panicked() -> Error {
    Error::internal("a transaction panicked")
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll, Waker},
        time::Duration,
    };

    use diesel::{RunQueryDsl, connection::SimpleConnection, sql_types::BigInt};

    use super::*;
    use crate::db::{Database, DatabaseOptions, url::DatabaseUrl};

    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }

    struct Numbers {
        folder: tempfile::TempDir,
        database: Database,
    }

    impl Numbers {
        fn new(patience: Duration) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let numbers = Self { database: Database::open(DatabaseOptions { patience, ..options(&folder) }), folder };
            numbers.another().batch_execute("CREATE TABLE numbers (n INTEGER NOT NULL UNIQUE)").unwrap();
            numbers
        }

        /// A connection of somebody else.
        fn another(&self) -> DbConnection {
            DbConnection::create_or_open(&options(&self.folder).url, Duration::from_secs(60)).unwrap()
        }

        async fn add(&self, n: i64) -> Result<()> {
            let add = move |connection: &mut DbConnection| {
                connection.batch_execute(&format!("INSERT INTO numbers VALUES ({n})"))?;
                match n {
                    7 => Err(Error::Ended),
                    8 => panic!("on purpose"),
                    _ => Ok(()),
                }
            };
            self.database.transaction(add).await
        }

        async fn add_slowly(&self, n: i64, takes: Duration) -> Result<()> {
            let add = move |connection: &mut DbConnection| {
                thread::sleep(takes);
                Ok(connection.batch_execute(&format!("INSERT INTO numbers VALUES ({n})"))?)
            };
            self.database.transaction(add).await
        }

        fn all(&self) -> Vec<i64> {
            let rows: Vec<Count> =
                diesel::sql_query("SELECT n FROM numbers ORDER BY n").load(&mut self.another()).unwrap();
            rows.into_iter().map(|row| row.n).collect()
        }
    }

    fn options(folder: &tempfile::TempDir) -> DatabaseOptions {
        let url: DatabaseUrl = format!("sqlite:{}", folder.path().join("numbers.db").display()).parse().unwrap();
        DatabaseOptions::for_server(url)
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
    }

    /// Runs them at once, while somebody else keeps the writer waiting until all have been asked for.
    fn together(numbers: &Numbers, asked: &[i64]) -> Vec<Result<()>> {
        together_each(numbers, asked, &Numbers::add)
    }

    fn together_each(
        numbers: &Numbers,
        asked: &[i64],
        ask: &impl AsyncFn(&Numbers, i64) -> Result<()>,
    ) -> Vec<Result<()>> {
        runtime().block_on(async {
            let mut holding = numbers.another();
            holding.begin().unwrap();
            let mut waiting = asked.iter().map(|n| Box::pin(ask(numbers, *n))).collect::<Vec<_>>();
            for one in &mut waiting {
                assert!(poll_once(one.as_mut()).is_pending());
            }
            holding.rollback().unwrap();
            let mut outcomes = Vec::new();
            for one in waiting {
                outcomes.push(one.await);
            }
            outcomes
        })
    }

    #[test]
    fn what_fails_alone_is_taken_back_alone() {
        let numbers = Numbers::new(Duration::from_secs(60));
        let outcomes = together(&numbers, &[1, 2, 7, 3, 2, 8, 4]);
        let failed: Vec<bool> = outcomes.iter().map(Result::is_err).collect();
        assert_eq!(failed, [false, false, true, false, true, true, false]);
        assert!(matches!(outcomes[2], Err(Error::Ended)));
        assert_eq!(numbers.all(), [1, 2, 3, 4]);
        assert_eq!(together(&numbers, &[5]).len(), 1);
        assert_eq!(numbers.all(), [1, 2, 3, 4, 5], "it goes on after a panic");
    }

    #[test]
    fn more_than_one_batch_is_done() {
        let numbers = Numbers::new(Duration::from_secs(60));
        let asked: Vec<i64> = (100..100 + 3 * i64::try_from(BATCH).unwrap()).collect();
        assert!(together(&numbers, &asked).iter().all(Result::is_ok));
        assert_eq!(numbers.all(), asked);
    }

    /// Twenty that take 30 ms each, and 300 ms of patience.
    #[test]
    fn those_that_are_slow_together_do_not_make_each_other_late() {
        let numbers = Numbers::new(Duration::from_millis(300));
        let slowly = async |numbers: &Numbers, n| numbers.add_slowly(n, Duration::from_millis(30)).await;
        let outcomes = together_each(&numbers, &(100..120).collect::<Vec<_>>(), &slowly);
        let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert!(done >= 3, "{done}");
        assert_eq!(numbers.all().len(), done, "what was answered was done, and nothing else");
    }

    #[test]
    fn what_nobody_waits_for_any_more_does_not_happen() {
        let numbers = Numbers::new(Duration::from_millis(100));
        runtime().block_on(async {
            let mut holding = numbers.another();
            holding.begin().unwrap();
            assert!(matches!(numbers.add(1).await, Err(Error::Unavailable(_))));
            let asked = numbers.add(2);
            drop(asked);
            holding.rollback().unwrap();
        });
        assert!(together(&numbers, &[3]).iter().all(Result::is_ok));
        assert_eq!(numbers.all(), [3]);
    }

    fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_crowd_that_gave_up_is_cleared_away_and_one_that_waits_is_not_let_grow() {
        let numbers = Numbers::new(Duration::from_secs(60));
        let writer = Writer::new(numbers.database.opener().clone());
        let ask = || Box::pin(writer.transaction(|_| Ok(())));
        let waiting = || writer.0.queue.lock().waiting.len();
        let mut holding = numbers.another();
        holding.begin().unwrap();
        runtime().block_on(async {
            for _ in 0..=CROWDED + BATCH {
                assert!(poll_once(ask().as_mut()).is_pending());
            }
            assert!(waiting() < CROWDED);
            let mut kept: Vec<_> = (0..CROWDED).map(|_| ask()).collect();
            for one in &mut kept {
                assert!(poll_once(one.as_mut()).is_pending());
            }
            assert!(matches!(ask().await, Err(Error::Unavailable(_))));
            assert_eq!(waiting(), CROWDED);
        });
    }
}
