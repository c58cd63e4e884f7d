//! Database outages. Users stay signed in, and no request is let in without a check.

use std::time::Duration;

use super::snapshot::assert_snapshot;
use crate::support::{Browser, CLOCK_START, EngineKind, PASSWORD, TestApp, TestDatabase, on_both_engines, wait_until};

use keyrack::clock::Clock;

on_both_engines!(
    outage_returns_503_and_keeps_sessions,
    login_form_is_shown_during_outage,
    outage_of_running_server_returns_503_until_over,
);

/// Returns an instance without a database, and a browser that was signed in before the outage.
fn start_during_outage(database: &TestDatabase) -> (TestApp, Browser) {
    let clock = Clock::fixed(CLOCK_START);
    let first = TestApp::over(database, clock.clone(), |_| ());
    first.add_user("rajat.verma@example.com");
    let browser = first.signed_in("rajat.verma@example.com");
    first.stop();
    database.take_offline();
    let app = TestApp::over(database, clock, |config| config.database.timeout = Duration::from_millis(500));
    let browser = browser.at(app.address);
    (app, browser)
}

fn outage_returns_503_and_keeps_sessions(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let (_app, mut browser) = start_during_outage(&database);
    let cookies = browser.cookies.clone();
    for path in ["/account/sessions", "/account/sessions?show=ended"] {
        let answer = browser.get(path);
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(answer.text().contains("You are still signed in where you were."), "{}", answer.text());
        assert!(answer.set_cookies().is_empty());
        assert_snapshot("error-503-outage", &answer);
    }
    for path in ["/logout", "/account/sessions/revoke-others"] {
        let answer = browser.post(path, &[]);
        assert_eq!((answer.status, answer.set_cookies()), (503, vec![]), "{path}");
    }
    let answer = browser.get("/api/session");
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.json()["status"], 503);
    assert_snapshot("api-503", &answer);
    assert!(answer.set_cookies().is_empty());
    assert_eq!(browser.cookies, cookies);
    database.bring_online();
    wait_until_signed_in(&mut browser);
    wait_until(|| browser.get("/account/sessions").status == 200);
}

fn login_form_is_shown_during_outage(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let (app, mut signed_in) = start_during_outage(&database);
    assert_eq!(signed_in.get("/login").status, 200);
    let mut browser = app.browser();
    let answer = browser.sign_in("rajat.verma@example.com", PASSWORD);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert!(answer.text().contains("can’t reach its database"), "{}", answer.text());
    assert_eq!(answer.between("name=\"email\" type=\"text\" value=\"", "\""), "rajat.verma@example.com");
    assert!(!answer.body.contains(PASSWORD) && answer.set_cookies().is_empty());
    assert_snapshot("login-outage", &answer);
    // A request without a session cookie is not signed in, whatever the database contains.
    assert_eq!(app.browser().get("/account/sessions").status, 303);
    assert_eq!(app.browser().get("/api/session").status, 401);
    database.bring_online();
    wait_until_signed_in(&mut signed_in);
    wait_until(|| browser.sign_in("rajat.verma@example.com", PASSWORD).status == 303);
}

fn outage_of_running_server_returns_503_until_over(engine: EngineKind) {
    // An open SQLite file stays available after it is moved.
    if engine == EngineKind::Sqlite {
        return;
    }
    let app = TestApp::with(engine, |config| config.database.timeout = Duration::from_millis(500));
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    app.database().take_offline();
    for _ in 0..6 {
        for path in ["/account/sessions", "/api/session"] {
            let answer = browser.get(path);
            assert_eq!((answer.status, answer.set_cookies()), (503, vec![]), "{path}");
        }
    }
    app.database().bring_online();
    wait_until_signed_in(&mut browser);
    wait_until(|| browser.get("/account/sessions").status == 200);
}

/// Waits until the cookie works again; until then, every answer must be 503.
fn wait_until_signed_in(browser: &mut Browser) {
    wait_until(|| {
        let status = browser.get("/api/session").status;
        assert!(matches!(status, 200 | 503), "{status}");
        status == 200
    });
}
