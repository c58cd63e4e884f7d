//! Users: creating, finding, disabling, and their passwords.

use std::{fmt, str::FromStr};

use super::{
    Accounts,
    authenticate::Authenticated,
    password_rules::PasswordProblem,
    passwords::Password,
    queries::{self, NewRow},
};
use crate::{
    clock::Timestamp,
    db::UserId,
    error::{Error, Result},
    sessions::EndReason,
};

/// An e-mail address, in lower case: two that differ in case only are one user's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

/// Something that can't be an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Enter an e-mail address, like name@example.com.")]
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

impl NewUser {
    /// The most characters of a name.
    pub const NAME_LIMIT: usize = 64;

    fn names(&self) -> impl Iterator<Item = &str> {
        [&self.user_name, &self.first_name, &self.last_name].into_iter().flatten().map(String::as_str)
    }

    fn check(&self) -> Result<(), CreateProblem> {
        if let Some(name) = self.names().find(|name| !is_a_name(name)) {
            return Err(CreateProblem::Name(name.chars().take(Self::NAME_LIMIT).collect()));
        }
        self.check_password().map_err(CreateProblem::Password)
    }

    /// Whether the password keeps the rules, given who it is for.
    pub fn check_password(&self) -> Result<(), PasswordProblem> {
        self.password.check_rules(&self.email, self.names())
    }
}

fn is_a_name(name: &str) -> bool {
    name.chars().count() <= NewUser::NAME_LIMIT && !name.chars().any(char::is_control)
}

/// Why a user was not created; the sentence is for the person who tried.
#[derive(Debug, thiserror::Error)]
pub enum CreateProblem {
    /// The address is a user's already.
    #[error("There is a user with this e-mail address already.")]
    EmailTaken,
    /// A name that is too long, or holds control characters.
    #[error("Use at most {} characters, without control characters, for a name.", NewUser::NAME_LIMIT)]
    Name(String),
    /// A password that breaks a rule.
    #[error("{0}")]
    Password(PasswordProblem),
    /// The first account was created by somebody else meanwhile.
    #[error("The first account exists already. Sign in with it.")]
    NotFirst,
    /// The database, or a fault.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// A user, as an operator sees them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct User {
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

impl Accounts {
    /// Creates a user.
    pub async fn create(&self, user: NewUser) -> Result<UserId, CreateProblem> {
        Ok(self.insert(user, false).await?.user_id)
    }

    /// Creates the first user, as an administrator, if there is none yet.
    pub async fn create_first(&self, user: NewUser) -> Result<Authenticated, CreateProblem> {
        self.insert(NewUser { role: Role::Admin, ..user }, true).await
    }

    async fn insert(&self, user: NewUser, only_first: bool) -> Result<Authenticated, CreateProblem> {
        user.check()?;
        let password_hash = self.passwords.hash(user.password.clone()).await?;
        let row = NewRow { id: UserId::random(), user, password_hash, now: self.clock.now() };
        self.db
            .transaction(move |connection| {
                queries::lock_table(connection)?;
                if only_first && queries::any(connection)? {
                    return Ok(Err(CreateProblem::NotFirst));
                }
                if queries::find(connection, &row.user.email)?.is_some() {
                    return Ok(Err(CreateProblem::EmailTaken));
                }
                queries::insert(connection, &row)?;
                Ok(Ok(Authenticated { user_id: row.id, password_changed_at: row.now }))
            })
            .await?
    }

    /// Whether anybody can sign in at all.
    pub async fn any(&self) -> Result<bool> {
        self.db.read(queries::any).await
    }

    /// The user with this address.
    pub async fn find(&self, email: &Email) -> Result<Option<User>> {
        let email = email.clone();
        self.db.read(move |connection| Ok(queries::find(connection, &email)?.map(User::from))).await
    }

    /// Everybody, in the order of their addresses.
    pub async fn list(&self) -> Result<Vec<User>> {
        self.db.read(|connection| Ok(queries::list(connection)?.into_iter().map(User::from).collect())).await
    }

    /// Disables a user, and ends their sessions with it. Returns how many sessions ended; `None` if there is no such user.
    pub async fn disable(&self, email: &Email) -> Result<Option<usize>> {
        let (email, now, sessions) = (email.clone(), self.clock.now(), self.sessions.clone());
        self.db
            .transaction(move |connection| {
                let Some(user) = queries::find(connection, &email)? else { return Ok(None) };
                queries::set_disabled(connection, user.id, Some(now), now)?;
                sessions.end_all_within(connection, user.id, EndReason::AccountDisabled).map(Some)
            })
            .await
    }

    /// Lets a disabled user sign in again. What ended stays ended. Returns whether there is such a user.
    pub async fn enable(&self, email: &Email) -> Result<bool> {
        let (email, now) = (email.clone(), self.clock.now());
        self.db
            .transaction(move |connection| {
                let Some(user) = queries::find(connection, &email)? else { return Ok(false) };
                queries::set_disabled(connection, user.id, None, now)?;
                Ok(true)
            })
            .await
    }

    /// Sets a user's password, and ends their sessions with it. Returns how many sessions ended; `None` if there is no such
    /// user.
    pub async fn set_password(&self, email: &Email, password: Password) -> Result<Option<usize>, CreateProblem> {
        let Some(user) = self.find(email).await? else { return Ok(None) };
        let names = [&user.user_name, &user.first_name, &user.last_name].into_iter().flatten().map(String::as_str);
        password.check_rules(email, names).map_err(CreateProblem::Password)?;
        let hash = self.passwords.hash(password).await?;
        let (now, sessions) = (self.clock.now(), self.sessions.clone());
        let ended = self.db.transaction(move |connection| {
            queries::set_password(connection, user.id, &hash, now)?;
            sessions.end_all_within(connection, user.id, EndReason::PasswordChanged)
        });
        Ok(Some(ended.await?))
    }
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
