//! The session that a sid stands for.

use diesel::{
    OptionalExtension, PgConnection, SqliteConnection, prelude::*, result::Error as DieselError, sql_types::Text,
};

use super::{
    ACTIVE,
    rows::{USER_COLUMNS, UserRow},
};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, SessionId, UserId,
        schema::types::{Json, SqlTime},
        schema::{sessions, user_sessions, users},
        sql::{batch_key, for_each_key, for_update, slot_for},
    },
    error::Result,
    sessions::model::{Sid, User},
};

type LiveColumns =
    (sessions::id, sessions::created_at, sessions::last_seen_at, sessions::expires_at, sessions::remembered);
const LIVE_COLUMNS: LiveColumns =
    (sessions::id, sessions::created_at, sessions::last_seen_at, sessions::expires_at, sessions::remembered);

/// The columns of `sessions` that a request needs.
#[derive(Queryable)]
pub(in crate::sessions) struct LiveRow {
    pub id: SessionId,
    #[diesel(deserialize_as = SqlTime)]
    pub created_at: Timestamp,
    #[diesel(deserialize_as = SqlTime)]
    pub last_seen_at: Timestamp,
    #[diesel(deserialize_as = SqlTime)]
    pub expires_at: Timestamp,
    pub remembered: bool,
}

/// A request's question: what does this sid lead to, at this time?
#[derive(Clone)]
pub(in crate::sessions) struct Wanted {
    pub sid: Sid,
    pub now: Timestamp,
}

/// What is alive at `now`, whatever its sid: signed in, its data there, its user enabled, both ends ahead.
///
/// A macro, since the type of such a query is longer than the query.
macro_rules! alive {
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

type FoundColumns = (LiveRow, UserRow, Json);

/// What each request's sid leads to, if it is alive.
pub(in crate::sessions) fn find_live(connection: &mut DbConnection, wanted: &[Wanted]) -> Result<Vec<Option<Found>>> {
    match connection {
        DbConnection::Postgres(connection) => find_together(connection, wanted),
        DbConnection::Sqlite(connection) => wanted.iter().map(|wanted| find_one(connection, wanted)).collect(),
    }
}

fn find_together(connection: &mut PgConnection, wanted: &[Wanted]) -> Result<Vec<Option<Found>>> {
    // The statement runs now, after the last of them came.
    let Some(now) = wanted.iter().map(|wanted| wanted.now).max() else { return Ok(Vec::new()) };
    let sids: Vec<&str> = wanted.iter().map(|wanted| wanted.sid.expose()).collect();
    let query = for_each_key(sids, alive!(now).filter(sessions::sid.eq(batch_key::<Text>())));
    let mut found: Vec<Option<Found>> = wanted.iter().map(|_| None).collect();
    for (place, row) in query.load::<(i64, FoundColumns)>(connection)? {
        *slot_for(&mut found, place)? = Some(row.into());
    }
    Ok(found)
}

fn find_one(connection: &mut SqliteConnection, wanted: &Wanted) -> Result<Option<Found>> {
    // `get_result`, not `first`: a `LIMIT` on a unique key would only cost another parse.
    let query = alive!(wanted.now).filter(sessions::sid.eq(wanted.sid.expose()));
    match query.get_result::<FoundColumns>(connection) {
        Err(DieselError::DeserializationError(error)) => {
            // SQLite takes any text for a time. A fault would meet this browser on every page, the sign-in page included.
            tracing::error!(error, "a session is refused: its row can't be read");
            Ok(None)
        }
        row => Ok(row.optional()?.map(Found::from)),
    }
}

/// What a sid leads to.
pub(in crate::sessions) struct Found {
    pub row: LiveRow,
    pub user: User,
    pub sess: Json,
}

impl From<FoundColumns> for Found {
    fn from((row, user, sess): FoundColumns) -> Self {
        Self { row, user: user.into(), sess }
    }
}

/// Takes the session of a sid for a change, if it is alive at `now`; nobody else changes it until the transaction ends.
pub(in crate::sessions) fn lock_live(
    connection: &mut DbConnection,
    sid: &Sid,
    now: Timestamp,
) -> Result<Option<(LiveRow, UserId, Json)>> {
    let query = sessions::table
        .filter(sessions::sid.eq(sid.expose()))
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::expires_at.gt(SqlTime::from(now)))
        .select((LIVE_COLUMNS, sessions::user_id));
    let Some((live, user_id)) = for_update(query).get_result::<(LiveRow, UserId)>(connection).optional()? else {
        return Ok(None);
    };
    let query = user_sessions::table
        .filter(user_sessions::sid.eq(sid.expose()))
        .filter(user_sessions::expire.gt(SqlTime::from(now)))
        .select(user_sessions::sess);
    let sess: Option<Json> = for_update(query).get_result(connection).optional()?;
    Ok(sess.map(|sess| (live, user_id, sess)))
}
