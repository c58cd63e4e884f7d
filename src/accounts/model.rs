//! The values that the accounts module takes and gives.

use std::{fmt, str::FromStr};

use super::passwords::Password;
use crate::{clock::Timestamp, db::UserId, sessions::User};

/// An e-mail address, in lower case: two that differ in case only are one user's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

/// Something that can't be an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Enter an email address, like name@example.com.")]
pub struct InvalidEmail;

impl Email {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An address that no user can have.
    pub(super) fn nobody() -> Self {
        Self(String::new())
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    /// Checks the form only; whether the address exists shows when mail is sent to it. At most 254 characters (RFC 5321).
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

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// See and end their own sessions.
    #[default]
    User,
    /// Also those of others.
    Admin,
}

impl Role {
    /// The word in the table and in session data.
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
    /// A name to show.
    pub user_name: Option<String>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// What they may do.
    pub role: Role,
    /// What they prove themselves with.
    pub password: Password,
}

/// A user, as an operator sees them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Account {
    /// `users.id`
    pub id: UserId,
    /// The address that they sign in with.
    pub email: String,
    /// A name to show.
    pub user_name: Option<String>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// `user` or `admin`.
    pub role: String,
    /// When they were created.
    pub created_at: Timestamp,
    /// When they were disabled, if they are.
    pub disabled_at: Option<Timestamp>,
}

/// Somebody who has proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// Who, as they were found then.
    pub user: User,
    /// When the password that they proved was set: it must still be the same when the session starts.
    pub password_changed_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_by_their_form_and_folded() {
        assert_eq!(" Rajat.Verma@Example.COM ".parse::<Email>().unwrap().as_str(), "rajat.verma@example.com");
        let long = format!("{}@example.com", "a".repeat(250));
        for text in ["", "rajat", "@example.com", "rajat@", "a b@example.com", "a\r\nb@example.com", long.as_str()] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text:?}");
        }
    }
}
