//! The journal of ends: a file outside the database, so that it does not go back with the database.
//!
//! One line per end that was acknowledged. Several processes may append to one file: each append happens under a lock
//! on the file. One thread per process writes and syncs, so that concurrent commits share a sync.

use std::{
    collections::{HashMap, VecDeque},
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, Sender, SyncSender},
    },
    thread,
};

use parking_lot::Mutex;
use uuid::Uuid;

use super::record::{EndedSession, JournalContents, Record};
use crate::{
    clock::Timestamp,
    db::SessionId,
    error::{Error, Result},
};

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
    /// To the thread that writes, which starts with the first append.
    writer: OnceLock<Sender<Append>>,
    /// The name of the journal, by which other instances know it.
    id: Uuid,
    /// When it was last written to before it was opened.
    last_written: Timestamp,
    /// The latest ends that the database has committed.
    recent: Mutex<VecDeque<SessionId>>,
    /// The ends of the last minutes that are in the file, with their times.
    known: Mutex<HashMap<SessionId, Timestamp>>,
    /// The file's length after the last compaction.
    compacted_bytes: AtomicU64,
}

/// Lines to append, and where to report that they are on the disk.
#[derive(Debug)]
struct Append {
    lines: String,
    done: Option<SyncSender<Result<(), String>>>,
}

/// Lines that are being written.
#[derive(Debug)]
pub(super) struct PendingAppend {
    journal: Journal,
    ended: Vec<SessionId>,
    outcome: Receiver<Result<(), String>>,
}

impl PendingAppend {
    /// Waits until the lines are on the disk.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if they could not be written: the end can't be promised.
    pub fn wait(self) -> Result<()> {
        let outcome = self.outcome.recv().unwrap_or_else(|_| Err("its thread has ended".to_owned()));
        outcome.map_err(|error| {
            // The watcher writes them as soon as the file can be written again.
            self.journal.forget(&self.ended);
            Error::Unavailable(anyhow::anyhow!("the end was not written to the journal of ends: {error}"))
        })
    }
}

