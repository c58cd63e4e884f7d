//! Sids, passwords and tokens must not appear in answers or log lines.

use std::time::Duration;

use super::reauth::reauthenticate;
use crate::support::{Answer, EngineKind, PASSWORD, TestApp, log, on_both_engines, wait};

on_both_engines!(secrets_appear_in_no_response_and_no_log_line);

fn secrets_appear_in_no_response_and_no_log_line(engine: EngineKind) {
    log::capture();
    let app = TestApp::new(engine);
    let wrong = format!("wrong, typed on {}", app.address);
    let link = wait(app.keyrack.setup_link()).unwrap().unwrap();
    let setup_token = link.rsplit_once('=').unwrap().1.to_owned();
    let mut answers: Vec<Answer> = Vec::new();
    let mut browser = app.browser();
    answers.push(browser.get(&format!("/setup?token={setup_token}")));
    app.add_user("rajat.verma@example.com");
    let csrf = browser.get("/login").csrf_token();
    answers.push(browser.sign_in("rajat.verma@example.com", &wrong));
    answers.push(browser.sign_in("rajat.verma@example.com", PASSWORD));
    let (first_sid, first_cookie) = (browser.sid(), browser.cookies["keyrack.sid"].clone());
    app.advance(Duration::from_secs(90));
    for path in [
        "/account/sessions",
        "/account/sessions?show=ended",
        "/account/activity",
        "/api/session",
        "/login",
        "/",
        "/nowhere",
    ] {
        answers.push(browser.get(path));
    }
    // Signs in again, for a new sid.
    let mut fields = vec![("email", "rajat.verma@example.com"), ("password", PASSWORD)];
    fields.push(("csrf_token", &csrf));
    answers.push(browser.post("/login", &fields));
    let second_sid = browser.sid();
    assert_ne!(first_sid, second_sid);
    // Proves who it is, for a change that waits for that, and changes the password: two more sids.
    let mut other = app.signed_in("rajat.verma@example.com");
    let sid_of_other = other.sid();
    app.advance(Duration::from_secs(3600));
    let revoke = format!("/account/sessions/{}/revoke", other.session_id());
    let asked = browser.post_from("/account/sessions", &revoke, &[]);
    let page = asked.location().to_owned();
    answers.push(reauthenticate(&mut browser, &page, &wrong));
    answers.push(reauthenticate(&mut browser, &page, PASSWORD));
    let third_sid = browser.sid();
    let (new, change) = (format!("new, typed on {}", app.address), "/account/password");
    for current in [wrong.as_str(), PASSWORD] {
        let fields = [("current_password", current), ("password", &new), ("password_again", &new)];
        answers.push(browser.post_from(change, change, &fields));
    }
    let fourth_sid = browser.sid();
    assert!(second_sid != third_sid && third_sid != fourth_sid && browser.is_signed_in());
    answers.push(browser.get("/account/activity"));
    let csrf_of_session = browser.get("/account/sessions").csrf_token();
    let mut copy = browser.clone();
    answers.push(browser.post("/logout", &[("csrf_token", &csrf)]));
    answers.push(browser.sign_out());
    answers.extend([copy.get("/account/sessions"), copy.get("/api/session")]);
    answers.push(copy.get("/account/sessions?next=/x&csrf_token=t"));
    app.execute("ALTER TABLE users RENAME TO users_away");
    answers.push(copy.get("/account/sessions"));
    answers.push(copy.post("/login", &fields));

    let sids = [&first_sid, &second_sid, &third_sid, &fourth_sid, &sid_of_other].map(String::as_str);
    let secrets = [&sids[..], &[&first_cookie, &wrong, &new, crate::support::SECRETS, PASSWORD]].concat();
    let cookie_halves = [first_cookie.rsplit_once('.').unwrap().1.to_owned()];
    for answer in &answers {
        for secret in secrets.iter().copied().chain(cookie_halves.iter().map(String::as_str)) {
            assert!(!answer.body.contains(secret), "{secret}: {}", answer.body);
            assert!(!answer.location().contains(secret), "{secret}: {}", answer.location());
        }
        assert!(!answer.location().contains(&csrf));
    }
    let log = log::captured();
    let ours: Vec<&str> = log.lines().filter(|line| line.contains("\"path\":\"/account/sessions\"")).collect();
    assert!(!ours.is_empty(), "the log has lines of this test: {}", log.len());
    let tokens = [csrf.as_str(), &csrf_of_session, &setup_token];
    for secret in secrets.iter().copied().chain(cookie_halves.iter().map(String::as_str)).chain(tokens) {
        let found = log.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "{secret}");
    }
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}
