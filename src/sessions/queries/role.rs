//! Brings a user's new role into the data of sessions.

use diesel::{
    RunQueryDsl,
    sql_types::{Array, Text},
};

use super::insert::lock_user;
use crate::{
    db::{DbConnection, SessionId, UserId, schema::types::SqlUuid, sql::sql_file},
    error::Result,
};

/// Locks the user's row and returns whether they have this role.
pub(in crate::sessions) fn lock_role(connection: &mut DbConnection, user: UserId, role: &str) -> Result<bool> {
    Ok(lock_user(connection, user)?.is_some_and(|user| user.user.role == role))
}

/// Replaces the role `from` in the data of those of the sessions that are active. Another role there is not Keyrack's,
/// and stays.
pub(in crate::sessions) fn update_role_in_data(
    connection: &mut DbConnection,
    ids: &[SessionId],
    from: &str,
    to: &str,
) -> Result<()> {
    match connection {
        DbConnection::Postgres(connection) => {
            sql_file(include_str!("update_role_in_data.sql"))
                .bind::<Array<SqlUuid>, _>(ids.to_vec())
                .bind::<Text, _>(from.to_owned())
                .bind::<Text, _>(to.to_owned())
                .execute(connection)?;
        }
        DbConnection::Sqlite(connection) => {
            let update = "UPDATE user_sessions SET sess = json_set(sess, '$.role', ?1)
                          WHERE sid = (SELECT sid FROM sessions WHERE id = ?2 AND status = 'active')
                              AND CASE WHEN json_valid(sess) THEN json_extract(sess, '$.role') = ?3 END";
            for id in ids {
                let update = diesel::sql_query(update).bind::<Text, _>(to).bind::<SqlUuid, _>(id);
                update.bind::<Text, _>(from).execute(connection)?;
            }
        }
    }
    Ok(())
}
