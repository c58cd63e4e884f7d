//! Data that peers have written, and the sessions that it has not got yet. PostgreSQL only: no peer shares a SQLite database.

use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Nullable, Text},
};

use super::LOGGED_OUT;
use crate::{
    db::{
        DbConnection,
        schema::{sessions, user_sessions},
    },
    error::{Error, Result},
};

/// What some rows of data are.
#[derive(QueryableByName)]
pub(in crate::sessions) struct Judged {
    /// The sid of the last row; `None` if there is none any more.
    #[diesel(sql_type = Nullable<Text>)]
    pub last: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub live: i64,
    #[diesel(sql_type = BigInt)]
    pub known: i64,
    #[diesel(sql_type = BigInt)]
    pub without_user: i64,
    #[diesel(sql_type = BigInt)]
    pub no_uuid: i64,
    #[diesel(sql_type = BigInt)]
    pub unknown_user: i64,
    #[diesel(sql_type = BigInt)]
    pub unreadable: i64,
    #[diesel(sql_type = BigInt)]
    pub expired: i64,
    /// The sids of those whose session is missing.
    #[diesel(sql_type = Array<Text>)]
    pub new: Vec<String>,
    /// The sids of those whose session has ended.
    #[diesel(sql_type = Array<Text>)]
    pub returned: Vec<String>,
}

/// Judges the next rows of data in the order of their sids.
pub(in crate::sessions) fn judge_data_after(connection: &mut DbConnection, after: &str, limit: i64) -> Result<Judged> {
    let page = diesel::sql_query(include_str!("adopt.sql")).bind::<Text, _>(after).bind::<BigInt, _>(limit);
    Ok(page.get_result(postgres(connection)?)?)
}

/// Gives data its session, as the triggers do. Data that somebody is writing just now is left to them. Returns how many have
/// one now.
pub(in crate::sessions) fn adopt(connection: &mut DbConnection, sids: &[String]) -> Result<usize> {
    let adopting = diesel::sql_query(
        "WITH held AS MATERIALIZED (
             SELECT sid, sess, expire FROM user_sessions WHERE sid = ANY ($1) ORDER BY sid FOR NO KEY UPDATE SKIP LOCKED
         )
         SELECT keyrack_adopt(sid, sess, expire) FROM held",
    );
    adopting.bind::<Array<Text>, _>(sids).execute(postgres(connection)?)?;
    let adopted: i64 = sessions::table.filter(sessions::sid.eq_any(sids)).count().get_result(connection)?;
    usize::try_from(adopted).map_err(Error::internal)
}

/// Removes data of sessions that have ended.
pub(in crate::sessions) fn delete_returned(connection: &mut DbConnection, sids: &[String]) -> Result<usize> {
    let ended = sessions::table
        .filter(sessions::sid.eq_any(sids))
        .filter(sessions::status.eq(LOGGED_OUT))
        .filter(sessions::data_kept.eq(false))
        .select(sessions::sid);
    Ok(diesel::delete(user_sessions::table.filter(user_sessions::sid.eq_any(ended))).execute(connection)?)
}

fn postgres(connection: &mut DbConnection) -> Result<&mut PgConnection> {
    match connection {
        DbConnection::Postgres(connection) => Ok(connection),
        DbConnection::Sqlite(_) => {
            Err(Error::Invalid("no Express application shares a SQLite database: there is nothing to adopt".to_owned()))
        }
    }
}
