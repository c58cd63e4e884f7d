//! Checks the password that the user of a session gives again, before a sensitive change (ASVS 7.5).

use std::time::Duration;

use tokio::{runtime::Handle, sync::oneshot};

use super::{
    Accounts,
    failure_keys::FailureKey,
    hash_threads::HashClient,
    model::Password,
    passwords::{Hasher, Verification},
    queries::{self, StoredPassword},
    throttle::{SessionAttempt, SessionRefusal, admit},
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, UserId},
    error::{Error, Result},
    events::{EventKind, NewEvent, record},
    sessions::{NewProof, PresentedSession, ReauthenticatedSession, Sessions, Sid},
};

/// Why the password of a session's user is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnPasswordError {
    /// It is wrong, or was changed while it was checked.
    #[error("the password is wrong")]
    Wrong,
    /// The user has none that Keyrack can check: another program signs them in.
    #[error("the user has no password at Keyrack")]
    NoPassword,
    /// It was not checked, because too many wrong ones were given in this session.
    #[error("too many wrong passwords were given in this session")]
    Throttled {
        /// How long the client must wait before it may try again.
        retry_after: Duration,
    },
    /// It was not checked, because the wrong ones of this session are used up. Another session may try.
    #[error("no more passwords are checked in this session")]
    Exhausted,
    /// The database failed, the server is busy, or the session has ended.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<SessionRefusal> for OwnPasswordError {
    fn from(refusal: SessionRefusal) -> Self {
        match refusal {
            SessionRefusal::Wait(retry_after) => Self::Throttled { retry_after },
            SessionRefusal::Exhausted => Self::Exhausted,
        }
    }
}

/// The password of a user, as far as a proof depends on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PasswordState {
    /// Whether Keyrack can check it.
    pub is_checkable: bool,
    /// When it was set. An earlier proof was one of another password.
    pub changed_at: Timestamp,
}

/// A password that was right.
#[derive(Debug, Clone)]
pub(super) struct CheckedPassword {
    changed_at: Timestamp,
    /// The key of the session's failures, if it has any.
    failures: Option<FailureKey>,
}

/// The part of the check that the hashing thread determines.
enum HashCheck {
    /// The receiver waits until the failure is counted.
    Wrong(oneshot::Receiver<Result<()>>),
    /// `new_hash` is the password's new hash, if the stored one has another cost than the configured one.
    Right { new_hash: Option<Result<String>> },
}

impl Accounts {
    /// Reads what a proof of this user depends on; `None` if the user does not exist or is disabled.
    pub(crate) async fn password_state(&self, user: UserId) -> Result<Option<PasswordState>> {
        let found = self.db.read(move |connection| queries::find_password(connection, user)).await?;
        Ok(found.map(|stored| PasswordState {
            is_checkable: self.usable_hash(&stored).is_some(),
            changed_at: stored.changed_at,
        }))
    }

    /// Records that the user of a session was asked for their password, at most once per quarter of an hour: a program
    /// can send such requests all the time.
    pub(crate) async fn record_proof_request(&self, session: &PresentedSession) -> Result<()> {
        let now = self.clock.now();
        let Some(count) = self.event_rate.admit(format!("proof {}", session.id), now) else { return Ok(()) };
        let event = NewEvent::new(EventKind::ProofRequested, &session.source()).user(session.user).session(session.id);
        let event = event.detail("count", count);
        self.db.transaction(move |connection| record(connection, event.clone(), now)).await
    }

    /// Checks the password that the user of a session gives again. If it is right, the session gets a new sid and a new
    /// time of proof, in one transaction; if the same form is sent twice, once.
    pub(crate) async fn reauthenticate(
        &self,
        session: PresentedSession,
        password: Password,
    ) -> Result<ReauthenticatedSession, OwnPasswordError> {
        let checked = self.check_own_password(&session, password).await?;
        let sessions = self.sessions.on_behalf_of(session.source());
        let (new, clock) = (Sid::random()?, self.clock.clone());
        let renewed = self.db.transaction(move |connection| {
            if !accept(connection, session.user, &checked)? {
                return Ok(None);
            }
            let now = clock.now();
            let renewed = sessions.reauthenticate_within(connection, &session, &new, (now, NewProof::PASSWORD))?;
            if !renewed.is_repeated {
                let event = NewEvent::new(EventKind::ProofGiven, &session.source()).user(session.user);
                record(connection, event.session(session.id), now)?;
            }
            Ok(Some(renewed))
        });
        renewed.await?.ok_or(OwnPasswordError::Wrong)
    }

    /// Checks the current password in a form that can't be handled for another reason. A wrong one is counted; after a
    /// right one, nothing is written.
    pub(crate) async fn check_current_password(
        &self,
        session: &PresentedSession,
        password: Password,
    ) -> Result<(), OwnPasswordError> {
        self.check_own_password(session, password).await.map(drop)
    }

