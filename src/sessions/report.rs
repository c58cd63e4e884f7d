//! Report: an owner says of a session that it was not theirs.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Sessions,
    model::{EndReason, SessionRecord},
    queries::{self, MAX_LISTED_SINCE, Naming},
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId},
    error::Result,
    events::{EventKind, first_since},
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
    /// Ends a session that another person started, and those of `all` that are active, within a transaction that has locked
    /// their user. Their browsers are forgotten, if they have not signed in to other sessions since, and no browser of the
    /// user is trusted any longer: that person may have had the codes as well. Returns how many others were active.
    pub(crate) fn end_reported(
        &self,
        connection: &mut DbConnection,
        reported: &SessionRecord,
        all: &BTreeSet<SessionId>,
    ) -> Result<usize> {
        let (user, id, ending) = (reported.user_id, reported.id, self.ending_now(EndReason::Revoked));
        let active = Self::active_among(connection, user, all)?;
        let others = active.iter().filter(|active| **active != id).count();
        queries::end_few(connection, active, &ending)?;
        queries::forget_browsers_of(connection, user, all)?;
        queries::end_trust(connection, user)?;
        Ok(others)
    }

    /// The active sessions of a user that a password has let in since then.
    pub(crate) fn by_password_since(
        connection: &mut DbConnection,
        user: UserId,
        since: Timestamp,
    ) -> Result<Vec<SessionId>> {
        queries::by_password_since(connection, user, since)
    }

    /// The active sessions of a user among these.
    pub(crate) fn active_among(
        connection: &mut DbConnection,
        user: UserId,
        among: &BTreeSet<SessionId>,
    ) -> Result<Vec<SessionId>> {
        queries::active_among(connection, user, among)
    }

    /// Gives sessions of a user the names back that they had, within a transaction.
    pub(crate) fn restore_names(
        &self,
        connection: &mut DbConnection,
        user: UserId,
        names: &BTreeMap<SessionId, Option<String>>,
        now: Timestamp,
    ) -> Result<()> {
        let source = self.source_of_start();
        for (id, name) in names {
            let name = name.as_deref();
            let naming = Naming { user, id: *id, name, is_restored: true, now, source: &source };
            if let Some(former) = queries::lock_name(connection, user, *id)? {
                queries::set_name(connection, &former, &naming)?;
            }
        }
        Ok(())
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
