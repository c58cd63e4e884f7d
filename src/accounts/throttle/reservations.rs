//! Counts the attempts that have begun and not ended, so that simultaneous guesses can't pass a limit together.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use crate::accounts::failure_keys::FailureKey;

type Counts = Mutex<HashMap<FailureKey, u32>>;

/// The attempts in flight in this process.
#[derive(Debug, Clone, Default)]
pub(super) struct Reservations(Arc<Counts>);

/// Counts one attempt until it is dropped.
///
/// It must be made before the counts are read from the database, and dropped after its own failure was written there:
/// then every earlier attempt is in one of the two.
#[derive(Debug)]
pub(super) struct Reservation {
    counts: Arc<Counts>,
    /// The keys, and how many other attempts had reserved each before.
    keys: Vec<(FailureKey, u32)>,
}

impl Reservations {
    /// Counts an attempt under each of the keys.
    pub fn reserve(&self, keys: impl IntoIterator<Item = FailureKey>) -> Reservation {
        let mut counts = self.0.lock();
        let mut reserve = |key: FailureKey| {
            let count = counts.entry(key.clone()).or_insert(0);
            *count += 1;
            (key, *count - 1)
        };
        let keys = keys.into_iter().map(&mut reserve).collect();
        drop(counts);
        Reservation { counts: Arc::clone(&self.0), keys }
    }
}

impl Reservation {
    /// How many other attempts were in flight under this key when this one began.
    pub fn others(&self, key: &FailureKey) -> u32 {
        self.keys.iter().find(|(own, _)| own == key).map_or(0, |(_, others)| *others)
    }

    /// Leaves out the other attempts that have ended since; those have written their failures, so the database must be
    /// read again. Returns whether there were any: without them, reading again would find the same.
    pub fn refresh(&mut self) -> bool {
        let counts = self.counts.lock();
        let mut has_changed = false;
        for (key, others) in &mut self.keys {
            let left = counts.get(key).map_or(0, |count| count - 1);
            has_changed |= left < *others;
            *others = left.min(*others);
        }
        has_changed
    }

    /// Gives back all but these keys.
    pub fn keep_only(&mut self, kept: &[&FailureKey]) {
        let (kept, released): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.keys).into_iter().partition(|(key, _)| kept.contains(&key));
        self.keys = kept;
        release(&self.counts, released);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        release(&self.counts, std::mem::take(&mut self.keys));
    }
}

fn release(counts: &Counts, keys: Vec<(FailureKey, u32)>) {
    let mut counts = counts.lock();
    for (key, _) in keys {
        if let Some(count) = counts.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::failure_keys::Buckets;

    #[test]
    fn refreshed_reservation_leaves_out_attempts_that_ended() {
        let key = Buckets::new("a secret that is long enough").unknown("a");
        let reservations = Reservations::default();
        let earlier = [(); 3].map(|()| reservations.reserve([key.clone()]));
        let mut own = reservations.reserve([key.clone()]);
        let _later = reservations.reserve([key.clone()]);
        assert_eq!(own.others(&key), 3);
        assert!(!own.refresh());
        drop(earlier);
        assert!(own.refresh());
        assert_eq!(own.others(&key), 1, "the later attempt is still there, and earlier ones are not");
        assert!(!own.refresh());
    }

    #[test]
    fn reservations_count_others_and_leave_nothing_behind() {
        let buckets = Buckets::new("a secret that is long enough");
        let (one, other) = (buckets.unknown("a"), buckets.unknown("b"));
        let reservations = Reservations::default();
        let mut first = reservations.reserve([one.clone(), other.clone()]);
        let second = reservations.reserve([one.clone()]);
        assert_eq!((first.others(&one), second.others(&one), second.others(&other)), (0, 1, 0));
        first.keep_only(&[&other]);
        assert_eq!(reservations.reserve([one.clone()]).others(&one), 1);
        assert_eq!(reservations.reserve([other.clone()]).others(&other), 1);
        drop((first, second));
        assert!(reservations.0.lock().is_empty());
    }
}
