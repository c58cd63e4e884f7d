//! The cost of a password hash.

use std::{fmt, str::FromStr};

use argon2::{Algorithm, Argon2, Params, Version};

use crate::error::{Error, Result};

/// The cost of a password hash, written as `m=KIB,t=PASSES,p=LANES`.
///
/// The default is 19 MiB, 2 passes, 1 lane, as OWASP's cheat sheet on password storage recommends for argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    /// The lowest cost that argon2 allows: for tests and benchmarks, never for real passwords.
    pub const fn minimal() -> Self {
        Self { memory_kib: 8, passes: 1, lanes: 1 }
    }

    /// The highest cost that is accepted, also of a stored hash: a more expensive one could exhaust the server.
    pub(super) const MAX: Self = Self { memory_kib: 256 * 1024, passes: 16, lanes: 16 };

    pub(super) fn of(params: &Params) -> Self {
        Self { memory_kib: params.m_cost(), passes: params.t_cost(), lanes: params.p_cost() }
    }

    pub(super) fn is_within(self, max: Self) -> bool {
        self.memory_kib <= max.memory_kib && self.passes <= max.passes && self.lanes <= max.lanes
    }

    pub(super) fn argon2(self) -> Result<Argon2<'static>> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, None).map_err(Error::internal)?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

impl fmt::Display for HashCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={},t={},p={}", self.memory_kib, self.passes, self.lanes)
    }
}

/// A text that is not a valid cost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use m=KIB,t=PASSES,p=LANES, such as m=19456,t=2,p=1, and at most {}", HashCost::MAX)]
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
        if cost.is_within(Self::MAX) && cost.argon2().is_ok() { Ok(cost) } else { Err(InvalidHashCost) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_is_parsed_and_printed() {
        assert_eq!("m=19456,t=2,p=1".parse(), Ok(HashCost::default()));
        assert_eq!(HashCost::default().to_string(), "m=19456,t=2,p=1");
        for text in ["", "m=1,t=1,p=1", "m=19456", "m=19456,t=2,p=1,x=1", "m=99999999,t=2,p=1", "t=2,m=19456,p=1"] {
            assert_eq!(text.parse::<HashCost>(), Err(InvalidHashCost), "{text}");
        }
    }
}
