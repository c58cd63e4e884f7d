//! What has proved last who the user of a session is.

use diesel::{OptionalExtension, prelude::*};

use crate::{
    clock::Timestamp,
    db::{
        DbConnection, PasskeyId, SessionId, UserId,
        schema::types::SqlTime,
        schema::{passkey_proofs, passkeys, sessions},
        sql::LoadReadable,
    },
    error::Result,
};

/// Notes the passkey that has proved it; `None` for a proof by password.
pub(in crate::sessions) fn note_proof(
    connection: &mut DbConnection,
    session: SessionId,
    passkey_added_at: Option<Timestamp>,
) -> Result<()> {
    let row = passkey_proofs::table.find(session);
    let Some(added_at) = passkey_added_at.map(SqlTime::from) else {
        diesel::delete(row).execute(connection)?;
        return Ok(());
    };
    // The caller has locked the session, so no other transaction inserts the row meanwhile.
    if diesel::update(row).set(passkey_proofs::passkey_added_at.eq(added_at)).execute(connection)? == 0 {
        diesel::insert_into(passkey_proofs::table)
            .values((passkey_proofs::session_id.eq(session), passkey_proofs::passkey_added_at.eq(added_at)))
            .execute(connection)?;
    }
    Ok(())
}

/// Deletes up to `limit` proofs of sessions that no longer exist.
pub(in crate::sessions) fn purge_proofs(connection: &mut DbConnection, limit: i64) -> Result<usize> {
    let of_session = sessions::table.filter(sessions::id.eq(passkey_proofs::session_id));
    let orphans: Vec<SessionId> = passkey_proofs::table
        .filter(diesel::dsl::not(diesel::dsl::exists(of_session)))
        .limit(limit)
        .select(passkey_proofs::session_id)
        .load_readable(connection)?;
    Ok(diesel::delete(passkey_proofs::table.filter(passkey_proofs::session_id.eq_any(orphans))).execute(connection)?)
}

/// The name of a passkey of a user; `None` if they have no such passkey.
pub(in crate::sessions) fn passkey_name(
    connection: &mut DbConnection,
    user: UserId,
    passkey: PasskeyId,
) -> Result<Option<String>> {
    let own = passkeys::table.find(passkey).filter(passkeys::user_id.eq(user));
    Ok(own.select(passkeys::name).first(connection).optional()?)
}

/// When the passkey was added that has proved last who the user of a session is; `None` if that was the password.
pub(in crate::sessions) fn passkey_of_proof(
    connection: &mut DbConnection,
    session: SessionId,
) -> Result<Option<Timestamp>> {
    let row = passkey_proofs::table.find(session);
    let added_at: Option<SqlTime> = row.select(passkey_proofs::passkey_added_at).first(connection).optional()?;
    Ok(added_at.map(Timestamp::from))
}

/// When the user of a session has last proved who they are; `None` if that is not known.
pub(in crate::sessions) fn find_authenticated_at(
    connection: &mut DbConnection,
    session: SessionId,
) -> Result<Option<Timestamp>> {
    let at: Option<Option<SqlTime>> =
        sessions::table.find(session).select(sessions::authenticated_at).first(connection).optional()?;
    Ok(at.flatten().map(Timestamp::from))
}
