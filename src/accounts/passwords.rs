//! Password hashing: argon2id, off the workers, a bounded number at once.

use std::{fmt, net::IpAddr, sync::Arc, thread::available_parallelism};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;

use super::{
    hash_cost::HashCost,
    hash_threads::{HashThreads, Memory},
    throttle::network,
};
use crate::error::{Error, Result};

/// A password as somebody typed it, in Unicode's normal form C, so that the same characters are the same password on every
/// keyboard (ASVS 6.2). Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Takes what was typed.
    pub fn new(typed: &str) -> Self {
        Self(typed.nfc().collect())
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Whether a password was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Wrong,
    Right,
    /// Right, but hashed at another cost than today's.
    RightButOutdated,
}

/// Hashes and checks passwords.
///
/// As many hashes run at once as there are cores, since each fills one and takes its 19 MiB; some more wait, and clients
/// take turns; the rest are told to come back.
#[derive(Clone)]
pub(super) struct Passwords {
    cost: HashCost,
    threads: Arc<HashThreads>,
    /// The hash of no one's password, checked for unknown users, so that they take as long as known ones.
    decoy: Arc<str>,
}

impl Passwords {
    pub fn new(cost: HashCost) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self {
            cost,
            threads: Arc::new(HashThreads::new(cores)),
            decoy: format!("$argon2id$v=19${cost}$a2V5cmFja2RlY295c2FsdA$bm9ib2R5J3MgcGFzc3dvcmQsIG5vIG9uZSBrbm93cyE")
                .into(),
        }
    }

    /// See [`HashThreads::expect_turn`].
    pub fn expect_turn(&self, client: Option<IpAddr>) -> Result<()> {
        self.threads.expect_turn(client.map(network))
    }

    /// Does the work on a thread that may hash, when the client's turn comes. `None` is the program itself, which queues like
    /// one client.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many are waiting already.
    pub async fn in_turn<T, F>(&self, client: Option<IpAddr>, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Turn<'_>) -> Result<T> + Send + 'static,
    {
        let (cost, decoy) = (self.cost, Arc::clone(&self.decoy));
        self.threads.in_turn(client.map(network), move |memory| work(&mut Turn { cost, decoy: &decoy, memory })).await
    }

    /// Hashes a password for storage, as a PHC string with a salt of its own.
    pub async fn hash(&self, password: Password) -> Result<String> {
        self.in_turn(None, move |turn| turn.hash(&password)).await
    }
}

/// Leave to hash, on the thread that calls it.
pub(super) struct Turn<'a> {
    cost: HashCost,
    decoy: &'a str,
    memory: &'a mut Memory,
}

impl Turn<'_> {
    /// Checks a password against what is stored. Costs one hash whatever the outcome, also for a user who does not exist or
    /// has no password (`stored` is `None`), or one that can't be read.
    pub fn verify(&mut self, password: &Password, stored: Option<&str>) -> Result<Verdict> {
        let known = stored.and_then(readable);
        let is_known = known.is_some();
        let (hash, used) = known.map_or_else(|| parse(self.decoy), Ok)?;
        let right = self.is_right(password, &hash)?;
        Ok(match (right && is_known, used == self.cost) {
            (false, _) => Verdict::Wrong,
            (true, true) => Verdict::Right,
            (true, false) => Verdict::RightButOutdated,
        })
    }

    /// Hashes a password for storage, as a PHC string with a salt of its own.
    pub fn hash(&mut self, password: &Password) -> Result<String> {
        let salt = Salt::generate();
        let hasher = self.cost.hasher()?;
        let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
        self.fill(&hasher, password, &salt, &mut output)?;
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(hasher.params()).map_err(Error::internal)?,
            salt: Some(salt),
            hash: Some(Output::new(&output).map_err(Error::internal)?),
        };
        Ok(hash.to_string())
    }

    /// Whether the password is the one that was hashed.
    fn is_right(&mut self, password: &Password, hash: &PasswordHash) -> Result<bool> {
        let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else { return Ok(false) };
        let algorithm = Algorithm::try_from(hash.algorithm.as_ref()).map_err(Error::internal)?;
        let version = hash.version.map(Version::try_from).transpose().map_err(Error::internal)?.unwrap_or_default();
        let params = Params::try_from(hash).map_err(Error::internal)?;
        let mut found = vec![0; expected.len()];
        self.fill(&Argon2::new(algorithm, version, params), password, salt.as_ref(), &mut found)?;
        Ok(found.ct_eq(expected.as_ref()).into())
    }

    /// The hash itself, in the thread's own memory.
    fn fill(&mut self, argon2: &Argon2<'_>, password: &Password, salt: &[u8], output: &mut [u8]) -> Result<()> {
        let blocks = argon2.params().block_count();
        let usual = self.cost.hasher()?.params().block_count();
        if self.memory.len() < blocks {
            self.memory.resize(blocks, Block::new());
        }
        let memory = &mut self.memory[..blocks];
        let hashed = argon2.hash_password_into_with_memory(password.expose().as_bytes(), salt, output, memory);
        // What an outdated hash took beyond today's is not kept.
        if self.memory.len() > usual {
            self.memory.truncate(usual);
            self.memory.shrink_to_fit();
        }
        hashed.map_err(Error::internal)
    }
}

