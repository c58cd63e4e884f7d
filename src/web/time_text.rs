//! Times in words, as pages show them.

use std::time::Duration;

use crate::clock::Timestamp;

/// A time, ready to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TimeText {
    /// "5 minutes ago"
    pub text: String,
    /// "24 November 2026, 06:34 UTC"
    pub exact: String,
    /// For the `datetime` attribute.
    pub iso: String,
}

impl TimeText {
    fn new(time: Timestamp, text: String) -> Self {
        Self { text, exact: time.to_words(), iso: time.to_iso_millis() }
    }

    /// "3 days ago", "just now"
    pub fn ago(time: Timestamp, now: Timestamp) -> Self {
        let text = length(now.since(time)).map_or_else(|| "just now".to_owned(), |length| format!("{length} ago"));
        Self::new(time, text)
    }

    /// "in 23 hours"
    pub fn ahead(time: Timestamp, now: Timestamp) -> Self {
        let text = length(to_nearest_hour(time.since(now)))
            .map_or_else(|| "in a moment".to_owned(), |length| format!("in {length}"));
        Self::new(time, text)
    }

    /// "Active now", "Active 5 minutes ago", "Inactive for 90+ days". Activity is recorded once per minute, so the text
    /// is no finer.
    pub fn activity(time: Timestamp, now: Timestamp) -> Self {
        const NOW: Duration = Duration::from_secs(3 * 60);
        const LONG: Duration = Duration::from_secs(90 * 24 * 3600);
        let idle = now.since(time);
        let text = match length(idle) {
            Some(_) if idle >= LONG => "Inactive for 90+ days".to_owned(),
            Some(length) if idle > NOW => format!("Active {length} ago"),
            _ => "Active now".to_owned(),
        };
        Self::new(time, text)
    }
}

/// Rounds times that are hours ahead to the nearest hour, so that a session of a day ends in 1 day, not in 23 hours.
fn to_nearest_hour(length: Duration) -> Duration {
    const HOUR: u64 = 3600;
    let seconds = length.as_secs();
    if seconds < HOUR { length } else { Duration::from_secs((seconds + HOUR / 2) / HOUR * HOUR) }
}

/// The length in its largest unit, rounded down; `None` below a minute.
fn length(length: Duration) -> Option<String> {
    const UNITS: [(u64, &str); 3] = [(24 * 3600, "day"), (3600, "hour"), (60, "minute")];
    let seconds = length.as_secs();
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| seconds >= *unit)?;
    let count = seconds / unit;
    Some(format!("{count} {name}{}", if count == 1 { "" } else { "s" }))
}

/// "1 active session", "3 active sessions", "12,345 active sessions"
pub(super) fn count_text(count: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Like [`count_text`] for a count that stopped at `max`: "100,000+ active sessions".
pub(super) fn count_text_up_to(count: usize, max: usize, noun: &str) -> String {
    if count < max { count_text(count, noun) } else { format!("{}+ {noun}s", grouped(max)) }
}

/// A number with commas between its groups of three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_769_601_014_000_000);

    #[test]
    fn time_is_shown_in_its_largest_unit() {
        let ago = |seconds| TimeText::ago(NOW - Duration::from_secs(seconds), NOW).text;
        assert_eq!([ago(0), ago(59), ago(60), ago(7_199)], ["just now", "just now", "1 minute ago", "1 hour ago"]);
        assert_eq!(ago(3 * 86_400), "3 days ago");
        let ahead = |seconds| TimeText::ahead(NOW + Duration::from_secs(seconds), NOW).text;
        assert_eq!([ahead(23 * 3600 + 100), ahead(24 * 3600 - 1)], ["in 23 hours", "in 1 day"]);
        assert_eq!([ahead(59 * 60), ahead(30)], ["in 59 minutes", "in a moment"]);
        assert_eq!(TimeText::ago(NOW, NOW).exact, "28 January 2026, 11:50 UTC");
    }

    #[test]
    fn count_is_shown_with_grouped_digits() {
        let text = |count| count_text_up_to(count, 100_000, "session");
        assert_eq!([text(0), text(1), text(999)], ["0 sessions", "1 session", "999 sessions"]);
        assert_eq!([text(1_234), text(99_999)], ["1,234 sessions", "99,999 sessions"]);
        assert_eq!([text(100_000), count_text(1_000_000, "session")], ["100,000+ sessions", "1,000,000 sessions"]);
    }

    #[test]
    fn activity_is_shown_in_minutes_or_coarser() {
        let activity = |seconds| TimeText::activity(NOW - Duration::from_secs(seconds), NOW).text;
        assert_eq!([activity(0), activity(180)], ["Active now", "Active now"]);
        assert_eq!([activity(181), activity(300)], ["Active 3 minutes ago", "Active 5 minutes ago"]);
        assert_eq!(activity(91 * 86_400), "Inactive for 90+ days");
        assert_eq!(TimeText::activity(NOW + Duration::from_secs(60), NOW).text, "Active now");
    }
}
