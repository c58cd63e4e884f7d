//! Passkeys (WebAuthn): keys that a device or a password manager keeps for one site, and uses only after it has verified
//! its user. So a passkey alone is two factors.
//!
//! Browsers answer a challenge, which is not stored: its state travels in the form, signed (`web/passkey_challenge.rs`). An
//! answer is good once, by the time of its challenge in the row of the passkey.
//!
//! | module | contents |
//! |---|---|
//! | `use_passkey` | an answer at a sign-in, as a second factor, or as a proof in a session |
//! | `manage` | what users do with their passkeys |
//! | `at_reset` | which of them go when a new password is set by a link |
//! | `accounts::webauthn` | what browsers are asked, and what they answer |

mod at_reset;
mod manage;
mod use_passkey;

pub(crate) use at_reset::{PasskeysAtReset, PasskeysStay};
pub(crate) use manage::{AddPasskeyError, NewPasskey, PasskeyOverview, Removal};
pub(crate) use use_passkey::{PasskeyAnswer, PasskeyError};
