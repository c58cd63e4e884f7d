//! Throttles failed sign-ins per account and per client (ASVS 6.3.1).
//!
//! Only failures count, and only new sign-ins are rejected: a stranger can't lock out a user who is signed in. Each
//! server process keeps its own counts in memory, which is enough against guessing: n instances allow n times as many
//! guesses, still far below what a 15-character password withstands.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;

use super::{client_network::ClientNetwork, email::Email};
use crate::clock::Timestamp;

/// Failures count for this long after the first one.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Failures per window of one account from one client: enough for a user who roughly remembers the password.
const LIMIT_PER_PAIR: u32 = 10;
/// Failures per window of one account from any client, and of one client on any account.
const LIMIT_PER_SIDE: u32 = 50;
/// Maximum number of counters in memory; the oldest are dropped first.
const MAX_COUNTERS: usize = 100_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    AccountAndClient(Email, ClientNetwork),
    Account(Email),
    Client(ClientNetwork),
}

impl Key {
    fn limit(&self) -> u32 {
        match self {
            Self::AccountAndClient(..) => LIMIT_PER_PAIR,
            Self::Account(_) | Self::Client(_) => LIMIT_PER_SIDE,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    since: Timestamp,
    count: u32,
}

/// Counters of failed sign-ins.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    failures: Mutex<HashMap<Key, Failures>>,
}

impl Throttle {
    /// How long this client must wait before it may try this account again; `None` if it may try now.
    pub fn retry_after(&self, email: &Email, client: Option<ClientNetwork>, now: Timestamp) -> Option<Duration> {
        let failures = self.failures.lock();
        let waits = keys(email, client).into_iter().filter_map(|key| {
            let found = failures.get(&key).filter(|found| found.count >= key.limit())?;
            WINDOW.checked_sub(now.since(found.since)).filter(|wait| !wait.is_zero())
        });
        waits.max()
    }

    /// Counts a failed sign-in.
    pub fn record_failure(&self, email: &Email, client: Option<ClientNetwork>, now: Timestamp) {
        let mut failures = self.failures.lock();
        if failures.len() >= MAX_COUNTERS {
            make_room(&mut failures, now);
        }
        for key in keys(email, client) {
            let found = failures.entry(key).or_insert(Failures { since: now, count: 0 });
            if now.since(found.since) >= WINDOW {
                *found = Failures { since: now, count: 0 };
            }
            found.count += 1;
        }
    }

    /// Forgets the failures of this client on this account.
    pub fn record_success(&self, email: &Email, client: Option<ClientNetwork>) {
        if let Some(client) = client {
            self.failures.lock().remove(&Key::AccountAndClient(email.clone(), client));
        }
    }
}

fn keys(email: &Email, client: Option<ClientNetwork>) -> Vec<Key> {
    let mut keys = vec![Key::Account(email.clone())];
    if let Some(client) = client {
        keys.extend([Key::AccountAndClient(email.clone(), client), Key::Client(client)]);
    }
    keys
}

/// Drops expired counters; if that is not enough, the older half of the rest.
fn make_room(failures: &mut HashMap<Key, Failures>, now: Timestamp) {
    failures.retain(|_, found| now.since(found.since) < WINDOW);
    if failures.len() >= MAX_COUNTERS {
        let mut times: Vec<Timestamp> = failures.values().map(|found| found.since).collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        failures.retain(|_, found| found.since > median);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_769_600_000_000_000);

    fn network(address: &str) -> ClientNetwork {
        address.parse::<IpAddr>().unwrap().into()
    }

    fn fail(throttle: &Throttle, email: &str, client: &str, times: u32) {
        for _ in 0..times {
            throttle.record_failure(&email.parse().unwrap(), Some(network(client)), NOW);
        }
    }

    fn retry_after(throttle: &Throttle, email: &str, client: &str) -> Option<Duration> {
        throttle.retry_after(&email.parse().unwrap(), Some(network(client)), NOW)
    }

    #[test]
    fn client_cannot_lock_others_out_of_an_account() {
        let throttle = Throttle::default();
        fail(&throttle, "a@b.example", "192.0.2.1", 10);
        assert_eq!(retry_after(&throttle, "a@b.example", "192.0.2.1"), Some(WINDOW));
        assert_eq!(retry_after(&throttle, "a@b.example", "192.0.2.2"), None);
        assert_eq!(retry_after(&throttle, "c@b.example", "192.0.2.1"), None);
    }

    #[test]
    fn distributed_and_spraying_guesses_are_throttled() {
        let throttle = Throttle::default();
        for n in 0..50 {
            fail(&throttle, "a@b.example", &format!("192.0.2.{n}"), 1);
            fail(&throttle, &format!("{n}@b.example"), "198.51.100.1", 1);
        }
        assert!(retry_after(&throttle, "a@b.example", "203.0.113.1").is_some());
        assert!(retry_after(&throttle, "new@b.example", "198.51.100.1").is_some());
        assert!(retry_after(&throttle, "new@b.example", "203.0.113.1").is_none());
    }

    #[test]
    fn counters_expire_and_success_resets_them() {
        let throttle = Throttle::default();
        let (email, client) = ("a@b.example".parse().unwrap(), Some(network("2001:db8::1")));
        fail(&throttle, "a@b.example", "2001:db8::2", 10);
        assert!(throttle.retry_after(&email, client, NOW).is_some(), "the whole /64 is one client");
        assert_eq!(throttle.retry_after(&email, client, NOW + WINDOW), None);
        throttle.record_success(&email, client);
        assert_eq!(throttle.retry_after(&email, client, NOW), None);
    }

    #[test]
    fn number_of_counters_is_bounded() {
        let throttle = Throttle::default();
        for n in 0..70_000_u32 {
            let client = IpAddr::V4(n.into()).into();
            let email = "a@b.example".parse().unwrap();
            throttle.record_failure(&email, Some(client), NOW + Duration::from_millis(n.into()));
        }
        assert!(throttle.failures.lock().len() <= MAX_COUNTERS + 3);
    }
}
