//! Finds out why a browser's session is over.

use super::{
    Sessions,
    model::{EndReason, Sid},
    queries,
};
use crate::{clock::Timestamp, error::Result};

/// The end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionEnd {
    /// Why it ended; `None` for a reason that only another program uses.
    pub reason: Option<EndReason>,
    /// When it ended.
    pub at: Timestamp,
}

impl Sessions {
    /// The end of the session of a verified sid; `None` if it is alive, or if there is no session with this sid. A
    /// session that has expired counts as ended at its expiry, whether or not it was purged.
    pub async fn find_end(&self, sid: &Sid) -> Result<Option<SessionEnd>> {
        let (sid, now) = (sid.clone(), self.clock.now());
        let found = self.db.read(move |connection| queries::find_by_sid(connection, &sid)).await?;
        Ok(found.and_then(|session| match &session.ended {
            Some((reason, at)) => Some(SessionEnd { reason: EndReason::parse(reason), at: *at }),
            None => session.expiry(now).map(|(reason, at)| SessionEnd { reason: Some(reason), at }),
        }))
    }
}
