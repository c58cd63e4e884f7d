//! An authenticator app, which knows no more of Keyrack than what its QR code says.

use hmac::{Hmac, KeyInit, Mac};
use keyrack::clock::Timestamp;
use sha1::Sha1;

use super::browser::Answer;

/// An app with the secret of one account.
#[derive(Debug, Clone)]
pub struct Authenticator(Vec<u8>);

impl Authenticator {
    /// Reads the link on the page that sets up an app.
    pub fn scan(page: &Answer) -> Self {
        let secret = page.between("otpauth://totp/", "\"").split_once("secret=").unwrap().1.to_owned();
        let secret: String = secret.chars().take_while(char::is_ascii_alphanumeric).collect();
        let value = |c: char| "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(c).unwrap();
        let bits: Vec<bool> =
            secret.chars().flat_map(|c| (0..5).rev().map(move |bit| value(c) >> bit & 1 == 1)).collect();
        let byte = |eight: &[bool]| eight.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        Self(bits.chunks_exact(8).map(byte).collect())
    }

    /// The code that it shows at this time.
    pub fn code_at(&self, time: Timestamp) -> String {
        let step = time.as_micros() / 30_000_000;
        let hash = Hmac::<Sha1>::new_from_slice(&self.0).unwrap().chain_update(step.to_be_bytes()).finalize();
        let hash = hash.into_bytes();
        let offset = usize::from(hash[19] & 15);
        let number = u32::from_be_bytes(hash[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }
}
