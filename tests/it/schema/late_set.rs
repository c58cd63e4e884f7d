//! A peer's late `set` beside an uncommitted change. PostgreSQL only: SQLite has one writer at a time.

use std::{thread, time::Duration};

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::clock::Clock;

use super::peer::Peer;
use crate::support::EngineKind;

/// The data that a request in flight writes: as it has read it, signed in.
const LATE: &str = r#"{"userId":"550e8400-e29b-41d4-a716-446655440000","late":true}"#;

const HOUR: Duration = Duration::from_secs(3600);

/// Whether a peer's `set` under the old sid writes its row. It begins while `change` is uncommitted, and ends after
/// `conclusion`.
fn set_during(change: &str, conclusion: &str) -> Option<bool> {
    if !EngineKind::Postgres.is_available() {
        return None;
    }
    let peer = Peer::new(EngineKind::Postgres);
    let later = Clock::System.now() + HOUR;
    peer.sign_in("s1", later, later);
    thread::scope(|scope| {
        let mut ending = PgConnection::establish(peer.0.url()).unwrap();
        ending.batch_execute(&format!("BEGIN; {change}")).unwrap();
        let set = scope.spawn(|| peer.set("s1", LATE, later));
        peer.0.wait_until_blocked(r#"INSERT INTO "user_sessions"%"#);
        assert!(!set.is_finished());
        ending.batch_execute(conclusion).unwrap();
        let written = set.join().unwrap();
        assert_eq!(peer.0.count("user_sessions", "WHERE sid = 's1' AND sess->>'late' = 'true'"), usize::from(written));
        Some(written)
    })
}

#[test]
fn late_set_loses_to_uncommitted_end() {
    let written = set_during("UPDATE sessions SET status = 'logged_out' WHERE sid = 's1'", "COMMIT");
    assert_ne!(written, Some(true));
}

#[test]
fn late_set_loses_to_uncommitted_destroy() {
    let written = set_during("DELETE FROM user_sessions WHERE sid = 's1'", "COMMIT");
    assert_ne!(written, Some(true));
}

#[test]
fn late_set_loses_to_uncommitted_rotation() {
    let rotation = "UPDATE sessions SET sid = 's2' WHERE sid = 's1';
                    INSERT INTO replaced_sids (sid, session_id) SELECT 's1', id FROM sessions WHERE sid = 's2';
                    UPDATE user_sessions SET sid = 's2' WHERE sid = 's1'";
    assert_ne!(set_during(rotation, "COMMIT"), Some(true));
}

#[test]
fn late_set_succeeds_if_end_is_rolled_back() {
    let written = set_during("UPDATE sessions SET status = 'logged_out' WHERE sid = 's1'", "ROLLBACK");
    assert_ne!(written, Some(false));
}

/// A touch holds the lock on the session: the destroy does not wait for it, and takes effect.
#[test]
fn late_set_loses_to_destroy_of_locked_session() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let peer = Peer::new(EngineKind::Postgres);
    let later = Clock::System.now() + HOUR;
    peer.sign_in("s1", later, later);
    let mut touching = PgConnection::establish(peer.0.url()).unwrap();
    touching.batch_execute("BEGIN; UPDATE sessions SET last_seen_at = now() WHERE sid = 's1'").unwrap();
    peer.destroy("s1");
    touching.batch_execute("COMMIT").unwrap();
    assert!(!peer.set("s1", LATE, later));
    assert!(!peer.has_data("s1"));
}

/// A set locks the session while it waits for the data row that a destroy is deleting.
#[test]
fn set_waiting_for_destroy_writes_nothing() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let peer = Peer::new(EngineKind::Postgres);
    let later = Clock::System.now() + HOUR;
    peer.sign_in("s1", later, later);
    let mut setting = PgConnection::establish(peer.0.url()).unwrap();
    setting.batch_execute("BEGIN; SELECT FROM sessions WHERE sid = 's1' FOR SHARE").unwrap();
    thread::scope(|scope| {
        let mut destroying = PgConnection::establish(peer.0.url()).unwrap();
        destroying.batch_execute("BEGIN; DELETE FROM user_sessions WHERE sid = 's1'").unwrap();
        let set = peer.set_statement("s1", LATE, later);
        let set = scope.spawn(move || setting.batch_execute(&format!("{set}; COMMIT")));
        peer.0.wait_until_blocked(r#"INSERT INTO "user_sessions"%"#);
        destroying.batch_execute("COMMIT").unwrap();
        set.join().unwrap().unwrap();
    });
    assert!(!peer.has_data("s1"));
    assert_eq!(peer.session("s1", "status"), "logged_out");
}

/// The other order: the set comes first, so the end waits for it and then deletes its data.
#[test]
fn end_waiting_for_set_removes_its_data() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let peer = Peer::new(EngineKind::Postgres);
    let later = Clock::System.now() + HOUR;
    peer.sign_in("s1", later, later);
    thread::scope(|scope| {
        let mut setting = PgConnection::establish(peer.0.url()).unwrap();
        setting.batch_execute(&format!("BEGIN; {}", peer.set_statement("s1", LATE, later))).unwrap();
        let end = scope.spawn(|| peer.end("s1"));
        peer.0.wait_until_blocked("UPDATE sessions SET status%");
        setting.batch_execute("COMMIT").unwrap();
        end.join().unwrap();
    });
    assert!(!peer.has_data("s1"));
    assert_eq!(peer.session("s1", "status"), "logged_out");
}
