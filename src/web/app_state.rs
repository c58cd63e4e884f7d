//! The state that all requests share.

use std::time::Duration;

use super::{
    app_origins::AppOrigins, assets::Assets, bound::BoundSessions, browser_cookie::BrowserCookie,
    client_ip::TrustedProxies, cookie::SessionCookie, csrf::Csrf, event_tokens::EventTokens, flash::Flash,
    form_seed::FormSeeds, languages::Languages, passkey_challenge::PasskeyChallenges, pending_change::PendingChanges,
    pending_sign_in::PendingSignIns, proxy_warnings::ProxyWarnings, signing::Signer,
};
use crate::{
    accounts::Accounts,
    clock::Clock,
    config::{PublicUrl, Registration, Secrets},
    db::Database,
    events::{Broadcast, EventRate},
    geoip::GeoIp,
    mail::MailSender,
    sessions::Sessions,
};

/// The domain, and the configured parts of the web layer.
pub(crate) struct AppState {
    pub database: Database,
    pub clock: Clock,
    pub sessions: Sessions,
    pub accounts: Accounts,
    pub public_url: PublicUrl,
    pub cookie: SessionCookie,
    pub browser_cookie: BrowserCookie,
    /// Binds sessions to browsers.
    pub bound: BoundSessions,
    pub csrf: Csrf,
    /// The origins of applications whose pages may follow their session.
    pub app_origins: AppOrigins,
    pub form_seeds: FormSeeds,
    /// Tells where an address is.
    pub geoip: GeoIp,
    /// Sends mails, if a server is set up.
    pub mail_sender: Option<MailSender>,
    pub flash: Flash,
    pub pending_changes: PendingChanges,
    pub pending_sign_ins: PendingSignIns,
    pub passkey_challenges: PasskeyChallenges,
    pub languages: Languages,
    /// The files that pages link.
    pub assets: Assets,
    /// How old a proof may be for a sensitive change.
    pub reauth_window: Duration,
    /// Whether visitors may create accounts themselves.
    pub registration: Registration,
    pub trusted_proxies: TrustedProxies,
    pub proxy_warnings: ProxyWarnings,
    /// The value of `Strict-Transport-Security`, if it is sent.
    pub hsts: Option<&'static str>,
    pub setup_token: SetupToken,
    /// Tells open pages what becomes of their sessions.
    pub broadcast: Broadcast,
    /// Names events to these pages.
    pub event_tokens: EventTokens,
    /// Bounds the events of refused forms and requests.
    pub event_rate: EventRate,
}

/// The token of the setup link. It is derived from the secrets, so that the link is the same on every instance and
/// after a restart.
pub(crate) struct SetupToken(Signer);

/// What is signed. The page is gone once there is a user, so the token needs nothing that changes.
const SETUP: &[u8] = b"create the first account";

impl SetupToken {
    pub fn new(secrets: &Secrets) -> Self {
        Self(Signer::derived(secrets, "setup"))
    }

    /// The token, for the link.
    pub fn expose(&self) -> String {
        self.0.sign(SETUP)
    }

    /// Whether this is the token, under any of the secrets. Compares in constant time.
    pub fn matches(&self, presented: &str) -> bool {
        self.0.verify(SETUP, presented).is_some()
    }
}
