//! Sign-ins and sign-outs of many requests, each kind in one statement. PostgreSQL only, see [`GroupCommit`](crate::db::Commits).

use std::collections::HashMap;

use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, Bool, Nullable, Text},
};

use super::insert::NewRow;
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, SessionId, UserId,
        schema::types::{Instant, Json, SqlJson, SqlTime, SqlUuid},
    },
    error::{Error, Result},
    sessions::{model::Sid, start::Proof},
};

/// A change that succeeds nearly always, and is one row in one statement.
pub(in crate::sessions) enum Change {
    /// The ordinary sign-in: the browser has no session, there is no limit, and the user is as they were found.
    Start(Box<Start>),
    /// The end of the session that a browser presents.
    SignOut { sid: Sid, at: Timestamp },
}

/// A session about to be inserted, if its user still is who proved to be it.
pub(in crate::sessions) struct Start {
    user_id: UserId,
    password_changed_at: SqlTime,
    email: String,
    role: String,
    id: SessionId,
    sid: String,
    ip_address: Option<String>,
    user_agent: Option<String>,
    remembered: bool,
    expires_at: SqlTime,
    now: SqlTime,
    sess: Json,
    expire: SqlTime,
}

impl Start {
    pub fn new(proof: &Proof, row: &NewRow<'_>) -> Self {
        Self {
            user_id: row.user_id,
            password_changed_at: proof.password_changed_at.into(),
            email: proof.user.email.clone(),
            role: proof.user.role.clone(),
            id: row.id,
            sid: row.sid.expose().to_owned(),
            ip_address: row.client.ip_address.map(|ip| ip.to_string()),
            user_agent: row.client.user_agent.clone(),
            remembered: row.remembered,
            expires_at: row.expires_at.into(),
            now: row.created_at.into(),
            sess: row.data.to_json(),
            expire: row.expire.into(),
        }
    }
}

/// Makes the changes, and returns the sessions that they are about; nothing for one that takes more than this, and was not
/// made.
///
/// # Errors
/// Whatever failed: then none of them may be committed.
pub(in crate::sessions) fn commit(
    connection: &mut DbConnection,
    changes: &[&Change],
) -> Result<Vec<Option<SessionId>>> {
    let DbConnection::Postgres(connection) = connection else {
        return Err(Error::internal("changes go together on PostgreSQL only"));
    };
    let (mut starts, mut ends) = (StartAll::default(), EndAll::default());
    for change in changes {
        match change {
            Change::Start(start) => starts.push(start),
            Change::SignOut { sid, at } => ends.push(sid.expose(), *at),
        }
    }
    let mut done: HashMap<String, SessionId> = HashMap::new();
    if !starts.sid.is_empty() {
        for (sid, id, has_data) in starts.get_results::<(String, SessionId, bool)>(connection)? {
            if !has_data {
                return Err(Error::internal("a session was started without its data"));
            }
            done.insert(sid, id);
        }
    }
    if !ends.sid.is_empty() {
        done.extend(ends.get_results::<(String, SessionId)>(connection)?);
    }
    // Each is somebody's: of two who end the same one, one has ended it.
    let mut of = |change: &Change| match change {
        Change::Start(start) => done.remove(&start.sid),
        Change::SignOut { sid, .. } => done.remove(sid.expose()),
    };
    Ok(changes.iter().map(|change| of(change)).collect())
}

/// The sign-ins, column by column.
#[derive(Default)]
struct StartAll<'a> {
    user_id: Vec<UserId>,
    password_changed_at: Vec<SqlTime>,
    email: Vec<&'a str>,
    role: Vec<&'a str>,
    id: Vec<SessionId>,
    sid: Vec<&'a str>,
    ip_address: Vec<Option<&'a str>>,
    user_agent: Vec<Option<&'a str>>,
    remembered: Vec<bool>,
    expires_at: Vec<SqlTime>,
    now: Vec<SqlTime>,
    sess: Vec<&'a Json>,
    expire: Vec<SqlTime>,
}

impl<'a> StartAll<'a> {
    fn push(&mut self, start: &'a Start) {
        self.user_id.push(start.user_id);
        self.password_changed_at.push(start.password_changed_at);
        self.email.push(&start.email);
        self.role.push(&start.role);
        self.id.push(start.id);
        self.sid.push(&start.sid);
        self.ip_address.push(start.ip_address.as_deref());
        self.user_agent.push(start.user_agent.as_deref());
        self.remembered.push(start.remembered);
        self.expires_at.push(start.expires_at);
        self.now.push(start.now);
        self.sess.push(&start.sess);
        self.expire.push(start.expire);
    }
}

/// The text is always the same, so that it is prepared once.
impl QueryId for StartAll<'_> {
    type QueryId = StartAll<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for StartAll<'_> {
    type SqlType = (Text, SqlUuid, Bool);
}

