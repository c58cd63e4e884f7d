//! Known browsers: those that have signed in to an account before. A sign-in makes its browser known, in the transaction
//! that starts the session (`remember_browser.rs`).
//!
//! Being known lets no one in. A known browser has a budget of failed sign-ins of its own, so that strangers who guess
//! can't keep the account's owner out.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::words::Language;

/// Known browsers of one account; beyond it the least recently used one is forgotten.
pub(crate) const MAX_BROWSERS_PER_ACCOUNT: usize = 100;
/// Browsers that become known to one account per day. With the password alone, an attacker would otherwise push the
/// owner's browsers out of the list within minutes.
pub(crate) const MAX_NEW_BROWSERS_PER_DAY: usize = 10;

/// How long a browser is new to an account that knows it. A session that starts on it within this time is marked, for
/// as long.
pub(crate) const NEW_BROWSER_PERIOD: Duration = Duration::from_secs(24 * 60 * 60);

/// The hash of a browser's id, as the database keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BrowserIdHash(pub(crate) String);

impl BrowserIdHash {
    /// Hashes the id in a browser's cookie.
    pub(crate) fn of(id: &str) -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(id.as_bytes())))
    }

    /// Makes a hash from trusted text: of a row, or of a cookie's id whose signature has been verified.
    pub fn from_trusted(hash: &str) -> Self {
        Self(hash.to_owned())
    }

    /// The hash in base64url.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The browser of a sign-in.
#[derive(Debug, Clone)]
pub struct SignInBrowser {
    /// The hashes of the ids in its cookie.
    pub presented: Vec<BrowserIdHash>,
    /// The hash of the id that it gets if the account knows none of these.
    pub new: BrowserIdHash,
    /// The language of its pages.
    pub language: Option<Language>,
}
