//! A browser binds its session, and renews its proof.

use std::time::Duration;

use keyrack::config::{BoundSessions, PublicUrl};

use super::{EMAIL, app, events, on_localhost};
use crate::support::{
    BoundBrowser, Browser, EngineKind, PASSWORD, TestApp,
    bound_browser::{DeviceKey, challenge, registration},
    on_both_engines,
};

const MINUTE: Duration = Duration::from_secs(60);

on_both_engines!(
    browser_binds_its_session_and_renews_its_proof,
    sign_in_asks_only_where_sessions_can_be_bound,
    bound_session_is_shown_and_recorded,
    second_key_is_refused_also_with_both_cookies,
    lost_answer_leaves_session_unbound_until_next_sign_in,
    requests_sent_before_the_proof_are_let_in_for_ten_seconds,
    challenge_is_answered_once_and_in_order,
    challenge_of_another_session_or_use_is_refused,
    malformed_proofs_are_refused_alike,
);

fn browser_binds_its_session_and_renews_its_proof(engine: EngineKind) {
    let app = app(engine);
    for key in [DeviceKey::es256(), DeviceKey::rs256()] {
        let mut bound = BoundBrowser::signed_in_with(&app, EMAIL, key, &[]);
        assert_eq!(bound.session, bound.browser.session_id());
        let mut renewed = 0;
        for _ in 0..10 {
            app.advance(5 * MINUTE);
            let before = bound.browser.cookies.get(&bound.cookie).cloned();
            assert_eq!(bound.get("/account/sessions").status, 200);
            renewed += usize::from(bound.browser.cookies.get(&bound.cookie) != before.as_ref());
        }
        assert_eq!(renewed, 5, "every ten minutes");
        app.assert_sound();
    }
}

fn sign_in_asks_only_where_sessions_can_be_bound(engine: EngineKind) {
    let header = "secure-session-registration";
    let asks = |change: fn(&mut keyrack::config::Config)| {
        let app = TestApp::with(engine, change);
        app.add_user(EMAIL);
        let mut browser = app.browser();
        let page = browser.get("/login");
        assert_eq!(page.header(header), None);
        let answer = browser.sign_in(EMAIL, PASSWORD);
        assert_eq!(answer.status, 303);
        assert_eq!(browser.get("/account/sessions").header(header), None);
        let bind = browser.post("/session/bind", &[]).status;
        let is_asked = answer.header(header).is_some();
        assert_eq!(bind, if is_asked { 403 } else { 404 });
        is_asked
    };
    assert!(asks(on_localhost));
    assert!(!asks(|config| config.bound_sessions = BoundSessions::Auto), "over http");
    assert!(!asks(|config| {
        on_localhost(config);
        config.bound_sessions = BoundSessions::Off;
    }));
    assert!(!asks(|config| {
        on_localhost(config);
        config.public_url = PublicUrl::plain("keys.example.com");
    }));
}

fn bound_session_is_shown_and_recorded(engine: EngineKind) {
    let app = app(engine);
    let mut unbound = app.signed_in(EMAIL);
    let mut bound = BoundBrowser::signed_in(&app, EMAIL);
    assert_eq!(unbound.get("/api/session").json()["session"]["bound"], false);
    let listed = unbound.get("/api/sessions").json();
    let is_bound = |id: &str| {
        let sessions = listed["sessions"].as_array().unwrap();
        sessions.iter().find(|session| session["id"] == id).unwrap()["bound"].clone()
    };
    assert_eq!(is_bound(&bound.session), true);
    assert_eq!(is_bound(&unbound.session_id()), false);
    assert!(bound.get("/account/sessions").text().contains("Bound to this browser"));
    assert!(unbound.get("/account/sessions").text().contains("Bound to its browser"));
    let path = format!("/account/sessions/{}", bound.session);
    let page = bound.get(&path).text();
    assert!(page.contains("The browser holds a key") && page.contains("Bound to its browser"), "{page}");
    assert_eq!(events(&app, "session_bound", "ES256"), 1, "of the session that is bound, once");
    let row = &app.rows("sessions", &format!("WHERE id = '{}'", bound.session))[0];
    assert!(row["bound_key"].as_str().unwrap().contains("P-256"), "{row}");
}

fn second_key_is_refused_also_with_both_cookies(engine: EngineKind) {
    let app = app(engine);
    let mut browser = app.browser();
    let answer = browser.sign_in(EMAIL, PASSWORD);
    let (path, sent) = registration(&answer);
    let mut bound = BoundBrowser::bind(browser.clone(), &answer, DeviceKey::es256(), app.clock.clone()).unwrap();
    let key_of = || app.text("SELECT bound_key AS v FROM sessions");
    let first = key_of();
    let bind = |browser: &mut Browser| {
        let proof = DeviceKey::es256().registration(&sent);
        browser.send("POST", &path, None, &[("secure-session-response", &proof)]).status
    };
    assert_eq!(bind(&mut bound.copied()), 403, "before the binding is confirmed");
    assert_eq!(bound.get("/api/session").status, 200);
    app.advance(2 * MINUTE);
    assert_eq!(bind(&mut bound.copied()), 403, "with the proof of a moment ago");
    assert_eq!(bind(&mut browser), 403);
    assert_eq!(key_of(), first);
    app.advance(8 * MINUTE);
    assert_eq!(bound.get("/api/session").status, 200, "its own key renews the proof");
}

