//! Records that devices were active.

use diesel::{OptionalExtension, SqliteConnection, prelude::*, sql_types::Array};

use super::status::ACTIVE;
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, SessionId,
        schema::types::{Instant, SqlTime, SqlUuid},
        schema::{sessions, user_sessions},
        sql::{prepared, sql_file},
    },
    error::Result,
};

/// When a session was last active, and when its data expires by that.
#[derive(Debug, Clone, Copy)]
pub(in crate::sessions) struct Touch {
    pub at: Timestamp,
    pub data_expiry: Timestamp,
}

/// Records activity. It never moves a time backwards, and touches active sessions only. A session that another
/// transaction is changing is left out: waiting for it while holding others could end in a deadlock, and its next
/// request records the activity.
pub(in crate::sessions) fn touch(connection: &mut DbConnection, touches: &[(SessionId, Touch)]) -> Result<()> {
    match connection {
        DbConnection::Postgres(connection) => {
            let ids: Vec<SessionId> = touches.iter().map(|(id, _)| *id).collect();
            let times: Vec<SqlTime> = touches.iter().map(|(_, touch)| touch.at.into()).collect();
            let expires: Vec<SqlTime> = touches.iter().map(|(_, touch)| touch.data_expiry.into()).collect();
            sql_file(include_str!("record_activity.sql"))
                .bind::<Array<SqlUuid>, _>(ids)
                .bind::<Array<Instant>, _>(times)
                .bind::<Array<Instant>, _>(expires)
                .execute(connection)?;
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
    let (at, expire) = (SqlTime::from(touch.at), SqlTime::from(touch.data_expiry));
    // Returns the sid that the session has now: it may have been rotated since the request.
    let session = diesel::update(sessions::table.find(id))
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::last_seen_at.lt(at))
        .set((sessions::last_seen_at.eq(at), sessions::updated_at.eq(at)))
        .returning(sessions::sid);
    let sid: Option<String> = prepared(session).get_result(connection).optional()?;
    if let Some(sid) = sid {
        let data = diesel::update(user_sessions::table.find(sid).filter(user_sessions::expire.lt(expire)))
            .set(user_sessions::expire.eq(expire))
            .returning(user_sessions::sid);
        let _: Option<String> = prepared(data).get_result(connection).optional()?;
    }
    Ok(())
}
