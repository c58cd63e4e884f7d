//! Typed settings. `commands/settings.rs` reads them from flags, variables and a file.

mod brand;
mod connections;
#[cfg(test)]
mod fuzz_tests;
mod secrets;
mod weak_secret;

use std::{fmt, net::Ipv6Addr, str::FromStr, time::Duration};

use ipnet::IpNet;

use crate::{
    accounts::{BreachedPasswords, HashCost, SignInPace},
    clock::Clock,
    db::{DatabaseOptions, DatabaseUrl},
    geoip::GeoIp,
    sessions::Policy,
    words::Language,
};

pub(crate) use brand::Shades;
#[cfg(test)]
pub(crate) use brand::THEMES;
pub use brand::{Accent, Brand, InvalidAccent, InvalidLogo, InvalidSiteName, Logo, SiteName};
pub use connections::ConnectionLimits;
pub use secrets::{InvalidSecrets, Secrets};

/// The default of [`Config::reauth_window`].
pub(crate) const DEFAULT_REAUTH_WINDOW: Duration = Duration::from_secs(10 * 60);

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
    /// The scope of `Strict-Transport-Security`. Default: this host only.
    pub hsts: Hsts,
    /// The languages that pages are offered in. The first one is that of users who ask for none of them.
    pub languages: Vec<Language>,
    /// How pages present the site. Default: as Keyrack.
    pub brand: Brand,
    /// The cost of a password hash.
    pub hash_cost: HashCost,
    /// The list of leaked passwords, which no user may choose. Default: none.
    pub breached_passwords: Option<BreachedPasswords>,
    /// The files that tell where an address is. Default: none, so that pages show addresses only.
    pub geoip: GeoIp,
    /// How many successful sign-ins of one user may follow each other. Default: ten at once, then one every five
    /// seconds.
    pub sign_in_pace: SignInPace,
    /// How old the last proof of a session's user may be when they change something sensitive, such as ending their other
    /// sessions. Beyond it, Keyrack asks for the password again. Default: 10 minutes, so that a browser that was left
    /// unattended is of little use to others (ASVS 7.5).
    pub reauth_window: Duration,
    /// How many connections the server keeps open, and how long each may take.
    pub connections: ConnectionLimits,
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
            hsts: Hsts::default(),
            languages: Language::for_people().to_vec(),
            brand: Brand::default(),
            hash_cost: HashCost::default(),
            breached_passwords: None,
            geoip: GeoIp::default(),
            sign_in_pace: SignInPace::default(),
            reauth_window: DEFAULT_REAUTH_WINDOW,
            connections: ConnectionLimits::default(),
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

/// The scope of `Strict-Transport-Security` (RFC 6797), which tells browsers to use https only, for two years. It is
/// sent over https only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Hsts {
    /// Not sent: for a proxy that sends its own.
    #[value(alias = "false")]
    Off,
    /// For this host. Every port of it is included.
    #[default]
    #[value(alias = "true")]
    On,
    /// For this host and all hosts below it. Not the default: it would take other programs on those hosts along, which
    /// may have no https, for two years.
    Subdomains,
}

impl Hsts {
    /// The header's value for this public URL; `None` if the header is not sent.
    pub(crate) fn header(self, public_url: &PublicUrl) -> Option<&'static str> {
        let scope = match self {
            Self::Off => return None,
            Self::On => "max-age=63072000",
            Self::Subdomains => "max-age=63072000; includeSubDomains",
        };
        public_url.is_https().then_some(scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for text in ["", "keys.example.com", "ftp://a", "https://", "https://a/path", "https://user@a", "https://a b"]
            .into_iter()
            .chain([
                "https://:",
                "https://:8080",
                "https://a:",
                "https://a:b",
                "https://a:65536",
                "https://[::1",
                "https://a:1:2",
            ])
        {
            assert_eq!(text.parse::<PublicUrl>(), Err(InvalidPublicUrl), "{text}");
        }
    }

    #[test]
    fn host_has_no_port() {
        for (text, host) in [
            ("https://keys.example.com", "keys.example.com"),
            ("http://127.0.0.1:8080", "127.0.0.1"),
            ("http://[::1]:8080", "[::1]"),
            ("https://[::1]", "[::1]"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().host(), host);
        }
    }
}
