//! Ends sessions.

use std::time::Duration;

use diesel::{
    OptionalExtension,
    dsl::{exists, not, sql},
    prelude::*,
    sql_types::{Bool, Text},
};

use super::{
    status::{ACTIVE, LOGGED_OUT},
    update::update_data,
};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, Engine, MultiBackend, SessionId, UserId,
        history::{EndedSession, note_end, note_end_requested},
        schema::types::{Json, SqlTime},
        schema::{sessions, user_sessions},
        sql::{LoadReadable, Readable, for_update, prepared},
    },
    error::Result,
    events::{EventKind, NewEvent, Source, log_after_commit},
    sessions::{
        data::SessionData,
        model::{EndReason, Sid},
    },
};

/// How long a browser keeps a cookie at most (RFC 6265bis).
const MAX_COOKIE_AGE: Duration = Duration::from_secs(400 * 24 * 3600);

/// The active sessions to end.
#[derive(Debug, Clone)]
pub(in crate::sessions) enum EndTarget {
    /// The session with this sid.
    Sid(Sid),
    /// The session with this id.
    Id(SessionId),
    /// The session with this id, unless it has data that is alive at this time. It had none when it was found, but a
    /// request may have written some since.
    IdWithoutLiveData(SessionId, Timestamp),
    /// The session with this id, if it belongs to this user.
    OfUser(UserId, SessionId),
}

type Predicate = Box<dyn BoxableExpression<sessions::table, MultiBackend, SqlType = Bool>>;

impl EndTarget {
    fn predicate(&self) -> Predicate {
        match self {
            Self::Sid(sid) => Box::new(sessions::sid.eq(sid.expose().to_owned())),
            Self::Id(id) => Box::new(sessions::id.eq(*id)),
            Self::IdWithoutLiveData(id, now) => {
                let alive = user_sessions::table
                    .filter(user_sessions::sid.eq(sessions::sid))
                    .filter(user_sessions::expire.gt(SqlTime::from(*now)));
                Box::new(sessions::id.eq(*id).and(not(exists(alive))))
            }
            Self::OfUser(user, id) => Box::new(sessions::id.eq(*id).and(sessions::user_id.eq(*user))),
        }
    }

    /// Whether it matches at most one session, by columns of that session alone.
    fn names_one_session(&self) -> bool {
        matches!(self, Self::Sid(_) | Self::Id(_) | Self::OfUser(..))
    }
}

/// Why and when sessions end, by whom, and whether their data is kept.
#[derive(Debug, Clone)]
pub(in crate::sessions) struct Ending {
    pub reason: EndReason,
    pub at: Timestamp,
    pub keep_data: bool,
    pub source: Source,
}

impl Ending {
    /// The event of the end of a session, as the trigger writes it.
    fn event(&self, id: SessionId, user: UserId) -> NewEvent {
        NewEvent::new(EventKind::SessionEnded, &self.source)
            .user(user)
            .session(id)
            .detail("reason", self.reason.as_str())
    }
}

/// Ends the session of `target` if it is still active, and returns its id. The trigger on `sessions` deletes the data in
/// the same statement, as it does for a plain SQL client.
pub(in crate::sessions) fn end(
    connection: &mut DbConnection,
    target: &EndTarget,
    ending: &Ending,
) -> Result<Vec<SessionId>> {
    note_end_requested();
    if target.names_one_session() && !ending.keep_data {
        return Ok(mark_ended(connection, target.predicate(), ending, StatementCache::Use)?);
    }
    let active = sessions::table.filter(sessions::status.eq(ACTIVE)).filter(target.predicate());
    let found: Vec<SessionId> = active.select(sessions::id).load_readable(connection)?;
    end_if(connection, found, ending, |ids| Box::new(target.predicate().and(sessions::id.eq_any(ids))))
}

/// Ends those of these sessions that are still active, and returns their ids.
pub(in crate::sessions) fn end_batch(
    connection: &mut DbConnection,
    ids: Vec<SessionId>,
    ending: &Ending,
) -> Result<Vec<SessionId>> {
    note_end_requested();
    if connection.engine() == Engine::Sqlite && !ending.keep_data {
        // Kept prepared, with any number of ids in one parameter: SQLite compiles all triggers of the table into it, which
        // takes two milliseconds. It has one writer, so no other changes a session in between.
        return Ok(mark_ended(connection, is_one_of(&ids), ending, StatementCache::Use)?);
    }
    end_if(connection, ids, ending, |ids| Box::new(sessions::id.eq_any(ids)))
}

/// The sessions with these ids, for SQLite.
fn is_one_of(ids: &[SessionId]) -> Predicate {
    let ids = serde_json::json!(ids).to_string();
    Box::new(sql::<Bool>("sessions.id IN (SELECT value FROM json_each(").bind::<Text, _>(ids).sql("))"))
}

