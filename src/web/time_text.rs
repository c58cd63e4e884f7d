//! Times in words, as pages show them.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    words::{Inline, Words, push_escaped},
};

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
    fn new(words: Words, time: Timestamp, text: String) -> Self {
        Self { text, exact: exact(words, time), iso: time.to_iso_millis() }
    }

    /// "3 days ago", "just now"
    pub fn ago(words: Words, time: Timestamp, now: Timestamp) -> Self {
        Self::new(words, time, ago(words, now.since(time)).unwrap_or_else(|| words.just_now().to_owned()))
    }

    /// "in 23 hours"
    pub fn ahead(words: Words, time: Timestamp, now: Timestamp) -> Self {
        let text = match Length::of(to_nearest_hour(time.since(now))) {
            None => words.in_a_moment().to_owned(),
            Some(Length::Minutes(count)) => words.in_minutes(count),
            Some(Length::Hours(count)) => words.in_hours(count),
            Some(Length::Days(count)) => words.in_days(count),
        };
        Self::new(words, time, text)
    }

    /// "Active now", "Active 5 minutes ago", "Inactive for 90+ days". Activity is recorded once per minute, so the text
    /// is no finer.
    pub fn activity(words: Words, time: Timestamp, now: Timestamp) -> Self {
        const NOW: Duration = Duration::from_secs(3 * 60);
        const LONG: Duration = Duration::from_secs(90 * 24 * 3600);
        let idle = now.since(time);
        let text = match ago(words, idle) {
            Some(_) if idle >= LONG => words.inactive_for_long().to_owned(),
            Some(ago) if idle > NOW => words.active_ago(ago),
            _ => words.active_now().to_owned(),
        };
        Self::new(words, time, text)
    }

    /// The time as an exact one, within a sentence.
    pub fn exactly(&self) -> ExactTime<'_> {
        ExactTime(self)
    }

    fn push_element(&self, text: &str, out: &mut String) {
        out.push_str("<time datetime=\"");
        push_escaped(out, &self.iso);
        out.push_str("\" title=\"");
        push_escaped(out, &self.exact);
        out.push_str("\">");
        push_escaped(out, text);
        out.push_str("</time>");
    }
}

impl Inline for TimeText {
    fn push_html(&self, out: &mut String) {
        self.push_element(&self.text, out);
    }
}

/// Prints a time exactly: "24 November 2026, 06:34 UTC".
pub(super) struct ExactTime<'a>(&'a TimeText);

impl Inline for ExactTime<'_> {
    fn push_html(&self, out: &mut String) {
        self.0.push_element(&self.0.exact, out);
    }
}

/// "24 November 2026, 06:34 UTC"
fn exact(words: Words, time: Timestamp) -> String {
    let date = time.date_and_time();
    words.exact_time(date.day, date.month, date.year, date.time)
}

/// "5 minutes ago"; `None` below a minute.
fn ago(words: Words, length: Duration) -> Option<String> {
    Some(match Length::of(length)? {
        Length::Minutes(count) => words.minutes_ago(count),
        Length::Hours(count) => words.hours_ago(count),
        Length::Days(count) => words.days_ago(count),
    })
}

/// A length in its largest unit, rounded down.
enum Length {
    Minutes(usize),
    Hours(usize),
    Days(usize),
}

impl Length {
    /// `None` below a minute.
    fn of(length: Duration) -> Option<Self> {
        let minutes = usize::try_from(length.as_secs() / 60).unwrap_or(usize::MAX);
        match minutes {
            0 => None,
            1..60 => Some(Self::Minutes(minutes)),
            60..1440 => Some(Self::Hours(minutes / 60)),
            _ => Some(Self::Days(minutes / 1440)),
        }
    }
}

/// Rounds times that are hours ahead to the nearest hour, so that a session of a day ends in 1 day, not in 23 hours.
fn to_nearest_hour(length: Duration) -> Duration {
    const HOUR: u64 = 3600;
    let seconds = length.as_secs();
    if seconds < HOUR { length } else { Duration::from_secs((seconds + HOUR / 2) / HOUR * HOUR) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Language;

    const NOW: Timestamp = Timestamp::from_micros(1_769_601_014_000_000);
    const ENGLISH: Words = Words::new(Language::En);
    const GERMAN: Words = Words::new(Language::De);

    #[test]
    fn time_is_shown_in_its_largest_unit() {
        let ago = |seconds| TimeText::ago(ENGLISH, NOW - Duration::from_secs(seconds), NOW).text;
        assert_eq!([ago(0), ago(59), ago(60), ago(7_199)], ["just now", "just now", "1 minute ago", "1 hour ago"]);
        assert_eq!(ago(3 * 86_400), "3 days ago");
        let ahead = |seconds| TimeText::ahead(ENGLISH, NOW + Duration::from_secs(seconds), NOW).text;
        assert_eq!([ahead(23 * 3600 + 100), ahead(24 * 3600 - 1)], ["in 23 hours", "in 1 day"]);
        assert_eq!([ahead(59 * 60), ahead(30)], ["in 59 minutes", "in a moment"]);
        assert_eq!(TimeText::ago(ENGLISH, NOW, NOW).exact, "28 January 2026, 11:50 UTC");
    }

    #[test]
    fn german_times_follow_german_grammar() {
        let ago = |seconds| TimeText::ago(GERMAN, NOW - Duration::from_secs(seconds), NOW).text;
        assert_eq!([ago(0), ago(60), ago(86_400)], ["gerade eben", "vor 1 Minute", "vor 1 Tag"]);
        assert_eq!(ago(1_500 * 86_400), "vor 1.500 Tagen");
        let ahead = TimeText::ahead(GERMAN, NOW + Duration::from_secs(30 * 86_400), NOW);
        assert_eq!([ahead.text, ahead.exact], ["in 30 Tagen", "27. Februar 2026, 11:50 UTC"]);
    }

    #[test]
    fn activity_is_shown_in_minutes_or_coarser() {
        let activity = |seconds| TimeText::activity(ENGLISH, NOW - Duration::from_secs(seconds), NOW).text;
        assert_eq!([activity(0), activity(180)], ["Active now", "Active now"]);
        assert_eq!([activity(181), activity(300)], ["Active 3 minutes ago", "Active 5 minutes ago"]);
        assert_eq!(activity(91 * 86_400), "Inactive for 90+ days");
        assert_eq!(TimeText::activity(ENGLISH, NOW + Duration::from_secs(60), NOW).text, "Active now");
    }

    #[test]
    fn element_has_text_and_exact_time() {
        let time = TimeText::ago(ENGLISH, NOW - Duration::from_secs(60), NOW);
        let start = "<time datetime=\"2026-01-28T11:49:14.000Z\" title=\"28 January 2026, 11:49 UTC\">";
        assert_eq!(ENGLISH.signed_in_when(&time).0, format!("Signed in {start}1 minute ago</time>"));
        let exact = format!("{start}28 January 2026, 11:49 UTC</time> if not used");
        assert_eq!(ENGLISH.exactly_if_unused(time.exactly()).0, exact);
    }
}
