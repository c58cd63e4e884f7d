//! The one clock: UTC in whole microseconds.
//!
//! Every time that Keyrack writes or compares comes from this clock, never from the database, so that tests can set it.

mod iso_text;

use std::{
    fmt,
    ops::{Add, Sub},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Datelike, Timelike, Utc};

/// A date and a time of the day, to the minute.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DateAndTime {
    /// "28"
    pub day: String,
    /// From 1 to 12.
    pub month: usize,
    /// "2026"
    pub year: String,
    /// "11:50"
    pub time: String,
}

/// A point in time: microseconds since 1970-01-01T00:00:00Z, the precision of both engines' columns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Makes a time from microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// 0001-01-01T00:00:00Z
    pub const MIN: Self = Self(-62_135_596_800_000_000);

    /// 9999-12-31T23:59:59.999999Z
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// The closest time in the years 1 to 9999. A database may hold others, such as PostgreSQL's `infinity`.
    #[must_use]
    pub fn clamped(self) -> Self {
        self.clamp(Self::MIN, Self::MAX)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Parses microseconds since the Unix epoch, as a URL carries them. `None` before 1970 and after the year 9999, which
    /// no column can hold.
    pub fn parse_micros(text: &str) -> Option<Self> {
        const YEAR_10000: i64 = 253_402_300_800_000_000;
        text.parse().ok().filter(|micros| (0..YEAR_10000).contains(micros)).map(Self)
    }

    /// Parses RFC 3339 with any number of fractional digits. Digits after the sixth are dropped.
    pub fn parse(text: &str) -> Option<Self> {
        iso_text::parse_micros(text)
            .or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_micros()))
            .map(Self)
    }

    /// The time since `earlier`; zero if `earlier` is later, as after a clock was set back.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// `2026-01-29T11:50:14.000Z`, as JavaScript's `toISOString` writes it.
    pub fn to_iso_millis(self) -> String {
        iso_text::with_millis(self.utc())
    }

    /// `2026-01-29T11:50:14.000000Z`, always of the same width, so that such texts sort as times.
    pub fn to_iso_micros(self) -> String {
        iso_text::with_micros(self.utc())
    }

    /// The parts of the time in UTC that a page puts into words. Pages show many times, and `strftime` would parse its
    /// pattern for each.
    pub(crate) fn date_and_time(self) -> DateAndTime {
        let time = self.utc();
        DateAndTime {
            day: time.day().to_string(),
            month: time.month() as usize,
            year: format!("{:04}", time.year()),
            time: format!("{:02}:{:02}", time.hour(), time.minute()),
        }
    }

    /// Formats by a `strftime` pattern, in UTC.
    pub fn format(self, pattern: &str) -> String {
        self.utc().format(pattern).to_string()
    }

    /// The time, or the closest one in the years 1 to 9999, which every format can express.
    fn utc(self) -> DateTime<Utc> {
        let Self(micros) = self.clamped();
        DateTime::from_timestamp_micros(micros).unwrap_or_default()
    }
}

/// Serializes as RFC 3339 in UTC, with milliseconds.
impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_iso_millis())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_iso_micros())
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, length: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(length.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, length: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(length.as_micros()).unwrap_or(i64::MAX)))
    }
}

/// The source of the current time.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// A clock for tests that stands still until it is moved. Its clones share the time.
    Fixed(Arc<AtomicI64>),
    /// The system's clock with an error, in microseconds: for tests of a machine whose clock is wrong.
    Shifted(i64),
}

