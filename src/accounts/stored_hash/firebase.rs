//! Firebase's variant of scrypt: the derived key encrypts a key of the project, and the result is stored.

use super::{
    encoding::{base64, parameters},
    parts::HashParts,
    scrypt::ScryptCost,
    secrets::{HashSecrets, KEY_BYTES},
    unusable::UnusableHash,
};
use crate::error::{Error, Result};
use aes::Aes256;
use ctr::{
    Ctr128BE,
    cipher::{KeyIvInit, StreamCipher},
};

const AES_KEY_BYTES: usize = 32;

/// `$firescrypt$ln=14,r=8,p=1$SALT$HASH$SEPARATOR`, all in base64. `ln` is the export's `mem_cost`, `r` its `rounds`.
pub(super) fn parse(text: &str) -> Option<Result<HashParts<ScryptCost>, UnusableHash>> {
    text.strip_prefix("$firescrypt$").map(parse_parts)
}

fn parse_parts(text: &str) -> Result<HashParts<ScryptCost>, UnusableHash> {
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
    Ok(HashParts { scheme: cost, salt, expected })
}

pub(super) fn compute(cost: ScryptCost, password: &[u8], salt: &[u8], secrets: &HashSecrets) -> Result<Vec<u8>> {
    let no_key = || Error::internal("a hash of Firebase was checked without its signer key");
    let signer_key = secrets.firebase_signer_key.as_ref().ok_or_else(no_key)?;
    let derived = cost.compute(password, salt, AES_KEY_BYTES)?;
    let key: [u8; AES_KEY_BYTES] = derived.try_into().map_err(|_| no_key())?;
    let mut output = *signer_key.expose();
    Ctr128BE::<Aes256>::new(&key.into(), &[0; 16].into()).apply_keystream(&mut output);
    Ok(output.to_vec())
}
