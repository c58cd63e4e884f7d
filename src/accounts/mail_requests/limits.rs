//! How many mails may be asked for: per account, so that strangers can't fill a mailbox, and per browser or network.

use std::{num::NonZeroU32, time::Duration};

use crate::{
    accounts::{
        browser_id::BrowserIdHash,
        email::Email,
        failure_keys::{CountedNetwork, FailureKey, NETWORK_WINDOW, NEW_ADDRESS_WINDOW},
        failures::Failures,
        links::NewLink,
        queries,
    },
    clock::Timestamp,
    db::{DbConnection, UserId, in_savepoint},
    error::{Error, Result},
    mail::{self, MailKind},
};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Links per account that all browsers which it does not know may ask for together, and each of those that it knows: so many
/// within each of these times.
pub(in crate::accounts) const ACCOUNT_LIMITS: [(usize, Duration); 3] =
    [(1, Duration::from_secs(60)), (3, HOUR), (10, HOUR.saturating_mul(24))];

/// Requests of one browser that has signed in to any account, in [`NETWORK_WINDOW`].
pub(in crate::accounts) const MAX_PER_BROWSER: u32 = 10;

/// Requests for new accounts of the whole site, per hour, after which no mail goes to addresses that have none.
pub(crate) const DEFAULT_NEW_ADDRESS_MAILS: NonZeroU32 = NonZeroU32::new(1000).unwrap();

/// Counts a request under the browser, if it has signed in to any account before, or else under its networks. So strangers
/// in the owner's network can't use up what the owner needs. Returns how long to wait if it is one too many.
pub(super) fn admit(
    connection: &mut DbConnection,
    browsers: &[BrowserIdHash],
    networks: &[CountedNetwork],
    now: Timestamp,
) -> Result<Option<Duration>> {
    let counted: Vec<(FailureKey, u32)> = match queries::find_browser(connection, browsers)? {
        Some(browser) => vec![(FailureKey::mails_of_browser(&browser, MAX_PER_BROWSER), MAX_PER_BROWSER)],
        None => networks.iter().map(CountedNetwork::for_mails).collect(),
    };
    let keys: Vec<FailureKey> = counted.into_iter().map(|(key, _)| key).collect();
    count(connection, &keys, NETWORK_WINDOW, now)
}

/// Counts a request for a new account. Returns whether it is one too many for the whole site.
pub(in crate::accounts) fn registrations_are_over_limit(
    connection: &mut DbConnection,
    limit: Option<NonZeroU32>,
    now: Timestamp,
) -> Result<bool> {
    let Some(limit) = limit else { return Ok(false) };
    let keys = [FailureKey::mails_to_new_addresses(limit)];
    Ok(count(connection, &keys, NEW_ADDRESS_WINDOW, now)?.is_some())
}

/// Counts under each of these keys, unless it would be one too many under any. Returns how long to wait then.
fn count(
    connection: &mut DbConnection,
    keys: &[FailureKey],
    window: Duration,
    now: Timestamp,
) -> Result<Option<Duration>> {
    let mut wait = Duration::ZERO;
    // Counted first, which locks the rows: requests at the same moment can't exceed a limit together.
    let admitted = in_savepoint(connection, |connection| {
        queries::count_failure(connection, keys, now)?;
        for key in keys {
            let after: Option<Failures> = queries::find_failures(connection, key)?;
            let used = after.map_or(Duration::ZERO, |after| after.forgotten_at.since(now));
            wait = wait.max(used.saturating_sub(window));
        }
        if wait.is_zero() { Ok(()) } else { Err(Error::Invalid("too many requests".to_owned())) }
    })?;
    match admitted {
        Err(error) if wait.is_zero() => Err(error),
        _ => Ok((!wait.is_zero()).then_some(wait)),
    }
}

/// Whether so many links of this kind were asked for that another one would be too many.
///
/// Beyond the limit of a day, there is one an hour, for as long as a link is good: strangers who use the limit up would
/// otherwise keep the owner, on a browser that the account does not know, from every mail of the day.
pub(super) fn account_is_over_limit(connection: &mut DbConnection, link: &NewLink<'_>, now: Timestamp) -> Result<bool> {
    let Some(requester) = &link.requester else { return Ok(false) };
    let mut asked = |period: Duration| {
        queries::count_requested_links(connection, link.user.id, link.kind.as_str(), requester, now - period)
    };
    let [per_minute, per_hour, (max_per_day, day)] = ACCOUNT_LIMITS;
    for (max, period) in [per_minute, per_hour] {
        if asked(period)? >= max {
            return Ok(true);
        }
    }
    Ok(asked(day)? >= max_per_day && asked(HOUR)? > 0)
}

/// The mails that go to an address which may have no account.
const TO_ADDRESSES: [MailKind; 4] =
    [MailKind::EmailChange, MailKind::AddressTaken, MailKind::Registration, MailKind::AccountExists];

/// Whether an address has got so many mails that another one would be too many, whichever accounts have asked for them.
pub(in crate::accounts) fn address_is_over_limit(
    connection: &mut DbConnection,
    address: &Email,
    now: Timestamp,
) -> Result<bool> {
    for (max, period) in ACCOUNT_LIMITS {
        if mail::count_to_address(connection, address.as_str(), &TO_ADDRESSES, now - period)? >= max {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How long a user has to wait for the next link of this kind; `None` if another one may be made now.
pub(in crate::accounts) fn wait_for_link(
    connection: &mut DbConnection,
    user: UserId,
    kind: MailKind,
    now: Timestamp,
) -> Result<Option<Duration>> {
    let longest = ACCOUNT_LIMITS.iter().map(|(_, period)| *period).max().unwrap_or_default();
    let times = queries::link_times(connection, user, kind.as_str(), now - longest)?;
    let waits = ACCOUNT_LIMITS.into_iter().filter_map(|(max, period)| {
        let first = times.get(max - 1)?;
        Some(period.saturating_sub(now.since(*first))).filter(|wait| !wait.is_zero())
    });
    Ok(waits.max())
}
