//! The secrets of other programs whose password hashes were imported.

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    accounts::{FirebaseSignerKey, HashSecrets},
    commands::Failure,
};

/// The settings for them.
#[derive(Args, Debug, Clone)]
#[expect(clippy::doc_markdown, reason = "these comments are what --help prints, not Markdown")]
pub(in crate::commands) struct HashSecretSettings {
    /// What the program that hashed imported passwords by bcrypt appended to each: Devise's pepper [default: none]
    #[arg(long, env = "KEYRACK_BCRYPT_PEPPER", global = true, value_name = "TEXT", hide_env_values = true)]
    bcrypt_pepper: Option<SecretString>,

    /// The base64_signer_key of the Firebase project whose password hashes were imported [default: none]
    #[arg(long, env = "KEYRACK_FIREBASE_SIGNER_KEY", global = true, value_name = "KEY", hide_env_values = true)]
    firebase_signer_key: Option<SecretString>,
}

impl HashSecretSettings {
    /// What is needed to check the hashes of other programs.
    pub(in crate::commands) fn read(&self) -> Result<HashSecrets, Failure> {
        // Parsed here, since clap would print a wrong one.
        let key = self.firebase_signer_key.as_ref().map(|key| key.expose_secret().parse::<FirebaseSignerKey>());
        let firebase_signer_key = key.transpose().map_err(|error| {
            Failure::usage(format!("invalid value for --firebase-signer-key (KEYRACK_FIREBASE_SIGNER_KEY): {error}"))
        })?;
        Ok(HashSecrets { bcrypt_pepper: self.bcrypt_pepper.clone(), firebase_signer_key })
    }
}
