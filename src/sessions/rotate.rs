//! Rotate: a new sid for the same session.

use super::{
    Sessions,
    data::{DataPatch, SessionData},
    model::Sid,
    policy::NO_ABSOLUTE_EXPIRY,
    queries::{self, Rotation},
    start::Started,
};
use crate::error::{Error, Result};

impl Sessions {
    /// Gives a live session a new sid, and writes `changes` with it. Its id, its history and its limits stay; the old sid
    /// is dead from the commit on. One transaction: after a crash either sid is alive, never both, never none.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] if the session is over.
    pub async fn rotate(&self, old: &Sid, changes: DataPatch) -> Result<Started> {
        let (old, new) = (old.clone(), Sid::random()?);
        let (now, sessions) = (self.clock.now(), self.clone());
        self.db
            .transaction(move |connection| {
                let (live, owner, sess) = queries::lock_live(connection, &old, now)?.ok_or(Error::SessionEnded)?;
                let mut data = SessionData::parse_of(owner, &sess).ok_or(Error::SessionEnded)?;
                data.apply(&changes);
                let expire = sessions.mend_cookie(&live, &mut data, now);
                let rotation = Rotation { id: live.id, old: &old, new: &new, data: &data, expire, now };
                queries::rotate(connection, &rotation)?;
                let end = if live.expires_at == NO_ABSOLUTE_EXPIRY { expire } else { live.expires_at };
                let max_age = live.remembered.then(|| end.since(now));
                Ok(Started { id: live.id, sid: new.clone(), max_age })
            })
            .await
    }
}
