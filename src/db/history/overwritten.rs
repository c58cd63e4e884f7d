//! Notices that the content of a SQLite database file was overwritten in place, as `cp backup.db keyrack.db` does.
//!
//! The name still leads to the same file, so nothing else tells. Open connections would go on with the pages that they
//! remember and with the journal of the former content, and mix both with the new one.
//!
//! SQLite writes to the file in checkpoints only, which copy the journal into it, and it counts the copied pages in the
//! journal's index, before and after. Pages that differ although no checkpoint has run were written by another program.
//! Where a checkpoint has run since the last look, they prove nothing: that another state is older is then taken as a proof
//! only if the journal has nothing that the file lacks, since what is taken for overwritten loses its journal.
//!
//! A journal that lacks pages which its index has was emptied, or overwritten by an earlier state of itself. Every read of
//! what it lacks fails until another journal is begun. A commit after that makes it as long as before, with a hole.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use diesel::{QueryableByName, RunQueryDsl, sql_types::BigInt};

use super::mark::sqlite_position_of;
use crate::{
    db::{
        DbConnection,
        connect::{
            kept_file::{self, FileId, id_of},
            opener::Opener,
            sqlite_file::{SHM, WAL, beside},
        },
    },
    error::{Error, Result},
};

/// What the watcher knows about the content of the file.
#[derive(Debug, Default)]
pub(super) struct FileContent {
    /// The pages that are compared. Each sign-in and each end changes one of them.
    compared: Vec<u32>,
    /// What was found when no checkpoint was running.
    seen: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    stamp: FileStamp,
    checkpoint: Checkpoint,
    pages: Vec<Vec<u8>>,
    journal: Journal,
}

/// The journal beside its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Journal {
    /// It has the pages that its index has. The last one is `None` if there are none.
    Whole(Option<LastPage>),
    /// It lacks some of them. So it may be after a crash, until the database is opened.
    Holed,
}

/// The last page of a journal, which stays where it is until the journal begins again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LastPage {
    number: u32,
    header: [u8; PAGE_HEADER],
}

/// What changes whenever the content of the file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileStamp {
    /// Another file is not the same one with other content.
    file: FileId,
    bytes: u64,
    modified_at: (i64, i64),
}

impl From<Metadata> for FileStamp {
    fn from(file: Metadata) -> Self {
        Self { file: id_of(&file), bytes: file.len(), modified_at: (file.mtime(), file.mtime_nsec()) }
    }
}

/// How far the journal was copied into the file, as its index tells
/// (<https://sqlite.org/walformat.html#the_wal_index_file_format>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Checkpoint {
    /// Changes when the journal begins again.
    salt: u64,
    copied: u32,
}

/// The bytes before the first page of a journal, and those before each page
/// (<https://sqlite.org/fileformat2.html#wal_file_format>).
const JOURNAL_HEADER: usize = 32;
const PAGE_HEADER: usize = 24;

/// What a journal, its pages and its index have in common until it begins again.
fn salt_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |salt, byte| salt << 8 | u64::from(*byte))
}

/// The index of a journal at one moment.
struct JournalIndex {
    checkpoint: Checkpoint,
    /// Pages that were to be copied by the last checkpoint. More than were copied while it runs, or if it was interrupted.
    attempted: u32,
    /// Pages in the journal.
    pages: u32,
    /// 0 until something was written to the journal.
    page_size: u32,
}

impl JournalIndex {
    const BYTES: usize = 132;

