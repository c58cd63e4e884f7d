//! The types of the accounts module's interface.

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;

use super::{codes::SecondFactorState, email::Email};
use crate::{
    clock::Timestamp,
    sessions::{UsedPasskey, User, WayIn},
};

/// A password as it was typed, in Unicode's normal form C, so that the same characters are the same password on every
/// keyboard (ASVS 6.2). Its `Debug` hides it, and its memory is overwritten when it is dropped.
#[derive(Debug, Clone)]
pub struct Password {
    normalized: SecretString,
    /// What was typed, if that is another form: other programs have hashed it as it was.
    typed: Option<SecretString>,
}

impl Password {
    /// Normalises what was typed.
    pub fn new(typed: &str) -> Self {
        let normalized: String = typed.nfc().collect();
        let typed = (normalized != typed).then(|| typed.into());
        Self { normalized: normalized.into(), typed }
    }

    /// Whether both are the same, however their characters were composed.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }

    pub(super) fn expose(&self) -> &str {
        self.normalized.expose_secret()
    }

    /// Whether it was typed in the normal form.
    pub(super) fn is_normalized(&self) -> bool {
        self.typed.is_none()
    }

    /// What was typed, for hashes of other programs.
    pub(super) fn typed(&self) -> &str {
        self.typed.as_ref().unwrap_or(&self.normalized).expose_secret()
    }
}

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// See and end their own sessions.
    #[default]
    User,
    /// For applications, which read the role from the API: in Keyrack itself, as a user.
    Admin,
}

impl Role {
    /// The role for people: "a user".
    pub fn description(self) -> &'static str {
        match self {
            Self::User => "a user",
            Self::Admin => "an administrator",
        }
    }

    /// The value of `users.role`, and of `role` in session data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

/// A user to be created.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The address that they sign in with.
    pub email: Email,
    /// The name that pages show if the first or last name is missing.
    pub user_name: Option<String>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// What they may do.
    pub role: Role,
    /// The password, not yet checked against the policy.
    pub password: Password,
}

/// A user to be created without a password, who sets one by a link. If they were invited before, what is `None` stays.
#[derive(Debug, Clone)]
pub struct InvitedUser {
    /// The address that they sign in with.
    pub email: Email,
    /// The name that pages show if the first or last name is missing.
    pub user_name: Option<String>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// What they may do; by default, that of a user.
    pub role: Option<Role>,
}

/// A user as operators see them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Account {
    /// Name, address and role.
    #[serde(flatten)]
    pub user: User,
    /// When the user was created.
    pub created_at: Timestamp,
    /// When the user was disabled; `None` if the user can sign in.
    pub disabled_at: Option<Timestamp>,
}

/// How often a user's password may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordUse {
    /// Any number of times.
    #[default]
    Lasting,
    /// For one sign-in, after which the user must change it.
    OneTime,
    /// Not any more: it was good for one sign-in, which has taken place.
    UsedUp,
}

impl PasswordUse {
    /// `is_used_up` is `None` for a password that is good for any number of sign-ins.
    pub(super) fn new(is_used_up: Option<bool>) -> Self {
        match is_used_up {
            None => Self::Lasting,
            Some(false) => Self::OneTime,
            Some(true) => Self::UsedUp,
        }
    }
}

/// A user whose password was just checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatedUser {
    /// The user as read from the database then.
    pub user: User,
    /// When the checked password was set. If it has changed by the time the session starts, the sign-in is rejected.
    pub password_changed_at: Timestamp,
    /// Whether the password is good for one sign-in only. A session of Keyrack's own sign-in page is good for nothing
    /// else before it was changed; an application that starts sessions by itself has to see to that.
    pub must_change_password: bool,
    /// Whether the password is in the operator's list of leaked passwords, so that its owner should change it.
    pub has_breached_password: bool,
    /// What proved who they are: the password, the link with which it was set, or a passkey; and what was checked besides.
    pub way_in: WayIn,
    /// The passkey that was used, alone or as the second factor.
    pub passkey: Option<UsedPasskey>,
    /// What the sign-in still needs. Keyrack's own pages see to it; an application that checks passwords by itself must
    /// not let a user in while it [is due](SecondFactorState::is_due).
    pub second_factor: SecondFactorState,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_password() {
        assert!(!format!("{:?}", Password::new("correct horse battery")).contains("horse"));
    }
}
