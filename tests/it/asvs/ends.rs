//! V7.4: the end of a session

use std::time::Duration;

use keyrack::{accounts::Password, sessions::EndReason};

use super::{
    DEVICES, EMAIL, NEW, OTHER_EMAIL, PASSWORD_PAGE, REVOKE_OTHERS, app_with_user, change_password, revoke_path,
    two_browsers,
};
use crate::support::{Browser, EngineKind, PASSWORD, TestApp, on_both_engines, wait};

on_both_engines!(
    asvs_7_4_1_ended_session_is_dead_on_every_route,
    asvs_7_4_2_disabled_user_is_signed_out_at_once,
    asvs_7_4_2_deleted_user_is_signed_out_at_once,
    asvs_7_4_3_password_change_signs_other_devices_out,
    asvs_7_4_3_new_password_of_an_operator_signs_all_devices_out,
    asvs_7_4_4_every_page_of_a_signed_in_user_has_sign_out,
);

/// Ends the session of the first of two browsers of one user.
type End = fn(&TestApp, &mut Browser, &mut Browser);

/// Every way in which a session ends, with the reason that is recorded.
const ENDS: [(&str, End); 9] = [
    ("signed_out", |_, browser, _| drop(browser.sign_out())),
    ("revoked", |_, browser, other| {
        let path = revoke_path(&browser.session_id());
        other.post_from(DEVICES, &path, &[]);
    }),
    ("revoked", |_, _, other| drop(other.post_from(DEVICES, REVOKE_OTHERS, &[]))),
    ("revoked_by_admin", |app, browser, _| {
        let id = browser.session_id().parse().unwrap();
        assert!(wait(app.keyrack.sessions().revoke_by_admin(id)).unwrap());
    }),
    ("password_changed", |_, _, other| drop(change_password(other, PASSWORD, NEW))),
    ("account_disabled", |app, _, _| {
        wait(app.keyrack.accounts().disable(&EMAIL.parse().unwrap())).unwrap().unwrap();
    }),
    ("replaced", |app, _, _| {
        let user = app.text("SELECT CAST(id AS varchar(36)) AS v FROM users").parse().unwrap();
        wait(app.keyrack.sessions().end_all_of(user, EndReason::Replaced)).unwrap();
    }),
    ("signed_out", |app, browser, _| {
        let id = browser.session_id();
        app.execute(&format!("UPDATE sessions SET status = 'logged_out' WHERE id = '{id}'"));
    }),
    ("absolute_timeout", |app, _, _| {
        app.advance(Duration::from_secs(24 * 3600));
        wait(app.keyrack.sessions().purge(|_| ())).unwrap();
    }),
];

fn asvs_7_4_1_ended_session_is_dead_on_every_route(engine: EngineKind) {
    for (number, (reason, end)) in ENDS.into_iter().enumerate() {
        let (app, mut browser, mut other) = two_browsers(engine);
        let second = TestApp::over(app.database(), app.clock.clone(), |_| ());
        let id = browser.session_id();
        let (mut copy, mut there) = (browser.clone(), browser.at(second.address));
        let token = browser.get(DEVICES).csrf_token();
        assert!(there.is_signed_in(), "{number}");
        end(&app, &mut browser, &mut other);

        let rows = || (app.rows("sessions", "ORDER BY id"), app.rows("user_sessions", "ORDER BY sid"));
        let before = rows();
        for copy in [&mut copy, &mut there] {
            let own_page = format!("{DEVICES}/{id}");
            for path in
                [DEVICES, "/account/activity", PASSWORD_PAGE, "/reauth", "/api/session", "/api/sessions", &own_page]
            {
                copy.get(path).assert_not_signed_in();
            }
            let fields = [("csrf_token", &*token), ("password", PASSWORD), ("current_password", PASSWORD)];
            for path in [REVOKE_OTHERS, PASSWORD_PAGE, "/reauth", "/logout"] {
                copy.post(path, &fields).assert_not_signed_in();
            }
            for (method, path) in [("POST", "/api/sessions/revoke-others"), ("DELETE", &*format!("/api/sessions/{id}"))]
            {
                copy.send(method, path, None, &[("x-csrf-token", &token)]).assert_not_signed_in();
            }
        }
        assert_eq!(rows(), before, "{number}: no request of an ended session writes");
        let row = &app.rows("sessions", &format!("WHERE id = '{id}'"))[0];
        assert_eq!((&row["status"], &row["end_reason"]), (&"logged_out".into(), &reason.into()), "{number}");
        assert_eq!(app.count("user_sessions", &format!("WHERE sid = '{}'", row["sid"].as_str().unwrap())), 0);
    }
}

