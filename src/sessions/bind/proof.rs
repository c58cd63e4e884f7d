//! A browser's proof: a JSON Web Signature (RFC 7515) whose payload is the challenge.
//!
//! Only two members of its header are obeyed: `alg`, which must be the one of the key, and `jwk`, by which a new key comes.
//! None that names a key elsewhere is looked at.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::device_key::{DeviceKey, Jwk};

/// Longer ones are refused. One with an RSA key of 4096 bits has 1.8 kB.
const MAX_BYTES: usize = 4096;

/// The `typ` of such a signature.
const TYPE: &str = "dbsc+jwt";

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    jwk: Option<Jwk>,
    /// Extensions that must be understood (RFC 7515, 4.1.11). None is.
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Payload {
    jti: String,
}

/// A proof whose form is right, and whose signature is not checked yet.
pub(crate) struct DeviceProof<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    algorithm: String,
    jwk: Option<Jwk>,
    challenge: String,
}

impl<'a> DeviceProof<'a> {
    /// Reads a proof; `None` if it is malformed.
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
        let payload: Payload = serde_json::from_slice(&decode(payload)?).ok()?;
        if header.typ != TYPE || header.crit.is_some() {
            return None;
        }
        Some(Self {
            signed,
            signature: decode(signature)?,
            algorithm: header.alg,
            jwk: header.jwk,
            challenge: payload.jti,
        })
    }

    /// The challenge that was signed.
    pub fn challenge(&self) -> &str {
        &self.challenge
    }

    /// The key that comes with the proof, if that has made it.
    pub fn into_new_key(mut self) -> Option<DeviceKey> {
        let key = DeviceKey::from_jwk(self.jwk.take()?)?;
        self.has_signature_of(&key).then_some(key)
    }

    /// Whether this key, which is known, has made it. A proof that brings a key along is not one.
    pub fn is_made_by(&self, key: &DeviceKey) -> bool {
        self.jwk.is_none() && self.has_signature_of(key)
    }

    fn has_signature_of(&self, key: &DeviceKey) -> bool {
        self.algorithm == key.algorithm() && key.verifies(self.signed.as_bytes(), &self.signature)
    }
}

/// Decodes base64url without padding. A dot is none of its characters, so there are three parts.
fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests;
