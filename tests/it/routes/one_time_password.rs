//! Passwords that are good for one sign-in, and sessions whose user must change the password first

use std::{thread, time::Duration};

use keyrack::{
    accounts::Password,
    sessions::{NewSession, UserId},
};
use serde_json::{Value, json};

use super::reauth::{EMAIL, WINDOW};
use crate::support::{Answer, Browser, EmbeddedApp, EngineKind, PASSWORD, TestApp, on_both_engines, wait};

on_both_engines!(
    asvs_6_4_1_initial_password_is_good_for_one_sign_in,
    one_time_sign_in_leads_to_the_password_page_only,
    every_route_refuses_a_session_before_the_password_change,
    password_change_makes_the_session_good_for_everything,
    password_change_ends_all_others_even_if_they_are_to_be_kept,
    refused_new_password_leaves_the_session_as_it_is,
    of_two_sign_ins_at_once_one_succeeds,
    used_up_password_is_told_only_to_who_knows_it,
    used_up_password_counts_as_a_failure,
    sign_in_again_in_the_same_browser_goes_on_with_the_change,
    new_one_time_password_replaces_a_used_one,
    lasting_password_ends_the_restriction,
    signing_out_before_the_change_uses_the_password_up,
    one_time_session_on_a_signed_in_browser_is_a_new_one,
    data_names_no_user_before_the_change,
    embedding_application_refuses_the_session,
    embedding_application_may_renew_the_session,
    disabled_user_cannot_use_a_one_time_password,
    one_time_passwords_leave_events,
    mark_of_an_earlier_password_has_no_effect,
    one_time_passwords_of_deleted_users_are_purged,
);

const PAGE: &str = "/account/password";
const ONE_TIME: &str = "seven otters in a boat";
const NEW: &str = "five herons by the weir";

/// An app with a user whose password is good for one sign-in.
fn start(engine: EngineKind) -> TestApp {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    set_one_time_password(&app, ONE_TIME);
    app.advance(Duration::from_secs(1));
    app
}

fn set_one_time_password(app: &TestApp, password: &str) {
    let accounts = app.keyrack.accounts();
    wait(accounts.set_one_time_password(&EMAIL.parse().unwrap(), Password::new(password))).unwrap().unwrap();
}

/// The only user.
fn user_of(app: &TestApp) -> UserId {
    app.text("SELECT CAST(id AS varchar(36)) AS v FROM users").parse().unwrap()
}

/// A browser that has signed in with the one-time password.
fn restricted(app: &TestApp) -> Browser {
    let mut browser = app.browser();
    let answer = browser.sign_in(EMAIL, ONE_TIME);
    assert_eq!((answer.status, answer.location()), (303, PAGE), "{}", answer.body);
    browser
}

fn change(browser: &mut Browser, current: &str, new: &str, further: &[(&str, &str)]) -> Answer {
    let fields = [&[("current_password", current), ("password", new), ("password_again", new)], further].concat();
    browser.post_from(PAGE, PAGE, &fields)
}

/// Whether the browser has a live session that is good for changing the password only.
fn is_restricted(browser: &mut Browser) -> bool {
    let (api, page, form) = (browser.get("/api/session"), browser.get("/account/sessions"), browser.get(PAGE));
    (api.status, page.status, form.status) == (403, 303, 200) && page.location().starts_with(PAGE)
}

fn asvs_6_4_1_initial_password_is_good_for_one_sign_in(engine: EngineKind) {
    let app = start(engine);
    let mut browser = restricted(&app);
    assert!(is_restricted(&mut browser));
    for mut other in [app.browser(), app.browser()] {
        let refused = other.sign_in(EMAIL, ONE_TIME);
        assert_eq!(refused.status, 401);
        assert!(
            refused.text().contains("This password was for one sign-in, and was used already."),
            "{}",
            refused.body
        );
        assert!(!other.cookies.contains_key("keyrack.sid"), "{:?}", other.cookies);
    }
    assert_eq!(app.count("sessions", ""), 1);
    assert!(is_restricted(&mut browser), "what others try does not end it");
    app.assert_sound();
}

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
    assert!(page.text().contains("The password that you signed in with was for one sign-in."), "{}", page.body);
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
        assert!(refused.text().contains("The password that you signed in with was for one sign-in."));
    }
    assert!(is_restricted(&mut browser));
    assert_eq!(change(&mut browser, ONE_TIME, NEW, &[]).status, 303);
    assert!(browser.is_signed_in());
}

