//! Pages of events, and following them.

use super::{
    event::{EventCursor, NewEvent, SecurityEvent},
    filter::{EventFilter, PageStart},
    queries,
    record::record,
};
use crate::{
    clock::Clock,
    db::{Database, UserId},
    error::Result,
};

/// Events per page.
const PAGE_ROWS: i64 = 50;

/// Events that are read at a time by a reader that follows them.
const FOLLOW_ROWS: i64 = 1000;

/// The security events of one database.
#[derive(Clone)]
pub struct Events {
    pub(super) db: Database,
    pub(super) clock: Clock,
}

/// A page of events, the newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// The events.
    pub events: Vec<SecurityEvent>,
    /// Where the next page begins; `None` on the last one.
    pub older: Option<i64>,
}

impl Events {
    /// The events of `db`, with times from `clock`.
    pub fn new(db: Database, clock: Clock) -> Self {
        Self { db, clock }
    }

    /// Up to 50 events, the newest first; those before the id `before`, if it is given.
    pub async fn newest(&self, filter: EventFilter, before: Option<i64>) -> Result<EventPage> {
        let start = before.map_or(PageStart::Newest, PageStart::Before);
        let mut events =
            self.db.read(move |connection| queries::page(connection, filter, start, PAGE_ROWS + 1)).await?;
        let rows = usize::try_from(PAGE_ROWS).unwrap_or(usize::MAX);
        let has_older = events.len() > rows;
        events.truncate(rows);
        let older = events.last().map(|event| event.id).filter(|_| has_older);
        Ok(EventPage { events, older })
    }

    /// The next events after the id `after`, the oldest first, at most 1000. One that commits later than a greater id is
    /// missed; see [`next_after`](Self::next_after).
    pub async fn page_after(&self, filter: EventFilter, after: i64) -> Result<Vec<SecurityEvent>> {
        let start = PageStart::After(after);
        self.db.read(move |connection| queries::page(connection, filter, start, FOLLOW_ROWS)).await
    }

    /// The next events of all accounts after the cursor, at most 1000, and the cursor after them. Read from cursor to
    /// cursor, none is missed and none comes twice, in whatever order transactions commit: on PostgreSQL, an event is
    /// returned once all older transactions have ended.
    pub async fn next_after(&self, cursor: EventCursor) -> Result<(Vec<SecurityEvent>, EventCursor)> {
        let events = self.db.read(move |connection| queries::next_after(connection, cursor, FOLLOW_ROWS)).await?;
        let cursor = events.last().map_or(cursor, SecurityEvent::cursor);
        Ok((events, cursor))
    }

    /// The cursor after all events that could be read by now.
    pub async fn current_cursor(&self) -> Result<EventCursor> {
        self.db.read(queries::current_cursor).await
    }

    /// The id of the latest event that has changed an account's list of sessions; 0 if there is none.
    pub async fn newest_list_change(&self, user: UserId) -> Result<i64> {
        self.db.read(move |connection| queries::newest_list_change(connection, user)).await
    }

    /// Writes an event in a transaction of its own. For one that tells of no change, such as a refused form.
    pub async fn write(&self, event: NewEvent) -> Result<()> {
        let now = self.clock.now();
        self.db.transaction(move |connection| record(connection, event.clone(), now)).await
    }
}
