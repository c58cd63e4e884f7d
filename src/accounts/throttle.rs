//! Throttling of failed sign-ins: per account and per client (ASVS 6.3.1).
//!
//! Only failures count, and only new sign-ins are refused: nobody who is signed in can be locked out by a stranger. The
//! counts are this instance's own and gone with it, which is enough against guessing: with n instances, n times as many
//! guesses are possible, still far below what a 15-character password withstands.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::model::Email;
use crate::clock::Timestamp;

/// Failures are counted for this long after the first.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// For one account from one client: enough for anybody who remembers roughly what they chose.
const LIMIT_OF_BOTH: u32 = 10;
/// For one account from anywhere, and for one client on any account.
const LIMIT_OF_EITHER: u32 = 50;
/// How many counts are held; the oldest go first.
const CAPACITY: usize = 100_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Both(Email, IpAddr),
    Account(Email),
    Client(IpAddr),
}

impl Key {
    fn limit(&self) -> u32 {
        match self {
            Self::Both(..) => LIMIT_OF_BOTH,
            Self::Account(_) | Self::Client(_) => LIMIT_OF_EITHER,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    since: Timestamp,
    count: u32,
}

/// Counts of failed sign-ins.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    failures: Mutex<HashMap<Key, Failures>>,
}

impl Throttle {
    /// How long to wait before this account may be tried again from this client; `None` if it may be tried now.
    pub fn wait(&self, email: &Email, client: Option<IpAddr>, now: Timestamp) -> Option<Duration> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = keys(email, client).into_iter().filter_map(|key| {
            let found = failures.get(&key).filter(|found| found.count >= key.limit())?;
            WINDOW.checked_sub(now.since(found.since)).filter(|wait| !wait.is_zero())
        });
        waits.max()
    }

    /// Counts a failure.
    pub fn failed(&self, email: &Email, client: Option<IpAddr>, now: Timestamp) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= CAPACITY {
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

    /// Forgets what this client got wrong on this account, now that it got it right.
    pub fn succeeded(&self, email: &Email, client: Option<IpAddr>) {
        if let Some(client) = client {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.remove(&Key::Both(email.clone(), network(client)));
        }
    }
}

fn keys(email: &Email, client: Option<IpAddr>) -> Vec<Key> {
    let mut keys = vec![Key::Account(email.clone())];
    if let Some(client) = client.map(network) {
        keys.extend([Key::Both(email.clone(), client), Key::Client(client)]);
    }
    keys
}

/// An IPv6 client owns a whole /64 and can change its address within it at will.
pub(super) fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Drops what no longer counts, or else the older half.
fn make_room(failures: &mut HashMap<Key, Failures>, now: Timestamp) {
    failures.retain(|_, found| now.since(found.since) < WINDOW);
    if failures.len() >= CAPACITY {
        let mut times: Vec<Timestamp> = failures.values().map(|found| found.since).collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        failures.retain(|_, found| found.since > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_769_600_000_000_000);

    fn fail(throttle: &Throttle, email: &str, client: &str, times: u32) {
        for _ in 0..times {
            throttle.failed(&email.parse().unwrap(), Some(client.parse().unwrap()), NOW);
        }
    }

    fn wait(throttle: &Throttle, email: &str, client: &str) -> Option<Duration> {
        throttle.wait(&email.parse().unwrap(), Some(client.parse().unwrap()), NOW)
    }

    #[test]
    fn one_client_can_not_lock_another_out_of_an_account() {
        let throttle = Throttle::default();
        fail(&throttle, "a@b.example", "192.0.2.1", 10);
        assert_eq!(wait(&throttle, "a@b.example", "192.0.2.1"), Some(WINDOW));
        assert_eq!(wait(&throttle, "a@b.example", "192.0.2.2"), None);
        assert_eq!(wait(&throttle, "c@b.example", "192.0.2.1"), None);
    }

    #[test]
    fn many_clients_on_one_account_and_one_client_on_many_accounts_are_slowed() {
        let throttle = Throttle::default();
        for n in 0..50 {
            fail(&throttle, "a@b.example", &format!("192.0.2.{n}"), 1);
            fail(&throttle, &format!("{n}@b.example"), "198.51.100.1", 1);
        }
        assert!(wait(&throttle, "a@b.example", "203.0.113.1").is_some());
        assert!(wait(&throttle, "new@b.example", "198.51.100.1").is_some());
        assert!(wait(&throttle, "new@b.example", "203.0.113.1").is_none());
    }

    #[test]
    fn the_window_ends_and_success_forgives() {
        let throttle = Throttle::default();
        let (email, client) = ("a@b.example".parse().unwrap(), Some("2001:db8::1".parse().unwrap()));
        fail(&throttle, "a@b.example", "2001:db8::2", 10);
        assert!(throttle.wait(&email, client, NOW).is_some(), "the whole /64 is one client");
        assert_eq!(throttle.wait(&email, client, NOW + WINDOW), None);
        throttle.succeeded(&email, client);
        assert_eq!(throttle.wait(&email, client, NOW), None);
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::default();
        for n in 0..70_000_u32 {
            let client = IpAddr::V4(n.into());
            let email = "a@b.example".parse().unwrap();
            throttle.failed(&email, Some(client), NOW + Duration::from_millis(n.into()));
        }
        assert!(throttle.failures.lock().unwrap().len() <= CAPACITY + 3);
    }
}
