//! The ids of known browsers.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::error::{Error, Result};
pub(super) use crate::sessions::BrowserIdHash;

/// The random id of a browser at one account, as its cookie carries it. Each account of a browser has another one, so
/// that the ids don't tell which accounts belong together. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct BrowserId(String);

impl BrowserId {
    /// The number of characters: 16 random bytes in base64url.
    pub const LENGTH: usize = 22;

    pub(super) fn random() -> Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(Error::internal)?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Makes an id from text in a cookie whose signature has been verified; `None` if the text has another form.
    pub fn from_trusted(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (text.len() == Self::LENGTH && text.bytes().all(fits)).then(|| Self(text.to_owned()))
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn hash(&self) -> BrowserIdHash {
        BrowserIdHash::of(&self.0)
    }
}

impl fmt::Debug for BrowserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrowserId(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browser_id_is_random_and_hidden_and_read_back() {
        let id = BrowserId::random().unwrap();
        assert_ne!(id, BrowserId::random().unwrap());
        assert_eq!(BrowserId::from_trusted(id.expose()), Some(id.clone()));
        assert!(!format!("{id:?}{:?}", id.hash()).contains(id.expose()));
        for text in ["", "short", "a.b-cdefghijklmnopqrst", &"a".repeat(23)] {
            assert_eq!(BrowserId::from_trusted(text), None, "{text}");
        }
    }
}
