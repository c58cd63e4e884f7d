//! The codes of second factors, and who must have one.
//!
//! | module | contents |
//! |---|---|
//! | `totp` | codes by time (RFC 6238) |
//! | `recovery_code` | the form of recovery codes |
//! | `keys` | encrypts secrets and hashes recovery codes with keys from `KEYRACK_SECRETS` |

mod keys;
mod recovery_code;
mod totp;

pub(super) use keys::{FactorKeys, RecoveryCodeHash};
pub(super) use recovery_code::RecoveryCode;
pub(super) use totp::{TotpSecret, is_totp_code};

use crate::sessions::{CheckedFactor, SecondFactor};

/// Who must have a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum SecondFactorPolicy {
    /// Those who want one.
    #[default]
    Optional,
    /// Administrators; others may.
    Admins,
    /// All users.
    Everyone,
}

/// What a sign-in still needs after the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecondFactorState {
    /// Nothing: the user has no second factor, and needs none.
    NotDue,
    /// Nothing: it was checked, or is not asked for on this browser.
    Passed(CheckedFactor),
    /// A code. Until it is given, the user must not be let in.
    CodeDue,
    /// The user has to set up a second factor, which the policy demands. Until then, they must not be let in.
    SetUpDue,
}

impl SecondFactorState {
    /// Whether the user must not be let in yet.
    pub fn is_due(&self) -> bool {
        matches!(self, Self::CodeDue | Self::SetUpDue)
    }

    /// What was checked besides the password.
    pub fn passed(&self) -> Option<SecondFactor> {
        self.checked().map(CheckedFactor::kind)
    }

    /// The same, as the database had it.
    pub(crate) fn checked(&self) -> Option<&CheckedFactor> {
        match self {
            Self::Passed(factor) => Some(factor),
            Self::NotDue | Self::CodeDue | Self::SetUpDue => None,
        }
    }
}

/// The policy, and the keys of one server.
#[derive(Debug, Clone, Default)]
pub(super) struct SecondFactors {
    pub policy: SecondFactorPolicy,
    pub keys: FactorKeys,
}
