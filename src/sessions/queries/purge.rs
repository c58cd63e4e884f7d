//! Ends expired sessions and deletes old rows.

use std::fmt;

use diesel::{
    OptionalExtension,
    dsl::{exists, not},
    prelude::*,
    sql_types::{Array, Text},
};

use super::status::{ACTIVE, LOGGED_OUT};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, SessionId, UserId,
        schema::types::{Instant, SqlTime, SqlUuid},
        schema::{ended_sids, replaced_sids, sessions, user_sessions},
        sql::{LoadReadable, as_instant, for_update_skip_locked, prepared, sql_file},
    },
    error::Result,
    events::{Actor, EventKind, NewEvent, Source, log_after_commit},
    sessions::model::EndReason,
};

/// An active session that has expired.
#[derive(Debug, Clone)]
pub(in crate::sessions) struct Expired {
    pub id: SessionId,
    pub user_id: UserId,
    pub absolute_expiry: Timestamp,
    /// When it expired: by its absolute or its idle timeout, whichever came first.
    pub data_expiry: Timestamp,
}

/// Data that has expired.
#[derive(Clone)]
pub(in crate::sessions) struct ExpiredData {
    pub sid: String,
    expired_at: Timestamp,
}

/// Without its sid, which is a secret.
impl fmt::Display for ExpiredData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "data that expired at {}", self.expired_at.to_iso_micros())
    }
}

/// Finds expired data, a peer's included, the longest expired first. Passes over the first `passed` rows.
pub(in crate::sessions) fn find_expired_data(
    connection: &mut DbConnection,
    now: Timestamp,
    passed: i64,
    limit: i64,
) -> Result<Vec<ExpiredData>> {
    let expired = user_sessions::table.filter(user_sessions::expire.le(SqlTime::from(now)));
    let next = expired.order(user_sessions::expire).offset(passed).limit(limit);
    let rows: Vec<(String, SqlTime)> =
        next.select((user_sessions::sid, as_instant(user_sessions::expire))).load(connection)?;
    Ok(rows.into_iter().map(|(sid, at)| ExpiredData { sid, expired_at: at.into() }).collect())
}

/// Locks the active sessions of these sids that have expired. Rows that another transaction is changing are left for
/// the next purge: a peer's prune locks the same rows in another order, and the two could deadlock.
pub(in crate::sessions) fn lock_expired(
    connection: &mut DbConnection,
    sids: &[String],
    now: Timestamp,
) -> Result<Vec<Expired>> {
    type Row = (SessionId, UserId, String, SqlTime, SqlTime);
    let query = sessions::table
        .inner_join(user_sessions::table.on(user_sessions::sid.eq(sessions::sid)))
        .filter(sessions::sid.eq_any(sids))
        .filter(as_instant(user_sessions::expire).le(SqlTime::from(now)))
        .order(sessions::id)
        .select((
            sessions::id,
            sessions::user_id,
            sessions::status,
            sessions::expires_at,
            as_instant(user_sessions::expire),
        ));
    let rows: Vec<Row> = for_update_skip_locked(query).load_readable(connection)?;
    // Filtered here: with this condition in the statement, SQLite would read all active sessions instead of looking up
    // sids.
    let active = rows.into_iter().filter(|(_, _, status, ..)| status == ACTIVE);
    let expired = |(id, user_id, _, absolute_expiry, data_expiry): Row| Expired {
        id,
        user_id,
        absolute_expiry: absolute_expiry.into(),
        data_expiry: data_expiry.into(),
    };
    Ok(active.map(expired).collect())
}

/// Ends sessions that the caller has locked with [`lock_expired`], each with its reason and time. The trigger deletes
/// their data, which has expired and is never kept.
pub(in crate::sessions) fn end_expired(
    connection: &mut DbConnection,
    ends: &[(Expired, EndReason, Timestamp)],
    now: Timestamp,
) -> Result<usize> {
    for (session, reason, at) in ends {
        let event = NewEvent::new(EventKind::SessionEnded, &Source::system()).user(session.user_id).session(session.id);
        let event = event.detail("reason", reason.as_str());
        log_after_commit(if *at < now { event.detail("ended_at", at.to_iso_micros()) } else { event });
    }
    match connection {
        DbConnection::Postgres(connection) => {
            let ids: Vec<SessionId> = ends.iter().map(|(session, ..)| session.id).collect();
            let reasons: Vec<&str> = ends.iter().map(|(_, reason, _)| reason.as_str()).collect();
            let times: Vec<SqlTime> = ends.iter().map(|(.., at)| SqlTime::from(*at)).collect();
            let statement = sql_file(include_str!("end_expired.sql"))
                .bind::<Array<SqlUuid>, _>(ids)
                .bind::<Array<Text>, _>(reasons)
                .bind::<Array<Instant>, _>(times)
                .bind::<Instant, _>(SqlTime::from(now));
            Ok(statement.execute(connection)?)
        }
        DbConnection::Sqlite(connection) => {
            let mut ended = 0;
            for (expired, reason, at) in ends {
                let session = diesel::update(sessions::table.find(expired.id))
                    .set((
                        sessions::status.eq(LOGGED_OUT),
                        sessions::end_reason.eq(reason.as_str()),
                        sessions::logged_out_at.eq(SqlTime::from(*at)),
                        sessions::updated_at.eq(SqlTime::from(now)),
                        sessions::ended_by.eq(Actor::System.as_str()),
                    ))
                    .returning(sessions::id);
                let id: Option<SessionId> = prepared(session).get_result(connection).optional()?;
                ended += usize::from(id.is_some());
            }
            Ok(ended)
        }
    }
}

