//! Requests that are too large or not HTTP, through the proxy

use super::{EMAIL, Site, behind_each_proxy, program, proxy::ProxyKind, tls_tunnel::HOST};
use crate::support::{PASSWORD, TestDatabase, raw};

behind_each_proxy!(
    large_body_gets_413_and_large_head_is_refused,
    ambiguous_lengths_smuggle_no_request,
    trace_and_metrics_are_not_served,
);

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

fn large_body_gets_413_and_large_head_is_refused(kind: ProxyKind) {
    let database = TestDatabase::new(kind.engine());
    let site = Site::start(kind, &database);
    let mut browser = site.proxy.browser();
    let long = "x".repeat(20_000);
    let answer = browser.post_from("/login", "/login", &[("email", &long), ("password", PASSWORD)]);
    assert_eq!(answer.status, 413);
    assert!(answer.text().contains("This is too large"), "Keyrack's own page: {}", answer.text());

    // A cookie of another program, which fits into Keyrack's limit of 32 kB.
    assert_eq!(browser.clone().with_cookie("other", &"x".repeat(16_000)).get("/login").status, 200);
    for length in [40_000, 120_000] {
        let cookie = "x".repeat(length);
        let request =
            format!("GET /login HTTP/1.1\r\nHost: {HOST}\r\nCookie: other={cookie}\r\nConnection: close\r\n\r\n");
        let status = status(&raw::exchange(site.proxy.address(), request.as_bytes()));
        assert!(matches!(status, 400 | 431), "{length}: {status}");
    }
    let megabyte = "x".repeat(1 << 20);
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n",
        megabyte.len()
    );
    assert_eq!(status(&raw::exchange(site.proxy.address(), (head + &megabyte).as_bytes())), 413);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
}

fn trace_and_metrics_are_not_served(kind: ProxyKind) {
    let database = TestDatabase::new(kind.engine());
    let site = Site::start_with(kind, program(&database).with("KEYRACK_METRICS_BIND", "127.0.0.1:0"));
    let mut browser = site.proxy.browser().with_header("x-secret", "reflected-secret");
    let traced = browser.send("TRACE", "/login", None, &[]);
    assert_eq!(traced.status, 405);
    assert!(!traced.body.contains("reflected-secret"), "{}", traced.body);
    for path in ["/metrics", "/.git/config", "/static/", "/debug", "/server-status", "/nginx_status"] {
        let answer = browser.get(path);
        assert_eq!(answer.status, 404, "{path}");
        let server = answer.header("server").unwrap_or_default();
        assert!(!server.contains(|c: char| c.is_ascii_digit()), "no version: {server}");
        assert_eq!(answer.header("x-powered-by"), None);
    }
}

/// The end of each request could be taken for a second one by a server that reads its length otherwise than the proxy
/// (RFC 9112, 11.2).
fn ambiguous_lengths_smuggle_no_request(kind: ProxyKind) {
    let database = TestDatabase::new(kind.engine());
    let site = Site::start(kind, &database);
    let hidden = format!("GET /hidden HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let length = "0\r\n\r\n".len() + hidden.len();
    for headers in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}"),
        format!("Content-Length: 0\r\nContent-Length: {length}"),
        format!("Content-Length: {length}\r\nContent-Length: 0"),
        format!("Content-Length: +{length}"),
        format!("Content-Length: {length}\r\nTransfer_Encoding: chunked"),
        format!("Content-Length: {length}\r\nTransfer-Encoding : chunked"),
        format!("Content-Length: {length}\r\nTransfer-Encoding:\x0bchunked"),
        format!("Content-Length: {length}\r\nTransfer-Encoding: identity, chunked"),
        format!("Content-Length: {length}\r\nX: y\r\n Transfer-Encoding: chunked"),
        "Transfer-Encoding: chunked, identity".to_owned(),
    ] {
        let head = format!("POST /login HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n{headers}\r\n\r\n");
        let answer = raw::exchange(site.proxy.address(), format!("{head}0\r\n\r\n{hidden}").as_bytes());
        assert!(answer.is_empty() || (400..502).contains(&status(&answer)), "{headers:?}: {answer}");
    }
    assert_eq!(site.proxy.browser().sign_in(EMAIL, PASSWORD).status, 303);
    let log = site.serving.stop().err;
    assert!(!log.contains("/hidden"), "{log}");
}
