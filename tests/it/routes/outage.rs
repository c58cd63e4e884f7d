//! The database is away: that is not the same as not being signed in.

use std::time::Duration;

use crate::support::{Browser, CLOCK_START, EngineKind, PASSWORD, TestApp, TestDatabase, on_both_engines, wait_until};

use keyrack::clock::Clock;

on_both_engines!(
    an_outage_signs_nobody_in_and_nobody_out,
    the_sign_in_form_is_there_during_an_outage,
    an_outage_begins_and_ends_under_a_running_server,
);

/// An instance that has no connection yet, a browser that another one has signed in, and no database.
fn outage(database: &TestDatabase) -> (TestApp, Browser) {
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

fn an_outage_signs_nobody_in_and_nobody_out(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let (_app, mut browser) = outage(&database);
    let cookies = browser.cookies.clone();
    for path in ["/account/sessions", "/account/sessions?show=ended"] {
        let answer = browser.get(path);
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(answer.text().contains("You are still signed in where you were."), "{}", answer.text());
        assert!(answer.set_cookies().is_empty());
    }
    for path in ["/logout", "/account/sessions/revoke-others"] {
        let answer = browser.post(path, &[]);
        assert_eq!((answer.status, answer.set_cookies()), (503, vec![]), "{path}");
    }
    let answer = browser.get("/api/session");
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.json()["status"], 503);
    assert!(answer.set_cookies().is_empty());
    assert_eq!(browser.cookies, cookies);
    database.bring_online();
    wait_for_return(&mut browser);
    wait_until(|| browser.get("/account/sessions").status == 200);
}

fn the_sign_in_form_is_there_during_an_outage(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let (app, mut signed_in) = outage(&database);
    assert_eq!(signed_in.get("/login").status, 200);
    let mut browser = app.browser();
    let answer = browser.sign_in("rajat.verma@example.com", PASSWORD);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert!(answer.text().contains("can’t reach its database"), "{}", answer.text());
    assert_eq!(answer.between("name=\"email\" type=\"email\" value=\"", "\""), "rajat.verma@example.com");
    assert!(!answer.body.contains(PASSWORD) && answer.set_cookies().is_empty());
    // Who presents no cookie is not signed in, whatever the database would say.
    assert_eq!(app.browser().get("/account/sessions").status, 303);
    assert_eq!(app.browser().get("/api/session").status, 401);
    database.bring_online();
    wait_for_return(&mut signed_in);
    wait_until(|| browser.sign_in("rajat.verma@example.com", PASSWORD).status == 303);
}

fn an_outage_begins_and_ends_under_a_running_server(engine: EngineKind) {
    // A SQLite file that is open can't go away.
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
    wait_for_return(&mut browser);
    wait_until(|| browser.get("/account/sessions").status == 200);
}

/// Until the cookie works again, nothing but 503 is said.
fn wait_for_return(browser: &mut Browser) {
    wait_until(|| {
        let status = browser.get("/api/session").status;
        assert!(matches!(status, 200 | 503), "{status}");
        status == 200
    });
}
