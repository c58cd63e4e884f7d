//! bcrypt, and passwords that were hashed before it, since it reads 72 bytes only.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::{
    encoding::{bcrypt_base64, hex_of, number, parameters},
    parts::HashParts,
    secrets::HashSecrets,
    unusable::UnusableHash,
};
use crate::error::{Error, Result};

/// Of the 24 bytes that are computed, bcrypt stores these.
pub(super) const OUTPUT_BYTES: usize = 23;

/// What bcrypt reads of a password, the NUL at its end included.
const MAX_PASSWORD_BYTES: usize = 72;

/// Each step doubles the time: 16 takes about four seconds.
const MAX_COST: u32 = 16;

/// How a password becomes the input of bcrypt, and the cost: the binary logarithm of the number of rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::accounts) struct BcryptScheme {
    cost: u32,
    input: Input,
}

/// What is given to bcrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Input {
    /// The password, and Devise's pepper if there is one.
    Password,
    /// Its SHA-256 in hexadecimal digits: Django.
    HexSha256,
    /// Its SHA-256 in base64: the first version of passlib.
    Base64Sha256,
    /// Its HMAC-SHA256 under the salt, as that is written: the second version of passlib.
    Base64HmacSha256([u8; SALT_CHARS]),
}

/// The length of a salt as it is written.
const SALT_CHARS: usize = 22;

impl BcryptScheme {
    pub(super) fn compute(self, password: &[u8], salt: &[u8], secrets: &HashSecrets) -> Result<Vec<u8>> {
        let mut input = match self.input {
            Input::Password => [password, pepper(secrets)].concat(),
            Input::HexSha256 => hex_of(&Sha256::digest(password)),
            Input::Base64Sha256 => STANDARD.encode(Sha256::digest(password)).into_bytes(),
            Input::Base64HmacSha256(salt) => {
                let mut mac = Hmac::<Sha256>::new_from_slice(&salt).map_err(Error::internal)?;
                mac.update(password);
                STANDARD.encode(mac.finalize().into_bytes()).into_bytes()
            }
        };
        input.push(0);
        input.truncate(MAX_PASSWORD_BYTES);
        let salt = salt.first_chunk().ok_or_else(|| Error::internal("a bcrypt salt is too short"))?;
        Ok(bcrypt::bcrypt(self.cost, *salt, &input)[..OUTPUT_BYTES].to_vec())
    }

    /// Whether every byte of the password is read, and none but the password has this result.
    pub(super) fn reads_all_of(self, password: &[u8], secrets: &HashSecrets) -> bool {
        let is_short = password.len() + pepper(secrets).len() < MAX_PASSWORD_BYTES;
        self.input != Input::Password || (is_short && !password.contains(&0))
    }
}

fn pepper(secrets: &HashSecrets) -> &[u8] {
    secrets.bcrypt_pepper.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default().as_bytes()
}

pub(super) fn parse(text: &str) -> Option<Result<HashParts<BcryptScheme>, UnusableHash>> {
    if text.starts_with("$wp$") {
        Some(Err(UnusableHash::WordPress))
    } else if let Some(rest) = text.strip_prefix("bcrypt_sha256$") {
        Some(parse_plain(rest, Input::HexSha256))
    } else if let Some(rest) = text.strip_prefix("$bcrypt-sha256$") {
        Some(parse_passlib(rest))
    } else {
        let text = text.strip_prefix("bcrypt$").unwrap_or(text);
        text.starts_with("$2").then(|| parse_plain(text, Input::Password))
    }
}

/// `$2b$12$SALT-AND-HASH`
fn parse_plain(text: &str, input: Input) -> Result<HashParts<BcryptScheme>, UnusableHash> {
    let malformed = UnusableHash::Malformed("bcrypt writes $2b$, two digits, $, and 53 characters");
    let mut parts = text.strip_prefix('$').ok_or(malformed)?.split('$');
    let (Some(version), Some(cost), Some(rest), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(malformed);
    };
    if version == "2x" {
        return Err(UnusableHash::Malformed(
            "$2x$ is of a version of bcrypt with a fault, which no library writes today",
        ));
    }
    if !["2a", "2b", "2y"].contains(&version) || cost.len() != 2 || rest.len() != 53 || !rest.is_ascii() {
        return Err(malformed);
    }
    let (salt, hash) = rest.split_at(SALT_CHARS);
    hash_parts(number(cost)?, input, salt, hash)
}

/// `v=2,t=2b,r=12$SALT$HASH`, or in the first version `2b,12$SALT$HASH`.
fn parse_passlib(text: &str) -> Result<HashParts<BcryptScheme>, UnusableHash> {
    let malformed = UnusableHash::Malformed("it is not a bcrypt_sha256 hash of passlib");
    let parts: Vec<&str> = text.split('$').collect();
    let [settings, salt, hash] = parts[..] else { return Err(malformed) };
    if salt.len() != SALT_CHARS {
        return Err(malformed);
    }
    if let Some(rounds) = settings.strip_prefix("v=2,t=2b,") {
        let [cost] = parameters(rounds, ["r"])?;
        let salt_text = salt.as_bytes().first_chunk().ok_or(malformed)?;
        return hash_parts(cost, Input::Base64HmacSha256(*salt_text), salt, hash);
    }
    let (version, cost) = settings.split_once(',').ok_or(malformed)?;
    if !["2a", "2b"].contains(&version) {
        return Err(malformed);
    }
    hash_parts(number(cost)?, Input::Base64Sha256, salt, hash)
}

fn hash_parts(cost: u32, input: Input, salt: &str, hash: &str) -> Result<HashParts<BcryptScheme>, UnusableHash> {
    if !(4..=MAX_COST).contains(&cost) {
        return Err(UnusableHash::TooExpensive("bcrypt may have a cost from 4 to 16"));
    }
    let (salt, expected) = (bcrypt_base64(salt)?, bcrypt_base64(hash)?);
    if salt.len() != 16 || expected.len() != OUTPUT_BYTES {
        return Err(UnusableHash::Malformed("the salt or the result of bcrypt has another length"));
    }
    Ok(HashParts { scheme: BcryptScheme { cost, input }, salt, expected })
}
