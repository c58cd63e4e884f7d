//! Lists of sessions.

use std::cmp::Reverse;

use diesel::{OptionalExtension, PgConnection, SqliteConnection, prelude::*, sql_types::Text};

use super::{
    rows::RecordRow,
    status::{ACTIVE, LOGGED_OUT},
};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, MultiBackend, SessionId, UserId,
        history::ExpectedMark,
        schema::types::{Expire, Instant, SqlTime, SqlUuid},
        schema::{sessions, user_sessions, users},
        sql::{as_instant, batch_key, batch_time, for_each_key, opaque_to_planner, slot_for},
    },
    error::Result,
    sessions::model::SessionRecord,
};

/// Lookup key of a user's live sessions: the user, and the time at which they must be alive.
#[derive(Debug, Clone, Copy)]
pub(in crate::sessions) struct UserAt {
    pub user: UserId,
    pub now: Timestamp,
}

/// Selects a user's live sessions. The time is given twice, once for each column that it is compared with.
///
/// A macro, since the type of such a query is longer than the query.
macro_rules! live_sessions_of {
    ($user:expr, $absolute_expiry_after:expr, $data_expiry_after:expr) => {
        sessions::table
            .inner_join(users::table)
            .inner_join(user_sessions::table.on(user_sessions::sid.eq(sessions::sid)))
            .filter(sessions::user_id.eq($user))
            .filter(sessions::status.eq(opaque_to_planner(ACTIVE.into_sql::<Text>())))
            .filter(sessions::expires_at.gt($absolute_expiry_after))
            .filter(user_sessions::expire.gt($data_expiry_after))
            .select((RecordRow::as_select(), as_instant(user_sessions::expire)))
    };
}

/// Finds the live sessions of each user, the most recently active first. A user without any has an empty list.
pub(in crate::sessions) fn live_of(
    connection: &mut DbConnection,
    keys: &[UserAt],
    expected: &ExpectedMark,
) -> Result<Vec<Option<Vec<SessionRecord>>>> {
    let mut lists = match connection {
        DbConnection::Postgres(connection) => live_batched(connection, keys, expected)?,
        DbConnection::Sqlite(connection) => {
            keys.iter().map(|key| live_single(connection, *key)).collect::<Result<_>>()?
        }
    };
    for records in &mut lists {
        records.sort_unstable_by_key(|record| (Reverse(record.last_seen_at), record.id));
    }
    Ok(lists.into_iter().map(Some).collect())
}

fn live_batched(
    connection: &mut PgConnection,
    keys: &[UserAt],
    expected: &ExpectedMark,
) -> Result<Vec<Vec<SessionRecord>>> {
    let columns: (Vec<UserId>, Vec<SqlTime>) = keys.iter().map(|key| (key.user, SqlTime::from(key.now))).unzip();
    let sessions = live_sessions_of!(batch_key::<SqlUuid>(), batch_time::<Instant>(), batch_time::<Expire>());
    let mut lists: Vec<Vec<SessionRecord>> = keys.iter().map(|_| Vec::new()).collect();
    for (slot, row) in for_each_key(columns, sessions, expected).load_checked::<(i64, ListedColumns)>(connection)? {
        slot_for(&mut lists, slot)?.push(record_of(row));
    }
    Ok(lists)
}

fn live_single(connection: &mut SqliteConnection, UserAt { user, now }: UserAt) -> Result<Vec<SessionRecord>> {
    let now = SqlTime::from(now);
    let rows: Vec<ListedColumns> = live_sessions_of!(user, now, now).load(connection)?;
    Ok(rows.into_iter().map(record_of).collect())
}

type ListedColumns = (RecordRow, SqlTime);

fn record_of((row, data_expiry): ListedColumns) -> SessionRecord {
    row.with_data_expiry(Some(data_expiry))
}

/// Finds the user's live sessions beyond the `max` most recently active ones, in the order of their ids.
pub(in crate::sessions) fn live_beyond(
    connection: &mut DbConnection,
    user: UserId,
    now: Timestamp,
    max: u32,
) -> Result<Vec<SessionId>> {
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    let live = live_of(connection, &[UserAt { user, now }], &ExpectedMark::any())?.into_iter().flatten().flatten();
    let mut ids: Vec<SessionId> = live.skip(max).map(|record| record.id).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// Lists a user's sessions that ended before `before`, the latest first.
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
        // The first condition lets the index start at the right row; the second skips rows with the same time.
        query = query
            .filter(sessions::logged_out_at.le(at))
            .filter(sessions::logged_out_at.lt(at).or(sessions::id.lt(id)).assume_not_null());
    }
    let rows: Vec<RecordRow> = query.load(connection)?;
    Ok(rows.into_iter().map(SessionRecord::from).collect())
}

/// Lists every user's sessions or one user's, the latest first: the active ones, or with `ended` the ended ones.
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
    Ok(rows.into_iter().map(|(row, data_expiry)| row.with_data_expiry(data_expiry)).collect())
}

/// Finds one of a user's sessions, active or ended.
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
