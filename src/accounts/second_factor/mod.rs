//! The second factor: codes of an authenticator app (RFC 6238), and recovery codes for the day on which it is lost.
//!
//! It is asked for after the password, in a state that is no session: see `web/pending_sign_in.rs`.
//!
//! | module | contents |
//! |---|---|
//! | `sign_in` | what a sign-in waits for |
//! | `check` | checks a code, and uses it up |
//! | `budget` | how many may be wrong |
//! | `set_up` | adds an app |
//! | `manage` | what else users and administrators do to it |
//! | `accounts::codes` | the codes themselves, and the keys that protect them |

mod budget;
mod check;
mod manage;
mod set_up;
mod sign_in;

pub(crate) use manage::{FactorState, RecoveryCodesError, SecondFactorOverview, TrustedBrowser};
pub(crate) use set_up::{FactorSetUp, SetUpBinding, SetUpError, SetUpRequest};
pub(crate) use sign_in::{CodeError, PendingSignIn, SecondStep, TRUST_LIFETIME, TypedCode};

use super::{
    Accounts,
    codes::{FactorKeys, SecondFactorPolicy, SecondFactorState, SecondFactors},
    model::Role,
    queries::SignInRecord,
};
use crate::{
    clock::Timestamp,
    sessions::{CheckedFactor, User},
};

impl SecondFactorPolicy {
    /// Whether no user must have one.
    pub(crate) fn is_optional(self) -> bool {
        self == Self::Optional
    }

    /// Whether this user must have one.
    pub(crate) fn demands(self, user: &User) -> bool {
        match self {
            Self::Optional => false,
            Self::Admins => user.role == Role::Admin.as_str(),
            Self::Everyone => true,
        }
    }
}

impl Accounts {
    /// Asks for second factors by this policy, and reads them with these secrets, the newest first.
    #[must_use]
    pub fn with_second_factors<'a>(
        self,
        policy: SecondFactorPolicy,
        secrets: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self { second_factors: SecondFactors { policy, keys: FactorKeys::new(secrets) }, ..self }
    }

    /// Whether this user must have a second factor.
    pub(crate) fn demands_second_factor(&self, user: &User) -> bool {
        self.second_factors.policy.demands(user)
    }

    /// What a sign-in needs after the right password.
    pub(super) fn second_factor_after_password(&self, found: &SignInRecord, now: Timestamp) -> SecondFactorState {
        let Some(account) = &found.account else { return SecondFactorState::NotDue };
        let is_trusted = found.trusted_until.is_some_and(|until| now < until);
        match (found.has_second_factor, &found.browser) {
            (true, Some(browser)) if is_trusted => {
                SecondFactorState::Passed(CheckedFactor::TrustedBrowser(browser.clone()))
            }
            (true, _) => SecondFactorState::CodeDue,
            (false, _) => self.second_factor_of_new(&account.user),
        }
    }

    /// What the sign-in of a user without a second factor needs.
    pub(super) fn second_factor_of_new(&self, user: &User) -> SecondFactorState {
        if self.second_factors.policy.demands(user) { SecondFactorState::SetUpDue } else { SecondFactorState::NotDue }
    }
}
