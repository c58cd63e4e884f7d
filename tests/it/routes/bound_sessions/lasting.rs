//! A bound session is not lost: not by outages, sleep, clocks, restarts or new secrets. It ends when it is ended.

use std::time::Duration;

use keyrack::{clock::Clock, config::BoundSessions};

use super::{EMAIL, app, on_localhost};
use crate::{
    routes::reauth::reauthenticate,
    support::{
        BoundBrowser, CLOCK_START, EngineKind, PASSWORD, SECRETS, TestApp, TestDatabase, bound_browser::DeviceKey,
        on_both_engines,
    },
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

on_both_engines!(
    laptop_that_slept_renews_its_proof,
    session_survives_outage_of_the_database,
    new_secret_and_restart_keep_proofs,
    clock_that_is_set_back_or_forward_is_survived,
    new_sid_keeps_the_binding,
    renewal_with_a_former_sid_is_not_told_that_the_session_is_over,
    planted_twin_of_the_cookie_ends_no_binding,
    ended_session_is_told_to_its_browser,
    browser_without_its_key_signs_in_again,
    proved_browser_continues_its_session,
    switched_off_binding_refuses_nothing_and_can_be_switched_on,
    other_browsers_go_on_as_before,
);

fn laptop_that_slept_renews_its_proof(engine: EngineKind) {
    let app = app(engine);
    let mut bound = BoundBrowser::signed_in_with(&app, EMAIL, DeviceKey::es256(), &[("remember", "on")]);
    for _ in 0..3 {
        app.advance(8 * HOUR);
        assert_eq!(bound.get("/account/sessions").status, 200);
    }
}

fn session_survives_outage_of_the_database(engine: EngineKind) {
    let app = app(engine);
    let mut bound = BoundBrowser::signed_in(&app, EMAIL);
    app.advance(12 * MINUTE);
    app.execute("ALTER TABLE user_sessions RENAME TO hidden");
    let during = bound.get("/account/sessions");
    assert_eq!(during.status, 503, "{}", during.body);
    app.execute("ALTER TABLE hidden RENAME TO user_sessions");
    assert_eq!(bound.get("/account/sessions").status, 200);
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 1);
}

fn new_secret_and_restart_keep_proofs(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let clock = Clock::fixed(CLOCK_START);
    let first = TestApp::over(&database, clock.clone(), on_localhost);
    first.add_user(EMAIL);
    let mut bound = BoundBrowser::signed_in(&first, EMAIL);
    let asked = bound.ask();
    first.stop();
    clock.advance(MINUTE);
    let second = TestApp::over(&database, clock.clone(), |config| {
        on_localhost(config);
        config.secrets = format!("a newer secret than that 7Qm2xV9rTb4K,{SECRETS}").parse().unwrap();
    });
    bound.browser.visit(second.address);
    assert_eq!(bound.get("/api/session").status, 200);
    let proof = bound.key.answer(&crate::support::bound_browser::challenge(&asked).unwrap());
    assert_eq!(bound.answer(&proof).status, 200);
    clock.advance(12 * MINUTE);
    assert_eq!(bound.get("/account/sessions").status, 200);
}

fn clock_that_is_set_back_or_forward_is_survived(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let [ahead, right] = [HOUR, Duration::ZERO].map(|by| {
        let clock = Clock::fixed(CLOCK_START + by);
        (TestApp::over(&database, clock.clone(), on_localhost), clock)
    });
    right.0.add_user(EMAIL);
    let mut bound = BoundBrowser::signed_in(&ahead.0, EMAIL);
    // The clock of the server is corrected by an hour. The browser's cookie has nine minutes left, by the browser's own.
    bound.browser.visit(right.0.address);
    let refused = bound.browser.get("/account/sessions");
    assert_eq!(refused.status, 303);
    assert!(!bound.browser.cookies.contains_key(&bound.cookie), "so that the browser renews it");
    assert_eq!(refused.location(), "/login?next=%2Faccount%2Fsessions");
    let back = bound.get(refused.location());
    assert_eq!((back.status, back.location()), (303, "/account/sessions"), "the user sees a redirect at most");
    assert_eq!(bound.get("/account/sessions").status, 200);
    right.1.advance(9 * MINUTE);
    assert_eq!(bound.browser.get("/api/session").status, 200);
}

fn new_sid_keeps_the_binding(engine: EngineKind) {
    let app = app(engine);
    let mut bound = BoundBrowser::signed_in(&app, EMAIL);
    app.advance(20 * MINUTE);
    assert_eq!(bound.get("/account/password").status, 200);
    let sid = bound.browser.sid();
    let answer = reauthenticate(&mut bound.browser, "/reauth?next=/account/sessions", PASSWORD);
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("secure-session-registration"), None, "it is bound already");
    assert_ne!(bound.browser.sid(), sid);
    assert_eq!(bound.get("/api/session").json()["session"]["bound"], true);
    app.advance(12 * MINUTE);
    assert!(!bound.copied().is_signed_in());
    assert_eq!(bound.get("/account/sessions").status, 200);
}

fn renewal_with_a_former_sid_is_not_told_that_the_session_is_over(engine: EngineKind) {
    let app = app(engine);
    let mut bound = BoundBrowser::signed_in(&app, EMAIL);
    let former = bound.browser.clone();
    reauthenticate(&mut bound.browser, "/reauth?next=/account/sessions", PASSWORD);
    let current = std::mem::replace(&mut bound.browser, former);
    let answer = bound.ask();
    assert!(answer.status == 503 && answer.header("retry-after").is_some(), "{answer:?}");
    bound.browser = current;
    assert_eq!(bound.renew().status, 200);
}

