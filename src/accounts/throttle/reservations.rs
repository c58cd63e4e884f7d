//! Counts the attempts that have begun and not ended, so that simultaneous guesses can't pass a limit together, and lets
//! an attempt wait for those before it.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::accounts::failure_keys::FailureKey;

/// The attempts in flight in this process.
#[derive(Debug, Clone, Default)]
pub(super) struct Reservations(Arc<Mutex<InFlight>>);

#[derive(Debug, Default)]
struct InFlight {
    next_number: u64,
    keys: HashMap<FailureKey, KeyAttempts>,
}

/// The attempts under one key.
#[derive(Debug, Default)]
struct KeyAttempts {
    /// Their numbers, in ascending order.
    numbers: Vec<u64>,
    waiting: Vec<Waiter>,
}

/// An attempt that waits until at most `max_earlier` of those before it are left.
#[derive(Debug)]
struct Waiter {
    number: u64,
    max_earlier: u32,
    wakeup: Arc<Notify>,
}

/// Counts one attempt until it is dropped.
///
/// It must be made before the counts are read from the database, and dropped after its own failure was written there:
/// then every earlier attempt is in one of the two. All keys of an attempt have its one number, and each attempt waits
/// only for those with a lower one, so two can't wait for each other.
#[derive(Debug)]
pub(super) struct Reservation {
    in_flight: Arc<Mutex<InFlight>>,
    number: u64,
    /// The keys, and how many earlier attempts had reserved each when they were last counted.
    keys: Vec<(FailureKey, u32)>,
    wakeup: Arc<Notify>,
}

impl Reservations {
    /// Counts an attempt under each of the keys.
    pub fn reserve(&self, keys: impl IntoIterator<Item = FailureKey>) -> Reservation {
        let mut in_flight = self.0.lock();
        let number = in_flight.next_number;
        in_flight.next_number += 1;
        let mut reserved = Vec::new();
        for key in keys {
            let numbers = &mut in_flight.keys.entry(key.clone()).or_default().numbers;
            // A browser may present an id twice.
            if numbers.last() != Some(&number) {
                reserved.push((key, count(numbers.len())));
                numbers.push(number);
            }
        }
        drop(in_flight);
        Reservation { in_flight: Arc::clone(&self.0), number, keys: reserved, wakeup: Arc::default() }
    }
}

impl KeyAttempts {
    /// The number of attempts that began before this one and have not ended.
    fn earlier_than(&self, number: u64) -> u32 {
        count(self.numbers.partition_point(|other| *other < number))
    }

    /// Removes an attempt, and wakes those that waited for it.
    fn remove(&mut self, number: u64) {
        if let Ok(index) = self.numbers.binary_search(&number) {
            self.numbers.remove(index);
        }
        let waiting = std::mem::take(&mut self.waiting);
        for waiter in waiting.into_iter().filter(|waiter| waiter.number != number) {
            if self.earlier_than(waiter.number) <= waiter.max_earlier {
                waiter.wakeup.notify_one();
            } else {
                self.waiting.push(waiter);
            }
        }
    }
}

impl Reservation {
    /// Whether this key is reserved.
    pub fn has(&self, key: &FailureKey) -> bool {
        self.keys.iter().any(|(own, _)| own == key)
    }

    /// Counts the earlier attempts. Those that ended before have written their failures, so the database must be read
    /// after this.
    pub fn count_earlier(&mut self) {
        let in_flight = self.in_flight.lock();
        for (key, earlier) in &mut self.keys {
            *earlier = in_flight.keys.get(key).map_or(0, |attempts| attempts.earlier_than(self.number));
        }
    }

    /// How many earlier attempts were in flight under this key when they were last counted.
    pub fn earlier(&self, key: &FailureKey) -> u32 {
        self.keys.iter().find(|(own, _)| own == key).map_or(0, |(_, earlier)| *earlier)
    }

