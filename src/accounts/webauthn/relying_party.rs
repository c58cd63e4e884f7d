//! The site that passkeys are made for.

use std::{fmt, sync::Arc};

use url::{Host, Url};
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// Why there are no passkeys on this site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPasskeys {
    /// Its public URL is one over plain http, where browsers have none, except on `localhost`.
    NotSecure,
    /// Its public URL names an address instead of a host: a passkey belongs to a host.
    NoHostName,
}

/// The site, named by the host of its public URL. A passkey of another host is of no use here.
#[derive(Clone)]
pub(in crate::accounts) struct RelyingParty(Result<Arc<Webauthn>, NoPasskeys>, String);

impl fmt::Debug for RelyingParty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RelyingParty").field(&self.1).field(&self.webauthn().err()).finish()
    }
}

impl RelyingParty {
    /// The site at this URL, which browsers call by this name.
    pub fn new(public_url: &str, name: &str) -> Self {
        let Ok(url) = public_url.parse::<Url>() else { return Self(Err(NoPasskeys::NoHostName), String::new()) };
        Self(build(&url, name).map(Arc::new), url.host_str().unwrap_or_default().to_owned())
    }

    /// None: for a program that has no pages.
    pub fn none() -> Self {
        Self(Err(NoPasskeys::NotSecure), String::new())
    }

    /// Its id: the host.
    pub fn id(&self) -> &str {
        &self.1
    }

    pub(in crate::accounts) fn webauthn(&self) -> Result<&Webauthn, NoPasskeys> {
        self.0.as_deref().map_err(|reason| *reason)
    }
}

fn build(origin: &Url, name: &str) -> Result<Webauthn, NoPasskeys> {
    let Some(Host::Domain(host)) = origin.host() else { return Err(NoPasskeys::NoHostName) };
    if origin.scheme() != "https" && host != "localhost" && !host.ends_with(".localhost") {
        return Err(NoPasskeys::NotSecure);
    }
    // By default, neither other ports nor subdomains are accepted.
    let builder = WebauthnBuilder::new(host, origin).map_err(|_| NoPasskeys::NoHostName)?;
    builder.rp_name(name).build().map_err(|_| NoPasskeys::NoHostName)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_need_a_host_name_and_a_secure_connection() {
        let problem = |url: &str| RelyingParty::new(url, "Keyrack").webauthn().err();
        for url in
            ["https://id.example.com", "https://id.example.com:8443", "http://localhost:8080", "https://intranet"]
        {
            assert_eq!(problem(url), None, "{url}");
        }
        for url in ["http://id.example.com", "http://localhost.example.com:8080"] {
            assert_eq!(problem(url), Some(NoPasskeys::NotSecure), "{url}");
        }
        for url in ["http://127.0.0.1:8080", "https://192.0.2.1", "https://[2001:db8::1]:8443"] {
            assert_eq!(problem(url), Some(NoPasskeys::NoHostName), "{url}");
        }
    }
}
