//! A sign-in on a browser that has lost the cookie of its session, but not the one by which its account knows it.

use std::{sync::Barrier, thread, time::Duration};

use crate::support::{Browser, EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    sign_in_on_a_known_browser_continues_its_session,
    event_says_from_where_a_session_was_continued,
    continued_session_has_no_data_of_the_application,
    other_browsers_have_sessions_of_their_own,
    ended_session_of_a_known_browser_is_not_continued,
    known_browser_continues_the_session_of_each_account,
    known_browser_signing_in_eight_times_at_once_has_one_session,
    form_sent_twice_continues_a_session_once,
    session_of_another_user_is_not_continued,
    continued_session_is_not_beyond_the_limit,
    browser_is_new_for_a_day_unless_it_is_the_first,
    known_browser_is_not_new_after_signing_out,
    new_browser_stays_new_if_it_signs_out_and_in,
    copied_cookie_continues_nothing_on_another_device,
    copied_cookie_is_new_after_the_session_has_ended,
    updated_browser_continues_its_session,
);

const EMAIL: &str = "rajat.verma@example.com";
const OTHER_EMAIL: &str = "asha.verma@example.com";
const PHONE: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 \
                     Mobile Safari/537.36";
/// A later version of the browser that tests use.
const UPDATED: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0";
const LAPTOP: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";
/// Sign-ins of two tabs with less time between them share a session.
const NOT_AT_ONCE: Duration = Duration::from_secs(6);
const HOUR: Duration = Duration::from_secs(3600);

