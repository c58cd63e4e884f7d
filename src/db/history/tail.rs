//! Writes the ends that the database has to the journal: those of other instances, commands, peers and plain SQL, and
//! those from before the journal existed.

use std::{sync::Arc, time::Duration};

use super::{
    end_store::{EndStore, LostEnds},
    journal::{Durability, Journal},
    progress::Progress,
    record::Record,
};
use crate::{clock::Timestamp, db::DbConnection, error::Result};

/// An end may be committed this long after its own time: transactions take a moment, clocks differ.
///
/// Each pass reads this much again, also the ends of this process, so it is short. Those that came later are found by
/// the passes that read further back.
const OVERLAP: Duration = Duration::from_secs(2);

/// The same for transactions that wait for a lock, and clocks that differ more.
const LONG_OVERLAP: Duration = Duration::from_secs(20);

/// Passes between two looks for those.
const PASSES_PER_LONG_LOOK: u64 = 10;

/// The same for the transactions of an administrator in psql.
const LONGEST_OVERLAP: Duration = Duration::from_secs(600);

/// How long the journal remembers which ends it has: longer than the time that is read again.
const REMEMBERED: Duration = Duration::from_secs(1200);

/// Passes between two looks for the longest transactions.
pub(super) const PASSES_PER_LONGEST_LOOK: u64 = 60;

/// Ends read per statement.
const MAX_ROWS: i64 = 5000;

/// How far the journal has followed the database.
pub(super) struct Tail {
    /// Until when the ends of the database are in the journal; `None` if nothing is known about the time before.
    until: Option<Timestamp>,
    passes: u64,
    progress: Arc<Progress>,
}

impl Tail {
    /// Goes on where the journal says that the process before has stopped.
    pub fn of(journal: &Journal, now: Timestamp, progress: Arc<Progress>) -> Self {
        Self { until: journal.read(now).ok().and_then(|contents| contents.tailed_until), passes: 0, progress }
    }

    /// Whether this pass looks for the ends of the longest transactions.
    pub fn is_longest(&self) -> bool {
        self.passes.is_multiple_of(PASSES_PER_LONGEST_LOOK)
    }

    /// How much of the time before the last pass this one reads again.
    fn overlap(&self) -> Duration {
        if self.is_longest() {
            LONGEST_OVERLAP
        } else if self.passes.is_multiple_of(PASSES_PER_LONG_LOOK) {
            LONG_OVERLAP
        } else {
            OVERLAP
        }
    }

    /// Writes what is new to the journal, and waits until the journal is on the disk.
    ///
    /// A journal that can't be written is no error here: its thread has logged it, and the next pass tries again.
    pub fn follow<S: EndStore>(
        &mut self,
        store: &S,
        connection: &mut DbConnection,
        journal: &Journal,
        now: Timestamp,
    ) -> Result<()> {
        let is_longest = self.is_longest();
        self.progress.end_step();
        // Finds out as well whether the file is still there.
        let is_written = journal.sync().is_ok() && self.rewrite_if_emptied(journal, now);
        if !is_written || !self.copy_ends(store, connection, journal, now)? {
            return Ok(());
        }
        if self.until.is_none() && !self.copy_replaced_sids(store, connection, journal, now)? {
            return Ok(());
        }
        // The lines are on the disk before the one that says that nothing is missing.
        if journal.sync().is_err() {
            return Ok(());
        }
        if is_longest || self.until.is_none() {
            let _ = journal.append(&[Record::Tailed(now)], Durability::Written).wait();
        }
        if is_longest {
            journal.forget_known_before(now - REMEMBERED);
        }
        self.until = Some(now);
        self.passes += 1;
        Ok(())
    }

    /// Restores a file that has lost its content, from memory and then from the database. Returns whether it could be
    /// written.
    fn rewrite_if_emptied(&mut self, journal: &Journal, now: Timestamp) -> bool {
        if journal.take_emptied() {
            tracing::error!(
                file = %journal.path().display(),
                "the journal of ends was removed or emptied while Keyrack uses it: it is written again from memory and \
                 the database; leave the file as it is, also when you restore a backup"
            );
            self.until = None;
        }
        match journal.restore(now) {
            Ok(0) => {}
            Ok(lines) => tracing::warn!(
                lines,
                file = %journal.path().display(),
                "the journal of ends was replaced by an earlier state of itself: its latest lines were written again"
            ),
            Err(_) => return false,
        }
        true
    }

    /// Returns whether all could be written.
    fn copy_ends<S: EndStore>(
        &self,
        store: &S,
        connection: &mut DbConnection,
        journal: &Journal,
        now: Timestamp,
    ) -> Result<bool> {
        let since = self.until.map(|until| until.min(now) - self.overlap());
        let mut after = None;
        loop {
            self.progress.begin_step();
            let page = store.ended_since(connection, since, now, after, MAX_ROWS)?;
            self.progress.end_step();
            after = page.last().map(|last| (last.ended_at, last.id));
            let is_last = is_last_page(page.len());
            if journal.append_unknown(page.into_iter().map(Record::Ended).collect()).is_err() {
                return Ok(false);
            }
            if is_last {
                break;
            }
            journal.forget_known_before(now - REMEMBERED);
        }
        let mut after = None;
        loop {
            self.progress.begin_step();
            let LostEnds { ended, last } = store.lost_ends_since(connection, since, now, after, MAX_ROWS)?;
            self.progress.end_step();
            if journal.append_unknown(ended.into_iter().map(Record::Ended).collect()).is_err() {
                return Ok(false);
            }
            if last.is_none() {
                return Ok(true);
            }
            after = last;
        }
    }

    /// Returns whether all could be written.
    fn copy_replaced_sids<S: EndStore>(
        &self,
        store: &S,
        connection: &mut DbConnection,
        journal: &Journal,
        now: Timestamp,
    ) -> Result<bool> {
        let mut after = None;
        loop {
            self.progress.begin_step();
            let (page, last) = store.replaced_after(connection, now, after, MAX_ROWS)?;
            self.progress.end_step();
            let is_last = is_last_page(page.len());
            if journal.append_unknown(page.into_iter().map(Record::Replaced).collect()).is_err() {
                return Ok(false);
            }
            if is_last {
                return Ok(true);
            }
            after = last;
        }
    }
}

fn is_last_page(rows: usize) -> bool {
    i64::try_from(rows).unwrap_or(MAX_ROWS) < MAX_ROWS
}
