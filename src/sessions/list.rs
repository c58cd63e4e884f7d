//! Lists: what a user sees of their sessions, and an operator of everybody's.

use std::{fmt, str::FromStr};

use super::{Sessions, model::SessionRecord, queries};
use crate::{
    clock::Timestamp,
    db::{SessionId, UserId},
    error::Result,
};

/// How many ended sessions a page shows.
const PAGE: u8 = 20;

/// In microseconds since 1970.
const YEAR_10000: i64 = 253_402_300_800_000_000;

/// Where a page of history begins: after the session that ended then. Its text stands in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryCursor {
    ended_at: Timestamp,
    id: SessionId,
}

impl fmt::Display for HistoryCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.ended_at.as_micros(), self.id)
    }
}

impl FromStr for HistoryCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (micros, id) = text.split_once('.').ok_or(())?;
        // Anybody can write a URL; the columns hold no time that has more than four digits to its year.
        let micros = micros.parse().ok().filter(|micros| (0..YEAR_10000).contains(micros)).ok_or(())?;
        Ok(Self { ended_at: Timestamp::from_micros(micros), id: id.parse().map_err(|_| ())? })
    }
}

/// One page of a user's ended sessions.
#[derive(Debug, Clone)]
pub struct HistoryPage {
    /// The latest end first.
    pub records: Vec<SessionRecord>,
    /// Where the next page begins, if there is one.
    pub older: Option<HistoryCursor>,
}

impl Sessions {
    /// A user's live sessions, the most recently active first: like the check of a request, read from the tables each time.
    pub async fn active_of(&self, user: UserId) -> Result<Vec<SessionRecord>> {
        let whose = queries::Whose { user, now: self.clock.now() };
        Ok(self.lists.find(whose).await?.unwrap_or_default())
    }

    /// A user's ended sessions, a page at a time. A page costs the same however long the history is.
    pub async fn history_of(&self, user: UserId, after: Option<HistoryCursor>) -> Result<HistoryPage> {
        let after = after.map(|cursor| (cursor.ended_at, cursor.id));
        let limit = i64::from(PAGE) + 1;
        let mut records = self.db.read(move |connection| queries::ended_of(connection, user, after, limit)).await?;
        let more = records.len() > usize::from(PAGE);
        records.truncate(usize::from(PAGE));
        let last = records.last().filter(|_| more);
        let older = last.and_then(|record| Some(HistoryCursor { ended_at: record.logged_out_at?, id: record.id }));
        Ok(HistoryPage { records, older })
    }

    /// One of a user's sessions, active or ended.
    pub async fn find_own(&self, user: UserId, id: SessionId) -> Result<Option<SessionRecord>> {
        self.db.read(move |connection| queries::find_own(connection, user, id)).await
    }

    /// Every session, or one user's, for an operator.
    pub async fn list(&self, user: Option<UserId>, ended: bool) -> Result<Vec<SessionRecord>> {
        self.db.read(move |connection| queries::list(connection, user, ended)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_refuses_any_other() {
        let cursor = HistoryCursor { ended_at: Timestamp::from_micros(1_769_687_414_000_001), id: SessionId::random() };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "1", "1.2", "x.550e8400-e29b-41d4-a716-446655440000", "' OR 1=1"] {
            assert_eq!(text.parse::<HistoryCursor>(), Err(()), "{text}");
        }
        for micros in [i64::MIN, -1, YEAR_10000, i64::MAX] {
            let text = format!("{micros}.550e8400-e29b-41d4-a716-446655440000");
            assert_eq!(text.parse::<HistoryCursor>(), Err(()), "{text}");
        }
    }
}
