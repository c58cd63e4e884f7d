//! Ends sessions that had ended before the database went back, and reads ends for the journal.

use std::collections::HashSet;

use diesel::{
    prelude::*,
    sql_types::{Array, Text},
};

use super::status::{ACTIVE, LOGGED_OUT};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, SessionId,
        history::EndedSession,
        schema::types::{Instant, SqlTime, SqlUuid},
        schema::{replaced_sids, sessions},
        sql::{LoadReadable, prepared, sql_file},
    },
    error::Result,
    events::Actor,
    sessions::model::EndReason,
};

/// Ends those of the sessions that are active, with their original reasons and times. Returns how many were.
pub(in crate::sessions) fn end_again(connection: &mut DbConnection, ended: &[EndedSession]) -> Result<usize> {
    match connection {
        DbConnection::Postgres(connection) => {
            let ids: Vec<SessionId> = ended.iter().map(|ended| ended.id).collect();
            let reasons: Vec<&str> = ended.iter().map(|ended| ended.reason.as_str()).collect();
            let times: Vec<SqlTime> = ended.iter().map(|ended| SqlTime::from(ended.ended_at)).collect();
            let statement = sql_file(include_str!("end_again.sql"))
                .bind::<Array<SqlUuid>, _>(ids)
                .bind::<Array<Text>, _>(reasons)
                .bind::<Array<Instant>, _>(times);
            Ok(statement.execute(connection)?)
        }
        DbConnection::Sqlite(connection) => {
            let ids = ended.iter().map(|ended| ended.id);
            let active = sessions::table.filter(sessions::id.eq_any(ids)).filter(sessions::status.eq(ACTIVE));
            let active: HashSet<SessionId> =
                active.select(sessions::id).load_readable(connection)?.into_iter().collect();
            for EndedSession { id, reason, ended_at, .. } in ended.iter().filter(|ended| active.contains(&ended.id)) {
                let at = SqlTime::from(*ended_at);
                let statement = diesel::update(sessions::table.find(id))
                    .set((
                        sessions::status.eq(LOGGED_OUT),
                        sessions::end_reason.eq(reason),
                        sessions::logged_out_at.eq(at),
                        sessions::updated_at.eq(at),
                        sessions::data_kept.eq(false),
                        sessions::ended_by.eq(Actor::System.as_str()),
                    ))
                    .returning(sessions::id);
                let _: SessionId = prepared(statement).get_result(connection)?;
            }
            Ok(active.len())
        }
    }
}

/// The sids of those of the sessions that are active.
pub(in crate::sessions) fn active_sids(
    connection: &mut DbConnection,
    ids: &[SessionId],
) -> Result<Vec<(SessionId, String)>> {
    let active = sessions::table.filter(sessions::id.eq_any(ids)).filter(sessions::status.eq(ACTIVE));
    Ok(active.select((sessions::id, sessions::sid)).load_readable(connection)?)
}

/// Whether there is any session, ended ones included.
pub(in crate::sessions) fn has_sessions(connection: &mut DbConnection) -> Result<bool> {
    Ok(diesel::select(diesel::dsl::exists(sessions::table.select(sessions::id))).get_result(connection)?)
}

/// Counts those of the sessions that are active.
pub(in crate::sessions) fn count_active(connection: &mut DbConnection, ids: &[SessionId]) -> Result<usize> {
    let active = sessions::table.filter(sessions::id.eq_any(ids)).filter(sessions::status.eq(ACTIVE));
    let count: i64 = active.count().get_result(connection)?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Reads the next sessions that were ended since a time, in the order of their ends. Those that expired are left out,
/// and those that would have by `now`: they stay expired whatever happens to their row.
pub(in crate::sessions) fn ended_since(
    connection: &mut DbConnection,
    since: Option<Timestamp>,
    now: Timestamp,
    after: Option<(Timestamp, SessionId)>,
    limit: i64,
) -> Result<Vec<EndedSession>> {
    type Row = (SessionId, Option<String>, Option<SqlTime>, SqlTime);
    let timeouts = [EndReason::IdleTimeout, EndReason::AbsoluteTimeout].map(EndReason::as_str);
    let mut query = sessions::table
        .filter(sessions::logged_out_at.is_not_null())
        .filter(sessions::expires_at.gt(SqlTime::from(now)))
        .filter(sessions::end_reason.ne_all(timeouts))
        .order((sessions::logged_out_at, sessions::id))
        .limit(limit)
        .select((sessions::id, sessions::end_reason, sessions::logged_out_at, sessions::expires_at))
        .into_boxed();
    if let Some(since) = since {
        query = query.filter(sessions::logged_out_at.ge(SqlTime::from(since)));
    }
    if let Some((at, id)) = after {
        let at = SqlTime::from(at);
        query =
            query.filter(sessions::logged_out_at.gt(at).or(sessions::logged_out_at.eq(at).and(sessions::id.gt(id))));
    }
    let rows: Vec<Row> = query.load_readable(connection)?;
    let ended = |(id, reason, at, expires_at): Row| {
        let at = at.map_or(now, Timestamp::from);
        EndedSession::new(id, reason.unwrap_or_default(), at, expires_at.into())
    };
    Ok(rows.into_iter().map(ended).collect())
}

/// A sid that an active session had before.
pub(in crate::sessions) struct FormerSid {
    pub session: SessionId,
    pub sid: String,
    pub absolute_expiry: Timestamp,
}

/// Reads the next former sids of active sessions after a sid.
pub(in crate::sessions) fn replaced_after(
    connection: &mut DbConnection,
    now: Timestamp,
    after: Option<String>,
    limit: i64,
) -> Result<Vec<FormerSid>> {
    type Row = (SessionId, String, SqlTime);
    let query = replaced_sids::table
        .inner_join(sessions::table.on(sessions::id.eq(replaced_sids::session_id)))
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::expires_at.gt(SqlTime::from(now)))
        .filter(replaced_sids::sid.gt(after.unwrap_or_default()))
        .order(replaced_sids::sid)
        .limit(limit)
        .select((sessions::id, replaced_sids::sid, sessions::expires_at));
    let rows: Vec<Row> = query.load_readable(connection)?;
    let former = |(session, sid, expires_at): Row| FormerSid { session, sid, absolute_expiry: expires_at.into() };
    Ok(rows.into_iter().map(former).collect())
}
