//! Password hashing: argon2id, off the workers, a bounded number at once.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    thread::available_parallelism,
    time::Duration,
};

use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher, Version, password_hash::phc::PasswordHash};
use subtle::ConstantTimeEq;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError},
    task,
};
use unicode_normalization::UnicodeNormalization;

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

/// What a hash costs. Its text is `m=KIB,t=PASSES,p=LANES`.
///
/// The default is 19 MiB, 2 passes, 1 lane, as OWASP's cheat sheet on password storage recommends for argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Default for HashCost {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

impl HashCost {
    /// The least that argon2 can do: for tests and benchmarks, never for real passwords.
    pub const fn minimal() -> Self {
        Self { memory_kib: 8, passes: 1, lanes: 1 }
    }

    /// A stored hash is trusted up to here: one that asks for more would be a way to exhaust the server.
    const BOUND: Self = Self { memory_kib: 256 * 1024, passes: 16, lanes: 16 };

    fn of(params: &Params) -> Self {
        Self { memory_kib: params.m_cost(), passes: params.t_cost(), lanes: params.p_cost() }
    }

    fn is_within(self, bound: Self) -> bool {
        self.memory_kib <= bound.memory_kib && self.passes <= bound.passes && self.lanes <= bound.lanes
    }

    fn hasher(self) -> Result<Argon2<'static>> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, None).map_err(Error::internal)?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

impl fmt::Display for HashCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={},t={},p={}", self.memory_kib, self.passes, self.lanes)
    }
}

/// A cost that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a hash cost is m=KIB,t=PASSES,p=LANES, as in m=19456,t=2,p=1, at most {}", HashCost::BOUND)]
pub struct InvalidHashCost;

impl FromStr for HashCost {
    type Err = InvalidHashCost;

