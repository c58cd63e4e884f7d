//! The events of sign-ins through the pages.

use std::time::Duration;

use serde_json::json;

use super::{event, events};
use crate::{
    routes::reauth::reauthenticate,
    support::{EngineKind, PASSWORD, TestApp, on_both_engines, wait},
};

on_both_engines!(
    sign_in_and_sign_out_are_recorded,
    failures_are_recorded_with_their_cause,
    failures_of_unknown_addresses_are_summed_up,
    refused_attempts_are_stored_once_per_quarter_of_an_hour,
    lock_is_recorded_once,
    signing_in_again_is_recorded_as_rotation_and_sign_in,
    refused_form_is_recorded_once_with_its_cause,
    proofs_and_new_passwords_say_where_they_came_from,
);

const EMAIL: &str = "rajat.verma@example.com";
const WRONG: &str = "not the password at all";
const ADDRESS: &str = "203.0.113.7";

fn app(engine: EngineKind) -> TestApp {
    let app = TestApp::with(engine, |config| config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    app.add_user(EMAIL);
    app
}

fn sign_in_and_sign_out_are_recorded(engine: EngineKind) {
    let app = app(engine);
    let mut browser = app.browser().with_header("x-forwarded-for", ADDRESS);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    let id = browser.session_id();
    browser.sign_out();
    let started = event(&app, "signed_in");
    assert_eq!((&started["session_id"], &started["ip_address"]), (&json!(id), &json!(ADDRESS)));
    assert_eq!(started["detail"], json!({"authorised_by": "password"}));
    let ended = event(&app, "session_ended");
    assert_eq!(
        (&ended["session_id"], &ended["ip_address"], &ended["actor"]),
        (&json!(id), &json!(ADDRESS), &json!("user"))
    );
    assert_eq!(ended["detail"], json!({"reason": "signed_out", "by_session": id}));
    let remembered = event(&app, "browser_remembered");
    assert_eq!((&remembered["session_id"], &remembered["user_id"]), (&json!(id), &started["user_id"]));
}

fn failures_are_recorded_with_their_cause(engine: EngineKind) {
    let app = app(engine);
    let mut known = app.signed_in(EMAIL);
    known.sign_out();
    assert_eq!(known.sign_in(EMAIL, WRONG).status, 401);
    let mut browser = app.browser().with_header("x-forwarded-for", ADDRESS);
    assert_eq!(browser.sign_in(EMAIL, WRONG).status, 401);
    wait(app.keyrack.accounts().disable(&EMAIL.parse().unwrap())).unwrap();
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 401);
    let failed = events(&app, &["sign_in_failed"]);
    let details: Vec<_> = failed.iter().map(|event| event["detail"].clone()).collect();
    let expected = [("wrong_password", true), ("wrong_password", false), ("disabled", false)];
    assert_eq!(details, expected.map(|(cause, known)| json!({"cause": cause, "known_browser": known})));
    assert!(failed.iter().all(|event| event["user_id"].is_string() && event["actor"] == "user"), "{failed:#?}");
    assert_eq!(failed[1]["ip_address"], ADDRESS);
}

fn failures_of_unknown_addresses_are_summed_up(engine: EngineKind) {
    let app = app(engine);
    for number in 0..7 {
        assert_eq!(app.browser().sign_in(&format!("nobody-{number}@example.com"), WRONG).status, 401);
    }
    assert_eq!(events(&app, &["sign_in_failed", "unknown_sign_ins_failed"]), [json!(null); 0]);
    wait(app.keyrack.accounts().purge()).unwrap();
    let summed = event(&app, "unknown_sign_ins_failed");
    assert_eq!((&summed["detail"], &summed["user_id"]), (&json!({"count": 7}), &json!(null)));
    wait(app.keyrack.accounts().purge()).unwrap();
    assert_eq!(events(&app, &["unknown_sign_ins_failed"]).len(), 1, "nothing has failed since");
}

fn refused_attempts_are_stored_once_per_quarter_of_an_hour(engine: EngineKind) {
    let app = app(engine);
    for _ in 0..10 {
        assert_eq!(app.browser().sign_in(EMAIL, WRONG).status, 401);
    }
    for _ in 0..5 {
        assert_eq!(app.browser().sign_in(EMAIL, WRONG).status, 429);
    }
    assert_eq!(events(&app, &["sign_in_failed"]).len(), 10);
    wait(app.keyrack.accounts().refusals_stored(Duration::from_secs(60))).unwrap();
    assert_eq!(event(&app, "sign_in_throttled")["detail"], json!({"cause": "wait", "count": 1}));
    app.clock.advance(Duration::from_secs(15 * 60));
    while app.browser().sign_in(EMAIL, WRONG).status != 429 {}
    wait(app.keyrack.accounts().refusals_stored(Duration::from_secs(60))).unwrap();
    let throttled = events(&app, &["sign_in_throttled"]);
    assert_eq!(throttled.len(), 2);
    assert_eq!(throttled[1]["detail"]["count"], 5, "four that were not stored, and this one");
}

