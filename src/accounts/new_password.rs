//! Checks and hashes new passwords.

use super::{
    Accounts, email::Email, hash_threads::HashClient, model::Password, password_policy::PasswordPolicyError, queries,
    users::CreateUserError,
};
use crate::{clock::Timestamp, db::UserId, error::Result};

impl Accounts {
    /// When the user's password was set; `None` if the user does not exist.
    pub async fn password_changed_at(&self, user: UserId) -> Result<Option<Timestamp>> {
        self.db.read(move |connection| queries::password_changed_at(connection, user)).await
    }

    /// Checks a new password of the user with this address, if it is known, and these names, as far as that needs no
    /// file: `hash_new_password` also looks it up in the list of leaked passwords.
    pub fn check_new_password<'a>(
        &self,
        password: &Password,
        email: Option<&Email>,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), PasswordPolicyError> {
        self.password_policy.check(password, email, names)
    }

    /// Checks a new password, and hashes it for storage. Every password that a user gets comes through here.
    ///
    /// # Errors
    /// [`CreateUserError::Password`] with the reason if the policy refuses the password. If the list of leaked
    /// passwords can't be used, no password is accepted: [`CreateUserError::Unchecked`].
    pub(super) async fn hash_new_password<'a>(
        &self,
        password: Password,
        email: &Email,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<String, CreateUserError> {
        self.check_new_password(&password, Some(email), names).map_err(CreateUserError::Password)?;
        let policy = self.password_policy.clone();
        // On the hashing thread, since it reads a file.
        let checked_hash = self.passwords.run(HashClient::Program, move |hasher| match policy.is_breached(&password) {
            Ok(false) => hasher.hash(&password).map(Ok),
            Ok(true) => Ok(Err(CreateUserError::Password(PasswordPolicyError::Breached))),
            Err(problem) => Ok(Err(CreateUserError::Unchecked(problem))),
        });
        checked_hash.await?
    }
}
