//! The key that a session is bound to.

use diesel::{OptionalExtension, prelude::*};

use super::status::ACTIVE;
use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId, schema::sessions, schema::types::SqlTime},
    error::Result,
    sessions::binding::Binding,
};

/// Stores a key, unless the session has one. One that was never confirmed, and was stored before `replaceable_before`, is
/// replaced. Returns whether it was stored.
pub(in crate::sessions) fn set_bound_key(
    connection: &mut DbConnection,
    id: SessionId,
    key: &str,
    (challenge_at, replaceable_before): (Timestamp, Timestamp),
) -> Result<bool> {
    let was_lost = sessions::bound_from
        .eq(SqlTime::from(Binding::UNCONFIRMED))
        .and(sessions::bound_challenge_at.lt(SqlTime::from(replaceable_before)));
    let free = sessions::table
        .filter(sessions::id.eq(id))
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::bound_from.is_null().or(was_lost.assume_not_null()));
    let count = diesel::update(free)
        .set((
            sessions::bound_key.eq(key),
            sessions::bound_from.eq(SqlTime::from(Binding::UNCONFIRMED)),
            sessions::bound_challenge_at.eq(SqlTime::from(challenge_at)),
        ))
        .execute(connection)?;
    Ok(count > 0)
}

/// A binding that has come into force.
pub(in crate::sessions) struct Confirmed {
    pub user: UserId,
    pub key: String,
}

/// Lets the binding of a session be in force from `from` on, if it is not yet. Returns `None` if it is, or there is none.
pub(in crate::sessions) fn confirm_binding(
    connection: &mut DbConnection,
    id: SessionId,
    from: Timestamp,
) -> Result<Option<Confirmed>> {
    let unconfirmed = sessions::table
        .filter(sessions::id.eq(id))
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::bound_from.eq(SqlTime::from(Binding::UNCONFIRMED)));
    let confirmed: Option<(UserId, Option<String>)> = diesel::update(unconfirmed)
        .set(sessions::bound_from.eq(SqlTime::from(from)))
        .returning((sessions::user_id, sessions::bound_key))
        .get_result(connection)
        .optional()?;
    Ok(confirmed.map(|(user, key)| Confirmed { user, key: key.unwrap_or_default() }))
}

/// The key of an active session, and the mark of the challenge that it has answered last.
pub(in crate::sessions) fn bound_key(
    connection: &mut DbConnection,
    id: SessionId,
) -> Result<Option<(String, Timestamp)>> {
    let columns = (sessions::bound_key, sessions::bound_challenge_at);
    let active = sessions::table.find(id).filter(sessions::status.eq(ACTIVE)).select(columns);
    let found: Option<(Option<String>, Option<SqlTime>)> = active.get_result(connection).optional()?;
    Ok(found.and_then(|(key, answered)| key.zip(answered.map(Timestamp::from))))
}

/// Moves the mark of the challenge that the key has answered last, unless it was moved since it was `after`.
pub(in crate::sessions) fn use_challenge(
    connection: &mut DbConnection,
    id: SessionId,
    key: &str,
    (after, answered): (Timestamp, Timestamp),
) -> Result<bool> {
    let unused = sessions::table
        .filter(sessions::id.eq(id))
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::bound_key.eq(key))
        .filter(sessions::bound_challenge_at.eq(SqlTime::from(after)));
    let count =
        diesel::update(unused).set(sessions::bound_challenge_at.eq(SqlTime::from(answered))).execute(connection)?;
    Ok(count > 0)
}
