//! The journal of ends: a file outside the database, so that it does not go back with the database.
//!
//! One line per end that was acknowledged. Several processes may append to one file. One thread per process writes, so
//! that concurrent commits share a write.

mod file;
mod file_end;
mod writer;

use std::{
    collections::{HashMap, VecDeque},
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, Sender, SyncSender},
    },
};

use parking_lot::Mutex;
use uuid::Uuid;

use super::record::{EndedSession, JournalContents, Record};
use crate::{
    clock::Timestamp,
    db::SessionId,
    error::{Error, Result},
};
use file::JournalFile;
use file_end::FileEnd;
pub(in crate::db::history) use writer::Durability;
use writer::{Append, WriterState};

/// The smallest file that is worth compacting.
const MIN_COMPACTED_BYTES: u64 = 1 << 20;

/// Ends that are compared with the database once per second.
const MAX_RECENT_ENDS: usize = 200;

/// Why a journal can't be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the journal of ends {}: {source}", path.display())]
pub struct JournalError {
    path: PathBuf,
    source: io::Error,
}

/// The journal of one database; clones share its thread.
#[derive(Debug, Clone)]
pub struct Journal(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    id: Uuid,
    /// The file, until the thread that writes takes it, which starts with the first append.
    unused: Mutex<Option<JournalFile>>,
    writer: OnceLock<Sender<Append>>,
    /// What the thread reports.
    state: Arc<WriterState>,
    /// The latest ends that the database has committed.
    recent: Mutex<VecDeque<EndedSession>>,
    /// The ends of the last minutes that are in the file, or will be as soon as it can be written.
    known: Mutex<HashMap<SessionId, EndedSession>>,
    /// The file's length after the last compaction.
    compacted_bytes: AtomicU64,
}

/// Lines that are being written.
#[derive(Debug)]
pub(super) struct PendingAppend(Receiver<Result<(), String>>);

impl PendingAppend {
    /// Waits until these lines, and all before them, have the durability that was asked for.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if they could not be written: the end can't be promised. They are written as soon as the
    /// file can be.
    pub fn wait(self) -> Result<()> {
        let outcome = self.0.recv().unwrap_or_else(|_| Err("its thread has ended".to_owned()));
        let unwritten =
            |error| Error::Unavailable(anyhow::anyhow!("an end is not in the journal of ends yet: {error}"));
        outcome.map_err(unwritten)
    }
}

