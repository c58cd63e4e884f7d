//! What every request shares.

use subtle::ConstantTimeEq;

use super::{client_ip::TrustedProxies, cookie::SessionCookie, csrf::Csrf};
use crate::{accounts::Accounts, clock::Clock, config::PublicUrl, db::Database, sessions::Sessions};

/// The parts that requests use: the domain, and what the web layer was configured with.
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

/// What the set-up link carries: this process's own, gone with it.
pub(crate) struct SetupToken(pub String);

impl SetupToken {
    /// Compares in constant time.
    pub fn matches(&self, presented: &str) -> bool {
        self.0.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}
