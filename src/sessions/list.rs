//! Lists: a user's sessions for the user, and all sessions for an operator.

use std::{fmt, str::FromStr};

use super::{Sessions, model::SessionRecord, queries};
use crate::{
    clock::Timestamp,
    db::{SessionId, UserId},
    error::Result,
};

/// Ended sessions per page.
const HISTORY_PAGE_ROWS: u8 = 20;

/// The start of the year 10000, in microseconds since 1970.
const YEAR_10000_MICROS: i64 = 253_402_300_800_000_000;

/// Where a page of history begins: after this session. URLs carry it as text.
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
        // A URL may hold anything, but the columns hold no year of more than four digits.
        let micros = micros.parse().ok().filter(|micros| (0..YEAR_10000_MICROS).contains(micros)).ok_or(())?;
        Ok(Self { ended_at: Timestamp::from_micros(micros), id: id.parse().map_err(|_| ())? })
    }
}

/// One page of a user's ended sessions.
#[derive(Debug, Clone)]
pub struct HistoryPage {
    /// The sessions, the latest end first.
    pub records: Vec<SessionRecord>,
    /// Where the next page begins; `None` on the last page.
    pub older: Option<HistoryCursor>,
}

impl Sessions {
    /// Lists a user's live sessions, the most recently active first. Like the check of a request, it reads the tables
    /// each time.
    pub async fn live_of(&self, user: UserId) -> Result<Vec<SessionRecord>> {
        let key = queries::UserAt { user, now: self.clock.now() };
        Ok(self.live_by_user.find(key).await?.unwrap_or_default())
    }

    /// Reads a page of a user's ended sessions. A page costs the same however long the history is.
    pub async fn history_of(&self, user: UserId, after: Option<HistoryCursor>) -> Result<HistoryPage> {
        let after = after.map(|cursor| (cursor.ended_at, cursor.id));
        let limit = i64::from(HISTORY_PAGE_ROWS) + 1;
        let mut records = self.db.read(move |connection| queries::ended_of(connection, user, after, limit)).await?;
        let more = records.len() > usize::from(HISTORY_PAGE_ROWS);
        records.truncate(usize::from(HISTORY_PAGE_ROWS));
        let last = records.last().filter(|_| more);
        let older = last.and_then(|record| Some(HistoryCursor { ended_at: record.logged_out_at?, id: record.id }));
        Ok(HistoryPage { records, older })
    }

    /// Finds one of a user's sessions, active or ended.
    pub async fn find_own(&self, user: UserId, id: SessionId) -> Result<Option<SessionRecord>> {
        self.db.read(move |connection| queries::find_own(connection, user, id)).await
    }

    /// Lists all sessions or one user's, for an operator: the active ones, or with `ended` the ended ones.
    pub async fn list(&self, user: Option<UserId>, ended: bool) -> Result<Vec<SessionRecord>> {
        self.db.read(move |connection| queries::list(connection, user, ended)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_cursor_parses_only_its_own_text() {
        let cursor = HistoryCursor { ended_at: Timestamp::from_micros(1_769_687_414_000_001), id: SessionId::random() };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "1", "1.2", "x.550e8400-e29b-41d4-a716-446655440000", "' OR 1=1"] {
            assert_eq!(text.parse::<HistoryCursor>(), Err(()), "{text}");
        }
        for micros in [i64::MIN, -1, YEAR_10000_MICROS, i64::MAX] {
            let text = format!("{micros}.550e8400-e29b-41d4-a716-446655440000");
            assert_eq!(text.parse::<HistoryCursor>(), Err(()), "{text}");
        }
    }
}
