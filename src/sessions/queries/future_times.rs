//! Finds and corrects times in the future.

use diesel::{OptionalExtension, prelude::*};

use super::status::ACTIVE;
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, SessionId,
        schema::types::SqlTime,
        schema::{sessions, user_sessions},
        sql::{LoadReadable, as_instant, for_update},
    },
    error::Result,
    sessions::policy::NO_ABSOLUTE_EXPIRY,
};

/// Finds sessions that started, were last active or ended after `latest`.
pub(in crate::sessions) fn dated_after(connection: &mut DbConnection, latest: Timestamp) -> Result<Vec<SessionId>> {
    let latest = SqlTime::from(latest);
    let query = sessions::table
        .filter(
            sessions::created_at
                .gt(latest)
                .or(sessions::last_seen_at.gt(latest))
                .or(sessions::logged_out_at.gt(latest).assume_not_null()),
        )
        .select(sessions::id);
    Ok(query.load_readable(connection)?)
}

/// Brings the times of a session back to `now`, and moves its limits by as much.
pub(in crate::sessions) fn date_back(connection: &mut DbConnection, id: SessionId, now: Timestamp) -> Result<()> {
    type Row = (String, String, SqlTime, SqlTime, SqlTime, Option<SqlTime>);
    let columns = (
        sessions::sid,
        sessions::status,
        sessions::created_at,
        sessions::last_seen_at,
        sessions::expires_at,
        sessions::logged_out_at,
    );
    let row: Option<Row> =
        for_update(sessions::table.filter(sessions::id.eq(id)).select(columns)).get_result(connection).optional()?;
    let Some((sid, status, created_at, last_seen_at, expires_at, ended_at)) = row else { return Ok(()) };
    let (created_at, last_seen_at) = (Timestamp::from(created_at), Timestamp::from(last_seen_at));
    let ended_at = ended_at.map(|ended_at| Timestamp::from(ended_at).min(now));
    let seen = last_seen_at.min(now);
    let created = created_at.min(seen).min(ended_at.unwrap_or(now));
    let expires_at = Timestamp::from(expires_at);
    let expires = if expires_at == NO_ABSOLUTE_EXPIRY { expires_at } else { expires_at - created_at.since(created) };
    diesel::update(sessions::table.find(id))
        .set((
            sessions::created_at.eq(SqlTime::from(created)),
            sessions::last_seen_at.eq(SqlTime::from(seen)),
            sessions::updated_at.eq(SqlTime::from(now)),
            sessions::expires_at.eq(SqlTime::from(expires)),
            sessions::logged_out_at.eq(ended_at.map(SqlTime::from)),
        ))
        .execute(connection)?;
    if status == ACTIVE {
        date_data_back(connection, &sid, last_seen_at.since(seen))?;
    }
    Ok(())
}

/// The data of a session expires at its idle limit after the last activity.
fn date_data_back(connection: &mut DbConnection, sid: &str, shift: std::time::Duration) -> Result<()> {
    let data = user_sessions::table.filter(user_sessions::sid.eq(sid)).select(as_instant(user_sessions::expire));
    let expire: Option<SqlTime> = for_update(data).get_result(connection).optional()?;
    if let Some(expire) = expire {
        let expire = SqlTime::from(Timestamp::from(expire) - shift);
        diesel::update(user_sessions::table.find(sid)).set(user_sessions::expire.eq(expire)).execute(connection)?;
    }
    Ok(())
}
