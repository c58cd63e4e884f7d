//! Codes by time (RFC 6238) as every authenticator app makes them: HMAC-SHA-1, steps of 30 seconds, six digits.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretBox};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use crate::{
    clock::Timestamp,
    error::{Error, Result},
};

/// How long a code is shown.
const STEP_SECONDS: i64 = 30;
/// The steps before and after the current one whose codes are accepted: the clock of a phone may be off, and typing takes
/// a while (RFC 6238, section 5.2).
const TOLERATED_STEPS: i64 = 1;
const DIGITS: usize = 6;
/// The number of codes.
const MODULUS: u32 = 1_000_000;
/// As long as the output of HMAC-SHA-1 (RFC 4226, section 4).
const SECRET_BYTES: usize = 20;

/// The secret that an authenticator app shares with Keyrack.
pub(in crate::accounts) struct TotpSecret(SecretBox<[u8; SECRET_BYTES]>);

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

impl TotpSecret {
    pub fn random() -> Result<Self> {
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes).map_err(Error::internal)?;
        Ok(Self(SecretBox::new(Box::new(bytes))))
    }

    /// The secret in bytes that were sealed; `None` if they are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(SecretBox::new(Box::new(bytes.try_into().ok()?))))
    }

    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// The secret as it is typed into an app.
    pub fn to_base32(&self) -> String {
        base32(self.expose())
    }

    /// The URI that apps read from a QR code. `site` and `email` tell its user which account it is for.
    pub fn uri(&self, site: &str, email: &str) -> String {
        let (site, email) = (utf8_percent_encode(site, NON_ALPHANUMERIC), utf8_percent_encode(email, NON_ALPHANUMERIC));
        format!("otpauth://totp/{site}:{email}?secret={}&issuer={site}", self.to_base32())
    }

    /// The step whose code this is, among those that are accepted now. Compares with all of them, in constant time.
    pub fn find_step(&self, typed: &str, now: Timestamp) -> Option<i64> {
        let current = step_at(now);
        let steps = (current - TOLERATED_STEPS..=current + TOLERATED_STEPS).rev();
        let matches = steps.filter(|step| bool::from(self.code_at(*step).as_bytes().ct_eq(typed.as_bytes())));
        matches.fold(None, |newest, step| newest.or(Some(step)))
    }

    fn code_at(&self, step: i64) -> String {
        let hash = hmac_sha1(self.expose(), &step.to_be_bytes());
        format!("{:0DIGITS$}", truncated(&hash) % MODULUS)
    }
}

/// Whether this is a code of an app, as far as its form tells.
pub(in crate::accounts) fn is_totp_code(typed: &str) -> bool {
    typed.len() == DIGITS && typed.bytes().all(|byte| byte.is_ascii_digit())
}

fn step_at(now: Timestamp) -> i64 {
    now.as_micros().div_euclid(STEP_SECONDS * 1_000_000)
}

fn hmac_sha1(secret: &[u8], message: &[u8]) -> [u8; 20] {
    let mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.chain_update(message).finalize().into_bytes().into()
}

/// 31 bits of a hash, at the place that its last byte names (RFC 4226, section 5.3).
fn truncated(hash: &[u8; 20]) -> u32 {
    let offset = usize::from(hash[19] & 0xf);
    let four: [u8; 4] = std::array::from_fn(|index| hash[offset + index]);
    u32::from_be_bytes(four) & 0x7fff_ffff
}

/// RFC 4648, without padding.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let group = |five: &[u8]| {
        let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)) << (8 * (5 - five.len()));
        let digits = (five.len() * 8).div_ceil(5);
        (0..digits).map(move |index| char::from(ALPHABET[(bits >> (35 - 5 * index) & 31) as usize]))
    };
    bytes.chunks(5).flat_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of the vectors of RFC 6238, appendix B, for SHA-1.
    const SECRET: &[u8; 20] = b"12345678901234567890";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// Keyrack's codes are the last six of the eight digits of the vectors.
    #[test]
    fn codes_equal_the_vectors_of_rfc_6238() {
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            let step = step_at(at(seconds));
            assert_eq!(truncated(&hmac_sha1(SECRET, &step.to_be_bytes())) % 100_000_000, code.parse::<u32>().unwrap());
            let secret = TotpSecret::from_bytes(SECRET).unwrap();
            assert_eq!(secret.code_at(step), code[2..]);
            assert_eq!(secret.find_step(&code[2..], at(seconds)), Some(step));
        }
    }

    #[test]
    fn code_is_accepted_one_step_early_and_late_but_not_two() {
        let secret = TotpSecret::from_bytes(SECRET).unwrap();
        let code = secret.code_at(1_000_000);
        let within = |step: i64| secret.find_step(&code, at(step * STEP_SECONDS)).is_some();
        assert_eq!([999_998, 999_999, 1_000_000, 1_000_001, 1_000_002].map(within), [false, true, true, true, false]);
        assert!(secret.find_step(&code, at(1_000_002 * STEP_SECONDS - 1)).is_some(), "to its last second");
    }

    #[test]
    fn base32_equals_the_vectors_of_rfc_4648() {
        for (bytes, text) in [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ")] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
        assert_eq!((base32(b"fooba"), base32(b"foobar")), ("MZXW6YTB".to_owned(), "MZXW6YTBOI".to_owned()));
    }

    #[test]
    fn uri_names_site_and_account_and_debug_hides_the_secret() {
        let secret = TotpSecret::from_bytes(SECRET).unwrap();
        assert_eq!(
            secret.uri("Müller & Co", "a:b@example.com"),
            "otpauth://totp/M%C3%BCller%20%26%20Co:a%3Ab%40example%2Ecom?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&\
             issuer=M%C3%BCller%20%26%20Co"
        );
        assert_eq!(format!("{secret:?}"), "TotpSecret(…)");
    }
}
