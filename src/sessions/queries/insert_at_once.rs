//! A sign-in in one statement, for the engine to which each one is a way there and back.

use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{Bool, Nullable, Text},
};

use super::insert::NewRow;
use crate::{
    db::{
        SessionId, UserId,
        connection::DbConnection,
        types::{Expire, Instant, Json, SqlJson, SqlTime, SqlUuid},
    },
    error::Result,
    sessions::start::Proof,
};

/// Inserts a session and its data, if the user is still as they were found, and keeps them so until the transaction ends.
/// Returns whether it did; on SQLite, where statements cost no way, never.
pub(in crate::sessions) fn insert_if_unchanged(
    connection: &mut DbConnection,
    proof: &Proof,
    row: &NewRow<'_>,
) -> Result<bool> {
    let DbConnection::Postgres(connection) = connection else { return Ok(false) };
    let statement = InsertIfUnchanged {
        user_id: row.user_id,
        password_changed_at: proof.password_changed_at.into(),
        email: &proof.user.email,
        role: &proof.user.role,
        id: row.id,
        sid: row.sid.expose(),
        ip_address: row.client.ip_address.map(|ip| ip.to_string()),
        user_agent: row.client.user_agent.as_deref(),
        remembered: row.remembered,
        expires_at: row.expires_at.into(),
        now: row.created_at.into(),
        sess: row.data.to_json(),
        expire: row.expire.into(),
    };
    Ok(statement.execute(connection)? == 1)
}

struct InsertIfUnchanged<'a> {
    user_id: UserId,
    password_changed_at: SqlTime,
    email: &'a str,
    role: &'a str,
    id: SessionId,
    sid: &'a str,
    ip_address: Option<String>,
    user_agent: Option<&'a str>,
    remembered: bool,
    expires_at: SqlTime,
    now: SqlTime,
    sess: Json,
    expire: SqlTime,
}

/// The text is always the same, so that it is prepared once.
impl QueryId for InsertIfUnchanged<'_> {
    type QueryId = InsertIfUnchanged<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<PgConnection> for InsertIfUnchanged<'_> {}

impl QueryFragment<Pg> for InsertIfUnchanged<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH unchanged AS (SELECT id FROM users WHERE disabled_at IS NULL AND id = ");
        out.push_bind_param::<SqlUuid, _>(&self.user_id)?;
        out.push_sql(" AND password_changed_at = ");
        out.push_bind_param::<Instant, _>(&self.password_changed_at)?;
        out.push_sql(" AND email = ");
        out.push_bind_param::<Text, _>(self.email)?;
        out.push_sql(" AND role = ");
        out.push_bind_param::<Text, _>(self.role)?;
        out.push_sql(" FOR SHARE), session AS (INSERT INTO sessions (user_id, id, sid, ip_address, user_agent, ");
        out.push_sql("remembered, expires_at, created_at, updated_at, last_seen_at) SELECT id, ");
        out.push_bind_param::<SqlUuid, _>(&self.id)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(self.sid)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Text>, _>(&self.ip_address)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Text>, _>(&self.user_agent)?;
        out.push_sql(", ");
        out.push_bind_param::<Bool, _>(&self.remembered)?;
        for time in [&self.expires_at, &self.now, &self.now, &self.now] {
            out.push_sql(", ");
            out.push_bind_param::<Instant, _>(time)?;
        }
        out.push_sql(" FROM unchanged RETURNING sid) INSERT INTO user_sessions (sid, sess, expire) SELECT sid, ");
        out.push_bind_param::<SqlJson, _>(&self.sess)?;
        out.push_sql(", ");
        out.push_bind_param::<Expire, _>(&self.expire)?;
        out.push_sql(" FROM session");
        Ok(())
    }
}
