//! Checks the code of a sign-in whose password was right.

use std::net::IpAddr;

use super::{
    budget::{CodeBudget, ReadCode},
    sign_in::{CodeError, PendingSignIn, TypedCode, secret_context},
};
use crate::{
    accounts::{
        Accounts,
        browser_id::BrowserId,
        codes::{RecoveryCode, TotpSecret, is_totp_code},
        failures::{Failures, MAX_FAILURES_IN_A_ROW},
        model::AuthenticatedUser,
        queries::{self, TotpFactor, UsedStep},
        throttle::{Refusal, SessionRefusal},
    },
    clock::Timestamp,
    db::{DbConnection, UserId},
    error::{Error, Result},
    events::{EventCause, EventKind, NewEvent, Source, log_event, record},
    sessions::CheckedFactor,
};

/// The secret of an app, as far as a code needs it.
enum AppCode {
    Right {
        step: i64,
        resealed: Option<(String, String)>,
    },
    Wrong,
    /// No configured secret can read it.
    Unreadable,
}

/// What a code has turned out to be.
enum Outcome {
    Right(CheckedFactor),
    /// It counts, and this is why it failed.
    Failed(EventCause),
    Unreadable,
}

/// A code that is to be used up: by whom, by which form, and what its success makes forgotten.
#[derive(Clone)]
struct CodeUse {
    user: UserId,
    form: String,
    budget: CodeBudget,
    now: Timestamp,
}

