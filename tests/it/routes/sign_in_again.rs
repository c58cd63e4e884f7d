//! Signing in with a browser that already presents a session, its own or a planted one.

use std::time::Duration;

use crate::support::{EngineKind, PASSWORD, SECRETS, TestApp, cookies, on_both_engines};

on_both_engines!(
    signing_in_again_keeps_session_with_new_sid,
    signing_in_as_another_user_ends_previous_session,
    failed_sign_in_keeps_current_session,
    sign_in_ends_planted_session,
    sign_in_never_adopts_unknown_sid,
);

fn sign_in_again(browser: &mut crate::support::Browser, email: &str, password: &str) -> crate::support::Answer {
    // As if another tab had opened the form before this browser signed in, with the token of a visitor.
    let mut visitor = browser.clone();
    visitor.cookies.remove("keyrack.sid");
    let token = visitor.get("/login").csrf_token();
    browser.cookies.extend(visitor.cookies);
    browser.post("/login", &[("email", email), ("password", password), ("csrf_token", &token)])
}

fn signing_in_again_keeps_session_with_new_sid(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let (id, mut old) = (browser.session_id(), browser.clone());
    app.advance(Duration::from_secs(3600));
    assert_eq!(sign_in_again(&mut browser, "rajat.verma@example.com", PASSWORD).status, 303);
    assert_ne!(browser.sid(), old.sid());
    assert_eq!(browser.session_id(), id);
    assert!(!old.is_signed_in(), "the old sid has ended");
    assert!(browser.is_signed_in(), "presenting the old sid does not end the session");
    let rows = app.rows("sessions", "");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["created_at"], "2026-01-28T11:50:14.000000Z");
    assert_eq!(rows[0]["expires_at"], "2026-01-29T12:50:14.000000Z", "timeouts start at the second sign-in");
    let data = app.rows("user_sessions", "");
    assert_eq!((data.len(), data[0]["sid"].as_str()), (1, Some(browser.sid().as_str())));
}

fn signing_in_as_another_user_ends_previous_session(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    app.add_user("ana@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let (id, mut old) = (browser.session_id(), browser.clone());
    assert_eq!(sign_in_again(&mut browser, "ana@example.com", PASSWORD).status, 303);
    assert!(!old.is_signed_in());
    assert_eq!(browser.get("/api/session").json()["user"]["email"], "ana@example.com");
    let ended = app.rows("sessions", &format!("WHERE id = '{id}'"));
    assert_eq!((&ended[0]["status"], &ended[0]["end_reason"]), (&"logged_out".into(), &"signed_out".into()));
    assert_eq!(app.count("user_sessions", ""), 1);
}

fn failed_sign_in_keeps_current_session(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let before = (app.rows("sessions", ""), app.rows("user_sessions", ""));
    let answer = sign_in_again(&mut browser, "rajat.verma@example.com", "not the password at all");
    assert_eq!((answer.status, answer.set_cookies()), (401, vec![]));
    assert_eq!((app.rows("sessions", ""), app.rows("user_sessions", "")), before);
    assert!(browser.is_signed_in());
}

fn sign_in_ends_planted_session(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("attacker@example.com");
    app.add_user("rajat.verma@example.com");
    let mut attacker = app.signed_in("attacker@example.com");
    let planted = attacker.cookies["keyrack.sid"].clone();
    let mut victim = app.browser();
    victim.get("/login");
    let mut victim = victim.with_cookie("keyrack.sid", &planted);
    assert_eq!(sign_in_again(&mut victim, "rajat.verma@example.com", PASSWORD).status, 303);
    assert_ne!(victim.sid(), attacker.sid());
    assert!(!attacker.is_signed_in(), "the planted session has ended");
    assert_eq!(victim.get("/api/session").json()["user"]["email"], "rajat.verma@example.com");
}

fn sign_in_never_adopts_unknown_sid(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let sid = "planted-by-an-attacker-who-knows-the-secret";
    let planted = cookies::signed(sid, SECRETS);
    let mut victim = app.browser().with_cookie("keyrack.sid", &planted);
    assert_eq!(victim.sign_in("rajat.verma@example.com", PASSWORD).status, 303);
    assert_ne!(victim.sid(), sid);
    let mut attacker = app.browser().with_cookie("keyrack.sid", &planted);
    assert!(!attacker.is_signed_in());
    assert_eq!(app.count("sessions", &format!("WHERE sid = '{sid}'")), 0);
    assert!(victim.is_signed_in());
}
