//! Report: an owner says of a session that it was not theirs.

use super::{
    Sessions,
    model::{EndReason, SessionRecord},
    queries::{self, EndTarget, MAX_LISTED_SINCE},
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId},
    error::Result,
    events::{EventKind, NewEvent, first_since, record},
};

/// The sessions that the same password has let in since a session started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionsSince {
    /// The sessions, the active ones first.
    pub records: Vec<SessionRecord>,
    /// Whether there are more.
    pub has_more: bool,
}

impl Sessions {
    /// Ends a session of this user that another person started, forgets its browser, ends the trust in all others,
    /// and records the report. Returns
    /// the session, or `None` if the user has no such session: another user's is treated like one that does not exist.
    ///
    /// A session that has ended is reported as well. Its browser is forgotten if it has not signed in again since.
    pub async fn report(&self, user: UserId, id: SessionId) -> Result<Option<SessionRecord>> {
        let (ending, now) = (self.ending_now(EndReason::Revoked), self.clock.now());
        let source = self.source_of_start();
        let report = move |connection: &mut DbConnection| {
            queries::end(connection, &EndTarget::OfUser(user, id), &ending)?;
            let Some(found) = queries::find_own(connection, user, id)? else { return Ok(None) };
            queries::forget_browser_of(connection, user, id)?;
            // That person may have had the codes as well.
            queries::end_trust(connection, user)?;
            if first_since(connection, (user, Some(id)), EventKind::SessionReported, found.created_at)?.is_none() {
                let event = NewEvent::new(EventKind::SessionReported, &source).user(user).session(id);
                record(connection, event, now)?;
            }
            Ok(Some(found))
        };
        self.db.transaction(report).await
    }

    /// When this session was reported; `None` if it was not.
    pub async fn reported_at(&self, session: &SessionRecord) -> Result<Option<Timestamp>> {
        let (of, since) = ((session.user_id, Some(session.id)), session.created_at);
        self.db.read(move |connection| first_since(connection, of, EventKind::SessionReported, since)).await
    }

    /// Whether a report of this session forgets a browser: that of its last sign-in, if it has not signed in to another
    /// session since.
    pub async fn has_browser_to_forget(&self, user: UserId, id: SessionId) -> Result<bool> {
        self.db.read(move |connection| queries::is_last_of_a_browser(connection, user, id)).await
    }

    /// Whether the user has reported a session since then.
    pub async fn has_reported_since(&self, user: UserId, since: Timestamp) -> Result<bool> {
        let find = move |connection: &mut DbConnection| {
            first_since(connection, (user, None), EventKind::SessionReported, since)
        };
        Ok(self.db.read(find).await?.is_some())
    }

    /// The other sessions of the same user that a password has let in, or has confirmed, since this session started and
    /// before the password was changed: the person who started this one could start them.
    pub async fn let_in_since(&self, session: &SessionRecord) -> Result<SessionsSince> {
        let (user, id, since) = (session.user_id, session.id, session.created_at);
        let known_until = session.authenticated_at.unwrap_or(since).max(since);
        let find = move |connection: &mut DbConnection| {
            let changed_at = first_since(connection, (user, None), EventKind::PasswordChanged, known_until)?;
            queries::let_in_between(connection, user, since, changed_at)
        };
        let mut records = self.db.read(find).await?;
        records.retain(|record| record.id != id);
        let has_more = records.len() > MAX_LISTED_SINCE;
        records.truncate(MAX_LISTED_SINCE);
        Ok(SessionsSince { records, has_more })
    }
}
