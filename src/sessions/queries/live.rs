//! Finds live sessions by their sids.

use diesel::{
    OptionalExtension, PgConnection, SqliteConnection, prelude::*, result::Error as DieselError, sql_types::Text,
};

use super::{
    rows::{USER_COLUMNS, UserRow},
    status::ACTIVE,
};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, SessionId, UserId,
        history::{ExpectedMark, sqlite_position},
        schema::types::{Json, SqlTime},
        schema::{sessions, user_sessions, users},
        sql::{batch_key, for_each_key, for_update, prepared, slot_for},
    },
    error::Result,
    sessions::{
        binding::Binding,
        data::SessionOwner,
        model::{Sid, User},
    },
};

type SelectedColumns = (
    sessions::id,
    sessions::created_at,
    sessions::last_seen_at,
    sessions::expires_at,
    sessions::remembered,
    sessions::authenticated_at,
    sessions::must_change_password,
    sessions::bound_from,
);
const LIVE_COLUMNS: SelectedColumns = (
    sessions::id,
    sessions::created_at,
    sessions::last_seen_at,
    sessions::expires_at,
    sessions::remembered,
    sessions::authenticated_at,
    sessions::must_change_password,
    sessions::bound_from,
);

/// The columns of `sessions` that a request needs.
#[derive(Queryable)]
pub(in crate::sessions) struct LiveColumns {
    pub id: SessionId,
    #[diesel(deserialize_as = SqlTime)]
    pub created_at: Timestamp,
    #[diesel(deserialize_as = SqlTime)]
    pub last_seen_at: Timestamp,
    #[diesel(deserialize_as = SqlTime)]
    pub absolute_expiry: Timestamp,
    pub remembered: bool,
    pub authenticated_at: Option<SqlTime>,
    pub must_change_password: bool,
    pub bound_from: Option<SqlTime>,
}

impl LiveColumns {
    /// Whether the session is bound to a browser.
    pub fn binding(&self) -> Binding {
        Binding::of(self.bound_from.map(Timestamp::from))
    }

    /// What the session's data is checked against, given its user.
    pub fn owner(&self, user: UserId) -> SessionOwner {
        SessionOwner { user, must_change_password: self.must_change_password }
    }
}

/// Lookup key of a session: its sid, and the time at which it must be alive.
#[derive(Clone)]
pub(in crate::sessions) struct LiveSessionKey {
    pub sid: Sid,
    pub now: Timestamp,
}

/// Selects the sessions that are alive at `now`: active, with data, neither of them expired, and their user enabled.
///
/// A macro, since the type of such a query is longer than the query.
macro_rules! live_sessions {
    ($now:expr) => {{
        let now = SqlTime::from($now);
        sessions::table
            .inner_join(users::table)
            .inner_join(user_sessions::table.on(user_sessions::sid.eq(sessions::sid)))
            .filter(sessions::status.eq(ACTIVE))
            .filter(sessions::expires_at.gt(now))
            .filter(user_sessions::expire.gt(now))
            .filter(users::disabled_at.is_null())
            .select((LIVE_COLUMNS, USER_COLUMNS, user_sessions::sess))
    }};
}

/// A live session with its user and its data.
pub(in crate::sessions) struct LiveSessionRow {
    pub session: LiveColumns,
    pub user: User,
    pub sess: Json,
}

type LiveSessionTuple = (LiveColumns, UserRow, Json);

impl From<LiveSessionTuple> for LiveSessionRow {
    fn from((session, user, sess): LiveSessionTuple) -> Self {
        Self { session, user: user.into(), sess }
    }
}

/// Finds the live session of each key; `None` for a key without one.
pub(in crate::sessions) fn find_live(
    connection: &mut DbConnection,
    keys: &[LiveSessionKey],
    expected: &ExpectedMark,
) -> Result<Vec<Option<LiveSessionRow>>> {
    match connection {
        DbConnection::Postgres(connection) => find_batched(connection, keys, expected),
        DbConnection::Sqlite(connection) => keys.iter().map(|key| find_single(connection, key, expected)).collect(),
    }
}

