//! The session that a sid stands for.

use diesel::{OptionalExtension, prelude::*, result::Error as DieselError};

use super::{
    ACTIVE,
    rows::{SessionUserRow, USER_COLUMNS},
};
use crate::{
    clock::Timestamp,
    db::{
        SessionId, UserId,
        connection::DbConnection,
        schema::{sessions, user_sessions, users},
        sql::locked,
        types::{Json, SqlTime},
    },
    error::Result,
    sessions::model::{SessionUser, Sid},
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

/// What a request's sid leads to, if it is alive at `now`: signed in, its data there, its user enabled, both ends ahead.
pub(in crate::sessions) fn find_live(
    connection: &mut DbConnection,
    sid: &Sid,
    now: Timestamp,
) -> Result<Option<(LiveRow, SessionUser, Json)>> {
    let now = SqlTime::from(now);
    // `get_result`, not `first`: a `LIMIT` on a unique key would only cost SQLite another parse.
    let row: QueryResult<(LiveRow, SessionUserRow, Json)> = sessions::table
        .inner_join(users::table)
        .inner_join(user_sessions::table.on(user_sessions::sid.eq(sessions::sid)))
        .filter(sessions::sid.eq(sid.expose()))
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::expires_at.gt(now))
        .filter(user_sessions::expire.gt(now))
        .filter(users::disabled_at.is_null())
        .select((LIVE_COLUMNS, USER_COLUMNS, user_sessions::sess))
        .get_result(connection);
    if let Err(DieselError::DeserializationError(error)) = row {
        // SQLite takes any text for a time. A fault would meet this browser on every page, the sign-in page included.
        tracing::error!(error, "a session is refused: its row can't be read");
        return Ok(None);
    }
    Ok(row.optional()?.map(|(live, user, sess)| (live, user.into(), sess)))
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
    let Some((live, user_id)) = locked(query).get_result::<(LiveRow, UserId)>(connection).optional()? else {
        return Ok(None);
    };
    let query = user_sessions::table
        .filter(user_sessions::sid.eq(sid.expose()))
        .filter(user_sessions::expire.gt(SqlTime::from(now)))
        .select(user_sessions::sess);
    let sess: Option<Json> = locked(query).get_result(connection).optional()?;
    Ok(sess.map(|sess| (live, user_id, sess)))
}
