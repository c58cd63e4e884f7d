//! Hashes passwords with argon2id, and checks them against stored hashes, on a bounded number of threads of their own.

use std::{sync::Arc, thread::available_parallelism};

use argon2::{
    Algorithm, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};

use super::{
    hash_cost::HashCost,
    hash_threads::{HashClient, HashThreads, Memory},
    model::Password,
    stored_hash::{HashContext, HashSecrets, Scheme, StoredHash},
};
use crate::error::{Error, Result};

/// The result of checking a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verification {
    Failed,
    Passed,
    /// Passed, but the stored hash is of another program, or has another cost than the configured one.
    PassedOutdated,
}

/// Hashes and checks passwords.
///
/// Runs one hash per core at a time, since each keeps a core busy and takes 19 MiB. Some more wait in a fair queue; the
/// rest are rejected as [`Error::Busy`].
#[derive(Clone)]
pub(super) struct Passwords {
    cost: HashCost,
    secrets: Arc<HashSecrets>,
    threads: Arc<HashThreads>,
}

impl Passwords {
    pub fn new(cost: HashCost) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self { cost, secrets: Arc::default(), threads: Arc::new(HashThreads::new(cores)) }
    }

    /// Checks the hashes of other programs with these secrets.
    pub fn with_secrets(self, secrets: HashSecrets) -> Self {
        Self { secrets: Arc::new(secrets), ..self }
    }

    pub fn secrets(&self) -> &Arc<HashSecrets> {
        &self.secrets
    }

    /// Whether a stored hash can be checked.
    pub fn is_usable(&self, stored: &str) -> bool {
        StoredHash::parse(stored, &self.secrets).is_ok()
    }

    /// See [`HashThreads::check_capacity`].
    pub fn check_capacity(&self, client: HashClient) -> Result<()> {
        self.threads.check_capacity(client)
    }

    /// Runs work that hashes on a hashing thread, when it is the client's turn.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many are waiting already.
    pub async fn run<T, F>(&self, client: HashClient, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Hasher<'_>) -> Result<T> + Send + 'static,
    {
        let (cost, secrets) = (self.cost, Arc::clone(&self.secrets));
        self.threads.run(client, move |memory| work(&mut Hasher { cost, secrets: &secrets, memory })).await
    }

    /// Hashes a password that no policy has checked.
    #[cfg(test)]
    pub async fn hash(&self, password: Password) -> Result<String> {
        self.run(HashClient::Program, move |hasher| hasher.hash(&password)).await
    }
}

/// Hashes on the current hashing thread, in its memory.
pub(super) struct Hasher<'a> {
    cost: HashCost,
    secrets: &'a HashSecrets,
    memory: &'a mut Memory,
}

impl Hasher<'_> {
    /// Checks a password against a stored hash. Always costs one hash: if the user does not exist or has no password
    /// (`stored` is `None`), or if the stored hash is unusable, one of the scheme `otherwise`; without one, of Keyrack's own.
    pub fn verify(
        &mut self,
        password: &Password,
        stored: Option<&str>,
        otherwise: Option<Scheme>,
    ) -> Result<Verification> {
        let own = Scheme::own(self.cost);
        let usable = stored.and_then(|stored| parse_or_log(stored, self.secrets));
        let is_usable = usable.is_some();
        let hash = usable.unwrap_or_else(|| otherwise.unwrap_or(own).decoy());
        let matches = hash.matches(password, &mut self.context())?;
        let stays = hash.scheme() == own || !hash.covers(password, self.secrets);
        Ok(match (matches && is_usable, stays) {
            (false, _) => Verification::Failed,
            (true, true) => Verification::Passed,
            (true, false) => Verification::PassedOutdated,
        })
    }

    fn context(&mut self) -> HashContext<'_> {
        HashContext { secrets: self.secrets, memory: self.memory, own_cost: self.cost }
    }

    /// Hashes a password for storage, as a PHC string with a random salt.
    pub fn hash(&mut self, password: &Password) -> Result<String> {
        let salt = Salt::generate();
        let argon2 = self.cost.argon2()?;
        let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
        self.context().fill_argon2(&argon2, password.expose().as_bytes(), &salt, &mut output)?;
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(argon2.params()).map_err(Error::internal)?,
            salt: Some(salt),
            hash: Some(Output::new(&output).map_err(Error::internal)?),
        };
        Ok(hash.to_string())
    }
}

