//! Data that peers have written and that has no session yet. PostgreSQL only: no peer shares a SQLite database.

use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Nullable, Text},
};

use super::status::LOGGED_OUT;
use crate::{
    db::{
        DbConnection, Peers,
        schema::{sessions, user_sessions},
        settings,
        sql::sql_file,
    },
    error::{Error, Result},
};

/// A page of `user_sessions` rows: how many of each class it has.
#[derive(QueryableByName)]
pub(in crate::sessions) struct DataPage {
    /// The sid of the last row; `None` if the page is empty.
    #[diesel(sql_type = Nullable<Text>)]
    pub last: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub live: i64,
    #[diesel(sql_type = BigInt)]
    pub known: i64,
    #[diesel(sql_type = BigInt)]
    pub without_user: i64,
    #[diesel(sql_type = BigInt)]
    pub user_id_not_uuid: i64,
    #[diesel(sql_type = BigInt)]
    pub unknown_user: i64,
    #[diesel(sql_type = BigInt)]
    pub unreadable: i64,
    #[diesel(sql_type = BigInt)]
    pub expired: i64,
    /// The sids of those whose session is missing.
    #[diesel(sql_type = Array<Text>)]
    pub new: Vec<String>,
    /// The sids of those whose user is disabled.
    #[diesel(sql_type = Array<Text>)]
    pub disabled: Vec<String>,
    /// The sids of those whose session has ended.
    #[diesel(sql_type = Array<Text>)]
    pub resurrected: Vec<String>,
}

/// Decides that peers' sessions are adopted, if that was never decided. `record` is called before that.
///
/// # Errors
/// [`Error::Invalid`] if it was decided that they are not.
pub(in crate::sessions) fn allow_peers(
    connection: &mut DbConnection,
    record: impl FnOnce(&mut DbConnection) -> Result<()>,
) -> Result<()> {
    postgres(connection)?;
    match settings::stored_peers(connection)? {
        Some(Peers::Express) => Ok(()),
        Some(Peers::None) => Err(Error::Invalid(
            "KEYRACK_PEERS is none, so sessions of other programs are not adopted: to adopt them, run `keyrack migrate \
             --peers express` first"
                .to_owned(),
        )),
        None => {
            tracing::warn!(
                "KEYRACK_PEERS is express from now on: a program that may write to user_sessions can start a session \
                 of any user, and Keyrack accepts it"
            );
            record(connection)?;
            settings::store_peers(connection, Peers::Express)
        }
    }
}

/// Classifies the next page of `user_sessions` rows, in the order of their sids.
pub(in crate::sessions) fn classify_data_after(
    connection: &mut DbConnection,
    after: &str,
    limit: i64,
) -> Result<DataPage> {
    let page = sql_file(include_str!("classify_data.sql")).bind::<Text, _>(after).bind::<BigInt, _>(limit);
    Ok(page.get_result(postgres(connection)?)?)
}

/// Gives data its session, as the triggers do. Data that another transaction is writing is left to the triggers.
/// Returns how many of these sids have a session now.
pub(in crate::sessions) fn adopt(connection: &mut DbConnection, sids: &[String]) -> Result<usize> {
    sql_file(include_str!("adopt_data.sql")).bind::<Array<Text>, _>(sids).execute(postgres(connection)?)?;
    let adopted: i64 = sessions::table.filter(sessions::sid.eq_any(sids)).count().get_result(connection)?;
    usize::try_from(adopted).map_err(Error::internal)
}

/// Deletes the data of sessions that have ended.
pub(in crate::sessions) fn delete_resurrected(connection: &mut DbConnection, sids: &[String]) -> Result<usize> {
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
