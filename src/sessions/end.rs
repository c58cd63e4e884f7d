//! End: sign-out and revocation of one session. The migrations' triggers keep an ended session ended.

use super::{
    Sessions,
    model::{EndReason, SessionRecord, Sid},
    queries::{self, EndTarget, Ending, GroupedWrite},
};
use crate::{
    db::{DbConnection, SessionId, UserId},
    error::Result,
    events::Source,
};

impl Sessions {
    /// Signs out the device that presents `sid`. Returns its session, or `None` if it had already ended.
    pub async fn sign_out(&self, sid: &Sid) -> Result<Option<SessionId>> {
        if !self.policy.keep_ended_data {
            let source = self.source_of_end(EndReason::SignedOut);
            let sign_out = || GroupedWrite::SignOut { sid: sid.clone(), at: self.clock.now(), source };
            if let Some(ended) = self.group_commit.try_commit(sign_out).await? {
                return Ok(Some(ended.id));
            }
        }
        let ended = self.end(EndTarget::Sid(sid.clone()), EndReason::SignedOut).await?;
        Ok(ended.first().copied())
    }

    /// Signs out the device of a session that was found by `sid`. If another request has given the session a new sid
    /// since, it is found by its id: its answer, which may arrive later, must not sign the device in again.
    pub(crate) async fn sign_out_session(&self, id: SessionId, sid: &Sid) -> Result<()> {
        if self.sign_out(sid).await? != Some(id) {
            self.end(EndTarget::Id(id), EndReason::SignedOut).await?;
        }
        Ok(())
    }

    /// Ends one of a user's sessions from another of their devices. Returns `None` if the user has no such session:
    /// another user's session is treated like one that does not exist. A session that had already ended is returned
    /// unchanged.
    pub async fn revoke(&self, user: UserId, id: SessionId) -> Result<Option<SessionRecord>> {
        let ending = self.ending_now(EndReason::Revoked);
        self.db
            .transaction(move |connection| {
                queries::end(connection, &EndTarget::OfUser(user, id), &ending)?;
                queries::find_own(connection, user, id)
            })
            .await
    }

    /// Ends those of these sessions that are this user's, and returns them, also those that had already ended.
    pub async fn revoke_selected(&self, user: UserId, ids: Vec<SessionId>) -> Result<Vec<SessionRecord>> {
        let ending = self.ending_now(EndReason::Revoked);
        let end = move |connection: &mut DbConnection| {
            let own = queries::find_all_own(connection, user, &ids)?;
            queries::end_few(connection, own.iter().map(|record| record.id).collect(), &ending)?;
            Ok(own)
        };
        self.db.transaction(end).await
    }

    /// Ends any session, as an administrator. Returns whether it was alive.
    pub async fn revoke_by_admin(&self, id: SessionId) -> Result<bool> {
        Ok(!self.end(EndTarget::Id(id), EndReason::RevokedByAdmin).await?.is_empty())
    }

    async fn end(&self, target: EndTarget, reason: EndReason) -> Result<Vec<SessionId>> {
        let ending = self.ending_now(reason);
        self.db.transaction(move |connection| queries::end(connection, &target, &ending)).await
    }

    /// Makes an ending with the current time and the policy for kept data.
    pub(super) fn ending_now(&self, reason: EndReason) -> Ending {
        let (at, keep_data) = (self.clock.now(), self.policy.keep_ended_data);
        Ending { reason, at, keep_data, source: self.source_of_end(reason) }
    }

    /// Who starts and rotates sessions.
    pub(super) fn source_of_start(&self) -> Source {
        self.source.clone().unwrap_or_else(|| Source::user(None))
    }

    /// Who ends sessions for this reason: Keyrack itself by a limit, otherwise who this value acts on behalf of.
    pub(super) fn source_of_end(&self, reason: EndReason) -> Source {
        match (reason, &self.source) {
            (EndReason::IdleTimeout | EndReason::AbsoluteTimeout | EndReason::Replaced, _) => Source::system(),
            (_, Some(source)) => source.clone(),
            (EndReason::RevokedByAdmin | EndReason::AccountDisabled, None) => Source::admin(None),
            (EndReason::SignedOut | EndReason::Revoked | EndReason::PasswordChanged, None) => Source::user(None),
        }
    }
}
