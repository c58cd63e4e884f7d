//! The rule that what was added lately must not remove what was there before.
//!
//! A stolen session could otherwise add a passkey of the thief, and lock the owner out with it. So what has proved who the
//! user of a session is must itself be a day old, or older than the way in that is to be removed: the password counts from
//! the time when it was set, a passkey from when it was added. A password that was set by a link from a mail may remove any:
//! only who reads the mails of the account has such a link. For as long as the address of the account is less than a day old,
//! that may be the thief.

use std::time::Duration;

use super::queries;
use crate::{
    clock::Timestamp,
    db::DbConnection,
    error::{Error, Result},
    sessions::{PresentedSession, Sessions, WayIn},
};

/// How old a proof's means must be to remove any way in.
const REMOVAL_DELAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether a session may remove a way in that was added at this time. Of all ways in, this function decides; call it in the
/// transaction that removes one, with the user's row locked.
pub(super) fn may_remove(
    connection: &mut DbConnection,
    session: &PresentedSession,
    added_at: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let proof = Sessions::proof_within(connection, session.id)?.ok_or(Error::SessionEnded)?;
    let is_by_mail = proof.passkey_added_at.is_none() && matches!(proof.way_in, Some(WayIn::Reset(_)));
    if is_by_mail && !queries::has_new_address(connection, session.user, now - REMOVAL_DELAY)? {
        return Ok(true);
    }
    let means_since = if let Some(passkey_added_at) = proof.passkey_added_at {
        passkey_added_at
    } else {
        queries::find_by_id(connection, session.user)?.ok_or(Error::SessionEnded)?.password_changed_at.into()
    };
    Ok(means_since <= added_at || now.since(means_since) >= REMOVAL_DELAY)
}
