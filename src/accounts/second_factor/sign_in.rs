//! The second step of a sign-in: what it waits for.

use std::{net::IpAddr, time::Duration};

use crate::{
    accounts::{
        Accounts,
        browser_id::BrowserId,
        codes::SecondFactorState,
        model::{AuthenticatedUser, PasswordUse},
        queries::{self, TotpFactor},
    },
    clock::Timestamp,
    db::{DbConnection, UserId},
    error::{Error, Result},
    sessions::{CheckedFactor, User, WayIn},
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

impl PendingSignIn {
    /// Finds its user; `None` if the sign-in is void.
    pub(in crate::accounts) fn find_user(&self, connection: &mut DbConnection) -> Result<Option<PendingUser>> {
        let Some(account) = queries::find_by_id(connection, self.user)? else { return Ok(None) };
        let changed_at = Timestamp::from(account.password_changed_at);
        if account.disabled_at.is_some() || changed_at != self.password_changed_at {
            return Ok(None);
        }
        let password_use = queries::find_password_use(connection, self.user, changed_at)?;
        if password_use == PasswordUse::UsedUp {
            return Ok(None);
        }
        let factor = queries::find_factor(connection, self.user)?;
        Ok(Some(PendingUser { user: account.user.into(), password_use, factor }))
    }

    /// The user, once the second factor was given.
    pub(in crate::accounts) fn passed(self, found: PendingUser, factor: CheckedFactor) -> AuthenticatedUser {
        AuthenticatedUser {
            user: found.user,
            password_changed_at: self.password_changed_at,
            must_change_password: found.password_use != PasswordUse::Lasting,
            has_breached_password: self.has_breached_password,
            way_in: self.way_in.with_second_factor(factor.kind()),
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
}
