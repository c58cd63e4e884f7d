//! The thread that applies the journal to a database that went back, and writes the ends of others to the journal.
//!
//! Once per second, and whenever a lookup reports another history, it reads the history of the server that the URL
//! leads to. If that is not a later state of the one it knows, it ends every journaled session that is active again,
//! waits for its neighbours to do the same, and only then lets lookups be answered.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{
    end_store::EndStore,
    guard::{History, Wake},
    journal::Journal,
    mark::Mark,
    neighbours,
    overwritten::FileContent,
    patrol::Patrol,
    progress::Progress,
    record::{EndedSession, ReplacedSid},
    repeats::Repeats,
    tail::Tail,
    uncommitted,
};
use crate::{
    clock::Clock,
    db::{
        DbConnection,
        connect::{opener::Opener, slot::ConnectionSlot, url::Engine},
    },
    error::{Error, Result},
};

/// How often the watcher follows the ends of others.
const INTERVAL: Duration = Duration::from_secs(1);

/// How often the watcher looks whether the content of a SQLite file was overwritten. The more seldom, the more often a
/// checkpoint has run meanwhile, so that what was written proves nothing.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Pause before the next attempt while no lookup may be answered.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// Sessions ended again per transaction.
const MAX_ROWS_PER_TRANSACTION: usize = 500;

/// How long one of these transactions may take.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);

/// How long lookups wait for the neighbours' journals. One that is gone must not keep the others from serving.
const NEIGHBOUR_TIMEOUT: Duration = Duration::from_secs(5);

/// How long lookups wait for rows, if a database that had sessions is found empty: a restore may create or empty the
/// tables in one transaction and fill them in the next.
const EMPTY_TIMEOUT: Duration = Duration::from_secs(30);

/// The state of the thread.
pub(super) struct Watcher<S> {
    opener: Arc<Opener>,
    history: Arc<History>,
    journal: Journal,
    store: S,
    clock: Clock,
    /// Its number among the watchers of this database.
    number: u64,
    progress: Arc<Progress>,
    /// The history to which the journal was last applied.
    known: Option<Mark>,
    /// Whether the journal is to be applied, or was applied in part when an error came.
    must_apply: bool,
    /// The content of a SQLite file.
    content: FileContent,
    /// Whether the file was overwritten, and the journal was not applied since.
    is_content_new: bool,
    /// Since when the database has been found without any session.
    empty_since: Option<Instant>,
    /// When the journal is applied again to a history that has changed.
    repeats: Option<Repeats>,
    /// The journals of the other instances that were last seen alive.
    neighbours: Vec<String>,
    patrol: Patrol,
    tail: Tail,
}

impl<S: EndStore> Watcher<S> {
    /// Begins to watch: no lookup is answered until this watcher has applied the journal, and no other one does its work.
    pub fn new(opener: Arc<Opener>, history: Arc<History>, journal: Journal, store: S, clock: Clock) -> Self {
        let progress = Arc::new(Progress::default());
        let tail = Tail::of(&journal, clock.now(), Arc::clone(&progress));
        let number = history.begin_watch();
        Self {
            opener,
            history,
            journal,
            store,
            clock,
            number,
            progress,
            known: None,
            must_apply: false,
            content: FileContent::default(),
            is_content_new: false,
            empty_since: None,
            repeats: None,
            neighbours: Vec::new(),
            patrol: Patrol::default(),
            tail,
        }
    }

    /// What it is doing.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Begins the next step of a pass.
    ///
    /// # Errors
    /// If another watcher does this one's work, because a step took too long.
    fn begin_step(&self) -> Result<()> {
        self.progress.begin_step();
        if self.history.is_watched_by(self.number) {
            Ok(())
        } else {
            Err(Error::Unavailable(anyhow::anyhow!("another thread applies the journal of ends now")))
        }
    }

    /// Watches until the database is closed, or another watcher does this one's work.
    pub fn run(mut self) {
        let slot = ConnectionSlot::new(&self.opener);
        let mut wake = Wake::Reported { forced: true };
        let mut generation = self.history.generation();
        let mut is_failing = false;
        loop {
            if matches!(wake, Wake::Reported { .. }) {
                // A new connection leads to the server that the URL or the proxy names now.
                drop(slot.take());
            }
            let outcome = self.pass(&slot, wake == (Wake::Reported { forced: true }), generation);
            self.progress.end_pass(outcome.is_ok());
            if !self.history.is_watched_by(self.number) {
                // What was reported to this one is the other one's to do.
                return self.history.report();
            }
            if let (Err(error), false) = (&outcome, is_failing) {
                tracing::warn!(
                    error = error.chain(),
                    "could not read which ends the database has; requests wait until it can be read if the database \
                     may have gone back"
                );
            }
            is_failing = outcome.is_err();
            let is_verified = self.history.expected().is_some();
            let next;
            (next, generation) = self.wait(if is_verified { INTERVAL } else { RETRY_DELAY });
            wake = match next {
                Wake::Closed => break,
                // What was reported is still to be done.
                Wake::Interval if is_failing && !is_verified => wake,
                next => next,
            };
            if Arc::strong_count(&self.opener) == 1 {
                break;
            }
        }
        let _ = self.journal.sync();
        if let Some(mut connection) = slot.take()
            && connection.engine() == Engine::Postgres
        {
            let _ = neighbours::withdraw(&mut connection, self.journal.id());
        }
    }

