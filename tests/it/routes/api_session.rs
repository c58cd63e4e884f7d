//! `GET /api/session`

use std::time::Duration;

use serde_json::json;

use super::snapshot::assert_snapshot;
use crate::support::{EngineKind, TestApp, on_both_engines};

on_both_engines!(
    api_session_returns_session_and_user,
    api_session_without_session_returns_401_problem,
    activity_is_recorded_at_most_once_per_minute,
);

fn api_session_returns_session_and_user(engine: EngineKind) {
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
            "authenticated_at": "2026-01-28T11:50:14.000Z",
            "bound": false,
        },
        "user": {"id": user.to_string(), "email": "rajat.verma@example.com", "user_name": null, "role": "user"},
    });
    let mut json = answer.json();
    let token = json.as_object_mut().unwrap().shift_remove("csrf_token").unwrap();
    assert!(token.as_str().unwrap().len() > 50, "{token}");
    assert_eq!(browser.get("/api/session").json()["csrf_token"], token, "it is the same each time");
    assert_eq!(json, expected);
    assert_snapshot("api-session", &answer);
    assert_snapshot("api-405", &browser.post("/api/session", &[]));
}

fn api_session_without_session_returns_401_problem(engine: EngineKind) {
    let app = TestApp::new(engine);
    let answer = app.browser().get("/api/session");
    assert_eq!((answer.status, answer.header("content-type")), (401, Some("application/problem+json")));
    assert!(answer.set_cookies().is_empty());
    assert_snapshot("api-401", &answer);
}

fn activity_is_recorded_at_most_once_per_minute(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let mut last_seen_after = |seconds| {
        app.advance(Duration::from_secs(seconds));
        let seen = browser.get("/api/session").json()["session"]["last_seen_at"].as_str().unwrap().to_owned();
        app.record_activity();
        assert_eq!(seen.replace('Z', "000Z"), app.rows("sessions", "")[0]["last_seen_at"]);
        seen
    };
    assert_eq!(last_seen_after(59), "2026-01-28T11:50:14.000Z");
    assert_eq!(last_seen_after(1), "2026-01-28T11:51:14.000Z");
    assert_eq!(last_seen_after(59), "2026-01-28T11:51:14.000Z");
    assert_eq!(last_seen_after(600), "2026-01-28T12:02:13.000Z");
}
