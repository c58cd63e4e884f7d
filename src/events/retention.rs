//! How long events are kept, as the triggers of the database enforce it.
//!
//! The retention is a setting in the database. An event is kept for the longest retention since it was recorded, so one
//! that is lowered, by Keyrack or by plain SQL, opens no event that exists. Each change is an event itself, from which the
//! triggers read the former retention.

use std::time::Duration;

use super::{event::NewEvent, kind::EventKind, queries, reader::Events, record::record, source::Source};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, settings,
        sql::{SharedTask, take_task},
    },
    error::Result,
};

/// How long events are kept, unless `KEYRACK_EVENTS_RETENTION` says otherwise: twice as long as the history of sessions,
/// so that an account's owner still sees what happened when they come back after a long absence.
pub(crate) const DEFAULT_RETENTION: Duration = Duration::from_secs(180 * 24 * 3600);

/// The shortest retention. The triggers take a shorter one for this one.
pub(crate) const MIN_RETENTION: Duration = Duration::from_secs(24 * 3600);

/// The digits of the longest number that the triggers take for a retention.
const MAX_DIGITS: usize = 10;

/// The seconds for which events are kept if the setting has this value, as the triggers read it.
fn seconds_of(value: Option<&str>) -> i64 {
    let is_number =
        |text: &&str| (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.filter(is_number).and_then(|text| text.parse().ok());
    number.map_or_else(|| in_seconds(DEFAULT_RETENTION), |seconds: i64| seconds.max(in_seconds(MIN_RETENTION)))
}

fn in_seconds(length: Duration) -> i64 {
    i64::try_from(length.max(MIN_RETENTION).as_secs()).unwrap_or(i64::MAX)
}

/// The retentions of the stored events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retentions {
    /// That of all events that are not older than the last change to a shorter one.
    pub current: Duration,
    /// The longest one of any event.
    pub longest: Duration,
    /// When the retention was last lowered to the current one, and the event that says so.
    pub lowered: Option<(Timestamp, i64)>,
}

impl Retentions {
    /// Reads them from the setting and the events about its changes.
    pub fn read(connection: &mut DbConnection) -> Result<Self> {
        let current = seconds_of(settings::events_retention(connection)?.as_deref());
        let mut longer = queries::changes_of_retention(connection)?;
        longer.retain(|change| change.former_seconds > current);
        let longest = longer.iter().map(|change| change.former_seconds).max().unwrap_or(current);
        // The last one. If its time can't be read, the events after it are kept as long as those before.
        let lowered = longer.last().and_then(|change| Some((change.at?, change.id)));
        let seconds = |number: i64| Duration::from_secs(number.unsigned_abs());
        Ok(Self { current: seconds(current), longest: seconds(longest), lowered })
    }
}

impl Events {
    /// Decides how long events are kept from now on, at least a day. Those that exist are kept for as long as before.
    pub async fn set_retention(&self, retention: Duration, source: &Source) -> Result<()> {
        self.change_retention(retention, source.clone(), |_, _| true).await.map(drop)
    }

    /// Raises the retention in the database if it is lower than this one. Logs that.
    pub(super) async fn raise_retention(&self, retention: Duration) -> Result<()> {
        let raised = self.change_retention(retention, Source::system(), |before, after| before < after).await?;
        if let Some(before) = raised {
            tracing::warn!(
                before,
                now = in_seconds(retention),
                "events_retention_seconds in keyrack_settings was lower than KEYRACK_EVENTS_RETENTION, and was raised to \
                 it: another program lowered it, or an instance or a command has a shorter one; `keyrack events` shows \
                 the changes"
            );
        }
        Ok(())
    }

    /// Raises it without a log line, for an operator who sees what was wrong.
    pub(crate) async fn restore_retention(&self, retention: Duration, source: &Source) -> Result<()> {
        self.change_retention(retention, source.clone(), |before, after| before < after).await.map(drop)
    }

    /// Changes the retention if `is_wanted` says so of the seconds before and after. Returns those before, if it was
    /// changed.
    async fn change_retention(
        &self,
        retention: Duration,
        source: Source,
        is_wanted: fn(i64, i64) -> bool,
    ) -> Result<Option<i64>> {
        let (after, now) = (in_seconds(retention), self.clock.now());
        let stored = self.db.read(settings::events_retention).await?;
        if stored.as_ref() == Some(&after.to_string()) || !is_wanted(seconds_of(stored.as_deref()), after) {
            return Ok(None);
        }
        let change = move |connection: &mut DbConnection| {
            // Two instances don't record the same change.
            take_task(connection, SharedTask::Purge)?;
            let before = seconds_of(settings::events_retention(connection)?.as_deref());
            if !is_wanted(before, after) {
                return Ok(None);
            }
            // The event first: the trigger on the settings records a change that has none.
            if before != after {
                let event =
                    NewEvent::new(EventKind::SettingChanged, &source).detail("setting", settings::EVENTS_RETENTION);
                let event = event.detail("from", before.to_string()).detail("to", after.to_string());
                record(connection, event, now)?;
            }
            settings::store_events_retention(connection, after)?;
            Ok((before != after).then_some(before))
        };
        self.db.transaction(change).await
    }
}

/// Returns the retention in the database if it is lower than the one that is expected.
pub(crate) fn find_lowered_retention(connection: &mut DbConnection, expected: Duration) -> Result<Option<Duration>> {
    let stored = seconds_of(settings::events_retention(connection)?.as_deref());
    Ok((stored < in_seconds(expected)).then(|| Duration::from_secs(stored.unsigned_abs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_the_triggers_read_them() {
        let default = in_seconds(DEFAULT_RETENTION);
        for (value, expected) in [
            (None, default),
            (Some("15552001"), 15_552_001),
            (Some("0"), 86_400),
            (Some("0000000001"), 86_400),
            (Some("9999999999"), 9_999_999_999),
            (Some("10000000000"), default),
            (Some(""), default),
            (Some("-1"), default),
            (Some("1e3"), default),
            (Some("90000.5"), default),
            (Some(" 90000"), default),
        ] {
            assert_eq!(seconds_of(value), expected, "{value:?}");
        }
    }
}