fn lock_is_recorded_once(engine: EngineKind) {
    let app = app(engine);
    let id = event(&app, "account_created")["user_id"].as_str().unwrap().to_owned();
    let at = app.clock.now().to_iso_micros();
    app.execute(&format!(
        "INSERT INTO sign_in_failures (key, in_a_row, last_failure_at, forgotten_at)
         VALUES ('account:{id}', 99, '{at}', '{at}')"
    ));
    app.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(app.browser().sign_in(EMAIL, WRONG).status, 401);
    assert_eq!(app.browser().sign_in(EMAIL, WRONG).status, 429);
    let locked = event(&app, "account_locked");
    assert_eq!((&locked["user_id"], &locked["detail"]), (&json!(id), &json!({"failures": 100})));
    wait(app.keyrack.accounts().refusals_stored(Duration::from_secs(60))).unwrap();
    assert_eq!(event(&app, "sign_in_throttled")["detail"]["cause"], "locked");
}

fn signing_in_again_is_recorded_as_rotation_and_sign_in(engine: EngineKind) {
    let app = app(engine);
    let mut browser = app.browser();
    let token = browser.get("/login").csrf_token();
    let fields = [("email", EMAIL), ("password", PASSWORD), ("csrf_token", &*token)];
    assert_eq!(browser.post("/login", &fields).status, 303);
    let id = browser.session_id();
    // Before that, the form would count as sent twice.
    app.clock.advance(Duration::from_secs(6));
    assert_eq!(browser.post("/login", &fields).status, 303);
    assert_eq!(browser.session_id(), id);
    let found = events(&app, &["signed_in", "session_rotated"]);
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|event| event["session_id"] == json!(id)), "{found:#?}");
    assert_eq!(
        found[1]["detail"],
        json!({"authorised_by": "password", "again": true, "device": "Firefox 140 on Linux"})
    );
    assert_eq!((&found[2]["kind"], &found[2]["detail"]["by_session"]), (&json!("session_rotated"), &json!(id)));
}

fn refused_form_is_recorded_once_with_its_cause(engine: EngineKind) {
    let app = app(engine);
    let mut browser = app.signed_in(EMAIL);
    let id = browser.session_id();
    for _ in 0..3 {
        assert_eq!(browser.post("/account/sessions/revoke-others", &[("csrf_token", "invented")]).status, 403);
    }
    let refused = event(&app, "form_refused");
    assert_eq!(refused["session_id"], id);
    assert_eq!(refused["detail"], json!({"cause": "wrong_token", "count": 1}));
    assert_eq!(app.browser().post("/login", &[("csrf_token", "invented")]).status, 403);
    assert_eq!(events(&app, &["form_refused"]).len(), 1, "a form without a session concerns no account");
}

/// The new identifier and the ends of other sessions are done from there as well.
fn proofs_and_new_passwords_say_where_they_came_from(engine: EngineKind) {
    let app = app(engine);
    let mut browser = app.browser().with_header("x-forwarded-for", ADDRESS);
    browser.sign_in(EMAIL, PASSWORD);
    let (id, other) = (browser.session_id(), app.signed_in(EMAIL).session_id());
    assert_eq!(reauthenticate(&mut browser, "/reauth", PASSWORD).status, 303);
    let (page, new) = ("/account/password", "five herons by the weir");
    let fields = [("current_password", PASSWORD), ("password", new), ("password_again", new)];
    assert_eq!(browser.post_from(page, page, &fields).status, 303);
    let found = events(&app, &["proof_given", "session_rotated", "password_changed", "session_ended"]);
    let kinds: Vec<_> = found.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    let mut sorted = kinds.clone();
    sorted.sort_unstable();
    let expected = ["password_changed", "proof_given", "session_ended", "session_rotated", "session_rotated"];
    assert_eq!(sorted, expected, "{kinds:?}");
    for event in found {
        let source = (&event["actor"], &event["ip_address"], &event["detail"]["by_session"]);
        assert_eq!(source, (&json!("user"), &json!(ADDRESS), &json!(id)), "{event}");
        let concerned = if event["kind"] == "session_ended" { &other } else { &id };
        assert_eq!(event["session_id"], json!(concerned), "{event}");
    }
}