/// Deletes expired data with these sids that belongs to no active session: kept after an end, or a peer's.
pub(in crate::sessions) fn delete_expired_data(
    connection: &mut DbConnection,
    sids: &[String],
    now: Timestamp,
) -> Result<usize> {
    let of_active = sessions::table.filter(sessions::sid.eq(user_sessions::sid)).filter(sessions::status.eq(ACTIVE));
    // Tested again: a peer may have moved the expiry since the sids were found.
    let expired = user_sessions::table
        .filter(user_sessions::sid.eq_any(sids))
        .filter(user_sessions::expire.le(SqlTime::from(now)))
        .filter(not(exists(of_active)))
        .select(user_sessions::sid);
    // Rows that another transaction is changing are left out, as in `lock_expired`.
    let expired: Vec<String> = for_update_skip_locked(expired).get_results(connection)?;
    Ok(diesel::delete(user_sessions::table.filter(user_sessions::sid.eq_any(expired))).execute(connection)?)
}

type ScannedRow = (SessionId, SqlTime, String, SqlTime, Option<String>, Option<String>);

/// A session that the scan over all sessions has read.
pub(in crate::sessions) struct ScannedSession {
    pub id: SessionId,
    pub absolute_expiry: Timestamp,
    /// Whether it is active and its data was deleted.
    pub lacks_data: bool,
}

/// Reads the next page of sessions in the order of their ids. It includes ended ones, so that a page costs the same
/// however many have ended.
///
/// A session that was started after `settled` does not count as lacking data yet: an Express application may insert it
/// before its data. A session whose sid is in `replaced_sids` counts at once: its data was deleted while another
/// transaction held the session, and none can be inserted for it.
pub(in crate::sessions) fn scan_page(
    connection: &mut DbConnection,
    after: Option<SessionId>,
    settled: Timestamp,
    limit: i64,
) -> Result<Vec<ScannedSession>> {
    let mut query = sessions::table
        .left_join(user_sessions::table.on(user_sessions::sid.eq(sessions::sid)))
        .left_join(replaced_sids::table.on(replaced_sids::sid.eq(sessions::sid)))
        .order(sessions::id)
        .limit(limit)
        .select((
            sessions::id,
            sessions::expires_at,
            sessions::status,
            sessions::created_at,
            user_sessions::sid.nullable(),
            replaced_sids::sid.nullable(),
        ))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(sessions::id.gt(after));
    }
    let rows: Vec<ScannedRow> = query.load_readable(connection)?;
    let session = |(id, absolute_expiry, status, created_at, data, replaced): ScannedRow| ScannedSession {
        id,
        absolute_expiry: absolute_expiry.into(),
        lacks_data: status == ACTIVE
            && data.is_none()
            && (replaced.is_some() || Timestamp::from(created_at) <= settled),
    };
    Ok(rows.into_iter().map(session).collect())
}

/// A remembered sid that no cookie can have any longer.
#[derive(Clone)]
pub(in crate::sessions) struct OutdatedSid(String);

/// Without the sid, which was a secret.
impl fmt::Display for OutdatedSid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row of ended_sids")
    }
}

/// Finds remembered sids that no cookie can have any longer. Passes over the first `passed` rows.
pub(in crate::sessions) fn find_outdated_sids(
    connection: &mut DbConnection,
    now: Timestamp,
    passed: i64,
    limit: i64,
) -> Result<Vec<OutdatedSid>> {
    let outdated = ended_sids::table.filter(ended_sids::forget_at.le(SqlTime::from(now)));
    let next = outdated.order(ended_sids::forget_at).offset(passed).limit(limit);
    let sids: Vec<String> = next.select(ended_sids::sid).load(connection)?;
    Ok(sids.into_iter().map(OutdatedSid).collect())
}

/// Deletes remembered sids.
pub(in crate::sessions) fn forget_sids(connection: &mut DbConnection, sids: &[OutdatedSid]) -> Result<usize> {
    let sids: Vec<&str> = sids.iter().map(|sid| sid.0.as_str()).collect();
    Ok(diesel::delete(ended_sids::table.filter(ended_sids::sid.eq_any(sids))).execute(connection)?)
}

/// Finds history: sessions that ended before `before`, the first ones first. Passes over the first `passed` rows.
pub(in crate::sessions) fn find_history(
    connection: &mut DbConnection,
    before: Timestamp,
    passed: i64,
    limit: i64,
) -> Result<Vec<SessionId>> {
    let ended = sessions::table
        .filter(sessions::status.eq(LOGGED_OUT))
        .filter(sessions::logged_out_at.lt(SqlTime::from(before)));
    Ok(ended
        .order(sessions::logged_out_at)
        .offset(passed)
        .limit(limit)
        .select(sessions::id)
        .load_readable(connection)?)
}

/// Deletes the history of these sessions.
pub(in crate::sessions) fn delete_history(connection: &mut DbConnection, ids: &[SessionId]) -> Result<usize> {
    let ended = sessions::table.filter(sessions::id.eq_any(ids)).filter(sessions::status.eq(LOGGED_OUT));
    Ok(diesel::delete(ended).execute(connection)?)
}
