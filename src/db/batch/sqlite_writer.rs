//! The one that writes to a SQLite database: transactions that wait at the same moment are committed together.
//!
//! SQLite lets one transaction write at a time, and a commit that is to survive a crash waits for the disk, longer than all
//! else takes. So the transactions of one process go through one thread: it does whatever waits, each within a savepoint of
//! its own, and commits once. None is answered before that commit, and what fails alone is taken back alone.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Instant,
};

use parking_lot::{Condvar, Mutex};
use tokio::{sync::oneshot, time};

use crate::{
    db::{DbConnection, connect::pool::Opener},
    error::{Error, Result},
};

/// The most transactions in one commit: the first of them waits for the last.
const BATCH: usize = 32;

/// After so much of its timeout, what was done so far is committed. Otherwise many that are slow together would make each
/// other late, and nothing would ever be done.
const SHARE: u32 = 8;

/// When so many wait, those that nobody waits for any more are cleared away; if none of them is, no more are taken.
const CROWDED: usize = 10_000;

/// Writes to one SQLite database; clones share its thread, which ends with the last of them.
#[derive(Clone)]
pub(in crate::db) struct Writer(Arc<Handle>);

struct Handle {
    opener: Opener,
    queue: Arc<Queue>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.state.lock().is_closed = true;
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
    /// What waits, or what comes next; nothing if there is nobody left to ask for anything.
    fn take(&self) -> Vec<Box<dyn Transaction>> {
        let mut state = self.state.lock();
        while state.waiting.is_empty() && !state.is_closed {
            self.arrived.wait(&mut state);
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

    /// Runs `work` in a transaction and waits for its commit, no longer than the database's timeout. It may run more than
    /// once before that.
    pub async fn transaction<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        let timeout = self.0.opener.timeout();
        let (reply, answer) = oneshot::channel();
        self.push(Box::new(Asked { work, value: None, reply, deadline: Instant::now() + timeout }))?;
        match time::timeout(timeout, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Error::internal("a transaction was dropped")),
            Err(elapsed) => Err(Error::Unavailable(anyhow::Error::new(elapsed).context("no answer in time"))),
        }
    }

    fn push(&self, transaction: Box<dyn Transaction>) -> Result<()> {
        let mut state = self.0.queue.state.lock();
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
        let until = Instant::now() + self.opener.timeout() / SHARE;
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
                if !connection.is_broken() {
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
        transaction.conclude(Err(error.duplicate()));
    }
}

fn late() -> Error {
    Error::Unavailable(anyhow::anyhow!("the transaction took too long and was rolled back"))
}

fn panicked() -> Error {
    Error::internal("a transaction panicked")
}

#[cfg(test)]
mod tests;
