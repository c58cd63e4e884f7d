//! The pace of successful sign-ins: a token bucket per account for strangers, and one per known browser.
//!
//! Without it, a program with the right password could start sessions as fast as the server hashes. Each process keeps
//! its own buckets in memory, so that a sign-in costs no further write.

use std::{collections::HashMap, fmt, str::FromStr, sync::Arc, time::Duration};

use parking_lot::Mutex;

use super::browser_id::BrowserIdHash;
use crate::{clock::Timestamp, db::UserId};

/// How many successful sign-ins follow each other: at most `burst` at once, and one more after each `interval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInPace(Option<Limit>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limit {
    burst: u32,
    interval: Duration,
}

impl SignInPace {
    /// No limit, for load tests that sign in as one user over and over.
    pub const UNLIMITED: Self = Self(None);

    /// Allows `burst` sign-ins at once, and one more after each `interval`. At least one is allowed.
    pub fn new(burst: u32, interval: Duration) -> Self {
        Self(Some(Limit { burst: burst.max(1), interval }))
    }
}

/// Ten at once, then one every five seconds: more than people need, too few to flood the device list.
impl Default for SignInPace {
    fn default() -> Self {
        Self::new(10, Duration::from_secs(5))
    }
}

impl fmt::Display for SignInPace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Limit { burst, interval }) => write!(f, "{burst}/{}", humantime::format_duration(interval)),
            None => f.write_str("off"),
        }
    }
}

/// A text that is not a pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use BURST/INTERVAL, such as 10/5s, or off")]
pub struct InvalidSignInPace;

impl FromStr for SignInPace {
    type Err = InvalidSignInPace;

    fn from_str(text: &str) -> Result<Self, InvalidSignInPace> {
        let text = text.trim();
        if text == "off" {
            return Ok(Self::UNLIMITED);
        }
        let (burst, interval) = text.split_once('/').ok_or(InvalidSignInPace)?;
        let burst: u32 = burst.trim().parse().map_err(|_| InvalidSignInPace)?;
        let interval = humantime::parse_duration(interval.trim()).map_err(|_| InvalidSignInPace)?;
        let fits = (1..=1_000_000).contains(&burst) && !interval.is_zero() && interval <= MAX_INTERVAL;
        if fits { Ok(Self::new(burst, interval)) } else { Err(InvalidSignInPace) }
    }
}

/// The longest interval that a pace may have.
const MAX_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Who shares a pace: a known browser, or all strangers of an account (`None`).
type Line = (UserId, Option<BrowserIdHash>);

/// The buckets of this process: for each line, the time at which its bucket is full again.
#[derive(Debug, Clone)]
pub(super) struct SignInPacer {
    pace: SignInPace,
    full_at: Arc<Mutex<HashMap<Line, Timestamp>>>,
}

/// Buckets beyond which full ones are cleared away.
const MAX_IDLE_BUCKETS: usize = 10_000;

impl SignInPacer {
    pub fn new(pace: SignInPace) -> Self {
        Self { pace, full_at: Arc::default() }
    }

    /// Takes a token, for a sign-in with the right password.
    ///
    /// # Errors
    /// The time until there is one.
    pub fn take(&self, line: Line, now: Timestamp) -> Result<(), Duration> {
        let Some(Limit { burst, interval }) = self.pace.0 else { return Ok(()) };
        let mut full_at = self.full_at.lock();
        if full_at.len() >= MAX_IDLE_BUCKETS {
            full_at.retain(|_, full_at| *full_at > now);
        }
        let bucket = full_at.entry(line).or_insert(now);
        let missing = bucket.since(now);
        let wait = (missing + interval).saturating_sub(interval * burst);
        // A bucket that is emptier than empty was filled by a clock that has been corrected since.
        if !wait.is_zero() && wait <= interval {
            return Err(wait);
        }
        *bucket = if wait.is_zero() { (*bucket).max(now) + interval } else { now + interval };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_769_600_000_000_000);
    const INTERVAL: Duration = Duration::from_secs(5);

    #[test]
    fn burst_is_followed_by_one_sign_in_per_interval() {
        let pacer = SignInPacer::new(SignInPace::new(3, INTERVAL));
        let line = (UserId::random(), None);
        for _ in 0..3 {
            pacer.take(line.clone(), NOW).unwrap();
        }
        assert_eq!(pacer.take(line.clone(), NOW).unwrap_err(), INTERVAL);
        assert_eq!(pacer.take(line.clone(), NOW + Duration::from_secs(2)).unwrap_err(), Duration::from_secs(3));
        pacer.take(line.clone(), NOW + INTERVAL).unwrap();
        assert!(pacer.take(line.clone(), NOW + INTERVAL).is_err());
        for _ in 0..3 {
            pacer.take(line.clone(), NOW + INTERVAL * 10).unwrap();
        }
        assert!(pacer.take(line, NOW + INTERVAL * 10).is_err());
        pacer.take((UserId::random(), None), NOW).unwrap();
    }

    #[test]
    fn corrected_clock_does_not_stop_sign_ins() {
        let pacer = SignInPacer::new(SignInPace::new(2, INTERVAL));
        let line = (UserId::random(), None);
        for _ in 0..2 {
            pacer.take(line.clone(), NOW + Duration::from_secs(86_400)).unwrap();
        }
        pacer.take(line, NOW).unwrap();
    }

    #[test]
    fn full_buckets_are_cleared_away() {
        let pacer = SignInPacer::new(SignInPace::default());
        for _ in 0..MAX_IDLE_BUCKETS {
            pacer.take((UserId::random(), None), NOW).unwrap();
        }
        pacer.take((UserId::random(), None), NOW + Duration::from_secs(60)).unwrap();
        assert_eq!(pacer.full_at.lock().len(), 1);
    }

    #[test]
    fn pace_is_parsed_and_printed() {
        assert_eq!("10/5s".parse(), Ok(SignInPace::default()));
        assert_eq!(SignInPace::default().to_string(), "10/5s");
        assert_eq!("off".parse::<SignInPace>().unwrap().to_string(), "off");
        for text in ["", "10", "0/5s", "10/0s", "x/5s", "10/x", "10/2h", "-1/5s"] {
            assert_eq!(text.parse::<SignInPace>(), Err(InvalidSignInPace), "{text}");
        }
    }
}
