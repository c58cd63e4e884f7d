//! Locks the user of a sign-in and inserts the rows of its session.

use std::net::IpAddr;

use diesel::{OptionalExtension, prelude::*};

use super::rows::{USER_COLUMNS, UserRow};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, FormId, SessionId, UserId,
        schema::types::SqlTime,
        schema::{one_time_passwords, sessions, user_sessions, users},
        sql::for_update,
    },
    error::Result,
    events::{EventKind, NewEvent, Source, log_after_commit},
    sessions::{
        data::SessionData,
        model::{Client, Sid, User},
        way_in::WayIn,
    },
};

/// The user of a sign-in, with what decides whether the sign-in is still valid.
pub(in crate::sessions) struct SignInUser {
    pub user: User,
    pub disabled: bool,
    pub password_changed_at: Timestamp,
}

/// Finds the user and locks their row, so that they are not disabled, nor their password changed, before the session
/// exists.
pub(in crate::sessions) fn lock_user(connection: &mut DbConnection, id: UserId) -> Result<Option<SignInUser>> {
    type Row = (UserRow, Option<SqlTime>, SqlTime);
    let query =
        users::table.filter(users::id.eq(id)).select((USER_COLUMNS, users::disabled_at, users::password_changed_at));
    let row: Option<Row> = for_update(query).get_result(connection).optional()?;
    Ok(row.map(|(user, disabled_at, password_changed_at)| SignInUser {
        user: user.into(),
        disabled: disabled_at.is_some(),
        password_changed_at: password_changed_at.into(),
    }))
}

/// A session to insert.
pub(in crate::sessions) struct NewRow<'a> {
    pub id: SessionId,
    /// The sign-in form that starts it.
    pub form_id: Option<FormId>,
    pub sid: &'a Sid,
    pub user_id: UserId,
    pub client: &'a Client,
    pub remembered: bool,
    pub created_at: Timestamp,
    pub absolute_expiry: Timestamp,
    /// The absolute or the idle expiry, whichever comes first.
    pub data_expiry: Timestamp,
    pub data: &'a SessionData,
    pub authorised_by: WayIn,
    /// Whether the account, which knows others or has signed in before, does not know the browser.
    pub from_new_browser: bool,
}

/// Uses up the password of a user that is good for one sign-in, if it is the one that was set at `changed_at` and was
/// not used yet. The caller has locked the user.
pub(in crate::sessions) fn use_one_time_password(
    connection: &mut DbConnection,
    user: UserId,
    changed_at: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let unused = one_time_passwords::table
        .find(user)
        .filter(one_time_passwords::password_changed_at.eq(SqlTime::from(changed_at)))
        .filter(one_time_passwords::used_at.is_null());
    let count = diesel::update(unused).set(one_time_passwords::used_at.eq(SqlTime::from(now))).execute(connection)?;
    Ok(count > 0)
}

/// The event of a sign-in, as the trigger writes it.
pub(super) fn sign_in_event(id: SessionId, user: UserId, ip_address: Option<IpAddr>, authorised_by: WayIn) -> NewEvent {
    let event = NewEvent::new(EventKind::SignedIn, &Source::user(ip_address)).user(user).session(id);
    event.detail("authorised_by", authorised_by.as_str())
}

/// Inserts the session and its data. A trigger writes the event.
pub(in crate::sessions) fn insert(connection: &mut DbConnection, row: &NewRow<'_>) -> Result<()> {
    let now = SqlTime::from(row.created_at);
    log_after_commit(sign_in_event(row.id, row.user_id, row.client.ip_address, row.authorised_by));
    diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(row.id),
            sessions::sid.eq(row.sid.expose()),
            sessions::user_id.eq(row.user_id),
            sessions::ip_address.eq(row.client.ip_address.map(|ip| ip.to_string())),
            sessions::user_agent.eq(row.client.user_agent.as_deref()),
            sessions::client_hints.eq(row.client.client_hints.as_deref()),
            sessions::remembered.eq(row.remembered),
            sessions::expires_at.eq(SqlTime::from(row.absolute_expiry)),
            sessions::created_at.eq(now),
            sessions::updated_at.eq(now),
            sessions::last_seen_at.eq(now),
            sessions::authorised_by.eq(row.authorised_by.as_str()),
            sessions::authenticated_at.eq(now),
            sessions::must_change_password.eq(row.authorised_by.is_one_time()),
            sessions::form_id.eq(row.form_id),
            sessions::from_new_browser.eq(row.from_new_browser),
        ))
        .execute(connection)?;
    diesel::insert_into(user_sessions::table)
        .values((
            user_sessions::sid.eq(row.sid.expose()),
            user_sessions::sess.eq(row.data.to_json()),
            user_sessions::expire.eq(SqlTime::from(row.data_expiry)),
        ))
        .execute(connection)?;
    Ok(())
}
