//! Keeps events that anyone can cause without limit from filling the table.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;

use crate::clock::Timestamp;

/// The shortest time between two stored events of the same key.
const INTERVAL: Duration = Duration::from_secs(15 * 60);

/// Keys that are remembered at once. While so many have an event within the interval, those of others are not stored.
const MAX_KEYS: usize = 10_000;

/// Stores at most one event per key and quarter of an hour in each process. Clones share what they remember.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventRate(Arc<Mutex<HashMap<String, Stored>>>);

#[derive(Debug)]
struct Stored {
    at: Timestamp,
    /// Events since then that were not stored.
    left_out: u64,
}

impl EventRate {
    /// Whether an event of this key may be stored now: the number of events that it stands for, or `None`.
    pub fn admit(&self, key: String, now: Timestamp) -> Option<u64> {
        let mut stored = self.0.lock();
        if let Some(last) = stored.get_mut(&key) {
            // Also after the clock was set back.
            if now.since(last.at) < INTERVAL && last.at <= now {
                last.left_out += 1;
                return None;
            }
            let count = last.left_out + 1;
            *last = Stored { at: now, left_out: 0 };
            return Some(count);
        }
        if stored.len() >= MAX_KEYS {
            stored.retain(|_, last| now.since(last.at) < INTERVAL);
        }
        if stored.len() >= MAX_KEYS {
            return None;
        }
        stored.insert(key, Stored { at: now, left_out: 0 });
        Some(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_per_interval_stands_for_all_of_its_key() {
        let rate = EventRate::default();
        let start = Timestamp::from_micros(0);
        let admit = |seconds: u64, key: &str| rate.admit(key.to_owned(), start + Duration::from_secs(seconds));
        assert_eq!(admit(0, "a"), Some(1));
        assert_eq!(admit(1, "a"), None);
        assert_eq!(admit(1, "b"), Some(1));
        assert_eq!(admit(899, "a"), None);
        assert_eq!(admit(900, "a"), Some(3));
        assert_eq!(admit(901, "a"), None);
    }

    #[test]
    fn number_of_keys_is_bounded() {
        let rate = EventRate::default();
        let start = Timestamp::from_micros(0);
        for number in 0..MAX_KEYS {
            assert_eq!(rate.admit(number.to_string(), start), Some(1));
        }
        assert_eq!(rate.admit("one more".to_owned(), start), None);
        assert_eq!(rate.admit("one more".to_owned(), start + INTERVAL), Some(1));
        assert_eq!(rate.0.lock().len(), 1);
    }
}
