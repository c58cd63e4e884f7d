//! Save: writing what a request changed in the data.

use super::{
    Sessions,
    data::{Changes, SessionData},
    model::Sid,
    queries,
};
use crate::error::{Error, Result};

impl Sessions {
    /// Writes the changed keys into the data as it is now, so that two requests which change different keys both win; of
    /// two that change the same key, the later one does. It only ever updates: a session that ended meanwhile stays
    /// ended.
    ///
    /// # Errors
    /// [`Error::Ended`] if the session is over.
    pub async fn save(&self, sid: &Sid, changes: Changes) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let (sid, now) = (sid.clone(), self.clock.now());
        self.db
            .transaction(move |connection| {
                let (_, owner, sess) = queries::lock_live(connection, &sid, now)?.ok_or(Error::Ended)?;
                let mut data = SessionData::parse_of(owner, &sess).ok_or(Error::Ended)?;
                data.apply(&changes);
                queries::update_data(connection, &sid, &data)
            })
            .await
    }
}
