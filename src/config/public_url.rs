//! The URL that people use.

use std::{fmt, net::Ipv6Addr, str::FromStr};

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

    /// Whether browsers take it for secure, although it may have no https: the host `localhost` is this machine.
    pub(crate) fn is_secure_context(&self) -> bool {
        self.https || self.host() == "localhost"
    }

    /// The name of the session cookie, if none is set.
    pub(crate) fn default_cookie_name(&self) -> &'static str {
        if self.https { "__Host-keyrack.sid" } else { "keyrack.sid" }
    }

    /// Host and port.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The host without its port; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        let port_at = self.authority.rfind(':').filter(|colon| !self.authority[*colon..].contains(']'));
        port_at.map_or(&self.authority, |colon| &self.authority[..colon])
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
        let fits = |c: char| c.is_ascii_alphanumeric() || ".-:[]_".contains(c);
        let url = Self { https, authority };
        let port = url.authority[url.host().len()..].strip_prefix(':');
        let has_valid_port = port.is_none_or(|port| port.parse::<u16>().is_ok() && !port.starts_with('+'));
        let has_valid_host = match url.host().strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
            None => !url.host().is_empty() && !url.host().contains([':', '[', ']']),
        };
        if !url.authority.chars().all(fits) || !has_valid_host || !has_valid_port {
            return Err(InvalidPublicUrl);
        }
        let default_port = if https { ":443" } else { ":80" };
        let authority = url.authority.strip_suffix(default_port).unwrap_or(&url.authority).to_owned();
        Ok(Self { https, authority })
    }
}
