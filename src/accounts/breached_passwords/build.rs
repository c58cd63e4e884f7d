//! Builds a breach file from a list of leaked passwords.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::{
    ListFormat,
    bits::write_bucket,
    header::{BodyChecksum, HEADER_BYTES, Header, MAGIC, Slot},
    key_of,
    list_lines::{InvalidLine, Line, ListLines},
    sorted_keys::{KeySorter, SortedKeys},
};

/// Keys that are sorted in memory at a time: 64 MiB. More go through a temporary file of 8 bytes per line.
const MAX_KEYS_IN_MEMORY: usize = 8 << 20;

/// Bytes that are collected before they are written.
const WRITE_BYTES: usize = 1 << 20;

/// Reports the progress after so many lines.
const LINES_PER_REPORT: u64 = 10_000_000;

/// Why a breach file was not built. An existing file stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The list can't be read.
    #[error("cannot read the list: {0}")]
    Read(io::Error),
    /// A line has another format.
    #[error("line {number} of the list is invalid: {problem}")]
    Line {
        /// The number of the line, from 1.
        number: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The list names no password.
    #[error("the list contains no password; the breach file was not written")]
    Empty,
    /// The file exists, and is no breach file.
    #[error("{} exists and is not a breach file; choose another name, or delete it", .0.display())]
    WouldOverwrite(PathBuf),
    /// The file can't be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The breach file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// What was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct BuildReport {
    /// Lines of the list.
    pub lines: u64,
    /// Lines that name no password, such as empty ones.
    pub skipped: u64,
    /// Different passwords.
    pub entries: u64,
    /// The size of the file.
    pub bytes: u64,
}

/// Builds a breach file.
#[derive(Debug, Clone)]
pub struct BreachFileBuilder {
    path: PathBuf,
    format: ListFormat,
    max_keys_in_memory: usize,
}

impl BreachFileBuilder {
    /// Will write the file `path` from a list with lines of this format.
    pub fn new(path: &Path, format: ListFormat) -> Self {
        Self { path: path.to_owned(), format, max_keys_in_memory: MAX_KEYS_IN_MEMORY }
    }

    /// Keeps fewer keys in memory.
    #[cfg(test)]
    pub(super) fn with_max_keys_in_memory(self, max_keys_in_memory: usize) -> Self {
        Self { max_keys_in_memory, ..self }
    }

    /// Reads the list, in any order and with duplicates, and writes the file beside its place before it is renamed, so
    /// that it is never seen half written. Takes about 100 MiB of memory, and 32 MiB more per billion lines.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(&self, list: impl BufRead, mut report_lines: impl FnMut(u64)) -> Result<BuildReport, BuildError> {
        self.check_target()?;
        let write_error = |source| BuildError::Write { path: self.path.clone(), source };
        let runs = TemporaryFile::create_unnamed(&self.path).map_err(write_error)?;
        let mut sorter = KeySorter::new(runs, self.max_keys_in_memory);
        let mut lines = ListLines::new(list, self.format);
        let mut skipped = 0;
        while let Some(line) = lines.next().map_err(BuildError::Read)? {
            let invalid = |problem: InvalidLine| BuildError::Line { number: lines.count, problem: problem.to_string() };
            match line.map_err(invalid)? {
                Line::Password(hash) => sorter.push(key_of(&hash)).map_err(write_error)?,
                Line::Skipped => skipped += 1,
            }
            if lines.count.is_multiple_of(LINES_PER_REPORT) {
                report_lines(lines.count);
            }
        }
        if skipped == lines.count {
            return Err(BuildError::Empty);
        }
        let keys = sorter.finish().map_err(write_error)?;
        let file = TemporaryFile::create(&self.path).map_err(write_error)?;
        let (entries, bytes) = file.write(keys, &self.path).map_err(write_error)?;
        Ok(BuildReport { lines: lines.count, skipped, entries, bytes })
    }

    /// Checks that nothing else than a breach file would be replaced.
    fn check_target(&self) -> Result<(), BuildError> {
        let mut start = Vec::new();
        match File::open(&self.path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(BuildError::Write { path: self.path.clone(), source }),
            Ok(_) if start == MAGIC => Ok(()),
            Ok(_) => Err(BuildError::WouldOverwrite(self.path.clone())),
        }
    }
}

/// The file while it is written. It is deleted if that fails.
struct TemporaryFile {
    file: File,
    path: PathBuf,
}

impl TemporaryFile {
    /// Creates a file with a random name beside `target`.
    fn create(target: &Path) -> io::Result<Self> {
        let mut name = target.file_name().map(OsString::from).unwrap_or_default();
        name.push(format!(".{:08x}.partial", getrandom::u32().map_err(io::Error::other)?));
        let path = target.with_file_name(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        Ok(Self { file, path })
    }

    /// Creates a file in the same folder that has no name, and vanishes when it is closed.
    fn create_unnamed(target: &Path) -> io::Result<File> {
        Self::create(target)?.file.try_clone()
    }

    /// Writes the keys, and gives the file its name. Returns the number of keys and of bytes.
    fn write(mut self, keys: SortedKeys, target: &Path) -> io::Result<(u64, u64)> {
        let header = write_body(&mut self.file, keys)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header.to_bytes())?;
        self.file.sync_all()?;
        let bytes = self.file.metadata()?.len();
        fs::rename(&self.path, target)?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok((header.entries, bytes))
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // After the file was renamed, there is none of this name.
        let _ = fs::remove_file(&self.path);
    }
}

/// Writes the buckets and the index after the place of the header.
fn write_body(file: &mut File, mut keys: SortedKeys) -> io::Result<Header> {
    file.seek(SeekFrom::Start(HEADER_BYTES))?;
    let mut body =
        Body { out: BufWriter::with_capacity(WRITE_BYTES, file), checksum: BodyChecksum::default(), bytes: 0 };
    let buckets = Header::buckets_for(keys.max_count());
    let (mut entries, mut index) = (0, Vec::new());
    let (mut remainders, mut encoded) = (Vec::new(), Vec::new());
    let mut next = keys.next()?.map(|key| Slot::of(key, buckets));
    for bucket in 0..buckets {
        remainders.clear();
        while let Some(slot) = next.filter(|slot| slot.bucket == bucket) {
            // Different keys may have the same remainder.
            if remainders.last() != Some(&slot.remainder) {
                remainders.push(slot.remainder);
            }
            entries += 1;
            next = keys.next()?.map(|key| Slot::of(key, buckets));
        }
        index.push(body.bytes);
        encoded.clear();
        write_bucket(&remainders, &mut encoded);
        body.write(&encoded)?;
    }
    let bucket_bytes = body.bytes;
    index.push(bucket_bytes);
    for position in index {
        body.write(&position.to_le_bytes())?;
    }
    body.out.flush()?;
    Ok(Header { entries, buckets, bucket_bytes, body_checksum: body.checksum.finish() })
}

/// What follows the header.
struct Body<'a> {
    out: BufWriter<&'a mut File>,
    checksum: BodyChecksum,
    /// Bytes written.
    bytes: u64,
}

impl Body<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.checksum.update(bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}
