//! The origin of an application whose pages may follow their session.

use std::{fmt, net::IpAddr, str::FromStr};

use super::public_url::PublicUrl;

/// An origin as browsers write it in the header `Origin`: scheme, host and port, without the scheme's own port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppOrigin(PublicUrl);

/// A text that is not an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an origin; use a scheme, a host and its port, such as https://app.example.org")]
pub struct InvalidAppOrigin;

impl FromStr for AppOrigin {
    type Err = InvalidAppOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidAppOrigin> {
        // A path would suggest that other pages of the origin are left out.
        if text.ends_with('/') {
            return Err(InvalidAppOrigin);
        }
        text.parse().map(Self).map_err(|_| InvalidAppOrigin)
    }
}

impl fmt::Display for AppOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl AppOrigin {
    /// The host without its port.
    pub(crate) fn host(&self) -> &str {
        self.0.host()
    }

    /// Whether browsers may see this origin and Keyrack's as one site: only then do they send a cookie with
    /// `SameSite=Lax` along with the requests of its pages.
    ///
    /// The scheme must be the same. So must the host, whatever the port, or the last two labels of both names at least.
    /// Below a public suffix of two labels, such as `co.uk`, that is too generous: browsers then send no cookie, and the
    /// stream is refused as without a session.
    pub fn may_share_site_with(&self, public_url: &PublicUrl) -> bool {
        let (own, other) = (self.0.host(), public_url.host());
        let is_name = |host: &str| !host.starts_with('[') && host.parse::<IpAddr>().is_err();
        let shared_labels = || own.rsplit('.').zip(other.rsplit('.')).take_while(|(own, other)| own == other).count();
        let is_same_domain = || is_name(own) && is_name(other) && shared_labels() >= 2;
        self.0.is_https() == public_url.is_https() && (own == other || is_same_domain())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_has_no_path_and_no_default_port() {
        for (text, shown) in [
            ("https://app.example.org", "https://app.example.org"),
            ("HTTPS://app.example.org", ""),
            ("https://App.Example.org:443", "https://app.example.org"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("https://app.example.org/", ""),
            ("https://app.example.org/page", ""),
            ("https://user@app.example.org", ""),
            ("https://*.example.org", ""),
            ("app.example.org", ""),
            ("null", ""),
            ("*", ""),
        ] {
            let parsed = text.parse().map(|origin: AppOrigin| origin.to_string());
            assert_eq!(parsed.unwrap_or_default(), shown, "{text}");
        }
    }

    #[test]
    fn other_sites_are_told_from_other_origins() {
        for (origin, public_url, is_same) in [
            ("https://app.example.org", "https://login.example.org", true),
            ("https://example.org", "https://login.example.org:8443", true),
            ("https://a.b.example.org", "https://example.org", true),
            ("http://127.0.0.1:3000", "http://127.0.0.1:8080", true),
            ("http://localhost:3000", "http://localhost:8080", true),
            ("http://[::1]:3000", "http://[::1]:8080", true),
            // Browsers take the scheme as a part of the site.
            ("http://app.example.org", "https://login.example.org", false),
            ("https://app.example.com", "https://login.example.org", false),
            ("https://app-example.org", "https://example.org", false),
            ("http://localhost:3000", "http://127.0.0.1:8080", false),
            ("http://app.localhost", "http://localhost", false),
            ("http://127.0.0.1:3000", "http://10.0.0.1:8080", false),
            ("http://10.1.0.1", "http://10.2.0.1", false),
        ] {
            let found = origin.parse::<AppOrigin>().unwrap().may_share_site_with(&public_url.parse().unwrap());
            assert_eq!(found, is_same, "{origin} and {public_url}");
        }
    }
}
