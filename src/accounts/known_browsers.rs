//! Known browsers: those that have signed in to an account before.
//!
//! Being known lets nobody in. A known browser has a budget of failed sign-ins of its own, so that strangers who guess
//! can't keep the account's owner out.

use std::time::Duration;

use super::{
    Accounts,
    browser_id::{BrowserId, BrowserIdHash},
    queries,
};
use crate::{
    db::{SessionId, UserId},
    error::Result,
};

/// Known browsers of one account; beyond it the least recently used one is forgotten.
pub(super) const MAX_BROWSERS_PER_ACCOUNT: usize = 100;
/// Browsers that become known to one account per day. With the password alone, an attacker would otherwise push the
/// owner's browsers out of the list within minutes.
pub(super) const MAX_NEW_BROWSERS_PER_DAY: usize = 10;
/// How long a browser stays known after its last sign-in: the longest lifetime that browsers give a cookie (RFC
/// 6265bis).
pub(crate) const BROWSER_LIFETIME: Duration = Duration::from_secs(400 * 24 * 60 * 60);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Accounts {
    /// Remembers the browser of a sign-in that has just started `session`. `presented` are the ids in its cookie.
    /// Returns the id for the cookie: the presented one of this account, or a new one; `None` if so many browsers
    /// became known to the account today that this one does not.
    pub(crate) async fn remember_browser(
        &self,
        user: UserId,
        session: SessionId,
        presented: &[BrowserId],
    ) -> Result<Option<BrowserId>> {
        let now = self.clock.now();
        let hashes: Vec<BrowserIdHash> = presented.iter().map(BrowserId::hash).collect();
        let new = BrowserId::random()?;
        let new_hash = new.hash();
        let remembered = self.db.transaction(move |connection| {
            if let Some(known) = queries::use_browser(connection, user, &hashes, session, now)? {
                return Ok(Some(known));
            }
            // Two browsers that become known at the same moment would not count each other.
            queries::lock_account(connection, user)?;
            let browsers = queries::browsers_of(connection, user)?;
            let new_today = browsers.iter().filter(|browser| browser.created_at > now - DAY).count();
            if new_today >= MAX_NEW_BROWSERS_PER_DAY {
                return Ok(None);
            }
            // Ordered by their last use, so that the least recently used ones come first.
            let surplus = (browsers.len() + 1).saturating_sub(MAX_BROWSERS_PER_ACCOUNT);
            let forgotten: Vec<&BrowserIdHash> = browsers.iter().take(surplus).map(|browser| &browser.hash).collect();
            queries::forget_browsers(connection, &forgotten)?;
            queries::insert_browser(connection, &new_hash, user, session, now)?;
            Ok(Some(new_hash.clone()))
        });
        let Some(hash) = remembered.await? else { return Ok(None) };
        Ok(presented.iter().find(|id| id.hash() == hash).cloned().or(Some(new)))
    }
}
