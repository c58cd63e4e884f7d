//! Every statement on `sessions` and `user_sessions`. The functions run inside the caller's transaction.
//!
//! Rows are locked in one order, `users`, `sessions`, `user_sessions`, so that two transactions never wait for each other
//! in a circle. A session's data is never upserted: creating inserts, saving only updates.

use diesel::{OptionalExtension, dsl::exists, prelude::*, result::Error as DieselError};

use super::{
    data::SessionData,
    model::{Client, EndReason, SessionRecord, SessionUser, Sid},
};
use crate::{
    clock::Timestamp,
    db::{
        SessionId, UserId,
        connection::{DbConnection, MultiBackend},
        schema::{sessions, user_sessions, users},
        sql::{instant, locked},
        types::{Json, SqlTime},
    },
    error::Result,
};

const ACTIVE: &str = "active";
const LOGGED_OUT: &str = "logged_out";

type LiveColumns =
    (sessions::id, sessions::created_at, sessions::last_seen_at, sessions::expires_at, sessions::remembered);
const LIVE_COLUMNS: LiveColumns =
    (sessions::id, sessions::created_at, sessions::last_seen_at, sessions::expires_at, sessions::remembered);

type UserColumns = (users::id, users::email, users::user_name, users::first_name, users::last_name, users::role);
const USER_COLUMNS: UserColumns =
    (users::id, users::email, users::user_name, users::first_name, users::last_name, users::role);

/// The user of a sign-in, with what decides whether the sign-in still holds.
pub(super) struct SigningIn {
    pub user: SessionUser,
    pub disabled: bool,
    pub password_changed_at: Timestamp,
}

/// Finds the user and keeps them from being disabled, and their password from being changed, until the session stands.
pub(super) fn lock_user(connection: &mut DbConnection, id: UserId) -> Result<Option<SigningIn>> {
    type Row = (SessionUserRow, Option<SqlTime>, SqlTime);
    let query =
        users::table.filter(users::id.eq(id)).select((USER_COLUMNS, users::disabled_at, users::password_changed_at));
    let row: Option<Row> = locked(query).get_result(connection).optional()?;
    Ok(row.map(|(user, disabled_at, password_changed_at)| SigningIn {
        user: user.into(),
        disabled: disabled_at.is_some(),
        password_changed_at: password_changed_at.into(),
    }))
}

/// A session about to be inserted.
pub(super) struct NewRow<'a> {
    pub id: SessionId,
    pub sid: &'a Sid,
    pub user_id: UserId,
    pub client: &'a Client,
    pub remembered: bool,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub expire: Timestamp,
    pub data: &'a SessionData,
}

/// Inserts the session and its data.
pub(super) fn insert(connection: &mut DbConnection, row: &NewRow<'_>) -> Result<()> {
    let now = SqlTime::from(row.created_at);
    diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(row.id),
            sessions::sid.eq(row.sid.expose()),
            sessions::user_id.eq(row.user_id),
            sessions::ip_address.eq(row.client.ip_address.map(|ip| ip.to_string())),
            sessions::user_agent.eq(row.client.user_agent.as_deref()),
            sessions::remembered.eq(row.remembered),
            sessions::expires_at.eq(SqlTime::from(row.expires_at)),
            sessions::created_at.eq(now),
            sessions::updated_at.eq(now),
            sessions::last_seen_at.eq(now),
        ))
        .execute(connection)?;
    diesel::insert_into(user_sessions::table)
        .values((
            user_sessions::sid.eq(row.sid.expose()),
            user_sessions::sess.eq(row.data.to_json()),
            user_sessions::expire.eq(SqlTime::from(row.expire)),
        ))
        .execute(connection)?;
    Ok(())
}

