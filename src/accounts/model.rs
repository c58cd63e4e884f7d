//! The types of the accounts module's interface.

use std::{fmt, str::FromStr};

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;

use crate::{clock::Timestamp, sessions::User};

/// An email address in lower case: addresses that differ only in case belong to one user.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

/// A text that is not an email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Enter an email address, like name@example.com.")]
pub struct InvalidEmail;

impl Email {
    /// The address as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The empty address, which no user can have.
    pub(super) fn unmatchable() -> Self {
        Self(String::new())
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    /// Checks the form only; whether the address exists shows when mail is sent to it. At most 254 characters (RFC
    /// 5321).
    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let fits = text.len() <= 254 && !text.chars().any(|c| c.is_whitespace() || c.is_control() || c == ',');
        match text.rsplit_once('@') {
            Some((local, domain)) if fits && !local.is_empty() && !domain.is_empty() => Ok(Self(text.to_lowercase())),
            _ => Err(InvalidEmail),
        }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A password as it was typed, in Unicode's normal form C, so that the same characters are the same password on every
/// keyboard (ASVS 6.2). Its `Debug` hides it, and its memory is overwritten when it is dropped.
#[derive(Debug, Clone)]
pub struct Password(SecretString);

impl Password {
    /// Normalises what was typed.
    pub fn new(typed: &str) -> Self {
        Self(typed.nfc().collect::<String>().into())
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// See and end their own sessions.
    #[default]
    User,
    /// Also see and end the sessions of others.
    Admin,
}

impl Role {
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

/// A user whose password was just checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatedUser {
    /// The user as read from the database then.
    pub user: User,
    /// When the checked password was set. If it has changed by the time the session starts, the sign-in is rejected.
    pub password_changed_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn email_is_validated_and_lowercased() {
        assert_eq!(" Rajat.Verma@Example.COM ".parse::<Email>().unwrap().as_str(), "rajat.verma@example.com");
        let long = format!("{}@example.com", "a".repeat(250));
        for text in ["", "rajat", "@example.com", "rajat@", "a b@example.com", "a\r\nb@example.com", long.as_str()] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text:?}");
        }
    }
    #[test]
    fn debug_hides_password() {
        assert!(!format!("{:?}", Password::new("correct horse battery")).contains("horse"));
    }
}
