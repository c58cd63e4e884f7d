//! Concurrent sign-ins of peers under one sid. PostgreSQL only: SQLite has no peers.

use std::{thread, time::Duration};

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::clock::Clock;

use super::peer::{Peer, USER};
use crate::support::EngineKind;

const OTHER: &str = "650e8400-e29b-41d4-a716-446655440000";

fn data_of(user: &str) -> String {
    format!(r#"{{"userId":"{user}"}}"#)
}

fn peer() -> Option<Peer> {
    EngineKind::Postgres.is_available().then(|| {
        let peer = Peer::new(EngineKind::Postgres);
        peer.0.execute(&format!("INSERT INTO users (id, email) VALUES ('{OTHER}', 'asha.verma@example.com')"));
        peer
    })
}

/// Runs a `set` of data of `user` that waits for the uncommitted `first`, and commits that. Returns whether a row was
/// written.
fn set_after(peer: &Peer, first: &str, user: &str) -> bool {
    let later = Clock::System.now() + Duration::from_secs(3600);
    thread::scope(|scope| {
        let mut other = PgConnection::establish(peer.0.url()).unwrap();
        other.batch_execute(&format!("BEGIN; {first}")).unwrap();
        let set = scope.spawn(|| peer.set("s1", &data_of(user), later));
        peer.0.wait_until_blocked(r#"INSERT INTO "user_sessions"%"#);
        other.batch_execute("COMMIT").unwrap();
        set.join().unwrap()
    })
}

fn insert_data_of(user: &str) -> String {
    format!("INSERT INTO user_sessions VALUES ('s1', '{}', now() + interval '1 hour')", data_of(user))
}

fn insert_own_session(peer: &Peer) -> String {
    let ends = peer.time(Clock::System.now() + Duration::from_secs(7200));
    format!("INSERT INTO sessions (sid, user_id, expires_at) VALUES ('s1', '{USER}', {ends})")
}

#[test]
fn set_waiting_for_start_and_end_writes_nothing() {
    let Some(peer) = peer() else { return };
    let first = format!("{}; UPDATE sessions SET status = 'logged_out' WHERE sid = 's1'", insert_data_of(USER));
    assert!(!set_after(&peer, &first, USER));
    assert!(!peer.has_data("s1"));
    assert_eq!(peer.session("s1", "status"), "logged_out");
}

#[test]
fn later_of_two_sign_ins_under_one_sid_wins() {
    let Some(peer) = peer() else { return };
    assert!(set_after(&peer, &insert_data_of(USER), OTHER));
    assert_eq!(peer.session("s1", "user_id"), OTHER);
    assert_eq!(peer.session("s1", "status"), "active");
    assert_eq!(peer.0.count("sessions", &format!("WHERE user_id = '{USER}' AND status = 'logged_out'")), 1);
}

#[test]
fn set_waiting_for_application_row_keeps_it() {
    let Some(peer) = peer() else { return };
    peer.set("s1", &data_of(USER), Clock::System.now() + Duration::from_secs(3600));
    assert!(set_after(&peer, &insert_own_session(&peer), USER));
    assert_eq!(peer.0.count("sessions", ""), 1);
    assert_eq!(peer.session("s1", "status"), "active");
    assert_eq!(peer.0.count("sessions", "WHERE expires_at < now() + interval '3 hours'"), 1);
}

#[test]
fn rotated_sid_stays_dead_when_application_inserts_row() {
    let Some(peer) = peer() else { return };
    let later = Clock::System.now() + Duration::from_secs(3600);
    peer.set("s0", &data_of(USER), later);
    peer.0.execute(
        "UPDATE sessions SET sid = 's1' WHERE sid = 's0';
         INSERT INTO replaced_sids (sid, session_id) SELECT 's0', id FROM sessions WHERE sid = 's1';
         UPDATE user_sessions SET sid = 's1' WHERE sid = 's0'",
    );
    peer.0.execute(&insert_own_session(&peer));
    assert_eq!(peer.session("s1", "status"), "active");
    assert!(peer.has_data("s1"));
    assert!(!peer.set("s0", &data_of(USER), later));
    assert!(!peer.has_data("s0"));
}

#[test]
fn too_deeply_nested_data_is_stored_without_session() {
    let Some(peer) = peer() else { return };
    let later = Clock::System.now() + Duration::from_secs(3600);
    let (open, close) = ("[".repeat(50_000), "]".repeat(50_000));
    let sess = format!(r#""{{\"userId\":\"{USER}\",\"deep\":{open}{close}}}""#);
    assert!(peer.set("s1", &sess, later));
    assert_eq!(peer.0.count("sessions", ""), 0);
}
