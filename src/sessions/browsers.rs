//! Known browsers: those that have signed in to an account before. A sign-in makes its browser known, in the transaction
//! that starts the session.
//!
//! Being known lets no one in. A known browser has a budget of failed sign-ins of its own, so that strangers who guess
//! can't keep the account's owner out.

use std::time::Duration;

use super::queries;
use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId},
    error::Result,
};

/// Known browsers of one account; beyond it the least recently used one is forgotten.
pub(crate) const MAX_BROWSERS_PER_ACCOUNT: usize = 100;
/// Browsers that become known to one account per day. With the password alone, an attacker would otherwise push the
/// owner's browsers out of the list within minutes.
pub(crate) const MAX_NEW_BROWSERS_PER_DAY: usize = 10;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The hash of a browser's id, as the database keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BrowserIdHash(pub(crate) String);

impl BrowserIdHash {
    /// Makes a hash from trusted text: of a row, or of a cookie's id whose signature has been verified.
    pub fn from_trusted(hash: &str) -> Self {
        Self(hash.to_owned())
    }

    /// The hash in base64url.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The browser of a sign-in.
#[derive(Debug, Clone)]
pub struct SignInBrowser {
    /// The hashes of the ids in its cookie.
    pub presented: Vec<BrowserIdHash>,
    /// The hash of the id that it gets if the account knows none of these.
    pub new: BrowserIdHash,
}

/// Makes the browser of a sign-in known to its account. Returns the hash of the id by which the account knows it; `None`
/// if so many browsers became known to it today that this one does not.
///
/// The caller has locked the user, so that the counts stay true until the commit. The failures of a browser that is
/// forgotten are left to the purge.
pub(super) fn remember(
    connection: &mut DbConnection,
    user: UserId,
    session: SessionId,
    browser: &SignInBrowser,
    now: Timestamp,
) -> Result<Option<BrowserIdHash>> {
    if let Some(known) = queries::use_browser(connection, user, &browser.presented, session, now)? {
        return Ok(Some(known));
    }
    let known = queries::browsers_of(connection, user)?;
    let new_today = known.iter().filter(|known| known.created_at > now - DAY).count();
    if new_today >= MAX_NEW_BROWSERS_PER_DAY {
        return Ok(None);
    }
    // Ordered by their last use, so that the least recently used ones come first.
    let surplus = (known.len() + 1).saturating_sub(MAX_BROWSERS_PER_ACCOUNT);
    queries::delete_browsers(connection, known.iter().take(surplus).map(|known| &known.hash))?;
    queries::insert_browser(connection, &browser.new, user, session, now)?;
    Ok(Some(browser.new.clone()))
}
