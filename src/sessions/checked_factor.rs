//! What was checked at a sign-in besides the password. It must still be there when the session starts: a report ("This wasn't
//! me"), or the removal of an app, may come between the code and the session.

use super::{browsers::BrowserIdHash, way_in::SecondFactor};
use crate::{clock::Timestamp, db::PasskeyId};

/// What was checked besides the password, as the database had it then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckedFactor {
    /// A code of the authenticator app that was added at this time.
    Totp(Timestamp),
    /// The recovery code with one of these hashes, which is used up.
    RecoveryCode(Vec<String>),
    /// This passkey, alone or after the password.
    Passkey(PasskeyId),
    /// That the browser with this hash is trusted.
    TrustedBrowser(BrowserIdHash),
}

impl CheckedFactor {
    /// What kind it is of.
    pub const fn kind(&self) -> SecondFactor {
        match self {
            Self::Totp(_) => SecondFactor::Totp,
            Self::RecoveryCode(_) => SecondFactor::RecoveryCode,
            Self::Passkey(_) => SecondFactor::Passkey,
            Self::TrustedBrowser(_) => SecondFactor::TrustedBrowser,
        }
    }
}
