//! Notices that a SQLite database file was replaced or removed, or its journal, while connections to it are open.
//!
//! A connection keeps the file that it opened, whatever happens to the name. Without this, a server would go on
//! reading and writing a file that has no name any longer: it would not see what other programs write to the new one,
//! and lose every acknowledged sign-in and end when it stops. SQLite only warns about it in its log.

use std::{
    ffi::OsString,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use parking_lot::Mutex;

use super::kept_file::{FileId, id_of};

/// The database file of one opener.
#[derive(Debug)]
pub(super) struct SqliteFile {
    path: PathBuf,
    state: Mutex<State>,
    created: Instant,
    /// When the files were last found unchanged, in microseconds since `created`.
    unchanged_at: AtomicU64,
}

/// How long a lookup relies on the last comparison. The `stat` call takes a thirtieth of a whole check of a session; on a
/// busy server, most lookups can do without. No end is acknowledged in another file so soon: until it has replaced this
/// one, was opened, and has the end on the disk, more time passes.
const COMPARISON_HOLDS: Duration = Duration::from_micros(200);

#[derive(Debug, Default)]
struct State {
    /// The files that the open connections have; `None` before the first one.
    opened: Option<Arc<OpenedFiles>>,
    /// The folder as it was when the files in it were last compared.
    compared: Option<FolderStamp>,
    /// Whether other content was written to the file that has the name.
    is_overwritten: bool,
    /// Whether the log already says that the file is missing.
    is_missing_logged: bool,
}

/// What happened to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileChange {
    /// There is no database file.
    Missing,
    /// Another database file has its name.
    Replaced,
    /// The database file is the same, but another program has overwritten its content, or that of its `-wal` file.
    Overwritten,
    /// The database file is the same, but its `-wal` or `-shm` file was removed.
    JournalRemoved,
    /// The database file is the same, but another program has already made a new `-wal` or `-shm` file, because the
    /// former one was removed.
    JournalReplaced,
}

/// Logs what happened to the files, what Keyrack does, and what to do.
pub(super) fn log_change(change: FileChange, path: &Path, is_journal_saved: bool) {
    let path = path.display();
    match change {
        FileChange::Missing => tracing::error!(
            "the database file {path} was removed or renamed while Keyrack uses it: requests get 503 until it is \
             back; move it back, or restore a backup"
        ),
        FileChange::Replaced => tracing::error!(
            "another file was moved over the database file {path} while Keyrack uses it: Keyrack now uses the new one, \
             which lacks what was written to the former one since it was copied; stop Keyrack before restoring a backup"
        ),
        FileChange::Overwritten => tracing::error!(
            "the content of the database file {path}, or of its -wal file, was overwritten while Keyrack uses it: Keyrack \
             now uses the new one, which lacks what was written to the former one since it was copied, and may be damaged; \
             run keyrack doctor, and stop Keyrack before restoring a backup"
        ),
        FileChange::JournalRemoved if is_journal_saved => tracing::error!(
            "the -wal or -shm file of {path} was removed while Keyrack uses it: Keyrack has written their content to \
             the database file, and nothing is lost; stop Keyrack before removing files"
        ),
        FileChange::JournalRemoved | FileChange::JournalReplaced => tracing::error!(
            "the -wal or -shm file of {path} was removed while Keyrack uses it: the latest sign-ins and ends may be \
             lost; run keyrack doctor, and stop Keyrack before removing files"
        ),
    }
}

/// The files of an open database.
#[derive(Debug)]
struct OpenedFiles {
    database: FileId,
    wal: (PathBuf, Option<FileId>),
    shm: (PathBuf, Option<FileId>),
    /// The folder of all three; `None` behind a symbolic link, where they lie in two.
    folder: Option<PathBuf>,
    /// Keeps the system from giving the inode's number to another file while it is remembered.
    _pins: Vec<Pin>,
}