impl Journal {
    /// Opens the journal, and creates the file if it is missing, readable by its owner only.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, JournalError> {
        let path = path.into();
        match open_named(&path) {
            Ok((id, last_written)) => Ok(Self(Arc::new(Shared {
                path,
                writer: OnceLock::new(),
                id,
                last_written,
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

    /// When it was last written to before it was opened.
    pub(super) fn last_written(&self) -> Timestamp {
        self.0.last_written
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Begins to write the records.
    pub(super) fn append(&self, records: &[Record]) -> PendingAppend {
        let ended = records.iter().filter_map(|record| match record {
            Record::Ended(ended) => Some((ended.id, ended.ended_at)),
            _ => None,
        });
        self.0.known.lock().extend(ended);
        let (done, outcome) = mpsc::sync_channel(1);
        self.send(records, Some(done));
        let ended = records.iter().filter_map(Record::ended_session).collect();
        PendingAppend { journal: self.clone(), ended, outcome }
    }

    /// Lets ends be written again that are not in the file.
    fn forget(&self, ended: &[SessionId]) {
        let mut known = self.0.known.lock();
        for id in ended {
            known.remove(id);
        }
    }

    /// Takes back records whose transaction was rolled back. It is not waited for: a record too many ends a session
    /// whose end was requested.
    pub(super) fn withdraw(&self, records: &[Record]) {
        self.forget(&records.iter().filter_map(Record::ended_session).collect::<Vec<_>>());
        let withdrawn: Vec<Record> = records.iter().filter_map(Record::withdrawal).collect();
        self.send(&withdrawn, None);
    }

    /// Writes those of the ends that are not in the file yet, and waits for the disk.
    pub(super) fn append_unknown(&self, ended: Vec<EndedSession>) -> Result<()> {
        let known = self.0.known.lock();
        let unknown: Vec<Record> =
            ended.into_iter().filter(|ended| !known.contains_key(&ended.id)).map(Record::Ended).collect();
        drop(known);
        if unknown.is_empty() {
            return Ok(());
        }
        let written = self.append(&unknown).wait();
        if written.is_ok() {
            self.remember(unknown.iter().filter_map(Record::ended_session));
        }
        written
    }

    /// Forgets which ends before this time are in the file.
    pub(super) fn forget_known_before(&self, time: Timestamp) {
        self.0.known.lock().retain(|_, ended_at| *ended_at >= time);
    }

    fn send(&self, records: &[Record], done: Option<SyncSender<Result<(), String>>>) {
        let mut lines = String::new();
        for record in records {
            record.write(&mut lines);
        }
        let writer = self.0.writer.get_or_init(|| {
            let (sender, receiver) = mpsc::channel();
            let path = self.0.path.clone();
            let started =
                thread::Builder::new().name("keyrack-journal".to_owned()).spawn(move || write_all(&path, &receiver));
            if let Err(error) = started {
                tracing::error!(%error, "could not start the thread that writes the journal of ends");
            }
            sender
        });
        // If the thread is gone, dropping `done` tells the caller.
        let _ = writer.send(Append { lines, done });
    }

    /// Remembers ends that the database has committed.
    pub(super) fn remember(&self, ids: impl IntoIterator<Item = SessionId>) {
        let mut recent = self.0.recent.lock();
        recent.extend(ids);
        let excess = recent.len().saturating_sub(MAX_RECENT_ENDS);
        recent.drain(..excess);
    }

    /// The latest ends that the database has committed.
    pub(super) fn recent(&self) -> Vec<SessionId> {
        self.0.recent.lock().iter().copied().collect()
    }

    /// Reads what the journal says.
    pub(super) fn read(&self, now: Timestamp) -> io::Result<JournalContents> {
        Ok(JournalContents::parse(&fs::read(&self.0.path)?, now))
    }

    /// Removes what has expired, if the file has doubled since the last time. Writers wait only while the lines that
    /// they have added meanwhile are copied. A crash leaves the old file or the new one.
    pub(super) fn compact(&self, now: Timestamp) -> io::Result<()> {
        let size = fs::metadata(&self.0.path)?.len();
        let last = self.0.compacted_bytes.load(Ordering::Relaxed);
        if size < MIN_COMPACTED_BYTES.max(2 * last) {
            return Ok(());
        }
        let compacted = compact_file(&self.0.path, now)?;
        self.0.compacted_bytes.store(compacted, Ordering::Relaxed);
        Ok(())
    }
}

/// Opens the file, gives it a name if it has none, and returns the name and when it was last written to.
fn open_named(path: &Path) -> io::Result<(Uuid, Timestamp)> {
    let mut file = open_locked(path, None)?;
    let metadata = file.metadata()?;
    let last_written = Timestamp::from_micros(metadata.mtime() * 1_000_000);
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    if let Some(id) = JournalContents::parse(&text, last_written).journal {
        return Ok((id, last_written));
    }
    let id = Uuid::new_v4();
    let mut line = if text.last().is_none_or(|last| *last == b'\n') { String::new() } else { "\n".to_owned() };
    Record::Journal(id).write(&mut line);
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    sync_folder(path)?;
    Ok((id, last_written))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
}

fn open_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok(file)
}

/// Opens the file and locks it. Opens it again if a compaction has replaced it, or it was removed, in between.
fn open_locked(path: &Path, kept: Option<File>) -> io::Result<File> {
    let mut file = kept.map_or_else(|| open_file(path), Ok)?;
    loop {
        file.lock()?;
        match fs::metadata(path) {
            Ok(found) if found.ino() == file.metadata()?.ino() => return Ok(file),
            _ => file = open_file(path)?,
        }
    }
}

/// Writes what is sent, and syncs once for all that has been sent meanwhile.
fn write_all(path: &Path, receiver: &Receiver<Append>) {
    let mut kept = None;
    let mut is_failing = false;
    while let Ok(first) = receiver.recv() {
        let batch: Vec<Append> = std::iter::once(first).chain(receiver.try_iter()).collect();
        let lines: String = batch.iter().map(|append| append.lines.as_str()).collect();
        let outcome = write_lines(path, &mut kept, &lines).map_err(|error| error.to_string());
        if let (Err(error), false) = (&outcome, is_failing) {
            tracing::error!(
                error,
                file = %path.display(),
                "could not write the journal of ends: sign-outs and revocations are answered with 503 until it can be \
                 written; free space, or set KEYRACK_JOURNAL to another file or to off"
            );
        }
        is_failing = outcome.is_err();
        for done in batch.into_iter().filter_map(|append| append.done) {
            let _ = done.send(outcome.clone());
        }
    }
}

/// Appends lines and waits until they are on the disk. The lock is released before that: a compaction copies the lines
/// and syncs its own file.
fn write_lines(path: &Path, kept: &mut Option<File>, lines: &str) -> io::Result<()> {
    let mut file = open_locked(path, kept.take())?;
    let size = file.metadata()?.len();
    // A line that a crash has cut off must not damage the next one.
    let mut last = [b'\n'];
    if size > 0 {
        file.read_exact_at(&mut last, size - 1)?;
    }
    if last != [b'\n'] {
        file.write_all(b"\n")?;
    }
    let written = file.write_all(lines.as_bytes());
    file.unlock()?;
    written?;
    file.sync_data()?;
    *kept = Some(file);
    Ok(())
}

/// Rewrites the file without what has expired. Returns its new length.
fn compact_file(path: &Path, now: Timestamp) -> io::Result<u64> {
    let draft_path = path.with_extension(format!("{:08x}", getrandom::u32().map_err(io::Error::other)?));
    let compacted = (|| {
        let mut source = File::open(path)?;
        let mut text = Vec::new();
        source.read_to_end(&mut text)?;
        // A line may be half written.
        let complete = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
        let mut lines = String::new();
        JournalContents::parse(&text[..complete], now).records().for_each(|record| record.write(&mut lines));
        let mut draft = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft_path)?;
        draft.write_all(lines.as_bytes())?;
        draft.sync_all()?;
        let mut file = open_locked(path, None)?;
        if file.metadata()?.ino() != source.metadata()?.ino() {
            return Err(io::Error::other("another process has replaced it"));
        }
        file.seek(SeekFrom::Start(complete as u64))?;
        io::copy(&mut file, &mut draft)?;
        draft.sync_all()?;
        fs::rename(&draft_path, path)?;
        sync_folder(path)?;
        Ok(draft.metadata()?.len())
    })();
    if compacted.is_err() {
        let _ = fs::remove_file(&draft_path);
    }
    compacted
}

#[cfg(test)]
mod tests;
