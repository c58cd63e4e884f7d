//! Web Authentication: what browsers are asked, and what they answer. See `accounts::passkeys`.
//!
//! | module | contents |
//! |---|---|
//! | `relying_party` | for which host passkeys are made, and whether they can be |
//! | `ceremony` | challenges, and checking what answers them |
//! | `credential` | a passkey as it is stored |
//! | `provider` | what makers call their authenticators |

mod ceremony;
mod credential;
#[cfg(test)]
mod fuzz_tests;
mod provider;
mod relying_party;

pub(crate) use ceremony::{PasskeyChallenge, PasskeyRequest};
pub(super) use ceremony::{ReadAnswer, Rejection, user_handle};
pub(super) use credential::{StoredCredential, VerifiedUse, encode_id};
pub(super) use provider::provider_name;
pub(crate) use relying_party::NoPasskeys;
pub(super) use relying_party::RelyingParty;
