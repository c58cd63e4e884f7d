//! The secrets that sign cookies and form tokens.

use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};

use super::weak_secret::is_weak;

/// Signing secrets, newest first: all verify signatures, the first one signs. `Debug` hides them, and their memory is
/// overwritten when they are dropped.
#[derive(Debug, Clone)]
pub struct Secrets(Vec<SecretString>);

/// Why a list of secrets is invalid. The messages contain no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecrets {
    /// The list is empty.
    #[error("no secret found: add one, for example the output of `openssl rand -base64 32`")]
    None,
    /// A secret is so short that it could be guessed.
    #[error(
        "a secret has {0} characters, but needs at least {min}: create one with `openssl rand -base64 32`",
        min = Secrets::MIN_LENGTH
    )]
    TooShort(usize),
    /// The secret that signs is one that an attacker would try.
    #[error(
        "the first secret, which signs, can be guessed: it repeats itself or is made of the words of examples; create \
         one with `openssl rand -base64 32`, and keep the old one behind it while other programs still sign with it"
    )]
    Weak,
    /// A list begins or ends with a blank, which may belong to a secret or not.
    #[error(
        "the list begins or ends with white space: remove it, or write a JSON array, [\"…\", \"…\"], if it belongs to a \
         secret"
    )]
    WhiteSpaceAtEnd,
    /// A list looks like a JSON array and is none.
    #[error(
        "the list begins like a JSON array, but is not an array of strings: write [\"…\", \"…\"], with \\\" for each \
         quotation mark in a secret"
    )]
    NotJson,
}

impl Secrets {
    /// Minimum number of characters of a secret. Random base64 of this length has 96 bits.
    pub const MIN_LENGTH: usize = 16;

    /// Checks the secrets, which must be ordered from the newest to the oldest. A secret may contain any characters.
    ///
    /// Only the first one is checked for weakness: one that an Express application has used must verify its cookies
    /// until they have expired.
    pub fn new(secrets: Vec<String>) -> Result<Self, InvalidSecrets> {
        match secrets.iter().map(|secret| secret.chars().count()).min() {
            None => Err(InvalidSecrets::None),
            Some(length) if length < Self::MIN_LENGTH => Err(InvalidSecrets::TooShort(length)),
            Some(_) if is_weak(&secrets[0]) => Err(InvalidSecrets::Weak),
            Some(_) => Ok(Self(secrets.into_iter().map(SecretString::from).collect())),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The secrets in plain text, newest first.
    pub fn expose(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(ExposeSecret::expose_secret)
    }

    /// Whether a secret after the first one can be guessed.
    pub(crate) fn has_weak_older_one(&self) -> bool {
        self.expose().skip(1).any(is_weak)
    }
}

impl FromStr for Secrets {
    type Err = InvalidSecrets;

    /// Parses a JSON array of strings, or a list in which commas, with blanks around them, separate the secrets. A
    /// secret with a comma, or with a blank at an end, needs the array.
    fn from_str(text: &str) -> Result<Self, InvalidSecrets> {
        let bare = text.trim();
        let inside = bare.strip_prefix('[');
        if inside.is_some_and(|inside| inside.ends_with(']') || inside.trim_start().starts_with('"')) {
            return Self::new(serde_json::from_str(bare).map_err(|_| InvalidSecrets::NotJson)?);
        }
        if bare != text {
            return Err(InvalidSecrets::WhiteSpaceAtEnd);
        }
        let secrets = text.split(',').map(str::trim).filter(|secret| !secret.is_empty());
        Self::new(secrets.map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<String>, InvalidSecrets> {
        text.parse::<Secrets>().map(|secrets| secrets.expose().map(str::to_owned).collect())
    }

    #[test]
    fn secrets_are_hidden_and_have_a_minimum_length() {
        let secrets: Secrets = "the newest secret of all, an older secret it knew".parse().unwrap();
        let debug = format!("{secrets:?}");
        assert!(debug.contains("REDACTED") && !debug.contains("secret of all"), "{debug}");
        assert_eq!(parsed("").unwrap_err(), InvalidSecrets::None);
        assert_eq!(parsed("a long enough secret,short").unwrap_err(), InvalidSecrets::TooShort(5));
    }

    #[test]
    fn list_has_blanks_around_commas_and_a_comma_at_the_end() {
        let expected = vec!["the newest secret of all".to_owned(), "an older secret it knew".to_owned()];
        for list in [
            "the newest secret of all,an older secret it knew",
            "the newest secret of all , an older secret it knew,",
            "the newest secret of all,\t,\nan older secret it knew ,",
        ] {
            assert_eq!(parsed(list).as_ref(), Ok(&expected), "{list:?}");
        }
    }

    #[test]
    fn json_array_keeps_secrets_as_they_are() {
        let secrets = ["with, a comma and a blank ", " \"quoted\"\r\n\u{0}\u{fc}ber all", "[\"an array in an array\"]"];
        let array = serde_json::to_string(&secrets).unwrap();
        for text in [array.clone(), format!(" {array}\n")] {
            assert_eq!(parsed(&text).unwrap(), secrets);
        }
        assert_eq!(parsed("[]"), Err(InvalidSecrets::None));
        // A secret may begin like an array.
        assert_eq!(parsed("[sbGVyIGlzIHRoZSBuZXdlc3Q").unwrap(), ["[sbGVyIGlzIHRoZSBuZXdlc3Q"]);
    }

    #[test]
    fn ambiguous_lists_are_rejected() {
        for list in ["the newest secret of all ", " the newest secret of all", "the newest secret of all\n"] {
            assert_eq!(parsed(list), Err(InvalidSecrets::WhiteSpaceAtEnd), "{list:?}");
        }
        for list in ["[\"the newest secret of all\"", "[the newest secret of all]", "[\"the newest secret of all\", 7]"]
        {
            assert_eq!(parsed(list), Err(InvalidSecrets::NotJson), "{list:?}");
        }
    }

    #[test]
    fn only_the_first_secret_must_not_be_weak() {
        assert_eq!(parsed("keyboard cat keyboard cat"), Err(InvalidSecrets::Weak));
        let secrets: Secrets = "the newest secret of all,keyboard cat keyboard cat".parse().unwrap();
        assert!(secrets.has_weak_older_one());
        assert!(!"the newest secret of all,an older secret it knew".parse::<Secrets>().unwrap().has_weak_older_one());
    }
}
