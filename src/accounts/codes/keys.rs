//! What keeps second factors of a stolen database secret: keys that are derived from `KEYRACK_SECRETS`.

use std::fmt;

use aes_gcm::{
    Aes256Gcm, KeyInit as _, Nonce,
    aead::{Aead, Payload},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac};
use sha2::Sha256;

use super::recovery_code::{RECOVERY_CODES, RecoveryCode};
use crate::{
    clock::Timestamp,
    db::UserId,
    error::{Error, Result},
};

/// Bytes of a nonce of AES-GCM. At random, they stay different for far more secrets than a key will ever encrypt.
const NONCE_BYTES: usize = 12;

/// Keys of each configured secret, the newest first: it seals and hashes, all open and compare.
#[derive(Clone, Default)]
pub(in crate::accounts) struct FactorKeys(Vec<FactorKey>);

#[derive(Clone)]
struct FactorKey {
    /// Names the key in the database, and tells nothing about it.
    id: String,
    cipher: Aes256Gcm,
    recovery: Hmac<Sha256>,
}

/// Text that was opened.
pub(in crate::accounts) struct Opened {
    pub bytes: Vec<u8>,
    /// Whether the newest secret has sealed it.
    pub is_newest: bool,
}

/// The hash of a recovery code, and the key that it was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::accounts) struct RecoveryCodeHash {
    pub hash: String,
    pub key_id: String,
}

impl fmt::Debug for FactorKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FactorKeys({} …)", self.0.len())
    }
}

impl FactorKeys {
    /// Derives the keys of these secrets, the newest first.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let key = |secret: &str| FactorKey {
            id: BASE64_URL_SAFE_NO_PAD.encode(&derive(secret, "second factor key id")[..6]),
            cipher: Aes256Gcm::new(&derive(secret, "second factor encryption").into()),
            recovery: mac(&derive(secret, "recovery codes")),
        };
        Self(secrets.into_iter().map(key).collect())
    }

    /// Encrypts bytes. They can be opened with the same `context` only, which is authenticated with them.
    pub fn seal(&self, context: &str, bytes: &[u8]) -> Result<String> {
        let key = self.newest()?;
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(Error::internal)?;
        let payload = Payload { msg: bytes, aad: context.as_bytes() };
        let sealed = key.cipher.encrypt(&Nonce::from(nonce), payload).map_err(Error::internal)?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// Opens such text; `None` if no key has sealed it in this context.
    pub fn open(&self, context: &str, text: &str) -> Option<Opened> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, msg) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let aad = context.as_bytes();
        self.0.iter().enumerate().find_map(|(index, key)| {
            let bytes = key.cipher.decrypt(&Nonce::from(*nonce), Payload { msg, aad }).ok()?;
            Some(Opened { bytes, is_newest: index == 0 })
        })
    }

    /// Makes the recovery codes of a user that follow from a form and the time at which it made them, so that a form that is
    /// sent twice makes them once, and one that is sent again later makes others. They can't be computed without the
    /// secrets.
    pub fn recovery_codes(&self, user: UserId, form: &str, made_at: Timestamp) -> Result<Vec<RecoveryCode>> {
        let key = self.newest()?;
        let made_at = made_at.as_micros();
        let code = |number: u32| {
            let message = format!("make {user} {number} {made_at} {form}");
            RecoveryCode::from_bytes(&key.recovery.clone().chain_update(message).finalize().into_bytes().into())
        };
        Ok((0..RECOVERY_CODES).map(code).collect())
    }

    /// The hash under which a new recovery code is stored.
    pub fn hash(&self, user: UserId, code: &RecoveryCode) -> Result<RecoveryCodeHash> {
        Ok(self.newest()?.hash(user, code))
    }

    /// The hashes under which a code may have been stored.
    pub fn hashes(&self, user: UserId, code: &RecoveryCode) -> Vec<String> {
        self.0.iter().map(|key| key.hash(user, code).hash).collect()
    }

    /// The names of all keys.
    pub fn ids(&self) -> Vec<String> {
        self.0.iter().map(|key| key.id.clone()).collect()
    }

    fn newest(&self) -> Result<&FactorKey> {
        self.0.first().ok_or_else(|| Error::internal("second factors need the secrets of a server"))
    }
}

