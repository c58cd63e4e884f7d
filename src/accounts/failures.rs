//! One count of failed sign-ins, and how long it makes the next attempt wait.

use std::time::Duration;

use crate::clock::Timestamp;

/// Failures of one account by strangers, or of one known browser, that cost no waiting time.
pub(super) const FREE_FAILURES: u32 = 10;
/// The wait after the last free failure. Each further failure doubles it.
pub(super) const FIRST_DELAY: Duration = Duration::from_secs(1);
/// The longest wait between two attempts.
pub(super) const MAX_DELAY: Duration = Duration::from_secs(15 * 60);
/// The time after which one failure no longer counts for the delay.
pub(super) const FORGET_ONE_AFTER: Duration = Duration::from_secs(15 * 60);
/// Failures in a row, without a success between them, after which only known browsers may try (ASVS 6.3.1, NIST SP
/// 800-63B-4 section 3.2.2).
pub(super) const MAX_FAILURES_IN_A_ROW: u32 = 100;

/// A count of failed sign-ins, as the database keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failures {
    /// Failures since the last success.
    pub in_a_row: u32,
    pub last_failure_at: Timestamp,
    /// When no failure counts any more. Each failure moves it by one step.
    pub forgotten_at: Timestamp,
}

impl Failures {
    /// The count after one more failure. `before` is the count so far.
    pub fn after_failure(before: Option<Self>, now: Timestamp, step: Duration) -> Self {
        match before {
            Some(before) => Self {
                in_a_row: before.in_a_row.saturating_add(1),
                last_failure_at: before.last_failure_at.max(now),
                forgotten_at: before.forgotten_at.max(now) + step,
            },
            None => Self { in_a_row: 1, last_failure_at: now, forgotten_at: now + step },
        }
    }

    /// Whether it says that the failures in a row are used up.
    pub fn is_exhausted(self) -> bool {
        self.in_a_row >= MAX_FAILURES_IN_A_ROW
    }

    /// How long the next attempt has to wait, if `in_flight` attempts that have begun fail too.
    pub fn delay(failures: Option<Self>, in_flight: u32, now: Timestamp) -> Duration {
        let Some(failures) = failures else { return delay_after(in_flight) };
        // A time far in the future was written by a clock that has been corrected since.
        let elapsed =
            if failures.last_failure_at > now + MAX_DELAY { MAX_DELAY } else { now.since(failures.last_failure_at) };
        let counted_then = steps(failures.forgotten_at.since(failures.last_failure_at), FORGET_ONE_AFTER);
        let waiting = delay_after(counted_then).saturating_sub(elapsed);
        if in_flight == 0 {
            return waiting;
        }
        let counted_now = steps(failures.forgotten_at.since(now), FORGET_ONE_AFTER);
        let left = MAX_FAILURES_IN_A_ROW.saturating_sub(failures.in_a_row);
        let concurrent = if in_flight >= left { FIRST_DELAY } else { delay_after(counted_now + in_flight) };
        waiting.max(concurrent)
    }

    /// How long a network has to wait that may fail `limit` times at once, and once more after each `step`.
    pub fn network_delay(
        failures: Option<Self>,
        in_flight: u32,
        now: Timestamp,
        limit: u32,
        step: Duration,
    ) -> Duration {
        let counted = failures.map_or(Duration::ZERO, |failures| failures.forgotten_at.since(now));
        let window = step * limit;
        // A time far in the future was written by a clock that has been corrected since.
        let counted = if counted > window * 2 { Duration::ZERO } else { counted };
        (counted + step * in_flight + step).saturating_sub(window)
    }
}

/// The wait after so many failures that still count.
fn delay_after(failures: u32) -> Duration {
    match failures.checked_sub(FREE_FAILURES) {
        None => Duration::ZERO,
        Some(doublings) => FIRST_DELAY.saturating_mul(2_u32.saturating_pow(doublings)).min(MAX_DELAY),
    }
}

