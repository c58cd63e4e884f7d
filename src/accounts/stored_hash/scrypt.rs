//! scrypt (RFC 7914), as Django, passlib, Better Auth and programs for Node.js write it.

use scrypt::Params;
use subtle::{Choice, ConstantTimeEq};
use unicode_normalization::UnicodeNormalization;

use super::{
    encoding::{base64, hex, number, parameters, passlib_base64},
    parts::HashParts,
    unusable::UnusableHash,
};
use crate::{
    accounts::model::Password,
    error::{Error, Result},
};

/// Blocks of 128 bytes: 256 MiB.
const MAX_BLOCKS: u64 = 1 << 21;
/// Blocks that are computed, over all lanes: about two seconds.
const MAX_WORK: u64 = 1 << 22;

/// What a hash costs: memory of `128 × block_size × 2^log_n` bytes, and as many times that work as there are lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::accounts) struct ScryptCost {
    log_n: u8,
    block_size: u32,
    lanes: u32,
}

/// The defaults of `crypto.scrypt` in Node.js.
const NODE: ScryptCost = ScryptCost { log_n: 14, block_size: 8, lanes: 1 };
/// What Better Auth sets, as Lucia did.
const BETTER_AUTH: ScryptCost = ScryptCost { log_n: 14, block_size: 16, lanes: 1 };

impl ScryptCost {
    pub(super) fn new(log_n: u32, block_size: u32, lanes: u32) -> Result<Self, UnusableHash> {
        const TOO_EXPENSIVE: UnusableHash = UnusableHash::TooExpensive("scrypt may use 256 MiB, and two seconds");
        let log_n = u8::try_from(log_n).ok().filter(|log_n| *log_n < 32).ok_or(TOO_EXPENSIVE)?;
        let blocks = u64::from(block_size) << log_n;
        if blocks > MAX_BLOCKS
            || blocks.saturating_mul(lanes.into()) > MAX_WORK
            || block_size.saturating_mul(lanes) > 1024
        {
            return Err(TOO_EXPENSIVE);
        }
        if log_n == 0 || block_size == 0 || lanes == 0 {
            return Err(UnusableHash::Malformed("a parameter of scrypt is zero"));
        }
        Ok(Self { log_n, block_size, lanes })
    }

    pub(super) fn compute(self, password: &[u8], salt: &[u8], length: usize) -> Result<Vec<u8>> {
        let params = Params::new(self.log_n, self.block_size, self.lanes).map_err(Error::internal)?;
        let mut output = vec![0; length];
        scrypt::scrypt(password, salt, &params, &mut output).map_err(Error::internal)?;
        Ok(output)
    }
}

pub(super) fn parse(text: &str) -> Option<Result<HashParts<ScryptCost>, UnusableHash>> {
    if let Some(rest) = text.strip_prefix("scrypt$") {
        Some(parse_django(rest))
    } else {
        text.strip_prefix("$scrypt$").map(parse_passlib)
    }
}

/// `N$SALT$BLOCK-SIZE$LANES$BASE64`: the salt is text.
fn parse_django(text: &str) -> Result<HashParts<ScryptCost>, UnusableHash> {
    let parts: Vec<&str> = text.split('$').collect();
    let [n, salt, block_size, lanes, hash] = parts[..] else {
        return Err(UnusableHash::Malformed("scrypt hashes of Django have five parts after the name"));
    };
    let n = number(n)?;
    if !n.is_power_of_two() {
        return Err(UnusableHash::Malformed("the work factor of scrypt is not a power of two"));
    }
    let cost = ScryptCost::new(n.ilog2(), number(block_size)?, number(lanes)?)?;
    Ok(HashParts { scheme: cost, salt: salt.as_bytes().to_vec(), expected: base64(hash)? })
}

/// `ln=16,r=8,p=1$BASE64$BASE64`
fn parse_passlib(text: &str) -> Result<HashParts<ScryptCost>, UnusableHash> {
    let parts: Vec<&str> = text.split('$').collect();
    let [settings, salt, hash] = parts[..] else {
        return Err(UnusableHash::Malformed("scrypt hashes of passlib have parameters, a salt and a result"));
    };
    let [log_n, block_size, lanes] = parameters(settings, ["ln", "r", "p"])?;
    let cost = ScryptCost::new(log_n, block_size, lanes)?;
    Ok(HashParts { scheme: cost, salt: passlib_base64(salt)?, expected: passlib_base64(hash)? })
}

/// `SALT:KEY`, both in hexadecimal digits. The salt is kept as it is written.
pub(super) fn parse_salt_and_key(text: &str) -> Option<HashParts<()>> {
    let (salt, key) = text.split_once(':')?;
    let expected = hex(key).filter(|key| key.len() >= 32)?;
    hex(salt).filter(|salt| salt.len() >= 8)?;
    Some(HashParts { scheme: (), salt: salt.as_bytes().to_vec(), expected })
}

/// Whether the key is that of the password, as any of the programs derives it that write such hashes. All are computed, so
/// that each check takes the same time.
pub(super) fn matches_salt_and_key(password: &Password, salt: &[u8], expected: &[u8]) -> Result<bool> {
    let typed = password.typed();
    let compatible: String = typed.nfkc().collect();
    let salt_bytes = str::from_utf8(salt).ok().and_then(hex).unwrap_or_default();
    let mut is_match = Choice::from(0);
    for (cost, password, salt) in [
        // The salt is the text.
        (BETTER_AUTH, compatible.as_str(), salt),
        (NODE, typed, salt),
        (NODE, typed, &salt_bytes),
    ] {
        is_match |= cost.compute(password.as_bytes(), salt, expected.len())?.ct_eq(expected);
    }
    Ok(is_match.into())
}