/// What is stored, if it can be checked. What another program hashed in its own way is nobody's password here: an answer of
/// its own would tell that the account exists.
fn readable(stored: &str) -> Option<(PasswordHash, HashCost)> {
    parse(stored).inspect_err(|error| tracing::error!(error = error.chain(), "a sign-in can't succeed")).ok()
}

/// Reads a stored hash, and what checking it will cost.
fn parse(text: &str) -> Result<(PasswordHash, HashCost)> {
    let hash = PasswordHash::new(text).map_err(|error| Error::internal(format!("a stored hash: {error}")))?;
    let params = Params::try_from(&hash).map_err(|error| Error::internal(format!("a stored hash: {error}")))?;
    let cost = HashCost::of(&params);
    if cost.is_within(HashCost::BOUND) {
        Ok((hash, cost))
    } else {
        Err(Error::internal(format!("a stored hash asks for {cost}, more than {}", HashCost::BOUND)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn verdict(passwords: &Passwords, password: Password, stored: Option<String>) -> Result<Verdict> {
        run(passwords.in_turn(None, move |turn| turn.verify(&password, stored.as_deref())))
    }

    #[test]
    fn memory_is_used_again_and_changes_no_verdict() {
        let passwords = Passwords::new("m=64,t=2,p=2".parse().unwrap());
        let hash = run(passwords.hash(Password::new("correct horse battery"))).unwrap();
        for _ in 0..3 {
            let right = verdict(&passwords, Password::new("correct horse battery"), Some(hash.clone())).unwrap();
            assert_eq!(right, Verdict::Right);
            assert_eq!(verdict(&passwords, Password::new("another"), Some(hash.clone())).unwrap(), Verdict::Wrong);
        }
    }

    #[test]
    fn a_thread_keeps_the_memory_of_one_hash_at_todays_cost() {
        let old = Passwords::new("m=64,t=1,p=1".parse().unwrap());
        let outdated = run(old.hash(Password::new("correct horse battery"))).unwrap();
        let today = Passwords::new("m=16,t=1,p=1".parse().unwrap());
        let kept = |stored: Option<String>| {
            run(today.in_turn(None, move |turn| {
                turn.verify(&Password::new("another"), stored.as_deref())?;
                let first = (turn.memory.len(), turn.memory.capacity(), turn.memory.as_ptr().addr());
                turn.hash(&Password::new("another"))?;
                assert_eq!((turn.memory.len(), turn.memory.capacity(), turn.memory.as_ptr().addr()), first);
                Ok((first.0, first.1))
            }))
            .unwrap()
        };
        assert_eq!(kept(None), (16, 16));
        assert_eq!(kept(Some(outdated)), (16, 16));
    }

    #[test]
    fn a_password_is_the_same_in_every_spelling_of_its_characters() {
        let passwords = Passwords::new(HashCost::minimal());
        let hash = run(passwords.hash(Password::new("cafe\u{301} au lait, deux fois"))).unwrap();
        let again = Password::new("caf\u{e9} au lait, deux fois");
        assert_eq!(verdict(&passwords, again, Some(hash.clone())).unwrap(), Verdict::Right);
        assert_eq!(verdict(&passwords, Password::new("cafe"), Some(hash)).unwrap(), Verdict::Wrong);
    }

    #[test]
    fn another_cost_is_noticed_and_an_absurd_one_refused() {
        let old = Passwords::new(HashCost::minimal());
        let hash = run(old.hash(Password::new("correct horse battery"))).unwrap();
        let new = Passwords::new("m=16,t=1,p=1".parse().unwrap());
        let right = verdict(&new, Password::new("correct horse battery"), Some(hash.clone())).unwrap();
        assert_eq!(right, Verdict::RightButOutdated);

        let absurd = hash.replace("m=8", "m=4000000");
        for unreadable in [absurd.as_str(), "$2b$10$abcdefghijklmnopqrstuv", "", "plain text"] {
            let refused = verdict(&new, Password::new("correct horse battery"), Some(unreadable.to_owned())).unwrap();
            assert_eq!(refused, Verdict::Wrong, "{unreadable}");
        }
    }

    #[test]
    fn nobody_has_the_decoys_password() {
        let passwords = Passwords::new(HashCost::minimal());
        assert!(parse(&passwords.decoy).is_ok(), "the decoy must cost a real hash");
        assert_eq!(verdict(&passwords, Password::new(""), None).unwrap(), Verdict::Wrong);
    }
}
