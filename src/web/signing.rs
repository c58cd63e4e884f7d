//! Signatures with the configured secrets: the first, which is the newest, signs; all of them verify.

use base64::{
    Engine as _,
    engine::GeneralPurpose,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::Secrets;

/// The secret that made a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verified {
    /// The one that signs now.
    Newest,
    /// An older one, which only verifies.
    Older,
}

/// HMAC-SHA256 with each of the secrets, for one purpose.
#[derive(Clone)]
pub(super) struct Signer {
    keys: Vec<Hmac<Sha256>>,
    alphabet: GeneralPurpose,
}

impl Signer {
    /// Uses the secrets themselves, as `cookie-signature` (express-session) does.
    pub fn plain(secrets: &Secrets) -> Self {
        Self { keys: secrets.expose().map(|secret| key(secret.as_bytes())).collect(), alphabet: BASE64_STANDARD_NO_PAD }
    }

    /// Uses one secret of any length, for published test vectors.
    #[cfg(test)]
    pub fn for_vector(secret: &str) -> Self {
        Self { keys: vec![key(secret.as_bytes())], alphabet: BASE64_STANDARD_NO_PAD }
    }

    /// Uses keys derived from the secrets, so that a signature for one purpose is not valid for another, and the base64
    /// alphabet that needs no escaping in forms and URLs.
    pub fn derived(secrets: &Secrets, purpose: &str) -> Self {
        let derive = |secret: &str| {
            let mut mac = key(secret.as_bytes());
            mac.update(b"keyrack ");
            mac.update(purpose.as_bytes());
            key(&mac.finalize().into_bytes())
        };
        Self { keys: secrets.expose().map(derive).collect(), alphabet: BASE64_URL_SAFE_NO_PAD }
    }

    /// The signature in base64 without padding.
    pub fn sign(&self, message: &[u8]) -> String {
        self.sign_parts(&[message])
    }

    /// The signature of a message that consists of these parts, one after the other.
    pub fn sign_parts(&self, parts: &[&[u8]]) -> String {
        self.alphabet.encode(self.signature(parts))
    }

    /// The bytes of the signature.
    pub fn sign_bytes(&self, message: &[u8]) -> [u8; 32] {
        self.signature(&[message])
    }

    fn signature(&self, parts: &[&[u8]]) -> [u8; 32] {
        // `Secrets` is never empty.
        let mac = self.keys.first().cloned().unwrap_or_else(|| key(b""));
        add_parts(mac, parts).finalize().into_bytes().into()
    }

    /// Finds the secret that made the signature, in constant time; `None` if none did.
    pub fn verify(&self, message: &[u8], signature: &str) -> Option<Verified> {
        self.verify_parts(&[message], signature)
    }

    /// Like [`Signer::verify`], for [`Signer::sign_parts`].
    pub fn verify_parts(&self, parts: &[&[u8]], signature: &str) -> Option<Verified> {
        let signature = self.alphabet.decode(signature).ok()?;
        let made = |mac: &Hmac<Sha256>| add_parts(mac.clone(), parts).verify_slice(&signature).is_ok();
        match self.keys.iter().position(made)? {
            0 => Some(Verified::Newest),
            _ => Some(Verified::Older),
        }
    }
}

/// HMAC takes a key of any length (RFC 2104), so this never fails.
fn key(secret: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret).expect("HMAC takes keys of any length")
}

fn add_parts(mac: Hmac<Sha256>, parts: &[&[u8]]) -> Hmac<Sha256> {
    parts.iter().fold(mac, Mac::chain_update)
}
