//! A sign-in form that is sent twice, as by a double click without JavaScript: the browser drops the first answer.

use std::{num::NonZeroU32, sync::Barrier, thread, time::Duration};

use keyrack::{accounts::Password, sessions::Sid};

use crate::support::{Answer, Browser, EngineKind, PASSWORD, TestApp, on_both_engines, wait};

on_both_engines!(
    form_sent_twice_starts_one_session,
    form_sent_twice_is_one_event_and_one_known_browser,
    form_sent_at_once_starts_one_session,
    form_sent_at_once_to_two_instances_starts_one_session,
    form_sent_with_the_first_answers_cookie_keeps_the_session,
    form_sent_again_after_five_seconds_starts_another_session,
    form_sent_again_after_sign_out_starts_another_session,
    form_sent_with_a_difference_starts_another_session,
    form_sent_twice_with_an_older_session_keeps_that_one,
    form_sent_twice_ends_the_session_of_another_user_once,
    form_sent_twice_at_the_limit_ends_one_session,
    old_cookie_in_another_browser_does_not_continue_the_session,
    form_sent_again_with_wrong_password_gets_no_session,
    form_with_one_time_password_sent_twice_starts_one_session,
);

const EMAIL: &str = "rajat.verma@example.com";
const OTHER_EMAIL: &str = "asha.verma@example.com";
const SECOND: Duration = Duration::from_secs(1);

fn app_with_user(engine: EngineKind) -> TestApp {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    app
}

fn second_instance(app: &TestApp) -> TestApp {
    TestApp::over(app.database(), app.clock.clone(), |_| ())
}

/// A browser with the form open, and the form's token.
fn open_form(app: &TestApp) -> (Browser, String) {
    open_form_in(app.browser())
}

/// Opens the form as a visitor; a browser that is signed in keeps its cookie, as if it had signed in in another tab.
fn open_form_in(browser: Browser) -> (Browser, String) {
    let mut visitor = browser.clone();
    visitor.cookies.remove("keyrack.sid");
    let token = visitor.get("/login").csrf_token();
    visitor.cookies.extend(browser.cookies);
    (visitor, token)
}

fn submit(browser: &mut Browser, token: &str, email: &str) -> Answer {
    browser.post("/login", &[("email", email), ("password", PASSWORD), ("csrf_token", token)])
}

/// Sends the form from a copy of the browser, as it was before any answer, and returns it signed in.
fn send_as(browser: &Browser, token: &str, email: &str) -> Browser {
    let mut browser = browser.clone();
    let answer = submit(&mut browser, token, email);
    assert_eq!((answer.status, answer.location()), (303, "/account/sessions"), "{}", answer.body);
    browser
}

fn send(browser: &Browser, token: &str) -> Browser {
    send_as(browser, token, EMAIL)
}

fn active(app: &TestApp) -> usize {
    app.count("sessions", "WHERE status = 'active'")
}

fn form_sent_twice_starts_one_session(engine: EngineKind) {
    let app = app_with_user(engine);
    let second = second_instance(&app);
    let (browser, token) = open_form(&app);
    let mut dropped = send(&browser, &token);
    app.clock.advance(SECOND);
    let mut kept = send(&browser, &token);
    app.clock.advance(4 * SECOND);
    let mut elsewhere = send(&browser.at(second.address), &token);
    // Whichever answer the browser keeps, its cookie is valid.
    assert!(kept.is_signed_in() && dropped.is_signed_in() && elsewhere.is_signed_in());
    assert_eq!((dropped.sid(), elsewhere.sid()), (kept.sid(), kept.sid()));
    assert_eq!(app.count("sessions", ""), 1);
    let page = kept.get("/account/sessions").text();
    assert!(page.contains("1 active session"), "{page}");
    // The form of one answer's page can be sent with the cookie of another.
    assert_eq!(kept.post_from("/account/sessions", "/logout", &[]).status, 303);
    assert!(!dropped.is_signed_in() && !elsewhere.is_signed_in(), "it is one session");
    app.assert_sound();
}

