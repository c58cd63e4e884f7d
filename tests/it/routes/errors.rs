//! Error pages and problem details.

use super::snapshot::assert_snapshot;
use crate::support::{Browser, EngineKind, SECRETS, TestApp, cookies, log, on_both_engines, wait};

use keyrack::accounts::Password;

on_both_engines!(
    unknown_page_returns_404_page,
    unknown_api_path_returns_404_problem,
    unsupported_method_returns_405_and_allow,
    unreadable_request_returns_400,
    api_errors_speak_to_programs_and_not_of_pages,
    form_that_is_not_utf8_is_refused_and_not_logged,
    broken_session_data_does_not_sign_in,
);

fn unknown_page_returns_404_page(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browsers = [app.browser(), app.signed_in("rajat.verma@example.com")];
    for path in ["/nowhere", "/account", "/account/sessions/", "/login/", "/%00", "/%ff", "/..%2f", "//login", "/apix"]
    {
        for browser in &mut browsers {
            for method in ["GET", "POST", "DELETE"] {
                let answer = browser.send(method, path, None, &[]);
                assert_eq!(answer.status, 404, "{method} {path}");
                assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
                assert!(answer.text().contains("Error 404 This does not exist"), "{}", answer.text());
            }
        }
    }
}

fn unknown_api_path_returns_404_problem(engine: EngineKind) {
    let app = TestApp::new(engine);
    for path in ["/api", "/api/", "/api/nowhere", "/api/session/", "/api/session/x"] {
        let answer = app.browser().get(path);
        assert_eq!((answer.status, answer.header("content-type")), (404, Some("application/problem+json")), "{path}");
        assert_snapshot("api-404", &answer);
    }
}

fn unsupported_method_returns_405_and_allow(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    for (method, path, allowed, kind) in [
        ("PUT", "/login", "GET, HEAD, POST", "text/html; charset=utf-8"),
        ("POST", "/account/sessions", "GET, HEAD", "text/html; charset=utf-8"),
        ("DELETE", "/logout", "GET, HEAD, POST", "text/html; charset=utf-8"),
        ("POST", "/healthz", "GET, HEAD", "text/html; charset=utf-8"),
        ("POST", "/api/session", "GET, HEAD", "application/problem+json"),
        ("PATCH", "/login", "GET, HEAD, POST", "text/html; charset=utf-8"),
    ] {
        let answer = browser.send(method, path, None, &[]);
        assert_eq!((answer.status, answer.header("content-type")), (405, Some(kind)), "{method} {path}");
        let mut named: Vec<&str> = answer.header("allow").unwrap_or_default().split(", ").collect();
        named.sort_unstable();
        assert_eq!(named.join(", "), allowed, "{method} {path}");
    }
}

fn unreadable_request_returns_400(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    for (method, path) in [
        ("GET", "/login?next=1&next=2"),
        ("GET", "/account/sessions?show=ended&show=active"),
        ("POST", "/login"),
        ("POST", "/logout"),
        ("POST", "/account/sessions/revoke-others"),
    ] {
        let answer = browser.send(method, path, None, &[("content-type", "text/plain")]);
        assert_eq!(answer.status, 400, "{method} {path}");
        assert!(answer.text().contains("This request can’t be read"), "{}", answer.text());
    }
    let answer = browser.post("/login", &[("email", "a@example.com"), ("email", "b@example.com")]);
    assert_eq!(answer.status, 400);
    assert!(browser.is_signed_in());
}

fn api_errors_speak_to_programs_and_not_of_pages(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let token = browser.get("/api/session").json()["csrf_token"].as_str().unwrap().to_owned();
    let unknown = "/api/sessions/0f8fad5b-d9cb-469f-a165-70867728950e";
    let too_long = [("padding", "x".repeat(20_000))];
    let too_long = too_long.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut answers = vec![
        (401, app.browser().get("/api/session")),
        (404, browser.get("/api/nowhere")),
        (404, browser.send("DELETE", unknown, None, &[("x-csrf-token", &token)])),
        (405, browser.send("PUT", "/api/session", None, &[])),
        (405, browser.send("POST", unknown, None, &[])),
        (400, browser.get("/api/sessions?after=x")),
        (400, browser.get("/api/sessions?after=1&after=2")),
        (403, browser.send("DELETE", unknown, None, &[])),
        (413, browser.post("/api/sessions/revoke-others", &too_long)),
    ];
    app.advance(std::time::Duration::from_secs(3600));
    let token = browser.get("/api/session").json()["csrf_token"].as_str().unwrap().to_owned();
    answers.push((403, browser.send("DELETE", unknown, None, &[("x-csrf-token", &token)])));
    for (status, answer) in answers {
        assert_eq!((answer.status, answer.header("content-type")), (status, Some("application/problem+json")));
        let problem = answer.json();
        assert_eq!(problem["status"], status);
        let said = format!("{} {}", problem["title"], problem["detail"]).to_lowercase();
        for word in ["link", "button", "go back", "reload", "below", "opened", "your ", "you are", "shorten what"] {
            assert!(!said.contains(word), "{word}: {said}");
        }
    }
}