impl Clock {
    /// Makes a clock that shows `at` until [`Clock::advance`] moves it.
    pub fn fixed(at: Timestamp) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(at.as_micros())))
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp(Utc::now().timestamp_micros()),
            Self::Fixed(micros) => Timestamp(micros.load(Ordering::SeqCst)),
            Self::Shifted(error) => Timestamp(Utc::now().timestamp_micros().saturating_add(*error)),
        }
    }

    /// Moves a fixed clock forward. Does nothing to the system's clock.
    pub fn advance(&self, length: Duration) {
        if let Self::Fixed(micros) = self {
            micros.store((self.now() + length).as_micros(), Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_text_has_one_width_and_sorts_as_time() {
        let early = Timestamp::parse("2026-01-29T11:50:14.000Z").unwrap();
        let late = Timestamp::parse("2026-01-29T13:50:14.000001+02:00").unwrap();
        assert_eq!(early.to_iso_micros(), "2026-01-29T11:50:14.000000Z");
        assert_eq!(late.as_micros() - early.as_micros(), 1);
        assert!(early.to_iso_micros() < late.to_iso_micros());
        assert_eq!(early.to_iso_millis(), "2026-01-29T11:50:14.000Z");
    }

    #[test]
    fn times_beyond_year_9999_are_shown_as_its_end() {
        for late in [i64::MAX, 253_402_300_800_000_000] {
            assert_eq!(Timestamp(late).to_iso_micros(), "9999-12-31T23:59:59.999999Z");
        }
        assert_eq!(Timestamp(i64::MIN).to_iso_micros(), "0001-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp(i64::MAX).date_and_time().year, "9999");
    }

    #[test]
    fn iso_text_matches_strftime() {
        let moments = [0, -1, 999_999, 951_782_400_000_000, 253_402_300_799_999_999, 253_402_300_800_000_000, i64::MIN];
        for time in moments.map(Timestamp) {
            assert_eq!(time.to_iso_micros(), time.format("%Y-%m-%dT%H:%M:%S%.6fZ"));
            assert_eq!(time.to_iso_millis(), time.format("%Y-%m-%dT%H:%M:%S%.3fZ"));
        }
    }

    #[test]
    fn written_times_are_read_as_they_were() {
        let day = 86_400_000_000;
        let moments = (-719_162 * day..=2_932_896 * day).step_by(86_400_000_000 * 7 + 12_345_678_901);
        for time in moments.map(Timestamp) {
            let text = time.to_iso_micros();
            assert_eq!(iso_text::parse_micros(&text), Some(time.as_micros()), "{text}");
            assert_eq!(DateTime::parse_from_rfc3339(&text).unwrap().timestamp_micros(), time.as_micros(), "{text}");
        }
    }

    #[test]
    fn other_texts_are_read_as_by_the_general_parser() {
        let general = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_micros());
        let written = "2026-01-29T11:50:14.123456Z";
        for (at, byte) in written.bytes().enumerate() {
            for other in (b' '..=b'~').filter(|other| *other != byte) {
                let mut text = written.as_bytes().to_vec();
                text[at] = other;
                let text = String::from_utf8(text).unwrap();
                assert_eq!(Timestamp::parse(&text).map(Timestamp::as_micros), general(&text), "{text}");
            }
        }
        let invalid = ["", "2026-02-30T00:00:00.000000Z", "2026-01-29T24:00:00.000000Z", "2026-01-29T11:50:14.1234äZ"];
        for text in invalid {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn date_and_time_match_strftime() {
        for month in 0..12 {
            let time = Timestamp((month * 31 + 3) * 86_400_000_000 + 42_000_000 * 60);
            let DateAndTime { day, month, year, time: minute } = time.date_and_time();
            assert_eq!(format!("{day} {month} {year} {minute}"), time.format("%-d %-m %Y %H:%M"));
        }
        assert_eq!(Timestamp(i64::MIN).date_and_time().year, "0001");
    }

    #[test]
    fn since_a_later_time_is_zero() {
        let clock = Clock::fixed(Timestamp::from_micros(5_000_000));
        let before = clock.now();
        clock.advance(Duration::from_secs(3));
        assert_eq!(clock.now().since(before), Duration::from_secs(3));
        assert_eq!(before.since(clock.now()), Duration::ZERO);
    }
}
