//! The second step of a sign-in.

use std::{net::IpAddr, time::Duration};

use crate::{
    accounts::{
        Accounts,
        browser_id::BrowserId,
        codes::{RecoveryCode, SecondFactorState, TotpSecret, is_totp_code},
        failure_keys::FailureKey,
        failures::{Failures, MAX_FAILURES_IN_A_ROW},
        model::{AuthenticatedUser, PasswordUse},
        queries::{self, TotpFactor, UsedStep},
        throttle::{Refusal, SessionRefusal, admit},
    },
    clock::Timestamp,
    db::{DbConnection, UserId},
    error::{Error, Result},
    events::{EventCause, EventKind, NewEvent, Source, record},
    sessions::{SecondFactor, User, WayIn},
};

/// How long a browser is trusted.
pub(crate) const TRUST_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A sign-in whose password was right, and that waits for a second factor. It lets no one in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PendingSignIn {
    pub user: UserId,
    /// When the password was set: with another one, the sign-in is void.
    pub password_changed_at: Timestamp,
    pub has_breached_password: bool,
    /// What was right: the password, or the link with which it was set.
    pub way_in: WayIn,
}

/// A code as a form has sent it.
#[derive(Debug, Clone)]
pub(crate) struct TypedCode {
    pub code: String,
    /// Names the form. If it is sent twice, so is its code.
    pub form: String,
    /// The client's address.
    pub ip_address: Option<IpAddr>,
    /// The ids in the browser's cookie, whose signature was verified.
    pub browsers: Vec<BrowserId>,
}

/// What a sign-in waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecondStep {
    /// A code of an app, or the answer of a passkey, if the user has one.
    Code,
    /// The answer of a passkey: the user has no app.
    Passkey,
    /// That its user sets up a second factor.
    SetUp(User),
    /// Nothing: the user has been disabled or has another password, or nothing is due any more.
    Over,
}

/// Why a code is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodeError {
    /// It is not the user's.
    #[error("the code is wrong")]
    Wrong,
    /// It was used already.
    #[error("the code was used already")]
    Used,
    /// No configured secret can read the user's second factor.
    #[error("the second factor can't be read")]
    Unreadable,
    /// It was not checked, because too many were wrong.
    #[error("too many codes were wrong")]
    Throttled {
        /// How long the client must wait before it may try again.
        retry_after: Duration,
    },
    /// It was not checked, because so many were wrong in a row that no more are.
    #[error("no more codes are checked on such browsers")]
    Locked,
    /// The sign-in has to begin anew.
    #[error("the sign-in is over")]
    Over,
    /// The database failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// The user of a pending sign-in, as the database has them now.
pub(in crate::accounts) struct PendingUser {
    pub user: User,
    pub password_use: PasswordUse,
    pub factor: Option<TotpFactor>,
}

/// What a code is, once it was looked at.
enum CheckedCode {
    Totp { step: i64, resealed: Option<(String, String)> },
    Recovery { hashes: Vec<String> },
    Wrong,
    Unreadable,
}

impl PendingSignIn {
    /// Finds its user; `None` if the sign-in is void.
    pub(in crate::accounts) fn find_user(&self, connection: &mut DbConnection) -> Result<Option<PendingUser>> {
        let Some(account) = queries::find_by_id(connection, self.user)? else { return Ok(None) };
        let changed_at = Timestamp::from(account.password_changed_at);
        if account.disabled_at.is_some() || changed_at != self.password_changed_at {
            return Ok(None);
        }
        let password_use = queries::password_use_of(connection, self.user, changed_at)?;
        if password_use == PasswordUse::UsedUp {
            return Ok(None);
        }
        let factor = queries::find_factor(connection, self.user)?;
        Ok(Some(PendingUser { user: account.user.into(), password_use, factor }))
    }

    /// The user, once the second factor was given.
    pub(in crate::accounts) fn passed(self, found: PendingUser, factor: SecondFactor) -> AuthenticatedUser {
        AuthenticatedUser {
            user: found.user,
            password_changed_at: self.password_changed_at,
            must_change_password: found.password_use != PasswordUse::Lasting,
            has_breached_password: self.has_breached_password,
            way_in: self.way_in.with_second_factor(factor),
            passkey: None,
            second_factor: SecondFactorState::Passed(factor),
        }
    }
}

