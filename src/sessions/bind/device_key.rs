//! The public key of a browser: ES256 or RS256, as a JSON Web Key (RFC 7517).

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use openssl::{
    bn::BigNum,
    ec::{EcGroup, EcKey},
    ecdsa::EcdsaSig,
    error::ErrorStack,
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Public},
    rsa::Rsa,
    sign::Verifier,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The bytes of a coordinate, and of each half of a signature, on P-256.
const COORDINATE_BYTES: usize = 32;

/// The lengths of RSA keys that are accepted. Longer ones would make each check dearer.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=512;

/// 65537, the only exponent that is accepted, as all hardware uses it.
const RSA_EXPONENT: &str = "AQAB";

/// A public key, whose numbers have been checked.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceKey(Numbers);

#[derive(Clone, PartialEq, Eq)]
enum Numbers {
    /// A point on P-256.
    Es256 { x: String, y: String },
    /// A modulus.
    Rs256 { n: String },
}

/// The members of a JSON Web Key that are read. Others are ignored (RFC 7517, 4): none can name a key elsewhere.
#[derive(Deserialize)]
pub(super) struct Jwk {
    kty: String,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
}

impl DeviceKey {
    /// Reads what [`to_text`](Self::to_text) has written.
    pub(in crate::sessions) fn parse(text: &str) -> Option<Self> {
        Self::from_jwk(serde_json::from_str(text).ok()?)
    }

    /// Checks a key that a browser has sent: a point that is on the curve, or an RSA key of 2048 to 4096 bits.
    pub(super) fn from_jwk(jwk: Jwk) -> Option<Self> {
        let numbers = match jwk.kty.as_str() {
            "EC" if jwk.crv == "P-256" => Numbers::Es256 { x: jwk.x, y: jwk.y },
            "RSA" if jwk.e == RSA_EXPONENT => Numbers::Rs256 { n: jwk.n },
            _ => return None,
        };
        let key = Self(numbers);
        key.public_key().map(|_| key)
    }

    /// The key in the form of which its thumbprint is made (RFC 7638).
    pub(in crate::sessions) fn to_text(&self) -> String {
        match &self.0 {
            Numbers::Es256 { x, y } => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Numbers::Rs256 { n } => format!(r#"{{"e":"{RSA_EXPONENT}","kty":"RSA","n":"{n}"}}"#),
        }
    }

    /// Names the key (RFC 7638).
    pub(in crate::sessions) fn thumbprint(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(self.to_text()))
    }

    /// The name of its signatures in JOSE.
    pub(super) fn algorithm(&self) -> &'static str {
        match self.0 {
            Numbers::Es256 { .. } => "ES256",
            Numbers::Rs256 { .. } => "RS256",
        }
    }

    /// Whether the key has made this signature of `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let Some(key) = self.public_key() else { return false };
        // An error means that the signature is malformed.
        match self.0 {
            Numbers::Es256 { .. } => verify_es256(&key, message, signature).unwrap_or(false),
            Numbers::Rs256 { .. } => verify_rs256(&key, message, signature).unwrap_or(false),
        }
    }

    fn public_key(&self) -> Option<PKey<Public>> {
        match &self.0 {
            Numbers::Es256 { x, y } => {
                let [x, y] = [decode(x)?, decode(y)?];
                let has_length = x.len() == COORDINATE_BYTES && y.len() == COORDINATE_BYTES;
                has_length.then(|| point(&x, &y).ok()).flatten()
            }
            Numbers::Rs256 { n } => {
                let n = decode(n)?;
                let has_length = RSA_BYTES.contains(&n.len()) && n.first().is_some_and(|byte| *byte != 0);
                has_length.then(|| modulus(&n).ok()).flatten()
            }
        }
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({} {})", self.algorithm(), self.thumbprint())
    }
}

/// Decodes base64url without padding; one text per value, so that a key has one thumbprint.
fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

/// Fails for a point that is not on the curve.
fn point(x: &[u8], y: &[u8]) -> Result<PKey<Public>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let (x, y) = (BigNum::from_slice(x)?, BigNum::from_slice(y)?);
    let key = EcKey::from_public_key_affine_coordinates(&group, &x, &y)?;
    key.check_key()?;
    PKey::from_ec_key(key)
}

fn modulus(n: &[u8]) -> Result<PKey<Public>, ErrorStack> {
    let exponent = BigNum::from_u32(65537)?;
    PKey::from_rsa(Rsa::from_public_components(BigNum::from_slice(n)?, exponent)?)
}

/// The two numbers one after the other (RFC 7518, 3.4).
fn verify_es256(key: &PKey<Public>, message: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
    if signature.len() != 2 * COORDINATE_BYTES {
        return Ok(false);
    }
    let (r, s) = signature.split_at(COORDINATE_BYTES);
    let signature = EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
    signature.verify(&Sha256::digest(message), key.ec_key()?.as_ref())
}

/// PKCS #1 v1.5 (RFC 7518, 3.3).
fn verify_rs256(key: &PKey<Public>, message: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
    Verifier::new(MessageDigest::sha256(), key)?.verify_oneshot(signature, message)
}
