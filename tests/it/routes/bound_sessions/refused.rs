//! Requests with a copy of the cookies of a bound session.

use std::time::Duration;

use keyrack::clock::Clock;

use super::{EMAIL, app, events, on_localhost};
use crate::support::{
    BoundBrowser, Browser, CLOCK_START, EmbeddedApp, EngineKind, EventStream, PASSWORD, TestApp, TestDatabase,
    bound_browser::{DeviceKey, challenge},
    on_both_engines,
};

const MINUTE: Duration = Duration::from_secs(60);

on_both_engines!(
    copied_session_cookie_is_refused_at_every_door,
    both_copied_cookies_are_refused_after_eleven_minutes,
    copies_are_refused_10_000_times_on_two_instances,
    refused_request_is_recorded_once_and_told_to_the_owner,
    refused_request_is_no_activity,
    wrong_key_is_recorded_and_gets_no_proof,
    thief_cannot_end_the_session,
    skipped_renewal_is_answered_503_and_not_let_in,
    stream_ends_with_its_proof_and_when_the_session_is_bound,
    embedding_application_refuses_copies,
);

/// A client that has the cookie of the session only.
fn thief(bound: &BoundBrowser) -> Browser {
    let mut thief = bound.copied();
    thief.cookies.remove(&bound.cookie);
    thief
}

fn copied_session_cookie_is_refused_at_every_door(engine: EngineKind) {
    let app = app(engine);
    let mut bound = BoundBrowser::signed_in(&app, EMAIL);
    let token = bound.get("/api/session").json()["csrf_token"].as_str().unwrap().to_owned();
    app.advance(MINUTE);
    let mut thief = thief(&bound);
    for path in ["/account/sessions", "/account/password", "/account/activity", "/reauth", "/account/security"] {
        let answer = thief.get(path);
        answer.assert_not_signed_in();
        assert_eq!(answer.status, 303, "{path}");
    }
    let refused = thief.get("/api/session");
    assert_eq!((refused.status, refused.json()["type"].as_str()), (401, Some("urn:keyrack:browser-proof-required")));
    assert!(refused.set_cookies().is_empty(), "its own cookie stays");
    for path in ["/api/sessions", "/account/events?once", "/account/events"] {
        assert_eq!(thief.get(path).status, 401, "{path}");
    }
    for path in ["/account/sessions/revoke-others", "/logout", "/account/password", "/reauth"] {
        let answer = thief.post(path, &[("csrf_token", &token), ("password", PASSWORD)]);
        assert!(answer.status == 303 || answer.status == 403, "{path}: {}", answer.status);
        assert!(!answer.body.contains("example.com"), "{path}");
    }
    let page = thief.get("/no-such-page");
    assert!(page.status == 404 && !page.body.contains("Sign out"), "{}", page.body);
    let ended = thief.send("POST", "/api/sessions/revoke-others", None, &[("x-csrf-token", &token)]);
    assert_eq!(ended.status, 401);
    let login = thief.get("/login?next=/account/sessions");
    assert!(login.status == 200 && login.text().contains("bound to the browser that signed in"), "{}", login.text());
    assert_eq!(bound.get("/account/sessions").status, 200);
    app.assert_sound();
}

fn both_copied_cookies_are_refused_after_eleven_minutes(engine: EngineKind) {
    let app = app(engine);
    let mut bound = BoundBrowser::signed_in(&app, EMAIL);
    let mut thief = bound.copied();
    app.advance(Duration::from_secs(11 * 60 - 1));
    assert!(thief.is_signed_in(), "that is how long a copy of both is good");
    app.advance(Duration::from_secs(1));
    let refused = thief.get("/api/session");
    assert_eq!(refused.status, 401);
    let removed = refused.set_cookies();
    assert!(removed.len() == 1 && removed[0].starts_with("keyrack.bound=;"), "a browser renews it then: {removed:?}");
    assert!(!thief.is_signed_in());
    assert_eq!(thief.send("POST", "/session/refresh", None, &[("sec-secure-session-id", &bound.session)]).status, 403);
    assert!(!thief.is_signed_in(), "a challenge is no proof");
    assert_eq!(bound.get("/account/sessions").status, 200);
}

