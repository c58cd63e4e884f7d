//! Reauthenticate: the user of a session has proved again who they are, so the session gets a new sid.

use std::net::IpAddr;

use super::{
    Sessions,
    data::SessionData,
    end_many::FirstBatch,
    first_batch::FirstBatchMode,
    model::{EndReason, IssuedSession, Sid},
    queries,
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId},
    error::{Error, Result},
    events::Source,
};

/// A session whose user gives their password again, as the request found it.
#[derive(Debug, Clone)]
pub(crate) struct PresentedSession {
    pub id: SessionId,
    pub user: UserId,
    /// The sid that the request presented.
    pub sid: Sid,
    /// The client's address.
    pub ip_address: Option<IpAddr>,
    /// Whether the user must change the password before the session is good for anything else.
    pub must_change_password: bool,
}

impl PresentedSession {
    /// The source of what is done in the session.
    pub fn source(&self) -> Source {
        Source::user(self.ip_address).in_session(self.id)
    }
}

/// What has proved again who the user of a session is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewProof {
    /// When the passkey was added that has proved it; `None` if that was the password.
    pub passkey_added_at: Option<Timestamp>,
    /// Whether its form may have been sent before, and renewed the session then.
    pub may_be_repeated: bool,
}

impl NewProof {
    /// The password. A form that is sent twice contains it twice.
    pub const PASSWORD: Self = Self { passkey_added_at: None, may_be_repeated: true };
}

/// A session with a new proof.
#[derive(Debug, Clone)]
pub(crate) struct ReauthenticatedSession {
    pub issued: IssuedSession,
    /// The time of the proof that has given the session its sid.
    pub proved_at: Timestamp,
    /// Whether that was the proof of an earlier request, since the same form was sent twice.
    pub is_repeated: bool,
}

/// What became of a user's other sessions when the password was changed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EndedOthers {
    /// The user keeps them.
    Kept,
    /// They end; the caller ends the rest by [`Sessions::end_rest_after_proof`].
    FirstBatch(FirstBatch),
    /// An earlier request with the same form ends them since its proof; the caller waits for the rest by
    /// [`Sessions::end_others_again`].
    Before,
}

impl Sessions {
    /// When the passkey was added that has proved last who the user of a session is; `None` if that was the password.
    pub(crate) fn passkey_of_proof_within(
        connection: &mut DbConnection,
        session: SessionId,
    ) -> Result<Option<Timestamp>> {
        queries::passkey_of_proof(connection, session)
    }

    /// When the user of a session has last proved who they are; `None` if that is not known.
    pub(crate) fn authenticated_at_within(
        connection: &mut DbConnection,
        session: SessionId,
    ) -> Result<Option<Timestamp>> {
        queries::find_authenticated_at(connection, session)
    }

    /// Deletes up to `limit` rows that say what has proved sessions which no longer exist. Returns how many.
    pub(crate) fn purge_proofs_within(connection: &mut DbConnection, limit: i64) -> Result<usize> {
        queries::purge_proofs(connection, limit)
    }

    /// Gives a live session a new sid and records the proof, within a transaction that has locked its user and checked
    /// the proof. From the commit on, no request succeeds with an earlier sid (ASVS 7.2.4).
    ///
    /// `proof` says what has proved it. A form that may not be a repeated one is refused if the session has another sid than
    /// it presents.
    ///
    /// The session is found by its id: if the same form is sent twice, the first request has replaced the sid that both
    /// present. Then the session keeps that new sid. Which of the two answers the browser keeps is not known, so both must
    /// carry one that is valid.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] if the session has ended.
    pub(crate) fn reauthenticate_within(
        &self,
        connection: &mut DbConnection,
        session: &PresentedSession,
        new: &Sid,
        (proved_at, proof): (Timestamp, NewProof),
    ) -> Result<ReauthenticatedSession> {
        let current = queries::lock_sid(connection, session.id, session.user)?.ok_or(Error::SessionEnded)?;
        if current == session.sid {
            queries::note_proof(connection, session.id, proof.passkey_added_at)?;
            return self.renew_within(connection, session, new, proved_at, |_| {});
        }
        if !proof.may_be_repeated {
            return Err(Error::SessionEnded);
        }
        let now = self.clock.now();
        let (live, ..) = queries::lock_live(connection, &current, now)?.ok_or(Error::SessionEnded)?;
        let max_age = live.remembered.then(|| live.absolute_expiry.since(now));
        let issued = IssuedSession { id: live.id, sid: current, max_age, browser: None, can_be_bound: false };
        let proved_at = live.authenticated_at.map_or(now, Timestamp::from);
        Ok(ReauthenticatedSession { issued, proved_at, is_repeated: true })
    }

    fn renew_within(
        &self,
        connection: &mut DbConnection,
        session: &PresentedSession,
        new: &Sid,
        proved_at: Timestamp,
        change: impl FnOnce(&mut SessionData),
    ) -> Result<ReauthenticatedSession> {
        let now = self.clock.now();
        let old = queries::lock_sid(connection, session.id, session.user)?.ok_or(Error::SessionEnded)?;
        let issued = self.rotate_within(connection, &old, new, now, change)?;
        queries::record_proof(connection, session.id, proved_at)?;
        Ok(ReauthenticatedSession { issued, proved_at, is_repeated: false })
    }

    /// Does the same for a session in which its user has just changed their password, and ends the user's other
    /// sessions, unless the user keeps them (`None`): a first batch of them, if there are many. If the user had to change it,
    /// the session is good for everything from the commit on, and its data names the user.
    pub(crate) fn renew_after_password_change_within(
        &self,
        connection: &mut DbConnection,
        session: &PresentedSession,
        new: &Sid,
        changed_at: Timestamp,
        others: Option<FirstBatchMode>,
    ) -> Result<(ReauthenticatedSession, EndedOthers)> {
        let user = queries::lock_user(connection, session.user)?.ok_or(Error::SessionEnded)?.user;
        let name_user = |data: &mut SessionData| {
            if session.must_change_password {
                data.name_user(&user);
            }
        };
        queries::note_proof(connection, session.id, None)?;
        let renewed = self.renew_within(connection, session, new, changed_at, name_user)?;
        if session.must_change_password {
            queries::lift_password_change(connection, session.id)?;
        }
        let others = match others {
            None => EndedOthers::Kept,
            Some(mode) => {
                let (user, reason) = (session.user, EndReason::PasswordChanged);
                EndedOthers::FirstBatch(self.first_batch_of_others_within(connection, user, session.id, reason, mode)?)
            }
        };
        Ok((renewed, others))
    }

    /// The time of the proof by which another request has given the session another sid than this one has presented;
    /// `None` if the session still has that one, or has ended.
    pub(crate) async fn later_proof(&self, session: &PresentedSession) -> Result<Option<Timestamp>> {
        let id = session.id;
        let found = self.db.read(move |connection| queries::find_sign_in(connection, id)).await?;
        Ok(found.filter(|found| found.sid != session.sid).and_then(|found| found.proved_at))
    }
}