impl Accounts {
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
        let code = ReadCode::new(&typed.code);
        let budget = CodeBudget::new(user, known, &code);
        let refused = |refusal| self.refuse_code(refusal, user, ip_address);
        let attempt = self.throttle.begin_in_turn(budget.key().clone()).await.map_err(refused)?;
        let read = {
            let (pending, key) = (pending.clone(), budget.key().clone());
            move |connection: &mut DbConnection| {
                Ok((pending.find_user(connection)?, queries::find_failures(connection, &key)?))
            }
        };
        let (found, failures): (_, Option<Failures>) = self.db.read(read).await?;
        let now = self.clock.now();
        budget.admit(failures, now).map_err(refused)?;
        let Some((found, factor)) = found.and_then(|found| found.factor.clone().map(|factor| (found, factor))) else {
            return Err(CodeError::Over);
        };
        let code_use = CodeUse { user, form: typed.form, budget: budget.clone(), now };
        let outcome = match &code {
            ReadCode::OfApp(typed) => self.use_code_of_app(&factor, typed, code_use).await?,
            ReadCode::Recovery(code) => self.use_recovery_code(&factor, code, code_use).await?,
        };
        let cause = match outcome {
            Outcome::Right(factor) => return Ok(pending.passed(found, factor)),
            Outcome::Unreadable => {
                self.record_unreadable(user, ip_address).await?;
                return Err(CodeError::Unreadable);
            }
            Outcome::Failed(cause) => cause,
        };
        let event = NewEvent::of_cause(cause, &Source::user(ip_address)).user(user);
        self.count_wrong_code(user, &budget, event).await?;
        drop(attempt);
        Err(if cause == EventCause::UsedCode { CodeError::Used } else { CodeError::Wrong })
    }

    /// Checks the code of an app, and uses a right one up.
    async fn use_code_of_app(&self, factor: &TotpFactor, typed: &str, code_use: CodeUse) -> Result<Outcome> {
        let (step, resealed) = match self.look_at(factor, typed, &code_use)? {
            AppCode::Right { step, resealed } => (step, resealed),
            AppCode::Wrong => return Ok(Outcome::Failed(EventCause::WrongCode)),
            AppCode::Unreadable => return Ok(Outcome::Unreadable),
        };
        let added_at = factor.created_at;
        let use_up = move |connection: &mut DbConnection| {
            let CodeUse { user, form, budget, now } = &code_use;
            if !queries::use_step(connection, (*user, added_at), &UsedStep { step, form, now: *now })? {
                return Ok(false);
            }
            if let Some((old, new)) = &resealed {
                queries::reseal(connection, *user, old, new)?;
            }
            budget.forget_after_success(connection)?;
            Ok(true)
        };
        let is_new = self.db.transaction(use_up).await?;
        Ok(if is_new {
            Outcome::Right(CheckedFactor::Totp(factor.created_at.into()))
        } else {
            Outcome::Failed(EventCause::UsedCode)
        })
    }

    fn look_at(&self, factor: &TotpFactor, typed: &str, code_use: &CodeUse) -> Result<AppCode> {
        if !is_totp_code(typed) {
            return Ok(AppCode::Wrong);
        }
        let (keys, context) = (&self.second_factors.keys, secret_context(code_use.user));
        let Some(opened) = keys.open(&context, &factor.sealed_secret) else { return Ok(AppCode::Unreadable) };
        let Some(secret) = TotpSecret::from_bytes(&opened.bytes) else { return Ok(AppCode::Unreadable) };
        let Some(step) = secret.find_step(typed, code_use.now) else { return Ok(AppCode::Wrong) };
        let resealed = if opened.is_newest {
            None
        } else {
            Some((factor.sealed_secret.clone(), keys.seal(&context, secret.expose())?))
        };
        Ok(AppCode::Right { step, resealed })
    }

    /// Uses a recovery code up, if it is one of the user's.
    async fn use_recovery_code(&self, factor: &TotpFactor, code: &RecoveryCode, code_use: CodeUse) -> Result<Outcome> {
        let (user, keys) = (code_use.user, &self.second_factors.keys);
        let hashes = keys.hashes(user, code);
        let (key_ids, has_lost_secret) =
            (keys.ids(), keys.open(&secret_context(user), &factor.sealed_secret).is_none());
        let use_up = move |connection: &mut DbConnection| {
            let CodeUse { user, form, budget, now } = &code_use;
            if queries::use_recovery_code(connection, *user, &hashes, form, *now)? {
                budget.forget_after_success(connection)?;
                return Ok(Outcome::Right(CheckedFactor::RecoveryCode(hashes.clone())));
            }
            if queries::is_used_recovery_code(connection, *user, &hashes)? {
                return Ok(Outcome::Failed(EventCause::UsedCode));
            }
            // The secret that could tell it has gone with that of the app.
            if has_lost_secret && queries::count_recovery_codes(connection, *user, &key_ids)? == 0 {
                return Ok(Outcome::Unreadable);
            }
            Ok(Outcome::Failed(EventCause::WrongCode))
        };
        self.db.transaction(use_up).await
    }

    /// Counts a wrong code, and records it.
    async fn count_wrong_code(&self, user: UserId, budget: &CodeBudget, event: NewEvent) -> Result<()> {
        let (now, budget) = (self.clock.now(), budget.clone());
        let event = event.detail("known_browser", budget.is_of_known_browser());
        let count = move |connection: &mut DbConnection| {
            let counts = queries::count_failure(connection, std::slice::from_ref(budget.key()), now)?;
            record(connection, event.clone(), now)?;
            let is_used_up = counts.iter().any(|(_, in_a_row)| *in_a_row == MAX_FAILURES_IN_A_ROW);
            if is_used_up && budget.ends_with_a_lock() {
                let locked = NewEvent::new(EventKind::AccountLocked, &Source::system()).user(user);
                let locked = locked.detail("failures", MAX_FAILURES_IN_A_ROW).detail("second_factor", true);
                record(connection, locked, now)?;
            }
            Ok(())
        };
        self.db.transaction(count).await
    }

    /// Tells the operator that no secret can read a user's second factor. It is no failure of the user's, so it does not
    /// count; without a count, the event is stored once per quarter of an hour at most.
    async fn record_unreadable(&self, user: UserId, ip_address: Option<IpAddr>) -> Result<()> {
        let now = self.clock.now();
        let event = NewEvent::of_cause(EventCause::UnreadableFactor, &Source::user(ip_address)).user(user);
        let Some(count) = self.event_rate.admit(format!("unreadable {user}"), now) else {
            log_event(&event);
            return Ok(());
        };
        tracing::error!(
            user_id = %user,
            "no secret in KEYRACK_SECRETS can read the second factor of this user, who can't sign in: add the secret \
             again behind the newest one, or run `keyrack user remove-second-factor`"
        );
        let event = event.detail("count", count);
        self.db.transaction(move |connection| record(connection, event.clone(), now)).await
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
