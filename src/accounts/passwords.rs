//! Hashes and checks passwords with argon2id, on a bounded number of threads of their own.

use std::{sync::Arc, thread::available_parallelism};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use subtle::ConstantTimeEq;

use super::{
    hash_cost::HashCost,
    hash_threads::{HashClient, HashThreads, Memory},
    model::Password,
};
use crate::error::{Error, Result};

/// The result of checking a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verification {
    Failed,
    Passed,
    /// Passed, but the stored hash has another cost than the configured one.
    PassedOutdated,
}

/// Hashes and checks passwords.
///
/// Runs one hash per core at a time, since each keeps a core busy and takes 19 MiB. Some more wait in a fair queue; the
/// rest are rejected as [`Error::Busy`].
#[derive(Clone)]
pub(super) struct Passwords {
    cost: HashCost,
    threads: Arc<HashThreads>,
}

impl Passwords {
    pub fn new(cost: HashCost) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self { cost, threads: Arc::new(HashThreads::new(cores)) }
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
        let cost = self.cost;
        self.threads.run(client, move |memory| work(&mut Hasher { cost, memory })).await
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
    memory: &'a mut Memory,
}

impl Hasher<'_> {
    /// Checks a password against a stored hash. Always costs one hash: if the user does not exist or has no password
    /// (`stored` is `None`), or if the stored hash is unreadable, one of the cost `otherwise`.
    pub fn verify(&mut self, password: &Password, stored: Option<&str>, otherwise: HashCost) -> Result<Verification> {
        let readable = stored.and_then(parse_or_log);
        let is_readable = readable.is_some();
        let decoy = decoy_hash(otherwise);
        let (hash, cost) = readable.map_or_else(|| parse(&decoy), Ok)?;
        let matches = self.matches(password, &hash)?;
        Ok(match (matches && is_readable, cost == self.cost) {
            (false, _) => Verification::Failed,
            (true, true) => Verification::Passed,
            (true, false) => Verification::PassedOutdated,
        })
    }

    /// Hashes a password for storage, as a PHC string with a random salt.
    pub fn hash(&mut self, password: &Password) -> Result<String> {
        let salt = Salt::generate();
        let argon2 = self.cost.argon2()?;
        let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
        self.fill(&argon2, password, &salt, &mut output)?;
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(argon2.params()).map_err(Error::internal)?,
            salt: Some(salt),
            hash: Some(Output::new(&output).map_err(Error::internal)?),
        };
        Ok(hash.to_string())
    }

    fn matches(&mut self, password: &Password, hash: &PasswordHash) -> Result<bool> {
        let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else { return Ok(false) };
        let algorithm = Algorithm::try_from(hash.algorithm.as_ref()).map_err(Error::internal)?;
        let version = hash.version.map(Version::try_from).transpose().map_err(Error::internal)?.unwrap_or_default();
        let params = Params::try_from(hash).map_err(Error::internal)?;
        let mut output = vec![0; expected.len()];
        self.fill(&Argon2::new(algorithm, version, params), password, salt.as_ref(), &mut output)?;
        Ok(output.ct_eq(expected.as_ref()).into())
    }

    /// Computes the hash in the thread's own memory.
    fn fill(&mut self, argon2: &Argon2<'_>, password: &Password, salt: &[u8], output: &mut [u8]) -> Result<()> {
        let blocks = argon2.params().block_count();
        let usual = self.cost.argon2()?.params().block_count();
        if self.memory.len() < blocks {
            self.memory.resize(blocks, Block::new());
        }
        let memory = &mut self.memory[..blocks];
        let hashed = argon2.hash_password_into_with_memory(password.expose().as_bytes(), salt, output, memory);
        // Memory that only an outdated, more expensive hash needed is freed.
        if self.memory.len() > usual {
            self.memory.truncate(usual);
            self.memory.shrink_to_fit();
        }
        hashed.map_err(Error::internal)
    }
}

/// A hash that no password has. It is verified for unknown users, so that they take as long as known ones.
fn decoy_hash(cost: HashCost) -> String {
    format!("$argon2id$v=19${cost}$a2V5cmFja2RlY295c2FsdA$bm9ib2R5J3MgcGFzc3dvcmQsIG5vIG9uZSBrbm93cyE")
}

/// The cost of checking a stored hash; `None` if it is unreadable.
pub(super) fn cost_of(stored: &str) -> Option<HashCost> {
    parse(stored).ok().map(|(_, cost)| cost)
}

/// Parses a stored hash. One in another program's format is logged and treated like no hash: an error response would
/// reveal that the account exists.
fn parse_or_log(stored: &str) -> Option<(PasswordHash, HashCost)> {
    let log =
        |error: &Error| tracing::error!(error = error.chain(), "a user cannot sign in: the stored hash is unusable");
    parse(stored).inspect_err(log).ok()
}

/// Parses a stored hash, and the cost of checking it.
fn parse(text: &str) -> Result<(PasswordHash, HashCost)> {
    let hash = PasswordHash::new(text)
        .map_err(|error| Error::internal(format!("cannot read a stored password hash: {error}")))?;
    let params = Params::try_from(&hash)
        .map_err(|error| Error::internal(format!("cannot read a stored password hash: {error}")))?;
    let cost = HashCost::of(&params);
    if cost.is_within(HashCost::MAX) {
        Ok((hash, cost))
    } else {
        Err(Error::internal(format!(
            "a stored password hash has the cost {cost}, which is more than {}",
            HashCost::MAX
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn verify(passwords: &Passwords, password: Password, stored: Option<String>) -> Result<Verification> {
        let cost = passwords.cost;
        block_on(passwords.run(HashClient::Program, move |hasher| hasher.verify(&password, stored.as_deref(), cost)))
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
            let cost = today.cost;
            block_on(today.run(HashClient::Program, move |hasher| {
                hasher.verify(&Password::new("another"), stored.as_deref(), cost)?;
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

    #[test]
    fn decoy_hash_is_valid_and_matches_no_password() {
        let passwords = Passwords::new(HashCost::minimal());
        for cost in [HashCost::minimal(), HashCost::default(), HashCost::MAX] {
            assert_eq!(cost_of(&decoy_hash(cost)), Some(cost), "the decoy must cost a real hash");
        }
        assert_eq!(verify(&passwords, Password::new(""), None).unwrap(), Verification::Failed);
    }
}
