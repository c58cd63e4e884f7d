//! Firebase's variant of scrypt: the derived key encrypts a key of the project, and the result is stored.

use aes::Aes256;
use ctr::{
    Ctr128BE,
    cipher::{KeyIvInit, StreamCipher},
};
use secrecy::{ExposeSecret, SecretBox};

use super::{
    HashSecrets, Scheme, StoredHash, UnusableHash,
    encoding::{base64, parameters},
    scrypt::ScryptCost,
};
use crate::error::{Error, Result};

/// The key of a project, `base64_signer_key` in its hash parameters. Its `Debug` hides it.
#[derive(Debug)]
pub struct FirebaseSignerKey(SecretBox<[u8; KEY_BYTES]>);

const KEY_BYTES: usize = 64;
const AES_KEY_BYTES: usize = 32;

impl Clone for FirebaseSignerKey {
    fn clone(&self) -> Self {
        Self(SecretBox::new(Box::new(*self.0.expose_secret())))
    }
}

/// A text that is not a signer key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a signer key of Firebase is 64 bytes in base64; the console shows it under Authentication, Users, Password hash parameters"
)]
pub struct InvalidSignerKey;

impl std::str::FromStr for FirebaseSignerKey {
    type Err = InvalidSignerKey;

    fn from_str(text: &str) -> Result<Self, InvalidSignerKey> {
        let bytes = base64(text.trim()).map_err(|_| InvalidSignerKey)?;
        let key = bytes.try_into().map_err(|_| InvalidSignerKey)?;
        Ok(Self(SecretBox::new(Box::new(key))))
    }
}

/// `$firescrypt$ln=14,r=8,p=1$SALT$HASH$SEPARATOR`, all in base64. `ln` is the export's `mem_cost`, `r` its `rounds`.
pub(super) fn parse(text: &str) -> Option<Result<StoredHash, UnusableHash>> {
    text.strip_prefix("$firescrypt$").map(parse_parts)
}

fn parse_parts(text: &str) -> Result<StoredHash, UnusableHash> {
    let parts: Vec<&str> = text.split('$').collect();
    let [settings, salt, hash, separator] = parts[..] else {
        return Err(UnusableHash::Malformed("hashes of Firebase have parameters, a salt, a result and a separator"));
    };
    let [log_n, block_size, lanes] = parameters(settings, ["ln", "r", "p"])?;
    let cost = ScryptCost::new(log_n, block_size, lanes)?;
    let (salt, expected) = ([base64(salt)?, base64(separator)?].concat(), base64(hash)?);
    if expected.len() != KEY_BYTES {
        return Err(UnusableHash::Malformed("the result of a hash of Firebase has 64 bytes"));
    }
    Ok(StoredHash { scheme: Scheme::Firebase(cost), salt, expected })
}

pub(super) fn compute(cost: ScryptCost, password: &[u8], salt: &[u8], secrets: &HashSecrets) -> Result<Vec<u8>> {
    let no_key = || Error::internal("a hash of Firebase was checked without its signer key");
    let signer_key = secrets.firebase_signer_key.as_ref().ok_or_else(no_key)?;
    let derived = cost.compute(password, salt, AES_KEY_BYTES)?;
    let key: [u8; AES_KEY_BYTES] = derived.try_into().map_err(|_| no_key())?;
    let mut output = *signer_key.0.expose_secret();
    Ctr128BE::<Aes256>::new(&key.into(), &[0; 16].into()).apply_keystream(&mut output);
    Ok(output.to_vec())
}
