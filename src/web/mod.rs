//! The web layer: middleware, extractors and pages.
//!
//! A request passes, from the outside in: `request_log`, `headers`, `render_errors`, `body` (timeout),
//! `session`, `require_sign_in` or `recent_proof`, and its handler in `pages`.

mod access_refusal;
mod app_origins;
mod app_state;
mod assets;
mod background;
mod bare_response;
pub(crate) mod body;
pub(crate) mod bound;
mod browser_cookie;
mod client_ip;
mod cookie;
pub(crate) mod cross_origin;
mod csrf;
mod csrf_form;
pub(crate) mod errors;
mod event_tokens;
mod flash;
mod form_seed;
#[cfg(test)]
mod fuzz_tests;
pub(crate) mod headers;
mod labels;
mod languages;
mod next;
mod page;
pub(crate) mod page_states;
pub(crate) mod pages;
mod passkey_challenge;
mod password_change;
mod pending_change;
mod pending_sign_in;
mod places;
mod proof_form;
mod proxy_warnings;
mod received_form;
pub(crate) mod recent_proof;
pub(crate) mod render_errors;
mod repeated_proof;
mod request_id;
pub(crate) mod request_log;
mod request_words;
pub(crate) mod require_sign_in;
mod sample;
mod session;
mod signing;
mod time_text;

pub(crate) use app_origins::AppOrigins;
pub(crate) use app_state::{AppState, SetupToken};
pub(crate) use assets::Assets;
pub(crate) use bare_response::bare_response;
pub(crate) use bound::BoundSessions;
pub(crate) use browser_cookie::BrowserCookie;
pub(crate) use client_ip::TrustedProxies;
pub(crate) use cookie::SessionCookie;
pub(crate) use csrf::Csrf;
pub(crate) use csrf_form::ChecksCsrf;
pub(crate) use event_tokens::EventTokens;
pub(crate) use flash::Flash;
pub(crate) use form_seed::FormSeeds;
pub(crate) use languages::Languages;
pub(crate) use next::{Destinations, Pages};
pub(crate) use passkey_challenge::PasskeyChallenges;
pub(crate) use pending_change::PendingChanges;
pub(crate) use pending_sign_in::PendingSignIns;
pub(crate) use proxy_warnings::ProxyWarnings;
pub(crate) use received_form::{FormPage, ReceivedForm, WaitingChange};
pub use recent_proof::require_recent_sign_in;
pub use require_sign_in::require_sign_in;
pub use session::{RequestSession, SessionLayer, SignedIn};
