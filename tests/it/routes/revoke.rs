//! `POST /account/sessions/{id}/revoke` and `POST /account/sessions/revoke-others`

use std::{thread, time::Duration};

use diesel::{Connection, PgConnection, connection::SimpleConnection};

use crate::support::{Answer, EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    progress_of_revoking_others_is_shown_until_none_is_left,
    progress_page_with_invalid_time_leads_to_the_devices,
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
    assert!(unknown.text().contains("This session does not exist"), "{}", unknown.text());
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

fn progress_of_revoking_others_is_shown_until_none_is_left(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let mut others: Vec<_> = (0..3).map(|_| app.signed_in("rajat.verma@example.com")).collect();
    let until = app.clock.now().as_micros();
    let path = format!("/account/sessions/signing-out?until={until}");
    app.clock.advance(Duration::from_secs(1));
    let mut later = app.signed_in("rajat.verma@example.com");
    let page = browser.get(&path);
    assert_eq!((page.status, page.header("refresh")), (200, Some("2")));
    assert!(page.text().contains("3 devices left"), "{}", page.text());
    for other in &mut others {
        other.sign_out();
    }
    let done = browser.get(&path);
    assert_eq!((done.status, done.location(), done.header("refresh")), (303, PAGE, None));
    assert!(browser.get(PAGE).text().contains("Signed out all other devices."));
    assert!(later.is_signed_in(), "it started later");
    others[0].get(&path).assert_not_signed_in();
}

fn progress_page_with_invalid_time_leads_to_the_devices(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    for until in ["", "?until=", "?until=x", "?until=-1", "?until=9223372036854775807", "?until=%00"] {
        let answer = browser.get(&format!("/account/sessions/signing-out{until}"));
        assert_eq!((answer.status, answer.location()), (303, PAGE), "{until}");
        assert!(!browser.get(PAGE).text().contains("Signed out all"), "{until}");
    }
}

/// Another transaction holds the session that ends last, so that the end takes as long as the test likes. PostgreSQL only:
/// on SQLite, that transaction would hold the first batch up as well.
#[test]
fn browser_sees_progress_while_other_clients_wait_for_the_end() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let app = TestApp::with(EngineKind::Postgres, |config| config.policy.max_sessions = None);
    let user = app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let end = (app.clock.now() + Duration::from_secs(36_000)).to_iso_micros();
    let at = app.clock.now().to_iso_micros();
    let sess = format!(r#"{{"userId":"{user}","status":"login"}}"#);
    app.execute(&format!(
        "INSERT INTO sessions (sid, user_id, expires_at, created_at, last_seen_at)
         SELECT 's' || n, '{user}', '{end}', '{at}', '{at}' FROM generate_series(1, 450) n;
         INSERT INTO user_sessions (sid, sess, expire)
         SELECT 's' || n, '{sess}', '{end}'::timestamptz FROM generate_series(1, 450) n"
    ));
    let last = app.text("SELECT sid AS v FROM sessions WHERE sid LIKE 's%' ORDER BY id DESC LIMIT 1");
    let mut other = PgConnection::establish(app.url()).unwrap();
    other.batch_execute(&format!("BEGIN; SELECT FROM sessions WHERE sid = '{last}' FOR UPDATE")).unwrap();

    let mut person = browser.clone().with_header("accept", "text/html,application/xhtml+xml");
    let answer = person.post_from(PAGE, "/account/sessions/revoke-others", &[]);
    assert_eq!(answer.status, 303);
    let progress = answer.location().to_owned();
    assert!(progress.starts_with("/account/sessions/signing-out?until="), "{progress}");
    assert!(person.get(&progress).text().contains("left"), "not all are signed out");
    let waiting = thread::spawn(move || browser.post_from(PAGE, "/account/sessions/revoke-others", &[]));
    assert!(!waiting.is_finished());
    other.batch_execute("ROLLBACK").unwrap();
    let answer = waiting.join().unwrap();
    assert_eq!((answer.status, answer.location()), (303, PAGE), "answered when none is left");
    assert_eq!(app.count("user_sessions", ""), 1);
    assert_eq!(person.get(&progress).location(), PAGE);
}
