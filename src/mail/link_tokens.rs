//! The tokens of links that are good once.

use std::fmt::{self, Write as _};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::db::LinkId;

/// What a link's URL holds: the link's id, and what only the one who has the link knows. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct LinkToken {
    id: LinkId,
    mac: [u8; 32],
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LinkToken").field(&self.id).finish_non_exhaustive()
    }
}

impl LinkToken {
    /// Reads a token of a URL; `None` if it has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 48] = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (id, mac) = bytes.split_at(16);
        Some(Self { id: LinkId::from_bytes(id.try_into().ok()?), mac: mac.try_into().ok()? })
    }

    /// The link that it is for.
    pub fn id(&self) -> LinkId {
        self.id
    }

    /// The token, for a URL.
    pub fn expose(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode([self.id.as_bytes().as_slice(), &self.mac].concat())
    }

    /// What the database keeps of it: SHA-256, in hexadecimal. The token has 256 random bits, so a fast hash is enough.
    pub fn hash(&self) -> String {
        let digest = Sha256::digest([self.id.as_bytes().as_slice(), &self.mac].concat());
        digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a String never fails.
            _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Whether the database keeps this hash of it. Compares in constant time.
    pub fn has_hash(&self, hash: &str) -> bool {
        self.hash().as_bytes().ct_eq(hash.as_bytes()).into()
    }
}

/// Derives the tokens of links from the secrets. So a mail that waits needs to hold none, and a copy of the database is not
/// enough to use a link.
#[derive(Clone)]
pub(crate) struct LinkTokens {
    /// The newest first.
    keys: Vec<Hmac<Sha256>>,
}

impl LinkTokens {
    /// Uses keys derived from these secrets, the newest first.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let derive = |secret: &str| {
            let mac = key(secret.as_bytes()).chain_update(b"keyrack account link");
            key(&mac.finalize().into_bytes())
        };
        Self { keys: secrets.into_iter().map(derive).collect() }
    }

    /// The token of a new link; `None` without a secret.
    pub fn token(&self, id: LinkId) -> Option<LinkToken> {
        self.keys.first().map(|key| token(key.clone(), id))
    }

    /// The token of a link whose hash is this one, under any of the secrets; `None` if it was made with another secret.
    pub fn find(&self, id: LinkId, hash: &str) -> Option<LinkToken> {
        self.keys.iter().map(|key| token(key.clone(), id)).find(|token| token.has_hash(hash))
    }
}

fn token(key: Hmac<Sha256>, id: LinkId) -> LinkToken {
    LinkToken { id, mac: key.chain_update(id.as_bytes()).finalize().into_bytes().into() }
}

/// HMAC takes a key of any length (RFC 2104), so this never fails.
fn key(secret: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_found_again_under_older_secrets_only() {
        let (old, new) = (LinkTokens::new(["an old secret"]), LinkTokens::new(["a new secret", "an old secret"]));
        let id = LinkId::random();
        let token = old.token(id).unwrap();
        assert_eq!(new.find(id, &token.hash()), Some(token.clone()));
        assert_eq!(LinkTokens::new(["a new secret"]).find(id, &token.hash()), None);
        assert_ne!(new.token(id), Some(token));
        assert_eq!(LinkTokens::new([]).token(id), None);
    }

    #[test]
    fn token_is_read_from_its_url_and_matches_its_hash_only() {
        let tokens = LinkTokens::new(["a secret"]);
        let token = tokens.token(LinkId::random()).unwrap();
        let text = token.expose();
        assert_eq!(LinkToken::parse(&text), Some(token.clone()));
        assert!(token.has_hash(&token.hash()) && !token.has_hash(&tokens.token(LinkId::random()).unwrap().hash()));
        assert!(!format!("{token:?}").contains(&text[24..]));
        for wrong in ["", "abc", &text[1..], &format!("{text}A"), &text.replace(text.as_bytes()[5] as char, "=")] {
            assert_eq!(LinkToken::parse(wrong), None, "{wrong}");
        }
    }
}