    /// Checks the password of a session's user. Costs one hash, and none when throttled. A wrong one is counted for the
    /// session, before this returns.
    ///
    /// Must be called in a Tokio runtime: a failure is counted there even if the client has gone.
    pub(super) async fn check_own_password(
        &self,
        session: &PresentedSession,
        password: Password,
    ) -> Result<CheckedPassword, OwnPasswordError> {
        let attempt = self.throttle.begin_in_session(session.id).await?;
        let (user, key) = (session.user, attempt.key().clone());
        let find = move |connection: &mut DbConnection| {
            Ok((queries::find_password(connection, user)?, queries::find_failures(connection, &key)?))
        };
        let (stored, failures) = self.db.read(find).await?;
        admit(failures, self.clock.now())?;
        let stored = stored.ok_or(Error::SessionEnded)?;
        let old_hash = self.usable_hash(&stored).ok_or(OwnPasswordError::NoPassword)?;
        let key = attempt.key().clone();
        let (hash, failure, runtime) = (
            old_hash.clone(),
            Failure { accounts: self.clone(), session: session.clone(), attempt },
            Handle::current(),
        );
        let check = move |hasher: &mut Hasher<'_>| {
            let verification = hasher.verify(&password, Some(&hash), None)?;
            if verification == Verification::Failed {
                // Counted in a task of its own: a client that closes the connection must not prevent it.
                let (counted, is_counted) = oneshot::channel();
                runtime.spawn(async move { drop(counted.send(failure.count().await)) });
                return Ok(HashCheck::Wrong(is_counted));
            }
            let new_hash = (verification == Verification::PassedOutdated).then(|| hasher.hash(&password));
            Ok(HashCheck::Right { new_hash })
        };
        match self.passwords.run(HashClient::KnownBrowser(session.user), check).await? {
            HashCheck::Wrong(is_counted) => {
                is_counted.await.map_err(|_| Error::internal("a wrong password was not counted"))??;
                Err(OwnPasswordError::Wrong)
            }
            HashCheck::Right { new_hash } => {
                if let Some(new) = new_hash {
                    self.store_new_hash(session.user, old_hash, new).await;
                }
                Ok(CheckedPassword { changed_at: stored.changed_at, failures: failures.map(|_| key) })
            }
        }
    }

    /// The stored hash, if Keyrack can check it. An Express application may have written one of another kind.
    fn usable_hash(&self, stored: &StoredPassword) -> Option<String> {
        stored.hash.clone().filter(|hash| self.passwords.is_usable(hash))
    }
}

/// Locks the user of a session that changes what lets them in. Fails if the session has ended since its request arrived: what
/// it adds must not come after the report that takes out what it has added.
pub(super) fn lock_user_of(connection: &mut DbConnection, session: &PresentedSession) -> Result<()> {
    let is_there = queries::lock_password(connection, session.user)?.is_some();
    let active = Sessions::active_among(connection, session.user, &[session.id].into())?;
    if is_there && !active.is_empty() { Ok(()) } else { Err(Error::SessionEnded) }
}

/// The same, for a session that adds a way in. Fails also if the password was changed since its user has proved who they are:
/// a reset ends the sessions of a user one batch after the other, and this one may be among the last.
pub(super) fn lock_user_who_adds(connection: &mut DbConnection, session: &PresentedSession) -> Result<()> {
    lock_user_of(connection, session)?;
    let stored = queries::lock_password(connection, session.user)?.ok_or(Error::SessionEnded)?;
    let proved_at = Sessions::authenticated_at_within(connection, session.id)?;
    if proved_at >= Some(stored.changed_at) { Ok(()) } else { Err(Error::SessionEnded) }
}

/// Locks the user of a password that was right, and forgets the wrong ones of the session. Returns whether it is still
/// the password of a user who may sign in.
pub(super) fn accept(connection: &mut DbConnection, user: UserId, checked: &CheckedPassword) -> Result<bool> {
    let Some(stored) = queries::lock_password(connection, user)? else { return Err(Error::SessionEnded) };
    if stored.changed_at != checked.changed_at {
        return Ok(false);
    }
    if let Some(key) = &checked.failures {
        queries::forget_failures(connection, std::slice::from_ref(key))?;
    }
    Ok(true)
}

/// A wrong password that is to be counted. The attempt stays reserved until then.
struct Failure {
    accounts: Accounts,
    session: PresentedSession,
    attempt: SessionAttempt,
}

impl Failure {
    async fn count(self) -> Result<()> {
        let Self { accounts, session, attempt } = self;
        let (now, key) = (accounts.clock.now(), attempt.key().clone());
        let counted = accounts.db.transaction(move |connection| {
            let event = NewEvent::new(EventKind::ProofFailed, &session.source()).user(session.user);
            record(connection, event.session(session.id), now)?;
            queries::count_failure(connection, std::slice::from_ref(&key), now).map(drop)
        });
        let counted = counted.await;
        drop(attempt);
        counted
    }
}