impl RunQueryDsl<PgConnection> for StartAll<'_> {}

/// Lists as the columns of a table, each behind `SELECT`, so that PostgreSQL does not see how long it is, and plans once.
macro_rules! push_lists {
    ($out:ident, ($type:ty, $list:expr, $name:literal) $(, ($types:ty, $lists:expr, $names:literal))*) => {
        $out.push_sql("unnest((SELECT ");
        $out.push_bind_param::<Array<$type>, _>($list)?;
        $out.push_sql(concat!("::", $name, "[])"));
        $(
            $out.push_sql(", (SELECT ");
            $out.push_bind_param::<Array<$types>, _>($lists)?;
            $out.push_sql(concat!("::", $names, "[])"));
        )*
        $out.push_sql(")");
    };
}

/// `SKIP LOCKED`: a user who is being changed, and everything that waits for that, is not for here. `LATERAL` and `OFFSET 0` as in
/// [`for_each_key`](crate::db::sql::for_each_key).
impl QueryFragment<Pg> for StartAll<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH unchanged AS MATERIALIZED (SELECT wanted.* FROM ");
        push_lists!(
            out,
            (SqlUuid, &self.user_id, "uuid"),
            (Instant, &self.password_changed_at, "timestamptz"),
            (Text, &self.email, "text"),
            (Text, &self.role, "text"),
            (SqlUuid, &self.id, "uuid"),
            (Text, &self.sid, "text"),
            (Nullable<Text>, &self.ip_address, "text"),
            (Nullable<Text>, &self.user_agent, "text"),
            (Bool, &self.remembered, "bool"),
            (Instant, &self.expires_at, "timestamptz"),
            (Instant, &self.now, "timestamptz"),
            (SqlJson, &self.sess, "json"),
            (Instant, &self.expire, "timestamptz")
        );
        out.push_sql(
            " AS wanted (user_id, password_changed_at, email, role, id, sid, ip_address, user_agent, remembered, \
             expires_at, now, sess, expire) CROSS JOIN LATERAL (SELECT FROM users WHERE users.id = wanted.user_id \
             AND users.disabled_at IS NULL AND users.password_changed_at = wanted.password_changed_at \
             AND users.email = wanted.email AND users.role = wanted.role OFFSET 0 FOR SHARE SKIP LOCKED) AS found), \
             session AS (INSERT INTO sessions (id, sid, user_id, ip_address, user_agent, remembered, expires_at, \
             created_at, updated_at, last_seen_at) SELECT id, sid, user_id, ip_address, user_agent, remembered, \
             expires_at, now, now, now FROM unchanged RETURNING id, sid), \
             data AS (INSERT INTO user_sessions (sid, sess, expire) SELECT session.sid, unchanged.sess, \
             unchanged.expire FROM session JOIN unchanged USING (sid) RETURNING sid) \
             SELECT session.sid, session.id, data.sid IS NOT NULL FROM session LEFT JOIN data USING (sid)",
        );
        Ok(())
    }
}

/// The sign-outs, column by column.
#[derive(Default)]
struct EndAll<'a> {
    sid: Vec<&'a str>,
    at: Vec<SqlTime>,
}

impl<'a> EndAll<'a> {
    fn push(&mut self, sid: &'a str, at: Timestamp) {
        self.sid.push(sid);
        self.at.push(at.into());
    }
}

/// The text is always the same, so that it is prepared once.
impl QueryId for EndAll<'_> {
    type QueryId = EndAll<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for EndAll<'_> {
    type SqlType = (Text, SqlUuid);
}

impl RunQueryDsl<PgConnection> for EndAll<'_> {}

/// `SKIP LOCKED`: a session that is being changed is left, so that nobody waits for it, nor in a circle. So is one whose data a
/// peer holds: its end removes the data, and would wait for the peer with everybody else's.
impl QueryFragment<Pg> for EndAll<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH mine AS MATERIALIZED (SELECT wanted.sid, wanted.at FROM ");
        push_lists!(out, (Text, &self.sid, "text"), (Instant, &self.at, "timestamptz"));
        out.push_sql(
            " AS wanted (sid, at) CROSS JOIN LATERAL (SELECT FROM sessions WHERE sessions.sid = wanted.sid \
             AND sessions.status = 'active' OFFSET 0 FOR NO KEY UPDATE SKIP LOCKED) AS found \
             CROSS JOIN LATERAL (SELECT FROM user_sessions WHERE user_sessions.sid = wanted.sid \
             OFFSET 0 FOR UPDATE SKIP LOCKED) AS data) \
             UPDATE sessions SET status = 'logged_out', end_reason = 'signed_out', logged_out_at = mine.at, \
             updated_at = mine.at, data_kept = false FROM mine \
             WHERE sessions.sid = mine.sid RETURNING sessions.sid, sessions.id",
        );
        Ok(())
    }
}
