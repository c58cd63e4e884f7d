//! The end of sessions.

use diesel::{
    OptionalExtension,
    dsl::{exists, not},
    prelude::*,
};

use super::{ACTIVE, LOGGED_OUT, update::update_data};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, MultiBackend, SessionId, UserId,
        schema::types::{Json, SqlTime},
        schema::{sessions, user_sessions},
        sql::{for_update, prepared},
    },
    error::Result,
    sessions::{
        data::SessionData,
        model::{EndReason, Sid},
    },
};

/// Which active sessions an end is about.
#[derive(Debug, Clone)]
pub(in crate::sessions) enum Which {
    /// The one that a browser presents.
    Presented(Sid),
    /// One by its id.
    Id(SessionId),
    /// One by its id, if it has no data that is alive at this time: it was so when it was found, but a request may have
    /// been faster.
    RunOut(SessionId, Timestamp),
    /// One by its id, if it is this user's.
    Own(UserId, SessionId),
    /// All of a user's but one.
    OthersOf(UserId, SessionId),
    /// All of a user's.
    AllOf(UserId),
    /// Everybody's.
    Everyone,
}

type Predicate = Box<dyn BoxableExpression<sessions::table, MultiBackend, SqlType = diesel::sql_types::Bool>>;

impl Which {
    fn predicate(&self) -> Predicate {
        match self {
            Self::Presented(sid) => Box::new(sessions::sid.eq(sid.expose().to_owned())),
            Self::Id(id) => Box::new(sessions::id.eq(*id)),
            Self::RunOut(id, now) => {
                let alive = user_sessions::table
                    .filter(user_sessions::sid.eq(sessions::sid))
                    .filter(user_sessions::expire.gt(SqlTime::from(*now)));
                Box::new(sessions::id.eq(*id).and(not(exists(alive))))
            }
            Self::Own(user, id) => Box::new(sessions::id.eq(*id).and(sessions::user_id.eq(*user))),
            Self::OthersOf(user, id) => Box::new(sessions::user_id.eq(*user).and(sessions::id.ne(*id))),
            Self::AllOf(user) => Box::new(sessions::user_id.eq(*user)),
            Self::Everyone => Box::new(sessions::sid.is_not_null()),
        }
    }

    /// Whether it is one row at most, and that row alone tells.
    fn is_one_row(&self) -> bool {
        matches!(self, Self::Presented(_) | Self::Id(_) | Self::Own(..))
    }
}

/// How sessions end.
#[derive(Debug, Clone, Copy)]
pub(in crate::sessions) struct End {
    pub reason: EndReason,
    pub at: Timestamp,
    pub keep_data: bool,
}

/// How many ids one statement names: both engines have a limit.
const BATCH: usize = 1000;

/// Ends what is still active of `which`, and returns the ids of what ended by it. The trigger on `sessions` removes the
/// data in the same statement, as it does for a plain SQL client.
pub(in crate::sessions) fn end(connection: &mut DbConnection, which: &Which, end: End) -> Result<Vec<SessionId>> {
    if which.is_one_row() && !end.keep_data {
        return Ok(write(connection, which.predicate(), end, Text::Fixed)?);
    }
    let mut ended = Vec::new();
    for ids in find(connection, which)?.chunks(BATCH) {
        lock(connection, ids)?;
        // Tested again now that nobody else changes them: what was found may have waited for a touch.
        let these = || Box::new(which.predicate().and(sessions::id.eq_any(ids.to_vec())));
        if end.keep_data {
            let active = sessions::table.filter(sessions::status.eq(ACTIVE)).filter(these());
            let ids: Vec<SessionId> = active.select(sessions::id).get_results(connection)?;
            mark_data(connection, &ids)?;
        }
        ended.extend(write(connection, these(), end, Text::Varying)?);
    }
    Ok(ended)
}

/// Ends these sessions, if they are active. `text` says whether the statement's text is always the same.
fn write(connection: &mut DbConnection, these: Predicate, end: End, text: Text) -> QueryResult<Vec<SessionId>> {
    let at = SqlTime::from(end.at);
    let statement = diesel::update(sessions::table.filter(sessions::status.eq(ACTIVE)))
        .filter(these)
        .set((
            sessions::status.eq(LOGGED_OUT),
            sessions::end_reason.eq(end.reason.as_str()),
            sessions::logged_out_at.eq(at),
            sessions::updated_at.eq(at),
            sessions::data_kept.eq(end.keep_data),
        ))
        .returning(sessions::id);
    match text {
        Text::Fixed => prepared(statement).get_results(connection),
        Text::Varying => statement.get_results(connection),
    }
}

/// Whether it pays to prepare a statement.
#[derive(Clone, Copy)]
enum Text {
    Fixed,
    Varying,
}

/// What is to end: what starts from here on is not among it.
fn find(connection: &mut DbConnection, which: &Which) -> QueryResult<Vec<SessionId>> {
    let active = sessions::table.filter(sessions::status.eq(ACTIVE)).filter(which.predicate());
    active.order(sessions::id).select(sessions::id).get_results(connection)
}

/// Takes sessions in the order of their ids, so that two changes of the same ones never wait for each other in a circle.
fn lock(connection: &mut DbConnection, ids: &[SessionId]) -> QueryResult<()> {
    let active = sessions::table.filter(sessions::status.eq(ACTIVE)).filter(sessions::id.eq_any(ids.to_vec()));
    for_update(active.order(sessions::id).select(sessions::id)).get_results::<SessionId>(connection).map(drop)
}

/// Writes `"status": "logout"` into the data that is about to be kept. It comes before the end: from then on, a trigger
/// freezes the row.
fn mark_data(connection: &mut DbConnection, ids: &[SessionId]) -> Result<()> {
    for id in ids {
        let sid: String = sessions::table.find(id).select(sessions::sid).get_result(connection)?;
        let query = user_sessions::table.find(&sid).select(user_sessions::sess);
        let sess: Option<Json> = for_update(query).get_result(connection).optional()?;
        if let Some(mut data) = sess.and_then(|sess| SessionData::parse(&sess)) {
            data.sign_out();
            update_data(connection, &Sid::from_verified(&sid), &data)?;
        }
    }
    Ok(())
}