    fn read(file: &File) -> io::Result<Self> {
        let mut index = [0; Self::BYTES];
        file.read_exact_at(&mut index, 0)?;
        // A header that is being written is not equal to its copy yet.
        if index[..48] != index[48..96] {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let number = |at: usize| u32::from_ne_bytes([index[at], index[at + 1], index[at + 2], index[at + 3]]);
        let page_size = u16::from_ne_bytes([index[14], index[15]]);
        Ok(Self {
            checkpoint: Checkpoint { salt: salt_of(&index[32..40]), copied: number(96) },
            attempted: number(128),
            pages: number(16),
            page_size: if page_size == 1 { 65_536 } else { u32::from(page_size) },
        })
    }

    /// The length that the journal has at least.
    fn journal_bytes(&self) -> u64 {
        if self.pages == 0 { 0 } else { self.page_at(u64::from(self.pages) + 1) }
    }

    /// Where a page begins in the journal, with its header. The first one has the number 1.
    fn page_at(&self, number: u64) -> u64 {
        JOURNAL_HEADER as u64 + (number - 1) * (PAGE_HEADER as u64 + u64::from(self.page_size))
    }

    /// Compares the journal with this index. Pages are in the journal before they are in its index, and `last_seen` is one
    /// that it had when it had the same salt.
    fn compare(&self, journal: &File, last_seen: Option<LastPage>) -> io::Result<Journal> {
        if self.pages == 0 {
            return Ok(Journal::Whole(None));
        }
        if journal.metadata()?.len() < self.journal_bytes() {
            return Ok(Journal::Holed);
        }
        let (mut start, mut header) = ([0; JOURNAL_HEADER], [0; PAGE_HEADER]);
        journal.read_exact_at(&mut start, 0)?;
        journal.read_exact_at(&mut header, self.page_at(self.pages.into()))?;
        let last = LastPage { number: self.pages, header };
        let mut is_whole = [salt_of(&start[16..24]), salt_of(&header[8..16])] == [self.checkpoint.salt; 2];
        if let Some(seen) = last_seen.filter(|seen| seen.number <= self.pages) {
            journal.read_exact_at(&mut header, self.page_at(seen.number.into()))?;
            is_whole &= header == seen.header;
        }
        Ok(if is_whole { Journal::Whole(Some(last)) } else { Journal::Holed })
    }

    fn is_checkpoint_running(&self) -> bool {
        self.attempted != self.checkpoint.copied
    }
}

/// Found at one moment, when no checkpoint was running.
struct Look {
    seen: Seen,
    /// Whether the file has all that is in the journal.
    is_complete: bool,
}

impl FileContent {
    /// Whether the file was overwritten since the last call. Takes two small reads, and more of them only after the file
    /// was written. `position` is the count of commits that ended sessions which the database is known to have.
    ///
    /// # Errors
    /// If the file can't be read at the moment. The next call tries again.
    pub fn is_overwritten(&mut self, opener: &Opener, position: Option<i64>) -> Result<bool> {
        let Some(path) = opener.path() else { return Ok(false) };
        // Without an index, the database is not open. That other files have the names is noticed elsewhere.
        let Ok(Some(look)) = self.look(path) else { return Ok(false) };
        let found = &look.seen;
        let is_overwritten = match &self.seen {
            Some(seen) if seen.stamp.file == found.stamp.file && found.journal == Journal::Holed => {
                seen.journal != Journal::Holed
            }
            // The database was opened since, or nothing would be compared.
            None if found.journal == Journal::Holed && !self.compared.is_empty() => true,
            Some(seen) if seen.stamp == found.stamp => false,
            Some(seen) if seen.stamp.file != found.stamp.file => false,
            Some(seen) if seen.checkpoint == found.checkpoint && seen.pages != found.pages => true,
            _ => !has_header(&found.pages) || (look.is_complete && is_behind(opener, position)?),
        };
        if is_overwritten {
            *self = Self::default();
            return Ok(true);
        }
        self.seen = Some(look.seen);
        Ok(false)
    }

