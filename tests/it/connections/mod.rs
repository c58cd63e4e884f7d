//! Limits of connections: what a client can cost before and beside its requests. Most of this is below the database,
//! so it runs on SQLite alone.

mod deadlines;
mod pipelining;
mod refused_requests;
mod shares;
mod unusual_requests;

use std::time::Duration;

use keyrack::config::{Config, ConnectionLimits};

use crate::support::{EngineKind, TestApp, raw::RawResponse};

/// A server on SQLite with these limits.
fn app_with(limits: ConnectionLimits) -> TestApp {
    app(|config| config.connections = limits)
}

fn app(change: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::with(EngineKind::Sqlite, change)
}

/// Deadlines that a test can wait for, as far as they are not named.
fn short_limits() -> ConnectionLimits {
    let short = Duration::from_millis(250);
    ConnectionLimits { linger_timeout: short, ..ConnectionLimits::default() }
}

/// The headers that every dynamic response has.
fn assert_has_common_headers(response: &RawResponse) {
    for header in [
        "content-security-policy: ",
        "x-content-type-options: nosniff",
        "referrer-policy: ",
        "cache-control: no-store",
        "x-request-id: ",
        "date: ",
    ] {
        assert!(response.head.contains(header), "{header}: {response:?}");
    }
}