/// Ends those of these few sessions that are still active, and returns their ids. One at a time is faster for few, since the
/// statement is kept prepared: SQLite compiles all triggers of the table into it.
pub(in crate::sessions) fn end_few(
    connection: &mut DbConnection,
    mut ids: Vec<SessionId>,
    ending: &Ending,
) -> Result<Vec<SessionId>> {
    const FEW: usize = 4;
    if ids.len() > FEW {
        return end_batch(connection, ids, ending);
    }
    // In the order in which a batch locks them.
    ids.sort_unstable();
    let mut ended = Vec::new();
    for id in ids {
        ended.extend(end(connection, &EndTarget::Id(id), ending)?);
    }
    Ok(ended)
}

/// Locks sessions, then ends those that match the filter. It is tested under the lock: a session may have been touched
/// between being found and being locked.
fn end_if(
    connection: &mut DbConnection,
    ids: Vec<SessionId>,
    ending: &Ending,
    filter: impl Fn(Vec<SessionId>) -> Predicate,
) -> Result<Vec<SessionId>> {
    if ids.is_empty() {
        return Ok(ids);
    }
    lock(connection, &ids)?;
    if ending.keep_data {
        let active = sessions::table.filter(sessions::status.eq(ACTIVE)).filter(filter(ids.clone()));
        let active: Vec<SessionId> = active.select(sessions::id).load_readable(connection)?;
        mark_data(connection, &active)?;
    }
    Ok(mark_ended(connection, filter(ids), ending, StatementCache::Bypass)?)
}

/// Whether the statement is kept prepared: worth it only if its text is the same each time.
#[derive(Clone, Copy)]
enum StatementCache {
    Use,
    Bypass,
}

/// Ends the active sessions that match `filter`, and notes their ends for the journal and the log. A trigger writes the
/// events.
fn mark_ended(
    connection: &mut DbConnection,
    filter: Predicate,
    ending: &Ending,
    cache: StatementCache,
) -> QueryResult<Vec<SessionId>> {
    let at = SqlTime::from(ending.at);
    let statement = diesel::update(sessions::table.filter(sessions::status.eq(ACTIVE)))
        .filter(filter)
        .set((
            sessions::status.eq(LOGGED_OUT),
            sessions::end_reason.eq(ending.reason.as_str()),
            sessions::logged_out_at.eq(at),
            sessions::updated_at.eq(at),
            sessions::data_kept.eq(ending.keep_data),
            sessions::ended_by.eq(ending.source.actor().as_str()),
            sessions::ended_by_name.eq(ending.source.name()),
            sessions::ended_from.eq(address_of(&ending.source)),
        ))
        .returning((sessions::id, sessions::user_id, sessions::expires_at));
    let ended: Vec<(Readable<SessionId>, Readable<UserId>, Readable<SqlTime>)> = match cache {
        StatementCache::Use => prepared(statement).get_results(connection)?,
        StatementCache::Bypass => statement.get_results(connection)?,
    };
    let journaled = ended.into_iter().filter_map(|(id, user, expires_at)| {
        // No cookie leads to a session without a readable id.
        let (id, user) = (id.0?, user.0?);
        log_after_commit(ending.event(id, user));
        let expires_at = expires_at.0.map_or(ending.at + MAX_COOKIE_AGE, Timestamp::from);
        note_end(EndedSession::new(id, ending.reason.as_str(), ending.at, expires_at));
        Some(id)
    });
    Ok(journaled.collect())
}

/// The address from which sessions are ended, as the column has it.
pub(super) fn address_of(source: &Source) -> Option<String> {
    source.ip_address().map(|address| address.to_canonical().to_string())
}

/// Locks sessions in the order of their ids, so that two transactions that change the same ones don't deadlock.
fn lock(connection: &mut DbConnection, ids: &[SessionId]) -> QueryResult<()> {
    let active = sessions::table.filter(sessions::status.eq(ACTIVE)).filter(sessions::id.eq_any(ids.to_vec()));
    for_update(active.order(sessions::id).select(sessions::id)).load_readable::<SessionId>(connection).map(drop)
}

/// Writes `"status": "logout"` into the data that is kept. It must come before the end: from then on, a trigger freezes
/// the row.
fn mark_data(connection: &mut DbConnection, ids: &[SessionId]) -> Result<()> {
    for id in ids {
        let sid: String = sessions::table.find(id).select(sessions::sid).get_result(connection)?;
        let query = user_sessions::table.find(&sid).select(user_sessions::sess);
        let sess: Option<Json> = for_update(query).get_result(connection).optional()?;
        if let Some(mut data) = sess.and_then(|sess| SessionData::parse(&sess)) {
            data.sign_out();
            update_data(connection, &Sid::from_trusted(&sid), &data)?;
        }
    }
    Ok(())
}
