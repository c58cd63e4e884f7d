//! Secrets of other programs, without which their hashes can't be checked.

use secrecy::{ExposeSecret, SecretBox, SecretString};

use super::encoding::base64;

/// Secrets that other programs mixed into their hashes, and keep outside the database.
#[derive(Debug, Clone, Default)]
pub struct HashSecrets {
    /// What Devise appends to each password before bcrypt; `config.pepper` in its initializer. None by default.
    pub bcrypt_pepper: Option<SecretString>,
    /// The key that Firebase encrypts with the derived key: `base64_signer_key` of a project's hash parameters. None by
    /// default: its hashes can't be checked then.
    pub firebase_signer_key: Option<FirebaseSignerKey>,
}

/// The key of a project, `base64_signer_key` in its hash parameters. Its `Debug` hides it.
#[derive(Debug)]
pub struct FirebaseSignerKey(SecretBox<[u8; KEY_BYTES]>);

/// The length of the key, and of each result.
pub(super) const KEY_BYTES: usize = 64;

impl FirebaseSignerKey {
    pub(super) fn expose(&self) -> &[u8; KEY_BYTES] {
        self.0.expose_secret()
    }
}

impl Clone for FirebaseSignerKey {
    fn clone(&self) -> Self {
        Self(SecretBox::new(Box::new(*self.0.expose_secret())))
    }
}

/// A text that is not a signer key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a signer key of Firebase is 64 bytes in base64; the console shows it under Authentication, Users, Password hash parameters"
)]
pub struct InvalidSignerKey;

impl std::str::FromStr for FirebaseSignerKey {
    type Err = InvalidSignerKey;

    fn from_str(text: &str) -> Result<Self, InvalidSignerKey> {
        let bytes = base64(text.trim()).map_err(|_| InvalidSignerKey)?;
        let key = bytes.try_into().map_err(|_| InvalidSignerKey)?;
        Ok(Self(SecretBox::new(Box::new(key))))
    }
}
