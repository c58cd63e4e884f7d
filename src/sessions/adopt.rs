//! Adopt: giving the sessions that an Express application had before Keyrack came their place in the list of devices.
//!
//! What a peer writes from then on, the triggers see to; and whoever is active is adopted by their next request. This is for
//! those who are not.

use super::{
    Sessions,
    queries::{self, Judged},
};
use crate::error::{Error, Result};

/// How many rows of data one transaction looks at.
const BATCH: i64 = 200;

/// What the rows of data are, and what was done about them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Adoption {
    /// Whether anything was done.
    pub applied: bool,
    /// Rows of data that a request with their sid would find.
    pub live: usize,
    /// Of these, those that have their session already.
    pub known: usize,
    /// Those that were given theirs, or would be.
    pub adopted: usize,
    /// Those that nobody has signed in to.
    pub without_user: usize,
    /// Those whose `userId` is no UUID, as a number.
    pub no_uuid: usize,
    /// Those whose user is not in the table `users`.
    pub unknown_user: usize,
    /// Those that are no JSON object.
    pub unreadable: usize,
    /// Those that somebody was writing just then; their own write adopts them.
    pub busy: usize,
    /// Rows of data that have run out.
    pub expired: usize,
    /// Rows of data whose session has ended, brought back by a late write: removed, or to be.
    pub returned: usize,
}

impl Sessions {
    /// Gives the live data of each known user its session, and removes data that came back after its session's end; without
    /// `apply`, only counts.
    ///
    /// It works in small transactions beside whoever else is writing, and can be ended and run again at any time. Calls
    /// `progress` after each with the sum so far.
    ///
    /// # Errors
    /// [`Error::Invalid`] on SQLite, which no Express application shares.
    pub async fn adopt(&self, apply: bool, mut progress: impl FnMut(Adoption)) -> Result<Adoption> {
        let mut sum = Adoption { applied: apply, ..Adoption::default() };
        let mut after = String::new();
        loop {
            let from = after.clone();
            let judged = self.db.read(move |connection| queries::judge_data_after(connection, &from, BATCH)).await?;
            let Some(last) = judged.last.clone() else { return Ok(sum) };
            after = last;
            sum.count(&judged)?;
            if apply {
                self.adopt_batch(judged, &mut sum).await?;
            }
            progress(sum);
        }
    }

    async fn adopt_batch(&self, judged: Judged, sum: &mut Adoption) -> Result<()> {
        let Judged { new, returned, .. } = judged;
        if !new.is_empty() {
            let wanted = new.len();
            let adopted = self.db.transaction(move |connection| queries::adopt(connection, &new)).await?;
            // Some are gone by now, and some in somebody's hands.
            let left = wanted.saturating_sub(adopted);
            sum.adopted -= left;
            sum.busy += left;
        }
        if !returned.is_empty() {
            self.db.transaction(move |connection| queries::delete_returned(connection, &returned)).await?;
        }
        Ok(())
    }
}

impl Adoption {
    fn count(&mut self, judged: &Judged) -> Result<()> {
        let add = |sum: &mut usize, count: i64| -> Result<()> {
            *sum += usize::try_from(count).map_err(Error::internal)?;
            Ok(())
        };
        add(&mut self.live, judged.live)?;
        add(&mut self.known, judged.known)?;
        add(&mut self.without_user, judged.without_user)?;
        add(&mut self.no_uuid, judged.no_uuid)?;
        add(&mut self.unknown_user, judged.unknown_user)?;
        add(&mut self.unreadable, judged.unreadable)?;
        add(&mut self.expired, judged.expired)?;
        self.adopted += judged.new.len();
        self.returned += judged.returned.len();
        Ok(())
    }
}
