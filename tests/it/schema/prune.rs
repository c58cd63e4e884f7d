//! A purge beside a peer's prune, which takes the same rows in an order of its own. PostgreSQL only: SQLite has one writer.

use std::time::Duration;

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::clock::Clock;

use super::peer::Peer;
use crate::support::{EngineKind, TestApp, wait};

/// The prune has one row and comes to the other, which the purge must not hold while it waits for the first.
#[test]
fn a_purge_leaves_to_a_prune_what_that_has_taken_already() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let peer = Peer::new(EngineKind::Postgres);
    let now = Clock::System.now();
    for sid in ["s1", "s2", "s3"] {
        peer.sign_in(sid, now + Duration::from_secs(3600), now + Duration::from_secs(7200));
    }
    let later = now + Duration::from_secs(5400);
    peer.0.execute(
        "INSERT INTO user_sessions (sid, sess, expire) SELECT 'guest ' || n, '{}', now() FROM generate_series(1, 3) AS n",
    );
    let app = TestApp::over(&peer.0, Clock::fixed(later), |_| ());
    let mut prune = PgConnection::establish(peer.0.url()).unwrap();
    // So that who waits for it all the same fails in the end.
    prune.batch_execute("SET idle_in_transaction_session_timeout = '5s'").unwrap();
    prune.batch_execute("BEGIN; DELETE FROM user_sessions WHERE sid IN ('s2', 'guest 2')").unwrap();
    let purged = wait(app.keyrack.sessions().purge(|_| ())).unwrap();
    assert_eq!((purged.ended, purged.data_removed), (2, 2));
    prune.batch_execute("DELETE FROM user_sessions; COMMIT").unwrap();
    assert_eq!(peer.0.count("user_sessions", ""), 0);
    assert_eq!(peer.0.count("sessions", "WHERE status = 'active'"), 0);
}

/// The session is young, but its sid is dead: nothing more comes for it.
#[test]
fn a_session_whose_data_was_destroyed_while_somebody_held_it_is_ended_by_the_next_purge() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let peer = Peer::new(EngineKind::Postgres);
    let now = Clock::System.now();
    peer.sign_in("s1", now + Duration::from_secs(3600), now + Duration::from_secs(7200));
    let mut touching = PgConnection::establish(peer.0.url()).unwrap();
    touching.batch_execute("BEGIN; UPDATE sessions SET last_seen_at = now() WHERE sid = 's1'").unwrap();
    peer.destroy("s1");
    touching.batch_execute("COMMIT").unwrap();
    let app = TestApp::over(&peer.0, Clock::System, |_| ());
    assert_eq!(wait(app.keyrack.sessions().purge(|_| ())).unwrap().ended, 1);
    assert_eq!(peer.session("s1", "status"), "logged_out");
}
