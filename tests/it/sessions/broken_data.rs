//! Data that another program broke signs no request in, and stays unchanged.

use keyrack::{
    error::Error,
    sessions::{IssuedSession, NewSession, Sid},
};
use serde_json::json;

use super::session_fixture::{EMAIL, HOUR, SessionFixture, setting};
use crate::support::{EngineKind, PASSWORD, on_both_engines};

on_both_engines!(
    broken_data_signs_no_request_in,
    broken_data_is_not_overwritten,
    sign_in_on_broken_data_inherits_nothing,
    browser_with_broken_data_can_sign_in_again,
    unreadable_row_causes_no_server_error,
);

const OTHER: &str = "650e8400-e29b-41d4-a716-446655440000";

/// Values of the column `sess` that are not data of this user's session.
fn broken(engine: EngineKind) -> Vec<String> {
    let mut all = vec![
        "[]".to_owned(),
        "null".to_owned(),
        "17".to_owned(),
        r#""{}""#.to_owned(),
        "{}".to_owned(),
        format!(r#"{{"userId":"{OTHER}","status":"login","secret":"theirs"}}"#),
        r#"{"userId":17,"status":"login"}"#.to_owned(),
        r#"{"userId":null}"#.to_owned(),
    ];
    if engine == EngineKind::Sqlite {
        // PostgreSQL's type rejects text that is not JSON.
        all.extend(["", "{", "not JSON", "\u{feff}{}"].map(str::to_owned));
    }
    all
}

fn break_data(fixture: &SessionFixture, sid: &str, sess: &str) {
    fixture.break_with(&format!("UPDATE user_sessions SET sess = '{sess}' WHERE sid = '{sid}'"));
}

fn broken_data_signs_no_request_in(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let mut browser = fixture.signed_in(EMAIL);
    let sid = Sid::from_trusted(&browser.sid());
    for sess in broken(engine) {
        break_data(&fixture, sid.expose(), &sess);
        assert!(!fixture.is_alive(&sid), "{sess}");
        assert!(!browser.is_signed_in(), "{sess}");
        assert_eq!(fixture.sess(&sid), sess);
    }
}

fn broken_data_is_not_overwritten(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    for sess in broken(engine) {
        let started = fixture.sign_in();
        let live = fixture.resume(&started.sid).unwrap();
        break_data(&fixture, started.sid.expose(), &sess);
        let saved = fixture.save(&started.sid, setting(&live, &[("theme", json!("dark"))]));
        assert!(matches!(saved, Err(Error::SessionEnded)), "{sess}: {saved:?}");
        let rotated = fixture.rotate(&started.sid);
        assert!(matches!(rotated, Err(Error::SessionEnded)), "{sess}: {rotated:?}");
        assert_eq!(fixture.sess(&started.sid), sess);
    }
}

fn sign_in_on_broken_data_inherits_nothing(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    for sess in broken(engine) {
        let started = fixture.sign_in();
        break_data(&fixture, started.sid.expose(), &sess);
        let previous_sid = Some(started.sid.clone());
        let again: IssuedSession = fixture.start(NewSession { previous_sid, ..fixture.new_session() }).unwrap();
        assert_ne!(again.id, started.id, "{sess}");
        fixture.assert_ended(&started, "signed_out", fixture.now());
        assert!(!fixture.sess(&again.sid).contains("theirs"));
        assert!(fixture.is_alive(&again.sid));
        assert!(fixture.doctor(false).is_sound());
    }
}

fn browser_with_broken_data_can_sign_in_again(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let mut browser = fixture.signed_in(EMAIL);
    for sess in broken(engine) {
        let old = Sid::from_trusted(&browser.sid());
        break_data(&fixture, old.expose(), &sess);
        let answer = browser.sign_in(EMAIL, PASSWORD);
        assert_eq!(answer.status, 303, "{sess}: {}", answer.body);
        assert!(browser.is_signed_in());
        let old = format!("WHERE sid = '{}'", old.expose());
        assert_eq!(fixture.count("sessions", &format!("{old} AND status = 'active'")), 0, "the old sid has ended");
        assert_eq!(fixture.count("user_sessions", &old), 0, "{sess}");
    }
}

/// Values of columns that Keyrack would never write.
fn odd_columns(engine: EngineKind) -> Vec<&'static str> {
    match engine {
        EngineKind::Postgres => vec![
            "sessions SET expires_at = 'infinity'",
            "sessions SET created_at = '-infinity', last_seen_at = '-infinity'",
            "sessions SET last_seen_at = 'infinity'",
            "sessions SET created_at = '290000-01-01T00:00:00Z'",
            "user_sessions SET expire = 'infinity'",
            "sessions SET ip_address = 'nowhere', end_reason = 'a whim'",
        ],
        EngineKind::Sqlite => vec![
            "sessions SET expires_at = '9999-99-99T99:99:99.999999Z'",
            "sessions SET created_at = 'abcdefghijklmnopqrstuvwxyz!'",
            "sessions SET last_seen_at = 'abcdefghijklmnopqrstuvwxyz!'",
            "sessions SET id = 'no UUID'",
            "sessions SET remembered = 'perhaps'",
            "sessions SET user_agent = x'ff00fe'",
            "user_sessions SET sess = x'7b22ff'",
            "sessions SET ip_address = 'nowhere', end_reason = 'a whim'",
        ],
    }
}

fn unreadable_row_causes_no_server_error(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let mut other = fixture.signed_in(EMAIL);
    for change in odd_columns(engine) {
        let mut browser = fixture.signed_in(EMAIL);
        fixture.break_unguarded(&format!("UPDATE {change} WHERE sid = '{}'", browser.sid()));
        for path in ["/api/session", "/login"] {
            let answer = browser.get(path);
            assert!(answer.status < 500, "{change}: {path} answers {}", answer.status);
        }
        if browser.get("/api/session").status == 401 {
            let sid = browser.sid();
            assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303, "{change}");
            let active = format!("WHERE sid = '{sid}' AND status = 'active'");
            assert_eq!(fixture.count("sessions", &active), 0, "{change}");
        }
        fixture.clock.advance(HOUR);
        assert_eq!(other.get("/api/session").status, 200, "{change}");
    }
}