impl SqliteFile {
    pub fn new(path: &Path) -> Self {
        let (created, unchanged_at) = (Instant::now(), AtomicU64::new(0));
        Self { path: path.to_owned(), state: Mutex::default(), created, unchanged_at }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the files were found unchanged a moment ago.
    pub fn was_just_unchanged(&self) -> bool {
        let age = self.micros_now().saturating_sub(self.unchanged_at.load(Ordering::Relaxed));
        u128::from(age) < COMPARISON_HOLDS.as_micros()
    }

    fn micros_now(&self) -> u64 {
        u64::try_from(self.created.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Compares the files that have the names now with those that were opened. Costs one `stat` call, of the folder,
    /// or four after names in it have changed.
    pub fn change(&self) -> Option<FileChange> {
        let before = self.micros_now();
        let change = self.compare();
        self.unchanged_at.store(if change.is_none() { before } else { 0 }, Ordering::Relaxed);
        change
    }

    fn compare(&self) -> Option<FileChange> {
        // The lock is not held during the calls, since every thread needs it.
        let (opened, compared) = {
            let state = self.state.lock();
            if state.is_overwritten {
                return Some(FileChange::Overwritten);
            }
            (state.opened.clone()?, state.compared)
        };
        let folder = opened.folder.as_deref().and_then(FolderStamp::read);
        if folder.is_some() && folder == compared {
            return None;
        }
        let change = opened.change(&self.path);
        if change.is_none() && folder.is_some_and(FolderStamp::is_settled) {
            let mut state = self.state.lock();
            if state.opened.as_ref().is_some_and(|present| Arc::ptr_eq(present, &opened)) {
                state.compared = folder;
            }
        }
        change
    }

    /// Remembers the files as those that the connections have, if none are remembered. To be called after a connection
    /// was opened; `before` is the database file from before that.
    ///
    /// # Errors
    /// If the files were exchanged in the meantime, so that the connection may have other ones.
    pub fn note_opened(&self, before: Option<FileId>) -> io::Result<()> {
        let mut state = self.state.lock();
        let is_unchanged = if let Some(opened) = &state.opened {
            before == Some(opened.database) && opened.change(&self.path).is_none()
        } else {
            let opened = OpenedFiles::find(&self.path)?;
            let is_unchanged = before.is_none_or(|before| before == opened.database);
            if is_unchanged {
                state.opened = Some(Arc::new(opened));
            }
            is_unchanged
        };
        if !is_unchanged {
            return Err(io::Error::other("the database file was exchanged while it was being opened"));
        }
        if std::mem::take(&mut state.is_missing_logged) {
            tracing::info!(file = %self.path.display(), "the database file is back");
        }
        Ok(())
    }

    /// Whether the files of open connections are remembered.
    pub fn is_noted(&self) -> bool {
        self.state.lock().opened.is_some()
    }

    /// Records that another program has overwritten the content of the file.
    pub fn note_overwritten(&self) {
        self.state.lock().is_overwritten = true;
    }

    /// The database file that has the name now.
    pub fn present(&self) -> Option<FileId> {
        id(&self.path)
    }

    /// Whether the log has to say that the file is missing: once per outage.
    pub fn note_missing(&self) -> bool {
        !std::mem::replace(&mut self.state.lock().is_missing_logged, true)
    }

    /// Forgets the opened files, and moves the journal files of the former database away from the new one, to which
    /// SQLite would otherwise apply them. Returns the new name of the `-wal` file if there was one.
    pub fn forget(&self) -> io::Result<Option<PathBuf>> {
        let (opened, is_overwritten) = {
            let mut state = self.state.lock();
            state.compared = None;
            (state.opened.take(), std::mem::take(&mut state.is_overwritten))
        };
        let Some(opened) = opened else { return Ok(None) };
        if !is_overwritten && opened.change(&self.path) != Some(FileChange::Replaced) {
            return Ok(None);
        }
        // A symbolic link may lead to another folder now: there the former journal is not in the way.
        let real = self.path.canonicalize()?;
        let mut moved = None;
        for (suffix, (path, former)) in [(SHM, &opened.shm), (WAL, &opened.wal)] {
            if former.is_some() && id(path) == *former && *path == beside(&real, suffix) {
                moved = Some(move_away(path)?);
            }
        }
        Ok(moved)
    }
}

impl OpenedFiles {
    fn find(path: &Path) -> io::Result<Self> {
        // SQLite keeps the journal beside the file that a symbolic link leads to.
        let real = path.canonicalize()?;
        let journal = |suffix: &str| {
            let path = beside(&real, suffix);
            let id = id(&path);
            (path, id)
        };
        let (wal, shm) = (journal(WAL), journal(SHM));
        let pins = [&real, &wal.0, &shm.0].into_iter().filter_map(|path| pin(path)).collect();
        let database = id(path).ok_or(io::ErrorKind::NotFound)?;
        let folder = path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
        let folder = folder.filter(|_| !path.is_symlink()).map(Path::to_owned);
        Ok(Self { database, wal, shm, folder, _pins: pins })
    }

    fn change(&self, path: &Path) -> Option<FileChange> {
        let Some(database) = id(path) else { return Some(FileChange::Missing) };
        if database != self.database {
            return Some(FileChange::Replaced);
        }
        let mut change = None;
        for (path, former) in [&self.wal, &self.shm] {
            match (former, id(path)) {
                (Some(_), None) if change.is_none() => change = Some(FileChange::JournalRemoved),
                (Some(former), Some(present)) if *former != present => change = Some(FileChange::JournalReplaced),
                _ => {}
            }
        }
        change
    }
}

/// How long a folder must have been unchanged before its time of change is relied on. Two changes within one tick of the
/// system's clock have the same time; a tick is 10 ms at most.
const SETTLED_AFTER: Duration = Duration::from_secs(1);

/// What changes whenever a file in a folder is created, removed, or renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FolderStamp {
    folder: FileId,
    changed_at: SystemTime,
}

impl FolderStamp {
    /// The time is that of the last change of the inode. The time of modification is no proof: tar, rsync and other
    /// programs that restore a folder set it back to what it was when the backup was made.
    fn read(path: &Path) -> Option<Self> {
        let folder = std::fs::metadata(path).ok()?;
        let since_epoch = Duration::new(folder.ctime().try_into().ok()?, folder.ctime_nsec().try_into().ok()?);
        Some(Self { folder: id_of(&folder), changed_at: SystemTime::UNIX_EPOCH.checked_add(since_epoch)? })
    }

    /// Whether another change would have another time.
    fn is_settled(self) -> bool {
        SystemTime::now().duration_since(self.changed_at).is_ok_and(|age| age >= SETTLED_AFTER)
    }
}

/// What SQLite appends to the name of a database file for its journal and the index of it.
pub(in crate::db) const WAL: &str = "-wal";
pub(in crate::db) const SHM: &str = "-shm";

/// The path of a file with this suffix beside a database file.
pub(in crate::db) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    PathBuf::from(name)
}

fn id(path: &Path) -> Option<FileId> {
    std::fs::metadata(path).ok().map(|file| id_of(&file))
}

fn move_away(path: &Path) -> io::Result<PathBuf> {
    let mut name = OsString::from(path);
    name.push(".of-replaced-database");
    let mut target = PathBuf::from(&name);
    let mut number = 1;
    while target.exists() {
        number += 1;
        let mut numbered = name.clone();
        numbered.push(format!("-{number}"));
        target = PathBuf::from(numbered);
    }
    std::fs::rename(path, &target)?;
    Ok(target)
}

/// A handle that pins an inode without opening the file: closing an ordinary handle would release SQLite's locks.
#[cfg(target_os = "linux")]
type Pin = std::os::fd::OwnedFd;

#[cfg(target_os = "linux")]
fn pin(path: &Path) -> Option<Pin> {
    use rustix::fs::{Mode, OFlags};
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()
}

/// Other systems have no such handle.
#[cfg(not(target_os = "linux"))]
type Pin = std::convert::Infallible;

#[cfg(not(target_os = "linux"))]
fn pin(_: &Path) -> Option<Pin> {
    None
}

#[cfg(test)]
mod tests;
