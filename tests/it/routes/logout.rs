//! `POST /logout`

use std::time::Duration;

use crate::support::{EngineKind, TestApp, on_both_engines};

on_both_engines!(
    sign_out_ends_session_and_clears_browser,
    copied_cookie_is_rejected_after_sign_out,
    sign_out_requires_post,
    logout_page_has_the_button,
    logout_page_without_session_leads_to_devices_after_sign_in,
    sign_out_without_session_redirects_to_login,
    kept_data_of_ended_session_does_not_sign_in,
);

fn sign_out_ends_session_and_clears_browser(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    app.advance(Duration::from_secs(40 * 60));
    let answer = browser.sign_out();
    assert_eq!((answer.status, answer.location()), (303, "/login"));
    assert_eq!(answer.header("clear-site-data"), Some("\"cache\", \"storage\""));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(!browser.cookies.contains_key("keyrack.sid"));
    assert_eq!(app.count("user_sessions", ""), 0);
    let session = &app.rows("sessions", "")[0];
    assert_eq!((&session["status"], &session["end_reason"]), (&"logged_out".into(), &"signed_out".into()));
    assert_eq!(session["logged_out_at"], "2026-01-28T12:30:14.000000Z");
}

fn copied_cookie_is_rejected_after_sign_out(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let mut copy = browser.clone();
    let token = browser.get("/account/sessions").csrf_token();
    browser.sign_out();
    let before = app.rows("sessions", "");
    assert!(!copy.is_signed_in());
    let others = ("/account/sessions/revoke-others", "/login?next=%2Faccount%2Fsessions");
    for (path, location) in [("/logout", "/login"), others] {
        let answer = copy.post(path, &[("csrf_token", &token)]);
        assert_eq!((answer.status, answer.location()), (303, location), "{path}");
        assert_eq!(answer.header("clear-site-data"), None, "{path}");
        assert!(!answer.set_cookies().concat().contains("keyrack.sid"), "{path}");
    }
    assert_eq!((app.rows("sessions", ""), app.count("user_sessions", "")), (before, 0));
}

fn sign_out_requires_post(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let token = browser.get("/account/sessions").csrf_token();
    for (method, status) in [("GET", 200), ("HEAD", 200), ("PUT", 405), ("DELETE", 405), ("OPTIONS", 405)] {
        let answer = browser.send(method, &format!("/logout?csrf_token={token}"), None, &[]);
        assert_eq!((answer.status, answer.set_cookies()), (status, vec![]), "{method}");
    }
    assert!(browser.is_signed_in());
}

fn logout_page_has_the_button(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let page = browser.get("/logout");
    assert!(page.text().contains("Sign out of this device? You are signed in as Rajat Verma."), "{}", page.text());
    let form = page.between("<form class=\"form\" method=\"post\" action=\"/logout\">", "</form>");
    let token = form.split_once("name=\"csrf_token\" value=\"").unwrap().1.split_once('"').unwrap().0;
    let answer = browser.post("/logout", &[("csrf_token", token)]);
    assert_eq!((answer.status, answer.location()), (303, "/login"));
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 0);
}

fn logout_page_without_session_leads_to_devices_after_sign_in(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.browser();
    let answer = browser.get("/logout");
    assert_eq!(answer.status, 303);
    let login = answer.location().to_owned();
    assert!(login.starts_with("/login"), "{login}");
    let fields = [("email", "rajat.verma@example.com"), ("password", crate::support::PASSWORD)];
    let next = browser.get(&login).between("name=\"next\" value=\"", "\"");
    let fields = [fields.as_slice(), &[("next", next.as_str())]].concat();
    let answer = browser.post_from(&login, "/login", &fields);
    assert_eq!((answer.status, answer.location()), (303, "/account/sessions"));
}

fn sign_out_without_session_redirects_to_login(engine: EngineKind) {
    let app = TestApp::new(engine);
    let answer = app.browser().post("/logout", &[]);
    assert_eq!((answer.status, answer.location()), (303, "/login"));
    assert!(answer.set_cookies().is_empty());
}

fn kept_data_of_ended_session_does_not_sign_in(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.policy.keep_ended_data = true);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let mut copy = browser.clone();
    browser.sign_out();
    let kept = app.rows("user_sessions", "");
    assert_eq!((kept.len(), &kept[0]["sess"]["status"]), (1, &"logout".into()));
    assert_eq!(kept[0]["sess"]["email"], "rajat.verma@example.com");
    assert!(!copy.is_signed_in());
    assert_eq!(app.rows("user_sessions", ""), kept);
}
