//! Reads SQLite's files beside SQLite, without touching its locks.
//!
//! As soon as a process closes any descriptor of a file, POSIX releases all locks that the process has on it, also those
//! of other descriptors (`fcntl(2)`). SQLite keeps a lock on the database file for as long as a connection is open. Without
//! it, the next program that closes its own connection takes itself for the last one, and removes the journal that this
//! process goes on writing to. So a file that was opened here stays open, for the next reader.

use std::{
    collections::BTreeMap,
    fs::{File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::Arc,
};

use parking_lot::Mutex;

/// Device and inode.
pub(in crate::db) type FileId = (u64, u64);

/// All files that were opened. More than one of an inode only if two were exchanged while one was being opened.
static KEPT: Mutex<BTreeMap<FileId, Vec<Arc<File>>>> = Mutex::new(BTreeMap::new());

pub(in crate::db) fn id_of(file: &Metadata) -> FileId {
    (file.dev(), file.ino())
}

/// Opens a file for reading, or returns it if it was opened before. Files that no name leads to any more are closed: SQLite
/// opens no such file, and the connections that still have it are about to be closed.
pub(in crate::db) fn open(path: &Path) -> io::Result<Arc<File>> {
    let mut kept = KEPT.lock();
    kept.retain(|_, files| files.iter().any(|file| file.metadata().is_ok_and(|file| file.nlink() > 0)));
    if let Some(file) = kept.get(&id_of(&std::fs::metadata(path)?)).and_then(|files| files.first()) {
        return Ok(Arc::clone(file));
    }
    let file = Arc::new(File::open(path)?);
    // Kept first: an error must not close it.
    let id = file.metadata().map(|file| id_of(&file));
    kept.entry(id.as_ref().map_or((0, 0), |id| *id)).or_default().push(Arc::clone(&file));
    id.map(|_| file)
}
