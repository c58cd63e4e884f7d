//! SQLite stores times as text. Times that other programs write in another format are widened, so that all sort as
//! times.

use super::peer::{Peer, USER};
use crate::support::EngineKind;

const SHORT: &str = "2998-01-29T11:50:14Z";
const MILLIS: &str = "2998-01-29T11:50:14.000Z";
const WIDE: &str = "2998-01-29T11:50:14.000000Z";
const SESSION_TIMES: [&str; 5] = ["expires_at", "created_at", "updated_at", "last_seen_at", "logged_out_at"];

/// The stored text.
fn stored(peer: &Peer, table: &str, column: &str) -> String {
    peer.0.text(&format!("SELECT {column} AS v FROM {table}"))
}

#[test]
fn inserted_times_are_widened() {
    for short in [SHORT, MILLIS, "2998-01-29 11:50:14", "2998-01-29T12:50:14+01:00"] {
        let peer = Peer::new(EngineKind::Sqlite);
        peer.0.execute(&format!(
            "INSERT INTO sessions (sid, user_id, {})
             VALUES ('s1', '{USER}', '{short}', '{short}', '{short}', '{short}', '{short}');
             INSERT INTO user_sessions (sid, sess, expire) VALUES ('s1', '{{}}', '{short}')",
            SESSION_TIMES.join(", ")
        ));
        for column in SESSION_TIMES {
            assert_eq!(stored(&peer, "sessions", column), WIDE, "{column} from {short}");
        }
        assert_eq!(stored(&peer, "user_sessions", "expire"), WIDE, "{short}");
    }
}

#[test]
fn updated_time_is_widened_and_others_are_kept() {
    for column in SESSION_TIMES {
        let peer = Peer::new(EngineKind::Sqlite);
        peer.0.execute(&format!("INSERT INTO sessions (sid, user_id, expires_at) VALUES ('s1', '{USER}', '{MILLIS}')"));
        let before = peer.0.rows("sessions", "")[0].clone();
        peer.0.execute(&format!("UPDATE sessions SET {column} = '{SHORT}'"));
        assert_eq!(stored(&peer, "sessions", column), WIDE, "{column}");
        let after = &peer.0.rows("sessions", "")[0];
        for other in SESSION_TIMES.into_iter().filter(|other| *other != column) {
            assert_eq!(after[other], before[other], "{other} when {column} changes");
        }
    }
    let peer = Peer::new(EngineKind::Sqlite);
    peer.0.execute("INSERT INTO user_sessions (sid, sess, expire) VALUES ('s1', '{}', '2026-01-01T00:00:00.000000Z')");
    peer.0.execute(&format!("UPDATE user_sessions SET expire = '{MILLIS}'"));
    assert_eq!(stored(&peer, "user_sessions", "expire"), WIDE);
}

#[test]
fn microseconds_are_kept() {
    let peer = Peer::new(EngineKind::Sqlite);
    let exact = "2998-01-29T11:50:14.123456Z";
    peer.0.execute(&format!("INSERT INTO sessions (sid, user_id, expires_at) VALUES ('s1', '{USER}', '{exact}')"));
    assert_eq!(stored(&peer, "sessions", "expires_at"), exact);
}

#[test]
fn invalid_time_is_rejected() {
    let peer = Peer::new(EngineKind::Sqlite);
    let sql = format!("INSERT INTO sessions (sid, user_id, expires_at) VALUES ('s1', '{USER}', 'tomorrow or so')");
    assert!(peer.0.try_execute(&sql).is_err());
    // As wide as a time, but not one.
    assert!(peer.0.try_execute(&sql.replace("tomorrow or so", "9999-99-99T99:99:99.999999Z")).is_err());
    assert!(peer.0.try_execute("INSERT INTO user_sessions (sid, sess, expire) VALUES ('s1', '{}', '')").is_err());
    assert_eq!(peer.0.count("sessions", "") + peer.0.count("user_sessions", ""), 0);
}
