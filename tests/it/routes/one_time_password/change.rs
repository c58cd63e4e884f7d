//! The change of a password that was good for one sign-in, and what its session may do before

use std::time::Duration;

use keyrack::sessions::NewSession;
use serde_json::{Value, json};

use super::{EMAIL, NEW, ONE_TIME, PAGE, change, is_restricted, restricted, start, user_of};
use crate::{
    routes::reauth::WINDOW,
    support::{EngineKind, on_both_engines, wait},
};

on_both_engines!(
    one_time_sign_in_leads_to_the_password_page_only,
    every_route_refuses_a_session_before_the_password_change,
    password_change_makes_the_session_good_for_everything,
    password_change_ends_all_others_even_if_they_are_to_be_kept,
    refused_new_password_leaves_the_session_as_it_is,
    one_time_passwords_leave_events,
    form_of_a_second_tab_says_that_the_password_was_changed,
);

fn one_time_sign_in_leads_to_the_password_page_only(engine: EngineKind) {
    let app = start(engine);
    let mut browser = app.browser();
    let form = browser.get("/login?next=%2Faccount%2Factivity");
    let fields =
        [("email", EMAIL), ("password", ONE_TIME), ("next", "/account/activity"), ("csrf_token", &form.csrf_token())];
    let answer = browser.post("/login", &fields);
    assert_eq!((answer.status, answer.location()), (303, "/account/password?next=%2Faccount%2Factivity"));

    let page = browser.get(answer.location());
    assert_eq!(page.status, 200);
    assert!(page.text().contains("You signed in with a one-time password."), "{}", page.body);
    assert!(page.text().contains("At least 15 characters"), "{}", page.body);
    assert!(!page.body.contains("name=\"keep_others\"") && !page.body.contains("Cancel"), "{}", page.body);
    assert!(page.body.contains("action=\"/logout\""), "each page has the button to sign out");

    for (path, next) in [
        ("/account/sessions", "?next=%2Faccount%2Fsessions"),
        ("/account/sessions?show=ended", "?next=%2Faccount%2Fsessions%3Fshow%3Dended"),
        ("/account/activity", "?next=%2Faccount%2Factivity"),
        ("/login", ""),
        ("/login?next=%2Faccount%2Factivity", "?next=%2Faccount%2Factivity"),
    ] {
        let answer = browser.get(path);
        assert_eq!((answer.status, answer.location()), (303, format!("{PAGE}{next}").as_str()), "{path}");
    }
    assert_eq!(browser.get("/.well-known/change-password").location(), PAGE);
    let changed = change(&mut browser, ONE_TIME, NEW, &[("next", "/account/activity")]);
    assert_eq!((changed.status, changed.location()), (303, "/account/activity"));
}

fn every_route_refuses_a_session_before_the_password_change(engine: EngineKind) {
    let app = start(engine);
    let mut browser = restricted(&app);
    let other = wait(app.keyrack.sessions().start(NewSession::of(user_of(&app)))).unwrap();
    let token = browser.get(PAGE).csrf_token();
    let before = (app.rows("sessions", "ORDER BY id"), app.rows("user_sessions", "ORDER BY sid"));
    for path in ["/api/session", "/api/sessions"] {
        let refused = browser.get(path);
        assert_eq!((refused.status, refused.header("content-type")), (403, Some("application/problem+json")));
        let problem = refused.json();
        assert_eq!(problem["type"], "urn:keyrack:password-change-required", "{problem}");
        assert_eq!((&problem["page"], &problem["status"]), (&json!(PAGE), &json!(403)));
        assert!(!refused.body.contains(EMAIL) && !refused.body.contains("csrf"), "{problem}");
    }
    let header = [("x-csrf-token", token.as_str())];
    for (method, path) in
        [("DELETE", format!("/api/sessions/{}", other.id)), ("POST", "/api/sessions/revoke-others".to_owned())]
    {
        let refused = browser.send(method, &path, None, &header);
        assert_eq!((refused.status, &refused.json()["type"]), (403, &json!("urn:keyrack:password-change-required")));
    }
    for path in [
        "/account/sessions/revoke-others".to_owned(),
        format!("/account/sessions/{}/revoke", other.id),
        "/reauth".to_owned(),
    ] {
        let refused = browser.post(&path, &[("csrf_token", &token), ("password", ONE_TIME)]);
        assert_eq!((refused.status, refused.location()), (303, PAGE), "{path}");
    }
    for path in [format!("/account/sessions/{}", other.id), "/reauth".to_owned()] {
        assert!(browser.get(&path).location().starts_with("/account/password?next="), "{path}");
    }
    app.advance(WINDOW + Duration::from_secs(1));
    assert_eq!(browser.get("/api/session").status, 403, "also once its proof is old");
    let after = (app.rows("sessions", "ORDER BY id"), app.rows("user_sessions", "ORDER BY sid"));
    assert_eq!(without_activity(after.0), without_activity(before.0));
    assert_eq!(after.1.len(), before.1.len());
}

/// The rows without the columns that record activity.
fn without_activity(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        let row = row.as_object_mut().unwrap();
        row.retain(|column, _| column != "last_seen_at" && column != "updated_at");
    }
    rows
}

