//! Typed settings. Reading them from flags, variables and files is the commands' business (`commands/settings.rs`).

use std::{fmt, str::FromStr};

use ipnet::IpNet;

use crate::{
    accounts::HashCost,
    clock::Clock,
    db::{DatabaseOptions, DatabaseUrl},
    sessions::Policy,
};

/// All that Keyrack needs to know, with defaults for what can have one.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database, and how to use it.
    pub database: DatabaseOptions,
    /// The URL that people use. Its scheme decides whether cookies are `Secure`; its origin is where forms may come
    /// from. Default: `http://127.0.0.1:8080`.
    pub public_url: PublicUrl,
    /// What signs cookies and form tokens.
    pub secrets: Secrets,
    /// The session cookie's name. Default: `keyrack.sid`, over https `__Host-keyrack.sid`.
    pub cookie_name: Option<String>,
    /// The cookie's `Domain`: with `example.org`, every host under it gets the cookie. Default: none, which is this host only
    /// and safer. A domain and a name that begins with `__Host-` exclude each other (RFC 6265bis).
    pub cookie_domain: Option<String>,
    /// The rules that sessions live under.
    pub policy: Policy,
    /// Whose `X-Forwarded-For` is believed. Default: nobody's.
    pub trusted_proxies: Vec<IpNet>,
    /// What hashing a password costs.
    pub hash_cost: HashCost,
    /// Where `now` comes from.
    pub clock: Clock,
}

impl Config {
    /// The defaults around what has none.
    pub fn new(database_url: DatabaseUrl, secrets: Secrets) -> Self {
        Self {
            database: DatabaseOptions::for_server(database_url),
            public_url: PublicUrl::default(),
            secrets,
            cookie_name: None,
            cookie_domain: None,
            policy: Policy::default(),
            trusted_proxies: Vec::new(),
            hash_cost: HashCost::default(),
            clock: Clock::System,
        }
    }
}

/// The URL that people use: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    https: bool,
    authority: String,
}

impl PublicUrl {
    /// The URL of a server that is reached directly, over plain HTTP.
    pub fn plain(authority: impl fmt::Display) -> Self {
        Self { https: false, authority: authority.to_string() }
    }

    /// Whether people come over TLS, so that cookies are `Secure`.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Host and port.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

impl Default for PublicUrl {
    fn default() -> Self {
        Self::plain("127.0.0.1:8080")
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.https { "https" } else { "http" }, self.authority)
    }
}

/// A public URL that can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a public URL is https://HOST or http://HOST:PORT, without a path: Keyrack's pages live at its root")]
pub struct InvalidPublicUrl;

impl FromStr for PublicUrl {
    type Err = InvalidPublicUrl;

    fn from_str(text: &str) -> Result<Self, InvalidPublicUrl> {
        let (https, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => return Err(InvalidPublicUrl),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
        let default_port = if https { ":443" } else { ":80" };
        let authority = authority.strip_suffix(default_port).unwrap_or(&authority).to_owned();
        let fits = |c: char| c.is_ascii_alphanumeric() || ".-:[]_".contains(c);
        if authority.is_empty() || !authority.chars().all(fits) {
            return Err(InvalidPublicUrl);
        }
        Ok(Self { https, authority })
    }
}

/// Signing secrets, the newest first: all verify, the first signs. `Debug` hides them.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets(Vec<String>);

/// A list of secrets that can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecrets {
    /// No secret at all.
    #[error("there is no secret: give at least one, or none at all to have one generated")]
    None,
    /// One that could be guessed.
    #[error(
        "a secret has {0} characters, fewer than {min}: make one with `openssl rand -base64 32`",
        min = Secrets::MIN_LENGTH
    )]
    TooShort(usize),
}

impl Secrets {
    /// The fewest characters of a secret: with a random one, 128 bits in any alphabet of 256, 96 in base64.
    pub const MIN_LENGTH: usize = 16;

    /// Takes the secrets, the newest first.
    pub fn new(secrets: Vec<String>) -> Result<Self, InvalidSecrets> {
        match secrets.iter().map(|secret| secret.chars().count()).min() {
            None => Err(InvalidSecrets::None),
            Some(length) if length < Self::MIN_LENGTH => Err(InvalidSecrets::TooShort(length)),
            Some(_) => Ok(Self(secrets)),
        }
    }

    /// The secrets themselves, the newest first.
    pub fn expose(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl FromStr for Secrets {
    type Err = InvalidSecrets;

    /// Reads a comma-separated list; white space around each is not part of it.
    fn from_str(text: &str) -> Result<Self, InvalidSecrets> {
        let secrets = text.split(',').map(str::trim).filter(|secret| !secret.is_empty());
        Self::new(secrets.map(str::to_owned).collect())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} hidden)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_hide_themselves_and_have_a_length() {
        let secrets: Secrets = "the newest secret of all, an older secret it knew".parse().unwrap();
        assert_eq!(format!("{secrets:?}"), "Secrets(2 hidden)");
        assert_eq!("".parse::<Secrets>(), Err(InvalidSecrets::None));
        assert_eq!("a long enough secret,short".parse::<Secrets>(), Err(InvalidSecrets::TooShort(5)));
    }

    #[test]
    fn public_urls_are_origins() {
        for (text, shown) in [
            ("https://Keys.Example.COM/", "https://keys.example.com"),
            ("https://keys.example.com:443", "https://keys.example.com"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().to_string(), shown);
        }
        for text in ["", "keys.example.com", "ftp://a", "https://", "https://a/path", "https://user@a", "https://a b"] {
            assert_eq!(text.parse::<PublicUrl>(), Err(InvalidPublicUrl), "{text}");
        }
    }
}
