//! The file of a journal: opening, appending, compacting. Several processes may use one file; each change happens under
//! a lock on it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::{
    super::record::{JournalContents, Record},
    file_end::{FileEnd, identity},
};
use crate::clock::Timestamp;

/// The file, and the name of the journal in it.
#[derive(Debug)]
pub(super) struct JournalFile {
    path: PathBuf,
    /// The name of the journal, by which other instances know it.
    id: Uuid,
    /// The file that was written last.
    kept: Option<File>,
    /// Whether a file without content, and so without the lines of the one before, has been found in its place.
    is_emptied: bool,
}

impl JournalFile {
    /// Opens the file, creates it if it is missing, and gives the journal a name if it has none.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = open_locked(path, None)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let named = JournalContents::parse(&text, Timestamp::MIN).journal;
        let id = named.unwrap_or_else(Uuid::new_v4);
        if named.is_none() {
            let mut line = if text.last().is_none_or(|last| *last == b'\n') { String::new() } else { "\n".to_owned() };
            Record::Journal(id).write(&mut line);
            file.write_all(line.as_bytes())?;
            file.sync_all()?;
            sync_folder(path)?;
        }
        Ok(Self { path: path.to_owned(), id, kept: None, is_emptied: false })
    }

    pub fn id(&self) -> Uuid {
        self.id
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends lines. They survive the end of this process, and after [`JournalFile::sync`] a crash of the machine.
    ///
    /// Then raises `seen`, the end of the file that was seen last, unless the file does not have it: some lines may be
    /// lost, and [`Journal::restore`](super::Journal::restore) is to find out which.
    ///
    /// Returns `false` if the file has lost all that it had: it was removed or emptied.
    pub fn append(&mut self, lines: &str, seen: &mut Option<FileEnd>) -> io::Result<bool> {
        let mut file = open_locked(&self.path, self.kept.take())?;
        let size = file.metadata()?.len();
        let has_seen = match seen {
            Some(seen) => seen.is_in(&file)?,
            None => true,
        };
        if size == 0 {
            let mut line = String::new();
            Record::Journal(self.id).write(&mut line);
            file.write_all(line.as_bytes())?;
            // Another file has this name now.
            sync_folder(&self.path)?;
            self.is_emptied = true;
        } else {
            // A line that a crash has cut off must not damage the next one.
            let mut last = [b'\n'];
            file.read_exact_at(&mut last, size - 1)?;
            if last != [b'\n'] {
                file.write_all(b"\n")?;
            }
        }
        file.write_all(lines.as_bytes())?;
        if has_seen && !lines.is_empty() {
            *seen = Some(FileEnd::read(&file, file.metadata()?.len())?);
        }
        file.unlock()?;
        self.kept = Some(file);
        Ok(!std::mem::take(&mut self.is_emptied))
    }

    /// Waits until the appended lines are on the disk. No lock is needed: a compaction copies the lines and syncs its own
    /// file.
    pub fn sync(&mut self) -> io::Result<()> {
        match &self.kept {
            Some(file) => file.sync_data(),
            None => Ok(()),
        }
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Gives a file that root has made, with a command, to the user who has the folder: the server runs as that user. SQLite
/// does the same with its journals. If it fails, the server warns that it can't write to the file.
fn give_to_owner_of_folder(file: &File, path: &Path) {
    if rustix::process::geteuid().is_root()
        && let Ok(owner) = fs::metadata(folder_of(path))
    {
        let _ = std::os::unix::fs::fchown(file, Some(owner.uid()), Some(owner.gid()));
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    let is_new = !path.exists();
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    if is_new {
        give_to_owner_of_folder(&file, path);
    }
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
            Ok(found) if identity(&found) == identity(&file.metadata()?) => return Ok(file),
            _ => file = open_file(path)?,
        }
    }
}

/// Rewrites the file without what has expired. Returns its new length. Writers wait only while the lines that they have
/// added meanwhile are copied. A crash leaves the old file or the new one.
pub(super) fn compact(path: &Path, now: Timestamp) -> io::Result<u64> {
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
        give_to_owner_of_folder(&draft, path);
        draft.write_all(lines.as_bytes())?;
        draft.sync_all()?;
        let mut file = open_locked(path, None)?;
        if identity(&file.metadata()?) != identity(&source.metadata()?) {
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