fn of_two_sign_ins_at_once_one_succeeds(engine: EngineKind) {
    for _ in 0..5 {
        let app = start(engine);
        let browsers: Vec<Browser> = (0..6).map(|_| app.browser()).collect();
        let signed_in = thread::scope(|scope| {
            let clicks = browsers.into_iter().map(|mut browser| {
                scope.spawn(move || {
                    let answer = browser.sign_in(EMAIL, ONE_TIME);
                    assert!([303, 401].contains(&answer.status), "{answer:?}");
                    browser.cookies.contains_key("keyrack.sid")
                })
            });
            let clicks: Vec<_> = clicks.collect();
            clicks.into_iter().map(|click| click.join().unwrap()).filter(|is_signed_in| *is_signed_in).count()
        });
        assert_eq!((signed_in, app.count("sessions", "")), (1, 1));
        let failed = "WHERE kind = 'sign_in_failed' AND CAST(detail AS text) LIKE '%used_up_password%'";
        assert_eq!(app.count("security_events", failed), 5);
        app.assert_sound();
    }
}

fn used_up_password_is_told_only_to_who_knows_it(engine: EngineKind) {
    let app = start(engine);
    let wrong = |email: &str| {
        let answer = app.browser().sign_in(email, "not the password at all");
        (answer.status, answer.without_tokens().replace(email, "ADDRESS"))
    };
    let before = wrong(EMAIL);
    restricted(&app);
    assert_eq!(wrong(EMAIL), before, "a wrong password says nothing about the account");
    assert_eq!(wrong("nobody@example.com"), before);
    assert!(app.browser().sign_in(EMAIL, ONE_TIME).text().contains("was used already"));
}

/// Otherwise who knows it could forget the failures of others who guess, and try for free.
fn used_up_password_counts_as_a_failure(engine: EngineKind) {
    let app = start(engine);
    restricted(&app);
    for _ in 0..10 {
        assert_eq!(app.browser().sign_in(EMAIL, ONE_TIME).status, 401);
    }
    assert_eq!(app.browser().sign_in(EMAIL, ONE_TIME).status, 429);
}

/// As after a double click, if both responses arrive.
fn sign_in_again_in_the_same_browser_goes_on_with_the_change(engine: EngineKind) {
    let app = start(engine);
    let mut browser = app.browser();
    let token = browser.get("/login").csrf_token();
    let fields = [("email", EMAIL), ("password", ONE_TIME), ("csrf_token", &token)];
    for _ in 0..2 {
        let answer = browser.post("/login", &fields);
        assert_eq!((answer.status, answer.location()), (303, PAGE), "{}", answer.body);
    }
    assert!(is_restricted(&mut browser));
    assert_eq!(app.count("sessions", ""), 1);
}

fn new_one_time_password_replaces_a_used_one(engine: EngineKind) {
    let app = start(engine);
    let mut first = restricted(&app);
    app.advance(Duration::from_secs(1));
    set_one_time_password(&app, "nine geese over the fen");
    assert!(!first.is_signed_in(), "as for any new password, the sessions end");
    assert_eq!(app.browser().sign_in(EMAIL, ONE_TIME).status, 401);
    let mut second = app.browser();
    assert_eq!(second.sign_in(EMAIL, "nine geese over the fen").location(), PAGE);
    assert_eq!(change(&mut second, "nine geese over the fen", NEW, &[]).status, 303);
    assert!(second.is_signed_in());
}

fn lasting_password_ends_the_restriction(engine: EngineKind) {
    let app = start(engine);
    wait(app.keyrack.accounts().set_password(&EMAIL.parse().unwrap(), Password::new(PASSWORD))).unwrap();
    for _ in 0..2 {
        assert!(app.signed_in(EMAIL).is_signed_in());
    }
    assert_eq!(app.count("one_time_passwords", ""), 0);
}

fn signing_out_before_the_change_uses_the_password_up(engine: EngineKind) {
    let app = start(engine);
    let mut browser = restricted(&app);
    let answer = browser.post_from("/logout", "/logout", &[]);
    assert_eq!((answer.status, answer.location()), (303, "/login"));
    assert!(!browser.is_signed_in());
    assert_eq!(browser.sign_in(EMAIL, ONE_TIME).status, 401);
    assert_eq!(app.rows("sessions", "")[0]["end_reason"], "signed_out");
}

/// The session that an application has started in the meantime, which Keyrack would otherwise go on with.
fn one_time_session_on_a_signed_in_browser_is_a_new_one(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let former = browser.session_id();
    let token = browser.get("/account/sessions").csrf_token();
    app.advance(Duration::from_secs(1));
    // As `set_one_time_password`, but the sessions stay.
    app.execute(
        "INSERT INTO one_time_passwords (user_id, password_changed_at) SELECT id, password_changed_at FROM users",
    );
    let fields = [("email", EMAIL), ("password", PASSWORD), ("csrf_token", &token)];
    assert_eq!(browser.post("/login", &fields).location(), PAGE);
    assert!(is_restricted(&mut browser));
    assert_eq!(app.rows("sessions", &format!("WHERE id = '{former}'"))[0]["end_reason"], "signed_out");
    app.assert_sound();
}

