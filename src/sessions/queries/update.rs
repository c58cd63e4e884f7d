//! Updates live sessions.

use diesel::{OptionalExtension, dsl::exists, prelude::*};

use super::{addresses::note_address, former_sign_in::FormerSignIn, insert::sign_in_event};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, FormId, SessionId, UserId,
        history::{ReplacedSid, note_replaced_sid},
        schema::types::SqlTime,
        schema::{replaced_sids, sessions, user_sessions},
        sql::{for_update, prepared},
    },
    error::Result,
    events::{EventKind, NewEvent, Source, record},
    sessions::{
        data::SessionData,
        model::{Client, Sid},
        way_in::WayIn,
    },
};

/// Writes the data of a session that the caller has locked with `lock_live`.
pub(in crate::sessions) fn update_data(connection: &mut DbConnection, sid: &Sid, data: &SessionData) -> Result<()> {
    let statement = diesel::update(user_sessions::table.find(sid.expose()))
        .set(user_sessions::sess.eq(data.to_json()))
        .returning(user_sessions::sid);
    let _: Option<String> = prepared(statement).get_result(connection).optional()?;
    Ok(())
}

/// A session's new sid and what is written with it.
pub(in crate::sessions) struct Rotation<'a> {
    pub id: SessionId,
    pub old: &'a Sid,
    pub new: &'a Sid,
    pub data: &'a SessionData,
    pub data_expiry: Timestamp,
    /// When the session expires at the latest, under its old sid or its new one.
    pub absolute_expiry: Timestamp,
    pub now: Timestamp,
    pub user_id: UserId,
    pub source: Source,
}

/// Gives a session that the caller has locked with `lock_live` its new sid, in both tables. The old sid is recorded, so
/// that a peer's late upsert under it is refused, and noted for the journal.
pub(in crate::sessions) fn rotate(connection: &mut DbConnection, rotation: &Rotation<'_>) -> Result<()> {
    diesel::update(sessions::table.find(rotation.id))
        .set((sessions::sid.eq(rotation.new.expose()), sessions::updated_at.eq(SqlTime::from(rotation.now))))
        .execute(connection)?;
    diesel::insert_into(replaced_sids::table)
        .values((
            replaced_sids::sid.eq(rotation.old.expose()),
            replaced_sids::session_id.eq(rotation.id),
            replaced_sids::replaced_at.eq(SqlTime::from(rotation.now)),
        ))
        .execute(connection)?;
    diesel::update(user_sessions::table.find(rotation.old.expose()))
        .set((
            user_sessions::sid.eq(rotation.new.expose()),
            user_sessions::sess.eq(rotation.data.to_json()),
            user_sessions::expire.eq(SqlTime::from(rotation.data_expiry)),
        ))
        .execute(connection)?;
    let &Rotation { id, old, now, absolute_expiry, user_id, .. } = rotation;
    let event = NewEvent::new(EventKind::SessionRotated, &rotation.source).user(user_id).session(id);
    record(connection, event, now)?;
    note_replaced_sid(ReplacedSid::new(id, old.expose(), now, absolute_expiry));
    Ok(())
}

/// Makes a sid unusable that a browser presented at the sign-in of `session`, if no session has it: data may have been
/// written under it, or may be later, that would make it a session. It is kept as long as the history of `session`.
pub(in crate::sessions) fn retire_unknown_sid(
    connection: &mut DbConnection,
    sid: &Sid,
    session: SessionId,
) -> Result<()> {
    let has_session: bool =
        diesel::select(exists(sessions::table.filter(sessions::sid.eq(sid.expose())))).get_result(connection)?;
    if has_session {
        return Ok(());
    }
    let row = (replaced_sids::sid.eq(sid.expose()), replaced_sids::session_id.eq(session));
    match connection {
        DbConnection::Postgres(connection) => {
            diesel::insert_into(replaced_sids::table).values(row).on_conflict_do_nothing().execute(connection)?
        }
        DbConnection::Sqlite(connection) => {
            diesel::insert_or_ignore_into(replaced_sids::table).values(row).execute(connection)?
        }
    };
    diesel::delete(user_sessions::table.find(sid.expose())).execute(connection)?;
    Ok(())
}

