//! Finds the active sessions of a user, or of all users, page by page.

use diesel::prelude::*;

use super::status::{ACTIVE, LOGGED_OUT};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, MultiBackend, SessionId, UserId,
        schema::sessions,
        schema::types::SqlTime,
        sql::{LoadReadable, Page},
    },
    error::{Error, Result},
    sessions::model::EndReason,
};

/// So many rows that can't be read are passed over where one row is searched for.
const MAX_UNREADABLE_ROWS: i64 = 20;

/// The sessions that end together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sessions) enum EndScope {
    /// All sessions of this user except one.
    OthersOf(UserId, SessionId),
    /// All sessions of this user.
    AllOf(UserId),
    /// The sessions of this user that were last active at this time or before, except one.
    InactiveOf(UserId, LastActive, Option<SessionId>),
    /// All sessions of all users.
    Everyone,
}

/// The place of a session in the order of activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sessions) struct LastActive {
    pub last_seen_at: Timestamp,
    pub id: SessionId,
}

impl EndScope {
    fn user(self) -> Option<UserId> {
        match self {
            Self::OthersOf(user, _) | Self::AllOf(user) | Self::InactiveOf(user, ..) => Some(user),
            Self::Everyone => None,
        }
    }
}

/// A page of active sessions.
pub(in crate::sessions) struct ActivePage {
    pub active: Vec<SessionId>,
    /// Where the next page begins; `None` on the last page.
    pub last: Option<SessionId>,
}

/// Reads the active sessions of `scope` that started until `started_until`, after the id `after`. Reads at most `limit`
/// sessions, however many there are.
pub(in crate::sessions) fn find_active(
    connection: &mut DbConnection,
    scope: EndScope,
    after: Option<SessionId>,
    started_until: Option<Timestamp>,
    limit: usize,
) -> Result<ActivePage> {
    let page = match scope.user() {
        Some(user) => find_of_user(connection, scope, user, after, started_until, limit)?,
        None => find_of_all(connection, after, limit)?,
    };
    let last = page.rows.last().map(|(id, ..)| *id).filter(|_| page.len() >= limit);
    let rows = page.rows.into_iter().map(Row::from);
    let is_wanted = |row: &Row| row.is_active && started_until.is_none_or(|until| row.created_at <= until);
    Ok(ActivePage { active: rows.filter(is_wanted).map(|row| row.id).collect(), last })
}

struct Row {
    id: SessionId,
    is_active: bool,
    created_at: Timestamp,
}

type Columns = (SessionId, String, SqlTime);

impl From<Columns> for Row {
    fn from((id, status, created_at): Columns) -> Self {
        Self { id, is_active: status == ACTIVE, created_at: created_at.into() }
    }
}

/// In the order of the index by user. The time of an end, which comes before the id there, is NULL for active sessions.
fn find_of_user(
    connection: &mut DbConnection,
    scope: EndScope,
    user: UserId,
    after: Option<SessionId>,
    started_until: Option<Timestamp>,
    limit: usize,
) -> Result<Page<Columns>> {
    let mut query = sessions::table
        .filter(sessions::user_id.eq(user))
        .filter(sessions::status.eq(ACTIVE))
        .order((sessions::logged_out_at, sessions::id))
        .limit(row_count(limit)?)
        .select((sessions::id, sessions::status, sessions::created_at))
        .into_boxed::<MultiBackend>();
    if let EndScope::OthersOf(_, this) | EndScope::InactiveOf(_, _, Some(this)) = scope {
        query = query.filter(sessions::id.ne(this));
    }
    if let EndScope::InactiveOf(_, LastActive { last_seen_at, id }, _) = scope {
        let at = SqlTime::from(last_seen_at);
        let is_inactive = sessions::last_seen_at.lt(at).or(sessions::last_seen_at.eq(at).and(sessions::id.le(id)));
        query = query.filter(is_inactive);
    }
    if let Some(until) = started_until {
        query = query.filter(sessions::created_at.le(SqlTime::from(until)));
    }
    if let Some(after) = after {
        query = query.filter(sessions::logged_out_at.is_null()).filter(sessions::id.gt(after));
    }
    Ok(query.load_page(connection)?)
}

/// In the order of the ids, ended sessions included, so that a page costs the same however many have ended.
fn find_of_all(connection: &mut DbConnection, after: Option<SessionId>, limit: usize) -> Result<Page<Columns>> {
    let mut query = sessions::table
        .order(sessions::id)
        .limit(row_count(limit)?)
        .select((sessions::id, sessions::status, sessions::created_at))
        .into_boxed::<MultiBackend>();
    if let Some(after) = after {
        query = query.filter(sessions::id.gt(after));
    }
    Ok(query.load_page(connection)?)
}

/// The start of the user's latest active session.
pub(in crate::sessions) fn latest_start(connection: &mut DbConnection, user: UserId) -> Result<Option<Timestamp>> {
    let active = sessions::table.filter(sessions::user_id.eq(user)).filter(sessions::status.eq(ACTIVE));
    // A text that is no time may come before all times.
    let latest = active.order(sessions::created_at.desc()).limit(MAX_UNREADABLE_ROWS).select(sessions::created_at);
    let latest: Vec<SqlTime> = latest.load_readable(connection)?;
    Ok(latest.first().copied().map(Timestamp::from))
}

/// Counts the user's active sessions, except `this`, that started until `started_until`. Counts at most `max`.
pub(in crate::sessions) fn count_others(
    connection: &mut DbConnection,
    user: UserId,
    this: SessionId,
    started_until: Timestamp,
    max: usize,
) -> Result<usize> {
    let others = sessions::table
        .filter(sessions::user_id.eq(user))
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::id.ne(this))
        .filter(sessions::created_at.le(SqlTime::from(started_until)))
        .limit(row_count(max)?)
        .select(sessions::id);
    // One that can't be read is not ended either, so it must not be waited for.
    Ok(others.load_readable::<SessionId>(connection)?.len())
}

/// Counts the user's sessions that have ended for this reason since then. Counts at most `max`.
pub(in crate::sessions) fn count_ended_since(
    connection: &mut DbConnection,
    user: UserId,
    reason: EndReason,
    since: Timestamp,
    max: usize,
) -> Result<usize> {
    let ended = sessions::table
        .filter(sessions::user_id.eq(user))
        .filter(sessions::status.eq(LOGGED_OUT))
        .filter(sessions::end_reason.eq(reason.as_str()))
        .filter(sessions::logged_out_at.ge(SqlTime::from(since)))
        .limit(row_count(max)?)
        .select(sessions::id);
    Ok(ended.load_page::<SessionId>(connection)?.len())
}

fn row_count(count: usize) -> Result<i64> {
    i64::try_from(count).map_err(Error::internal)
}
