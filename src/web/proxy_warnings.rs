//! Warnings about a proxy in front that Keyrack has not been told of: then all clients share the proxy's address, and
//! one of them uses up the failed sign-ins of all; or cookies are not `Secure`.
//!
//! Each is logged once per process. A client can send the headers, too, so that a public address has a warning of its
//! own: it can't keep the one about a proxy, which is mostly private, from being logged.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
};

use actix_web::http::header::{HeaderMap, HeaderName};

use super::client_ip::TrustedProxies;
use crate::config::PublicUrl;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The warnings that were logged.
#[derive(Default)]
pub(crate) struct ProxyWarnings {
    private_peer: AtomicBool,
    public_peer: AtomicBool,
    https: AtomicBool,
}

impl ProxyWarnings {
    /// Warns if a proxy has sent the request that is not trusted, or that has received it over https while the public
    /// URL has http.
    pub fn check(&self, trusted: &TrustedProxies, public_url: &PublicUrl, peer: Option<IpAddr>, headers: &HeaderMap) {
        let Some(peer) = peer.map(|peer| peer.to_canonical()) else { return };
        let warned = if is_private(peer) { &self.private_peer } else { &self.public_peer };
        if !warned.load(Ordering::Relaxed)
            && headers.contains_key(&X_FORWARDED_FOR)
            && !trusted.trusts(peer)
            && !warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                "{peer} sent a request with X-Forwarded-For, which is ignored: if it is your proxy, set \
                 KEYRACK_TRUSTED_PROXIES={peer}; otherwise all its clients have this address, and one that fails to \
                 sign in locks out the others"
            );
        }
        if !public_url.is_https()
            && !self.https.load(Ordering::Relaxed)
            && headers.get(&X_FORWARDED_PROTO).is_some_and(|value| is_https(value.as_bytes()))
            && !self.https.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                "{peer} sent a request that came over https, but the public URL is {public_url}: cookies are not \
                 Secure, and forms may be refused; set KEYRACK_PUBLIC_URL to the https URL that browsers use"
            );
        }
    }
}

/// Whether the first proxy, which names the protocol first, was reached over https.
fn is_https(value: &[u8]) -> bool {
    value.trim_ascii_start().get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"https"))
}

/// Whether only machines nearby can have the address.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}
