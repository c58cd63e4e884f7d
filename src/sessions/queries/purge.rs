//! What has run out, and what nobody needs any more.

use diesel::{dsl::exists, prelude::*};

use super::{ACTIVE, LOGGED_OUT};
use crate::{
    clock::Timestamp,
    db::{
        SessionId,
        connection::DbConnection,
        schema::{sessions, user_sessions},
        sql::instant,
        types::SqlTime,
    },
    error::Result,
};

/// An active session that has run out, and when it did.
#[derive(Debug, Clone)]
pub(in crate::sessions) struct RunOut {
    pub id: SessionId,
    pub expires_at: Timestamp,
    /// The earlier of its two ends; `None` if somebody has removed its data.
    pub expire: Option<Timestamp>,
}

/// Active sessions past one of their ends, the longest past first.
pub(in crate::sessions) fn find_run_out(
    connection: &mut DbConnection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<RunOut>> {
    let rows: Vec<(SessionId, SqlTime, SqlTime)> = user_sessions::table
        .inner_join(sessions::table.on(sessions::sid.eq(user_sessions::sid)))
        .filter(user_sessions::expire.le(SqlTime::from(now)))
        .filter(sessions::status.eq(ACTIVE))
        .order(user_sessions::expire)
        .limit(limit)
        .select((sessions::id, sessions::expires_at, instant(user_sessions::expire)))
        .load(connection)?;
    let run_out = |(id, expires_at, expire): (SessionId, SqlTime, SqlTime)| RunOut {
        id,
        expires_at: expires_at.into(),
        expire: Some(expire.into()),
    };
    Ok(rows.into_iter().map(run_out).collect())
}

/// Active sessions whose data somebody has removed.
pub(in crate::sessions) fn find_without_data(connection: &mut DbConnection, limit: i64) -> Result<Vec<RunOut>> {
    let rows: Vec<(SessionId, SqlTime)> = sessions::table
        .filter(sessions::status.eq(ACTIVE))
        .filter(diesel::dsl::not(exists(user_sessions::table.filter(user_sessions::sid.eq(sessions::sid)))))
        .limit(limit)
        .select((sessions::id, sessions::expires_at))
        .load(connection)?;
    let run_out = |(id, expires_at): (SessionId, SqlTime)| RunOut { id, expires_at: expires_at.into(), expire: None };
    Ok(rows.into_iter().map(run_out).collect())
}

/// Removes data that has expired and belongs to no active session: kept after an end, or a peer's.
pub(in crate::sessions) fn delete_dead_data(
    connection: &mut DbConnection,
    now: Timestamp,
    limit: i64,
) -> Result<usize> {
    let sids: Vec<String> = user_sessions::table
        .filter(user_sessions::expire.le(SqlTime::from(now)))
        .filter(diesel::dsl::not(exists(
            sessions::table.filter(sessions::sid.eq(user_sessions::sid)).filter(sessions::status.eq(ACTIVE)),
        )))
        .limit(limit)
        .select(user_sessions::sid)
        .load(connection)?;
    // Asked once more: a peer may have moved its end meanwhile, and then the row is alive.
    let dead = user_sessions::table
        .filter(user_sessions::sid.eq_any(sids))
        .filter(user_sessions::expire.le(SqlTime::from(now)));
    Ok(diesel::delete(dead).execute(connection)?)
}

/// Removes history: sessions that ended before `before`.
pub(in crate::sessions) fn delete_history(
    connection: &mut DbConnection,
    before: Timestamp,
    limit: i64,
) -> Result<usize> {
    let ids: Vec<SessionId> = sessions::table
        .filter(sessions::status.eq(LOGGED_OUT))
        .filter(sessions::logged_out_at.lt(SqlTime::from(before)))
        .limit(limit)
        .select(sessions::id)
        .load(connection)?;
    Ok(diesel::delete(sessions::table.filter(sessions::id.eq_any(ids))).execute(connection)?)
}
