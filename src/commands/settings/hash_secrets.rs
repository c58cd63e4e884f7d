//! The secrets of other programs whose password hashes were imported.

use secrecy::ExposeSecret;

use super::{Failure, Settings};
use crate::accounts::{FirebaseSignerKey, HashSecrets};

impl Settings {
    /// What is needed to check the hashes of other programs.
    pub(in crate::commands) fn hash_secrets(&self) -> Result<HashSecrets, Failure> {
        // Parsed here, since clap would print a wrong one.
        let key = self.firebase_signer_key.as_ref().map(|key| key.expose_secret().parse::<FirebaseSignerKey>());
        let firebase_signer_key = key.transpose().map_err(|error| {
            Failure::usage(format!("invalid value for --firebase-signer-key (KEYRACK_FIREBASE_SIGNER_KEY): {error}"))
        })?;
        Ok(HashSecrets { bcrypt_pepper: self.bcrypt_pepper.clone(), firebase_signer_key })
    }
}