/// Parses a stored hash. One that can't be checked is logged and treated like no hash: an error response would reveal that
/// the account exists.
fn parse_or_log(stored: &str, secrets: &HashSecrets) -> Option<StoredHash> {
    let log = |problem: &_| tracing::error!(error = %problem, "a user cannot sign in: the stored hash is unusable");
    StoredHash::parse(stored, secrets).inspect_err(log).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn verify(passwords: &Passwords, password: Password, stored: Option<String>) -> Result<Verification> {
        block_on(passwords.run(HashClient::Program, move |hasher| hasher.verify(&password, stored.as_deref(), None)))
    }

    #[test]
    fn reused_memory_does_not_change_the_result() {
        let passwords = Passwords::new("m=64,t=2,p=2".parse().unwrap());
        let hash = block_on(passwords.hash(Password::new("correct horse battery"))).unwrap();
        for _ in 0..3 {
            let right = verify(&passwords, Password::new("correct horse battery"), Some(hash.clone())).unwrap();
            assert_eq!(right, Verification::Passed);
            assert_eq!(verify(&passwords, Password::new("another"), Some(hash.clone())).unwrap(), Verification::Failed);
        }
    }

    #[test]
    fn thread_keeps_memory_for_one_hash_at_the_configured_cost() {
        let old = Passwords::new("m=64,t=1,p=1".parse().unwrap());
        let outdated = block_on(old.hash(Password::new("correct horse battery"))).unwrap();
        let today = Passwords::new("m=16,t=1,p=1".parse().unwrap());
        let kept = |stored: Option<String>| {
            block_on(today.run(HashClient::Program, move |hasher| {
                hasher.verify(&Password::new("another"), stored.as_deref(), None)?;
                let first = (hasher.memory.len(), hasher.memory.capacity(), hasher.memory.as_ptr().addr());
                hasher.hash(&Password::new("another"))?;
                assert_eq!((hasher.memory.len(), hasher.memory.capacity(), hasher.memory.as_ptr().addr()), first);
                Ok((first.0, first.1))
            }))
            .unwrap()
        };
        assert_eq!(kept(None), (16, 16));
        assert_eq!(kept(Some(outdated)), (16, 16));
    }

    #[test]
    fn unicode_forms_of_one_password_are_equal() {
        let passwords = Passwords::new(HashCost::minimal());
        let hash = block_on(passwords.hash(Password::new("cafe\u{301} au lait, deux fois"))).unwrap();
        let again = Password::new("caf\u{e9} au lait, deux fois");
        assert_eq!(verify(&passwords, again, Some(hash.clone())).unwrap(), Verification::Passed);
        assert_eq!(verify(&passwords, Password::new("cafe"), Some(hash)).unwrap(), Verification::Failed);
    }

    #[test]
    fn outdated_cost_is_reported_and_absurd_cost_rejected() {
        let old = Passwords::new(HashCost::minimal());
        let hash = block_on(old.hash(Password::new("correct horse battery"))).unwrap();
        let new = Passwords::new("m=16,t=1,p=1".parse().unwrap());
        let right = verify(&new, Password::new("correct horse battery"), Some(hash.clone())).unwrap();
        assert_eq!(right, Verification::PassedOutdated);

        let absurd = hash.replace("m=8", "m=4000000");
        for unreadable in [absurd.as_str(), "$2b$10$abcdefghijklmnopqrstuv", "", "plain text"] {
            let refused = verify(&new, Password::new("correct horse battery"), Some(unreadable.to_owned())).unwrap();
            assert_eq!(refused, Verification::Failed, "{unreadable}");
        }
    }
}
