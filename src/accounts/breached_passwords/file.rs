//! Opens a breach file and looks passwords up in it.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{
    bits::bucket_contains,
    hash_of,
    header::{BodyChecksum, HEADER_BYTES, Header, InvalidHeader, Slot},
    key_of,
};
use crate::file_stamp::FileStamp;

/// A bucket has about 700 bytes. A longer one than this is not read.
const MAX_BUCKET_BYTES: u64 = 1 << 20;

/// Bytes that are read at a time to verify the file.
const VERIFY_CHUNK_BYTES: usize = 1 << 20;

/// An open breach file. A lookup reads two places of it, so it need not fit into memory.
///
/// The file is read by position and not mapped into memory: a mapping of a file that another program shortens ends the
/// process, and saves nothing where a lookup precedes or follows a password hash.
#[derive(Debug)]
pub(super) struct BreachFile {
    file: File,
    header: Header,
    path: PathBuf,
    /// Its stamp when it was verified.
    pub stamp: FileStamp,
}

/// Why a file can't be used as a list of leaked passwords.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBreachFile {
    /// It can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// It was not made by `keyrack passwords build`.
    #[error("{} is not a breach file; make one with `keyrack passwords build`", .0.display())]
    Foreign(PathBuf),
    /// It has another format.
    #[error("{} has the format {version}, which this version of Keyrack can't read; build it again", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The number of the format.
        version: u32,
    },
    /// It is incomplete or altered.
    #[error("{} is damaged or incomplete; copy it or build it again", .0.display())]
    Damaged(PathBuf),
}

impl BreachFile {
    /// Opens a file and verifies all of it, so that a damaged one is noticed at once. One that is written meanwhile
    /// counts as damaged.
    pub fn open(path: &Path) -> Result<Self, InvalidBreachFile> {
        let unreadable = |source| InvalidBreachFile::Unreadable { path: path.to_owned(), source };
        let damaged = || InvalidBreachFile::Damaged(path.to_owned());
        // To open a pipe would wait for one who writes to it.
        if !fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(InvalidBreachFile::Foreign(path.to_owned()));
        }
        let mut file = File::open(path).map_err(unreadable)?;
        let stamp = FileStamp::of(&file.metadata().map_err(unreadable)?);
        let mut start = Vec::new();
        file.by_ref().take(HEADER_BYTES).read_to_end(&mut start).map_err(unreadable)?;
        let header = Header::parse(&start).map_err(|invalid| match invalid {
            InvalidHeader::Foreign => InvalidBreachFile::Foreign(path.to_owned()),
            InvalidHeader::Version(version) => InvalidBreachFile::Version { path: path.to_owned(), version },
            InvalidHeader::Damaged => damaged(),
        })?;
        let is_whole = header.file_bytes() == Some(stamp.length())
            && body_checksum(&mut file).map_err(unreadable)? == header.body_checksum
            && FileStamp::of(&file.metadata().map_err(unreadable)?) == stamp;
        if is_whole { Ok(Self { file, header, path: path.to_owned(), stamp }) } else { Err(damaged()) }
    }

    /// The number of passwords in the list.
    pub fn entries(&self) -> u64 {
        self.header.entries
    }

    /// Whether the list contains a password, in Unicode's normal form C. One in a million passwords is found although
    /// the list does not contain it.
    ///
    /// # Errors
    /// If the file can't be read, or was altered after it was opened.
    pub fn contains(&self, password: &str) -> Result<bool, InvalidBreachFile> {
        self.find(key_of(&hash_of(password)))
            .map_err(|source| InvalidBreachFile::Unreadable { path: self.path.clone(), source })?
            .ok_or_else(|| InvalidBreachFile::Damaged(self.path.clone()))
    }

    /// Whether the key is in the file; `None` if its bucket is damaged.
    fn find(&self, key: u64) -> io::Result<Option<bool>> {
        let Slot { bucket, remainder } = Slot::of(key, self.header.buckets);
        let mut range = [0; 2 * size_of::<u64>()];
        self.file.read_exact_at(&mut range, self.header.index_position(bucket))?;
        let (start, end) = range.split_at(range.len() / 2);
        let position = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes).ok();
        let Some((start, end)) = position(start).zip(position(end)) else { return Ok(None) };
        let length =
            end.checked_sub(start).filter(|length| end <= self.header.bucket_bytes && *length <= MAX_BUCKET_BYTES);
        let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else { return Ok(None) };
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, HEADER_BYTES + start)?;
        Ok(bucket_contains(&bytes, remainder))
    }
}

fn body_checksum(file: &mut File) -> io::Result<[u8; 16]> {
    file.seek(SeekFrom::Start(HEADER_BYTES))?;
    let mut checksum = BodyChecksum::default();
    let mut chunk = vec![0; VERIFY_CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(checksum.finish());
        }
        checksum.update(&chunk[..read]);
    }
}
