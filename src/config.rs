//! Typed settings. `commands/settings.rs` reads them from flags, variables and a file.

mod app_origin;
mod brand;
mod connections;
#[cfg(test)]
mod fuzz_tests;
mod public_url;
mod secrets;
mod weak_secret;

use std::{num::NonZeroU32, time::Duration};

use ipnet::IpNet;

use crate::{
    accounts::{BreachedPasswords, DEFAULT_NEW_ADDRESS_MAILS, HashCost, HashSecrets, SecondFactorPolicy, SignInPace},
    clock::Clock,
    db::{DatabaseOptions, DatabaseUrl},
    geoip::GeoIp,
    mail::MailSettings,
    sessions::Policy,
    words::Language,
};

pub use app_origin::{AppOrigin, InvalidAppOrigin};
pub(crate) use brand::Shades;
#[cfg(test)]
pub(crate) use brand::THEMES;
pub use brand::{Accent, Brand, InvalidAccent, InvalidLogo, InvalidSiteName, Logo, SiteName};
pub use connections::ConnectionLimits;
pub use public_url::{InvalidPublicUrl, PublicUrl};
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
    /// The origins of applications whose pages may read the stream of events about their session, besides those of the
    /// public URL's own origin. Default: none.
    pub app_origins: Vec<AppOrigin>,
    /// The languages that pages are offered in. The first one is that of users who ask for none of them.
    pub languages: Vec<Language>,
    /// How pages present the site. Default: as Keyrack.
    pub brand: Brand,
    /// The cost of a password hash.
    pub hash_cost: HashCost,
    /// Secrets of other programs whose password hashes were imported. Default: none.
    pub hash_secrets: HashSecrets,
    /// The list of leaked passwords, which no user may choose. Default: none.
    pub breached_passwords: Option<BreachedPasswords>,
    /// The files that tell where an address is. Default: none, so that pages show addresses only.
    pub geoip: GeoIp,
    /// The mail server, and the sender of mails. Default: none, so that no mail is sent.
    pub mail: Option<MailSettings>,
    /// How many successful sign-ins of one user may follow each other. Default: ten at once, then one every five
    /// seconds.
    pub sign_in_pace: SignInPace,
    /// How old the last proof of a session's user may be when they change something sensitive, such as ending their other
    /// sessions. Beyond it, Keyrack asks for the password again. Default: 10 minutes, so that a browser that was left
    /// unattended is of little use to others (ASVS 7.5).
    pub reauth_window: Duration,
    /// Who must have a second factor. Default: those who want one. It is asked for at Keyrack's own sign-in page; an
    /// application that names its users by itself decides by itself.
    pub second_factor: SecondFactorPolicy,
    /// Whether visitors may create accounts themselves. Default: not.
    pub registration: Registration,
    /// How many mails per hour may go to addresses that have no account, for the whole site: links of registrations, and of
    /// changed addresses. Default: 1000, so that the site can't be made to send mails to any number of strangers. `None`:
    /// any number.
    pub new_address_mails: Option<NonZeroU32>,
    /// Whether sessions are bound to the browser that signs in. Default: where it can.
    pub bound_sessions: BoundSessions,
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
            app_origins: Vec::new(),
            languages: Language::for_people().to_vec(),
            brand: Brand::default(),
            hash_cost: HashCost::default(),
            hash_secrets: HashSecrets::default(),
            breached_passwords: None,
            geoip: GeoIp::default(),
            mail: None,
            sign_in_pace: SignInPace::default(),
            reauth_window: DEFAULT_REAUTH_WINDOW,
            second_factor: SecondFactorPolicy::default(),
            registration: Registration::default(),
            new_address_mails: Some(DEFAULT_NEW_ADDRESS_MAILS),
            bound_sessions: BoundSessions::default(),
            connections: ConnectionLimits::default(),
            clock: Clock::System,
        }
    }
}

/// Who may create accounts at `/register`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Registration {
    /// Only operators create accounts: the page does not exist.
    #[default]
    Off,
    /// Everyone whose address a mail reaches. It needs a mail server.
    Open,
}

/// Whether sessions are bound to a key of the browser that signs in (Device Bound Session Credentials). Browsers do that
/// over https, and on `localhost`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum BoundSessions {
    /// No further session is bound, and those that are go on as if they were not. The default, since a link from another
    /// site still shows the sign-in page to a browser whose proof has run out.
    #[default]
    Off,
    /// Each browser is asked, and those that can do it.
    Auto,
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
