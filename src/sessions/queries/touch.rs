//! Recording that devices were active.

use diesel::{
    OptionalExtension, SqliteConnection,
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::Array,
};

use super::ACTIVE;
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, SessionId,
        schema::types::{Instant, SqlTime, SqlUuid},
        schema::{sessions, user_sessions},
        sql::prepared,
    },
    error::Result,
};

/// When a session was last active, and until when that keeps it alive.
#[derive(Debug, Clone, Copy)]
pub(in crate::sessions) struct Touch {
    pub at: Timestamp,
    pub expire: Timestamp,
}

/// Records activity: never backwards, and only on sessions that are still active. One that is being changed just now is left
/// out: waiting for it while holding others could make two transactions wait for each other, and its next request will
/// record it.
pub(in crate::sessions) fn touch(connection: &mut DbConnection, touches: &[(SessionId, Touch)]) -> Result<()> {
    match connection {
        DbConnection::Postgres(connection) => {
            TouchAll::of(touches).execute(connection)?;
        }
        DbConnection::Sqlite(connection) => {
            for (id, touch) in touches {
                touch_one(connection, *id, *touch)?;
            }
        }
    }
    Ok(())
}

fn touch_one(connection: &mut SqliteConnection, id: SessionId, touch: Touch) -> Result<()> {
    let (at, expire) = (SqlTime::from(touch.at), SqlTime::from(touch.expire));
    // The sid that the session has now: it may have been rotated since the request.
    let session = diesel::update(sessions::table.find(id))
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::last_seen_at.lt(at))
        .set((sessions::last_seen_at.eq(at), sessions::updated_at.eq(at)))
        .returning(sessions::sid);
    let sid: Option<String> = prepared(session).get_result(connection).optional()?;
    if let Some(sid) = sid {
        let data = diesel::update(user_sessions::table.find(sid).filter(user_sessions::expire.lt(expire)))
            .set(user_sessions::expire.eq(expire));
        prepared(data).execute(connection)?;
    }
    Ok(())
}

/// All of them in one statement. The data's end moves after the session's activity: by that, the trigger on it knows that it
/// is not a peer's doing.
struct TouchAll {
    ids: Vec<SessionId>,
    at: Vec<SqlTime>,
    expire: Vec<SqlTime>,
}

impl TouchAll {
    fn of(touches: &[(SessionId, Touch)]) -> Self {
        Self {
            ids: touches.iter().map(|(id, _)| *id).collect(),
            at: touches.iter().map(|(_, touch)| touch.at.into()).collect(),
            expire: touches.iter().map(|(_, touch)| touch.expire.into()).collect(),
        }
    }
}

/// The text is always the same, so that it is prepared once.
impl QueryId for TouchAll {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<PgConnection> for TouchAll {}

impl QueryFragment<Pg> for TouchAll {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH seen AS (SELECT sessions.id, seen.at, seen.expire FROM unnest(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Instant>, _>(&self.at)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Instant>, _>(&self.expire)?;
        out.push_sql(
            ") AS seen (id, at, expire) JOIN sessions ON sessions.id = seen.id \
             WHERE sessions.status = 'active' AND sessions.last_seen_at < seen.at \
             ORDER BY sessions.id FOR NO KEY UPDATE OF sessions SKIP LOCKED), \
             touched AS (UPDATE sessions SET last_seen_at = seen.at, updated_at = seen.at FROM seen \
             WHERE sessions.id = seen.id RETURNING sessions.sid, seen.expire) \
             UPDATE user_sessions SET expire = touched.expire FROM touched \
             WHERE user_sessions.sid = touched.sid AND user_sessions.expire < touched.expire",
        );
        Ok(())
    }
}
