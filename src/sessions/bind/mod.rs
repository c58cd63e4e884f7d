//! Bind: ties a session to a key of its browser, which it can't export (Device Bound Session Credentials).
//!
//! The state is in three columns of `sessions`, never in the session's data, which the request after a sign-in writes:
//! `bound_key`, the public key; `bound_from`, from when requests without a proof are refused; and `bound_challenge_at`, the
//! mark of the challenge that the browser has answered last: when that was made, or later, since marks always rise.

mod device_key;
mod proof;

use std::time::Duration;

use super::{Sessions, binding::Binding, queries};
use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId},
    error::Result,
    events::{self, EventKind, NewEvent, Source, record},
};

pub use device_key::DeviceKey;
pub(crate) use proof::DeviceProof;

/// A key that no request has confirmed may be replaced after this time: its browser never got the answer.
const UNCONFIRMED_LIFETIME: Duration = Duration::from_secs(60);

/// How long the list of devices says that a request was refused.
const TOLD_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// The key that a session is bound to.
pub(crate) struct BoundKey {
    pub key: DeviceKey,
    /// The mark of the challenge that it has answered last.
    pub answered: Timestamp,
}

impl Sessions {
    /// Stores the key of a live session's browser, which has signed a challenge that was made at `challenge_at`. It is in force
    /// once a request has [confirmed](Self::confirm_binding) it. Returns `false`, with nothing changed, if the session has a
    /// key already: a thief with a copy of the cookies must not put another one in its place.
    pub(crate) async fn bind(&self, id: SessionId, key: &DeviceKey, challenge_at: Timestamp) -> Result<bool> {
        let key = key.to_text();
        let replaceable_before = challenge_at - UNCONFIRMED_LIFETIME;
        let bind = move |connection: &mut DbConnection| {
            queries::set_bound_key(connection, id, &key, (challenge_at, replaceable_before))
        };
        self.db.transaction(bind).await
    }

    /// Puts a session's binding into force: a request has carried the proof that only the answer to `bind` contained.
    pub(crate) async fn confirm_binding(&self, id: SessionId, source: Source) -> Result<Binding> {
        let now = self.clock.now();
        let (binding, from) = Binding::confirmed(now);
        let confirm = move |connection: &mut DbConnection| match queries::confirm_binding(connection, id, from)? {
            Some(confirmed) => {
                let key = DeviceKey::parse(&confirmed.key);
                let event = NewEvent::new(EventKind::SessionBound, &source).user(confirmed.user).session(id);
                let event = event.detail("algorithm", key.as_ref().map(DeviceKey::algorithm));
                record(connection, event.detail("thumbprint", key.as_ref().map(DeviceKey::thumbprint)), now)
            }
            None => Ok(()),
        };
        self.db.transaction(confirm).await?;
        Ok(binding)
    }

    /// The key that an active session is bound to; `None` if it has none, or none that can be read.
    pub(crate) async fn bound_key(&self, id: SessionId) -> Result<Option<BoundKey>> {
        let found = self.db.read(move |connection| queries::bound_key(connection, id)).await?;
        Ok(found.and_then(|(text, answered)| Some(BoundKey { key: DeviceKey::parse(&text)?, answered })))
    }

    /// Records that a session's browser has answered a challenge with this key. `after` is the mark of the key when the
    /// challenge was made, at `made_at`. Returns the new mark; `None` if another challenge with that mark was answered before:
    /// each is good once. The conditional statement decides that, on any instance.
    pub(crate) async fn use_challenge(
        &self,
        id: SessionId,
        key: &DeviceKey,
        (made_at, after): (Timestamp, Timestamp),
    ) -> Result<Option<Timestamp>> {
        let key = key.to_text();
        // It always rises, so that no mark comes again, also after the clock was set back.
        let answered = made_at.max(after + Duration::from_micros(1));
        let use_challenge =
            move |connection: &mut DbConnection| queries::use_challenge(connection, id, &key, (after, answered));
        let is_used = self.db.transaction(use_challenge).await?;
        Ok(is_used.then_some(answered))
    }
}

impl Sessions {
    /// When another browser was last refused that had a copy of a cookie of this user's sessions, if that was within a week.
    pub(crate) async fn latest_refusal(&self, user: UserId) -> Result<Option<Timestamp>> {
        let since = self.clock.now() - TOLD_FOR;
        let find = move |connection: &mut DbConnection| {
            let latest = events::latest_since(connection, user, EventKind::BoundSessionRefused, since, 1)?;
            Ok(latest.first().and_then(|event| event.at))
        };
        self.db.read(find).await
    }
}