/// The same character would stand in the place of each such byte, so that many passwords were one.
fn form_that_is_not_utf8_is_refused_and_not_logged(engine: EngineKind) {
    log::capture();
    let app = TestApp::new(engine);
    let email = "rajat.verma@example.com";
    app.add_user(email);
    let replaced = "gr\u{fffd}ne Wiesen im Fruehling";
    let password = Password::new(replaced);
    wait(app.keyrack.accounts().set_password(&email.parse().unwrap(), password)).unwrap();
    let mut browser = app.browser();
    let form = |browser: &mut Browser, password: &[u8]| {
        let token = browser.get("/login").csrf_token();
        [format!("email={email}&csrf_token={token}&password=").as_bytes(), password].concat()
    };
    let urlencoded = "application/x-www-form-urlencoded";
    for (content_type, typed) in [
        (urlencoded, &b"gr%FCne+Wiesen+im+Fruehling"[..]),
        (urlencoded, b"gr\xfcne+Wiesen+im+Fruehling"),
        ("application/x-www-form-urlencoded; charset=iso-8859-1", b"gr\xfcne+Wiesen+im+Fruehling"),
        ("application/x-www-form-urlencoded; charset=utf-16", b"gr%C3%BCne"),
    ] {
        let body = form(&mut browser, typed);
        let answer = browser.post_body("/login", content_type, body);
        assert_eq!(answer.status, 400, "{content_type} {typed:?}");
        assert!(answer.text().contains("This form can’t be read"), "{}", answer.text());
        assert!(!browser.is_signed_in());
    }
    assert_eq!(app.count("sign_in_failures", ""), 0, "no password was checked");
    let body = form(&mut browser, b"gr%EF%BF%BDne+Wiesen+im+Fruehling");
    assert_eq!(browser.post_body("/login", urlencoded, body).status, 303, "the character itself is text");
    let log = log::captured();
    assert!(log.contains("the form is not in UTF-8"), "{log}");
    assert!(!log.contains("Wiesen") && !log.contains("%FC"), "{log}");
}

/// Gives the user a second session that a PostgreSQL database must not contain: one that was never seen. On SQLite, any
/// row may hold what can't be read, so pages leave out such rows.
pub fn add_unreadable_session(app: &TestApp) {
    let expiry = "'9999-12-31 23:59:59.999999'";
    app.execute(&format!(
        "ALTER TABLE sessions ALTER last_seen_at DROP NOT NULL;
         INSERT INTO sessions (sid, user_id, expires_at, last_seen_at) SELECT 'another', id, {expiry}, NULL FROM users;
         INSERT INTO user_sessions (sid, sess, expire)
         SELECT 'another', json_build_object('userId', id), {expiry} FROM users"
    ));
}

#[test]
fn internal_error_hides_details_and_shows_request_id() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let app = TestApp::new(EngineKind::Postgres);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    add_unreadable_session(&app);
    let page = browser.get("/account/sessions");
    assert_eq!((page.status, page.set_cookies()), (500, vec![]));
    assert!(page.text().contains("Error 500 Something went wrong"), "{}", page.text());
    assert_eq!(page.between("<code>", "</code>"), page.header("x-request-id").unwrap());
    let problem = browser.get("/api/sessions");
    assert_eq!((problem.status, problem.set_cookies()), (500, vec![]));
    assert_snapshot("error-500", &page);
    assert_snapshot("api-500", &problem);
    for body in [&page.body, &problem.body] {
        for word in ["users", "table", "relation", "SELECT", "diesel", "src/"] {
            assert!(!body.contains(word), "{word}: {body}");
        }
    }
    assert_eq!(browser.get("/api/session").status, 200, "an internal error signs no user out");
}

fn broken_session_data_does_not_sign_in(engine: EngineKind) {
    let app = TestApp::new(engine);
    let user = app.add_user("rajat.verma@example.com");
    let broken = ["[]", "\"{}\"", "17", "null", "{}", "{\"userId\":7}", "{\"userId\":\"another user\"}"];
    for (number, sess) in broken.into_iter().enumerate() {
        let sid = format!("sid {number}");
        app.execute("DELETE FROM user_sessions");
        app.execute(&format!(
            "INSERT INTO sessions (sid, user_id, status, expires_at) VALUES ('{sid}', '{user}', 'active', \
             '2026-01-29T11:50:14.000Z')"
        ));
        let good = format!("{{\"cookie\":{{}},\"userId\":\"{user}\"}}");
        app.execute(&format!(
            "INSERT INTO user_sessions (sid, sess, expire) VALUES ('{sid}', '{good}', '2026-01-29T11:50:14.000Z')"
        ));
        app.execute(&format!("UPDATE user_sessions SET sess = '{sess}' WHERE sid = '{sid}'"));
        let signed = cookies::signed(&sid, SECRETS).replace(' ', "%20");
        let mut browser = app.browser().with_cookie("keyrack.sid", &signed);
        assert!(!browser.is_signed_in(), "{sess}");
        app.execute(&format!("UPDATE user_sessions SET sess = '{good}' WHERE sid = '{sid}'"));
        assert!(browser.is_signed_in(), "the session is valid with intact data: {sess}");
    }
}
