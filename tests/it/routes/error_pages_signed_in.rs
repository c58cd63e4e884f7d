//! The sign-out form on error pages of signed-in users (ASVS 7.4.4), for each status that a page may have
//!
//! Two kinds of errors have none: those of a session that could not be read, since it is not known whether there is
//! one, and those of the server below Actix, which has not read the request: they are no pages.

use std::time::Duration;

use diesel::{Connection, PgConnection, SqliteConnection, connection::SimpleConnection};

use super::{errors::add_unreadable_session, request_limits::parsed};
use crate::support::{Answer, Browser, EngineKind, PASSWORD, TestApp, on_both_engines, raw};

on_both_engines!(
    error_pages_of_signed_in_user_have_sign_out,
    forms_shown_again_to_signed_in_user_have_sign_out,
    error_page_of_failed_write_has_sign_out,
    error_page_of_unread_body_has_sign_out,
    error_pages_of_visitors_have_no_sign_out,
    error_page_with_forged_cookie_has_no_sign_out,
    responses_to_unread_requests_are_no_pages,
);

const EMAIL: &str = "rajat.verma@example.com";
const WRONG: &str = "not the password at all";

/// Requests that fail without a form token: the method, the path, the content type, the bytes of the body, and the
/// status.
const FAILING: [(&str, &str, &str, usize, u16); 20] = [
    ("GET", "/login?next=1&next=2", "", 0, 400),
    ("GET", "/account/sessions?show=ended&show=active", "", 0, 400),
    ("POST", "/logout", "text/plain", 9, 400),
    ("POST", "/account/password", "application/json", 2, 400),
    ("POST", "/login", FORM, 0, 403),
    ("POST", "/logout", FORM, 0, 403),
    ("POST", "/reauth", FORM, 0, 403),
    ("POST", "/account/password", FORM, 0, 403),
    ("POST", "/account/sessions/revoke-others", FORM, 0, 403),
    ("GET", "/nowhere", "", 0, 404),
    ("GET", "/setup", "", 0, 404),
    ("GET", "/static/nothing.css", "", 0, 404),
    ("GET", "/account/sessions/0f8fad5b-d9cb-469f-a165-70867728950e", "", 0, 404),
    ("DELETE", "/login", "", 0, 405),
    ("GET", "/account/sessions/revoke-others", "", 0, 405),
    ("POST", "/static/keyrack.css", FORM, 0, 405),
    ("POST", "/logout", FORM, 20_000, 413),
    ("POST", "/account/password", FORM, 20_000, 413),
    ("POST", "/nowhere", FORM, 20_000, 413),
    ("POST", "/login", FORM, 1 << 20, 413),
];

const FORM: &str = "application/x-www-form-urlencoded";

fn app_with_user(engine: EngineKind) -> TestApp {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    app
}

/// Sends one of the requests above, raw: an HTTP client would not send all of them.
fn fail(browser: &Browser, app: &TestApp, (method, path, kind, length, _): (&str, &str, &str, usize, u16)) -> Answer {
    let cookies: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let of_body = format!("Content-Type: {kind}\r\nContent-Length: {length}\r\n");
    let body = if kind.is_empty() { "" } else { &of_body };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: {}\r\n{body}\r\n",
        cookies.join("; ")
    );
    parsed(&raw::exchange(app.address, [head.as_bytes(), &b"x".repeat(length)].concat().as_slice()))
}

/// Asserts that an error page has the form, and that the form works.
fn assert_signs_out(answer: &Answer, status: u16, browser: &mut Browser, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    assert!(answer.text().contains("Rajat Verma Sign out"), "{what}: {}", answer.text());
    assert!(answer.body.contains("method=\"post\" action=\"/logout\""), "{what}: {}", answer.body);
    assert_eq!(browser.post("/logout", &[("csrf_token", &answer.csrf_token())]).status, 303, "{what}");
    assert!(!browser.is_signed_in(), "{what}");
}

fn error_pages_of_signed_in_user_have_sign_out(engine: EngineKind) {
    let app = app_with_user(engine);
    for request in FAILING {
        let mut browser = app.signed_in(EMAIL);
        let answer = fail(&browser, &app, request);
        assert_signs_out(&answer, request.4, &mut browser, &format!("{request:?}"));
    }
}

fn error_pages_of_visitors_have_no_sign_out(engine: EngineKind) {
    let app = app_with_user(engine);
    for request in FAILING {
        let answer = fail(&app.browser(), &app, request);
        // Where a sign-in is required, that comes first.
        assert!(answer.status == request.4 || answer.status == 303, "{request:?}: {}", answer.status);
        assert!(!answer.body.contains("Sign out"), "{request:?}: {}", answer.body);
    }
}

fn error_page_with_forged_cookie_has_no_sign_out(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = app.signed_in(EMAIL);
    let (sid, value) = (browser.sid(), browser.cookies["keyrack.sid"].clone());
    let forged = format!("s%3A{sid}.{}", "A".repeat(43));
    let twins = format!("{value}; keyrack.sid={forged}");
    for cookie in [sid.as_str(), &forged, &twins, ""] {
        let impostor = app.browser().with_cookie("keyrack.sid", cookie);
        for request in [("GET", "/static/nothing.css", "", 0, 404), ("POST", "/logout", FORM, 20_000, 413)] {
            let answer = fail(&impostor, &app, request);
            assert_eq!(answer.status, request.4);
            assert!(!answer.body.contains("Rajat") && !answer.body.contains("Sign out"), "{cookie}: {}", answer.body);
        }
    }
    browser.sign_out();
    let answer = fail(&browser.with_cookie("keyrack.sid", &value), &app, ("POST", "/logout", FORM, 20_000, 413));
    assert!(answer.status == 413 && !answer.body.contains("Sign out"), "the session is over: {}", answer.body);
}