fn form_sent_twice_is_one_event_and_one_known_browser(engine: EngineKind) {
    let app = app_with_user(engine);
    let (browser, token) = open_form(&app);
    let remember = [("email", EMAIL), ("password", PASSWORD), ("remember", "on"), ("csrf_token", &token)];
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(browser.clone().post("/login", &remember).set_cookies());
    }
    assert!(answers[0].iter().any(|cookie| cookie.starts_with("keyrack.sid=") && cookie.contains("Max-Age=2592000")));
    assert!(answers[0].iter().any(|cookie| cookie.starts_with("keyrack.browser=")));
    assert_eq!((&answers[1], &answers[2]), (&answers[0], &answers[0]));
    assert_eq!(app.count("security_events", "WHERE kind = 'signed_in'"), 1);
    assert_eq!(app.count("security_events", "WHERE kind = 'browser_remembered'"), 1);
    assert_eq!(app.count("known_browsers", ""), 1);
    assert_eq!(app.count("sign_in_failures", ""), 0);
}

/// Sends the form `times` times at the same time, to each of these instances in turn.
fn send_at_once(browser: &Browser, token: &str, instances: &[&TestApp], times: usize) -> Vec<Browser> {
    let ready = Barrier::new(times);
    thread::scope(|scope| {
        let senders: Vec<_> = (0..times)
            .map(|number| {
                let browser = browser.at(instances[number % instances.len()].address);
                let ready = &ready;
                scope.spawn(move || {
                    ready.wait();
                    send(&browser, token)
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    })
}

fn assert_one_session_each_time(app: &TestApp, instances: &[&TestApp]) {
    for round in 1..=10 {
        let (browser, token) = open_form(app);
        let browsers = send_at_once(&browser, &token, instances, 2 + round % 4);
        for browser in &browsers {
            assert_eq!(browser.sid(), browsers[0].sid(), "round {round}");
            assert!(browser.clone().is_signed_in(), "round {round}");
        }
        assert_eq!(app.count("sessions", ""), round);
    }
    app.assert_sound();
}

fn form_sent_at_once_starts_one_session(engine: EngineKind) {
    let app = app_with_user(engine);
    assert_one_session_each_time(&app, &[&app]);
}

fn form_sent_at_once_to_two_instances_starts_one_session(engine: EngineKind) {
    let app = app_with_user(engine);
    assert_one_session_each_time(&app, &[&app, &second_instance(&app)]);
}

/// The second click comes after the first answer, while the browser still shows the form.
fn form_sent_with_the_first_answers_cookie_keeps_the_session(engine: EngineKind) {
    let app = app_with_user(engine);
    let (browser, token) = open_form(&app);
    let first = send(&browser, &token);
    app.clock.advance(SECOND);
    let mut second = send(&first, &token);
    assert_eq!(second.sid(), first.sid());
    assert!(second.is_signed_in());
    assert_eq!((app.count("sessions", ""), app.count("security_events", "WHERE kind = 'signed_in'")), (1, 1));
}

fn form_sent_again_after_five_seconds_starts_another_session(engine: EngineKind) {
    let app = app_with_user(engine);
    let (browser, token) = open_form(&app);
    let mut first = send(&browser, &token);
    app.advance(5 * SECOND + Duration::from_micros(1));
    // A double click on the same form again, as after the back button: one more session.
    let browsers = send_at_once(&browser, &token, &[&app], 4);
    for browser in &browsers {
        assert!(browser.clone().is_signed_in());
        assert_eq!(browser.sid(), browsers[0].sid());
    }
    assert!(first.is_signed_in());
    assert_ne!(first.sid(), browsers[0].sid());
    assert_eq!(active(&app), 2);
    app.assert_sound();
}

fn form_sent_again_after_sign_out_starts_another_session(engine: EngineKind) {
    let app = app_with_user(engine);
    let (browser, token) = open_form(&app);
    let mut ended: Vec<(String, Browser)> = Vec::new();
    for round in 0..70 {
        let browsers = send_at_once(&browser, &token, &[&app], if round < 20 { 2 } else { 1 });
        let mut browser = browsers[0].clone();
        let (id, copy) = (browser.session_id(), browser.clone());
        assert_eq!(active(&app), 1, "round {round}");
        assert!(ended.iter().all(|(ended, _)| *ended != id), "round {round}: an ended session came back");
        assert_eq!(browser.sign_out().location(), "/login");
        ended.push((id, copy));
    }
    for (id, copy) in &mut ended {
        assert!(!copy.is_signed_in(), "{id}");
        assert_eq!(app.count("sessions", &format!("WHERE id = '{id}' AND status = 'logged_out'")), 1);
    }
    app.assert_sound();
}

/// Another user, another tab, another kind of browser, or "Keep me signed in".
fn form_sent_with_a_difference_starts_another_session(engine: EngineKind) {
    let app = app_with_user(engine);
    app.add_user(OTHER_EMAIL);
    let (browser, token) = open_form(&app);
    let other_token = browser.clone().get("/login").csrf_token();
    let mut remembered = browser.clone();
    let fields = [("email", EMAIL), ("password", PASSWORD), ("remember", "on"), ("csrf_token", &token)];
    let mut signed_in = vec![
        send(&browser, &token),
        send_as(&browser, &token, OTHER_EMAIL),
        send(&browser, &other_token),
        send(&browser.clone().with_header("user-agent", "Another/1.0"), &token),
    ];
    assert_eq!(remembered.post("/login", &fields).status, 303);
    signed_in.push(remembered);
    assert_eq!(active(&app), 5);
    for browser in &mut signed_in {
        assert!(browser.is_signed_in());
    }
}

/// Both requests present the sid of a session that is alive; the first one gives it a new sid.
fn form_sent_twice_with_an_older_session_keeps_that_one(engine: EngineKind) {
    for cookies in [&["keyrack.sid", "keyrack.browser"][..], &["keyrack.sid"]] {
        let app = app_with_user(engine);
        let older = app.signed_in(EMAIL);
        let id = older.clone().session_id();
        app.advance(3600 * SECOND);
        let mut presenting = app.browser();
        for &name in cookies {
            presenting = presenting.with_cookie(name, &older.cookies[name]);
        }
        let (browser, token) = open_form_in(presenting);
        let second = second_instance(&app);
        let browsers = send_at_once(&browser, &token, &[&app, &second], 4);
        for mut browser in browsers {
            assert_eq!(browser.session_id(), id, "{cookies:?}");
        }
        assert!(!older.clone().is_signed_in(), "its sid is replaced");
        assert_eq!(app.count("sessions", ""), 1, "{cookies:?}");
        assert_eq!(app.count("replaced_sids", ""), 1, "it is replaced once");
        app.assert_sound();
    }
}

fn form_sent_twice_ends_the_session_of_another_user_once(engine: EngineKind) {
    let app = app_with_user(engine);
    app.add_user(OTHER_EMAIL);
    let other = app.signed_in(OTHER_EMAIL);
    let (browser, token) = open_form_in(other.clone());
    for mut browser in send_at_once(&browser, &token, &[&app], 3) {
        assert_eq!(browser.get("/api/session").json()["user"]["email"], EMAIL);
    }
    assert!(!other.clone().is_signed_in());
    assert_eq!((active(&app), app.count("sessions", "")), (1, 2));
    assert_eq!(app.count("security_events", "WHERE kind = 'session_ended'"), 1);
    app.assert_sound();
}

fn form_sent_twice_at_the_limit_ends_one_session(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.policy.max_sessions = NonZeroU32::new(3));
    app.add_user(EMAIL);
    for _ in 0..3 {
        app.signed_in(EMAIL);
        app.clock.advance(SECOND);
    }
    let (browser, token) = open_form(&app);
    let browsers = send_at_once(&browser, &token, &[&app], 4);
    assert!(browsers[0].clone().is_signed_in());
    assert_eq!((active(&app), app.count("sessions", "WHERE end_reason = 'replaced'")), (3, 1));
}

/// A thief who has the old cookie and the password would get the new sid, and would not show in the list.
fn old_cookie_in_another_browser_does_not_continue_the_session(engine: EngineKind) {
    let app = app_with_user(engine);
    let older = app.signed_in(EMAIL);
    let (browser, token) = open_form_in(older.clone());
    let owner = send(&browser, &token);
    let (thief, token) = open_form_in(app.browser().with_cookie("keyrack.sid", &older.cookies["keyrack.sid"]));
    let thief = send(&thief, &token);
    assert_ne!(thief.sid(), owner.sid());
    assert_eq!(active(&app), 2);
}

/// A form's token alone, with the visitor's cookie, gives no access to the session that it started.
fn form_sent_again_with_wrong_password_gets_no_session(engine: EngineKind) {
    let app = app_with_user(engine);
    let (browser, token) = open_form(&app);
    let mut owner = send(&browser, &token);
    let mut other = browser.clone();
    let fields = [("email", EMAIL), ("password", "not the password at all"), ("csrf_token", &token)];
    let answer = other.post("/login", &fields);
    assert_eq!((answer.status, answer.set_cookies()), (401, vec![]));
    // Nor does one without the visitor's cookie.
    assert_eq!(submit(&mut app.browser(), &token, EMAIL).status, 403);
    assert!(owner.is_signed_in());
    assert_eq!(app.count("sessions", ""), 1);
    let sid = Sid::from_trusted(&owner.sid());
    assert_eq!(sid.expose().len(), 32, "the sid is random, not derived from the form");
}

/// The first request uses the password up.
fn form_with_one_time_password_sent_twice_starts_one_session(engine: EngineKind) {
    const NEW: &str = "five herons by the weir";
    for at_once in [false, true] {
        let app = app_with_user(engine);
        let accounts = app.keyrack.accounts();
        wait(accounts.set_one_time_password(&EMAIL.parse().unwrap(), Password::new(PASSWORD))).unwrap().unwrap();
        app.clock.advance(SECOND);
        let (browser, token) = open_form(&app);
        let send = || {
            let mut browser = browser.clone();
            let answer = submit(&mut browser, &token, EMAIL);
            assert_eq!((answer.status, answer.location()), (303, "/account/password"), "{}", answer.body);
            browser
        };
        let mut browsers = if at_once {
            thread::scope(|scope| [(); 3].map(|()| scope.spawn(send)).map(|sender| sender.join().unwrap()))
        } else {
            [send(), send(), send()]
        };
        assert!(browsers.iter().all(|browser| browser.sid() == browsers[0].sid()));
        assert_eq!((app.count("sessions", ""), app.count("known_browsers", "")), (1, 1));
        let fields = [("current_password", PASSWORD), ("password", NEW), ("password_again", NEW)];
        let answer = browsers[2].post_from("/account/password", "/account/password", &fields);
        assert_eq!((answer.status, answer.location()), (303, "/account/sessions"), "{}", answer.body);
        assert!(browsers[2].is_signed_in());
        app.assert_sound();
    }
    // It is not the browser's any more a moment later, nor another browser's.
    let app = app_with_user(engine);
    let accounts = app.keyrack.accounts();
    wait(accounts.set_one_time_password(&EMAIL.parse().unwrap(), Password::new(PASSWORD))).unwrap().unwrap();
    let (mut browser, token) = open_form(&app);
    let copy = browser.clone();
    assert_eq!(submit(&mut browser, &token, EMAIL).status, 303);
    let (mut other, other_token) = open_form(&app);
    assert_eq!(submit(&mut other, &other_token, EMAIL).status, 401);
    app.clock.advance(6 * SECOND);
    assert_eq!(submit(&mut copy.clone(), &token, EMAIL).status, 401);
}
