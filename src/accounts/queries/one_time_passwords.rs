//! Passwords that are good for one sign-in.

use diesel::{OptionalExtension, prelude::*};

use crate::{
    accounts::model::PasswordUse,
    clock::Timestamp,
    db::{
        DbConnection, UserId,
        schema::types::SqlTime,
        schema::{one_time_passwords, users},
        sql::LoadReadable,
    },
    error::Result,
};

/// Makes the password that was set at `changed_at` good for one sign-in.
pub(in crate::accounts) fn mark_one_time(
    connection: &mut DbConnection,
    user: UserId,
    changed_at: Timestamp,
) -> Result<()> {
    diesel::insert_into(one_time_passwords::table)
        .values((
            one_time_passwords::user_id.eq(user),
            one_time_passwords::password_changed_at.eq(SqlTime::from(changed_at)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Forgets that a user had such a password, since they get another one.
pub(in crate::accounts) fn forget_one_time(connection: &mut DbConnection, user: UserId) -> Result<()> {
    diesel::delete(one_time_passwords::table.find(user)).execute(connection)?;
    Ok(())
}

/// How often the password may be used that was set at `changed_at`. The batched lookup of PostgreSQL reads the same.
pub(in crate::accounts) fn find_password_use(
    connection: &mut DbConnection,
    user: UserId,
    changed_at: Timestamp,
) -> Result<PasswordUse> {
    let row: Option<Option<SqlTime>> = one_time_passwords::table
        .find(user)
        .filter(one_time_passwords::password_changed_at.eq(SqlTime::from(changed_at)))
        .select(one_time_passwords::used_at)
        .first(connection)
        .optional()?;
    Ok(PasswordUse::new(row.map(|used_at| used_at.is_some())))
}

/// The users whose password is good for one sign-in, and whether it is used up.
pub(in crate::accounts) fn one_time_passwords(connection: &mut DbConnection) -> Result<Vec<(UserId, PasswordUse)>> {
    let rows: Vec<(UserId, Option<SqlTime>)> = one_time_passwords::table
        .inner_join(
            users::table.on(users::id
                .eq(one_time_passwords::user_id)
                .and(users::password_changed_at.eq(one_time_passwords::password_changed_at))),
        )
        .select((one_time_passwords::user_id, one_time_passwords::used_at))
        .load_readable(connection)?;
    Ok(rows.into_iter().map(|(user, used_at)| (user, PasswordUse::new(Some(used_at.is_some())))).collect())
}

/// Deletes up to `limit` rows of users that no longer exist: a view can't be referenced by a foreign key.
pub(in crate::accounts) fn purge_one_time_passwords(connection: &mut DbConnection, limit: i64) -> Result<usize> {
    let of_user = users::table.filter(users::id.eq(one_time_passwords::user_id));
    let orphans: Vec<UserId> = one_time_passwords::table
        .filter(diesel::dsl::not(diesel::dsl::exists(of_user)))
        .limit(limit)
        .select(one_time_passwords::user_id)
        .load_readable(connection)?;
    Ok(diesel::delete(one_time_passwords::table.filter(one_time_passwords::user_id.eq_any(orphans)))
        .execute(connection)?)
}