fn asvs_7_4_2_disabled_user_is_signed_out_at_once(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    app.add_user(OTHER_EMAIL);
    let mut other = app.signed_in(OTHER_EMAIL);
    let email = EMAIL.parse().unwrap();
    assert_eq!(wait(app.keyrack.accounts().disable(&email)).unwrap(), Some(2));
    assert!(!browser.is_signed_in() && !phone.is_signed_in() && other.is_signed_in());
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 401);
    assert!(wait(app.keyrack.accounts().enable(&email)).unwrap());
    assert!(!browser.is_signed_in() && !phone.is_signed_in(), "enabling the user revives no session");
    app.execute(&format!("UPDATE users SET disabled_at = '2026-01-28T11:50:14.000000Z' WHERE email = '{OTHER_EMAIL}'"));
    assert!(!other.is_signed_in(), "also if it is done by plain SQL");
}

fn asvs_7_4_2_deleted_user_is_signed_out_at_once(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    app.add_user(OTHER_EMAIL);
    let mut other = app.signed_in(OTHER_EMAIL);
    app.execute(&format!("DELETE FROM users WHERE email = '{EMAIL}'"));
    assert!(!browser.is_signed_in() && !phone.is_signed_in() && other.is_signed_in());
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 401);
    app.add_user(EMAIL);
    assert!(!browser.is_signed_in() && !phone.is_signed_in(), "a user of the same address is another one");
}

fn asvs_7_4_3_password_change_signs_other_devices_out(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let (id, mut copy) = (browser.session_id(), browser.clone());
    let answer = change_password(&mut browser, PASSWORD, NEW);
    assert_eq!((answer.status, answer.location()), (303, DEVICES));
    let text = browser.get(DEVICES).text();
    assert!(text.contains("Your password was changed. Signed out 1 other device."), "{text}");
    assert!(browser.is_signed_in() && !phone.is_signed_in());
    assert!(!copy.is_signed_in(), "this session has a new sid");
    assert_eq!(browser.session_id(), id);
    assert_eq!(browser.get("/api/session").json()["session"]["authenticated_at"], "2026-01-28T11:50:19.000Z");
    let ended = app.rows("sessions", "WHERE status = 'logged_out'");
    assert_eq!((ended.len(), &ended[0]["end_reason"]), (1, &"password_changed".into()));
    app.assert_sound();
}

fn asvs_7_4_3_new_password_of_an_operator_signs_all_devices_out(engine: EngineKind) {
    for is_one_time in [false, true] {
        let (app, mut browser, mut phone) = two_browsers(engine);
        let (email, accounts) = (EMAIL.parse().unwrap(), app.keyrack.accounts());
        let ended = if is_one_time {
            wait(accounts.set_one_time_password(&email, Password::new(NEW))).unwrap()
        } else {
            wait(accounts.set_password(&email, Password::new(NEW))).unwrap()
        };
        assert_eq!(ended, Some(2));
        assert!(!browser.is_signed_in() && !phone.is_signed_in());
    }
}

fn asvs_7_4_4_every_page_of_a_signed_in_user_has_sign_out(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = app.signed_in(EMAIL);
    let page_of_session = format!("{DEVICES}/{}", browser.session_id());
    for path in [
        DEVICES,
        "/account/sessions?show=ended",
        "/account/sessions?show=ended&after=x",
        // The progress of an end of others, which this browser is one of.
        "/account/sessions/signing-out?until=9999999999999999",
        "/account/activity",
        PASSWORD_PAGE,
        "/reauth",
        "/logout",
        &page_of_session,
    ] {
        let mut leaving = app.signed_in(EMAIL);
        let page = leaving.get(path);
        assert_eq!(page.status, 200, "{path}");
        assert!(page.body.contains("method=\"post\" action=\"/logout\""), "{path}");
        let answer = leaving.post("/logout", &[("csrf_token", &page.csrf_token())]);
        assert_eq!((answer.status, answer.location()), (303, "/login"), "{path}");
        assert!(!leaving.is_signed_in(), "{path}");
    }
}