/// What binds a sealed secret to its user: in another user's row, it can't be opened.
pub(super) fn secret_context(user: UserId) -> String {
    format!("totp secret of {user}")
}

impl Accounts {
    /// What a sign-in waits for whose password was right.
    pub(crate) async fn second_step(&self, pending: &PendingSignIn) -> Result<SecondStep> {
        let (pending, site) = (pending.clone(), self.relying_party.id().to_owned());
        let find = move |connection: &mut DbConnection| {
            let Some(found) = pending.find_user(connection)? else { return Ok(None) };
            let has_passkeys = queries::has_passkeys(connection, pending.user, &site)?;
            Ok(Some((found, has_passkeys)))
        };
        let Some((found, has_passkeys)) = self.db.read(find).await? else { return Ok(SecondStep::Over) };
        let is_demanded = self.second_factors.policy.demands(&found.user);
        Ok(match found.factor {
            Some(_) => SecondStep::Code,
            None if !is_demanded => SecondStep::Over,
            None if has_passkeys => SecondStep::Passkey,
            None => SecondStep::SetUp(found.user),
        })
    }

    /// Checks the code of a sign-in whose password was right. A right one is used up, and a wrong one counted, before this
    /// returns, and also if the client has gone.
    ///
    /// Must be called in a Tokio runtime.
    pub(crate) async fn give_code(
        &self,
        pending: PendingSignIn,
        typed: TypedCode,
    ) -> Result<AuthenticatedUser, CodeError> {
        let accounts = self.clone();
        let checked = tokio::spawn(async move { accounts.check_code(pending, typed).await });
        checked.await.map_err(Error::internal)?
    }

    async fn check_code(&self, pending: PendingSignIn, typed: TypedCode) -> Result<AuthenticatedUser, CodeError> {
        let (user, ip_address) = (pending.user, typed.ip_address);
        let hashes: Vec<_> = typed.browsers.iter().map(BrowserId::hash).collect();
        let known = self.db.read(move |connection| queries::find_known_browser(connection, user, &hashes)).await?;
        let key = known.as_ref().map_or_else(|| FailureKey::codes(user), FailureKey::codes_on_browser);
        let refused = |refusal| self.refuse_code(refusal, user, ip_address);
        let attempt = self.throttle.begin_in_turn(key.clone()).await.map_err(refused)?;
        let read = {
            let (pending, key) = (pending.clone(), key.clone());
            move |connection: &mut DbConnection| {
                Ok((pending.find_user(connection)?, queries::find_failures(connection, &key)?))
            }
        };
        let (found, failures): (_, Option<Failures>) = self.db.read(read).await?;
        let now = self.clock.now();
        admit(failures, now).map_err(refused)?;
        let Some((found, factor)) = found.and_then(|found| found.factor.clone().map(|factor| (found, factor))) else {
            return Err(CodeError::Over);
        };
        let (factor, cause) = match self.look_at(user, &factor, &typed.code, now)? {
            CheckedCode::Totp { step, resealed } => {
                let is_new = self.use_totp(user, step, resealed, &typed.form, &key).await?;
                (is_new.then_some(SecondFactor::Totp), EventCause::UsedCode)
            }
            CheckedCode::Recovery { hashes } => self.use_recovery(user, hashes, &typed.form, &key).await?,
            CheckedCode::Wrong => (None, EventCause::WrongCode),
            CheckedCode::Unreadable => (None, EventCause::UnreadableFactor),
        };
        if let Some(factor) = factor {
            return Ok(pending.passed(found, factor));
        }
        let event = NewEvent::of_cause(cause, &Source::user(ip_address)).user(user);
        self.count_wrong_code(user, key, event.detail("known_browser", known.is_some())).await?;
        drop(attempt);
        Err(match cause {
            EventCause::UsedCode => CodeError::Used,
            EventCause::UnreadableFactor => CodeError::Unreadable,
            _ => CodeError::Wrong,
        })
    }

