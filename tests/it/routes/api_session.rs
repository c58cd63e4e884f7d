//! `/api/session`

use std::time::Duration;

use serde_json::json;

use crate::support::{EngineKind, TestApp, on_both_engines};

on_both_engines!(
    it_says_who_is_signed_in_and_nothing_else,
    without_a_session_it_says_so_as_a_problem,
    asking_records_the_activity_once_a_minute,
);

fn it_says_who_is_signed_in_and_nothing_else(engine: EngineKind) {
    let app = TestApp::new(engine);
    let user = app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    app.advance(Duration::from_secs(30));
    let answer = browser.get("/api/session");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let id = app.text("SELECT CAST(id AS text) AS v FROM sessions");
    let expected = json!({
        "session": {
            "id": id,
            "created_at": "2026-01-28T11:50:14.000Z",
            "last_seen_at": "2026-01-28T11:50:14.000Z",
            "expires_at": "2026-01-29T11:50:14.000Z",
        },
        "user": {"id": user.to_string(), "email": "rajat.verma@example.com", "user_name": null, "role": "user"},
    });
    assert_eq!(answer.json(), expected);
}

fn without_a_session_it_says_so_as_a_problem(engine: EngineKind) {
    let app = TestApp::new(engine);
    let answer = app.browser().get("/api/session");
    assert_eq!((answer.status, answer.header("content-type")), (401, Some("application/problem+json")));
    assert_eq!(
        answer.json(),
        json!({
            "type": "about:blank",
            "title": "You are not signed in",
            "status": 401,
            "detail": "Sign in, then try again.",
        })
    );
    assert!(answer.set_cookies().is_empty());
}

fn asking_records_the_activity_once_a_minute(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let mut seen_after = |seconds| {
        app.advance(Duration::from_secs(seconds));
        let seen = browser.get("/api/session").json()["session"]["last_seen_at"].as_str().unwrap().to_owned();
        app.record_activity();
        assert_eq!(seen.replace('Z', "000Z"), app.rows("sessions", "")[0]["last_seen_at"]);
        seen
    };
    assert_eq!(seen_after(59), "2026-01-28T11:50:14.000Z");
    assert_eq!(seen_after(1), "2026-01-28T11:51:14.000Z");
    assert_eq!(seen_after(59), "2026-01-28T11:51:14.000Z");
    assert_eq!(seen_after(600), "2026-01-28T12:02:13.000Z");
}
