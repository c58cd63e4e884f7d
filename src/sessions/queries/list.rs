//! Lists of sessions.

use diesel::{OptionalExtension, prelude::*, sql_types::Text};

use super::{ACTIVE, LOGGED_OUT, rows::RecordRow};
use crate::{
    clock::Timestamp,
    db::{
        SessionId, UserId,
        connection::{DbConnection, MultiBackend},
        schema::{sessions, user_sessions, users},
        sql::{instant, unseen},
        types::{Expire, Instant, SqlTime, SqlUuid},
    },
    error::Result,
    sessions::model::SessionRecord,
};

/// A user's live sessions, the most recently active first.
pub(in crate::sessions) fn active_of(
    connection: &mut DbConnection,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<SessionRecord>> {
    let now = SqlTime::from(now);
    let rows: Vec<(RecordRow, SqlTime)> = sessions::table
        .inner_join(users::table)
        .inner_join(user_sessions::table.on(user_sessions::sid.eq(sessions::sid)))
        .filter(sessions::user_id.eq(unseen(user.into_sql::<SqlUuid>())))
        .filter(sessions::status.eq(unseen(ACTIVE.into_sql::<Text>())))
        .filter(sessions::expires_at.gt(unseen(now.into_sql::<Instant>())))
        .filter(user_sessions::expire.gt(unseen(now.into_sql::<Expire>())))
        .order((sessions::last_seen_at.desc(), sessions::id))
        .select((RecordRow::as_select(), instant(user_sessions::expire)))
        .load(connection)?;
    Ok(rows.into_iter().map(|(row, expire)| row.with_expire(Some(expire))).collect())
}

/// A user's live sessions but for the `most` most recently active ones, in the order of their ids.
pub(in crate::sessions) fn active_beyond(
    connection: &mut DbConnection,
    user: UserId,
    now: Timestamp,
    most: u32,
) -> Result<Vec<SessionId>> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut ids: Vec<SessionId> = active_of(connection, user, now)?.iter().skip(most).map(|record| record.id).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// A user's ended sessions that ended before `before`, the latest first.
pub(in crate::sessions) fn ended_of(
    connection: &mut DbConnection,
    user: UserId,
    before: Option<(Timestamp, SessionId)>,
    limit: i64,
) -> Result<Vec<SessionRecord>> {
    let mut query = sessions::table
        .inner_join(users::table)
        .filter(sessions::user_id.eq(user))
        .filter(sessions::status.eq(LOGGED_OUT))
        .order((sessions::logged_out_at.desc(), sessions::id.desc()))
        .limit(limit)
        .select(RecordRow::as_select())
        .into_boxed::<MultiBackend>();
    if let Some((at, id)) = before {
        let at = SqlTime::from(at);
        // The first condition lets the index start at the right place; the second one skips those of the same moment.
        query = query
            .filter(sessions::logged_out_at.le(at))
            .filter(sessions::logged_out_at.lt(at).or(sessions::id.lt(id)).assume_not_null());
    }
    let rows: Vec<RecordRow> = query.load(connection)?;
    Ok(rows.into_iter().map(SessionRecord::from).collect())
}

/// Every session, or one user's: the active ones, or with `ended` those that are over, the latest first.
pub(in crate::sessions) fn list(
    connection: &mut DbConnection,
    user: Option<UserId>,
    ended: bool,
) -> Result<Vec<SessionRecord>> {
    let mut query = sessions::table
        .inner_join(users::table)
        .left_join(user_sessions::table.on(user_sessions::sid.eq(sessions::sid)))
        .filter(sessions::status.eq(if ended { LOGGED_OUT } else { ACTIVE }))
        .order((sessions::created_at.desc(), sessions::id))
        .select((RecordRow::as_select(), instant(user_sessions::expire).nullable()))
        .into_boxed::<MultiBackend>();
    if let Some(user) = user {
        query = query.filter(sessions::user_id.eq(user));
    }
    let rows: Vec<(RecordRow, Option<SqlTime>)> = query.load(connection)?;
    Ok(rows.into_iter().map(|(row, expire)| row.with_expire(expire)).collect())
}

/// One of a user's sessions, active or ended.
pub(in crate::sessions) fn find_own(
    connection: &mut DbConnection,
    user: UserId,
    id: SessionId,
) -> Result<Option<SessionRecord>> {
    let row: Option<RecordRow> = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(id))
        .filter(sessions::user_id.eq(user))
        .select(RecordRow::as_select())
        .get_result(connection)
        .optional()?;
    Ok(row.map(SessionRecord::from))
}