    /// Waits for the next pass, and looks at the content of a SQLite file meanwhile. Returns what was reported, and the
    /// generation of the history with that.
    fn wait(&mut self, timeout: Duration) -> (Wake, u64) {
        let until = Instant::now() + timeout;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let is_looking = self.opener.engine() == Engine::Sqlite && left > LOOK_INTERVAL;
            self.history.wait_for_signal(if is_looking { LOOK_INTERVAL } else { left });
            // If there are other files, this reports them. If there are none, the next pass finds that out again.
            let _ = self.opener.check_file();
            match self.history.take_signal() {
                (Wake::Interval, _) if is_looking && !self.is_overwritten().unwrap_or(false) => {}
                signal => return signal,
            }
        }
    }

    /// Whether the content of a SQLite file was overwritten. Then all connections are discarded, since they have pages of
    /// the former content, and the next pass applies the journal.
    fn is_overwritten(&mut self) -> Result<bool> {
        // Commits of this process raise what lookups expect.
        // New content is behind until the journal was applied to it.
        let is_of_file = |known: &&Mark| !self.is_content_new && known.is_of_file(self.opener.path());
        let known = self.known.as_ref().filter(is_of_file).map(|known| {
            self.history.expected().map_or(known.position(), |expected| expected.position().max(known.position()))
        });
        let found = self.content.is_overwritten(&self.opener, known)?;
        if found {
            self.opener.note_overwritten();
            self.history.hold_lookups();
            self.is_content_new = true;
        }
        Ok(found)
    }

    /// Compares the histories, applies the journal if necessary, and writes the ends of others to the journal. Lookups are
    /// released if nothing was reported since `generation`.
    fn pass(&mut self, slot: &ConnectionSlot, mut forced: bool, mut generation: u64) -> Result<()> {
        if self.is_overwritten()? || self.is_content_new {
            drop(slot.take());
            self.opener.check_file().map_err(|error| Error::Unavailable(error.into()))?;
            forced = true;
        }
        self.begin_step()?;
        let opened = slot.take().map_or_else(|| self.opener.open(), Ok);
        let mut connection = opened.map_err(|error| Error::Unavailable(error.into()))?;
        let mark = Mark::read(&mut connection, self.opener.path())?;
        let continues = self.known.as_ref().is_some_and(|known| known.continues_as(&mark));
        let must_repeat = self.repeats.as_ref().is_some_and(Repeats::are_due);
        self.must_apply = self.must_apply || forced || !continues || self.was_revived(&mut connection)?;
        if self.must_apply {
            generation = self.apply_journal(&mut connection, &mark)?;
            self.must_apply = false;
            self.repeats = self.has_predecessor().then(Repeats::begin);
        } else if must_repeat {
            self.apply_journal_again(&mut connection)?;
        }
        if self.known.as_ref().is_some_and(|known| !known.is_same_server(&mark)) {
            // The others may lead to the server that was the database before.
            self.opener.discard_all();
        }
        self.history.verified(&mark, generation);
        self.known = Some(mark);
        self.is_content_new = false;
        self.content.prepare(&mut connection, &self.opener)?;
        if self.opener.engine() == Engine::Postgres {
            self.meet_neighbours(&mut connection)?;
        }
        let (now, is_longest) = (self.clock.now(), self.tail.is_longest());
        self.tail.follow(&self.store, &mut connection, &self.journal, now)?;
        if is_longest && let Err(error) = self.journal.compact(now) {
            tracing::warn!(%error, "could not shorten the journal of ends; the next attempt is in a minute");
        }
        slot.keep(connection);
        Ok(())
    }

    /// Whether a history was known before the present one, to this watcher or to one that it has replaced.
    fn has_predecessor(&self) -> bool {
        self.known.is_some() || self.number > 1
    }

    /// Whether one of the latest ends no longer holds, or one of those whose turn it is: no history that goes forward does
    /// that.
    fn was_revived(&mut self, connection: &mut DbConnection) -> Result<bool> {
        let mut ended = self.journal.recent();
        ended.append(&mut self.patrol.next(&self.journal, self.clock.now()));
        Ok(!ended.is_empty() && self.store.count_active(connection, &ended)? > 0)
    }

    /// Ends every journaled session that is active, and waits until the neighbours have done so. Returns the generation
    /// for which that holds.
    fn apply_journal(&mut self, connection: &mut DbConnection, mark: &Mark) -> Result<u64> {
        self.begin_step()?;
        // Lookups that are sent before this may be answered from what they find; those that are sent now wait.
        let generation = self.history.hold_lookups();
        let started = Instant::now();
        let contents = self.journal.read(self.clock.now()).map_err(|error| Error::Unavailable(error.into()))?;
        if contents.damaged_lines > 0 {
            tracing::warn!(
                lines = contents.damaged_lines,
                file = %self.journal.path().display(),
                "the journal of ends has lines that cannot be read: they were skipped"
            );
        }
        let (ended, replaced) = contents.into_parts();
        let journaled = ended.len();
        // Before the ends are applied: rows that came between would be taken for those that were ended again.
        self.wait_for_rows(connection, journaled)?;
        let revived = self.end_all_again(connection, &ended, &replaced)?;
        if !mark.continues_as(&Mark::read(connection, self.opener.path())?) {
            return Err(Error::Unavailable(anyhow::anyhow!("the database changed while the journal was applied")));
        }
        if connection.engine() == Engine::Postgres {
            self.wait_for_neighbours(connection, mark)?;
        }
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if revived > 0 {
            tracing::error!(
                revived,
                journaled,
                milliseconds,
                "the database has gone back to an earlier state, by a failover or a restored backup: sessions that had \
                 ended were active again, and were ended again; sign-ins and other changes since then are lost"
            );
        } else if self.has_predecessor() {
            tracing::warn!(
                journaled,
                milliseconds,
                "the database was restarted, replaced or failed over: all journaled ends hold"
            );
        }
        Ok(generation)
    }

    /// Ends the journaled sessions that a restore has brought since the journal was applied, row by row.
    fn apply_journal_again(&mut self, connection: &mut DbConnection) -> Result<()> {
        let contents = self.journal.read(self.clock.now()).map_err(|error| Error::Unavailable(error.into()))?;
        let (ended, replaced) = contents.into_parts();
        let revived = self.end_all_again(connection, &ended, &replaced)?;
        if revived > 0 {
            tracing::error!(
                revived,
                "a backup is being restored while Keyrack serves: sessions that had ended came back with it, and were \
                 ended again; stop Keyrack before you restore a backup"
            );
        }
        self.repeats = if revived > 0 { Some(Repeats::begin()) } else { self.repeats.take().and_then(Repeats::next) };
        Ok(())
    }

    /// Fails while a database that had sessions has none, so that the journal is applied again.
    fn wait_for_rows(&mut self, connection: &mut DbConnection, journaled: usize) -> Result<()> {
        if !self.has_predecessor() || journaled == 0 || self.store.has_sessions(connection)? {
            self.empty_since = None;
            return Ok(());
        }
        if self.empty_since.get_or_insert_with(Instant::now).elapsed() < EMPTY_TIMEOUT {
            return Err(Error::Unavailable(anyhow::anyhow!("the table `sessions` is empty: it may be being restored")));
        }
        Ok(())
    }

    fn end_all_again(
        &self,
        connection: &mut DbConnection,
        ended: &[EndedSession],
        replaced: &[ReplacedSid],
    ) -> Result<usize> {
        let mut revived = 0;
        for batch in ended.chunks(MAX_ROWS_PER_TRANSACTION) {
            self.begin_step()?;
            let end = |connection: &mut DbConnection| self.store.end_again(connection, batch);
            revived += connection.transaction(Instant::now() + TRANSACTION_TIMEOUT, end)?;
        }
        for batch in replaced.chunks(MAX_ROWS_PER_TRANSACTION) {
            self.begin_step()?;
            let end = |connection: &mut DbConnection| self.store.end_replaced(connection, batch, self.clock.now());
            revived += connection.transaction(Instant::now() + TRANSACTION_TIMEOUT, end)?;
        }
        // They are in the journal already.
        uncommitted::clear();
        Ok(revived)
    }

    /// Waits until the other instances have applied their journals to this history.
    fn wait_for_neighbours(&self, connection: &mut DbConnection, mark: &Mark) -> Result<()> {
        let deadline = Instant::now() + NEIGHBOUR_TIMEOUT;
        let history = mark.name();
        neighbours::announce(connection, self.journal.id(), &history)?;
        loop {
            self.begin_step()?;
            let rows = neighbours::others(connection, self.journal.id())?;
            let is_done = |id: &String| rows.iter().any(|row| row.id == *id && row.history == history);
            let seen_alive = rows.iter().filter(|row| row.is_alive).map(|row| &row.id);
            let behind = self.neighbours.iter().chain(seen_alive).filter(|id| !is_done(id)).count();
            if behind == 0 {
                return Ok(());
            }
            if Instant::now() > deadline {
                tracing::error!(
                    behind,
                    "another instance has not applied its journal of ends to this database: sessions that it had \
                     ended may be active until it does; start it again"
                );
                return Ok(());
            }
            thread::sleep(RETRY_DELAY);
        }
    }

    fn meet_neighbours(&mut self, connection: &mut DbConnection) -> Result<()> {
        let Some(known) = &self.known else { return Ok(()) };
        neighbours::announce(connection, self.journal.id(), &known.name())?;
        if self.tail.is_longest() {
            neighbours::forget_gone(connection)?;
        }
        let rows = neighbours::others(connection, self.journal.id())?;
        self.neighbours = rows.into_iter().filter(|row| row.is_alive).map(|row| row.id).collect();
        Ok(())
    }
}
