//! Times that PostgreSQL can hold and other programs can't: `infinity`, and years beyond 9999.

use keyrack::clock::Clock;
use serde_json::Value;

use super::peer::{Peer, USER};
use crate::support::{EngineKind, TestApp};

const END: &str = "9999-12-31T23:59:59.999999Z";

#[test]
fn times_beyond_year_9999_are_clamped() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    for late in ["infinity", "10000-01-01 00:00:00+00", "294276-12-31 23:59:59+00"] {
        let peer = Peer::new(EngineKind::Postgres);
        let sess = format!(r#"{{"userId":"{USER}","status":"login"}}"#);
        peer.0.execute(&format!(
            "INSERT INTO sessions (sid, user_id, expires_at) VALUES ('own', '{USER}', '{late}');
             INSERT INTO user_sessions VALUES ('own', '{sess}', '{late}'), ('peer', '{sess}', '{late}');
             INSERT INTO sessions (sid, user_id, expires_at) VALUES ('updated', '{USER}', now() + interval '1 day');
             UPDATE sessions SET expires_at = '{late}' WHERE sid = 'updated';
             INSERT INTO user_sessions VALUES ('updated', '{sess}', '{late}')"
        ));
        for sid in ["own", "peer", "updated"] {
            assert_eq!(peer.session(sid, "expires_at"), END, "{late}: {sid}");
            assert_eq!(
                peer.0.text(&format!(
                    "SELECT (expire = '9999-12-31 23:59:59.999999')::text AS v FROM user_sessions WHERE sid = '{sid}'"
                )),
                "true",
                "{late}: {sid}"
            );
        }
        peer.0.execute(&format!("UPDATE user_sessions SET expire = '{late}'"));
        assert_eq!(peer.0.count("user_sessions", "WHERE expire > '9999-12-31 23:59:59.999999'"), 0);
        let app = TestApp::over(&peer.0, Clock::System, |_| ());
        let report = crate::support::wait(app.keyrack.sessions().doctor(false)).unwrap();
        assert!(report.breaches.is_empty(), "{late}: {report:?}");
    }
}

/// Rows that were written before the trigger existed, or without it.
#[test]
fn infinite_times_are_read_as_the_end_of_year_9999() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let app = TestApp::new(EngineKind::Postgres);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    app.execute(
        "ALTER TABLE sessions DISABLE TRIGGER USER; ALTER TABLE user_sessions DISABLE TRIGGER USER;
         UPDATE sessions SET expires_at = 'infinity'; UPDATE user_sessions SET expire = 'infinity';
         ALTER TABLE sessions ENABLE TRIGGER USER; ALTER TABLE user_sessions ENABLE TRIGGER USER",
    );
    let answer = browser.get("/api/session").json();
    let text = answer.to_string();
    assert!(!text.contains("1970") && !text.contains('+'), "{text}");
    assert!(answer["session"]["expires_at"].as_str().unwrap() > "2026-01-28", "{text}");
    let page = browser.get("/account/sessions").text();
    assert!(!page.contains("1970"), "{page}");
    app.execute("ALTER TABLE sessions DISABLE TRIGGER USER; UPDATE sessions SET created_at = '-infinity'");
    let text: Value = browser.get("/api/session").json();
    assert!(!text.to_string().contains("1970"), "{text}");
}