impl Journal {
    /// Opens the journal, and creates the file if it is missing, readable by its owner only.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, JournalError> {
        let path = path.into();
        match JournalFile::open(&path) {
            Ok(file) => Ok(Self(Arc::new(Shared {
                path,
                id: file.id(),
                unused: Mutex::new(Some(file)),
                writer: OnceLock::new(),
                state: Arc::default(),
                recent: Mutex::default(),
                known: Mutex::default(),
                compacted_bytes: AtomicU64::new(0),
            }))),
            Err(source) => Err(JournalError { path, source }),
        }
    }

    /// The name of the journal, by which other instances know it. It stays the same for as long as the file exists.
    pub(super) fn id(&self) -> Uuid {
        self.0.id
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Begins to write the records. Without any, it waits for those of other threads.
    pub(super) fn append(&self, records: &[Record], durability: Durability) -> PendingAppend {
        let ended = records.iter().filter_map(Record::ended_session);
        self.0.known.lock().extend(ended.map(|ended| (ended.id, ended.clone())));
        let (done, outcome) = mpsc::sync_channel(1);
        self.send(records, durability, Some(done));
        PendingAppend(outcome)
    }

    /// Takes back records whose transaction was rolled back. It is not waited for: a record too many ends a session
    /// whose end was requested.
    pub(super) fn withdraw(&self, records: &[Record]) {
        let mut known = self.0.known.lock();
        records.iter().filter_map(Record::ended_session).for_each(|ended| _ = known.remove(&ended.id));
        drop(known);
        let withdrawn: Vec<Record> = records.iter().filter_map(Record::withdrawal).collect();
        self.send(&withdrawn, Durability::Written, None);
    }

    /// Writes those of the records that are not in the file yet. They are on the disk after the next
    /// [`sync`](Self::sync).
    pub(super) fn append_unknown(&self, records: Vec<Record>) -> Result<()> {
        let known = self.0.known.lock();
        let is_known =
            |ended: &EndedSession| known.get(&ended.id).is_some_and(|known| known.expires_at >= ended.expires_at);
        let is_unknown = |record: &Record| !record.ended_session().is_some_and(is_known);
        let unknown: Vec<Record> = records.into_iter().filter(is_unknown).collect();
        drop(known);
        if unknown.is_empty() {
            return Ok(());
        }
        self.append(&unknown, Durability::Written).wait()?;
        self.remember(unknown.iter().filter_map(Record::ended_session));
        Ok(())
    }

    /// Waits until everything that was appended is on the disk, and finds out whether the file can be written.
    pub(super) fn sync(&self) -> Result<()> {
        self.append(&[], Durability::Synced).wait()
    }

    /// Forgets which ends before this time are in the file.
    pub(super) fn forget_known_before(&self, time: Timestamp) {
        self.0.known.lock().retain(|_, ended| ended.ended_at >= time);
    }

    fn send(&self, records: &[Record], durability: Durability, done: Option<SyncSender<Result<(), String>>>) {
        let mut lines = String::new();
        for record in records {
            record.write(&mut lines);
        }
        let writer = self.0.writer.get_or_init(|| match self.0.unused.lock().take() {
            Some(file) => writer::start(file, Arc::clone(&self.0.state)),
            // Not reached: the file is taken once. Without a receiver, every append fails.
            None => mpsc::channel().0,
        });
        // If the thread is gone, dropping `done` tells the caller.
        let _ = writer.send(Append { lines, durability, done });
    }

    /// Remembers ends that the database has committed.
    pub(super) fn remember<'a>(&self, ended: impl IntoIterator<Item = &'a EndedSession>) {
        let mut recent = self.0.recent.lock();
        recent.extend(ended.into_iter().cloned());
        let excess = recent.len().saturating_sub(MAX_RECENT_ENDS);
        recent.drain(..excess);
    }

    /// The latest ends that the database has committed.
    pub(super) fn recent(&self) -> Vec<SessionId> {
        self.0.recent.lock().iter().map(|ended| ended.id).collect()
    }

    /// Whether the last attempt to write failed. The watcher tries again once per second.
    pub(super) fn is_failing(&self) -> bool {
        self.0.state.is_failing.load(Ordering::Acquire)
    }

    /// Whether the file was found without its former content since the last call.
    pub(super) fn take_emptied(&self) -> bool {
        self.0.state.is_emptied.swap(false, Ordering::AcqRel)
    }

    /// Writes the ends of the last minutes that the file does not have, because it was removed, or replaced by an earlier
    /// state of itself. Returns how many. Reads the file only if it does not have the end that was seen last.
    pub(super) fn restore(&self, now: Timestamp) -> Result<usize> {
        let seen = self.0.state.seen_end.lock().clone();
        if seen.as_ref().is_some_and(|seen| seen.is_at(&self.0.path)) {
            return Ok(0);
        }
        let (contents, end) = self.read_with_end(now).map_err(|error| Error::Unavailable(error.into()))?;
        let missing: Vec<Record> =
            self.remembered(now).into_iter().filter(|ended| !contents.has_ended(ended)).map(Record::Ended).collect();
        if !missing.is_empty() {
            // The next call reads the file once more, with these lines.
            self.append(&missing, Durability::Written).wait()?;
            return Ok(missing.len());
        }
        let mut current = self.0.state.seen_end.lock();
        // Unless the thread that writes has seen another one meanwhile.
        if *current == seen {
            *current = Some(end);
        }
        Ok(0)
    }

    /// The ends of the last minutes.
    fn remembered(&self, now: Timestamp) -> Vec<EndedSession> {
        let mut remembered: Vec<EndedSession> = self.0.recent.lock().iter().cloned().collect();
        remembered.extend(self.0.known.lock().values().cloned());
        remembered.retain(|ended| ended.expires_at > now);
        remembered
    }

    fn read_file(&self, now: Timestamp) -> io::Result<JournalContents> {
        Ok(JournalContents::parse(&fs::read(&self.0.path)?, now))
    }

    /// Reads the file, and the end of what was read.
    fn read_with_end(&self, now: Timestamp) -> io::Result<(JournalContents, FileEnd)> {
        let mut file = File::open(&self.0.path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let end = FileEnd::read(&file, text.len() as u64)?;
        Ok((JournalContents::parse(&text, now), end))
    }

    /// Reads what the file says, and adds the ends of the last minutes, which the file may have lost.
    pub(super) fn read(&self, now: Timestamp) -> io::Result<JournalContents> {
        let mut contents = match self.read_file(now) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => JournalContents::default(),
            contents => contents?,
        };
        self.remembered(now).into_iter().for_each(|ended| contents.add_ended(ended));
        Ok(contents)
    }

    /// Removes what has expired, if the file has doubled since the last time.
    pub(super) fn compact(&self, now: Timestamp) -> io::Result<()> {
        let size = fs::metadata(&self.0.path)?.len();
        let last = self.0.compacted_bytes.load(Ordering::Relaxed);
        if size < MIN_COMPACTED_BYTES.max(2 * last) {
            return Ok(());
        }
        let compacted = file::compact(&self.0.path, now)?;
        self.0.compacted_bytes.store(compacted, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