fn find_batched(
    connection: &mut PgConnection,
    keys: &[LiveSessionKey],
    expected: &ExpectedMark,
) -> Result<Vec<Option<LiveSessionRow>>> {
    // The statement runs after the latest request of the batch arrived.
    let Some(now) = keys.iter().map(|key| key.now).max() else { return Ok(Vec::new()) };
    let sids: Vec<&str> = keys.iter().map(|key| key.sid.expose()).collect();
    let query = for_each_key(sids, live_sessions!(now).filter(sessions::sid.eq(batch_key::<Text>())), expected);
    let mut results: Vec<Option<LiveSessionRow>> = keys.iter().map(|_| None).collect();
    for (slot, row) in query.load_checked::<(i64, LiveSessionTuple)>(connection)? {
        *slot_for(&mut results, slot)? = Some(row.into());
    }
    Ok(results)
}

fn find_single(
    connection: &mut SqliteConnection,
    key: &LiveSessionKey,
    expected: &ExpectedMark,
) -> Result<Option<LiveSessionRow>> {
    // `get_result`, not `first`: a `LIMIT` on a unique key would only cost another parse. `prepared`: Diesel would walk
    // the whole query each time to find that its text never differs.
    let query = live_sessions!(key.now)
        .filter(sessions::sid.eq(key.sid.expose()))
        .select(((LIVE_COLUMNS, USER_COLUMNS, user_sessions::sess), sqlite_position()));
    match prepared(query).get_result::<(LiveSessionTuple, Option<String>)>(connection) {
        Err(DieselError::DeserializationError(error)) => {
            // SQLite stores any text as a time. An error would fail every page for this browser, the sign-in page
            // included.
            tracing::error!(error, "the session is refused: its row cannot be read");
            Ok(None)
        }
        // A session that was not found can't be one that was revived.
        found => match found.optional()? {
            Some((row, position)) => expected.check_sqlite(position.as_deref()).map(|()| Some(row.into())),
            None => Ok(None),
        },
    }
}

/// Like [`lock_live`], for a session whose row may hold what Keyrack would never write: such a session is not there.
pub(in crate::sessions) fn lock_readable(
    connection: &mut DbConnection,
    sid: &Sid,
    now: Timestamp,
) -> Result<Option<(LiveColumns, UserId, Json)>> {
    match lock_live_rows(connection, sid, now) {
        Err(DieselError::DeserializationError(_)) => Ok(None),
        locked => Ok(locked?),
    }
}

/// Locks the session of a sid for a change, if it is alive at `now`, until the transaction ends.
///
/// The user is not checked: the end of a disabled user's sessions, which comes after disabling the user, waits for this
/// lock and finds the session by its id.
pub(in crate::sessions) fn lock_live(
    connection: &mut DbConnection,
    sid: &Sid,
    now: Timestamp,
) -> Result<Option<(LiveColumns, UserId, Json)>> {
    Ok(lock_live_rows(connection, sid, now)?)
}

/// Locks a user's active session and returns its current sid.
pub(in crate::sessions) fn lock_sid(connection: &mut DbConnection, id: SessionId, user: UserId) -> Result<Option<Sid>> {
    let query = sessions::table
        .find(id)
        .filter(sessions::user_id.eq(user))
        .filter(sessions::status.eq(ACTIVE))
        .select(sessions::sid);
    let sid: Option<String> = for_update(query).get_result(connection).optional()?;
    Ok(sid.map(|sid| Sid::from_trusted(&sid)))
}

fn lock_live_rows(
    connection: &mut DbConnection,
    sid: &Sid,
    now: Timestamp,
) -> QueryResult<Option<(LiveColumns, UserId, Json)>> {
    let query = sessions::table
        .filter(sessions::sid.eq(sid.expose()))
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::expires_at.gt(SqlTime::from(now)))
        .select((LIVE_COLUMNS, sessions::user_id));
    let Some((live, user_id)) = for_update(query).get_result::<(LiveColumns, UserId)>(connection).optional()? else {
        return Ok(None);
    };
    let query = user_sessions::table
        .filter(user_sessions::sid.eq(sid.expose()))
        .filter(user_sessions::expire.gt(SqlTime::from(now)))
        .select(user_sessions::sess);
    let sess: Option<Json> = for_update(query).get_result(connection).optional()?;
    Ok(sess.map(|sess| (live, user_id, sess)))
}
