//! Lists of sessions.

use std::cmp::Reverse;

use diesel::{
    OptionalExtension, PgConnection,
    connection::DefaultLoadingMode,
    pg::{Pg, PgRowByRowLoadingMode},
    prelude::*,
    sql_types::{BigInt, Text},
    sqlite::Sqlite,
};

use super::{
    limit::has_more_active_than,
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
        sql::{
            LoadReadable, as_instant, batch_key, batch_time, for_each_key, opaque_to_planner, prepared, readable,
            slot_for,
        },
    },
    error::{Error, Result},
    sessions::model::SessionRecord,
};

/// Lookup key of a user's live sessions: the user, and the time at which they must be alive.
#[derive(Debug, Clone, Copy)]
pub(in crate::sessions) struct UserAt {
    pub user: UserId,
    pub now: Timestamp,
}

/// Sessions per page of a list.
pub(in crate::sessions) const PAGE_ROWS: u8 = 50;

/// Rows that are read for a page: one more shows whether there is another page.
pub(in crate::sessions) const ROWS_TO_READ: i64 = PAGE_ROWS as i64 + 1;

/// Maximum sessions of a user that are put in the order of their activity. No index has that order: it would have to
/// change with each activity.
pub(in crate::sessions) const MAX_SORTED: u16 = 500;

/// One more shows that there are too many.
const MAX_SORTED_ROWS: i64 = MAX_SORTED as i64 + 1;

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

/// Finds the live sessions of each user, the most recently active first. A user without any has an empty list. Of a user
/// with more than [`MAX_SORTED`], it finds one more than that, whichever they are, so that no user's list delays the
/// others'. On SQLite such a user has `None`: the list takes milliseconds, and a thread that serves requests reads it.
pub(in crate::sessions) fn live_of(
    connection: &mut DbConnection,
    keys: &[UserAt],
    expected: &ExpectedMark,
) -> Result<Vec<Option<Vec<SessionRecord>>>> {
    if let DbConnection::Postgres(connection) = connection {
        return Ok(live_batched(connection, keys, expected)?.into_iter().map(sorted).map(Some).collect());
    }
    let mut find = |key: &UserAt| {
        if has_more_active_than(connection, key.user, MAX_SORTED.into())? {
            return Ok(None);
        }
        live_of_one(connection, *key).map(Some)
    };
    keys.iter().map(&mut find).collect()
}

/// Finds the live sessions of one user, however many: the same as [`live_of`].
pub(in crate::sessions) fn live_of_one(
    connection: &mut DbConnection,
    UserAt { user, now }: UserAt,
) -> Result<Vec<SessionRecord>> {
    let now = SqlTime::from(now);
    let rows: Vec<ListedColumns> = match connection {
        DbConnection::Sqlite(connection) => {
            prepared(live_sessions_of!(user, now, now).limit(MAX_SORTED_ROWS)).load_readable(connection)?
        }
        DbConnection::Postgres(connection) => {
            live_sessions_of!(user, now, now).limit(MAX_SORTED_ROWS).load_readable(connection)?
        }
    };
    Ok(sorted(rows.into_iter().map(record_of).collect()))
}

/// Puts the most recently active session first.
fn sorted(mut records: Vec<SessionRecord>) -> Vec<SessionRecord> {
    records.sort_unstable_by_key(|record| Reverse((record.last_seen_at, record.id)));
    records
}

fn live_batched(
    connection: &mut PgConnection,
    keys: &[UserAt],
    expected: &ExpectedMark,
) -> Result<Vec<Vec<SessionRecord>>> {
    let columns: (Vec<UserId>, Vec<SqlTime>) = keys.iter().map(|key| (key.user, SqlTime::from(key.now))).unzip();
    let sessions = live_sessions_of!(batch_key::<SqlUuid>(), batch_time::<Instant>(), batch_time::<Expire>())
        .limit(MAX_SORTED_ROWS);
    let mut lists: Vec<Vec<SessionRecord>> = keys.iter().map(|_| Vec::new()).collect();
    for (slot, row) in for_each_key(columns, sessions, expected).load_checked::<(i64, ListedColumns)>(connection)? {
        slot_for(&mut lists, slot)?.push(record_of(row));
    }
    Ok(lists)
}

type ListedColumns = (RecordRow, SqlTime);

fn record_of((row, data_expiry): ListedColumns) -> SessionRecord {
    row.with_data_expiry(Some(data_expiry))
}

/// Finds a user's live sessions with ids after `after`, [`ROWS_TO_READ`] at most, in the order of their ids, which is
/// that of the index by user: the time of an end, which comes before the id there, is NULL for active sessions.
pub(in crate::sessions) fn live_by_id(
    connection: &mut DbConnection,
    UserAt { user, now }: UserAt,
    after: Option<SessionId>,
) -> Result<Vec<SessionRecord>> {
    let now = SqlTime::from(now);
    let mut query = live_sessions_of!(user, now, now)
        .filter(sessions::logged_out_at.is_null())
        .order((sessions::logged_out_at, sessions::id))
        .limit(ROWS_TO_READ)
        .into_boxed::<MultiBackend>();
    if let Some(after) = after {
        query = query.filter(sessions::id.gt(after));
    }
    let rows: Vec<ListedColumns> = query.load_readable(connection)?;
    Ok(rows.into_iter().map(record_of).collect())
}

