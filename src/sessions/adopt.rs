//! Adopt: imports the sessions that an Express application started before Keyrack was installed.
//!
//! The triggers adopt what a peer writes from then on, so an active session is adopted by its next request. This is for
//! sessions without requests.

use super::{
    Sessions,
    queries::{self, DataPage},
};
use crate::{
    db::{DbConnection, Peers},
    error::{Error, Result},
    events::{Source, peers_changed, record},
};

/// Rows of data per page.
const ADOPT_PAGE_ROWS: i64 = 200;

/// The rows of data by class, and what was done about them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Adoption {
    /// Whether the changes were made, rather than only counted.
    pub applied: bool,
    /// Rows of data that a request with their sid would find.
    pub live: usize,
    /// Of these, those that already have a session.
    pub known: usize,
    /// Those that were given a session, or would be.
    pub adopted: usize,
    /// Those without a signed-in user.
    pub without_user: usize,
    /// Those whose `userId` is not a UUID, but a number for example.
    #[serde(rename = "no_uuid")]
    pub user_id_not_uuid: usize,
    /// Those whose user is not in the table `users`.
    pub unknown_user: usize,
    /// Those of users who are disabled: ended, or to be ended. Left out of JSON if there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub disabled: usize,
    /// Those that are not a JSON object.
    pub unreadable: usize,
    /// Those that another transaction was writing; that write adopts them.
    pub busy: usize,
    /// Rows of data that have expired.
    pub expired: usize,
    /// Rows of data that a late write created after their session's end: deleted, or to be deleted.
    #[serde(rename = "returned")]
    pub resurrected: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Sessions {
    /// Gives the live data of known users its sessions, and deletes data written after its session's end. Without
    /// `apply`, it only counts.
    ///
    /// It works in small transactions next to all other writes, and can be stopped and run again at any time. Calls
    /// `progress` after each with the sum so far.
    ///
    /// With `apply`, the sessions that peers write from then on are adopted too, unless the operator has decided that
    /// they are not.
    ///
    /// # Errors
    /// [`Error::Invalid`] on SQLite, which no Express application shares, and with `apply` if `KEYRACK_PEERS` is `none`.
    pub async fn adopt(&self, apply: bool, mut progress: impl FnMut(Adoption)) -> Result<Adoption> {
        if apply {
            self.allow_peers().await?;
        }
        let mut sum = Adoption { applied: apply, ..Adoption::default() };
        let mut after = String::new();
        loop {
            let from = after.clone();
            let classify = move |connection: &mut _| queries::classify_data_after(connection, &from, ADOPT_PAGE_ROWS);
            let page = self.db.read(classify).await?;
            let Some(last) = page.last.clone() else { return Ok(sum) };
            after = last;
            sum.count(&page)?;
            if apply {
                self.adopt_page(page, &mut sum).await?;
            }
            progress(sum);
        }
    }

    /// Lets peers' sessions be adopted from now on, and records it if that is new.
    async fn allow_peers(&self) -> Result<()> {
        let source = self.source.clone().unwrap_or_else(Source::system);
        let now = self.clock.now();
        let allow = move |connection: &mut DbConnection| {
            let event = peers_changed(&source, Peers::None, Peers::Express);
            queries::allow_peers(connection, |connection| record(connection, event, now))
        };
        self.db.transaction(allow).await
    }

    async fn adopt_page(&self, page: DataPage, sum: &mut Adoption) -> Result<()> {
        let DataPage { new, disabled, resurrected, .. } = page;
        if !disabled.is_empty() {
            // Inserts them as ended sessions, so that they don't come alive when their user is enabled.
            self.db.transaction(move |connection| queries::adopt(connection, &disabled)).await?;
        }
        if !new.is_empty() {
            let found = new.len();
            let adopted = self.db.transaction(move |connection| queries::adopt(connection, &new)).await?;
            // The others were deleted meanwhile, or are being written by another transaction.
            let left = found.saturating_sub(adopted);
            sum.adopted -= left;
            sum.busy += left;
        }
        if !resurrected.is_empty() {
            self.db.transaction(move |connection| queries::delete_resurrected(connection, &resurrected)).await?;
        }
        Ok(())
    }
}

impl Adoption {
    fn count(&mut self, page: &DataPage) -> Result<()> {
        let add = |sum: &mut usize, count: i64| -> Result<()> {
            *sum += usize::try_from(count).map_err(Error::internal)?;
            Ok(())
        };
        add(&mut self.live, page.live)?;
        add(&mut self.known, page.known)?;
        add(&mut self.without_user, page.without_user)?;
        add(&mut self.user_id_not_uuid, page.user_id_not_uuid)?;
        add(&mut self.unknown_user, page.unknown_user)?;
        add(&mut self.unreadable, page.unreadable)?;
        add(&mut self.expired, page.expired)?;
        self.adopted += page.new.len();
        self.disabled += page.disabled.len();
        self.resurrected += page.resurrected.len();
        Ok(())
    }
}
