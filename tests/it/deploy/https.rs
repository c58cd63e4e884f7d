//! TLS at the proxy: cookies, HSTS, and what happens over http

use super::{
    EMAIL, Site, behind_each_proxy,
    proxy::{Proxy, ProxyKind, URL},
    tls_tunnel::CLIENT,
};
use crate::support::{PASSWORD, TestDatabase, raw, wait_until};

behind_each_proxy!(
    devices_sign_in_revoke_and_sign_out,
    session_is_found_over_http2,
    cookies_are_secure_and_headers_are_sent_once,
    http_redirects_pages_and_refuses_the_api,
    cipher_without_authenticated_encryption_is_refused,
    other_host_names_get_no_page,
    access_log_has_no_query_and_no_cookie,
);

fn devices_sign_in_revoke_and_sign_out(kind: ProxyKind) {
    let database = TestDatabase::new(kind.engine());
    let site = Site::start(kind, &database);
    let (mut laptop, mut phone) = (site.proxy.browser(), site.proxy.browser());
    for browser in [&mut laptop, &mut phone] {
        assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
        assert!(browser.is_signed_in());
    }
    let revoke = format!("/account/sessions/{}/revoke", phone.session_id());
    assert_eq!(laptop.post_from("/account/sessions", &revoke, &[]).status, 303);
    assert!(!phone.is_signed_in());
    assert!(laptop.is_signed_in());
    let copy = laptop.clone();
    assert_eq!(laptop.sign_out().status, 303);
    assert!(!copy.clone().is_signed_in());
    // A form of another site, which comes through the proxy as well.
    let evil = site.proxy.browser().with_header("origin", "https://evil.example");
    assert_eq!(evil.clone().post_from("/login", "/login", &[("email", EMAIL), ("password", PASSWORD)]).status, 403);
    assert_eq!(database.count("sessions", "WHERE status = 'active'"), 0);
}

/// Over HTTP/2, a client may send each cookie as a header of its own (RFC 9113, 8.2.3), and proxies join them.
fn session_is_found_over_http2(kind: ProxyKind) {
    let database = TestDatabase::new(kind.engine());
    let site = Site::start(kind, &database);
    let mut browser = site.proxy.browser();
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    let mut headers: Vec<String> =
        browser.cookies.iter().map(|(name, value)| format!("cookie: {name}={value}")).collect();
    headers.extend(["cookie: theme=dark".to_owned(), "x-forwarded-for: 6.6.6.6".to_owned()]);
    let Some(status) = site.proxy.status_over_http2("/account/sessions", &headers) else { return };
    assert_eq!(status, "2 200");
    let log = site.serving.stop().err;
    let line = log.lines().rfind(|line| line.contains("/account/sessions")).unwrap();
    assert!(line.contains(&format!("\"client\":\"{CLIENT}\"")), "{line}");
}

fn cookies_are_secure_and_headers_are_sent_once(kind: ProxyKind) {
    let database = TestDatabase::new(kind.engine());
    let site = Site::start(kind, &database);
    let mut browser = site.proxy.browser();
    let signed_in = browser.sign_in(EMAIL, PASSWORD);
    let session = signed_in.set_cookies().into_iter().find(|cookie| cookie.starts_with("__Host-keyrack.sid=")).unwrap();
    for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
        assert!(session.contains(attribute), "{session}");
    }
    assert!(!session.contains("Domain"), "{session}");
    for path in ["/account/sessions", "/login", "/nothing", "/api/session", "/static/favicon.svg", "/healthz"] {
        let answer = browser.get(path);
        for (name, value) in [
            ("strict-transport-security", "max-age=63072000"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
        ] {
            let values: Vec<_> = answer.headers.get_all(name).iter().collect();
            assert_eq!(values, [value], "{name} of {path}");
        }
        assert_eq!(answer.headers.get_all("content-security-policy").iter().count(), 1, "{path}");
        let kind = answer.header("content-type").unwrap_or_default();
        assert_eq!(kind.is_empty(), answer.body.is_empty(), "{path}");
        assert!(!kind.starts_with("text/") || kind.ends_with("; charset=utf-8"), "{path}: {kind}");
    }
}

fn http_redirects_pages_and_refuses_the_api(kind: ProxyKind) {
    let database = TestDatabase::new(kind.engine());
    let site = Site::start(kind, &database);
    let mut browser = site.proxy.browser_over_http();
    for path in ["/", "/login?next=/account/sessions%3Fshow%3Dended", "/account/sessions"] {
        let answer = browser.get(path);
        assert_eq!((answer.status, answer.location()), (301, format!("{URL}{path}").as_str()), "{path}");
        assert_eq!(answer.set_cookies(), [""; 0]);
    }
    for (method, path) in [("GET", "/api/session"), ("POST", "/api/sessions/revoke-others")] {
        let answer = browser.send(method, path, None, &[]);
        assert_eq!((answer.status, answer.location(), answer.body.trim()), (403, "", "Use https."), "{path}");
    }
    // None of it has reached Keyrack.
    let log = site.serving.stop().err;
    assert_eq!(log.matches("\"request\"").count(), 0, "{log}");
}

fn cipher_without_authenticated_encryption_is_refused(kind: ProxyKind) {
    let proxy = Proxy::start(kind, ([127, 0, 0, 1], 1).into());
    assert!(proxy.accepts_cipher("ECDHE-ECDSA-AES128-GCM-SHA256"));
    for suite in ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"] {
        assert!(!proxy.accepts_cipher(suite), "{suite}");
    }
}

fn other_host_names_get_no_page(kind: ProxyKind) {
    let database = TestDatabase::new(kind.engine());
    let site = Site::start(kind, &database);
    for host in ["evil.example", "127.0.0.1", "keys.example.com.evil.example"] {
        let request = format!("GET /login HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = raw::exchange(site.proxy.address(), request.as_bytes());
        assert!(!answer.contains("csrf_token"), "{host}: {answer}");
    }
    assert_eq!(site.proxy.browser().get("/login").status, 200);
}

fn access_log_has_no_query_and_no_cookie(kind: ProxyKind) {
    let database = TestDatabase::new(kind.engine());
    let site = Site::start(kind, &database);
    let mut browser = site.proxy.browser().with_header("referer", "https://keys.example.com/setup?token=secret-token");
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(browser.get("/setup?token=secret-token").status, 404);
    assert!(browser.is_signed_in());
    let sid = browser.sid_in("__Host-keyrack.sid");
    // The proxy writes its log when the response is complete, or a little later.
    wait_until(|| site.proxy.access_log().contains("/account/sessions"));
    let log = site.proxy.access_log();
    assert!(log.contains("/setup") && log.contains("/api/session"), "{log}");
    for secret in ["secret-token", "token=", &sid, PASSWORD, EMAIL] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
