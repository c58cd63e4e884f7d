//! What the lookups and commits of one database have to pass.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::{Condvar, Mutex, RwLock};

use super::{
    journal::{Durability, Journal},
    mark::{ExpectedMark, HistoryChanged, Mark, raise_sqlite_position},
    record::Record,
    synchronous, uncommitted,
};
use crate::{
    db::{DbConnection, Engine, after_commit, commit_signal::CommitSignal, connect::errors::may_be_committed},
    error::{Error, Result},
};

/// The history that a database's lookups rely on, and the journal of its ends.
///
/// It is verified while `expected` is set. A lookup that finds another history, or a file that was replaced, reports
/// it; then no lookup is answered until the watcher has applied the journal. A database without a journal only follows
/// the server's history and leaves servers that accept no writes.
#[derive(Debug)]
pub(crate) struct History {
    journal: Option<Journal>,
    requires_synchronous_standby: bool,
    expected: RwLock<Option<Arc<ExpectedMark>>>,
    /// Raised with each report and each new history, so that a commit notices that one came in between.
    generation: AtomicU64,
    is_watched: AtomicBool,
    /// The number of the watcher that works.
    watcher: AtomicU64,
    signal: Mutex<Signal>,
    signalled: Condvar,
    /// Told of the commits that have recorded events.
    commits: Arc<CommitSignal>,
}

/// What the watcher is woken up for.
#[derive(Debug, Default, Clone, Copy)]
struct Signal {
    reported: bool,
    forced: bool,
    closed: bool,
}

/// Why the watcher runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    Interval,
    /// Lookups wait. `forced`: the journal is to be applied even if the history looks the same.
    Reported {
        forced: bool,
    },
    Closed,
}

impl History {
    pub fn new(journal: Option<Journal>, requires_synchronous_standby: bool) -> Self {
        Self {
            journal,
            requires_synchronous_standby,
            expected: RwLock::new(Some(Arc::new(ExpectedMark::unknown()))),
            generation: AtomicU64::new(0),
            is_watched: AtomicBool::new(false),
            watcher: AtomicU64::new(0),
            signal: Mutex::default(),
            signalled: Condvar::new(),
            commits: Arc::default(),
        }
    }

    /// Whether a commit waits for a synchronous standby.
    pub(in crate::db) fn requires_synchronous_standby(&self) -> bool {
        self.requires_synchronous_standby
    }

    /// Tells of the commits that have recorded events.
    pub(in crate::db) fn commits(&self) -> &Arc<CommitSignal> {
        &self.commits
    }

    pub(super) fn journal(&self) -> Option<&Journal> {
        self.journal.as_ref()
    }

    /// What a lookup has to expect. `None` while the journal is being applied: it must not be answered.
    pub fn expected(&self) -> Option<Arc<ExpectedMark>> {
        self.expected.read().clone()
    }

    /// The error of a lookup that was not answered in time.
    pub fn unverified() -> Error {
        HistoryChanged::error()
    }

    /// Reports that a lookup did not find what it expected. Ignored if that is no longer what lookups expect.
    pub fn report_unexpected(&self, expected: &Arc<ExpectedMark>) {
        let mut current = self.expected.write();
        if self.is_watched.load(Ordering::Acquire) && current.as_ref().is_some_and(|now| Arc::ptr_eq(now, expected)) {
            *current = None;
            self.wake_watcher(false);
        }
    }

    /// Reports that the database may have gone back to an earlier state, for instance because its file was replaced. No
    /// lookup is answered until the journal has been applied.
    pub fn report(&self) {
        if self.is_watched.load(Ordering::Acquire) {
            let mut current = self.expected.write();
            *current = None;
            self.wake_watcher(true);
        }
    }

    /// Must be called while `expected` is locked. The generation is raised under the lock of the signal: a watcher that
    /// has read it has the signal as well.
    fn wake_watcher(&self, forced: bool) {
        let mut signal = self.signal.lock();
        signal.reported = true;
        signal.forced |= forced;
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.signalled.notify_all();
    }

    /// Without a watcher, takes the history of the server that a connection leads to as the one to expect. Returns
    /// whether the connection may be used again: with a watcher, it may lead to another server than the watcher's.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the server accepts no writes.
    pub fn follow_unwatched(&self, connection: &mut DbConnection) -> Result<bool> {
        let is_watched = self.is_watched.load(Ordering::Acquire);
        if !is_watched {
            let mark = Mark::read(connection, None)?;
            *self.expected.write() = Some(Arc::new(mark.expected()));
        }
        Ok(!is_watched)
    }

