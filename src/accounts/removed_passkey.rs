//! The removal of a passkey, whichever part of this module decides on it.

use super::queries::{self, StoredPasskey};
use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId},
    error::Result,
    events::{EventKind, NewEvent, Source, record},
};

/// Removes a passkey, within a transaction. Its event names who does it, and the session that it is about.
pub(super) fn remove_passkey_within(
    connection: &mut DbConnection,
    passkey: &StoredPasskey,
    (source, session): (&Source, Option<SessionId>),
    now: Timestamp,
) -> Result<()> {
    queries::delete_passkey(connection, (passkey.id, passkey.user))?;
    let event = NewEvent::new(EventKind::PasskeyRemoved, source).user(passkey.user);
    let event = event.detail("passkey", passkey.id.to_string()).detail("name", passkey.name.as_str());
    record(connection, session.into_iter().fold(event, NewEvent::session), now)
}
