//! Finds and repairs rows that break a rule.

use std::collections::HashMap;

use diesel::{OptionalExtension, alias, dsl::exists, prelude::*};

use super::status::{ACTIVE, LOGGED_OUT};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, SessionId, UserId,
        schema::types::{Json, SqlTime},
        schema::{sessions, user_sessions, users},
        sql::{LoadReadable, Readable, as_instant, roundtripped},
    },
    error::Result,
    sessions::{
        data::SessionOwner,
        model::{EndReason, Sid},
    },
};

/// Finds active sessions without data.
pub(in crate::sessions) fn active_without_data(connection: &mut DbConnection) -> Result<Vec<SessionId>> {
    let query = sessions::table
        .filter(sessions::status.eq(ACTIVE))
        .filter(diesel::dsl::not(exists(user_sessions::table.filter(user_sessions::sid.eq(sessions::sid)))))
        .select(sessions::id);
    Ok(query.load_readable(connection)?)
}

/// Finds ended sessions whose data still exists although it was not to be kept.
pub(in crate::sessions) fn ended_with_data(connection: &mut DbConnection) -> Result<Vec<SessionId>> {
    let query = sessions::table
        .inner_join(user_sessions::table.on(user_sessions::sid.eq(sessions::sid)))
        .filter(sessions::status.eq(LOGGED_OUT))
        .filter(sessions::data_kept.eq(false))
        .select(sessions::id);
    Ok(query.load_readable(connection)?)
}

/// Deletes the data of an ended session.
pub(in crate::sessions) fn delete_data_of(connection: &mut DbConnection, id: SessionId) -> Result<()> {
    let sid = sessions::table.filter(sessions::id.eq(id)).filter(sessions::status.eq(LOGGED_OUT)).select(sessions::sid);
    diesel::delete(user_sessions::table.filter(user_sessions::sid.eq_any(sid))).execute(connection)?;
    Ok(())
}

/// Finds ended sessions without the time or the reason of their end.
pub(in crate::sessions) fn end_incomplete(connection: &mut DbConnection) -> Result<Vec<SessionId>> {
    let query = sessions::table
        .filter(sessions::status.eq(LOGGED_OUT))
        .filter(sessions::logged_out_at.is_null().or(sessions::end_reason.is_null()))
        .select(sessions::id);
    Ok(query.load_readable(connection)?)
}

/// Completes the end of a session: with the time of the row's last change, and with the reason of a plain sign-out.
pub(in crate::sessions) fn complete_end(connection: &mut DbConnection, id: SessionId) -> Result<()> {
    let row = || sessions::table.filter(sessions::id.eq(id)).filter(sessions::status.eq(LOGGED_OUT));
    diesel::update(row().filter(sessions::logged_out_at.is_null()))
        .set(sessions::logged_out_at.eq(sessions::updated_at.nullable()))
        .execute(connection)?;
    diesel::update(row().filter(sessions::end_reason.is_null()))
        .set(sessions::end_reason.eq(EndReason::SignedOut.as_str()))
        .execute(connection)?;
    Ok(())
}

/// Finds active sessions that have the time or the reason of an end.
pub(in crate::sessions) fn active_with_end(connection: &mut DbConnection) -> Result<Vec<SessionId>> {
    let query = sessions::table
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::logged_out_at.is_not_null().or(sessions::end_reason.is_not_null()))
        .select(sessions::id);
    Ok(query.load_readable(connection)?)
}

/// Finds sessions whose times contradict each other.
pub(in crate::sessions) fn contradictory_times(connection: &mut DbConnection) -> Result<Vec<SessionId>> {
    let query = sessions::table
        .filter(
            sessions::expires_at
                .lt(sessions::created_at)
                .or(sessions::last_seen_at.lt(sessions::created_at))
                .or(sessions::logged_out_at.lt(sessions::created_at.nullable()).assume_not_null()),
        )
        .select(sessions::id);
    Ok(query.load_readable(connection)?)
}