    /// Waits until at most `max_earlier` of the earlier attempts under this key are left.
    pub async fn wait_for_earlier(&self, key: &FailureKey, max_earlier: u32) {
        {
            let mut in_flight = self.in_flight.lock();
            let Some(attempts) = in_flight.keys.get_mut(key) else { return };
            if attempts.earlier_than(self.number) <= max_earlier {
                return;
            }
            attempts.waiting.push(Waiter { number: self.number, max_earlier, wakeup: Arc::clone(&self.wakeup) });
        }
        self.wakeup.notified().await;
    }

    /// Gives back all but these keys.
    pub fn keep_only(&mut self, kept: &[&FailureKey]) {
        let (kept, released): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.keys).into_iter().partition(|(key, _)| kept.contains(&key));
        self.keys = kept;
        self.release(released);
    }

    fn release(&self, keys: Vec<(FailureKey, u32)>) {
        let mut in_flight = self.in_flight.lock();
        for (key, _) in keys {
            if let Some(attempts) = in_flight.keys.get_mut(&key) {
                attempts.remove(self.number);
                if attempts.numbers.is_empty() {
                    in_flight.keys.remove(&key);
                }
            }
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let keys = std::mem::take(&mut self.keys);
        self.release(keys);
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::failure_keys::Buckets;

    fn key(typed: &str) -> FailureKey {
        Buckets::new("a secret that is long enough").unknown(typed)
    }

    #[test]
    fn only_attempts_that_began_earlier_are_counted() {
        let key = key("a");
        let reservations = Reservations::default();
        let mut earlier = [(); 3].map(|()| Some(reservations.reserve([key.clone()])));
        let mut own = reservations.reserve([key.clone(), key.clone()]);
        let _later = [(); 5].map(|()| reservations.reserve([key.clone()]));
        for left in [2, 1, 0] {
            assert_eq!(own.earlier(&key), left + 1, "as counted before");
            earlier[left as usize] = None;
            own.count_earlier();
            assert_eq!(own.earlier(&key), left, "later attempts don't take the place of earlier ones");
        }
    }

    #[test]
    fn reservations_leave_nothing_behind() {
        let (one, other) = (key("a"), key("b"));
        let reservations = Reservations::default();
        let mut first = reservations.reserve([one.clone(), other.clone()]);
        let second = reservations.reserve([one.clone()]);
        assert_eq!((first.earlier(&one), second.earlier(&one), second.earlier(&other)), (0, 1, 0));
        first.keep_only(&[&other]);
        assert!(first.has(&other) && !first.has(&one));
        assert_eq!(reservations.reserve([one.clone()]).earlier(&one), 1);
        assert_eq!(reservations.reserve([other.clone()]).earlier(&other), 1);
        drop((first, second));
        assert!(reservations.0.lock().keys.is_empty());
    }

    #[test]
    fn waiting_attempt_continues_when_enough_have_ended() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let key = key("a");
            let reservations = Reservations::default();
            let mut earlier: Vec<_> = (0..3).map(|_| reservations.reserve([key.clone()])).collect();
            let reserved = key.clone();
            let own = reservations.reserve([key.clone()]);
            let waiting = tokio::spawn(async move {
                own.wait_for_earlier(&reserved, 1).await;
                own
            });
            while reservations.0.lock().keys[&key].waiting.is_empty() {
                tokio::task::yield_now().await;
            }
            earlier.pop();
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished(), "two are left");
            earlier.pop();
            let own = waiting.await.unwrap();
            own.wait_for_earlier(&key, 1).await;
            let abandoned = tokio::spawn({
                let (own, key) = (reservations.reserve([key.clone()]), key.clone());
                async move { own.wait_for_earlier(&key, 0).await }
            });
            while reservations.0.lock().keys[&key].waiting.is_empty() {
                tokio::task::yield_now().await;
            }
            abandoned.abort();
            assert!(abandoned.await.unwrap_err().is_cancelled());
            assert!(reservations.0.lock().keys[&key].waiting.is_empty(), "one that gave up is not woken");
        });
    }
}