fn app_with_user(engine: EngineKind) -> TestApp {
    let app = TestApp::with(engine, |config| config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    app.add_user(EMAIL);
    app
}

/// The same browser, closed and opened again.
fn without_session_cookie(browser: &Browser) -> Browser {
    let mut browser = browser.clone();
    browser.cookies.remove("keyrack.sid").expect("it was signed in");
    browser
}

fn sign_in_on_a_known_browser_continues_its_session(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut old = app.signed_in(EMAIL);
    let id = old.session_id();
    app.advance(HOUR);
    let mut browser = without_session_cookie(&old).with_header("user-agent", UPDATED);
    browser = browser.with_header("x-forwarded-for", "203.0.113.9");
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(browser.session_id(), id);
    assert_ne!(browser.sid(), old.sid());
    assert!(!old.is_signed_in(), "the former sid has ended");
    assert!(browser.is_signed_in(), "presenting the former sid does not end the session");
    let rows = app.rows("sessions", "");
    assert_eq!(rows.len(), 1, "no twin");
    let [row] = &rows[..] else { unreachable!() };
    assert_eq!(row["created_at"], "2026-01-28T11:50:14.000000Z");
    assert_eq!(row["authenticated_at"], "2026-01-28T12:50:14.000000Z");
    assert_eq!(row["expires_at"], "2026-01-29T12:50:14.000000Z", "timeouts start at the second sign-in");
    assert_eq!((&row["user_agent"], &row["ip_address"]), (&UPDATED.into(), &"203.0.113.9".into()));
    assert_eq!(app.count("user_sessions", ""), 1);
    app.assert_sound();
}

fn event_says_from_where_a_session_was_continued(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = app.signed_in(EMAIL);
    let id = browser.session_id();
    let mut thief = without_session_cookie(&browser).with_header("x-forwarded-for", "203.0.113.66");
    assert_eq!(thief.sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(browser.get("/api/session").status, 401, "the owner is signed out, instead of sharing the session");
    let text = browser.get("/login").text();
    assert!(text.contains("its session went on with a newer sign-in"), "{text}");
    let events = app.rows("security_events", &format!("WHERE session_id = '{id}' AND kind = 'signed_in' ORDER BY id"));
    assert_eq!(events.len(), 2);
    assert_eq!((&events[1]["ip_address"], &events[1]["detail"]["again"]), (&"203.0.113.66".into(), &true.into()));
}

/// What an application has noted, such as a second factor, was proved by the browser with the cookie.
fn continued_session_has_no_data_of_the_application(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut old = app.signed_in(EMAIL);
    let id = old.session_id();
    let data = app.text("SELECT CAST(sess AS text) AS v FROM user_sessions");
    let with_factor = data.replacen('{', r#"{"secondFactor":true,"#, 1);
    app.execute(&format!("UPDATE user_sessions SET sess = '{with_factor}'"));
    let mut with_cookie = old.clone();
    assert_eq!(with_cookie.post_from("/reauth", "/reauth", &[("password", PASSWORD)]).status, 303);
    assert!(app.text("SELECT CAST(sess AS text) AS v FROM user_sessions").contains("secondFactor"));
    app.advance(NOT_AT_ONCE);
    let mut browser = without_session_cookie(&with_cookie);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(browser.session_id(), id);
    assert!(!app.text("SELECT CAST(sess AS text) AS v FROM user_sessions").contains("secondFactor"));
    app.assert_sound();
}

fn other_browsers_have_sessions_of_their_own(engine: EngineKind) {
    let app = app_with_user(engine);
    let (mut one, mut other) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    assert_ne!(one.session_id(), other.session_id());
    let mut private_window = app.signed_in(EMAIL);
    app.advance(NOT_AT_ONCE);
    let mut again = without_session_cookie(&one);
    assert_eq!(again.sign_in(EMAIL, PASSWORD).status, 303);
    assert!(other.is_signed_in() && private_window.is_signed_in() && !one.is_signed_in());
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 3);
}

fn ended_session_of_a_known_browser_is_not_continued(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = app.signed_in(EMAIL);
    let mut ids = vec![browser.session_id()];
    browser.sign_out();
    browser.sign_in(EMAIL, PASSWORD);
    ids.push(browser.session_id());
    let expired = ids[1].clone();
    app.advance(25 * HOUR);
    let mut browser = without_session_cookie(&browser);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    ids.push(browser.session_id());
    let mut other = app.signed_in(EMAIL);
    let revoke = format!("/account/sessions/{}/revoke", ids[2]);
    assert_eq!(other.post_from("/account/sessions", &revoke, &[]).status, 303);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    ids.push(browser.session_id());
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    let row = &app.rows("sessions", &format!("WHERE id = '{expired}'"))[0];
    assert_eq!(row["expires_at"], "2026-01-29T11:50:14.000000Z", "an expired session stays expired");
}

fn known_browser_continues_the_session_of_each_account(engine: EngineKind) {
    let app = app_with_user(engine);
    app.add_user(OTHER_EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let first = browser.session_id();
    let mut browser = without_session_cookie(&browser);
    assert_eq!(browser.sign_in(OTHER_EMAIL, PASSWORD).status, 303);
    let second = browser.session_id();
    assert_ne!(first, second);
    let mut browser = without_session_cookie(&browser);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(browser.session_id(), first);
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 2);
}

fn known_browser_signing_in_eight_times_at_once_has_one_session(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut known = app.signed_in(EMAIL);
    known.sign_out();
    let forms: Vec<(Browser, String)> = (0..8)
        .map(|_| {
            let mut browser = known.clone();
            let token = browser.get("/login").csrf_token();
            (browser, token)
        })
        .collect();
    let start = Barrier::new(forms.len());
    thread::scope(|scope| {
        for (mut browser, token) in forms {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                let fields = [("email", EMAIL), ("password", PASSWORD), ("csrf_token", token.as_str())];
                assert_eq!(browser.post("/login", &fields).status, 303);
            });
        }
    });
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 1);
    assert_eq!(app.count("user_sessions", ""), 1);
    assert_eq!(app.count("known_browsers", ""), 1);
    app.assert_sound();
}

fn form_sent_twice_continues_a_session_once(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut known = app.signed_in(EMAIL);
    let id = known.session_id();
    app.advance(HOUR);
    let mut first = without_session_cookie(&known);
    let token = first.get("/login").csrf_token();
    let mut second = first.clone();
    for browser in [&mut first, &mut second] {
        let fields = [("email", EMAIL), ("password", PASSWORD), ("csrf_token", token.as_str())];
        assert_eq!(browser.post("/login", &fields).status, 303);
    }
    assert_eq!(first.sid(), second.sid(), "both answers carry one session");
    assert!(first.is_signed_in() && second.session_id() == id);
    assert_eq!(app.count("security_events", "WHERE kind = 'signed_in'"), 2);
}

fn session_of_another_user_is_not_continued(engine: EngineKind) {
    let app = app_with_user(engine);
    let other = app.add_user(OTHER_EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let id = browser.session_id();
    // As a peer with rights on the table could write it.
    app.execute(&format!("UPDATE known_browsers SET user_id = '{other}'"));
    let mut browser = without_session_cookie(&browser);
    assert_eq!(browser.sign_in(OTHER_EMAIL, PASSWORD).status, 303);
    assert_ne!(browser.session_id(), id);
}

fn continued_session_is_not_beyond_the_limit(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.policy.max_sessions = std::num::NonZeroU32::new(2));
    app.add_user(EMAIL);
    let (mut one, mut other) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    for _ in 0..3 {
        one = without_session_cookie(&one);
        assert_eq!(one.sign_in(EMAIL, PASSWORD).status, 303);
    }
    assert!(one.is_signed_in() && other.is_signed_in());
}

