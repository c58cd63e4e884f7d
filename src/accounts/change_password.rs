//! Changes the password of a session's user.

use super::{
    Accounts,
    breached_passwords::UnusableBreachFile,
    email::Email,
    model::Password,
    own_password::{OwnPasswordError, accept},
    password_policy::PasswordPolicyError,
    queries,
    users::{CreateUserError, names},
};
use crate::{
    error::Error,
    events::{EventKind, NewEvent, record},
    sessions::{EndedOthers, NewProof, PresentedSession, ReauthenticatedSession, Sid, User, with_first_batch},
};

/// What a user asks for who changes their password.
#[derive(Debug)]
pub(crate) struct PasswordChange {
    pub current: Password,
    pub new: Password,
    /// Whether the user's other sessions stay signed in.
    pub keeps_others: bool,
}

/// A new password that is stored.
#[derive(Debug)]
pub(crate) struct ChangedPassword {
    /// The session in which it was changed, which has a new sid.
    pub session: ReauthenticatedSession,
    /// The others that have ended; the caller ends the rest.
    pub others: EndedOthers,
}

/// Why the password was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangePasswordError {
    /// The new password violates the policy.
    #[error(transparent)]
    Policy(PasswordPolicyError),
    /// The new password is the current one.
    #[error("This is your current password. Choose a different one.")]
    SameAsCurrent,
    /// The new password was not looked up in the list of leaked passwords. The reason is for operators.
    #[error("the new password was not checked, since {0}")]
    Unchecked(UnusableBreachFile),
    /// Another request of this session has changed the password since the form was opened, to another one.
    #[error(
        "This form was not used: your password was changed in another tab, or by a second click, while it was open. You \
         are signed in, and the password that you chose there holds. To change it again, enter it as the current one."
    )]
    ChangedMeanwhile,
    /// The current password was not accepted.
    #[error(transparent)]
    Current(#[from] OwnPasswordError),
}

impl From<Error> for ChangePasswordError {
    fn from(error: Error) -> Self {
        Self::Current(error.into())
    }
}

impl Accounts {
    /// Changes the password of a session's user, who has to give the current one (ASVS 6.2.3). In the same transaction,
    /// the session gets a new sid and the user's other sessions end, unless the user keeps them (ASVS 7.4.3); a first
    /// batch of them, if there are many. If the same form is sent twice, the second request is answered like the first.
    ///
    /// The policy is checked last; [`check_new_password_of`](Self::check_new_password_of) tells sooner.
    pub(crate) async fn change_password(
        &self,
        session: PresentedSession,
        user: &User,
        change: PasswordChange,
    ) -> Result<ChangedPassword, ChangePasswordError> {
        let PasswordChange { current, new, keeps_others } = change;
        let email = user.email.parse().unwrap_or_else(|_| Email::unmatchable());
        let own_names = || names([&user.user_name, &user.first_name, &user.last_name]);
        if self.was_changed_in(&session).await? {
            return self.confirm_change(session, new, keeps_others).await;
        }
        let is_same = current.expose() == new.expose();
        let checked = match self.check_own_password(&session, current).await {
            Err(OwnPasswordError::Wrong) if self.was_changed_in(&session).await? => {
                return self.confirm_change(session, new, keeps_others).await;
            }
            checked => checked?,
        };
        if is_same {
            return Err(ChangePasswordError::SameAsCurrent);
        }
        let hash = match self.hash_new_password(new.clone(), &email, own_names()).await {
            Ok(hash) => hash,
            Err(CreateUserError::Password(problem)) => return Err(ChangePasswordError::Policy(problem)),
            Err(CreateUserError::Unchecked(problem)) => return Err(ChangePasswordError::Unchecked(problem)),
            Err(CreateUserError::Failed(error)) => return Err(error.into()),
            Err(problem) => return Err(Error::internal(problem).into()),
        };
        let sid = Sid::random()?;
        let change = |mode| {
            let (sessions, clock) = (self.sessions.on_behalf_of(session.source()), self.clock.clone());
            let (session, sid) = (session.clone(), sid.clone());
            let (checked, hash, others) = (checked.clone(), hash.clone(), (!keeps_others).then_some(mode));
            self.db.transaction(move |connection| {
                if !accept(connection, session.user, &checked)? {
                    return Ok(None);
                }
                let now = queries::set_password(connection, session.user, &hash, clock.now())?;
                queries::forget_account(connection, session.user)?;
                let event = NewEvent::new(EventKind::PasswordChanged, &session.source()).user(session.user);
                record(connection, event.session(session.id), now)?;
                let (session, others) =
                    sessions.renew_after_password_change_within(connection, &session, &sid, now, others)?;
                Ok(Some(ChangedPassword { session, others }))
            })
        };
        let changed = with_first_batch(change).await?;
        self.stored_costs.invalidate();
        match changed {
            Some(changed) => Ok(changed),
            None if self.was_changed_in(&session).await? => self.confirm_change(session, new, keeps_others).await,
            None => Err(ChangePasswordError::Current(OwnPasswordError::Wrong)),
        }
    }

    /// Whether the password has been changed in this session by another request, since this one has presented the session's
    /// sid.
    async fn was_changed_in(&self, session: &PresentedSession) -> Result<bool, Error> {
        let Some(proved_at) = self.sessions.later_proof(session).await? else { return Ok(false) };
        Ok(self.password_state(session.user).await?.is_some_and(|password| password.changed_at == proved_at))
    }

    /// Answers a change that another request has made, from the same session as it was before: the new password is the
    /// proof, since it has become the current one. Nothing is changed. With another password, the change fails.
    async fn confirm_change(
        &self,
        session: PresentedSession,
        new: Password,
        keeps_others: bool,
    ) -> Result<ChangedPassword, ChangePasswordError> {
        let checked = self.check_own_password(&session, new).await.map_err(|error| match error {
            OwnPasswordError::Wrong => ChangePasswordError::ChangedMeanwhile,
            error => error.into(),
        })?;
        let sessions = self.sessions.on_behalf_of(session.source());
        let (unused, clock) = (Sid::random()?, self.clock.clone());
        let renewed = self.db.transaction(move |connection| {
            if !accept(connection, session.user, &checked)? {
                return Ok(None);
            }
            sessions.reauthenticate_within(connection, &session, &unused, (clock.now(), NewProof::PASSWORD)).map(Some)
        });
        let session = renewed.await?.ok_or(OwnPasswordError::Wrong)?;
        let others = if session.is_repeated && !keeps_others { EndedOthers::Before } else { EndedOthers::Kept };
        Ok(ChangedPassword { session, others })
    }
}
