//! Oversized, malformed and slow requests. The server rejects them and keeps serving others.

use ureq::http::HeaderMap;

use super::snapshot::assert_snapshot;
use crate::support::{Answer, EngineKind, PASSWORD, TestApp, on_both_engines, raw};

on_both_engines!(
    oversized_cookie_header_is_rejected,
    too_many_headers_are_rejected,
    oversized_form_returns_413,
    malformed_http_is_rejected,
    incomplete_form_returns_408_after_timeout,
);

fn app_with_user(engine: EngineKind) -> TestApp {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    app
}

fn assert_still_serves(app: &TestApp) {
    assert!(app.signed_in("rajat.verma@example.com").is_signed_in());
}

/// A raw answer without its headers.
pub fn parsed(answer: &str) -> Answer {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer { status: status(answer).parse().unwrap(), headers: HeaderMap::default(), body: body.to_owned() }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("no answer")
}

fn oversized_cookie_header_is_rejected(engine: EngineKind) {
    let app = app_with_user(engine);
    let request =
        format!("GET /account/sessions HTTP/1.1\r\nHost: x\r\nCookie: keyrack.sid={}\r\n\r\n", "a".repeat(1 << 20));
    let answer = raw::exchange(app.address, request.as_bytes());
    assert!(matches!(status(&answer), "431" | "400"), "{answer}");
    assert_still_serves(&app);
}

fn too_many_headers_are_rejected(engine: EngineKind) {
    let app = app_with_user(engine);
    let headers = "X-Many: y\r\n".repeat(200);
    let request = format!("GET /account/sessions HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    let answer = raw::exchange(app.address, request.as_bytes());
    assert!(matches!(status(&answer), "431" | "400"), "{answer}");
    assert_still_serves(&app);
}

fn oversized_form_returns_413(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = app.signed_in("rajat.verma@example.com");
    let long = "x".repeat(20_000);
    let fields = [("email", "rajat.verma@example.com"), ("password", PASSWORD), ("next", &long)];
    let assert_too_large = |answer: Answer| {
        assert_eq!(answer.status, 413);
        assert!(answer.text().contains("This is too large"), "{}", answer.text());
    };
    assert_too_large(app.browser().post_from("/login", "/login", &fields));
    let token = browser.get("/account/sessions").csrf_token();
    for path in ["/logout", "/account/sessions/revoke-others"] {
        assert_too_large(browser.post(path, &[("csrf_token", &token), ("more", &long)]));
    }
    assert!(browser.is_signed_in());
    // Chunked, without a declared length.
    let piece = format!("{:x}\r\n{}\r\n", 8192, "x".repeat(8192));
    let head = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = raw::exchange(app.address, format!("{head}{}0\r\n\r\n", piece.repeat(3)).as_bytes());
    assert_eq!(status(&answer), "413", "{answer}");
    assert_still_serves(&app);
}

fn malformed_http_is_rejected(engine: EngineKind) {
    let app = app_with_user(engine);
    for request in ["\r\n\r\n\r\n garbage\r\n\r\n", "GET\r\n\r\n", "\0\0\0\0\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
        let answer = raw::exchange(app.address, request.as_bytes());
        assert!(matches!(status(&answer), "400" | "505" | "no answer"), "{request:?}: {answer}");
    }
    for length in ["-1", "1, 2", "99999999999999999999"] {
        let request = format!("POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        assert_eq!(status(&raw::exchange(app.address, request.as_bytes())), "400", "{length}");
    }
    assert_still_serves(&app);
}

fn incomplete_form_returns_408_after_timeout(engine: EngineKind) {
    let app = app_with_user(engine);
    let head = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    for body in ["Content-Length: 900\r\n\r\nemail=a", "Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n"] {
        // Returns when the server closes the connection.
        let answer = raw::exchange(app.address, format!("{head}{body}").as_bytes());
        assert_eq!(status(&answer), "408", "{answer}");
        assert!(answer.contains("content-security-policy"), "{answer}");
        assert_snapshot("error-408", &parsed(&answer));
    }
    assert_still_serves(&app);
}