fn password_change_makes_the_session_good_for_everything(engine: EngineKind) {
    let app = start(engine);
    let mut browser = restricted(&app);
    let mut copy = browser.clone();
    let id = app.rows("sessions", "")[0]["id"].as_str().unwrap().to_owned();
    let changed = change(&mut browser, ONE_TIME, NEW, &[]);
    assert_eq!((changed.status, changed.location()), (303, "/account/sessions"));
    assert!(browser.get("/account/sessions").text().contains("Your password was changed."));
    assert!(browser.is_signed_in());
    assert!(!copy.is_signed_in(), "the session has a new sid");
    assert_eq!(browser.session_id(), id, "and its id");
    assert_eq!(app.count("one_time_passwords", ""), 0);
    assert_eq!(app.browser().sign_in(EMAIL, ONE_TIME).status, 401);
    assert!(!app.browser().sign_in(EMAIL, ONE_TIME).text().contains("one sign-in"), "it is a wrong one now");
    for mut later in [app.browser(), app.browser()] {
        assert_eq!(later.sign_in(EMAIL, NEW).location(), "/account/sessions");
    }
    let page = browser.get(PAGE);
    assert!(page.body.contains("name=\"keep_others\"") && !page.text().contains("one sign-in"), "{}", page.body);
    let details = browser.get(&format!("/account/sessions/{id}")).text();
    assert!(details.contains("Signed in by One-time password"), "{details}");
    app.assert_sound();
}

fn password_change_ends_all_others_even_if_they_are_to_be_kept(engine: EngineKind) {
    let app = start(engine);
    let mut browser = restricted(&app);
    wait(app.keyrack.sessions().start(NewSession::of(user_of(&app)))).unwrap();
    app.advance(Duration::from_secs(1));
    assert_eq!(change(&mut browser, ONE_TIME, NEW, &[("keep_others", "on")]).status, 303);
    assert!(browser.get("/account/sessions").text().contains("Signed out 1 other device."));
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 1);
    assert_eq!(app.count("sessions", "WHERE end_reason = 'password_changed'"), 1);
}

fn refused_new_password_leaves_the_session_as_it_is(engine: EngineKind) {
    let app = start(engine);
    let mut browser = restricted(&app);
    for (current, new, status, reason) in [
        (ONE_TIME, ONE_TIME, 422, "This is your current password."),
        (ONE_TIME, "too short", 422, "Use at least 15 characters"),
        (ONE_TIME, "passwordpassword", 422, "too easy to guess"),
        ("not the password at all", NEW, 401, "This is not your current password."),
    ] {
        let refused = change(&mut browser, current, new, &[]);
        assert_eq!((refused.status, refused.set_cookies()), (status, vec![]), "{new}");
        assert!(refused.text().contains(reason), "{reason}: {}", refused.text());
        assert!(refused.text().contains("You signed in with a one-time password."));
    }
    assert!(is_restricted(&mut browser));
    assert_eq!(change(&mut browser, ONE_TIME, NEW, &[]).status, 303);
    assert!(browser.is_signed_in());
}

fn one_time_passwords_leave_events(engine: EngineKind) {
    let app = start(engine);
    let mut browser = restricted(&app);
    app.browser().sign_in(EMAIL, ONE_TIME);
    change(&mut browser, ONE_TIME, NEW, &[]);
    let events: Vec<(String, Value)> = app
        .rows("security_events", "ORDER BY id")
        .into_iter()
        .map(|event| (event["kind"].as_str().unwrap().to_owned(), event["detail"].clone()))
        .filter(|(kind, _)| !["account_created", "browser_remembered"].contains(&kind.as_str()))
        .collect();
    let kinds: Vec<&str> = events.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["password_changed", "signed_in", "sign_in_failed", "password_changed", "session_rotated"]);
    assert_eq!(events[0].1["one_time"], true);
    assert_eq!(events[1].1, json!({"authorised_by": "one_time_password"}));
    assert_eq!(events[2].1["cause"], "used_up_password");
    assert_eq!(events[3].1.get("one_time"), None);
    let page = browser.get("/account/activity").text();
    for text in [
        "One-time password set",
        "Signed in with a one-time password",
        "Sign-in failed: the one-time password had already been used",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
}

/// Both tabs have the form open. The first one is sent, then the second, at once or later.
fn form_of_a_second_tab_says_that_the_password_was_changed(engine: EngineKind) {
    for (pause, new, status, words) in [
        (1, NEW, 303, ""),
        (1, "nine geese over the fen", 409, "your password was changed in another tab"),
        (60, NEW, 403, "before this browser confirmed or changed your password"),
        (60, "nine geese over the fen", 403, "Open the page again"),
    ] {
        let app = start(engine);
        let mut browser = restricted(&app);
        let token = browser.get(PAGE).csrf_token();
        assert_eq!(change(&mut browser, ONE_TIME, NEW, &[]).status, 303);
        app.advance(Duration::from_secs(pause));
        let fields =
            [("current_password", ONE_TIME), ("password", new), ("password_again", new), ("csrf_token", &token)];
        let second = browser.post(PAGE, &fields);
        assert_eq!(second.status, status, "{pause} s, {new}: {second:?}");
        assert!(second.text().contains(words), "{}", second.text());
        assert!(browser.is_signed_in(), "{pause} s, {new}");
        assert_eq!(app.browser().sign_in(EMAIL, NEW).status, 303, "the first form holds");
        assert_eq!(app.browser().sign_in(EMAIL, "nine geese over the fen").status, 401);
    }
}
