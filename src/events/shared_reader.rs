//! Reads every event once, by one of several instances at a time.

use super::{
    event::{EventCursor, SecurityEvent},
    queries,
};
use crate::{
    db::{
        DbConnection, settings,
        sql::{SharedTask, take_task},
    },
    error::Result,
};

/// A task that needs every event once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedReader {
    task: SharedTask,
    /// The setting that keeps how far it has come.
    setting: &'static str,
}

impl SharedReader {
    /// Logs the events of other programs.
    pub(super) const LOG: Self = Self { task: SharedTask::LogEvents, setting: settings::LOGGED_EVENTS };
    /// Mails notices to the owners of accounts.
    pub const NOTICES: Self = Self { task: SharedTask::Notices, setting: settings::NOTICED_EVENTS };

    /// Whether there are events that were not taken. True as well before the first call of [`take`](Self::take).
    pub fn has_news(self, connection: &mut DbConnection) -> Result<bool> {
        match self.cursor(connection)? {
            Some(cursor) => Ok(!queries::next_after(connection, cursor, 1)?.is_empty()),
            None => Ok(true),
        }
    }

    /// Takes the next events, `limit` at most. If the transaction is committed, they don't come again. Begins with the
    /// present, if there is no cursor.
    pub fn take(self, connection: &mut DbConnection, limit: i64) -> Result<Vec<SecurityEvent>> {
        take_task(connection, self.task)?;
        let Some(cursor) = self.cursor(connection)? else {
            let cursor = queries::current_cursor(connection)?;
            self.store(connection, cursor)?;
            return Ok(Vec::new());
        };
        let events = queries::next_after(connection, cursor, limit)?;
        if let Some(last) = events.last() {
            self.store(connection, last.cursor())?;
        }
        Ok(events)
    }

    fn cursor(self, connection: &mut DbConnection) -> Result<Option<EventCursor>> {
        let parse = |text: String| {
            let (transaction_id, id) = text.split_once(' ')?;
            Some(EventCursor { transaction_id: transaction_id.parse().ok()?, id: id.parse().ok()? })
        };
        Ok(settings::read_events_cursor(connection, self.setting)?.and_then(parse))
    }

    fn store(self, connection: &mut DbConnection, cursor: EventCursor) -> Result<()> {
        let text = format!("{} {}", cursor.transaction_id, cursor.id);
        settings::store_events_cursor(connection, self.setting, &text)
    }
}