    /// Begins to rely on a new watcher, and returns its number: from now on lookups wait until it has applied the journal,
    /// and what a former watcher finds no longer counts.
    pub(super) fn begin_watch(&self) -> u64 {
        let mut current = self.expected.write();
        *current = None;
        self.is_watched.store(true, Ordering::Release);
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.watcher.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Whether this is the number of the watcher that works.
    pub(super) fn is_watched_by(&self, number: u64) -> bool {
        self.watcher.load(Ordering::Acquire) == number
    }

    /// Keeps lookups from being answered while the journal is applied.
    ///
    /// Returns the generation of the history that comes now, so that a commit that is on its way notices the change.
    pub(super) fn hold_lookups(&self) -> u64 {
        let mut current = self.expected.write();
        *current = None;
        self.generation.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Lets lookups rely on this history, in which all ends of the journal hold, unless another report has come in since
    /// `generation`.
    pub(super) fn verified(&self, mark: &Mark, generation: u64) {
        let mut expected = self.expected.write();
        if self.generation() != generation {
            return;
        }
        match expected.as_ref().filter(|expected| expected.is_server_of(mark)) {
            Some(expected) => expected.raise_position(mark.position()),
            None => *expected = Some(Arc::new(mark.expected())),
        }
    }

    /// Generation of the history, see [`History::commit`].
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Waits until something is reported, the watcher is to end, or the time is up.
    pub(super) fn wait_for_signal(&self, timeout: Duration) {
        let mut signal = self.signal.lock();
        if !signal.reported && !signal.closed {
            self.signalled.wait_for(&mut signal, timeout);
        }
    }

    /// Takes what was reported, and the generation of the history that includes these reports and no later ones.
    pub(super) fn take_signal(&self) -> (Wake, u64) {
        let mut signal = self.signal.lock();
        let Signal { reported, forced, closed } = *signal;
        *signal = Signal { closed, ..Signal::default() };
        let wake = match (closed, reported) {
            (true, _) => Wake::Closed,
            (false, true) => Wake::Reported { forced },
            (false, false) => Wake::Interval,
        };
        (wake, self.generation())
    }

    /// Ends the watcher.
    pub(in crate::db) fn close(&self) {
        self.signal.lock().closed = true;
        self.signalled.notify_all();
    }

    /// Commits this thread's transaction. What it has ended is written to the journal at the same time, and only then
    /// acknowledged.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it was not committed, if it is not known whether it was, or if an end was committed
    /// but can't be promised.
    pub(in crate::db) fn commit(&self, connection: &mut DbConnection) -> Result<()> {
        let records = uncommitted::take();
        let actions = after_commit::take();
        let is_synchronous = self.requires_synchronous_standby && connection.engine() == Engine::Postgres;
        if is_synchronous {
            synchronous::reject_without_standby(connection)?;
        }
        match self.journal.as_ref().zip(records) {
            Some((journal, records)) => self.commit_journaled(connection, journal, &records)?,
            None => connection.commit()?,
        }
        // Also if no standby confirms it: it is committed.
        let has_recorded_events = !actions.is_empty();
        for action in actions {
            action();
        }
        if has_recorded_events {
            self.commits.raise();
        }
        if is_synchronous { synchronous::wait_for_standby(connection) } else { Ok(()) }
    }

    /// Without records, the ends that were requested had happened before, and are acknowledged again: also then the
    /// journal must have them.
    fn commit_journaled(&self, connection: &mut DbConnection, journal: &Journal, records: &[Record]) -> Result<()> {
        let generation = self.generation();
        let position = match connection {
            DbConnection::Sqlite(connection) if !records.is_empty() => Some(raise_sqlite_position(connection)?),
            _ => None,
        };
        let pending = journal.append(records, self.durability(connection.engine()));
        if let Err(error) = connection.commit() {
            if !may_be_committed(&error) {
                journal.withdraw(records);
            }
            return Err(error);
        }
        pending.wait()?;
        journal.remember(records.iter().filter_map(Record::ended_session));
        if let (Some(position), Some(expected)) = (position, self.expected()) {
            expected.raise_position(position);
        }
        if generation != self.generation() {
            // The journal may have been applied to another server while this commit was on its way.
            self.report();
        }
        Ok(())
    }

    /// Whether the journal has all ends that were committed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while it can't be written.
    pub(in crate::db) fn check_recorded_ends(&self) -> Result<()> {
        match &self.journal {
            Some(journal) if journal.is_failing() => {
                Err(Error::Unavailable(anyhow::anyhow!("the journal of ends can't be written at the moment")))
            }
            _ => Ok(()),
        }
    }

    /// What an end waits for beside its commit.
    ///
    /// A PostgreSQL server may be lost together with this machine, or be this machine, while its standby takes over: the
    /// journal must survive a crash. A SQLite file is on this machine, and keeps its committed ends through a crash; the
    /// next start writes them to the journal. So there the journal only has to survive the end of this process, and the
    /// watcher syncs it once per second. A command has no watcher.
    fn durability(&self, engine: Engine) -> Durability {
        match engine {
            Engine::Sqlite if self.is_watched.load(Ordering::Acquire) => Durability::Written,
            _ => Durability::Synced,
        }
    }
}
