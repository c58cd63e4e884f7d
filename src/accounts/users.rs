//! Users: creating, finding, disabling, and their passwords.

use super::{
    Accounts,
    model::{Account, Authenticated, Email, NewUser, Role},
    password_rules::PasswordPolicyError,
    passwords::Password,
    queries::{self, NewRow},
};
use crate::{
    db::UserId,
    error::{Error, Result},
    sessions::EndReason,
};

impl NewUser {
    /// The most characters of a name.
    pub const NAME_LIMIT: usize = 64;

    fn names(&self) -> impl Iterator<Item = &str> {
        [&self.user_name, &self.first_name, &self.last_name].into_iter().flatten().map(String::as_str)
    }

    fn check(&self) -> Result<(), CreateUserError> {
        if let Some(name) = self.names().find(|name| !is_a_name(name)) {
            return Err(CreateUserError::Name(name.chars().take(Self::NAME_LIMIT).collect()));
        }
        self.password.check_rules(Some(&self.email), self.names()).map_err(CreateUserError::Password)
    }
}

fn is_a_name(name: &str) -> bool {
    name.chars().count() <= NewUser::NAME_LIMIT && !name.chars().any(char::is_control)
}

/// Why a user was not created; the sentence is for the person who tried.
#[derive(Debug, thiserror::Error)]
pub enum CreateUserError {
    /// The address is a user's already.
    #[error("There is a user with this email address already.")]
    EmailTaken,
    /// A name that is too long, or holds control characters.
    #[error("Use at most {} characters, without control characters, for a name.", NewUser::NAME_LIMIT)]
    Name(String),
    /// A password that breaks a rule.
    #[error("{0}")]
    Password(PasswordPolicyError),
    /// The first account was created by somebody else meanwhile.
    #[error("The first account exists already. Sign in with it.")]
    NotFirst,
    /// The database, or a fault.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Accounts {
    /// Creates a user.
    pub async fn create(&self, user: NewUser) -> Result<UserId, CreateUserError> {
        Ok(self.insert(user, false).await?.user.id)
    }

    /// Creates the first user, as an administrator, if there is none yet.
    pub async fn create_first(&self, user: NewUser) -> Result<Authenticated, CreateUserError> {
        self.insert(NewUser { role: Role::Admin, ..user }, true).await
    }

    async fn insert(&self, user: NewUser, only_first: bool) -> Result<Authenticated, CreateUserError> {
        user.check()?;
        let password_hash = self.passwords.hash(user.password.clone()).await?;
        let row = NewRow { id: UserId::random(), user, password_hash, now: self.clock.now() };
        self.db
            .transaction(move |connection| {
                queries::lock_table(connection)?;
                if only_first && queries::any(connection)? {
                    return Ok(Err(CreateUserError::NotFirst));
                }
                if queries::find(connection, &row.user.email)?.is_some() {
                    return Ok(Err(CreateUserError::EmailTaken));
                }
                queries::insert(connection, &row)?;
                Ok(Ok(Authenticated { user: row.session_user(), password_changed_at: row.now }))
            })
            .await?
    }

    /// Whether anybody can sign in at all.
    pub async fn any(&self) -> Result<bool> {
        self.db.read(queries::any).await
    }

    /// The user with this address.
    pub async fn find(&self, email: &Email) -> Result<Option<Account>> {
        let email = email.clone();
        self.db.read(move |connection| Ok(queries::find(connection, &email)?.map(Account::from))).await
    }

    /// Everybody, in the order of their addresses.
    pub async fn list(&self) -> Result<Vec<Account>> {
        self.db.read(|connection| Ok(queries::list(connection)?.into_iter().map(Account::from).collect())).await
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
    pub async fn set_password(&self, email: &Email, password: Password) -> Result<Option<usize>, CreateUserError> {
        let Some(user) = self.find(email).await? else { return Ok(None) };
        let names = [&user.user_name, &user.first_name, &user.last_name].into_iter().flatten().map(String::as_str);
        password.check_rules(Some(email), names).map_err(CreateUserError::Password)?;
        let hash = self.passwords.hash(password).await?;
        let (now, sessions) = (self.clock.now(), self.sessions.clone());
        let ended = self.db.transaction(move |connection| {
            queries::set_password(connection, user.id, &hash, now)?;
            sessions.end_all_within(connection, user.id, EndReason::PasswordChanged)
        });
        Ok(Some(ended.await?))
    }
}
