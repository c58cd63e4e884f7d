//! End: sign-out and revocation. What has ended stays ended, see the migrations' triggers for how.

use super::{
    Sessions,
    model::{EndReason, SessionRecord, Sid},
    queries::{self, Change, End, Which},
};
use crate::{
    db::{DbConnection, SessionId, UserId},
    error::Result,
};

impl Sessions {
    /// Signs out the device that presents `sid`. Returns its session, or `None` if it was over already.
    pub async fn sign_out(&self, sid: &Sid) -> Result<Option<SessionId>> {
        if !self.policy.keep_ended_data {
            let sign_out = || Change::SignOut { sid: sid.clone(), at: self.clock.now() };
            if let Some(ended) = self.group_commit.try_commit(sign_out).await? {
                return Ok(Some(ended));
            }
        }
        let ended = self.end(Which::Presented(sid.clone()), EndReason::SignedOut).await?;
        Ok(ended.first().copied())
    }

    /// Ends one of a user's own sessions from another of their devices. `None` if there is no such session of theirs:
    /// another user's looks exactly like one that does not exist. One that is over already is returned as it ended.
    pub async fn revoke(&self, user: UserId, id: SessionId) -> Result<Option<SessionRecord>> {
        let how = self.how(EndReason::Revoked);
        self.db
            .transaction(move |connection| {
                queries::end(connection, &Which::Own(user, id), how)?;
                queries::find_own(connection, user, id)
            })
            .await
    }

    /// Ends all of a user's sessions but `this`. Returns how many were alive.
    pub async fn revoke_others(&self, user: UserId, this: SessionId) -> Result<usize> {
        Ok(self.end(Which::OthersOf(user, this), EndReason::Revoked).await?.len())
    }

    /// Ends any session, as an administrator. Returns whether it was alive.
    pub async fn revoke_by_admin(&self, id: SessionId) -> Result<bool> {
        Ok(!self.end(Which::Id(id), EndReason::RevokedByAdmin).await?.is_empty())
    }

    /// Ends all sessions of one user within a transaction that also changes the user. Returns how many were alive.
    pub(crate) fn end_all_within(
        &self,
        connection: &mut DbConnection,
        user: UserId,
        reason: EndReason,
    ) -> Result<usize> {
        Ok(queries::end(connection, &Which::AllOf(user), self.how(reason))?.len())
    }

    /// Ends all sessions of one user. Returns how many were alive.
    pub async fn end_all_of(&self, user: UserId, reason: EndReason) -> Result<usize> {
        Ok(self.end(Which::AllOf(user), reason).await?.len())
    }

    /// Ends every session there is, as an administrator. Returns how many were alive.
    pub async fn revoke_everyone(&self) -> Result<usize> {
        Ok(self.end(Which::Everyone, EndReason::RevokedByAdmin).await?.len())
    }

    async fn end(&self, which: Which, reason: EndReason) -> Result<Vec<SessionId>> {
        let how = self.how(reason);
        self.db.transaction(move |connection| queries::end(connection, &which, how)).await
    }

    /// An end now, for this reason.
    pub(super) fn how(&self, reason: EndReason) -> End {
        End { reason, at: self.clock.now(), keep_data: self.policy.keep_ended_data }
    }
}