/// Finds sessions that share their sid with another session.
pub(in crate::sessions) fn shared_sids(connection: &mut DbConnection) -> Result<Vec<SessionId>> {
    let twins = alias!(sessions as twins);
    let twin =
        twins.filter(twins.field(sessions::sid).eq(sessions::sid)).filter(twins.field(sessions::id).ne(sessions::id));
    Ok(sessions::table.filter(exists(twin)).select(sessions::id).load_readable(connection)?)
}

/// Finds active sessions whose data expires after they do.
pub(in crate::sessions) fn outliving_data(connection: &mut DbConnection) -> Result<Vec<SessionId>> {
    let query = sessions::table
        .inner_join(user_sessions::table.on(user_sessions::sid.eq(sessions::sid)))
        .filter(sessions::status.eq(ACTIVE))
        .filter(as_instant(user_sessions::expire).gt(roundtripped(sessions::expires_at)))
        .select(sessions::id);
    Ok(query.load_readable(connection)?)
}

/// Makes a session's data expire with the session. The triggers cap any new value of `expire` in the same way.
pub(in crate::sessions) fn cap_expire(connection: &mut DbConnection, id: SessionId) -> Result<()> {
    let row: Option<(String, SqlTime)> =
        sessions::table.find(id).select((sessions::sid, sessions::expires_at)).get_result(connection).optional()?;
    if let Some((sid, expires_at)) = row {
        diesel::update(user_sessions::table.find(sid)).set(user_sessions::expire.eq(expires_at)).execute(connection)?;
    }
    Ok(())
}

/// A row of `user_sessions` and the session that it should agree with.
pub(in crate::sessions) struct DataWithSession {
    pub sid: Sid,
    pub sess: Json,
    pub data_expiry: Timestamp,
    /// The session's id and owner, and whether it is active; `None` if no session has this sid.
    pub session: Option<(SessionId, SessionOwner, bool)>,
}

/// Reads the next page of data in the order of the sids.
pub(in crate::sessions) fn data_after(
    connection: &mut DbConnection,
    after: &str,
    limit: i64,
) -> Result<Vec<DataWithSession>> {
    type SessionRow = (String, SessionId, UserId, String, bool);
    // Of a page, so every row is read, also one without a readable time: its data counts as expired.
    let rows: Vec<(String, Json, Readable<SqlTime>)> = user_sessions::table
        .filter(user_sessions::sid.gt(after))
        .order(user_sessions::sid)
        .limit(limit)
        .select((user_sessions::sid, user_sessions::sess, as_instant(user_sessions::expire)))
        .load(connection)?;
    // Not by a join, for which PostgreSQL may scan all of `sessions` for each page.
    let sids = rows.iter().map(|(sid, _, _)| sid);
    let sessions: Vec<SessionRow> = sessions::table
        .filter(sessions::sid.eq_any(sids))
        .select((sessions::sid, sessions::id, sessions::user_id, sessions::status, sessions::must_change_password))
        .load_readable(connection)?;
    let owned = |(sid, id, user, status, must_change_password): SessionRow| {
        (sid, (id, SessionOwner { user, must_change_password }, status == ACTIVE))
    };
    let mut by_sid: HashMap<String, (SessionId, SessionOwner, bool)> = sessions.into_iter().map(owned).collect();
    Ok(rows
        .into_iter()
        .map(|(sid, sess, data_expiry)| DataWithSession {
            session: by_sid.remove(&sid),
            sid: Sid::from_trusted(&sid),
            sess,
            data_expiry: data_expiry.0.map_or(Timestamp::MIN, Timestamp::from),
        })
        .collect())
}

/// Returns those of these users that exist.
pub(in crate::sessions) fn known_users(connection: &mut DbConnection, ids: &[UserId]) -> Result<Vec<UserId>> {
    Ok(users::table.filter(users::id.eq_any(ids)).select(users::id).load(connection)?)
}
