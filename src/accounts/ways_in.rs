//! The rule that what was added lately must not remove what was there before.
//!
//! A stolen session could otherwise add a passkey of the thief, and lock the owner out with it. So a passkey that proves who
//! the user of a session is must be a day old, or older than what is to be removed. A password may remove anything: it is
//! changed by those who have the former one, or by a link from a mail. For as long as the address of the account is less than
//! a day old, the one who reads that mail may be the thief, and a password that was set by it counts as a passkey does.

use std::time::Duration;

use super::queries;
use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId},
    error::{Error, Result},
    events::{Actor, EventKind, events_since},
    sessions::Sessions,
};

/// How old a proof's means must be to remove any way in.
const REMOVAL_DELAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether a session of this user may remove what is there since `added_at`. Of all that is removed, this function decides;
/// call it in the transaction that removes it, with the user's row locked.
pub(super) fn may_remove(
    connection: &mut DbConnection,
    (session, user): (SessionId, UserId),
    added_at: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let means_since = match Sessions::passkey_of_proof_within(connection, session)? {
        Some(passkey_added_at) => passkey_added_at,
        None if !has_password_of_new_address(connection, user, now)? => return Ok(true),
        None => queries::find_by_id(connection, user)?.ok_or(Error::SessionEnded)?.password_changed_at.into(),
    };
    Ok(means_since <= added_at || now.since(means_since) >= REMOVAL_DELAY)
}

/// Whether the password of a user was set by a mail to an address which was new then.
fn has_password_of_new_address(connection: &mut DbConnection, user: UserId, now: Timestamp) -> Result<bool> {
    match queries::reset_at_new_address(connection, user, now - REMOVAL_DELAY)? {
        Some(reset_at) => Ok(!was_set_by_operator(connection, user, reset_at)?),
        None => Ok(false),
    }
}

/// Whether an operator has set the password of a user since then, whom they know.
fn was_set_by_operator(connection: &mut DbConnection, user: UserId, since: Timestamp) -> Result<bool> {
    let changes = events_since(connection, user, &[EventKind::PasswordChanged], since)?;
    Ok(changes.iter().any(|change| change.actor() != Some(Actor::User)))
}

/// Whether the address of a user is so new that a link which was mailed to it must not remove what was there before.
pub(super) fn has_new_address(connection: &mut DbConnection, user: UserId, now: Timestamp) -> Result<bool> {
    Ok(queries::new_address_since(connection, user, now - REMOVAL_DELAY)?.is_some())
}
