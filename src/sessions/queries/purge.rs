//! What has run out, and what nobody needs any more.

use diesel::{
    dsl::{exists, not},
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{Array, Text},
};

use super::{ACTIVE, LOGGED_OUT};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, SessionId,
        schema::types::{Instant, SqlTime, SqlUuid},
        schema::{replaced_sids, sessions, user_sessions},
        sql::{as_instant, for_update_skip_locked, prepared},
    },
    error::Result,
    sessions::model::EndReason,
};

/// An active session that has run out, and when it did.
#[derive(Debug, Clone)]
pub(in crate::sessions) struct RunOut {
    pub id: SessionId,
    pub expires_at: Timestamp,
    /// The earlier of its two ends.
    pub expire: Timestamp,
}

/// The sids of data that has expired, whoever's it is, the longest expired first.
pub(in crate::sessions) fn find_expired(
    connection: &mut DbConnection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<String>> {
    let expired = user_sessions::table.filter(user_sessions::expire.le(SqlTime::from(now)));
    Ok(expired.order(user_sessions::expire).limit(limit).select(user_sessions::sid).load(connection)?)
}

/// Those of these sids that are an active session's, and have still run out now that nobody else changes them. What somebody
/// is changing is left for another time: a peer's prune takes the same rows in an order of its own, and the two would wait for
/// each other.
pub(in crate::sessions) fn lock_run_out(
    connection: &mut DbConnection,
    sids: &[String],
    now: Timestamp,
) -> Result<Vec<RunOut>> {
    type Row = (SessionId, String, SqlTime, SqlTime);
    let query = sessions::table
        .inner_join(user_sessions::table.on(user_sessions::sid.eq(sessions::sid)))
        .filter(sessions::sid.eq_any(sids))
        .filter(as_instant(user_sessions::expire).le(SqlTime::from(now)))
        .order(sessions::id)
        .select((sessions::id, sessions::status, sessions::expires_at, as_instant(user_sessions::expire)));
    let rows: Vec<Row> = for_update_skip_locked(query).get_results(connection)?;
    // Not in the statement: SQLite would rather read every active session there is than look up many by their sids.
    let active = rows.into_iter().filter(|(_, status, ..)| status == ACTIVE);
    let run_out =
        |(id, _, expires_at, expire): Row| RunOut { id, expires_at: expires_at.into(), expire: expire.into() };
    Ok(active.map(run_out).collect())
}

/// Ends sessions that [`lock_run_out`] holds, each for its reason and at its time. Their data goes with them by the trigger: it
/// has expired, so nobody is to keep it.
pub(in crate::sessions) fn end_run_out(
    connection: &mut DbConnection,
    ends: &[(SessionId, EndReason, Timestamp)],
    now: Timestamp,
) -> Result<usize> {
    match connection {
        DbConnection::Postgres(connection) => Ok(EndAll::of(ends, now).execute(connection)?),
        DbConnection::Sqlite(connection) => {
            for (id, reason, at) in ends {
                let session = diesel::update(sessions::table.find(id)).set((
                    sessions::status.eq(LOGGED_OUT),
                    sessions::end_reason.eq(reason.as_str()),
                    sessions::logged_out_at.eq(SqlTime::from(*at)),
                    sessions::updated_at.eq(SqlTime::from(now)),
                ));
                prepared(session).execute(connection)?;
            }
            Ok(ends.len())
        }
    }
}

/// All of them in one statement.
struct EndAll {
    ids: Vec<SessionId>,
    reasons: Vec<&'static str>,
    at: Vec<SqlTime>,
    now: SqlTime,
}

impl EndAll {
    fn of(ends: &[(SessionId, EndReason, Timestamp)], now: Timestamp) -> Self {
        Self {
            ids: ends.iter().map(|(id, ..)| *id).collect(),
            reasons: ends.iter().map(|(_, reason, _)| reason.as_str()).collect(),
            at: ends.iter().map(|(.., at)| SqlTime::from(*at)).collect(),
            now: now.into(),
        }
    }
}

/// The text is always the same, so that it is prepared once.
impl QueryId for EndAll {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<PgConnection> for EndAll {}

impl QueryFragment<Pg> for EndAll {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("UPDATE sessions SET status = 'logged_out', end_reason = ended.reason, logged_out_at = ended.at, updated_at = ");
        out.push_bind_param::<Instant, _>(&self.now)?;
        out.push_sql(" FROM unnest(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.reasons)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Instant>, _>(&self.at)?;
        out.push_sql(") AS ended (id, reason, at) WHERE sessions.id = ended.id");
        Ok(())
    }
}

/// Removes what has expired of the data with these sids and belongs to no active session: kept after an end, or a peer's.
pub(in crate::sessions) fn delete_dead_data(
    connection: &mut DbConnection,
    sids: &[String],
    now: Timestamp,
) -> Result<usize> {
    let of_active = sessions::table.filter(sessions::sid.eq(user_sessions::sid)).filter(sessions::status.eq(ACTIVE));
    // A peer may have moved its end since the sids were found, and then the row is alive.
    let dead = user_sessions::table
        .filter(user_sessions::sid.eq_any(sids))
        .filter(user_sessions::expire.le(SqlTime::from(now)))
        .filter(not(exists(of_active)))
        .select(user_sessions::sid);
    // What somebody is changing is left out, as in `lock_run_out`.
    let dead: Vec<String> = for_update_skip_locked(dead).get_results(connection)?;
    Ok(diesel::delete(user_sessions::table.filter(user_sessions::sid.eq_any(dead))).execute(connection)?)
}

type PassedRow = (SessionId, SqlTime, String, SqlTime, Option<String>, Option<String>);

/// A session that a walk over all of them comes by.
pub(in crate::sessions) struct Passed {
    pub id: SessionId,
    pub expires_at: Timestamp,
    /// Whether it is active and somebody has removed its data.
    pub lacks_data: bool,
}

/// The next sessions in the order of their ids, ended ones too: so a step costs the same however many have ended.
///
/// One that was started after `settled` lacks nothing yet: an Express application may write its row before its data. But
/// nothing comes any more for a sid that is dead: its data was removed while somebody held the session.
pub(in crate::sessions) fn walk(
    connection: &mut DbConnection,
    after: Option<SessionId>,
    settled: Timestamp,
    limit: i64,
) -> Result<Vec<Passed>> {
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
    let rows: Vec<PassedRow> = query.load(connection)?;
    let passed = |(id, expires_at, status, created_at, data, dead): PassedRow| Passed {
        id,
        expires_at: expires_at.into(),
        lacks_data: status == ACTIVE && data.is_none() && (dead.is_some() || Timestamp::from(created_at) <= settled),
    };
    Ok(rows.into_iter().map(passed).collect())
}

/// Removes history: sessions that ended before `before`.
pub(in crate::sessions) fn delete_history(
    connection: &mut DbConnection,
    before: Timestamp,
    limit: i64,
) -> Result<usize> {
    let ids: Vec<SessionId> = sessions::table
        .filter(sessions::status.eq(LOGGED_OUT))
        .filter(sessions::logged_out_at.lt(SqlTime::from(before)))
        .limit(limit)
        .select(sessions::id)
        .load(connection)?;
    Ok(diesel::delete(sessions::table.filter(sessions::id.eq_any(ids))).execute(connection)?)
}
