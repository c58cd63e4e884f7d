//! Argon2 in its PHC string format.

use argon2::{Algorithm, Argon2, Params, Version, password_hash::phc::PasswordHash};

use super::{parts::HashParts, unusable::UnusableHash};
use crate::{
    accounts::hash_cost::HashCost,
    error::{Error, Result},
};

/// A variant of argon2 with its cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::accounts) struct Argon2Scheme {
    cost: HashCost,
    algorithm: Algorithm,
    version: u32,
}

impl Argon2Scheme {
    pub(super) fn own(cost: HashCost) -> Self {
        Self { cost, algorithm: Algorithm::Argon2id, version: Version::V0x13.into() }
    }

    pub(super) fn argon2(self) -> Result<Argon2<'static>> {
        let version = Version::try_from(self.version).map_err(Error::internal)?;
        Ok(Argon2::new(self.algorithm, version, self.cost.argon2()?.params().clone()))
    }

    pub(super) fn name(self) -> &'static str {
        self.algorithm.as_str()
    }
}

/// `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`, which Django writes as `argon2$argon2id$…`.
pub(super) fn parse(text: &str) -> Option<Result<HashParts<Argon2Scheme>, UnusableHash>> {
    let text = text.strip_prefix("argon2").filter(|rest| rest.starts_with("$argon2")).unwrap_or(text);
    text.starts_with("$argon2").then(|| parse_phc(text))
}

fn parse_phc(text: &str) -> Result<HashParts<Argon2Scheme>, UnusableHash> {
    let malformed = UnusableHash::Malformed("it is not an argon2 hash in the PHC string format");
    let hash = PasswordHash::new(text).map_err(|_| malformed)?;
    let params = Params::try_from(&hash).map_err(|_| malformed)?;
    let algorithm = Algorithm::try_from(hash.algorithm.as_ref()).map_err(|_| malformed)?;
    let version = hash.version.map(Version::try_from).transpose().map_err(|_| malformed)?;
    let (Some(salt), Some(expected)) = (hash.salt, hash.hash) else { return Err(malformed) };
    if !params.data().is_empty() || !params.keyid().is_empty() {
        return Err(UnusableHash::Malformed("it was made with associated data or a key, which Keyrack does not know"));
    }
    let cost = HashCost::of(&params);
    if !cost.is_within(HashCost::MAX) {
        return Err(UnusableHash::TooExpensive("argon2 may use 256 MiB, 16 passes and 16 lanes"));
    }
    // Strings without a version are of the first one.
    let version = version.unwrap_or(Version::V0x10).into();
    let scheme = Argon2Scheme { cost, algorithm, version };
    Ok(HashParts { scheme, salt: salt.as_ref().to_vec(), expected: expected.as_ref().to_vec() })
}