fn planted_twin_of_the_cookie_ends_no_binding(engine: EngineKind) {
    let app = app(engine);
    let mut bound = BoundBrowser::signed_in(&app, EMAIL);
    let twins = format!("{}; keyrack.sid=planted", bound.browser.cookie_header());
    let headers = [("sec-secure-session-id", bound.session.as_str()), ("cookie", &twins)];
    let answer = app.browser().send("POST", "/session/refresh", None, &headers);
    assert!(answer.status == 503 && answer.set_cookies().is_empty(), "{answer:?}");
    assert_eq!(bound.renew().status, 200);
}

fn ended_session_is_told_to_its_browser(engine: EngineKind) {
    let app = app(engine);
    let end: [fn(&mut BoundBrowser, &TestApp); 3] = [
        |bound, _| assert_eq!(bound.browser.sign_out().status, 303),
        |bound, app| {
            let path = format!("/account/sessions/{}/revoke", bound.session);
            assert_eq!(app.signed_in(EMAIL).post_from("/account/sessions", &path, &[]).status, 303);
        },
        |_, app| {
            let mut other = app.signed_in(EMAIL);
            let fields = [("current_password", PASSWORD), ("password", PASSWORD), ("password_again", PASSWORD)];
            let changed =
                [fields[0], ("password", "five boats in one harbour"), ("password_again", "five boats in one harbour")];
            let answer = other.post_from("/account/password", "/account/password", &changed);
            assert_eq!(answer.status, 303, "{}", answer.body);
        },
    ];
    for end in end {
        let mut bound = BoundBrowser::signed_in(&app, EMAIL);
        let before = bound.browser.clone();
        end(&mut bound, &app);
        for browser in [bound.browser.clone(), before] {
            bound.browser = browser;
            let answer = bound.ask();
            let expected = serde_json::json!({ "session_identifier": bound.session, "continue": false });
            assert_eq!((answer.status, answer.json()), (200, expected));
            assert!(!bound.browser.cookies.contains_key(&bound.cookie));
            assert!(!bound.browser.is_signed_in());
        }
    }
}

fn browser_without_its_key_signs_in_again(engine: EngineKind) {
    let app = app(engine);
    let bound = BoundBrowser::signed_in(&app, EMAIL);
    app.advance(12 * MINUTE);
    let mut browser = bound.copied();
    let answer = browser.sign_in(EMAIL, PASSWORD);
    assert_eq!((answer.status, answer.location()), (303, "/account/sessions"));
    let mut again = BoundBrowser::bind(browser, &answer, DeviceKey::rs256(), app.clock.clone()).unwrap();
    assert_eq!(again.get("/api/session").json()["session"]["bound"], true);
    assert_ne!(again.session, bound.session);
    let former = &app.rows("sessions", &format!("WHERE id = '{}'", bound.session))[0];
    assert_eq!((former["status"].as_str(), former["end_reason"].as_str()), (Some("logged_out"), Some("replaced")));

    // Closed without its session's cookie, it is still known to the account.
    app.advance(12 * MINUTE);
    let mut closed = again.copied();
    closed.cookies.retain(|name, _| name == "keyrack.browser");
    assert_eq!(closed.sign_in(EMAIL, PASSWORD).status, 303);
    let former = &app.rows("sessions", &format!("WHERE id = '{}'", again.session))[0];
    assert_eq!(former["end_reason"], "replaced");
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 1);
    app.assert_sound();
}

fn proved_browser_continues_its_session(engine: EngineKind) {
    let app = app(engine);
    let mut bound = BoundBrowser::signed_in(&app, EMAIL);
    app.advance(MINUTE);
    let mut closed = bound.copied();
    closed.cookies.remove("keyrack.sid");
    let answer = closed.sign_in(EMAIL, PASSWORD);
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("secure-session-registration"), None, "it has the key");
    bound.browser = closed;
    assert_eq!(bound.get("/api/session").json()["session"]["id"], bound.session.as_str());
    app.advance(12 * MINUTE);
    assert_eq!(bound.get("/api/session").status, 200);
    assert_eq!(app.count("sessions", ""), 1);
}

fn switched_off_binding_refuses_nothing_and_can_be_switched_on(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let clock = Clock::fixed(CLOCK_START);
    let on = TestApp::over(&database, clock.clone(), on_localhost);
    let off = TestApp::over(&database, clock.clone(), |config| {
        on_localhost(config);
        config.bound_sessions = BoundSessions::Off;
    });
    on.add_user(EMAIL);
    let mut bound = BoundBrowser::signed_in(&on, EMAIL);
    clock.advance(12 * MINUTE);
    bound.browser.visit(off.address);
    assert_eq!(bound.browser.get("/api/session").status, 200);
    assert_eq!(bound.renew().status, 200, "its browser keeps the key");
    clock.advance(12 * MINUTE);
    bound.browser.visit(on.address);
    assert_eq!(bound.browser.get("/api/session").status, 401);
    assert_eq!(bound.get("/api/session").status, 200);
}

fn other_browsers_go_on_as_before(engine: EngineKind) {
    let app = app(engine);
    let mut browser = app.signed_in(EMAIL);
    for _ in 0..3 {
        app.advance(HOUR);
        assert!(browser.is_signed_in());
    }
    assert_eq!(browser.sign_out().status, 303);
    assert!(!browser.is_signed_in());
}
