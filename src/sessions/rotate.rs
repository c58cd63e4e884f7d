//! Rotate: a new sid for the same session.

use super::{
    Sessions,
    data::{Changes, SessionData},
    model::Sid,
    queries::{self, Rotation},
    start::Started,
};
use crate::error::{Error, Result};

impl Sessions {
    /// Gives a live session a new sid, and writes `changes` with it. Its id, its history and its limits stay; the old sid
    /// is dead from the commit on. One transaction: after a crash either sid is alive, never both, never none.
    ///
    /// # Errors
    /// [`Error::Ended`] if the session is over.
    pub async fn rotate(&self, old: &Sid, changes: Changes) -> Result<Started> {
        let (old, new) = (old.clone(), Sid::random()?);
        let (now, timeouts) = (self.clock.now(), self.policy.timeouts);
        self.db
            .transaction(move |connection| {
                let (live, owner, sess) = queries::lock_live(connection, &old, now)?.ok_or(Error::Ended)?;
                let mut data = SessionData::parse_of(owner, &sess).ok_or(Error::Ended)?;
                data.apply(&changes);
                let expire = timeouts.expire(now, live.remembered, live.expires_at);
                let rotation = Rotation { id: live.id, old: &old, new: &new, data: &data, expire, now };
                queries::rotate(connection, &rotation)?;
                let max_age = live.remembered.then(|| live.expires_at.since(now));
                Ok(Started { id: live.id, sid: new.clone(), max_age })
            })
            .await
    }
}