fn data_names_no_user_before_the_change(engine: EngineKind) {
    let app = start(engine);
    let mut browser = restricted(&app);
    let data = || app.rows("user_sessions", "")[0]["sess"].clone();
    let keys = |data: &Value| data.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&data()), ["cookie"]);
    assert_eq!(change(&mut browser, ONE_TIME, NEW, &[]).status, 303);
    let data = data();
    assert_eq!((&data["userId"], &data["email"]), (&json!(user_of(&app)), &json!(EMAIL)));
    assert_eq!((&data["role"], &data["status"]), (&json!("user"), &json!("login")));
}

fn embedding_application_refuses_the_session(engine: EngineKind) {
    let app = start(engine);
    let embedded = EmbeddedApp::new(&app.keyrack);
    let mut browser = restricted(&app).at(embedded.address);
    let refused = browser.get("/app/data");
    assert_eq!((refused.status, refused.location()), (303, "/account/password?next=%2Fapp%2Fdata"));
    let refused = browser.post("/app/set/theme/dark", &[]);
    assert_eq!((refused.status, refused.location()), (303, PAGE));
    assert_eq!(browser.get("/visitor/user").body, "null", "a handler without the middleware finds no user");
    assert_eq!(browser.get("/visitor/signed-in").status, 403, "nor does one that requires a user by its argument");
    assert_eq!(change(&mut browser, ONE_TIME, NEW, &[("next", "/app/data")]).status, 303);
    assert_eq!(browser.get("/app/data").json()["user"], EMAIL);
    assert_eq!(browser.get("/visitor/user").body, format!("\"{EMAIL}\""));
    assert_eq!(browser.get("/visitor/signed-in").status, 200);
}

fn embedding_application_may_renew_the_session(engine: EngineKind) {
    let app = start(engine);
    let embedded = EmbeddedApp::new(&app.keyrack);
    let mut browser = restricted(&app).at(embedded.address);
    let sid = browser.sid();
    assert_eq!(browser.post("/open/theme/dark", &[]).status, 200);
    assert_eq!(browser.post("/visitor/renew", &[]).status, 200);
    assert_ne!(browser.sid(), sid);
    assert!(is_restricted(&mut browser), "it is good for no more than before");
    assert_eq!(change(&mut browser, ONE_TIME, NEW, &[]).status, 303);
    assert_eq!(app.rows("user_sessions", "")[0]["sess"]["theme"], "dark");
    app.assert_sound();
}

fn disabled_user_cannot_use_a_one_time_password(engine: EngineKind) {
    let app = start(engine);
    let email = EMAIL.parse().unwrap();
    wait(app.keyrack.accounts().disable(&email)).unwrap();
    let refused = app.browser().sign_in(EMAIL, ONE_TIME);
    assert!(refused.status == 401 && refused.text().contains("Invalid email or password."), "{}", refused.body);
    wait(app.keyrack.accounts().enable(&email)).unwrap();
    restricted(&app);
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
        "Sign-in failed: the one-time password was used already",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
}

/// An application may write its own users' passwords.
fn mark_of_an_earlier_password_has_no_effect(engine: EngineKind) {
    let app = start(engine);
    app.execute("UPDATE users SET password_changed_at = '2026-01-28T11:50:16.000000Z'");
    for _ in 0..2 {
        let mut browser = app.browser();
        assert_eq!(browser.sign_in(EMAIL, ONE_TIME).location(), "/account/sessions");
        assert!(browser.is_signed_in());
    }
}

fn one_time_passwords_of_deleted_users_are_purged(engine: EngineKind) {
    let app = start(engine);
    app.add_user("ana@example.com");
    app.execute("DELETE FROM users WHERE email <> 'ana@example.com'");
    assert_eq!(app.count("one_time_passwords", ""), 0, "the foreign key deletes them");
    // As where `users` is a view, which can have no foreign key.
    let without_key = match engine {
        EngineKind::Postgres => "ALTER TABLE one_time_passwords DROP CONSTRAINT one_time_passwords_user_id_fkey",
        EngineKind::Sqlite => "PRAGMA foreign_keys = OFF",
    };
    let orphan = "'550e8400-e29b-41d4-a716-446655440000'";
    app.execute(&format!(
        "{without_key};
         INSERT INTO one_time_passwords (user_id, password_changed_at) VALUES ({orphan}, '2026-01-28T11:50:16.000000Z');
         INSERT INTO one_time_passwords (user_id, password_changed_at) SELECT id, password_changed_at FROM users"
    ));
    wait(app.keyrack.accounts().purge()).unwrap();
    assert_eq!(app.count("one_time_passwords", ""), 1);
    assert_eq!(app.count("one_time_passwords", &format!("WHERE user_id = {orphan}")), 0);
}
