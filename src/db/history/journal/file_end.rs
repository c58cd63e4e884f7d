//! The end of a journal, by which an earlier state of the file is recognised without reading all of it.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
};

/// Bytes compared: more than a line, each of which has an id and a time of its own.
const COMPARED_BYTES: u64 = 256;

/// The last bytes of the file at some time, and their place.
///
/// Lines are only ever appended, and a compaction makes another file. So as long as a file has these bytes in this place,
/// it has all that stood before them, and an earlier state of it, also one to which lines were added since, has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileEnd {
    file: (u64, u64),
    position: u64,
    bytes: Vec<u8>,
}

impl FileEnd {
    /// Reads the end of a file whose first `length` bytes count.
    pub fn read(file: &File, length: u64) -> io::Result<Self> {
        let position = length.saturating_sub(COMPARED_BYTES);
        let mut bytes = vec![0; usize::try_from(length - position).unwrap_or(0)];
        file.read_exact_at(&mut bytes, position)?;
        Ok(Self { file: identity(&file.metadata()?), position, bytes })
    }

    /// Whether the file has it.
    pub fn is_in(&self, file: &File) -> io::Result<bool> {
        if identity(&file.metadata()?) != self.file {
            return Ok(false);
        }
        let mut found = vec![0; self.bytes.len()];
        match file.read_exact_at(&mut found, self.position) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            read => read.map(|()| found == self.bytes),
        }
    }

    /// Whether the file of this name has it. `false` if that can't be read.
    pub fn is_at(&self, path: &Path) -> bool {
        File::open(path).and_then(|file| self.is_in(&file)).unwrap_or(false)
    }
}

/// What stays the same while a file is renamed, and differs between files.
pub(super) fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}
