//! Peers that sign in under one sid at the same moment: who comes second looks again. PostgreSQL only: SQLite has no peer.

use std::{thread, time::Duration};

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::clock::Clock;

use super::peer::{Peer, USER};
use crate::support::EngineKind;

const OTHER: &str = "650e8400-e29b-41d4-a716-446655440000";

fn naming(user: &str) -> String {
    format!(r#"{{"userId":"{user}"}}"#)
}

fn peer() -> Option<Peer> {
    EngineKind::Postgres.is_available().then(|| {
        let peer = Peer::new(EngineKind::Postgres);
        peer.0.execute(&format!("INSERT INTO users (id, email) VALUES ('{OTHER}', 'asha.verma@example.com')"));
        peer
    })
}

/// A set of data that names `user`, which waits for `first`, and goes on when that is committed.
fn set_after(peer: &Peer, first: &str, user: &str) -> bool {
    let later = Clock::System.now() + Duration::from_secs(3600);
    let mut other = PgConnection::establish(peer.0.url()).unwrap();
    other.batch_execute(&format!("BEGIN; {first}")).unwrap();
    thread::scope(|scope| {
        let set = scope.spawn(|| peer.set("s1", &naming(user), later));
        peer.0.wait_until_blocked(r#"INSERT INTO "user_sessions"%"#);
        other.batch_execute("COMMIT").unwrap();
        set.join().unwrap()
    })
}

fn set_of(user: &str) -> String {
    format!("INSERT INTO user_sessions VALUES ('s1', '{}', now() + interval '1 hour')", naming(user))
}

fn own_row(peer: &Peer) -> String {
    let ends = peer.time(Clock::System.now() + Duration::from_secs(7200));
    format!("INSERT INTO sessions (sid, user_id, expires_at) VALUES ('s1', '{USER}', {ends})")
}

#[test]
fn a_session_that_began_and_ended_while_a_set_waited_stays_ended() {
    let Some(peer) = peer() else { return };
    let first = format!("{}; UPDATE sessions SET status = 'logged_out' WHERE sid = 's1'", set_of(USER));
    assert!(!set_after(&peer, &first, USER));
    assert!(!peer.has_data("s1"));
    assert_eq!(peer.session("s1", "status"), "logged_out");
}

#[test]
fn of_two_who_sign_in_at_once_under_one_sid_the_later_has_the_session() {
    let Some(peer) = peer() else { return };
    assert!(set_after(&peer, &set_of(USER), OTHER));
    assert_eq!(peer.session("s1", "user_id"), OTHER);
    assert_eq!(peer.session("s1", "status"), "active");
    assert_eq!(peer.0.count("sessions", &format!("WHERE user_id = '{USER}' AND status = 'logged_out'")), 1);
}

#[test]
fn a_set_that_waits_for_the_applications_own_row_leaves_it_alone() {
    let Some(peer) = peer() else { return };
    peer.set("s1", &naming(USER), Clock::System.now() + Duration::from_secs(3600));
    assert!(set_after(&peer, &own_row(&peer), USER));
    assert_eq!(peer.0.count("sessions", ""), 1);
    assert_eq!(peer.session("s1", "status"), "active");
    assert_eq!(peer.0.count("sessions", "WHERE expires_at < now() + interval '3 hours'"), 1);
}

#[test]
fn a_sid_that_was_rotated_away_stays_dead_when_the_application_writes_a_row_of_its_own() {
    let Some(peer) = peer() else { return };
    let later = Clock::System.now() + Duration::from_secs(3600);
    peer.set("s0", &naming(USER), later);
    peer.0.execute(
        "UPDATE sessions SET sid = 's1' WHERE sid = 's0';
         INSERT INTO replaced_sids (sid, session_id) SELECT 's0', id FROM sessions WHERE sid = 's1';
         UPDATE user_sessions SET sid = 's1' WHERE sid = 's0'",
    );
    peer.0.execute(&own_row(&peer));
    assert_eq!(peer.session("s1", "status"), "active");
    assert!(peer.has_data("s1"));
    assert!(!peer.set("s0", &naming(USER), later));
    assert!(!peer.has_data("s0"));
}

#[test]
fn a_string_that_holds_more_levels_than_the_server_reads_is_stored_and_says_nothing() {
    let Some(peer) = peer() else { return };
    let later = Clock::System.now() + Duration::from_secs(3600);
    let (open, close) = ("[".repeat(50_000), "]".repeat(50_000));
    let sess = format!(r#""{{\"userId\":\"{USER}\",\"deep\":{open}{close}}}""#);
    assert!(peer.set("s1", &sess, later));
    assert_eq!(peer.0.count("sessions", ""), 0);
}
