//! Kept connections between the proxy and Keyrack

use std::time::Duration;

use keyrack::config::ConnectionLimits;

use super::{
    EMAIL, behind_each_proxy, program,
    proxy::{Proxy, ProxyKind},
};
use crate::support::{PASSWORD, Relay, TestDatabase};

behind_each_proxy!(sign_ins_reuse_kept_connections, proxy_keeps_connections_shorter_than_keyrack);

fn sign_ins_reuse_kept_connections(kind: ProxyKind) {
    const SIGN_INS: usize = 120;
    let database = TestDatabase::new(kind.engine());
    let program = program(&database).with("KEYRACK_BIND", "127.0.0.1:0");
    program.add_user(EMAIL);
    let serving = program.serve();
    let relay = Relay::start(serving.address.port());
    let proxy = Proxy::start(kind, ([127, 0, 0, 1], relay.port()).into());
    let mut browser = proxy.browser();
    for number in 0..SIGN_INS {
        let answer = browser.sign_in(EMAIL, PASSWORD);
        assert_eq!(answer.status, 303, "sign-in {number}: {}", answer.body);
        browser.cookies.clear();
    }
    let count = relay.connection_count();
    assert!(count <= 10, "{count} connections for {SIGN_INS} sign-ins");
}

/// A proxy that keeps a connection longer would send a request into it while Keyrack closes it, and answer with 502.
fn proxy_keeps_connections_shorter_than_keyrack(kind: ProxyKind) {
    let kept = match kind {
        ProxyKind::Nginx => seconds(kind, "keepalive_timeout "),
        ProxyKind::Caddy => seconds(kind, "keepalive "),
        // HAProxy closes idle connections to servers by its `pool-purge-delay`.
        ProxyKind::Haproxy => {
            assert!(!kind.example().contains("pool-purge-delay"));
            Duration::from_secs(5)
        }
    };
    assert!(kept * 2 <= ConnectionLimits::default().idle_timeout, "{kept:?}");
}

/// Reads the seconds of a directive that stands alone on a line.
fn seconds(kind: ProxyKind, directive: &str) -> Duration {
    let value = kind.example().lines().find_map(|line| line.trim().strip_prefix(directive)?.split('s').next());
    Duration::from_secs(value.expect(directive).parse().unwrap())
}
