//! Finds the sessions of a user beyond a limit.

use diesel::{OptionalExtension, dsl::exists, prelude::*};

use super::{active::LastActive, status::ACTIVE};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, MultiBackend, SessionId, UserId,
        schema::types::SqlTime,
        schema::{sessions, user_sessions, users},
        sql::LoadReadable,
    },
    error::Result,
};

/// Whether a user has more than `max` active sessions, of which some may have expired. It reads at most `max` + 1
/// entries of an index.
pub(in crate::sessions) fn has_more_active_than(connection: &mut DbConnection, user: UserId, max: u32) -> Result<bool> {
    let query = sessions::table
        .filter(sessions::user_id.eq(user))
        .filter(sessions::status.eq(ACTIVE))
        .select(sessions::id)
        .offset(i64::from(max))
        .limit(1);
    Ok(query.load_page::<SessionId>(connection)?.len() > 0)
}

/// Whether the session is active.
pub(in crate::sessions) fn is_active(connection: &mut DbConnection, id: SessionId) -> Result<bool> {
    let query = sessions::table.find(id).filter(sessions::status.eq(ACTIVE)).select(sessions::id);
    Ok(query.get_result::<SessionId>(connection).optional()?.is_some())
}

/// Finds up to `limit` of the user's live sessions that are not among the `max` most recently active ones. `keep`,
/// which must be alive, is never found, and counts as one of the `max`. It reads all of the user's sessions, and their
/// data only if some data has expired and was not purged yet: otherwise every active session's data is alive, and reading
/// it would take longer than all else.
pub(in crate::sessions) fn live_beyond(
    connection: &mut DbConnection,
    user: UserId,
    keep: Option<SessionId>,
    now: Timestamp,
    max: u32,
    limit: i64,
) -> Result<Vec<SessionId>> {
    let now = SqlTime::from(now);
    let others = i64::from(max) - i64::from(keep.is_some());
    // A random id is no session's.
    let keep = keep.unwrap_or_else(SessionId::random);
    let expired = user_sessions::table.filter(user_sessions::expire.le(now));
    let is_any_expired: bool = diesel::select(exists(expired)).get_result(connection)?;
    if !is_any_expired {
        let query = sessions::table
            .filter(sessions::user_id.eq(user))
            .filter(sessions::status.eq(ACTIVE))
            .filter(sessions::id.ne(keep))
            .filter(sessions::expires_at.gt(now))
            .order((sessions::last_seen_at.desc(), sessions::id.desc()))
            .offset(others)
            .limit(limit)
            .select(sessions::id);
        return Ok(query.load_readable(connection)?);
    }
    let query = sessions::table
        .inner_join(user_sessions::table.on(user_sessions::sid.eq(sessions::sid)))
        .filter(sessions::user_id.eq(user))
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::id.ne(keep))
        .filter(sessions::expires_at.gt(now))
        .filter(user_sessions::expire.gt(now))
        .order((sessions::last_seen_at.desc(), sessions::id.desc()))
        .offset(others)
        .limit(limit)
        .select(sessions::id);
    Ok(query.load_readable(connection)?)
}

/// Finds the live session that is the first beyond the `max` most recently active ones. It reads all of the user's
/// sessions, and their data: one that has expired for want of activity may be ahead of one that is remembered and alive.
pub(in crate::sessions) fn first_beyond(
    connection: &mut DbConnection,
    user: UserId,
    now: Timestamp,
    max: u32,
) -> Result<Option<LastActive>> {
    let now = SqlTime::from(now);
    let query = sessions::table
        .inner_join(user_sessions::table.on(user_sessions::sid.eq(sessions::sid)))
        .filter(sessions::user_id.eq(user))
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::expires_at.gt(now))
        .filter(user_sessions::expire.gt(now))
        .order((sessions::last_seen_at.desc(), sessions::id.desc()))
        .offset(i64::from(max))
        .limit(1)
        .select((sessions::last_seen_at, sessions::id));
    let row: Vec<(SqlTime, SessionId)> = query.load_readable(connection)?;
    Ok(row.into_iter().next().map(|(last_seen_at, id)| LastActive { last_seen_at: last_seen_at.into(), id }))
}

/// A user, and whether some of their sessions have to end.
pub(in crate::sessions) struct ScannedUser {
    pub id: UserId,
    /// Whether they are disabled and have an active session nevertheless.
    pub is_disabled_with_sessions: bool,
    /// Whether they have more active sessions than the limit.
    pub is_over_limit: bool,
}

type ScannedUserColumns = (UserId, Option<SqlTime>, Option<SessionId>, Option<SessionId>);

/// Reads the next page of users in the order of their ids. It reads at most `max` + 1 entries of an index for each.
pub(in crate::sessions) fn scan_users(
    connection: &mut DbConnection,
    after: Option<UserId>,
    max: Option<u32>,
    limit: i64,
) -> Result<Vec<ScannedUser>> {
    let active_beyond = |count: i64| {
        sessions::table
            .filter(sessions::user_id.eq(users::id))
            .filter(sessions::status.eq(ACTIVE))
            .select(sessions::id)
            .offset(count)
            .limit(1)
            .single_value()
    };
    let mut query = users::table
        .order(users::id)
        .limit(limit)
        .select((users::id, users::disabled_at, active_beyond(0), active_beyond(max.map_or(0, i64::from))))
        .into_boxed::<MultiBackend>();
    if let Some(after) = after {
        query = query.filter(users::id.gt(after));
    }
    let rows: Vec<ScannedUserColumns> = query.load_readable(connection)?;
    let scanned = |(id, disabled_at, first, beyond): ScannedUserColumns| ScannedUser {
        id,
        is_disabled_with_sessions: disabled_at.is_some() && first.is_some(),
        is_over_limit: max.is_some() && beyond.is_some(),
    };
    Ok(rows.into_iter().map(scanned).collect())
}