    /// Reads what is compared, `None` if a checkpoint is running.
    fn look(&self, path: &Path) -> io::Result<Option<Look>> {
        let (file, index) = (kept_file::open(path)?, kept_file::open(&index_of(path)?)?);
        let before = JournalIndex::read(&index)?;
        let stamp = FileStamp::from(file.metadata()?);
        let page_size = if before.page_size == 0 { page_size_of(&file)? } else { before.page_size };
        let pages = match &self.seen {
            Some(seen) if seen.stamp == stamp => seen.pages.clone(),
            _ => self.compared.iter().map(|page| read_page(&file, *page, page_size)).collect::<io::Result<_>>()?,
        };
        let last_seen = self.seen.as_ref().and_then(|seen| match seen.journal {
            Journal::Whole(last) if seen.checkpoint.salt == before.checkpoint.salt => last,
            Journal::Whole(_) | Journal::Holed => None,
        });
        let journal = before.compare(&*kept_file::open(&beside(&path.canonicalize()?, WAL))?, last_seen)?;
        let after = JournalIndex::read(&index)?;
        if journal == Journal::Holed && before.checkpoint.salt == after.checkpoint.salt && before.pages <= after.pages {
            // A checkpoint can't be completed then.
            let seen = Seen { stamp, checkpoint: after.checkpoint, pages, journal };
            return Ok(Some(Look { seen, is_complete: false }));
        }
        if journal == Journal::Holed
            || before.is_checkpoint_running()
            || after.is_checkpoint_running()
            || before.checkpoint != after.checkpoint
        {
            return Ok(None);
        }
        let seen = Seen { stamp, checkpoint: after.checkpoint, pages, journal };
        Ok(Some(Look { seen, is_complete: after.checkpoint.copied == after.pages }))
    }

    /// Finds the pages that are compared: the first one, and those of the counts of ends and events. A checkpoint that was
    /// interrupted is completed, because it looks like one that is running.
    pub fn prepare(&mut self, connection: &mut DbConnection, opener: &Opener) -> Result<()> {
        let Some(path) = opener.path() else { return Ok(()) };
        let roots = match connection {
            DbConnection::Sqlite(connection) => diesel::sql_query(ROOT_PAGES).load::<RootPage>(connection)?,
            DbConnection::Postgres(_) => return Ok(()),
        };
        let compared = [1].into_iter().chain(roots.iter().filter_map(|root| u32::try_from(root.page).ok())).collect();
        if self.compared == compared && self.seen.is_some() {
            return Ok(());
        }
        (self.compared, self.seen) = (compared, None);
        let index = index_of(path).and_then(|index| JournalIndex::read(&*kept_file::open(&index)?));
        if index.is_ok_and(|index| index.is_checkpoint_running()) {
            connection.checkpoint();
        }
        Ok(())
    }
}

const ROOT_PAGES: &str = "SELECT rootpage AS page FROM sqlite_schema \
                          WHERE name IN ('keyrack_settings', 'sqlite_sequence') ORDER BY name";

#[derive(QueryableByName)]
struct RootPage {
    #[diesel(sql_type = BigInt)]
    page: i64,
}

/// The file of the journal's index. SQLite keeps it beside the file that a symbolic link leads to.
fn index_of(path: &Path) -> io::Result<PathBuf> {
    Ok(beside(&path.canonicalize()?, SHM))
}

/// The size of the pages, as the first one of the file tells.
fn page_size_of(file: &File) -> io::Result<u32> {
    let first = read_page(file, 1, 100)?;
    let size = first.get(16..18).map_or(0, |size| u16::from_be_bytes([size[0], size[1]]));
    Ok(if size == 1 { 65_536 } else { u32::from(size) })
}

/// Reads a page, or what there is of it in a file that ends before.
fn read_page(file: &File, number: u32, page_size: u32) -> io::Result<Vec<u8>> {
    let mut page = vec![0; page_size as usize];
    let mut filled = 0;
    while filled < page.len() {
        let at = u64::from(number - 1) * u64::from(page_size) + filled as u64;
        match file.read_at(&mut page[filled..], at) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    page.truncate(filled);
    Ok(page)
}

/// Whether the first page begins like that of a database with a write-ahead log. SQLite turns one on or off only for a
/// program that has the database to itself.
fn has_header(pages: &[Vec<u8>]) -> bool {
    pages.first().is_none_or(|first| first.starts_with(b"SQLite format 3\0") && first.get(18..20) == Some(&[2, 2]))
}

/// Whether the database lacks ends that it is known to have had.
fn is_behind(opener: &Opener, position: Option<i64>) -> Result<bool> {
    let Some(known) = position else { return Ok(false) };
    let Some(path) = opener.path() else { return Ok(false) };
    let mut connection = opener.open_unshared(path).map_err(|error| Error::Unavailable(error.into()))?;
    Ok(sqlite_position_of(&mut connection)? < known)
}

#[cfg(test)]
mod tests;
