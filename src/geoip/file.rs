//! Opens a file in the format `.mmdb`.

use std::{
    fs::File,
    io::{self, Read},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use maxminddb::{MaxMindDbError, Reader, WithinOptions};

use super::{attribution::Attribution, location::Location, record::Record};
use crate::{clock::Timestamp, file_stamp::FileStamp};

/// The largest files that providers sell have a third of it.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// A file in memory. It is not mapped: a mapping of a file that another program shortens ends the process.
pub(super) struct GeoFile {
    reader: Reader<Vec<u8>>,
    pub path: PathBuf,
    /// Its stamp when it was read.
    pub stamp: FileStamp,
    pub attribution: Option<Attribution>,
    /// Whether the log has a warning about what is in it.
    pub has_warned: AtomicBool,
}

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidGeoFile {
    /// It can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// It has another format, or is incomplete.
    #[error(
        "{} is not a complete file in MaxMind's format (.mmdb): {source}; download it again, and unpack it",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: MaxMindDbError,
    },
    /// It is no file, or too large to be held in memory.
    #[error("{} is not a file of at most 1 GiB", .0.display())]
    Unsuitable(PathBuf),
    /// It was written while it was read.
    #[error("{} was changed while it was read; put a complete file in its place by renaming", .0.display())]
    Changing(PathBuf),
}

impl GeoFile {
    /// Reads a file. Its end, where its description stands, and its outline are checked; what single records contain is
    /// found out by lookups.
    pub fn open(path: &Path) -> Result<Self, InvalidGeoFile> {
        let unreadable = |source| InvalidGeoFile::Unreadable { path: path.to_owned(), source };
        let before = std::fs::metadata(path).map_err(unreadable)?;
        // To open a pipe would wait for a writer.
        if !before.is_file() || before.len() > MAX_FILE_BYTES {
            return Err(InvalidGeoFile::Unsuitable(path.to_owned()));
        }
        let mut file = File::open(path).map_err(unreadable)?;
        let stamp = FileStamp::of(&file.metadata().map_err(unreadable)?);
        let mut bytes = Vec::with_capacity(usize::try_from(stamp.length()).unwrap_or(0));
        file.by_ref().take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if FileStamp::of(&file.metadata().map_err(unreadable)?) != stamp {
            return Err(InvalidGeoFile::Changing(path.to_owned()));
        }
        Self::of_bytes(path, stamp, bytes).map_err(|source| InvalidGeoFile::Malformed { path: path.to_owned(), source })
    }

    pub(super) fn of_bytes(path: &Path, stamp: FileStamp, bytes: Vec<u8>) -> Result<Self, MaxMindDbError> {
        let reader = Reader::from_source(bytes)?;
        let metadata = reader.metadata();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let texts = metadata.description.values().chain([&metadata.database_type]).map(String::as_str).chain([name]);
        let attribution = Attribution::of(texts);
        Ok(Self { reader, path: path.to_owned(), stamp, attribution, has_warned: AtomicBool::new(false) })
    }

    /// Adds what the file says about an address.
    ///
    /// # Errors
    /// If the file is damaged there.
    pub fn look_up(&self, address: IpAddr, language: &str, location: &mut Location) -> Result<(), MaxMindDbError> {
        // A file of IPv4 addresses has no others.
        if address.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return Ok(());
        }
        if let Some(record) = self.reader.lookup(address)?.decode::<Record<'_>>()? {
            location.add(&record, language);
        }
        Ok(())
    }

    /// When its provider made it.
    pub fn built_at(&self) -> Timestamp {
        let seconds = self.reader.metadata().build_epoch;
        Timestamp::from_micros(i64::try_from(seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX))
    }

    /// Checks all of it: every record is read. The check of the crate is stricter about the description, which is empty in
    /// files that others have packed anew.
    pub fn verify(&self) -> Result<(), InvalidGeoFile> {
        let nodes = usize::try_from(self.reader.metadata().node_count).unwrap_or(usize::MAX);
        let read_all = || {
            let mut networks = self.reader.networks(WithinOptions::default())?;
            // Each node has two ends. A tree whose branches meet again would have more paths than anyone can walk.
            for found in networks.by_ref().take(nodes.saturating_mul(2).saturating_add(1)) {
                found?.decode::<Record<'_>>()?;
            }
            Ok(networks.next().is_some())
        };
        let malformed = |source| InvalidGeoFile::Malformed { path: self.path.clone(), source };
        if read_all().map_err(malformed)? {
            return Err(malformed(MaxMindDbError::invalid_database("the branches of its search tree meet again")));
        }
        Ok(())
    }
}
