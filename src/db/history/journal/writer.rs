//! The thread that writes a journal: concurrent commits share a write, and a sync where they wait for one.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender, SyncSender},
    },
    thread,
};

use parking_lot::Mutex;

use super::{file::JournalFile, file_end::FileEnd};

/// What the caller of an append waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::db::history) enum Durability {
    /// The lines are in the file: they survive the end of this process.
    Written,
    /// The lines are on the disk: they survive a crash of the machine.
    Synced,
}

/// Lines to append, and where to report that it is done.
#[derive(Debug)]
pub(super) struct Append {
    pub lines: String,
    pub durability: Durability,
    pub done: Option<SyncSender<Result<(), String>>>,
}

/// What the thread reports.
#[derive(Debug, Default)]
pub(super) struct WriterState {
    /// Set when the file is found without the content that it had.
    pub is_emptied: AtomicBool,
    /// Whether the last attempt to write has failed.
    pub is_failing: AtomicBool,
    /// The end of the file after the last append to it. While the file has it, no line of this process is missing.
    pub seen_end: Mutex<Option<FileEnd>>,
}

/// Starts the thread, and returns where it takes appends from.
pub(super) fn start(file: JournalFile, state: Arc<WriterState>) -> Sender<Append> {
    let (sender, receiver) = mpsc::channel();
    let writer = Writer { file, state, unwritten: String::new(), unsynced: String::new() };
    let started = thread::Builder::new().name("keyrack-journal".to_owned()).spawn(move || writer.run(&receiver));
    if let Err(error) = started {
        tracing::error!(%error, "could not start the thread that writes the journal of ends; restart Keyrack");
    }
    sender
}

struct Writer {
    file: JournalFile,
    state: Arc<WriterState>,
    /// Lines that could not be written. They are written before any other, so an append that succeeds says that nothing
    /// before it is missing either.
    unwritten: String,
    /// Lines that a crash of the machine may lose, to be written again if a sync fails.
    unsynced: String,
}

impl Writer {
    fn run(mut self, receiver: &Receiver<Append>) {
        while let Ok(first) = receiver.recv() {
            let batch: Vec<Append> = std::iter::once(first).chain(receiver.try_iter()).collect();
            let lines = batch.iter().map(|append| append.lines.as_str());
            self.unwritten.extend(lines);
            let durability = batch.iter().map(|append| append.durability).max();
            let outcome = self.write(durability.unwrap_or(Durability::Written)).map_err(|error| error.to_string());
            self.report(&outcome);
            for done in batch.into_iter().filter_map(|append| append.done) {
                let _ = done.send(outcome.clone());
            }
        }
    }

    fn write(&mut self, durability: Durability) -> io::Result<()> {
        if !self.file.append(&self.unwritten, &mut self.state.seen_end.lock())? {
            self.state.is_emptied.store(true, Ordering::Release);
        }
        self.unsynced.push_str(&std::mem::take(&mut self.unwritten));
        if durability == Durability::Synced
            && let Err(error) = self.file.sync()
        {
            // The system may have dropped them: after an error, another sync succeeds without writing them.
            self.unwritten = std::mem::take(&mut self.unsynced);
            return Err(error);
        }
        if durability == Durability::Synced {
            self.unsynced.clear();
        }
        Ok(())
    }

    /// Keeps whether it failed, and logs the first failure of several.
    fn report(&self, outcome: &Result<(), String>) {
        let was_failing = self.state.is_failing.swap(outcome.is_err(), Ordering::AcqRel);
        if let (Err(error), false) = (outcome, was_failing) {
            tracing::error!(
                error,
                file = %self.file.path().display(),
                "could not write the journal of ends: sign-outs and revocations are answered with 503 until it can be \
                 written; free space, or set KEYRACK_JOURNAL to another file or to off"
            );
        }
    }
}
