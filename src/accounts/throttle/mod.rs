//! Throttles sign-ins: failures per account, per known browser and per client network (ASVS 6.3.1).
//!
//! Strangers, which are all browsers that have not signed in to an account before, share one budget per account. A
//! known browser has its own, so that no number of guesses keeps the owner from signing in on it. Only new sign-ins are
//! refused: users who are signed in stay so. The counts are in the database; `docs/throttling.md` has the numbers.
//!
//! | module | contents |
//! |---|---|
//! | `reservations` | attempts in flight, which count as failures until they end, and wait for each other |
//! | `session_attempt` | attempts on the password of a session's own user |
//! | `accounts::failures` | one count, and the delay that follows from it |
//! | `accounts::failure_keys` | under which keys failures are counted |

mod reservations;
mod session_attempt;

use std::time::Duration;

use tokio::time::{self, Instant};

use super::{
    browser_id::BrowserIdHash,
    client_network::ClientNetwork,
    email::Email,
    failure_keys::{Buckets, CountedNetwork, FailureKey},
    failures::{FIRST_DELAY, Failures, MAX_DELAY},
    queries::{SignInKey, SignInRecord},
};
use crate::clock::Timestamp;
use reservations::{Reservation, Reservations};
pub(super) use session_attempt::{SessionAttempt, SessionRefusal, admit};

/// How long an attempt waits for those before it. Browsers and proxies wait for a response for at least 30 seconds.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(10);
/// Attempts on one account, or on one known browser, that wait or are checked. Further ones are refused.
pub(super) const MAX_ATTEMPTS_PER_ACCOUNT: u32 = 128;
/// Attempts from one network that wait or are checked: an office that begins to work. Further ones are refused.
pub(super) const MAX_ATTEMPTS_PER_NETWORK: u32 = 1024;

/// The limits of one process over the counts that it shares with others.
#[derive(Debug, Clone)]
pub(super) struct Throttle {
    buckets: Buckets,
    reservations: Reservations,
}

/// Who tries to sign in, as the throttle counts it.
#[derive(Debug)]
pub(super) struct Attempt {
    /// Counts strangers' attempts in flight on one account, and their failures if there is no such account.
    typed: FailureKey,
    browsers: Vec<BrowserIdHash>,
    networks: Vec<CountedNetwork>,
    reservations: Reservations,
    reservation: Reservation,
    /// When it no longer waits for others.
    deadline: Instant,
}

/// Whether the password of an attempt may be checked.
#[derive(Debug)]
pub(super) enum Admission {
    Granted,
    Refused(Refusal),
    /// It depends on how the attempts before this one end: wait for them, and look the counts up again.
    Blocked(EarlierAttempts),
    /// The counts were looked up before the attempt had reserved what now decides: look them up again.
    CountsOutdated,
}

/// The attempts that another one has to wait for.
#[derive(Debug)]
pub(super) struct EarlierAttempts {
    key: FailureKey,
    /// So many of them may still be in flight.
    max_left: u32,
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

    /// Too many attempts at the same time.
    const CROWDED: Self = Self::Wait(FIRST_DELAY);
}

/// The wait that follows from the failures under one key, if so many attempts in flight fail too.
type DelayFn<'a> = Box<dyn Fn(u32) -> Duration + 'a>;

impl Throttle {
    /// Shares its buckets with all instances that have the same secret.
    pub fn new(secret: &str) -> Self {
        Self { buckets: Buckets::new(secret), reservations: Reservations::default() }
    }

    /// Has buckets of its own, for a program that serves no sign-ins.
    pub fn alone() -> Self {
        Self { buckets: Buckets::random(), reservations: Reservations::default() }
    }

    /// The networks of a client, as they are counted.
    pub fn networks(&self, client: ClientNetwork) -> Vec<CountedNetwork> {
        self.buckets.networks(client)
    }

    /// Begins an attempt, before the counts are looked up.
    ///
    /// # Errors
    /// A refusal if too many strangers try this account, or from this network, at the same time. A browser that presents
    /// an id may be known, and is not refused for them.
    pub fn begin(
        &self,
        typed: &str,
        browsers: Vec<BrowserIdHash>,
        client: Option<ClientNetwork>,
    ) -> Result<Attempt, Refusal> {
        let typed = self.buckets.unknown(typed);
        let networks = client.map(|client| self.networks(client)).unwrap_or_default();
        let of_browsers = browsers.iter().map(FailureKey::browser);
        let reservation = self.reservations.reserve(stranger_keys(&networks, &typed).chain(of_browsers));
        let reservations = self.reservations.clone();
        let deadline = Instant::now() + MAX_WAIT;
        let attempt = Attempt { typed, browsers, networks, reservations, reservation, deadline };
        if attempt.browsers.is_empty() && attempt.is_crowded() { Err(Refusal::CROWDED) } else { Ok(attempt) }
    }

