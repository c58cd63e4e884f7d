//! Typed settings. `commands/settings.rs` reads them from flags, variables and a file.

use std::{fmt, str::FromStr};

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    accounts::HashCost,
    clock::Clock,
    db::{DatabaseOptions, DatabaseUrl},
    sessions::Policy,
};

/// All settings of Keyrack.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database, and the size and timeout of its connection pool.
    pub database: DatabaseOptions,
    /// The URL that people use. Its scheme decides whether cookies are `Secure`; its origin is where forms may come
    /// from. Default: `http://127.0.0.1:8080`.
    pub public_url: PublicUrl,
    /// The secrets that sign cookies and form tokens.
    pub secrets: Secrets,
    /// The session cookie's name. Default: `keyrack.sid`, over https `__Host-keyrack.sid`.
    pub cookie_name: Option<String>,
    /// The cookie's `Domain`: with `example.org`, browsers send the cookie to every host under it. Default: none, so
    /// that they send it to this host only. Can't be combined with a cookie name that begins with `__Host-` (RFC
    /// 6265bis).
    pub cookie_domain: Option<String>,
    /// Timeouts and limits of sessions. `Keyrack::new` sets its `secure_cookies` and `cookie_domain`, from the public
    /// URL and the cookie's domain above.
    pub policy: Policy,
    /// The proxies whose `X-Forwarded-For` is trusted. Default: none.
    pub trusted_proxies: Vec<IpNet>,
    /// The cost of a password hash.
    pub hash_cost: HashCost,
    /// The source of the current time.
    pub clock: Clock,
}

impl Config {
    /// The defaults of all other settings.
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

    /// Whether browsers connect over TLS, so that cookies are `Secure`.
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

/// A text that is not a public URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use https://HOST or http://HOST:PORT, without a path: Keyrack's pages are at its root")]
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

/// Signing secrets, newest first: all verify signatures, the first one signs. `Debug` hides them, and their memory is
/// overwritten when they are dropped.
#[derive(Debug, Clone)]
pub struct Secrets(Vec<SecretString>);

/// Why a list of secrets is invalid.
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
}

impl Secrets {
    /// Minimum number of characters of a secret. Random base64 of this length has 96 bits.
    pub const MIN_LENGTH: usize = 16;

    /// Checks the secrets, which must be ordered from the newest to the oldest.
    pub fn new(secrets: Vec<String>) -> Result<Self, InvalidSecrets> {
        match secrets.iter().map(|secret| secret.chars().count()).min() {
            None => Err(InvalidSecrets::None),
            Some(length) if length < Self::MIN_LENGTH => Err(InvalidSecrets::TooShort(length)),
            Some(_) => Ok(Self(secrets.into_iter().map(SecretString::from).collect())),
        }
    }

    /// The secrets in plain text, newest first.
    pub fn expose(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(ExposeSecret::expose_secret)
    }
}

impl FromStr for Secrets {
    type Err = InvalidSecrets;

    /// Parses a comma-separated list. White space around a secret is ignored.
    fn from_str(text: &str) -> Result<Self, InvalidSecrets> {
        let secrets = text.split(',').map(str::trim).filter(|secret| !secret.is_empty());
        Self::new(secrets.map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_have_a_minimum_length() {
        let secrets: Secrets = "the newest secret of all, an older secret it knew".parse().unwrap();
        let debug = format!("{secrets:?}");
        assert!(debug.contains("REDACTED") && !debug.contains("secret of all"), "{debug}");
        assert_eq!("".parse::<Secrets>().unwrap_err(), InvalidSecrets::None);
        assert_eq!("a long enough secret,short".parse::<Secrets>().unwrap_err(), InvalidSecrets::TooShort(5));
    }

    #[test]
    fn public_url_is_an_origin_without_a_path() {
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
