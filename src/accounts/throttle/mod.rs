//! Throttles sign-ins: failures per account, per known browser and per client network (ASVS 6.3.1).
//!
//! Strangers, which are all browsers that have not signed in to an account before, share one budget per account. A
//! known browser has its own, so that no number of guesses keeps the owner from signing in on it. Only new sign-ins are
//! refused: whoever is signed in stays so. The counts are in the database; `docs/throttling.md` has the numbers.
//!
//! | module | contents |
//! |---|---|
//! | `lines` | attempts on one account that wait for each other |
//! | `reservations` | attempts in flight, which count as failures until they end |
//! | `accounts::failures` | one count, and the delay that follows from it |
//! | `accounts::failure_keys` | under which keys failures are counted |

mod lines;
mod reservations;

use std::time::Duration;

use super::{
    browser_id::BrowserIdHash,
    client_network::ClientNetwork,
    email::Email,
    failure_keys::{Buckets, CountedNetwork, FailureKey},
    failures::{FIRST_DELAY, Failures, MAX_DELAY},
    queries::{SignInKey, SignInRecord},
};
use crate::{clock::Timestamp, error::Result};
use lines::{InLine, Lines};
use reservations::{Reservation, Reservations};

/// The limits of one process over the counts that it shares with others.
#[derive(Debug, Clone)]
pub(super) struct Throttle {
    buckets: Buckets,
    lines: Lines,
    reservations: Reservations,
}

/// Who tries to sign in, as the throttle counts it.
#[derive(Debug)]
pub(super) struct Attempt {
    /// Counts strangers' attempts in flight on one account, and their failures if there is no such account.
    typed: FailureKey,
    browsers: Vec<BrowserIdHash>,
    networks: Vec<CountedNetwork>,
    reservation: Reservation,
    /// Dropped after the reservation, so that the next attempt in the line finds it gone.
    _in_line: Option<InLine>,
}

/// Why an attempt is refused without checking its password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It may be repeated after this time.
    Wait(Duration),
    /// Strangers have used up the account's budget.
    StrangersLocked,
}

impl Refusal {
    /// What `Retry-After` says where no time is known: the longest wait between two attempts.
    pub const LOCKED_RETRY_AFTER: Duration = MAX_DELAY;
}

impl Throttle {
    /// Shares its buckets with all instances that have the same secret.
    pub fn new(secret: &str) -> Self {
        Self { buckets: Buckets::new(secret), lines: Lines::default(), reservations: Reservations::default() }
    }

    /// Has buckets of its own, for a program that serves no sign-ins.
    pub fn alone() -> Self {
        Self { buckets: Buckets::random(), lines: Lines::default(), reservations: Reservations::default() }
    }

    /// Begins an attempt, before the counts are looked up.
    ///
    /// # Errors
    /// A refusal if too many strangers try this account at the same time. A browser that presents an id does not wait
    /// for them.
    pub async fn begin(
        &self,
        typed: &str,
        browsers: Vec<BrowserIdHash>,
        client: Option<ClientNetwork>,
    ) -> Result<Attempt, Refusal> {
        let typed = self.buckets.unknown(typed);
        let in_line = if browsers.is_empty() {
            Some(self.lines.enter(&typed).await.ok_or(Refusal::Wait(FIRST_DELAY))?)
        } else {
            None
        };
        let networks = client.map(|client| self.buckets.networks(client)).unwrap_or_default();
        let of_networks = networks.iter().map(|network| network.key.clone());
        let of_browsers = browsers.iter().map(FailureKey::browser);
        let keys = of_networks.chain(of_browsers).chain([typed.clone()]);
        let reservation = self.reservations.reserve(keys);
        Ok(Attempt { typed, browsers, networks, reservation, _in_line: in_line })
    }

    /// A number that is always the same for what was typed and can't be guessed.
    pub fn number_of(&self, typed: &str) -> u64 {
        self.buckets.number_of("hash cost", typed.as_bytes())
    }
}

impl Attempt {
    /// The key for looking up the user together with the counts.
    pub fn lookup_key(&self, email: Email) -> SignInKey {
        SignInKey {
            email,
            unknown: self.typed.as_str().to_owned(),
            browsers: self.browsers.clone(),
            networks: self.networks.iter().map(|network| network.key.as_str().to_owned()).collect(),
        }
    }

    /// Decides whether the password may be checked. An attempt that may go on keeps only the reservations of its own
    /// line, a stranger's or a known browser's.
    pub fn admit(&mut self, record: &SignInRecord, now: Timestamp) -> Result<(), Refusal> {
        if let Some(browser) = &record.browser {
            let key = FailureKey::browser(browser);
            let delay = Failures::delay(record.failures(&key), self.reservation.others(&key), now);
            wait_for(delay)?;
            self.reservation.keep_only(&[&key]);
            return Ok(());
        }
        let failures = record.failures(&self.account_key(record));
        if failures.is_some_and(Failures::is_exhausted) {
            return Err(Refusal::StrangersLocked);
        }
        let of_account = Failures::delay(failures, self.reservation.others(&self.typed), now);
        let of_networks = self.networks.iter().map(|CountedNetwork { key, size }| {
            let others = self.reservation.others(key);
            Failures::network_delay(record.failures(key), others, now, size.limit(), size.step())
        });
        let delay = of_networks.fold(of_account, Duration::max);
        wait_for(delay)?;
        let kept: Vec<&FailureKey> = self.networks.iter().map(|network| &network.key).chain([&self.typed]).collect();
        self.reservation.keep_only(&kept);
        Ok(())
    }

    /// Whether it is worth looking up the counts again after a refusal: attempts that were in flight have ended, and may
    /// have been counted twice, as in flight and as failures.
    pub fn refresh(&mut self) -> bool {
        self.reservation.refresh()
    }

    /// The keys under which a failure of this attempt counts.
    pub fn failure_keys(&self, record: &SignInRecord) -> Vec<FailureKey> {
        if let Some(browser) = &record.browser {
            return vec![FailureKey::browser(browser)];
        }
        let networks = self.networks.iter().map(|network| network.key.clone());
        networks.chain([self.account_key(record)]).collect()
    }

    fn account_key(&self, record: &SignInRecord) -> FailureKey {
        record.account.as_ref().map_or_else(|| self.typed.clone(), |account| FailureKey::account(account.user.id))
    }
}

fn wait_for(delay: Duration) -> Result<(), Refusal> {
    if delay.is_zero() { Ok(()) } else { Err(Refusal::Wait(delay)) }
}