fn lost_answer_leaves_session_unbound_until_next_sign_in(engine: EngineKind) {
    let app = app(engine);
    let mut browser = app.browser();
    let answer = browser.sign_in(EMAIL, PASSWORD);
    let lost = BoundBrowser::bind(browser.clone(), &answer, DeviceKey::es256(), app.clock.clone());
    assert!(lost.is_some());
    app.advance(15 * MINUTE);
    assert_eq!(browser.get("/api/session").json()["session"]["bound"], false);
    // The browser was closed, and signs in again.
    let mut second = browser.clone();
    second.cookies.remove("keyrack.sid");
    let answer = second.sign_in(EMAIL, PASSWORD);
    assert_eq!(answer.status, 303, "{}", answer.body);
    let mut bound = BoundBrowser::bind(second, &answer, DeviceKey::es256(), app.clock.clone()).unwrap();
    assert_eq!(app.count("sessions", ""), 1, "it is the same session");
    assert_eq!(bound.get("/api/session").json()["session"]["bound"], true);
}

fn requests_sent_before_the_proof_are_let_in_for_ten_seconds(engine: EngineKind) {
    let app = app(engine);
    let mut early = app.browser();
    let answer = early.sign_in(EMAIL, PASSWORD);
    let mut bound = BoundBrowser::bind(early.clone(), &answer, DeviceKey::es256(), app.clock.clone()).unwrap();
    assert_eq!(early.get("/api/session").status, 200, "until the browser has shown that it has the proof");
    assert_eq!(bound.get("/api/session").status, 200);
    assert_eq!(early.get("/api/session").status, 200);
    app.advance(Duration::from_secs(10));
    assert!(!early.is_signed_in());
    assert_eq!(bound.get("/api/session").status, 200);
}

fn challenge_is_answered_once_and_in_order(engine: EngineKind) {
    let app = app(engine);
    let mut bound = BoundBrowser::signed_in(&app, EMAIL);
    app.advance(MINUTE);
    let first = challenge(&bound.ask()).unwrap();
    app.advance(Duration::from_secs(1));
    let second = challenge(&bound.ask()).unwrap();
    let (first, second) = (bound.key.answer(&first), bound.key.answer(&second));
    let mut thief = bound.copied();
    assert_eq!(bound.answer(&second).status, 200);
    for proof in [&second, &first] {
        // Two tabs do that as well: they are asked again.
        let again = bound.answer(proof);
        assert_eq!(again.status, 403);
        assert!(challenge(&again).is_some() && again.set_cookies().is_empty(), "{again:?}");
    }
    let headers = [("sec-secure-session-id", bound.session.as_str()), ("secure-session-response", &second)];
    assert_eq!(thief.send("POST", "/session/refresh", None, &headers).status, 403);
    app.advance(Duration::from_secs(1));
    let next = bound.renew();
    assert_eq!(next.status, 200);
    app.advance(9 * MINUTE);
    let proof = bound.key.answer(&challenge(&next).unwrap());
    assert_eq!(bound.answer(&proof).status, 200, "the challenge that came with a proof is good for the next");
    assert_eq!(events(&app, "bound_session_refused", ""), 0, "none of it is a sign of theft");
}

fn challenge_of_another_session_or_use_is_refused(engine: EngineKind) {
    let app = app(engine);
    let mut browser = app.browser();
    let answer = browser.sign_in(EMAIL, PASSWORD);
    let (_, to_bind) = registration(&answer);
    let mut bound = BoundBrowser::bind(browser, &answer, DeviceKey::es256(), app.clock.clone()).unwrap();
    let mut other = BoundBrowser::signed_in(&app, EMAIL);
    app.advance(MINUTE);
    for text in [to_bind, challenge(&other.ask()).unwrap(), String::new(), "1.a".to_owned()] {
        let proof = bound.key.answer(&text);
        let refused = bound.answer(&proof);
        assert!(refused.status == 403 && challenge(&refused).is_some(), "{refused:?}");
    }
    let outdated = challenge(&bound.ask()).unwrap();
    app.advance(15 * MINUTE);
    let proof = bound.key.answer(&outdated);
    assert_eq!(bound.answer(&proof).status, 403);
    assert_eq!(bound.renew().status, 200);
}

fn malformed_proofs_are_refused_alike(engine: EngineKind) {
    let app = app(engine);
    let mut browser = app.browser();
    let (path, sent) = registration(&browser.sign_in(EMAIL, PASSWORD));
    let long = format!("{}{}", DeviceKey::rs256().registration(&sent), "A".repeat(3000));
    let without_key = DeviceKey::es256().answer(&sent);
    let other_challenge = DeviceKey::es256().registration("1769601014000000.AAAA");
    let mut bodies = Vec::new();
    for proof in ["", "a.b.c", &long, &without_key, &other_challenge] {
        let refused = browser.send("POST", &path, None, &[("secure-session-response", proof)]);
        assert_eq!((refused.status, refused.header("content-type")), (403, Some("application/problem+json")));
        assert!(refused.set_cookies().is_empty());
        bodies.push(refused.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "the answer does not tell why: {bodies:?}");
    let quoted = format!("\"{}\"", DeviceKey::rs256().registration(&sent));
    assert_eq!(browser.send("POST", &path, None, &[("secure-session-response", &quoted)]).status, 200);
    assert_eq!(app.browser().post(&path, &[]).status, 401, "without a session");
}
