//! Keeps a watcher at work: one that hangs, or has panicked, is replaced.
//!
//! A statement to which no answer comes, while the network acknowledges every probe, hangs in libpq without an end. Lookups
//! and the pool use other connections then. The watcher has one, and while the journal has to be applied, every lookup
//! waits for it.

use std::{
    sync::{
        Arc, Weak,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{end_store::EndStore, guard::History, journal::Journal, watcher::Watcher};
use crate::{
    clock::Clock,
    db::connect::{opener::Opener, url::Engine},
};

/// How long a watcher may take for one step, which is a statement or the transaction of one batch. Doubled with each that
/// is replaced until one has completed a pass, so that a server that is only slow lets one of them finish.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// How often the watcher is looked at, and the pause after one that has panicked.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Watchers that hang at the same time. Each has a thread and a connection until its socket ends.
const MAX_STUCK: usize = 4;

/// Starts the watcher of a database, if it has a journal. It ends after [`History::close`], or when all else that belongs
/// to the database has been dropped.
pub(in crate::db) fn watch<S: EndStore + Clone>(opener: &Arc<Opener>, history: &Arc<History>, store: S, clock: Clock) {
    let Some(journal) = history.journal().cloned() else { return };
    let reporter = Arc::clone(history);
    opener.observe_file(move || reporter.report());
    let supervisor = Supervisor { opener: Arc::downgrade(opener), history: Arc::clone(history), journal, store, clock };
    let first = supervisor.new_watcher(opener);
    let started =
        thread::Builder::new().name("keyrack-history".to_owned()).spawn(move || supervisor.keep_watching(first));
    if let Err(error) = started {
        tracing::error!(%error, "could not start the thread that applies the journal of ends; restart Keyrack");
    }
}

/// What a watcher needs. It does not keep the database open.
struct Supervisor<S> {
    opener: Weak<Opener>,
    history: Arc<History>,
    journal: Journal,
    store: S,
    clock: Clock,
}

/// How the watch of one watcher ended.
enum Watched {
    Ended,
    Panicked,
    Stuck(JoinHandle<()>),
}

impl<S: EndStore + Clone> Supervisor<S> {
    fn new_watcher(&self, opener: &Arc<Opener>) -> Watcher<S> {
        let Self { history, journal, store, clock, .. } = self;
        Watcher::new(Arc::clone(opener), Arc::clone(history), journal.clone(), store.clone(), clock.clone())
    }

    fn keep_watching(self, first: Watcher<S>) {
        let is_postgres = self.opener.upgrade().is_some_and(|opener| opener.engine() == Engine::Postgres);
        let (mut watcher, mut stuck, mut stuck_after) = (first, Vec::new(), STUCK_AFTER);
        loop {
            let progress = watcher.progress();
            // On SQLite, a lock is waited for with a limit, and another thread would wait for the same disk.
            let is_stuck = |stuck: &mut Vec<JoinHandle<()>>| {
                stuck.retain(|thread| !thread.is_finished());
                is_postgres && stuck.len() < MAX_STUCK && progress.busy_for() > stuck_after
            };
            match watch_one(watcher, || is_stuck(&mut stuck)) {
                Watched::Ended => return,
                Watched::Panicked => {
                    tracing::error!(
                        "the thread that applies the journal of ends has panicked; another one does its work"
                    );
                    thread::sleep(LOOK_INTERVAL);
                }
                Watched::Stuck(thread) => {
                    tracing::warn!(
                        "the thread that applies the journal of ends waits for the database for too long, and another one \
                         does its work on a new connection; if this lasts, look at the server, and at what is between it \
                         and Keyrack"
                    );
                    stuck_after = if progress.has_completed_pass() { STUCK_AFTER } else { stuck_after * 2 };
                    stuck.push(thread);
                }
            }
            let Some(opener) = self.opener.upgrade() else { return };
            // The others are as old as the one that hangs, and may lead to a server that was the database before.
            opener.discard_all();
            watcher = self.new_watcher(&opener);
        }
    }
}

/// Runs a watcher on a thread of its own, until it ends or `is_stuck`.
fn watch_one<S: EndStore>(watcher: Watcher<S>, mut is_stuck: impl FnMut() -> bool) -> Watched {
    let (alive, is_alive) = mpsc::channel::<()>();
    let run = move || {
        let _alive = alive;
        watcher.run();
    };
    let thread = match thread::Builder::new().name("keyrack-watcher".to_owned()).spawn(run) {
        Ok(thread) => thread,
        Err(error) => {
            tracing::error!(%error, "could not start the thread that applies the journal of ends");
            return Watched::Panicked;
        }
    };
    loop {
        // The sender is dropped with the thread's function, also by a panic.
        match is_alive.recv_timeout(LOOK_INTERVAL) {
            Err(RecvTimeoutError::Timeout) if is_stuck() => return Watched::Stuck(thread),
            Err(RecvTimeoutError::Timeout) | Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return if thread.join().is_ok() { Watched::Ended } else { Watched::Panicked };
            }
        }
    }
}