/// Which sessions of the list are new, the one of this browser first.
fn new_ones(browser: &mut Browser) -> Vec<bool> {
    let list = browser.get("/api/sessions").json();
    list["sessions"].as_array().unwrap().iter().map(|session| session["is_new"].as_bool().unwrap()).collect()
}

fn browser_is_new_for_a_day_unless_it_is_the_first(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut first = app.signed_in(EMAIL);
    assert_eq!(new_ones(&mut first), [false]);
    let token = |browser: &mut Browser| browser.get("/login").csrf_token();
    let mut second = app.browser();
    let fields = [("email", EMAIL), ("password", PASSWORD), ("remember", "on"), ("csrf_token", &token(&mut second))];
    assert_eq!(second.post("/login", &fields).status, 303);
    assert_eq!(new_ones(&mut second), [true, false]);
    app.advance(Duration::from_secs(24 * 3600 - 1));
    assert!(new_ones(&mut second)[0]);
    app.advance(Duration::from_secs(1));
    assert_eq!(new_ones(&mut second), [false]);
}

fn known_browser_is_not_new_after_signing_out(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = app.signed_in(EMAIL);
    browser.sign_out();
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(new_ones(&mut browser), [false]);
    browser.cookies.clear();
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(new_ones(&mut browser), [true, false], "private windows are new each time");
}

fn new_browser_stays_new_if_it_signs_out_and_in(engine: EngineKind) {
    let app = app_with_user(engine);
    app.signed_in(EMAIL);
    app.advance(HOUR);
    let mut second = app.signed_in(EMAIL);
    for hours in [0, 1, 22] {
        app.advance(HOUR * hours);
        second.sign_out();
        assert_eq!(second.sign_in(EMAIL, PASSWORD).status, 303);
        assert!(new_ones(&mut second)[0], "{hours} hours later");
    }
    app.advance(HOUR);
    second.sign_out();
    assert_eq!(second.sign_in(EMAIL, PASSWORD).status, 303);
    assert!(!new_ones(&mut second)[0], "the account has known the browser for a day");
    assert_eq!(app.count("known_browsers", ""), 2);
}

fn copied_cookie_continues_nothing_on_another_device(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut laptop = app.browser().with_header("user-agent", LAPTOP);
    assert_eq!(laptop.sign_in(EMAIL, PASSWORD).status, 303);
    let id = laptop.session_id();
    app.advance(HOUR * 2);
    let mut phone = without_session_cookie(&laptop).with_header("user-agent", PHONE);
    assert_eq!(phone.sign_in(EMAIL, PASSWORD).status, 303);
    assert_ne!(phone.session_id(), id);
    assert!(laptop.is_signed_in(), "the owner's session goes on");
    assert_eq!(new_ones(&mut phone), [true, false]);
    assert_eq!(app.count("known_browsers", ""), 2, "the other device has an id of its own");

    let row = phone.session_id();
    let mut phone = without_session_cookie(&phone);
    assert_eq!(phone.sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(phone.session_id(), row, "each device continues its own session");
    assert_eq!(app.count("sessions", ""), 2);
    app.assert_sound();
}

fn copied_cookie_is_new_after_the_session_has_ended(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut laptop = app.browser().with_header("user-agent", LAPTOP);
    assert_eq!(laptop.sign_in(EMAIL, PASSWORD).status, 303);
    let mut phone = without_session_cookie(&laptop).with_header("user-agent", PHONE);
    laptop.sign_out();
    app.advance(HOUR * 48);
    assert_eq!(phone.sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(new_ones(&mut phone), [true]);
}

fn updated_browser_continues_its_session(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut laptop = app.browser().with_header("user-agent", LAPTOP);
    assert_eq!(laptop.sign_in(EMAIL, PASSWORD).status, 303);
    let id = laptop.session_id();
    app.advance(HOUR);
    let mut laptop = without_session_cookie(&laptop).with_header("user-agent", &LAPTOP.replace("140", "141"));
    assert_eq!(laptop.sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(laptop.session_id(), id);
    assert_eq!(new_ones(&mut laptop), [false]);
}