/// Updates the device, the lifetime and the way in of a session whose user signs in again on the same browser, and records
/// the sign-in.
pub(in crate::sessions) fn update_lifetime(
    connection: &mut DbConnection,
    (id, user_id): (SessionId, UserId),
    client: &Client,
    (remembered, authorised_by): (bool, WayIn),
    absolute_expiry: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let former = FormerSignIn::read(connection, id)?;
    let event = sign_in_event(id, user_id, client.ip_address, authorised_by).detail("again", true);
    record(connection, former.describe_change(event, client), now)?;
    if let Some(address) = client.ip_address {
        note_address(connection, id, address, former.last_seen_at.into(), now)?;
    }
    diesel::update(sessions::table.find(id))
        .set((
            sessions::ip_address.eq(client.ip_address.map(|ip| ip.to_string())),
            sessions::last_ip_address.eq(None::<String>),
            sessions::user_agent.eq(client.user_agent.as_deref()),
            sessions::client_hints.eq(client.client_hints.as_deref()),
            sessions::remembered.eq(remembered),
            sessions::expires_at.eq(SqlTime::from(absolute_expiry)),
            sessions::last_seen_at.eq(SqlTime::from(now)),
            sessions::authorised_by.eq(authorised_by.as_str()),
            sessions::must_change_password.eq(authorised_by.is_one_time()),
            sessions::authenticated_at.eq(SqlTime::from(now)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Records that the user of a session has signed in on the same browser once more, which changes nothing in its row.
pub(in crate::sessions) fn record_sign_in_again(
    connection: &mut DbConnection,
    (id, user_id): (SessionId, UserId),
    client: &Client,
    authorised_by: WayIn,
    now: Timestamp,
) -> Result<()> {
    let event = sign_in_event(id, user_id, client.ip_address, authorised_by).detail("again", true);
    record(connection, event, now).map(drop)
}

/// Sets the form that has signed in to a session.
pub(in crate::sessions) fn set_form(connection: &mut DbConnection, id: SessionId, form: Option<FormId>) -> Result<()> {
    diesel::update(sessions::table.find(id)).set(sessions::form_id.eq(form)).execute(connection)?;
    Ok(())
}

/// The name that an owner gives a session.
pub(in crate::sessions) struct Naming<'a> {
    pub user: UserId,
    pub id: SessionId,
    pub name: Option<&'a str>,
    /// Whether a report gives it back.
    pub is_restored: bool,
    pub now: Timestamp,
    pub source: &'a Source,
}

/// Locks one of a user's sessions, and returns its name, empty if it has none; `None` if the user has no such session.
pub(in crate::sessions) fn lock_name(
    connection: &mut DbConnection,
    user: UserId,
    id: SessionId,
) -> Result<Option<String>> {
    let own = sessions::table.filter(sessions::id.eq(id)).filter(sessions::user_id.eq(user));
    let name: Option<Option<String>> = for_update(own.select(sessions::name)).get_result(connection).optional()?;
    Ok(name.map(Option::unwrap_or_default))
}

/// Sets or removes the name of a session that the caller has locked, and records the change.
pub(in crate::sessions) fn set_name(connection: &mut DbConnection, former: &str, naming: &Naming<'_>) -> Result<()> {
    let &Naming { user, id, name, is_restored, now, source } = naming;
    diesel::update(sessions::table.find(id))
        .set((sessions::name.eq(name), sessions::updated_at.eq(SqlTime::from(now))))
        .execute(connection)?;
    let event = NewEvent::new(EventKind::SessionRenamed, source).user(user).session(id);
    let event = event.detail("name", name);
    let event = if is_restored { event.detail("restored", true) } else { event };
    record(connection, if former.is_empty() { event } else { event.detail("former", former) }, now)
}

/// Makes a session good for everything, once its user has changed the password.
pub(in crate::sessions) fn lift_password_change(connection: &mut DbConnection, id: SessionId) -> Result<()> {
    diesel::update(sessions::table.find(id)).set(sessions::must_change_password.eq(false)).execute(connection)?;
    Ok(())
}

/// Records when the user of a session has proved who they are.
pub(in crate::sessions) fn record_proof(connection: &mut DbConnection, id: SessionId, at: Timestamp) -> Result<()> {
    diesel::update(sessions::table.find(id))
        .set(sessions::authenticated_at.eq(SqlTime::from(at)))
        .execute(connection)?;
    Ok(())
}
