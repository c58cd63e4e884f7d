//! Lists of sessions.

use std::cmp::Reverse;

use diesel::{OptionalExtension, PgConnection, SqliteConnection, prelude::*, sql_types::Text};

use super::{ACTIVE, LOGGED_OUT, rows::RecordRow};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, MultiBackend, SessionId, UserId,
        schema::types::{Expire, Instant, SqlTime, SqlUuid},
        schema::{sessions, user_sessions, users},
        sql::{as_instant, batch_key, batch_time, for_each_key, opaque_to_planner, slot_for},
    },
    error::Result,
    sessions::model::SessionRecord,
};

/// A page's question: which sessions of this user are alive, at this time?
#[derive(Debug, Clone, Copy)]
pub(in crate::sessions) struct Whose {
    pub user: UserId,
    pub now: Timestamp,
}

/// What of a user is alive at a time, which is given as what each of the two ends is compared with.
///
/// A macro, since the type of such a query is longer than the query.
macro_rules! active {
    (of $user:expr, at $now:expr, $now_of_data:expr) => {
        sessions::table
            .inner_join(users::table)
            .inner_join(user_sessions::table.on(user_sessions::sid.eq(sessions::sid)))
            .filter(sessions::user_id.eq($user))
            .filter(sessions::status.eq(opaque_to_planner(ACTIVE.into_sql::<Text>())))
            .filter(sessions::expires_at.gt($now))
            .filter(user_sessions::expire.gt($now_of_data))
            .select((RecordRow::as_select(), as_instant(user_sessions::expire)))
    };
}

/// Each user's live sessions, the most recently active first; none is an empty list.
pub(in crate::sessions) fn active_of(
    connection: &mut DbConnection,
    wanted: &[Whose],
) -> Result<Vec<Option<Vec<SessionRecord>>>> {
    let mut found = match connection {
        DbConnection::Postgres(connection) => active_together(connection, wanted)?,
        DbConnection::Sqlite(connection) => {
            wanted.iter().map(|whose| active_of_one(connection, *whose)).collect::<Result<_>>()?
        }
    };
    for records in &mut found {
        records.sort_unstable_by_key(|record| (Reverse(record.last_seen_at), record.id));
    }
    Ok(found.into_iter().map(Some).collect())
}

fn active_together(connection: &mut PgConnection, wanted: &[Whose]) -> Result<Vec<Vec<SessionRecord>>> {
    let keys: (Vec<UserId>, Vec<SqlTime>) = wanted.iter().map(|whose| (whose.user, SqlTime::from(whose.now))).unzip();
    let query =
        for_each_key(keys, active!(of batch_key::<SqlUuid>(), at batch_time::<Instant>(), batch_time::<Expire>()));
    let mut found: Vec<Vec<SessionRecord>> = wanted.iter().map(|_| Vec::new()).collect();
    for (place, row) in query.load::<(i64, ActiveColumns)>(connection)? {
        slot_for(&mut found, place)?.push(record_of(row));
    }
    Ok(found)
}

fn active_of_one(connection: &mut SqliteConnection, Whose { user, now }: Whose) -> Result<Vec<SessionRecord>> {
    let now = SqlTime::from(now);
    let rows: Vec<ActiveColumns> = active!(of user, at now, now).load(connection)?;
    Ok(rows.into_iter().map(record_of).collect())
}

type ActiveColumns = (RecordRow, SqlTime);

fn record_of((row, expire): ActiveColumns) -> SessionRecord {
    row.with_expire(Some(expire))
}

/// A user's live sessions but for the `most` most recently active ones, in the order of their ids.
pub(in crate::sessions) fn active_beyond(
    connection: &mut DbConnection,
    user: UserId,
    now: Timestamp,
    most: u32,
) -> Result<Vec<SessionId>> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let active = active_of(connection, &[Whose { user, now }])?.into_iter().flatten().flatten();
    let mut ids: Vec<SessionId> = active.skip(most).map(|record| record.id).collect();
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
        .select((RecordRow::as_select(), as_instant(user_sessions::expire).nullable()))
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
