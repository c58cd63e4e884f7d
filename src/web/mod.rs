//! The web: what stands between a request and the domain's verbs.
//!
//! A request passes, from the outside in: the log line (`request_log`), the headers of every answer (`headers`), pages for
//! bare errors (`errors`), the wait for its body (`body`), the session (`session`), the guard (`guard`), and its page (`pages`).

mod assets;
pub(crate) mod body;
mod client_ip;
mod cookie;
mod csrf;
pub(crate) mod errors;
mod flash;
pub(crate) mod guard;
pub(crate) mod headers;
mod next;
mod page;
pub(crate) mod pages;
mod request_id;
pub(crate) mod request_log;
mod session;
mod shared;
mod signing;
mod wording;

pub(crate) use client_ip::TrustedProxies;
pub(crate) use cookie::SessionCookie;
pub(crate) use csrf::Csrf;
pub use guard::signed_in;
pub use session::{SessionLayer, Visit};
pub(crate) use shared::{SetupToken, Shared};
