//! Lists: a user's sessions for the user, and all sessions for an operator.

use std::{fmt, num::NonZeroU32, str::FromStr};

use parking_lot::Mutex;

use super::{
    Sessions,
    addresses::UsedAddress,
    model::SessionRecord,
    queries::{self, UserAt},
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId},
    error::{Error, Result},
};

/// Up to this number of a user's live sessions, each is checked when they are counted.
const MAX_COUNTED_EXACTLY: i64 = 1000;

/// Where a page of a list begins: after this session. URLs carry it as text. It contains the session's id and, in a list
/// that is sorted by time, its time of activity or end, all of which the page before shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageCursor {
    at: Option<Timestamp>,
    id: SessionId,
}

impl fmt::Display for PageCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "{}.{}", at.as_micros(), self.id),
            None => write!(f, "{}", self.id),
        }
    }
}

impl FromStr for PageCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, id) = match text.split_once('.') {
            Some((micros, id)) => (Some(Timestamp::parse_micros(micros).ok_or(())?), id),
            None => (None, text),
        };
        Ok(Self { at, id: id.parse().map_err(|_| ())? })
    }
}

/// One page of a user's ended sessions.
#[derive(Debug, Clone)]
pub struct HistoryPage {
    /// The sessions, the latest end first.
    pub records: Vec<SessionRecord>,
    /// Where the next page begins; `None` on the last page.
    pub older: Option<PageCursor>,
}

/// One page of a user's live sessions.
#[derive(Debug, Clone)]
pub struct LivePage {
    /// The sessions: the most recently active first, or in the order of their ids if there are more than 500.
    pub records: Vec<SessionRecord>,
    /// How many live sessions the user has; `None` if there are more than 500.
    pub count: Option<usize>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<PageCursor>,
}

/// A page of a user's devices, as one of their sessions sees it.
#[derive(Debug, Clone)]
pub struct DevicePage {
    /// The session that looks; only on the first page.
    pub this: Option<SessionRecord>,
    /// The other sessions, in the order of [`LivePage::records`].
    pub others: Vec<SessionRecord>,
    /// Whether the list is in the order of activity.
    pub is_sorted: bool,
    /// How many live sessions the user has, at most [`Sessions::MAX_COUNTED`].
    pub count: usize,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<PageCursor>,
}

impl Sessions {
    /// Maximum number that counts of sessions return: counting goes on for no longer.
    pub const MAX_COUNTED: usize = 100_000;

    /// Reads a page of a user's live sessions. Like the check of a request, it reads the tables each time, and never more
    /// than 501 sessions: for longer lists, it does not sort by activity.
    pub async fn live_of(&self, user: UserId, after: Option<PageCursor>) -> Result<LivePage> {
        let key = UserAt { user, now: self.clock.now() };
        let all = match after {
            // From a list that was not sorted.
            Some(PageCursor { at: None, id }) => return self.live_by_id(key, Some(id)).await,
            _ => match self.live_by_user.find(key).await? {
                Some(all) => all,
                None => self.db.read(move |connection| queries::live_of_one(connection, key)).await?,
            },
        };
        if all.len() > usize::from(queries::MAX_SORTED) {
            return self.live_by_id(key, after.map(|after| after.id)).await;
        }
        let count = Some(all.len());
        let place = |record: &SessionRecord| (record.last_seen_at, record.id);
        let is_on_page = |record: &SessionRecord| match after {
            Some(PageCursor { at: Some(at), id }) => place(record) < (at, id),
            _ => true,
        };
        let rest = all.into_iter().filter(is_on_page).collect();
        let (records, next) = first_page(rest, |last| Some(PageCursor { at: Some(last.last_seen_at), id: last.id }));
        Ok(LivePage { records, count, next })
    }

    async fn live_by_id(&self, key: UserAt, after: Option<SessionId>) -> Result<LivePage> {
        let rows = self.db.read(move |connection| queries::live_by_id(connection, key, after)).await?;
        let (records, next) = first_page(rows, |last| Some(PageCursor { at: None, id: last.id }));
        Ok(LivePage { records, count: None, next })
    }

