//! Data that somebody else broke lets nobody in, and stays as it is.

use keyrack::{
    error::Error,
    sessions::{NewSession, Sid, Started},
};
use serde_json::json;

use super::session_fixture::{EMAIL, HOUR, SessionFixture, setting};
use crate::support::{EngineKind, PASSWORD, on_both_engines};

on_both_engines!(
    broken_data_lets_nobody_in,
    broken_data_is_not_written_over,
    a_sign_in_on_broken_data_takes_nothing_of_it,
    a_browser_with_broken_data_signs_in_anew,
    a_row_that_cannot_be_read_is_no_fault_of_the_server,
);

const OTHER: &str = "650e8400-e29b-41d4-a716-446655440000";

/// What a column can hold that is no session of this user's.
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
        // PostgreSQL's type keeps what is no JSON at all away.
        all.extend(["", "{", "not JSON", "\u{feff}{}"].map(str::to_owned));
    }
    all
}

fn break_data(rack: &SessionFixture, sid: &str, sess: &str) {
    rack.break_with(&format!("UPDATE user_sessions SET sess = '{sess}' WHERE sid = '{sid}'"));
}

fn broken_data_lets_nobody_in(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let mut browser = rack.signed_in(EMAIL);
    let sid = Sid::from_verified(&browser.sid());
    for sess in broken(engine) {
        break_data(&rack, sid.expose(), &sess);
        assert!(!rack.is_alive(&sid), "{sess}");
        assert!(!browser.is_signed_in(), "{sess}");
        assert_eq!(rack.sess(&sid), sess);
    }
}

fn broken_data_is_not_written_over(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    for sess in broken(engine) {
        let started = rack.sign_in();
        let live = rack.resume(&started.sid).unwrap();
        break_data(&rack, started.sid.expose(), &sess);
        let saved = rack.save(&started.sid, setting(&live, &[("theme", json!("dark"))]));
        assert!(matches!(saved, Err(Error::SessionEnded)), "{sess}: {saved:?}");
        let rotated = rack.rotate(&started.sid);
        assert!(matches!(rotated, Err(Error::SessionEnded)), "{sess}: {rotated:?}");
        assert_eq!(rack.sess(&started.sid), sess);
    }
}

fn a_sign_in_on_broken_data_takes_nothing_of_it(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    for sess in broken(engine) {
        let started = rack.sign_in();
        break_data(&rack, started.sid.expose(), &sess);
        let presented = Some(started.sid.clone());
        let again: Started = rack.start(NewSession { presented, ..rack.new_session() }).unwrap();
        assert_ne!(again.id, started.id, "{sess}");
        rack.assert_ended(&started, "signed_out", rack.now());
        assert!(!rack.sess(&again.sid).contains("theirs"));
        assert!(rack.is_alive(&again.sid));
        assert!(rack.doctor(false).is_sound());
    }
}

fn a_browser_with_broken_data_signs_in_anew(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let mut browser = rack.signed_in(EMAIL);
    for sess in broken(engine) {
        let old = Sid::from_verified(&browser.sid());
        break_data(&rack, old.expose(), &sess);
        let answer = browser.sign_in(EMAIL, PASSWORD);
        assert_eq!(answer.status, 303, "{sess}: {}", answer.body);
        assert!(browser.is_signed_in());
        assert_eq!(rack.sess(&old), sess, "what somebody broke is left for them to see");
    }
}

/// What a column may hold that Keyrack would never write there.
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

fn a_row_that_cannot_be_read_is_no_fault_of_the_server(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let mut other = rack.signed_in(EMAIL);
    for change in odd_columns(engine) {
        let mut browser = rack.signed_in(EMAIL);
        rack.break_unguarded(&format!("UPDATE {change} WHERE sid = '{}'", browser.sid()));
        for path in ["/api/session", "/login"] {
            let answer = browser.get(path);
            assert!(answer.status < 500, "{change}: {path} answers {}", answer.status);
        }
        rack.clock.advance(HOUR);
        assert_eq!(other.get("/api/session").status, 200, "{change}");
    }
}
