//! Checks and hashes new passwords.

use super::{
    Accounts,
    email::Email,
    hash_threads::HashClient,
    model::Password,
    password_policy::PasswordPolicyError,
    passwords::Hasher,
    queries,
    users::{CreateUserError, names},
};
use crate::{clock::Timestamp, db::UserId, error::Result, sessions::User};

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

    /// Does the same for a user who is signed in, on a hashing thread: the estimate of a long password takes about as long
    /// as a hash, and a user may send any number of them.
    ///
    /// # Errors
    /// [`Error::Busy`](crate::error::Error::Busy) if too many are waiting already.
    pub(crate) async fn check_new_password_of(
        &self,
        user: &User,
        password: Password,
    ) -> Result<Result<(), PasswordPolicyError>> {
        let (policy, email, own_names) = (self.password_policy.clone(), user.email.parse().ok(), owned_names_of(user));
        let check =
            move |_: &mut Hasher<'_>| Ok(policy.check(&password, email.as_ref(), own_names.iter().map(String::as_str)));
        self.passwords.run(HashClient::KnownBrowser(user.id), check).await
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
        let (policy, email) = (self.password_policy.clone(), email.clone());
        let own_names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        // On the hashing thread, since the estimate takes long for a long password, and the list is a file.
        let checked_hash = self.passwords.run(HashClient::Program, move |hasher| {
            if let Err(problem) = policy.check(&password, Some(&email), own_names.iter().map(String::as_str)) {
                return Ok(Err(CreateUserError::Password(problem)));
            }
            match policy.is_breached(&password) {
                Ok(false) => hasher.hash(&password).map(Ok),
                Ok(true) => Ok(Err(CreateUserError::Password(PasswordPolicyError::Breached))),
                Err(problem) => Ok(Err(CreateUserError::Unchecked(problem))),
            }
        });
        checked_hash.await?
    }
}

fn owned_names_of(user: &User) -> Vec<String> {
    names([&user.user_name, &user.first_name, &user.last_name]).map(str::to_owned).collect()
}
