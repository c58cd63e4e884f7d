//! The state that all requests share.

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::{client_ip::TrustedProxies, cookie::SessionCookie, csrf::Csrf};
use crate::{accounts::Accounts, clock::Clock, config::PublicUrl, db::Database, sessions::Sessions};

/// The domain, and the configured parts of the web layer.
pub(crate) struct AppState {
    pub database: Database,
    pub clock: Clock,
    pub sessions: Sessions,
    pub accounts: Accounts,
    pub public_url: PublicUrl,
    pub cookie: SessionCookie,
    pub csrf: Csrf,
    pub trusted_proxies: TrustedProxies,
    pub setup_token: SetupToken,
}

/// The token of the setup link. Each process has its own.
pub(crate) struct SetupToken(pub SecretString);

impl SetupToken {
    /// Compares in constant time.
    pub fn matches(&self, presented: &str) -> bool {
        self.0.expose_secret().as_bytes().ct_eq(presented.as_bytes()).into()
    }
}
