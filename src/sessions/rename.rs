//! Rename: an owner names a session, to tell it from others.

use super::{
    Sessions,
    model::SessionRecord,
    name::SessionName,
    queries::{self, Naming},
};
use crate::{
    db::{SessionId, UserId},
    error::Result,
};

impl Sessions {
    /// Names one of a user's sessions, alive or ended, or removes its name. Returns the session, or `None` if the user has
    /// no such session: another user's is treated like one that does not exist.
    ///
    /// An event records the name, since a name can make a thief's device pass for one of the owner's.
    pub async fn rename(
        &self,
        user: UserId,
        id: SessionId,
        name: Option<SessionName>,
    ) -> Result<Option<SessionRecord>> {
        let (now, source) = (self.clock.now(), self.source_of_start());
        self.db
            .transaction(move |connection| {
                let naming = Naming { user, id, name: name.as_ref().map(SessionName::as_str), now, source: &source };
                queries::set_name(connection, &naming)?;
                queries::find_own(connection, user, id)
            })
            .await
    }
}
