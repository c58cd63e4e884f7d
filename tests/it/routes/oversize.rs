//! Requests that are too large, or too slow.

use crate::support::{Answer, EngineKind, PASSWORD, TestApp, on_both_engines, raw};

on_both_engines!(
    a_huge_cookie_is_refused_and_the_server_goes_on,
    a_crowd_of_headers_is_refused_and_the_server_goes_on,
    a_long_form_is_refused_and_the_server_goes_on,
    what_is_no_http_is_refused_and_the_server_goes_on,
    a_form_that_does_not_come_is_not_waited_for,
);

fn app(engine: EngineKind) -> TestApp {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    app
}

fn assert_goes_on(app: &TestApp) {
    assert!(app.signed_in("rajat.verma@example.com").is_signed_in());
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("no answer")
}

fn a_huge_cookie_is_refused_and_the_server_goes_on(engine: EngineKind) {
    let app = app(engine);
    let request =
        format!("GET /account/sessions HTTP/1.1\r\nHost: x\r\nCookie: keyrack.sid={}\r\n\r\n", "a".repeat(1 << 20));
    let answer = raw::exchange(app.address, request.as_bytes());
    assert!(matches!(status(&answer), "431" | "400"), "{answer}");
    assert_goes_on(&app);
}

fn a_crowd_of_headers_is_refused_and_the_server_goes_on(engine: EngineKind) {
    let app = app(engine);
    let headers = "X-Many: y\r\n".repeat(200);
    let request = format!("GET /account/sessions HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    let answer = raw::exchange(app.address, request.as_bytes());
    assert!(matches!(status(&answer), "431" | "400"), "{answer}");
    assert_goes_on(&app);
}

fn a_long_form_is_refused_and_the_server_goes_on(engine: EngineKind) {
    let app = app(engine);
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
    // Of unknown length, in pieces.
    let piece = format!("{:x}\r\n{}\r\n", 8192, "x".repeat(8192));
    let head = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    let answer = raw::exchange(app.address, format!("{head}{}0\r\n\r\n", piece.repeat(3)).as_bytes());
    assert_eq!(status(&answer), "413", "{answer}");
    assert_goes_on(&app);
}

fn what_is_no_http_is_refused_and_the_server_goes_on(engine: EngineKind) {
    let app = app(engine);
    for request in ["\r\n\r\n\r\n garbage\r\n\r\n", "GET\r\n\r\n", "\0\0\0\0\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
        let answer = raw::exchange(app.address, request.as_bytes());
        assert!(matches!(status(&answer), "400" | "505" | "no answer"), "{request:?}: {answer}");
    }
    for length in ["-1", "1, 2", "99999999999999999999"] {
        let request = format!("POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        assert_eq!(status(&raw::exchange(app.address, request.as_bytes())), "400", "{length}");
    }
    assert_goes_on(&app);
}

fn a_form_that_does_not_come_is_not_waited_for(engine: EngineKind) {
    let app = app(engine);
    let head = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    for body in ["Content-Length: 900\r\n\r\nemail=a", "Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n"] {
        // Returns when the server hangs up.
        let answer = raw::exchange(app.address, format!("{head}{body}").as_bytes());
        assert_eq!(status(&answer), "408", "{answer}");
        assert!(answer.contains("content-security-policy"), "{answer}");
    }
    assert_goes_on(&app);
}