/// Counts a user's live sessions: exactly up to `max_exact`. Beyond that it counts those that have expired and were not
/// purged yet as well, which needs an index only, and stops at `max`.
pub(in crate::sessions) fn count_live(
    connection: &mut DbConnection,
    UserAt { user, now }: UserAt,
    max_exact: i64,
    max: i64,
) -> Result<usize> {
    let now = SqlTime::from(now);
    let live = sessions::table
        .inner_join(user_sessions::table.on(user_sessions::sid.eq(sessions::sid)))
        .filter(sessions::user_id.eq(user))
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::expires_at.gt(now))
        .filter(user_sessions::expire.gt(now))
        .limit(max_exact)
        .select(sessions::id);
    let live = live.load_page::<SessionId>(connection)?.len();
    if i64::try_from(live).is_ok_and(|live| live < max_exact) {
        return Ok(live);
    }
    let count = count_active(connection, user, max)?;
    usize::try_from(count).map_err(Error::internal)
}

/// Counts a user's active sessions, at most `max`.
fn count_active(connection: &mut DbConnection, user: UserId, max: i64) -> Result<i64> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }

    let count = |user: &'static str, max: &'static str| {
        format!(
            "SELECT count(*) AS count FROM (SELECT 1 FROM sessions WHERE user_id = {user} AND status = '{ACTIVE}' \
             LIMIT {max}) AS counted"
        )
    };
    let row: Count = match connection {
        DbConnection::Postgres(connection) => diesel::sql_query(count("$1", "$2"))
            .bind::<SqlUuid, _>(user)
            .bind::<BigInt, _>(max)
            .get_result(connection)?,
        DbConnection::Sqlite(connection) => {
            diesel::sql_query(count("?", "?")).bind::<SqlUuid, _>(user).bind::<BigInt, _>(max).get_result(connection)?
        }
    };
    Ok(row.count)
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
    let rows: Vec<RecordRow> = query.load_readable(connection)?;
    Ok(rows.into_iter().map(SessionRecord::from).collect())
}

/// Selects every user's sessions or one user's, the latest first: the active ones, or with `ended` the ended ones.
///
/// A macro, since the type of such a query is longer than the query.
macro_rules! all_sessions {
    ($user:expr, $ended:expr, $backend:ty) => {{
        let mut query = sessions::table
            .inner_join(users::table)
            .left_join(user_sessions::table.on(user_sessions::sid.eq(sessions::sid)))
            .filter(sessions::status.eq(if $ended { LOGGED_OUT } else { ACTIVE }))
            .order((sessions::created_at.desc(), sessions::id))
            .select((RecordRow::as_select(), as_instant(user_sessions::expire).nullable()))
            .into_boxed::<$backend>();
        if let Some(user) = $user {
            query = query.filter(sessions::user_id.eq(user));
        }
        query
    }};
}

/// Lists every user's sessions or one user's, the latest first: the active ones, or with `ended` the ended ones. The
/// database sends one row after the other, and `each` gets them in batches, so that the list may be longer than the
/// memory. It stops when `each` returns false.
pub(in crate::sessions) fn list(
    connection: &mut DbConnection,
    user: Option<UserId>,
    ended: bool,
    each: impl FnMut(Vec<SessionRecord>) -> bool,
) -> Result<()> {
    match connection {
        DbConnection::Postgres(connection) => {
            let rows = all_sessions!(user, ended, Pg);
            batched(rows.load_iter::<AnyColumns, PgRowByRowLoadingMode>(connection)?, each)
        }
        DbConnection::Sqlite(connection) => {
            let rows = all_sessions!(user, ended, Sqlite);
            batched(rows.load_iter::<AnyColumns, DefaultLoadingMode>(connection)?, each)
        }
    }
}

type AnyColumns = (RecordRow, Option<SqlTime>);

/// Records per batch of a list of all sessions.
const LIST_BATCH_ROWS: usize = 1000;

fn batched(
    rows: impl Iterator<Item = QueryResult<AnyColumns>>,
    mut each: impl FnMut(Vec<SessionRecord>) -> bool,
) -> Result<()> {
    let mut batch = Vec::new();
    for row in rows {
        let Some((row, data_expiry)) = readable(row)? else { continue };
        batch.push(row.with_data_expiry(data_expiry));
        if batch.len() == LIST_BATCH_ROWS && !each(std::mem::take(&mut batch)) {
            return Ok(());
        }
    }
    if !batch.is_empty() {
        each(batch);
    }
    Ok(())
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

/// Those of these sessions that are the user's.
pub(in crate::sessions) fn find_all_own(
    connection: &mut DbConnection,
    user: UserId,
    ids: &[SessionId],
) -> Result<Vec<SessionRecord>> {
    let rows: Vec<RecordRow> = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq_any(ids))
        .filter(sessions::user_id.eq(user))
        .select(RecordRow::as_select())
        .load_readable(connection)?;
    Ok(rows.into_iter().map(SessionRecord::from).collect())
}