/// What a request's sid leads to, if it is alive at `now`: signed in, its data there, its user enabled, both ends ahead.
pub(super) fn find_live(
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
pub(super) fn lock_live(
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

/// Writes the data of a session that [`lock_live`] holds.
pub(super) fn update_data(connection: &mut DbConnection, sid: &Sid, data: &SessionData) -> Result<()> {
    diesel::update(user_sessions::table.find(sid.expose()))
        .set(user_sessions::sess.eq(data.to_json()))
        .execute(connection)?;
    Ok(())
}

/// A session's new sid and what comes with it.
pub(super) struct Rotation<'a> {
    pub id: SessionId,
    pub old: &'a Sid,
    pub new: &'a Sid,
    pub data: &'a SessionData,
    pub expire: Timestamp,
    pub now: Timestamp,
}

/// Gives a session that [`lock_live`] holds its new sid, in both tables. The old one is remembered, so that a peer's late
/// upsert under it is refused.
pub(super) fn rotate(connection: &mut DbConnection, rotation: &Rotation<'_>) -> Result<()> {
    diesel::update(sessions::table.find(rotation.id))
        .set((
            sessions::sid.eq(rotation.new.expose()),
            sessions::previous_sid.eq(rotation.old.expose()),
            sessions::updated_at.eq(SqlTime::from(rotation.now)),
        ))
        .execute(connection)?;
    diesel::update(user_sessions::table.find(rotation.old.expose()))
        .set((
            user_sessions::sid.eq(rotation.new.expose()),
            user_sessions::sess.eq(rotation.data.to_json()),
            user_sessions::expire.eq(SqlTime::from(rotation.expire)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Records what a sign-in on a browser that is signed in already says anew.
pub(super) fn renew_terms(
    connection: &mut DbConnection,
    id: SessionId,
    client: &Client,
    remembered: bool,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    diesel::update(sessions::table.find(id))
        .set((
            sessions::ip_address.eq(client.ip_address.map(|ip| ip.to_string())),
            sessions::user_agent.eq(client.user_agent.as_deref()),
            sessions::remembered.eq(remembered),
            sessions::expires_at.eq(SqlTime::from(expires_at)),
            sessions::last_seen_at.eq(SqlTime::from(now)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Records activity: never backwards, and only on a session that is still active. Returns whether it was.
pub(super) fn touch(connection: &mut DbConnection, id: SessionId, now: Timestamp, expire: Timestamp) -> Result<bool> {
    let (now, expire) = (SqlTime::from(now), SqlTime::from(expire));
    let touched = diesel::update(
        sessions::table
            .filter(sessions::id.eq(id))
            .filter(sessions::status.eq(ACTIVE))
            .filter(sessions::last_seen_at.lt(now)),
    )
    .set((sessions::last_seen_at.eq(now), sessions::updated_at.eq(now)))
    .execute(connection)?;
    if touched == 0 {
        return Ok(false);
    }
    let sid = sessions::table.find(id).select(sessions::sid);
    diesel::update(user_sessions::table.filter(user_sessions::sid.eq_any(sid)))
        .filter(user_sessions::expire.lt(expire))
        .set(user_sessions::expire.eq(expire))
        .execute(connection)?;
    Ok(true)
}

/// Which active sessions an end is about.
#[derive(Debug, Clone)]
pub(super) enum Which {
    /// The one that a browser presents.
    Presented(Sid),
    /// One by its id.
    Id(SessionId),
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
            Self::Own(user, id) => Box::new(sessions::id.eq(*id).and(sessions::user_id.eq(*user))),
            Self::OthersOf(user, id) => Box::new(sessions::user_id.eq(*user).and(sessions::id.ne(*id))),
            Self::AllOf(user) => Box::new(sessions::user_id.eq(*user)),
            Self::Everyone => Box::new(sessions::status.eq(ACTIVE)),
        }
    }
}

/// How sessions end.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub reason: EndReason,
    pub at: Timestamp,
    pub keep_data: bool,
}

/// Ends what is still active of `which`, and returns the ids of what ended by it. The trigger on `sessions` removes the
/// data in the same statement, as it does for a plain SQL client.
pub(super) fn end(connection: &mut DbConnection, which: &Which, end: End) -> Result<Vec<SessionId>> {
    if end.keep_data {
        mark_data(connection, which)?;
    }
    let at = SqlTime::from(end.at);
    let ended = diesel::update(sessions::table.filter(sessions::status.eq(ACTIVE)))
        .filter(which.predicate())
        .set((
            sessions::status.eq(LOGGED_OUT),
            sessions::end_reason.eq(end.reason.as_str()),
            sessions::logged_out_at.eq(at),
            sessions::updated_at.eq(at),
            sessions::data_kept.eq(end.keep_data),
        ))
        .returning(sessions::id)
        .get_results(connection)?;
    Ok(ended)
}

/// Writes `"status": "logout"` into the data that is about to be kept. It comes before the end: from then on, a trigger
/// freezes the row.
fn mark_data(connection: &mut DbConnection, which: &Which) -> Result<()> {
    let query = sessions::table.filter(sessions::status.eq(ACTIVE)).filter(which.predicate()).select(sessions::id);
    let ids: Vec<SessionId> = query.get_results(connection)?;
    for id in ids {
        let query = sessions::table.find(id).filter(sessions::status.eq(ACTIVE)).select(sessions::sid);
        let Some(sid) = locked(query).get_result::<String>(connection).optional()? else { continue };
        let query = user_sessions::table.find(&sid).select(user_sessions::sess);
        let sess: Option<Json> = locked(query).get_result(connection).optional()?;
        if let Some(mut data) = sess.and_then(|sess| SessionData::parse(&sess)) {
            data.sign_out();
            update_data(connection, &Sid::from_verified(&sid), &data)?;
        }
    }
    Ok(())
}

/// A user's live sessions, the most recently active first.
pub(super) fn active_of(connection: &mut DbConnection, user: UserId, now: Timestamp) -> Result<Vec<SessionRecord>> {
    let now = SqlTime::from(now);
    let rows: Vec<RecordRow> = sessions::table
        .inner_join(users::table)
        .inner_join(user_sessions::table.on(user_sessions::sid.eq(sessions::sid)))
        .filter(sessions::user_id.eq(user))
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::expires_at.gt(now))
        .filter(user_sessions::expire.gt(now))
        .order((sessions::last_seen_at.desc(), sessions::id))
        .select(RecordRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(SessionRecord::from).collect())
}

/// A user's ended sessions that ended before `before`, the latest first.
pub(super) fn ended_of(
    connection: &mut DbConnection,
    user: UserId,
    before: Option<(Timestamp, SessionId)>,
    limit: i64,
) -> Result<Vec<SessionRecord>> {
    let mut query = sessions::table
        .inner_join(users::table)
        .filter(sessions::user_id.eq(user))
        .filter(sessions::status.eq(LOGGED_OUT))
        .order((sessions::logged_out_at.desc(), sessions::id.desc()))
        .limit(limit)
        .select(RecordRow::as_select())
        .into_boxed::<MultiBackend>();
    if let Some((at, id)) = before {
        let at = SqlTime::from(at);
        // The first condition lets the index start at the right place; the second one skips those of the same moment.
        query = query
            .filter(sessions::logged_out_at.le(at))
            .filter(sessions::logged_out_at.lt(at).or(sessions::id.lt(id)).assume_not_null());
    }
    let rows: Vec<RecordRow> = query.load(connection)?;
    Ok(rows.into_iter().map(SessionRecord::from).collect())
}

/// Every session, or one user's: the active ones, or with `ended` those that are over, the latest first.
pub(super) fn list(connection: &mut DbConnection, user: Option<UserId>, ended: bool) -> Result<Vec<SessionRecord>> {
    let mut query = sessions::table
        .inner_join(users::table)
        .filter(sessions::status.eq(if ended { LOGGED_OUT } else { ACTIVE }))
        .order((sessions::created_at.desc(), sessions::id))
        .select(RecordRow::as_select())
        .into_boxed::<MultiBackend>();
    if let Some(user) = user {
        query = query.filter(sessions::user_id.eq(user));
    }
    let rows: Vec<RecordRow> = query.load(connection)?;
    Ok(rows.into_iter().map(SessionRecord::from).collect())
}

/// One of a user's sessions, active or ended.
pub(super) fn find_own(connection: &mut DbConnection, user: UserId, id: SessionId) -> Result<Option<SessionRecord>> {
    let row: Option<RecordRow> = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(id))
        .filter(sessions::user_id.eq(user))
        .select(RecordRow::as_select())
        .get_result(connection)
        .optional()?;
    Ok(row.map(SessionRecord::from))
}

/// An active session that has run out, and when it did.
pub(super) struct RunOut {
    pub id: SessionId,
    pub expires_at: Timestamp,
    /// The earlier of its two ends, unless a peer moved it; `None` if somebody has removed its data.
    pub expire: Option<Timestamp>,
}

/// Active sessions past one of their ends, those whose data is gone included.
pub(super) fn find_run_out(connection: &mut DbConnection, now: Timestamp, limit: i64) -> Result<Vec<RunOut>> {
    let now = SqlTime::from(now);
    let expired: Vec<(SessionId, SqlTime, SqlTime)> = user_sessions::table
        .inner_join(sessions::table.on(sessions::sid.eq(user_sessions::sid)))
        .filter(user_sessions::expire.le(now))
        .filter(sessions::status.eq(ACTIVE))
        .order(user_sessions::expire)
        .limit(limit)
        .select((sessions::id, sessions::expires_at, instant(user_sessions::expire)))
        .load(connection)?;
    // A peer's touch moves `expire` on at every request, past the absolute end too.
    let overdue: Vec<(SessionId, SqlTime, SqlTime)> = user_sessions::table
        .inner_join(sessions::table.on(sessions::sid.eq(user_sessions::sid)))
        .filter(user_sessions::expire.gt(now))
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::expires_at.le(now))
        .limit(limit)
        .select((sessions::id, sessions::expires_at, instant(user_sessions::expire)))
        .load(connection)?;
    let without_data: Vec<(SessionId, SqlTime)> = sessions::table
        .filter(sessions::status.eq(ACTIVE))
        .filter(diesel::dsl::not(exists(user_sessions::table.filter(user_sessions::sid.eq(sessions::sid)))))
        .limit(limit)
        .select((sessions::id, sessions::expires_at))
        .load(connection)?;
    let with_data = expired.into_iter().chain(overdue);
    let with_data = with_data.map(|(id, expires_at, expire)| (id, expires_at, Some(expire.into())));
    let without_data = without_data.into_iter().map(|(id, expires_at)| (id, expires_at, None));
    let run_out =
        |(id, expires_at, expire): (SessionId, SqlTime, _)| RunOut { id, expires_at: expires_at.into(), expire };
    Ok(with_data.chain(without_data).map(run_out).collect())
}

/// Removes data that has expired and belongs to no active session: kept after an end, or a peer's.
pub(super) fn delete_dead_data(connection: &mut DbConnection, now: Timestamp, limit: i64) -> Result<usize> {
    let sids: Vec<String> = user_sessions::table
        .filter(user_sessions::expire.le(SqlTime::from(now)))
        .filter(diesel::dsl::not(exists(
            sessions::table.filter(sessions::sid.eq(user_sessions::sid)).filter(sessions::status.eq(ACTIVE)),
        )))
        .limit(limit)
        .select(user_sessions::sid)
        .load(connection)?;
    Ok(diesel::delete(user_sessions::table.filter(user_sessions::sid.eq_any(sids))).execute(connection)?)
}

/// Removes history: sessions that ended before `before`.
pub(super) fn delete_history(connection: &mut DbConnection, before: Timestamp, limit: i64) -> Result<usize> {
    let ids: Vec<SessionId> = sessions::table
        .filter(sessions::status.eq(LOGGED_OUT))
        .filter(sessions::logged_out_at.lt(SqlTime::from(before)))
        .limit(limit)
        .select(sessions::id)
        .load(connection)?;
    Ok(diesel::delete(sessions::table.filter(sessions::id.eq_any(ids))).execute(connection)?)
}

/// Active sessions without data.
pub(super) fn active_without_data(connection: &mut DbConnection) -> Result<Vec<SessionId>> {
    let query = sessions::table
        .filter(sessions::status.eq(ACTIVE))
        .filter(diesel::dsl::not(exists(user_sessions::table.filter(user_sessions::sid.eq(sessions::sid)))))
        .select(sessions::id);
    Ok(query.load(connection)?)
}

/// Ended sessions whose data is still there although it was not to be kept.
pub(super) fn ended_with_data(connection: &mut DbConnection) -> Result<Vec<SessionId>> {
    let query = sessions::table
        .inner_join(user_sessions::table.on(user_sessions::sid.eq(sessions::sid)))
        .filter(sessions::status.eq(LOGGED_OUT))
        .filter(sessions::data_kept.eq(false))
        .select(sessions::id);
    Ok(query.load(connection)?)
}

/// Removes the data of an ended session.
pub(super) fn delete_data_of(connection: &mut DbConnection, id: SessionId) -> Result<()> {
    let sid = sessions::table.filter(sessions::id.eq(id)).filter(sessions::status.eq(LOGGED_OUT)).select(sessions::sid);
    diesel::delete(user_sessions::table.filter(user_sessions::sid.eq_any(sid))).execute(connection)?;
    Ok(())
}

/// Ended sessions that don't say when, or why.
pub(super) fn end_incomplete(connection: &mut DbConnection) -> Result<Vec<SessionId>> {
    let query = sessions::table
        .filter(sessions::status.eq(LOGGED_OUT))
        .filter(sessions::logged_out_at.is_null().or(sessions::end_reason.is_null()))
        .select(sessions::id);
    Ok(query.load(connection)?)
}

/// Completes such an end: the time from the last change of the row, the reason that a plain sign-out has.
pub(super) fn complete_end(connection: &mut DbConnection, id: SessionId) -> Result<()> {
    let row = || sessions::table.filter(sessions::id.eq(id)).filter(sessions::status.eq(LOGGED_OUT));
    diesel::update(row().filter(sessions::logged_out_at.is_null()))
        .set(sessions::logged_out_at.eq(sessions::updated_at.nullable()))
        .execute(connection)?;
    diesel::update(row().filter(sessions::end_reason.is_null()))
        .set(sessions::end_reason.eq(EndReason::SignedOut.as_str()))
        .execute(connection)?;
    Ok(())
}

/// Active sessions that carry the marks of an end.
pub(super) fn active_with_end(connection: &mut DbConnection) -> Result<Vec<SessionId>> {
    let query = sessions::table
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::logged_out_at.is_not_null().or(sessions::end_reason.is_not_null()))
        .select(sessions::id);
    Ok(query.load(connection)?)
}

/// Sessions whose times contradict each other.
pub(super) fn contradictory_times(connection: &mut DbConnection) -> Result<Vec<SessionId>> {
    let query = sessions::table
        .filter(
            sessions::expires_at
                .lt(sessions::created_at)
                .or(sessions::last_seen_at.lt(sessions::created_at))
                .or(sessions::logged_out_at.lt(sessions::created_at.nullable()).assume_not_null()),
        )
        .select(sessions::id);
    Ok(query.load(connection)?)
}

/// A row of data beside the session that it should agree with.
pub(super) struct DataBesideSession {
    pub sid: Sid,
    pub sess: Json,
    /// `None` if no session has this sid.
    pub session: Option<(SessionId, UserId, bool)>,
}

/// The next rows of data in the order of their sids.
pub(super) fn data_after(connection: &mut DbConnection, after: &str, limit: i64) -> Result<Vec<DataBesideSession>> {
    type Row = (String, Json, Option<(SessionId, UserId, String)>);
    let rows: Vec<Row> = user_sessions::table
        .left_join(sessions::table.on(sessions::sid.eq(user_sessions::sid)))
        .filter(user_sessions::sid.gt(after))
        .order(user_sessions::sid)
        .limit(limit)
        .select((
            user_sessions::sid,
            user_sessions::sess,
            (sessions::id, sessions::user_id, sessions::status).nullable(),
        ))
        .load(connection)?;
    let beside = |(id, user, status): (SessionId, UserId, String)| (id, user, status == ACTIVE);
    Ok(rows
        .into_iter()
        .map(|(sid, sess, session)| DataBesideSession {
            sid: Sid::from_verified(&sid),
            sess,
            session: session.map(beside),
        })
        .collect())
}

/// The columns of `sessions` that a request needs.
#[derive(Queryable)]
pub(super) struct LiveRow {
    pub id: SessionId,
    #[diesel(deserialize_as = SqlTime)]
    pub created_at: Timestamp,
    #[diesel(deserialize_as = SqlTime)]
    pub last_seen_at: Timestamp,
    #[diesel(deserialize_as = SqlTime)]
    pub expires_at: Timestamp,
    pub remembered: bool,
}

#[derive(Queryable)]
struct SessionUserRow {
    id: UserId,
    email: String,
    user_name: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    role: String,
}

impl From<SessionUserRow> for SessionUser {
    fn from(row: SessionUserRow) -> Self {
        let SessionUserRow { id, email, user_name, first_name, last_name, role } = row;
        Self { id, email, user_name, first_name, last_name, role }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions)]
struct RecordRow {
    id: SessionId,
    user_id: UserId,
    #[diesel(select_expression = users::email)]
    email: String,
    ip_address: Option<String>,
    user_agent: Option<String>,
    created_at: SqlTime,
    last_seen_at: SqlTime,
    expires_at: SqlTime,
    remembered: bool,
    logged_out_at: Option<SqlTime>,
    end_reason: Option<String>,
}

impl From<RecordRow> for SessionRecord {
    fn from(row: RecordRow) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            email: row.email,
            ip_address: row.ip_address,
            user_agent: row.user_agent,
            created_at: row.created_at.into(),
            last_seen_at: row.last_seen_at.into(),
            expires_at: row.expires_at.into(),
            remembered: row.remembered,
            logged_out_at: row.logged_out_at.map(Timestamp::from),
            end_reason: row.end_reason,
        }
    }
}
