//! Signing in with a browser that already presents a session, its own or a planted one.

use std::time::Duration;

use crate::support::{EngineKind, PASSWORD, SECRETS, TestApp, cookies, on_both_engines};

on_both_engines!(
    signing_in_again_keeps_session_with_new_sid,
    signing_in_as_another_user_ends_previous_session,
    failed_sign_in_keeps_current_session,
    sign_in_ends_planted_session,
    sign_in_never_adopts_unknown_sid,
    sign_in_ends_session_with_unreadable_data,
    sign_in_makes_sid_of_foreign_data_unusable,
    sign_in_ends_expired_session_with_its_own_reason,
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

/// Writes data for this sid as another program would, and returns whether its cookie signs in then.
fn revives(app: &TestApp, sid: &str, user: &str) -> bool {
    let sess = format!(r#"{{"cookie":{{"originalMaxAge":86400000}},"userId":"{user}","status":"login"}}"#);
    let expire = (app.clock.now() + Duration::from_secs(3600)).to_iso_micros();
    let written = "INSERT INTO user_sessions (sid, sess, expire)";
    let insert = format!("{written} VALUES ('{sid}', '{sess}', '{expire}')");
    let update = format!("UPDATE user_sessions SET sess = '{sess}', expire = '{expire}' WHERE sid = '{sid}'");
    app.try_execute(&insert).or_else(|_| app.try_execute(&update)).unwrap();
    app.browser().with_cookie("keyrack.sid", &cookies::signed(sid, SECRETS)).is_signed_in()
}

fn sign_in_ends_session_with_unreadable_data(engine: EngineKind) {
    let app = TestApp::new(engine);
    let user = app.add_user("rajat.verma@example.com").to_string();
    for unreadable in ["[]", "17", r#"{"userId":17}"#, "{}"] {
        let mut browser = app.signed_in("rajat.verma@example.com");
        let (old, sid) = (browser.clone(), browser.sid());
        app.execute(&format!("UPDATE user_sessions SET sess = '{unreadable}' WHERE sid = '{sid}'"));
        assert_eq!(browser.sign_in("rajat.verma@example.com", PASSWORD).status, 303);
        assert_ne!(browser.sid(), sid);
        assert!(!revives(&app, &sid, &user), "{unreadable}: the data was repaired later");
        assert!(!old.clone().is_signed_in() && browser.is_signed_in(), "{unreadable}");
        let ended = app.rows("sessions", &format!("WHERE sid = '{sid}'"));
        assert_eq!((&ended[0]["status"], &ended[0]["end_reason"]), (&"logged_out".into(), &"signed_out".into()));
        browser.sign_out();
    }
}

fn sign_in_makes_sid_of_foreign_data_unusable(engine: EngineKind) {
    let app = TestApp::new(engine);
    let user = app.add_user("rajat.verma@example.com").to_string();
    let expire = (app.clock.now() + Duration::from_secs(3600)).to_iso_micros();
    app.execute(&format!(
        r#"INSERT INTO user_sessions (sid, sess, expire) VALUES ('guest', '{{"cart":[1]}}', '{expire}')"#
    ));
    for sid in ["guest", "nowhere"] {
        let mut browser = app.browser().with_cookie("keyrack.sid", &cookies::signed(sid, SECRETS));
        assert_eq!(browser.sign_in("rajat.verma@example.com", PASSWORD).status, 303);
        assert!(!revives(&app, sid, &user), "{sid}");
        assert_eq!(app.count("sessions", &format!("WHERE sid = '{sid}'")), 0);
        assert!(browser.is_signed_in());
        // Another browser with the same cookie can sign in, too.
        let mut other = app.browser().with_cookie("keyrack.sid", &cookies::signed(sid, SECRETS));
        assert_eq!(other.sign_in("rajat.verma@example.com", PASSWORD).status, 303);
    }
}

fn sign_in_ends_expired_session_with_its_own_reason(engine: EngineKind) {
    const HOUR: Duration = Duration::from_secs(3600);
    for (length, reason) in [(3 * HOUR, "idle_timeout"), (6 * HOUR, "absolute_timeout")] {
        let app = TestApp::with(engine, |config| {
            config.policy.timeouts.idle = if reason == "idle_timeout" { 2 * HOUR } else { 5 * HOUR };
            config.policy.timeouts.absolute = 5 * HOUR;
        });
        app.add_user("rajat.verma@example.com");
        let mut browser = app.signed_in("rajat.verma@example.com");
        let sid = browser.sid();
        app.advance(length);
        assert_eq!(browser.sign_in("rajat.verma@example.com", PASSWORD).status, 303);
        let ended = &app.rows("sessions", &format!("WHERE sid = '{sid}'"))[0];
        assert_eq!((&ended["status"], &ended["end_reason"]), (&"logged_out".into(), &reason.into()));
        let at = if reason == "idle_timeout" { "2026-01-28T13:50:14.000000Z" } else { "2026-01-28T16:50:14.000000Z" };
        assert_eq!(ended["logged_out_at"], at);
        app.assert_sound();
    }
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