fn forms_shown_again_to_signed_in_user_have_sign_out(engine: EngineKind) {
    const PASSWORD_PAGE: &str = "/account/password";
    let app = app_with_user(engine);
    let short = [("current_password", PASSWORD), ("password", "short"), ("password_again", "short")];
    let mut browser = app.signed_in(EMAIL);
    let answer = browser.post_from(PASSWORD_PAGE, PASSWORD_PAGE, &short);
    assert_signs_out(&answer, 422, &mut browser, "too short a password");
    let mut browser = app.signed_in(EMAIL);
    let answer = browser.post_from("/reauth", "/reauth", &[("password", WRONG)]);
    assert_signs_out(&answer, 401, &mut browser, "a wrong password");
    let mut browser = app.signed_in(EMAIL);
    for _ in 0..10 {
        browser.post_from("/reauth", "/reauth", &[("password", WRONG)]);
    }
    let answer = browser.post_from("/reauth", "/reauth", &[("password", WRONG)]);
    assert_signs_out(&answer, 429, &mut browser, "too many wrong passwords");
    // The sign-in form of another tab, which was opened before this browser signed in.
    for (attempts, status) in [(1, 401), (12, 429)] {
        let mut browser = app.browser();
        let token = browser.get("/login").csrf_token();
        assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
        let fields = [("email", "other@example.com"), ("password", WRONG), ("csrf_token", &token)];
        let answers: Vec<Answer> = (0..attempts).map(|_| browser.post("/login", &fields)).collect();
        let answer = answers.last().unwrap();
        assert!(answer.body.contains("name=\"password\""), "the form is shown again: {}", answer.body);
        assert_signs_out(answer, status, &mut browser, "a sign-in while signed in");
    }
}

/// Holds back all writes of others for as long as it lives.
enum WriteLock {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl WriteLock {
    fn take(app: &TestApp) -> Self {
        let url = app.database().url();
        match app.kind() {
            EngineKind::Postgres => {
                let mut connection = PgConnection::establish(url).unwrap();
                connection.batch_execute("BEGIN; LOCK TABLE sessions IN EXCLUSIVE MODE").unwrap();
                Self::Postgres(connection)
            }
            EngineKind::Sqlite => {
                let mut connection = SqliteConnection::establish(url.strip_prefix("sqlite:").unwrap()).unwrap();
                connection.batch_execute("BEGIN IMMEDIATE").unwrap();
                Self::Sqlite(connection)
            }
        }
    }

    fn release(self) {
        match self {
            Self::Postgres(mut connection) => connection.batch_execute("ROLLBACK").unwrap(),
            Self::Sqlite(mut connection) => connection.batch_execute("ROLLBACK").unwrap(),
        }
    }
}

fn error_page_of_failed_write_has_sign_out(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.database.timeout = Duration::from_secs(1));
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let token = browser.get("/account/sessions").csrf_token();
    let lock = WriteLock::take(&app);
    let answer = browser.post("/logout", &[("csrf_token", &token)]);
    lock.release();
    assert_signs_out(&answer, 503, &mut browser, "an end that could not be written");
}

fn error_page_of_unread_body_has_sign_out(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = app.signed_in(EMAIL);
    let request = format!(
        "POST /logout HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nCookie: keyrack.sid={}\r\n\
         Content-Length: 900\r\n\r\na",
        browser.cookies["keyrack.sid"]
    );
    // Returns when the server closes the connection.
    let answer = parsed(&raw::exchange(app.address, request.as_bytes()));
    assert_signs_out(&answer, 408, &mut browser, "a body that did not arrive");
}

#[test]
fn error_page_of_server_error_has_sign_out() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let app = app_with_user(EngineKind::Postgres);
    let mut browser = app.signed_in(EMAIL);
    add_unreadable_session(&app);
    let answer = browser.get("/account/sessions");
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("Rajat Verma Sign out"), "{}", answer.text());
    assert_eq!(browser.post("/logout", &[("csrf_token", &answer.csrf_token())]).status, 303);
    assert_eq!(browser.get("/api/session").status, 401);
}

fn responses_to_unread_requests_are_no_pages(engine: EngineKind) {
    let app = app_with_user(engine);
    let cookie = app.signed_in(EMAIL).cookies["keyrack.sid"].clone();
    let long = "x".repeat(40_000);
    for (request, status) in [
        (format!("GET /{long} HTTP/1.1\r\nHost: x\r\nCookie: keyrack.sid={cookie}\r\n\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nHost: x\r\nCookie: keyrack.sid={cookie}; x={long}\r\n\r\n"), 431),
        (format!("GET / HTTP/9\r\nCookie: keyrack.sid={cookie}\r\n\r\n"), 400),
    ] {
        let answer = raw::exchange(app.address, request.as_bytes());
        assert_eq!(parsed(&answer).status, status, "{answer}");
        assert!(answer.contains("application/problem+json") && !answer.contains("<html"), "{answer}");
    }
}