    /// A number that is always the same for what was typed and can't be guessed.
    pub fn number_of(&self, typed: &str) -> u64 {
        self.buckets.number_of("hash cost", typed.as_bytes())
    }
}

impl Attempt {
    /// Counts the earlier attempts in flight, and returns the key for looking up the user together with the failures.
    pub fn lookup_key(&mut self, email: Email) -> SignInKey {
        self.reservation.count_earlier();
        SignInKey {
            email,
            unknown: self.typed.as_str().to_owned(),
            browsers: self.browsers.clone(),
            networks: self.networks.iter().map(|network| network.key.as_str().to_owned()).collect(),
        }
    }

    /// Decides whether the password may be checked. The attempt keeps only the reservations of its own line, a
    /// stranger's or a known browser's.
    pub fn admit(&mut self, record: &SignInRecord, now: Timestamp) -> Admission {
        if let Some(browser) = &record.browser {
            let key = FailureKey::browser(browser);
            // Strangers don't wait for known browsers.
            self.reservation.keep_only(&[&key]);
            let delay: DelayFn<'_> = Box::new(|in_flight| Failures::delay(record.failures(&key), in_flight, now));
            return self.decide(&[(&key, delay)]);
        }
        if !self.reservation.has(&self.typed) {
            // The browser has been forgotten since the last look.
            self.reservation = self.reservations.reserve(stranger_keys(&self.networks, &self.typed));
            return Admission::CountsOutdated;
        }
        let failures = record.failures(&self.account_key(record));
        if failures.is_some_and(Failures::is_exhausted) {
            return Admission::Refused(Refusal::StrangersLocked);
        }
        let of_account: DelayFn<'_> = Box::new(move |in_flight| Failures::delay(failures, in_flight, now));
        let of_networks = self.networks.iter().map(|CountedNetwork { key, size }| {
            let (failures, limit, step) = (record.failures(key), size.limit(), size.step());
            let delay: DelayFn<'_> =
                Box::new(move |in_flight| Failures::network_delay(failures, in_flight, now, limit, step));
            (key, delay)
        });
        let limits: Vec<_> = of_networks.chain([(&self.typed, of_account)]).collect();
        let admission = self.decide(&limits);
        drop(limits);
        let kept: Vec<&FailureKey> = self.networks.iter().map(|network| &network.key).chain([&self.typed]).collect();
        self.reservation.keep_only(&kept);
        admission
    }

    /// Compares the failures under each key with its limit: first the failures alone, then together with the earlier
    /// attempts, which may fail.
    fn decide(&self, limits: &[(&FailureKey, DelayFn<'_>)]) -> Admission {
        let wait = limits.iter().map(|(_, delay)| delay(0)).max().unwrap_or_default();
        if !wait.is_zero() {
            return Admission::Refused(Refusal::Wait(wait));
        }
        for (key, delay) in limits {
            let earlier = self.reservation.earlier(key);
            if delay(earlier).is_zero() {
                continue;
            }
            if self.is_crowded() {
                return Admission::Refused(Refusal::CROWDED);
            }
            let max_left = (0..earlier).rev().find(|left| delay(*left).is_zero()).unwrap_or(0);
            return Admission::Blocked(EarlierAttempts { key: (*key).clone(), max_left });
        }
        Admission::Granted
    }

    /// Whether so many attempts are before this one that it would wait for too long.
    fn is_crowded(&self) -> bool {
        let is_above = |key: &FailureKey, max: u32| self.reservation.earlier(key) >= max;
        self.networks.iter().any(|network| is_above(&network.key, MAX_ATTEMPTS_PER_NETWORK))
            || is_above(&self.typed, MAX_ATTEMPTS_PER_ACCOUNT)
            || self.browsers.iter().any(|id| is_above(&FailureKey::browser(id), MAX_ATTEMPTS_PER_ACCOUNT))
    }

    /// Waits until enough of the earlier attempts have ended.
    ///
    /// # Errors
    /// A refusal if they take too long.
    pub async fn wait_for(&self, earlier: EarlierAttempts) -> Result<(), Refusal> {
        let waiting = self.reservation.wait_for_earlier(&earlier.key, earlier.max_left);
        time::timeout_at(self.deadline, waiting).await.map_err(|_| Refusal::CROWDED)
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

/// What a stranger's attempt reserves.
fn stranger_keys(networks: &[CountedNetwork], typed: &FailureKey) -> impl Iterator<Item = FailureKey> {
    networks.iter().map(|network| network.key.clone()).chain([typed.clone()])
}
