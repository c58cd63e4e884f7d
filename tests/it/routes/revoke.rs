//! `POST /account/sessions/{id}/revoke` and `POST /account/sessions/revoke-others`

use std::time::Duration;

use crate::support::{Answer, EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    revoked_device_is_signed_out_at_next_request,
    revoking_foreign_or_unknown_session_returns_same_404,
    revoking_current_session_signs_out,
    revoking_ended_session_changes_nothing,
    revoking_others_twice_ends_them_once,
    revoke_message_is_shown_once,
    forged_message_cookie_shows_no_message,
    revoke_requires_post,
);

const PAGE: &str = "/account/sessions";

fn revoke_path(id: &str) -> String {
    format!("/account/sessions/{id}/revoke")
}

fn revoked_device_is_signed_out_at_next_request(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut phone = app.signed_in("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let id = phone.session_id();
    app.advance(Duration::from_secs(90));
    let answer = browser.post_from(PAGE, &revoke_path(&id), &[]);
    assert_eq!((answer.status, answer.location()), (303, PAGE));
    assert!(!phone.is_signed_in());
    assert!(browser.is_signed_in());
    let session = &app.rows("sessions", &format!("WHERE id = '{id}'"))[0];
    assert_eq!((&session["status"], &session["end_reason"]), (&"logged_out".into(), &"revoked".into()));
    assert_eq!(session["logged_out_at"], "2026-01-28T11:51:44.000000Z");
    assert_eq!(app.count("user_sessions", ""), 1);
}

fn revoking_foreign_or_unknown_session_returns_same_404(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    app.add_user("ana@example.com");
    let mut ana = app.signed_in("ana@example.com");
    let mut ended = app.signed_in("ana@example.com");
    let (live_id, ended_id) = (ana.session_id(), ended.session_id());
    ended.sign_out();
    let mut browser = app.signed_in("rajat.verma@example.com");
    let before = (app.rows("sessions", "ORDER BY id"), app.rows("user_sessions", "ORDER BY sid"));
    let unknown = browser.post_from(PAGE, &revoke_path("0f8fad5b-d9cb-469f-a165-70867728950e"), &[]);
    assert_eq!(unknown.status, 404);
    assert!(unknown.text().contains("This does not exist"), "{}", unknown.text());
    for id in [live_id.as_str(), &ended_id, "0", "not-an-id", "%00", "%27%20OR%201=1", &live_id.replace('-', "+")] {
        let answer = browser.post_from(PAGE, &revoke_path(id), &[]);
        assert_eq!((answer.status, &answer.body), (404, &unknown.body), "{id}");
        assert_eq!(header_names(&answer), header_names(&unknown), "{id}");
    }
    assert_eq!((app.rows("sessions", "ORDER BY id"), app.rows("user_sessions", "ORDER BY sid")), before);
    assert!(ana.is_signed_in());
}

fn header_names(answer: &Answer) -> Vec<String> {
    let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
    names.sort();
    names
}

fn revoking_current_session_signs_out(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let (id, mut copy) = (browser.session_id(), browser.clone());
    let answer = browser.post_from(PAGE, &revoke_path(&id), &[]);
    assert_eq!((answer.status, answer.location()), (303, "/login"));
    assert_eq!(answer.header("clear-site-data"), Some("\"cache\", \"storage\""));
    assert!(!browser.cookies.contains_key("keyrack.sid"));
    assert!(!copy.is_signed_in());
    assert_eq!(app.rows("sessions", "")[0]["end_reason"], "signed_out");
}

fn revoking_ended_session_changes_nothing(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut phone = app.signed_in("rajat.verma@example.com");
    let id = phone.session_id();
    phone.sign_out();
    let before = app.rows("sessions", "");
    let mut browser = app.signed_in("rajat.verma@example.com");
    app.advance(Duration::from_secs(5));
    let answer = browser.post_from(PAGE, &revoke_path(&id), &[]);
    assert_eq!((answer.status, answer.location()), (303, PAGE));
    assert_eq!(app.rows("sessions", &format!("WHERE id = '{id}'")), before);
}

fn revoking_others_twice_ends_them_once(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    app.add_user("ana@example.com");
    let mut ana = app.signed_in("ana@example.com");
    let mut others = [app.signed_in("rajat.verma@example.com"), app.signed_in("rajat.verma@example.com")];
    let mut browser = app.signed_in("rajat.verma@example.com");
    let token = browser.get(PAGE).csrf_token();
    for message in ["Signed out 2 other devices.", "No other devices were signed in."] {
        let answer = browser.post("/account/sessions/revoke-others", &[("csrf_token", &token)]);
        assert_eq!((answer.status, answer.location()), (303, PAGE));
        assert!(browser.get(PAGE).text().contains(message), "{message}");
        app.advance(Duration::from_secs(5));
    }
    assert!(others.iter_mut().all(|other| !other.is_signed_in()));
    assert!(browser.is_signed_in() && ana.is_signed_in());
    let ended = app.rows("sessions", "WHERE status = 'logged_out'");
    assert_eq!(ended.len(), 2);
    assert!(ended.iter().all(|row| row["logged_out_at"] == "2026-01-28T11:50:14.000000Z"), "{ended:?}");
}

fn revoke_message_is_shown_once(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut phone = app.browser().with_header("user-agent", "curl/8.5.0");
    phone.sign_in("rajat.verma@example.com", PASSWORD);
    let mut browser = app.signed_in("rajat.verma@example.com");
    browser.post_from(PAGE, &revoke_path(&phone.session_id()), &[]);
    let page = browser.get(PAGE);
    assert!(page.body.contains("role=\"status\""), "{}", page.body);
    assert!(page.text().contains("Signed out curl 8."), "{}", page.text());
    assert!(!browser.get(PAGE).text().contains("Signed out curl"));
}

fn forged_message_cookie_shows_no_message(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    app.add_user("ana@example.com");
    let mut ana = app.browser().with_header("user-agent", "curl/8.5.0");
    ana.sign_in("ana@example.com", PASSWORD);
    let value = format!("revoked.{}", ana.session_id());
    for value in [value.as_str(), "revoked.<script>", "others.-1", "others.<b>1</b>", "hello.world", ""] {
        let mut browser = app.signed_in("rajat.verma@example.com").with_cookie("keyrack.done", value);
        let page = browser.get(PAGE);
        assert_eq!(page.status, 200, "{value}");
        assert!(!page.body.contains("class=\"message"), "{value}: {}", page.body);
        assert!(!page.body.contains("curl"), "{value}");
    }
}

fn revoke_requires_post(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut phone = app.signed_in("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let token = browser.get(PAGE).csrf_token();
    for path in [revoke_path(&phone.session_id()), "/account/sessions/revoke-others".to_owned()] {
        for method in ["GET", "PUT", "DELETE"] {
            let answer = browser.send(method, &format!("{path}?csrf_token={token}"), None, &[]);
            assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method} {path}");
        }
    }
    assert!(phone.is_signed_in());
}
