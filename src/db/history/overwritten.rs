//! Notices that the content of a SQLite database file was overwritten in place, as `cp backup.db keyrack.db` does.
//!
//! The name still leads to the same file, so nothing else tells. Open connections would go on with the pages that they
//! remember and with the journal of the former content, and mix both with the new one. The file is only written when
//! the journal is copied into it, about every 1000 pages; after each change of its times or its size, the counts in it
//! are compared with those before. They only grow.

use std::{fs::Metadata, os::unix::fs::MetadataExt, path::Path};

use diesel::{
    QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Nullable, Text},
};

use super::mark::sqlite_position_of;
use crate::{
    db::{DbConnection, connect::opener::Opener},
    error::{Error, Result},
};

/// Reads in a row that must fail until the content counts as overwritten. A read may meet a page that is being written.
const FAILED_READS: u32 = 2;

/// What the watcher knows about the content of the file.
#[derive(Debug, Default)]
pub(super) struct FileContent {
    stamp: Option<FileStamp>,
    counts: Option<Counts>,
    failed_reads: u32,
}

/// What changes whenever the file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileStamp {
    bytes: u64,
    modified_at: (i64, i64),
    changed_at: (i64, i64),
}

impl From<Metadata> for FileStamp {
    fn from(file: Metadata) -> Self {
        Self {
            bytes: file.len(),
            modified_at: (file.mtime(), file.mtime_nsec()),
            changed_at: (file.ctime(), file.ctime_nsec()),
        }
    }
}

/// What the file says without its journal.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
struct Counts {
    /// The commits that ended sessions.
    #[diesel(sql_type = Nullable<Text>)]
    ends: Option<String>,
    /// The security events, deleted ones included.
    #[diesel(sql_type = Nullable<BigInt>)]
    events: Option<i64>,
    /// When the first user existed: another time belongs to another database.
    #[diesel(sql_type = Nullable<Text>)]
    set_up_at: Option<String>,
}

const COUNTS: &str = "SELECT (SELECT value FROM keyrack_settings WHERE name = 'committed_ends') AS ends, \
                          (SELECT seq FROM sqlite_sequence WHERE name = 'security_events') AS events, \
                          (SELECT value FROM keyrack_settings WHERE name = 'set_up_at') AS set_up_at";

impl Counts {
    /// Whether a file with these counts may have got those by being written.
    fn continue_as(&self, later: &Self) -> bool {
        let ends = |counts: &Self| counts.ends.as_ref().and_then(|ends| ends.parse::<i64>().ok()).unwrap_or(0);
        ends(self) <= ends(later)
            && self.events <= later.events
            && (self.set_up_at.is_none() || self.set_up_at == later.set_up_at)
    }
}

impl FileContent {
    /// Whether the file was overwritten since the last call. `position` is the count of commits that ended sessions which
    /// the database is known to have.
    ///
    /// # Errors
    /// If the file can't be read at the moment. The next call tries again.
    pub fn is_overwritten(&mut self, opener: &Opener, position: Option<i64>) -> Result<bool> {
        let Some(path) = opener.path() else { return Ok(false) };
        let Some(stamp) = stamp_of(path) else { return Ok(false) };
        if self.stamp == Some(stamp) {
            return Ok(false);
        }
        let read = || Ok((read_counts(opener)?, read_position(opener)?));
        let (counts, found) = match (read(), &self.counts) {
            (Ok(read), _) => read,
            // The tables may be in the journal only, until it is copied for the first time.
            (Err(_), None) => return Ok(false),
            (Err(error), Some(_)) => {
                self.failed_reads += 1;
                return if self.failed_reads < FAILED_READS { Err(error) } else { Ok(self.forget()) };
            }
        };
        self.failed_reads = 0;
        // Also with the journal: the file may have been overwritten right after the journal was copied into it.
        let is_behind = position.is_some_and(|known| found < known);
        if is_behind || self.counts.as_ref().is_some_and(|former| !former.continue_as(&counts)) {
            return Ok(self.forget());
        }
        (self.stamp, self.counts) = (Some(stamp), Some(counts));
        Ok(false)
    }

    /// Forgets the former content. Returns true.
    fn forget(&mut self) -> bool {
        *self = Self::default();
        true
    }
}

fn stamp_of(path: &Path) -> Option<FileStamp> {
    std::fs::metadata(path).ok().map(FileStamp::from)
}

fn read_counts(opener: &Opener) -> Result<Counts> {
    let mut connection = opener.open_without_journal().map_err(|error| Error::Unavailable(error.into()))?;
    match &mut connection {
        DbConnection::Sqlite(connection) => Ok(diesel::sql_query(COUNTS).get_result(connection)?),
        DbConnection::Postgres(_) => Err(Error::internal("only a SQLite database has a file")),
    }
}

fn read_position(opener: &Opener) -> Result<i64> {
    let mut connection = opener.open_unshared().map_err(|error| Error::Unavailable(error.into()))?;
    sqlite_position_of(&mut connection)
}