impl FactorKey {
    fn hash(&self, user: UserId, code: &RecoveryCode) -> RecoveryCodeHash {
        let message = format!("store {user} {}", code.expose());
        let hash = self.recovery.clone().chain_update(message).finalize().into_bytes();
        RecoveryCodeHash { hash: BASE64_URL_SAFE_NO_PAD.encode(hash), key_id: self.id.clone() }
    }
}

/// A key for one purpose: what is signed or sealed for another one is not valid for it.
fn derive(secret: &str, purpose: &str) -> [u8; 32] {
    mac(secret.as_bytes()).chain_update("keyrack ").chain_update(purpose).finalize().into_bytes().into()
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_769_600_000_000_000);

    fn keys(secrets: &str) -> FactorKeys {
        FactorKeys::new(secrets.split(','))
    }

    #[test]
    fn sealed_bytes_open_in_their_context_with_the_same_secret_only() {
        let (own, other) = (keys("factors 7Qm2xV9rTb4K"), keys("factors 8Qm2xV9rTb4K"));
        let sealed = own.seal("totp a", b"secret").unwrap();
        assert_ne!(sealed, own.seal("totp a", b"secret").unwrap(), "each has a nonce of its own");
        assert_eq!(own.open("totp a", &sealed).unwrap().bytes, b"secret");
        assert!(own.open("totp b", &sealed).is_none() && other.open("totp a", &sealed).is_none());
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        for position in 0..bytes.len() {
            bytes[position] ^= 1;
            assert!(own.open("totp a", &BASE64_URL_SAFE_NO_PAD.encode(&bytes)).is_none(), "byte {position}");
            bytes[position] ^= 1;
        }
        for text in ["", "AAAA", "not base64!", &"A".repeat(40)] {
            assert!(own.open("totp a", text).is_none(), "{text}");
        }
    }

    #[test]
    fn older_secret_opens_and_compares_and_the_newest_seals() {
        let (old, both) = (keys("factors 7Qm2xV9rTb4K"), keys("factors 8Qm2xV9rTb4K,factors 7Qm2xV9rTb4K"));
        let sealed = old.seal("totp", b"secret").unwrap();
        assert!(!both.open("totp", &sealed).unwrap().is_newest);
        let again = both.seal("totp", b"secret").unwrap();
        assert!(both.open("totp", &again).unwrap().is_newest && old.open("totp", &again).is_none());
        let user = UserId::random();
        let code = old.recovery_codes(user, "form", NOW).unwrap().remove(0);
        assert!(both.hashes(user, &code).contains(&old.hash(user, &code).unwrap().hash));
        assert!(both.ids().contains(&old.ids()[0]));
    }

    #[test]
    fn recovery_codes_differ_by_user_form_time_and_secret() {
        let (own, other) = (keys("factors 7Qm2xV9rTb4K"), keys("factors 8Qm2xV9rTb4K"));
        let user = UserId::random();
        let codes = own.recovery_codes(user, "form", NOW).unwrap();
        assert_eq!(codes, own.recovery_codes(user, "form", NOW).unwrap());
        let others = [
            own.recovery_codes(user, "another form", NOW).unwrap(),
            own.recovery_codes(user, "form", NOW + Duration::from_micros(1)).unwrap(),
            own.recovery_codes(UserId::random(), "form", NOW).unwrap(),
            other.recovery_codes(user, "form", NOW).unwrap(),
        ];
        let all: BTreeSet<String> = others.iter().flatten().chain(&codes).map(RecoveryCode::to_groups).collect();
        assert_eq!(all.len(), 50);
        assert_ne!(own.hash(user, &codes[0]).unwrap().hash, own.hash(UserId::random(), &codes[0]).unwrap().hash);
    }

    #[test]
    fn program_without_secrets_seals_nothing() {
        let none = FactorKeys::default();
        assert!(none.seal("totp", b"secret").is_err() && none.open("totp", "AAAA").is_none());
    }
}