fn copies_are_refused_10_000_times_on_two_instances(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let clock = Clock::fixed(CLOCK_START);
    let [first, second] = [0, 1].map(|_| TestApp::over(&database, clock.clone(), on_localhost));
    first.add_user(EMAIL);
    let mut bound = BoundBrowser::signed_in(&first, EMAIL);
    let copy = bound.copied();
    assert!(copy.clone().is_signed_in());
    clock.advance(11 * MINUTE);
    let addresses = [first.address, second.address];
    let tries = |number: usize| {
        let mut thief = copy.at(addresses[number % 2]);
        (0..2500).filter(|_| thief.get("/api/session").status != 401).count()
    };
    let let_in: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|number| scope.spawn(move || tries(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(let_in, 0);
    assert_eq!(bound.get("/api/session").status, 200, "the owner is not disturbed");
    assert_eq!(bound.browser.at(second.address).get("/api/session").status, 200);
    let recorded = events(&database, "bound_session_refused", "outdated_proof");
    assert!((1..=2).contains(&recorded), "{recorded}: once on each instance");
}

fn refused_request_is_recorded_once_and_told_to_the_owner(engine: EngineKind) {
    let app = app(engine);
    let mut bound = BoundBrowser::signed_in(&app, EMAIL);
    app.advance(MINUTE);
    assert!(!bound.get("/account/sessions").text().contains("Another browser"));
    let mut thief = thief(&bound);
    for _ in 0..30 {
        assert_eq!(thief.get("/api/session").status, 401);
    }
    assert_eq!(events(&app, "bound_session_refused", "no_proof"), 1);
    app.advance(5 * MINUTE);
    let page = bound.get("/account/sessions").text();
    assert!(page.contains("Another browser tried to use one of your sessions 5 minutes ago"), "{page}");
    let activity = bound.get("/account/activity").text();
    assert!(activity.contains("Another browser with a copy of the cookies was refused"), "{activity}");
    app.advance(11 * MINUTE);
    assert_eq!(thief.get("/api/session").status, 401);
    let rows = app.rows("security_events", "WHERE kind = 'bound_session_refused' ORDER BY id");
    assert_eq!((rows.len(), &rows[1]["detail"]["count"]), (2, &serde_json::json!(30)));
    assert_eq!(rows[1]["session_id"], bound.session.as_str());
}

fn refused_request_is_no_activity(engine: EngineKind) {
    let app = TestApp::with(engine, |config| {
        on_localhost(config);
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    });
    app.add_user(EMAIL);
    let bound = BoundBrowser::signed_in(&app, EMAIL);
    app.advance(20 * MINUTE);
    let before = app.rows("sessions", "");
    let mut thief = bound.copied().with_header("x-forwarded-for", "203.0.113.66");
    assert!(!thief.is_signed_in());
    thief.get("/no-such-page");
    app.record_activity();
    assert_eq!(app.rows("sessions", ""), before);
    let event = &app.rows("security_events", "WHERE kind = 'bound_session_refused'")[0];
    assert_eq!(event["ip_address"], "203.0.113.66");
}

fn wrong_key_is_recorded_and_gets_no_proof(engine: EngineKind) {
    let app = app(engine);
    let mut bound = BoundBrowser::signed_in(&app, EMAIL);
    app.advance(MINUTE);
    let asked = challenge(&bound.ask()).unwrap();
    for key in [DeviceKey::es256(), DeviceKey::rs256()] {
        for proof in [key.answer(&asked), key.registration(&asked)] {
            let refused = bound.answer(&proof);
            assert!(refused.status == 403 && challenge(&refused).is_none() && refused.set_cookies().is_empty());
        }
    }
    assert_eq!(events(&app, "bound_session_refused", "wrong_key"), 1);
    let proof = bound.key.registration(&asked);
    assert_eq!(bound.answer(&proof).status, 403, "also if the right key brings itself along");
    let proof = bound.key.answer(&asked);
    assert_eq!(bound.answer(&proof).status, 200, "the challenge was not used up");
}

fn thief_cannot_end_the_session(engine: EngineKind) {
    let app = app(engine);
    app.add_user("thief@example.org");
    let mut bound = BoundBrowser::signed_in(&app, EMAIL);
    app.advance(12 * MINUTE);
    for mut thief in [thief(&bound), bound.copied()] {
        thief.cookies.retain(|name, _| name != "keyrack.browser");
        assert_eq!(thief.sign_in("thief@example.org", PASSWORD).status, 303);
        assert!(thief.is_signed_in());
    }
    let mut refresh = bound.copied();
    for _ in 0..20 {
        let headers = [("sec-secure-session-id", bound.session.as_str()), ("secure-session-response", "a.b.c")];
        assert_eq!(refresh.send("POST", "/session/refresh", None, &headers).status, 403);
    }
    assert_eq!(bound.get("/account/sessions").status, 200);
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 3);
    app.assert_sound();
}

fn skipped_renewal_is_answered_503_and_not_let_in(engine: EngineKind) {
    let app = app(engine);
    let mut bound = BoundBrowser::signed_in(&app, EMAIL);
    app.advance(12 * MINUTE);
    for reason in ["server_error", "unreachable", "quota_exceeded", ""] {
        let skipped = [("secure-session-skipped", reason)];
        for path in ["/account/sessions", "/api/session", "/account/events"] {
            let answer = thief(&bound).send("GET", path, None, &skipped);
            assert!(answer.status == 503 && answer.header("retry-after").is_some(), "{path}: {answer:?}");
            assert!(!answer.body.contains("example.com"), "{path}");
            assert!(answer.set_cookies().iter().all(|cookie| !cookie.starts_with("keyrack.sid")), "{answer:?}");
        }
    }
    assert_eq!(bound.get("/api/session").status, 200, "all is well once the proof is renewed");
    let skipped = [("secure-session-skipped", "server_error")];
    assert_eq!(bound.browser.send("GET", "/api/session", None, &skipped).status, 200, "it has a good one");
    let mut unbound = app.signed_in(EMAIL);
    assert_eq!(unbound.send("GET", "/api/session", None, &skipped).status, 200);
}

fn stream_ends_with_its_proof_and_when_the_session_is_bound(engine: EngineKind) {
    let app = app(engine);
    let keyrack = app.keyrack.clone();
    let following = std::thread::spawn(move || {
        let follow = async { actix_web::rt::time::timeout(Duration::from_secs(20), keyrack.inform_open_pages()).await };
        let _ = actix_web::rt::System::new().block_on(follow);
    });
    let mut early = app.browser();
    let answer = early.sign_in(EMAIL, PASSWORD);
    let mut stream = EventStream::open(&early);
    assert!(stream.head.contains(" 200 "), "{}", stream.head);
    assert_eq!(stream.next().unwrap().name, "open");
    let mut bound = BoundBrowser::bind(early, &answer, DeviceKey::es256(), app.clock.clone()).unwrap();
    assert_eq!(bound.get("/api/session").status, 200);
    assert_eq!(stream.next(), None, "it was opened without a proof");
    // The clock of the stream is the server's own, which stands still: its end is near already.
    app.advance(Duration::from_secs(10 * 60 + 59));
    let mut last = EventStream::open(&bound.browser);
    assert_eq!(last.next().unwrap().name, "open");
    assert_eq!(last.next(), None, "the proof is good for another second");
    drop(app);
    following.join().unwrap();
}

fn embedding_application_refuses_copies(engine: EngineKind) {
    let app = app(engine);
    let embedded = EmbeddedApp::new(&app.keyrack);
    let mut bound = BoundBrowser::signed_in(&app, EMAIL);
    bound.browser.visit(embedded.address);
    assert_eq!(bound.get("/app/data").status, 200);
    app.advance(12 * MINUTE);
    let mut copy = bound.copied();
    assert_eq!(copy.get("/app/data").status, 303);
    assert_eq!(bound.get("/app/data").status, 200);
}
