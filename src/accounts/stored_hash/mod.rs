//! The password hashes that `users.password_hash` may hold: Keyrack's own, and those of other programs.
//!
//! | format | as written by |
//! |---|---|
//! | `$argon2id$`, `$argon2i$`, `$argon2d$` | Keyrack (argon2id), passlib, argon2 of npm; with `argon2` before it, Django |
//! | `$2a$`, `$2b$`, `$2y$` | bcrypt and bcryptjs of npm, Devise, passlib, PHP; with `bcrypt$` before it, Django |
//! | `bcrypt_sha256$`, `$bcrypt-sha256$` | Django, passlib |
//! | `pbkdf2_sha256$`, `pbkdf2_sha1$` | Django |
//! | `$pbkdf2-sha256$`, `$pbkdf2-sha512$`, `$pbkdf2$` | passlib |
//! | `scrypt$`, `$scrypt$` | Django, passlib |
//! | `SALT:KEY` in hexadecimal digits | Better Auth, and programs that call `crypto.scrypt` of Node.js |
//! | `$firescrypt$` | made of an export of Firebase; see `docs/importing-users.md` |
//!
//! A stored hash tells what it costs to check it. The parameters are checked when it is parsed, before anything is
//! computed: an expensive one could exhaust the server.

mod argon2;
mod bcrypt;
mod encoding;
mod firebase;
mod parts;
mod pbkdf2;
mod scrypt;
mod secrets;
mod unusable;

use std::fmt;

use ::argon2::{Argon2, Block, Params};
use subtle::ConstantTimeEq;

use self::{argon2::Argon2Scheme, bcrypt::BcryptScheme, parts::HashParts, pbkdf2::Pbkdf2Scheme, scrypt::ScryptCost};
pub use self::{
    secrets::{FirebaseSignerKey, HashSecrets, InvalidSignerKey},
    unusable::UnusableHash,
};
use super::{hash_cost::HashCost, model::Password};
use crate::error::{Error, Result};

/// Shorter results of a hash function are refused: they are guessed more easily than the password.
const MIN_OUTPUT_BYTES: usize = 16;
/// The longest result. Each further block of PBKDF2 costs as much as the first.
const MAX_OUTPUT_BYTES: usize = 64;

/// A stored hash that can be checked. Its `Debug` hides the hash.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct StoredHash {
    scheme: Scheme,
    salt: Vec<u8>,
    expected: Vec<u8>,
}

/// An algorithm with its parameters, which say what a check costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scheme {
    Argon2(Argon2Scheme),
    Bcrypt(BcryptScheme),
    Pbkdf2(Pbkdf2Scheme),
    Scrypt(ScryptCost),
    /// scrypt with parameters that the hash does not tell.
    SaltAndKey,
    Firebase(ScryptCost),
}

impl StoredHash {
    /// Parses a stored hash.
    pub fn parse(text: &str, secrets: &HashSecrets) -> Result<Self, UnusableHash> {
        let hash = Self::parse_any(text).ok_or(UnusableHash::UnknownFormat)??;
        if hash.expected.len() < MIN_OUTPUT_BYTES {
            return Err(UnusableHash::Malformed("the result is too short"));
        }
        if hash.expected.len() > MAX_OUTPUT_BYTES {
            return Err(UnusableHash::Malformed("the result is too long"));
        }
        match hash.scheme {
            Scheme::Firebase(_) if secrets.firebase_signer_key.is_none() => Err(UnusableHash::NoFirebaseSignerKey),
            _ => Ok(hash),
        }
    }

    /// `None` if no format begins like it.
    fn parse_any(text: &str) -> Option<Result<Self, UnusableHash>> {
        Self::of(argon2::parse(text), Scheme::Argon2)
            .or_else(|| Self::of(bcrypt::parse(text), Scheme::Bcrypt))
            .or_else(|| Self::of(pbkdf2::parse(text), Scheme::Pbkdf2))
            .or_else(|| Self::of(scrypt::parse(text), Scheme::Scrypt))
            .or_else(|| Self::of(firebase::parse(text), Scheme::Firebase))
            .or_else(|| Self::of(scrypt::parse_salt_and_key(text).map(Ok), |()| Scheme::SaltAndKey))
    }