    fn from_str(text: &str) -> Result<Self, InvalidHashCost> {
        let mut parts = text.split(',');
        let mut part = |name: &str| {
            let value = parts.next()?.trim().strip_prefix(name)?.strip_prefix('=')?;
            value.parse::<u32>().ok()
        };
        let (memory, passes, lanes) = (part("m"), part("t"), part("p"));
        let cost = match (memory, passes, lanes, parts.next()) {
            (Some(memory_kib), Some(passes), Some(lanes), None) => Self { memory_kib, passes, lanes },
            _ => return Err(InvalidHashCost),
        };
        if cost.is_within(Self::BOUND) && cost.hasher().is_ok() { Ok(cost) } else { Err(InvalidHashCost) }
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
/// As many hashes run at once as there are cores, since each fills one and takes its 19 MiB; some more wait; the rest are
/// told to come back.
#[derive(Clone)]
pub(super) struct Passwords {
    cost: HashCost,
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// What hashes were computed in, for the next ones. Allocators keep what is given back to them for each thread that
    /// gave it, and Tokio has hundreds of threads that may block.
    memory: Arc<Mutex<Vec<Vec<Block>>>>,
    /// The hash of no one's password, checked for unknown users, so that they take as long as known ones.
    decoy: Arc<str>,
}

/// How many sign-ins may wait for each one that is being checked: some two seconds' worth.
const QUEUE_PER_CORE: usize = 64;

impl Passwords {
    pub fn new(cost: HashCost) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self {
            cost,
            running: Arc::new(Semaphore::new(cores)),
            waiting: Arc::new(Semaphore::new(cores * (QUEUE_PER_CORE + 1))),
            memory: Arc::default(),
            decoy: format!("$argon2id$v=19${cost}$a2V5cmFja2RlY295c2FsdA$bm9ib2R5J3MgcGFzc3dvcmQsIG5vIG9uZSBrbm93cyE")
                .into(),
        }
    }

    /// Waits for a turn to hash.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many are waiting already.
    pub async fn turn(&self) -> Result<Turn> {
        let place = match Arc::clone(&self.waiting).try_acquire_owned() {
            Ok(place) => place,
            Err(TryAcquireError::NoPermits) => return Err(Error::Busy { retry_after: Duration::from_secs(3) }),
            Err(closed @ TryAcquireError::Closed) => return Err(Error::internal(closed)),
        };
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(Error::internal)?;
        Ok(Turn { passwords: self.clone(), permits: Arc::new([place, turn]) })
    }

    /// Hashes a password for storage, as a PHC string with a salt of its own.
    pub async fn hash(&self, password: Password) -> Result<String> {
        let cost = self.cost;
        let hash = move || {
            let hash = cost.hasher()?.hash_password(password.expose().as_bytes()).map_err(Error::internal)?;
            Ok(hash.to_string())
        };
        self.turn().await?.on_a_thread(hash).await
    }

    /// Whether the password is the one that was hashed.
    fn is_right(&self, password: &Password, hash: &PasswordHash) -> Result<bool> {
        let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else { return Ok(false) };
        let algorithm = Algorithm::try_from(hash.algorithm.as_ref()).map_err(Error::internal)?;
        let version = hash.version.map(Version::try_from).transpose().map_err(Error::internal)?.unwrap_or_default();
        let params = Params::try_from(hash).map_err(Error::internal)?;
        let blocks = params.block_count();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        if memory.len() < blocks {
            memory.resize(blocks, Block::new());
        }
        let mut found = vec![0; expected.len()];
        let hashed = Argon2::new(algorithm, version, params).hash_password_into_with_memory(
            password.expose().as_bytes(),
            salt.as_ref(),
            &mut found,
            &mut memory[..blocks],
        );
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
        hashed.map_err(Error::internal)?;
        Ok(found.ct_eq(expected.as_ref()).into())
    }
}

/// Leave to hash, for as long as it is held.
pub(super) struct Turn {
    passwords: Passwords,
    permits: Arc<[OwnedSemaphorePermit; 2]>,
}

impl Turn {
    /// Checks a password against what is stored. Costs one hash whatever the outcome, also for a user who does not exist or
    /// has no password (`stored` is `None`), or one that can't be read.
    pub async fn verify(&self, password: Password, stored: Option<String>) -> Result<Verdict> {
        let passwords = self.passwords.clone();
        self.on_a_thread(move || {
            let known = stored.as_deref().and_then(readable);
            let is_known = known.is_some();
            let (hash, used) = known.map_or_else(|| parse(&passwords.decoy), Ok)?;
            let right = passwords.is_right(&password, &hash)?;
            Ok(match (right && is_known, used == passwords.cost) {
                (false, _) => Verdict::Wrong,
                (true, true) => Verdict::Right,
                (true, false) => Verdict::RightButOutdated,
            })
        })
        .await
    }

    /// The turn lasts as long as the work, also if nobody waits for it any more.
    async fn on_a_thread<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        let permits = Arc::clone(&self.permits);
        let hashing = task::spawn_blocking(move || {
            let _permits = permits;
            work()
        });
        hashing.await.map_err(|panic| Error::Internal(panic.into()))?
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
        run(async { passwords.turn().await?.verify(password, stored).await })
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
        assert_eq!(passwords.memory.lock().unwrap().len(), 1);
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

    #[test]
    fn a_full_queue_answers_busy() {
        let passwords = Passwords::new(HashCost::minimal());
        let all = u32::try_from(passwords.waiting.available_permits()).unwrap();
        let taken = Arc::clone(&passwords.waiting).try_acquire_many_owned(all).unwrap();
        assert!(matches!(run(passwords.hash(Password::new("x"))), Err(Error::Busy { .. })));
        drop(taken);
        assert!(run(passwords.hash(Password::new("x"))).is_ok());
    }

    #[test]
    fn costs_are_read_and_written() {
        assert_eq!("m=19456,t=2,p=1".parse(), Ok(HashCost::default()));
        assert_eq!(HashCost::default().to_string(), "m=19456,t=2,p=1");
        for text in ["", "m=1,t=1,p=1", "m=19456", "m=19456,t=2,p=1,x=1", "m=99999999,t=2,p=1", "t=2,m=19456,p=1"] {
            assert_eq!(text.parse::<HashCost>(), Err(InvalidHashCost), "{text}");
        }
    }
}
