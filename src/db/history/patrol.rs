//! Looks at all ends of the journal, some per pass, whether they still hold.
//!
//! Rows that come back one by one, as by `DELETE` and `COPY` in place of a restore, change neither the server nor the files
//! of the tables. That the latest ends hold proves little then: those of sessions that started after the backup was made
//! have no row that could come back.

use std::time::{Duration, Instant};

use super::journal::Journal;
use crate::{clock::Timestamp, db::SessionId};

/// Ends looked at per pass, so once per second, beside the latest ones.
const MAX_PER_PASS: usize = 200;

/// How often the journal is read for this at most.
const ROUND_INTERVAL: Duration = Duration::from_secs(10);

/// Ends that are younger may not be committed yet.
const MIN_AGE: Duration = Duration::from_secs(60);

/// The ends of one round that were not looked at yet.
#[derive(Debug, Default)]
pub(super) struct Patrol {
    left: Vec<SessionId>,
    began_at: Option<Instant>,
}

impl Patrol {
    /// The sessions of the next ends. Begins another round after the last one.
    pub fn next(&mut self, journal: &Journal, now: Timestamp) -> Vec<SessionId> {
        if self.left.is_empty() && self.began_at.is_none_or(|began_at| began_at.elapsed() >= ROUND_INTERVAL) {
            self.began_at = Some(Instant::now());
            // A journal that can't be read is noticed elsewhere.
            self.left = journal.read(now).map_or_else(|_| Vec::new(), |contents| contents.ended_before(now - MIN_AGE));
        }
        self.left.split_off(self.left.len().saturating_sub(MAX_PER_PASS))
    }
}