    fn of<S>(
        parsed: Option<Result<HashParts<S>, UnusableHash>>,
        scheme: impl FnOnce(S) -> Scheme,
    ) -> Option<Result<Self, UnusableHash>> {
        let hash =
            |HashParts { scheme: parameters, salt, expected }| Self { scheme: scheme(parameters), salt, expected };
        parsed.map(|parsed| parsed.map(hash))
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whether this is the hash of the password. Other programs hash what was typed, Keyrack its normal form C; argon2 is
    /// tried with both, since either may have written it. How long it takes depends on nothing but the scheme and what was
    /// typed.
    pub fn matches(&self, password: &Password, context: &mut HashContext<'_>) -> Result<bool> {
        let Self { scheme, salt, expected } = self;
        let typed = password.typed().as_bytes();
        let is_match = |output: &[u8]| bool::from(output.ct_eq(expected));
        Ok(match scheme {
            Scheme::Argon2(scheme) => {
                let (argon2, mut output) = (scheme.argon2()?, vec![0; expected.len()]);
                context.fill_argon2(&argon2, password.expose().as_bytes(), salt, &mut output)?;
                if !is_match(&output) && !password.is_normalized() {
                    context.fill_argon2(&argon2, typed, salt, &mut output)?;
                }
                is_match(&output)
            }
            Scheme::Bcrypt(scheme) => is_match(&scheme.compute(typed, salt, context.secrets)?),
            Scheme::Pbkdf2(scheme) => is_match(&scheme.compute(typed, salt, expected.len())),
            Scheme::Scrypt(cost) => is_match(&cost.compute(typed, salt, expected.len())?),
            Scheme::SaltAndKey => scrypt::matches_salt_and_key(password, salt, expected)?,
            Scheme::Firebase(cost) => is_match(&firebase::compute(*cost, typed, salt, context.secrets)?),
        })
    }

    /// Whether this is the hash of the whole password. bcrypt reads its beginning only: of a longer one that matches, the
    /// end may be wrong, so that it must not become the password.
    pub fn covers(&self, password: &Password, secrets: &HashSecrets) -> bool {
        match self.scheme {
            Scheme::Bcrypt(scheme) => scheme.reads_all_of(password.typed().as_bytes(), secrets),
            _ => true,
        }
    }
}

impl fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredHash").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

impl Scheme {
    /// What Keyrack writes at this cost.
    pub fn own(cost: HashCost) -> Self {
        Self::Argon2(Argon2Scheme::own(cost))
    }

    /// A hash that no password has, and that costs as much to check. It is checked for unknown users, so that they take as
    /// long as known ones.
    pub fn decoy(self) -> StoredHash {
        let salt = match self {
            Self::SaltAndKey => b"6b6579726163206465636f792073616c",
            _ => b"keyrack decoy salt, for no one..".first_chunk::<32>().unwrap_or(&[0; 32]),
        };
        let length = match self {
            Self::Argon2(_) => Params::DEFAULT_OUTPUT_LEN,
            Self::Bcrypt(_) => bcrypt::OUTPUT_BYTES,
            Self::Pbkdf2(scheme) => scheme.output_bytes(),
            Self::Scrypt(_) | Self::SaltAndKey | Self::Firebase(_) => MAX_OUTPUT_BYTES,
        };
        StoredHash { scheme: self, salt: salt.to_vec(), expected: vec![0; length] }
    }

    /// The name of the algorithm, for operators.
    pub fn name(self) -> &'static str {
        match self {
            Self::Argon2(scheme) => scheme.name(),
            Self::Bcrypt(_) => "bcrypt",
            Self::Pbkdf2(_) => "PBKDF2",
            Self::Scrypt(_) | Self::SaltAndKey => "scrypt",
            Self::Firebase(_) => "Firebase's scrypt",
        }
    }
}

/// What a check needs besides the password and the stored hash.
pub(super) struct HashContext<'a> {
    pub secrets: &'a HashSecrets,
    /// The memory of argon2, which the thread keeps.
    pub memory: &'a mut Vec<Block>,
    /// The cost of Keyrack's own hashes: the thread keeps memory for one of them.
    pub own_cost: HashCost,
}

impl HashContext<'_> {
    /// Computes argon2 in the thread's own memory.
    pub fn fill_argon2(&mut self, argon2: &Argon2<'_>, password: &[u8], salt: &[u8], output: &mut [u8]) -> Result<()> {
        let blocks = argon2.params().block_count();
        let usual = self.own_cost.argon2()?.params().block_count();
        if self.memory.len() < blocks {
            self.memory.resize(blocks, Block::new());
        }
        let hashed = argon2.hash_password_into_with_memory(password, salt, output, &mut self.memory[..blocks]);
        // Memory that only an outdated, more expensive hash needed is freed.
        if self.memory.len() > usual {
            self.memory.truncate(usual);
            self.memory.shrink_to_fit();
        }
        hashed.map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests;
