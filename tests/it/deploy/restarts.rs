//! Restarts of Keyrack and reloads of the proxy, while browsers send requests

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
};

use super::{EMAIL, Site, behind_each_proxy, proxy::ProxyKind};
use crate::support::{Browser, PASSWORD, TestDatabase, wait_until};

behind_each_proxy!(restart_loses_no_session_and_no_more_than_documented, reload_of_proxy_loses_no_more_than_documented);

const BROWSERS: usize = 4;

const RELOADS: usize = 3;

/// The "status" of a request whose connection was closed without a response, as happens to a kept connection at any
/// time. Browsers repeat it on a new connection.
const CLOSED: u16 = 0;

/// Sends requests with each browser while `during` runs, and until each has sent a few more. Returns all statuses.
fn request_during(browsers: &mut [Browser], during: impl FnOnce(&AtomicUsize)) -> Vec<u16> {
    let (is_over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let request = |browser: &mut Browser| {
        let mut statuses = Vec::new();
        let mut left = 5;
        while left > 0 {
            statuses.push(browser.try_get("/api/session").map_or(CLOSED, |answer| answer.status));
            count.fetch_add(1, SeqCst);
            left -= usize::from(is_over.load(SeqCst));
        }
        statuses
    };
    thread::scope(|scope| {
        let threads: Vec<_> = browsers.iter_mut().map(|browser| scope.spawn(|| request(browser))).collect();
        wait_until(|| count.load(SeqCst) > BROWSERS * 5);
        during(&count);
        is_over.store(true, SeqCst);
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn restart_loses_no_session_and_no_more_than_documented(kind: ProxyKind) {
    let database = TestDatabase::new(kind.engine());
    let Site { program, serving, proxy } = Site::start(kind, &database);
    let program = program.with("KEYRACK_BIND", &serving.address.to_string());
    let mut browsers: Vec<Browser> = (0..BROWSERS).map(|_| proxy.browser()).collect();
    for browser in &mut browsers {
        assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    }
    let mut again = None;
    let statuses = request_during(&mut browsers, |_| {
        assert_eq!(serving.stop().status, 0);
        again = Some(program.serve());
    });
    // Caddy and HAProxy let requests wait for the new process, which nginx can't do. A request that was on its way into a
    // connection that Keyrack closed is repeated by Caddy, and by the browser behind HAProxy.
    let expected: &[u16] = match kind {
        ProxyKind::Nginx => &[200, 502],
        ProxyKind::Caddy => &[200],
        ProxyKind::Haproxy => &[200, CLOSED],
    };
    assert!(statuses.iter().all(|status| expected.contains(status)), "{statuses:?}");
    let closed = statuses.iter().filter(|status| **status == CLOSED).count();
    assert!(closed <= BROWSERS, "at most one per connection: {statuses:?}");
    for browser in &mut browsers {
        assert!(browser.is_signed_in());
        assert_eq!(browser.sign_out().status, 303);
    }
    assert_eq!(database.count("sessions", "WHERE status = 'active'"), 0);
    assert_eq!(again.unwrap().stop().status, 0);
}

/// Each request opens a connection of its own: a proxy may close a kept one at any moment, and browsers then repeat the
/// request.
fn reload_of_proxy_loses_no_more_than_documented(kind: ProxyKind) {
    let database = TestDatabase::new(kind.engine());
    let site = Site::start(kind, &database);
    let browser = || site.proxy.browser().with_header("connection", "close");
    let mut browsers = [browser(), browser()];
    for browser in &mut browsers {
        assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    }
    let statuses = request_during(&mut browsers, |count| {
        for _ in 0..RELOADS {
            let before = count.load(SeqCst);
            site.proxy.reload();
            wait_until(|| count.load(SeqCst) > before + 4);
        }
    });
    // The old process of Caddy closes a connection that it has just accepted now and then.
    let expected: &[u16] = if kind == ProxyKind::Caddy { &[200, CLOSED] } else { &[200] };
    assert!(statuses.iter().all(|status| expected.contains(status)), "{statuses:?}");
    let closed = statuses.iter().filter(|status| **status == CLOSED).count();
    assert!(closed <= RELOADS * browsers.len(), "{statuses:?}");
}