/// The number of steps in `length`, rounded up: a failure counts whole until it is forgotten.
fn steps(length: Duration, step: Duration) -> u32 {
    u32::try_from(length.as_micros().div_ceil(step.as_micros().max(1))).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_769_600_000_000_000);

    fn after(count: u32, mut at: Timestamp, pause: Duration) -> (Failures, Timestamp) {
        let mut failures = None;
        for n in 0..count {
            if n > 0 {
                at = at + pause;
            }
            failures = Some(Failures::after_failure(failures, at, FORGET_ONE_AFTER));
        }
        (failures.unwrap(), at)
    }

    #[test]
    fn delays_double_after_the_free_failures() {
        for (count, seconds) in [(1, 0), (9, 0), (10, 1), (11, 2), (12, 4), (19, 512), (20, 900), (60, 900), (99, 900)]
        {
            let (failures, at) = after(count, NOW, Duration::ZERO);
            assert_eq!(Failures::delay(Some(failures), 0, at), Duration::from_secs(seconds), "{count} failures");
        }
        assert_eq!(Failures::delay(None, 0, NOW), Duration::ZERO);
    }

    #[test]
    fn failures_are_forgotten_one_by_one_but_not_the_row() {
        let (failures, at) = after(12, NOW, Duration::ZERO);
        let later = at + FORGET_ONE_AFTER * 3;
        assert_eq!(Failures::delay(Some(failures), 0, later), Duration::ZERO);
        let again = Failures::after_failure(Some(failures), later, FORGET_ONE_AFTER);
        assert_eq!(Failures::delay(Some(again), 0, later), FIRST_DELAY, "nine of twelve are left, and one is new");
        assert_eq!(again.in_a_row, 13);
        let (steady, at) = after(100, NOW, FORGET_ONE_AFTER * 2);
        assert_eq!(Failures::delay(Some(steady), 0, at), Duration::ZERO);
        assert!(steady.is_exhausted());
    }

    #[test]
    fn attempts_in_flight_count_as_failures() {
        assert_eq!(Failures::delay(None, 9, NOW), Duration::ZERO);
        assert_eq!(Failures::delay(None, 10, NOW), FIRST_DELAY);
        let (failures, at) = after(9, NOW, Duration::ZERO);
        assert_eq!(Failures::delay(Some(failures), 0, at), Duration::ZERO);
        assert_eq!(Failures::delay(Some(failures), 1, at), FIRST_DELAY);
        let (slow, at) = after(98, NOW, FORGET_ONE_AFTER * 2);
        assert_eq!(Failures::delay(Some(slow), 1, at), Duration::ZERO);
        assert_eq!(Failures::delay(Some(slow), 2, at), FIRST_DELAY, "two in flight use up the row");
    }

    #[test]
    fn corrected_clock_delays_for_no_longer_than_the_maximum() {
        let (failures, _) = after(30, NOW, Duration::ZERO);
        let earlier = NOW - Duration::from_secs(60);
        assert_eq!(Failures::delay(Some(failures), 0, earlier), MAX_DELAY);
        let day_before = NOW - Duration::from_secs(24 * 60 * 60);
        assert_eq!(Failures::delay(Some(failures), 0, day_before), Duration::ZERO);
        let step = Duration::from_secs(18);
        assert_eq!(Failures::network_delay(Some(failures), 0, day_before, 50, step), Duration::ZERO);
    }

    #[test]
    fn network_gets_its_attempts_back_one_by_one() {
        let step = Duration::from_secs(18);
        let (mut failures, mut at) = (None, NOW);
        for _ in 0..50 {
            assert_eq!(Failures::network_delay(failures, 0, at, 50, step), Duration::ZERO);
            failures = Some(Failures::after_failure(failures, at, step));
        }
        assert_eq!(Failures::network_delay(failures, 0, at, 50, step), step);
        at = at + step;
        assert_eq!(Failures::network_delay(failures, 0, at, 50, step), Duration::ZERO);
        assert_eq!(Failures::network_delay(failures, 1, at, 50, step), step);
        assert_eq!(Failures::network_delay(None, 49, at, 50, step), Duration::ZERO);
        assert_eq!(Failures::network_delay(None, 50, at, 50, step), step);
    }
}
