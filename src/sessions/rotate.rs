//! Rotate: a new sid for the same session.

use super::{
    Sessions,
    data::{DataPatch, SessionData},
    model::{IssuedSession, Sid},
    policy::NO_ABSOLUTE_EXPIRY,
    queries::{self, Rotation},
};
use crate::{
    clock::Timestamp,
    db::DbConnection,
    error::{Error, Result},
};

impl Sessions {
    /// Gives a live session a new sid, and applies `patch` to its data. Its id, history and lifetime stay. From the
    /// commit on, no request succeeds with the old sid. It is one transaction: after a crash, exactly one of the two
    /// sids is valid.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] if the session has ended.
    pub async fn rotate(&self, old: &Sid, patch: DataPatch) -> Result<IssuedSession> {
        let (old, new) = (old.clone(), Sid::random()?);
        let (now, sessions) = (self.clock.now(), self.clone());
        let rotate = move |connection: &mut DbConnection| {
            sessions.rotate_within(connection, &old, &new, now, |data| patch.apply_to(data))
        };
        self.db.transaction(rotate).await
    }

    /// Does the same within a transaction. `change` changes the data.
    pub(super) fn rotate_within(
        &self,
        connection: &mut DbConnection,
        old: &Sid,
        new: &Sid,
        now: Timestamp,
        change: impl FnOnce(&mut SessionData),
    ) -> Result<IssuedSession> {
        let (live, owner, sess) = queries::lock_live(connection, old, now)?.ok_or(Error::SessionEnded)?;
        let mut data = SessionData::parse_of(live.owner(owner), &sess).ok_or(Error::SessionEnded)?;
        change(&mut data);
        let data_expiry = self.repair_cookie(&live, &mut data, now);
        let absolute_expiry = live.absolute_expiry;
        let rotation = Rotation {
            id: live.id,
            old,
            new,
            data: &data,
            data_expiry,
            absolute_expiry,
            now,
            user_id: owner,
            source: self.source_of_start(),
        };
        queries::rotate(connection, &rotation)?;
        let expires_at = if live.absolute_expiry == NO_ABSOLUTE_EXPIRY { data_expiry } else { live.absolute_expiry };
        let max_age = live.remembered.then(|| expires_at.since(now));
        Ok(IssuedSession { id: live.id, sid: new.clone(), max_age, browser: None, can_be_bound: false })
    }
}