    /// Reads a page of a user's devices for the session `this`. If the user has more sessions than the limit, those
    /// beyond it end: an Express application may have started them.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] if `this` has ended meanwhile.
    pub async fn devices_of(&self, user: UserId, this: SessionId, after: Option<PageCursor>) -> Result<DevicePage> {
        let mut page = self.live_of(user, after).await?;
        let is_over =
            |max: NonZeroU32| page.count.is_none_or(|count| u32::try_from(count).is_ok_and(|n| n > max.get()));
        if self.policy.max_sessions.is_some_and(is_over) && self.enforce_limit(user, Some(this)).await? > 0 {
            page = self.live_of(user, after).await?;
        }
        let LivePage { records, count, next } = page;
        let is_sorted = count.is_some();
        let count = match count {
            Some(count) => count,
            None => self.count_live_of(user).await?,
        };
        let (own, others): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| record.id == this);
        let this = match own.into_iter().next() {
            _ if after.is_some() => None,
            Some(own) => Some(own),
            None => Some(self.find_own_live(user, this).await?),
        };
        Ok(DevicePage { this, others, is_sorted, count, next })
    }

    /// Finds a session that others are ahead of in the list.
    async fn find_own_live(&self, user: UserId, this: SessionId) -> Result<SessionRecord> {
        let record = self.find_own(user, this).await?;
        record.filter(|record| record.logged_out_at.is_none()).ok_or(Error::SessionEnded)
    }

    /// Counts a user's live sessions, at most [`MAX_COUNTED`](Self::MAX_COUNTED). Above a thousand, sessions that have
    /// expired since the last purge count as well.
    pub async fn count_live_of(&self, user: UserId) -> Result<usize> {
        let key = UserAt { user, now: self.clock.now() };
        let max = i64::try_from(Self::MAX_COUNTED).unwrap_or(i64::MAX);
        self.db.read(move |connection| queries::count_live(connection, key, MAX_COUNTED_EXACTLY, max)).await
    }

    /// Reads a page of a user's ended sessions. A page costs the same however long the history is.
    pub async fn history_of(&self, user: UserId, after: Option<PageCursor>) -> Result<HistoryPage> {
        let after = after.and_then(|cursor| Some((cursor.at?, cursor.id)));
        let find = move |connection: &mut _| queries::ended_of(connection, user, after, queries::ROWS_TO_READ);
        let (records, older) = first_page(self.db.read(find).await?, |last| {
            Some(PageCursor { at: Some(last.logged_out_at?), id: last.id })
        });
        Ok(HistoryPage { records, older })
    }

    /// Finds one of a user's sessions, active or ended.
    pub async fn find_own(&self, user: UserId, id: SessionId) -> Result<Option<SessionRecord>> {
        self.db.read(move |connection| queries::find_own(connection, user, id)).await
    }

    /// Finds a session, alive or ended, if it is the user's, within a transaction.
    pub(crate) fn find_own_within(
        connection: &mut DbConnection,
        user: UserId,
        id: SessionId,
    ) -> Result<Option<SessionRecord>> {
        queries::find_own(connection, user, id)
    }

    /// The addresses that one of a user's sessions was used from, the latest first.
    pub async fn addresses_of(&self, user: UserId, id: SessionId) -> Result<Vec<UsedAddress>> {
        self.db.read(move |connection| queries::used_addresses(connection, user, id)).await
    }

    /// Those of these sessions that are the user's, alive or ended.
    pub async fn find_all_own(&self, user: UserId, ids: Vec<SessionId>) -> Result<Vec<SessionRecord>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.db.read(move |connection| queries::find_all_own(connection, user, &ids)).await
    }

    /// Lists all sessions or one user's, for an operator, the latest first: the active ones, or with `ended` the ended
    /// ones. Calls `each` with one batch after the other, however many there are, until it returns false.
    pub async fn list(
        &self,
        user: Option<UserId>,
        ended: bool,
        each: impl FnMut(Vec<SessionRecord>) -> bool + Send + 'static,
    ) -> Result<()> {
        let state = Mutex::new((each, false));
        self.db
            .read(move |connection| {
                let mut state = state.lock();
                let (each, has_begun) = &mut *state;
                // A read may be repeated on another connection, which would list some sessions twice.
                if *has_begun {
                    return Err(Error::Unavailable(anyhow::anyhow!("the connection was lost during the list")));
                }
                queries::list(connection, user, ended, |batch| {
                    *has_begun = true;
                    each(batch)
                })
            })
            .await
    }
}

/// Cuts the rows after the first page, and returns where the next page begins if there were any.
fn first_page(
    mut records: Vec<SessionRecord>,
    cursor: impl Fn(&SessionRecord) -> Option<PageCursor>,
) -> (Vec<SessionRecord>, Option<PageCursor>) {
    let rows = usize::from(queries::PAGE_ROWS);
    let has_more = records.len() > rows;
    records.truncate(rows);
    let next = records.last().filter(|_| has_more).and_then(cursor);
    (records, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_cursor_parses_only_its_own_text() {
        let cursor = PageCursor { at: Some(Timestamp::from_micros(1_769_687_414_000_001)), id: SessionId::random() };
        for cursor in [cursor, PageCursor { at: None, ..cursor }] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for text in ["", "1", "1.2", "x.550e8400-e29b-41d4-a716-446655440000", "' OR 1=1"] {
            assert_eq!(text.parse::<PageCursor>(), Err(()), "{text}");
        }
        for micros in [i64::MIN, -1, 253_402_300_800_000_000, i64::MAX] {
            let text = format!("{micros}.550e8400-e29b-41d4-a716-446655440000");
            assert_eq!(text.parse::<PageCursor>(), Err(()), "{text}");
        }
    }
}
