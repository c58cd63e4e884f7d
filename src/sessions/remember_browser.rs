//! Makes the browser of a sign-in known to its account.

use std::{net::IpAddr, time::Duration};

use super::{
    browsers::{BrowserIdHash, MAX_BROWSERS_PER_ACCOUNT, MAX_NEW_BROWSERS_PER_DAY, SignInBrowser},
    checked_factor::CheckedFactor,
    queries,
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId},
    error::Result,
    events::{EventKind, NewEvent, Source, log_after_commit, record},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes the browser of a sign-in known to its account. Returns the hash of the id by which the account knows it; `None`
/// if so many browsers became known to it today that this one does not.
///
/// The caller has locked the user, so that the counts stay true until the commit. The failures of a browser that is
/// forgotten are left to the purge.
pub(super) fn remember_browser(
    connection: &mut DbConnection,
    user: UserId,
    session: SessionId,
    browser: &SignInBrowser,
    now: Timestamp,
) -> Result<Option<BrowserIdHash>> {
    if let Some(known) = queries::use_browser(connection, user, browser, session, now)? {
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
    queries::insert_browser(connection, browser, user, session, now)?;
    log_after_commit(queries::browser_event(user, session));
    Ok(Some(browser.new.clone()))
}

/// Lets a known browser sign in without a second factor until then, and records it.
pub(super) fn trust_browser(
    connection: &mut DbConnection,
    (user, session): (UserId, SessionId),
    browser: &BrowserIdHash,
    (now, until): (Timestamp, Timestamp),
    ip_address: Option<IpAddr>,
) -> Result<()> {
    queries::set_trust(connection, (user, session), browser, until)?;
    let event = NewEvent::new(EventKind::BrowserTrusted, &Source::user(ip_address)).user(user).session(session);
    record(connection, event.detail("until", until.to_iso_millis()), now)
}

/// Records that a session needed no second factor since its browser is trusted, and in which session that was said. What has
/// trusted a browser may be another person's: a report of that session ends this one.
pub(super) fn record_use_of_trust(
    connection: &mut DbConnection,
    (user, session): (UserId, SessionId),
    factor: Option<&CheckedFactor>,
    now: Timestamp,
    ip_address: Option<IpAddr>,
) -> Result<()> {
    let Some(CheckedFactor::TrustedBrowser(browser)) = factor else { return Ok(()) };
    let Some(trusted_in) = queries::trusted_in(connection, user, browser)? else { return Ok(()) };
    let event = NewEvent::new(EventKind::BrowserTrustUsed, &Source::user(ip_address)).user(user).session(session);
    record(connection, event.detail("trusted_in", trusted_in.to_string()), now)
}
