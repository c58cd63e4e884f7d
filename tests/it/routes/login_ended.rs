//! The sign-in form after a session has ended elsewhere: it says why, when, and that nothing was changed.

use std::time::Duration;

use crate::support::{Browser, EngineKind, PASSWORD, SECRETS, TestApp, cookies, on_both_engines, wait};

on_both_engines!(
    form_says_that_session_was_revoked_and_nothing_changed,
    form_says_each_reason_of_an_end,
    form_says_nothing_about_sessions_of_others,
    form_works_while_end_is_unknown,
);

const EMAIL: &str = "rajat.verma@example.com";
const NOTHING_CHANGED: &str = "Nothing that was done on it after that has taken effect.";

/// The notice on the form; empty if there is none.
fn notice(browser: &mut Browser, path: &str) -> String {
    let form = browser.get(path);
    assert_eq!(form.status, 200);
    let text = form.text().replace(" ,", ",").replace(" .", ".");
    let notice = text.split_once("This device was signed out").map_or("", |(_, rest)| rest);
    let described = form.between("<input id=\"email\"", ">").contains("aria-describedby=\"notice\"");
    assert_eq!(described, !notice.is_empty() || text.contains("Sign in to continue."), "{text}");
    notice.split_once(NOTHING_CHANGED).map_or("", |(reason, _)| reason).trim().to_owned()
}

fn form_says_that_session_was_revoked_and_nothing_changed(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let (mut phone, mut browser) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    let mut third = app.signed_in(EMAIL);
    let token = phone.get("/account/sessions").csrf_token();
    let revoke = format!("/account/sessions/{}/revoke", phone.session_id());
    assert_eq!(browser.post_from("/account/sessions", &revoke, &[]).status, 303);
    app.advance(Duration::from_secs(300));
    let press = format!("/account/sessions/{}/revoke", third.session_id());
    let answer = phone.post(&press, &[("csrf_token", &token)]);
    assert_eq!((answer.status, answer.location()), (303, "/login?next=%2Faccount%2Fsessions"));
    assert!(third.is_signed_in(), "the press changed nothing");
    assert_eq!(notice(&mut phone, "/login"), "5 minutes ago from another of your devices.");
    assert_eq!(notice(&mut phone, "/login?next=/account/sessions%3Fshow=ended"), notice(&mut phone, "/login"));
    assert!(phone.get("/login").body.contains("title=\"28 January 2026, 11:50 UTC\""));
    let answer = phone.sign_in(EMAIL, PASSWORD);
    assert_eq!((answer.status, answer.location()), (303, "/account/sessions"));
    phone.sign_out();
    assert_eq!(notice(&mut phone, "/login"), "", "its own sign-out needs no notice");
}

fn form_says_each_reason_of_an_end(engine: EngineKind) {
    const HOUR: Duration = Duration::from_secs(3600);
    type End = fn(&TestApp, &mut Browser);
    let ends: [(End, &str); 6] = [
        (
            |app, browser| {
                let id = browser.session_id().parse().unwrap();
                wait(app.keyrack.sessions().revoke_by_admin(id)).unwrap();
            },
            "just now by an administrator.",
        ),
        (
            |app, _| {
                let password = keyrack::accounts::Password::new(PASSWORD);
                wait(app.keyrack.accounts().set_password(&EMAIL.parse().unwrap(), password)).unwrap();
            },
            "just now, because the password was changed.",
        ),
        (|app, _| app.advance(3 * HOUR), "1 hour ago, because it had not been used for too long."),
        (
            |app, browser| {
                for _ in 0..5 {
                    app.advance(HOUR);
                    browser.get("/api/session");
                }
            },
            "1 hour ago, because its time limit was reached.",
        ),
        (
            |app, _| {
                wait(app.keyrack.accounts().disable(&EMAIL.parse().unwrap())).unwrap();
                wait(app.keyrack.accounts().enable(&EMAIL.parse().unwrap())).unwrap();
            },
            "just now, because the account was disabled.",
        ),
        (
            |app, browser| {
                app.execute(&format!("UPDATE sessions SET status = 'logged_out' WHERE sid = '{}'", browser.sid()));
            },
            ".",
        ),
    ];
    for (end, expected) in ends {
        let app = TestApp::with(engine, |config| {
            config.policy.timeouts.idle = 2 * HOUR;
            config.policy.timeouts.absolute = 4 * HOUR;
        });
        app.add_user(EMAIL);
        let mut browser = app.signed_in(EMAIL);
        end(&app, &mut browser);
        let said = notice(&mut browser, "/login");
        assert!(said.ends_with(expected), "{expected}: {said}");
        // A purge records the end that the form has said.
        wait(app.keyrack.sessions().purge(|_| ())).unwrap();
        assert_eq!(notice(&mut browser, "/login"), said);
    }
}

/// Only a cookie with a valid signature names a session.
fn form_says_nothing_about_sessions_of_others(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let (sid, value, id) = (browser.sid(), browser.cookies["keyrack.sid"].clone(), browser.session_id());
    wait(app.keyrack.sessions().revoke_by_admin(id.parse().unwrap())).unwrap();
    let forged = cookies::signed(&sid, "the secret of another server");
    for cookie in ["", sid.as_str(), &id, &forged, &value[..value.len() - 1]] {
        assert_eq!(notice(&mut app.browser().with_cookie("keyrack.sid", cookie), "/login"), "", "{cookie}");
    }
    for unknown in ["never-existed", "' OR ''='"] {
        let cookie = cookies::signed(&unknown.replace(' ', "%20"), SECRETS);
        assert_eq!(notice(&mut app.browser().with_cookie("keyrack.sid", &cookie), "/login"), "", "{unknown}");
    }
    assert!(!notice(&mut app.browser().with_cookie("keyrack.sid", &value), "/login").is_empty());
}

fn form_works_while_end_is_unknown(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    app.execute("UPDATE sessions SET status = 'logged_out'; ALTER TABLE sessions RENAME TO sessions_away");
    assert_eq!(browser.get("/login").status, 200);
    assert_eq!(notice(&mut browser, "/login"), "");
}
