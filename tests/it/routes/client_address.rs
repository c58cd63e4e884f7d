//! The client's IP address behind trusted and untrusted proxies.

use crate::support::{EngineKind, PASSWORD, TestApp, on_both_engines, raw};

on_both_engines!(
    forwarded_for_from_untrusted_peer_is_ignored,
    forwarded_for_of_trusted_proxies_is_read_right_to_left,
    forwarded_for_left_of_the_client_may_hold_any_bytes,
);

/// Signs in with these `X-Forwarded-For` lines and returns the address that is stored and shown for the session.
fn recorded_address(app: &TestApp, forwarded: &[&str]) -> String {
    let mut browser = app.browser();
    for line in forwarded {
        browser.headers.push(("x-forwarded-for".to_owned(), (*line).to_owned()));
    }
    browser.headers.push(("forwarded".to_owned(), "for=192.0.2.99".to_owned()));
    browser.headers.push(("x-real-ip".to_owned(), "192.0.2.99".to_owned()));
    assert_eq!(browser.sign_in("rajat.verma@example.com", PASSWORD).status, 303);
    let id = browser.session_id();
    let stored = app.rows("sessions", &format!("WHERE id = '{id}'"))[0]["ip_address"].as_str().unwrap().to_owned();
    let page = browser.get("/account/sessions");
    let mine = page.between("id=\"this-device\"", "</p>");
    assert!(mine.contains(&format!("<bdi dir=\"ltr\">{stored}</bdi>")), "{mine}");
    stored
}

fn forwarded_for_from_untrusted_peer_is_ignored(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    assert_eq!(recorded_address(&app, &[]), "127.0.0.1");
    assert_eq!(recorded_address(&app, &["192.0.2.1"]), "127.0.0.1");
    assert_eq!(recorded_address(&app, &["192.0.2.1, 10.0.0.1"]), "127.0.0.1");
    let app = TestApp::with(engine, |config| config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()]);
    app.add_user("rajat.verma@example.com");
    assert_eq!(recorded_address(&app, &["192.0.2.1"]), "127.0.0.1", "the peer is not a trusted proxy");
}

fn forwarded_for_left_of_the_client_may_hold_any_bytes(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()]);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.browser();
    let token = browser.get("/login").csrf_token();
    let fields = [("email", "rajat.verma@example.com"), ("password", PASSWORD), ("csrf_token", &token)];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nCookie: keyrack.csrf={}; theme=caf",
        app.address, browser.cookies["keyrack.csrf"]
    );
    let rest = format!(
        "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nX-Forwarded-For: ",
        body.len()
    );
    let parts = [head.as_bytes(), b"\xe9", rest.as_bytes(), b"\xff, 203.0.113.7\r\n\r\n", body.as_bytes()];
    let answer = raw::exchange(app.address, &parts.concat());
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    assert_eq!(app.rows("sessions", "")[0]["ip_address"], "203.0.113.7");
}

fn forwarded_for_of_trusted_proxies_is_read_right_to_left(engine: EngineKind) {
    let app = TestApp::with(engine, |config| {
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    });
    app.add_user("rajat.verma@example.com");
    for (lines, address) in [
        (&["192.0.2.1"][..], "192.0.2.1"),
        (&["192.0.2.66, 192.0.2.1"], "192.0.2.1"),
        (&["192.0.2.66, 192.0.2.1, 10.1.2.3"], "192.0.2.1"),
        (&["192.0.2.66", "192.0.2.1", "10.1.2.3"], "192.0.2.1"),
        (&["2001:db8::1"], "2001:db8::1"),
        (&["::ffff:192.0.2.1"], "192.0.2.1"),
        (&["[2001:db8::1]:4711"], "2001:db8::1"),
        (&["192.0.2.1:4711"], "192.0.2.1"),
        (&["192.0.2.66, <script>alert(1)</script>"], "127.0.0.1"),
        (&["192.0.2.66, unknown, 10.1.2.3"], "10.1.2.3"),
        (&["", "192.0.2.1"], "192.0.2.1"),
        (&["192.0.2.1, ,10.1.2.3,"], "192.0.2.1"),
        (&["192.0.2.1", " ", ""], "192.0.2.1"),
        (&[], "127.0.0.1"),
    ] {
        assert_eq!(recorded_address(&app, lines), address, "{lines:?}");
    }
}