    fn look_at(&self, user: UserId, factor: &TotpFactor, typed: &str, now: Timestamp) -> Result<CheckedCode> {
        let keys = &self.second_factors.keys;
        let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
        if let Some(code) = RecoveryCode::parse(&typed) {
            return Ok(CheckedCode::Recovery { hashes: keys.hashes(user, &code) });
        }
        if !is_totp_code(&typed) {
            return Ok(CheckedCode::Wrong);
        }
        let context = secret_context(user);
        let Some(opened) = keys.open(&context, &factor.sealed_secret) else { return Ok(CheckedCode::Unreadable) };
        let Some(secret) = TotpSecret::from_bytes(&opened.bytes) else { return Ok(CheckedCode::Unreadable) };
        let Some(step) = secret.find_step(&typed, now) else { return Ok(CheckedCode::Wrong) };
        let resealed = if opened.is_newest {
            None
        } else {
            Some((factor.sealed_secret.clone(), keys.seal(&context, secret.expose())?))
        };
        Ok(CheckedCode::Totp { step, resealed })
    }

    /// Uses a code of an app up. Returns whether it was unused.
    async fn use_totp(
        &self,
        user: UserId,
        step: i64,
        resealed: Option<(String, String)>,
        form: &str,
        key: &FailureKey,
    ) -> Result<bool> {
        let (form, key, now) = (form.to_owned(), key.clone(), self.clock.now());
        let use_up = move |connection: &mut DbConnection| {
            if !queries::use_step(connection, user, &UsedStep { step, form: &form, now })? {
                return Ok(false);
            }
            if let Some((old, new)) = &resealed {
                queries::reseal(connection, user, old, new)?;
            }
            queries::forget_failures(connection, std::slice::from_ref(&key))?;
            Ok(true)
        };
        self.db.transaction(use_up).await
    }

    /// Uses a recovery code up. Returns what it proves, or why it proves nothing.
    async fn use_recovery(
        &self,
        user: UserId,
        hashes: Vec<String>,
        form: &str,
        key: &FailureKey,
    ) -> Result<(Option<SecondFactor>, EventCause)> {
        let (form, key, now) = (form.to_owned(), key.clone(), self.clock.now());
        let use_up = move |connection: &mut DbConnection| {
            if queries::use_recovery_code(connection, user, &hashes, &form, now)? {
                queries::forget_failures(connection, std::slice::from_ref(&key))?;
                return Ok((Some(SecondFactor::RecoveryCode), EventCause::UsedCode));
            }
            let is_used = queries::is_used_recovery_code(connection, user, &hashes)?;
            Ok((None, if is_used { EventCause::UsedCode } else { EventCause::WrongCode }))
        };
        self.db.transaction(use_up).await
    }

    /// Counts a wrong code, and records it.
    async fn count_wrong_code(&self, user: UserId, key: FailureKey, event: NewEvent) -> Result<()> {
        let now = self.clock.now();
        let count = move |connection: &mut DbConnection| {
            let counts = queries::count_failure(connection, std::slice::from_ref(&key), now)?;
            record(connection, event.clone(), now)?;
            if counts.iter().any(|(_, in_a_row)| *in_a_row == MAX_FAILURES_IN_A_ROW) {
                let locked = NewEvent::new(EventKind::AccountLocked, &Source::system()).user(user);
                let locked = locked.detail("failures", MAX_FAILURES_IN_A_ROW).detail("second_factor", true);
                record(connection, locked, now)?;
            }
            Ok(())
        };
        self.db.transaction(count).await
    }

    /// Records a code that is not checked. Returns the answer to it.
    fn refuse_code(&self, refusal: SessionRefusal, user: UserId, ip_address: Option<IpAddr>) -> CodeError {
        let (cause, error) = match refusal {
            SessionRefusal::Wait(retry_after) => {
                (Refusal::Wait(retry_after).cause(), CodeError::Throttled { retry_after })
            }
            SessionRefusal::Exhausted => (Refusal::StrangersLocked.cause(), CodeError::Locked),
        };
        self.record_refusal(cause, Some(user), ip_address);
        error
    }
}
