//! A purge beside a peer's prune, which locks the same rows in another order. PostgreSQL only: SQLite has one writer.

use std::time::Duration;

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::clock::Clock;

use super::peer::Peer;
use crate::support::{EngineKind, TestApp, wait};

/// The prune holds one row and then needs another, which the purge must not hold while it waits for the first.
#[test]
fn purge_skips_rows_locked_by_prune() {
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
        "INSERT INTO user_sessions (sid, sess, expire) SELECT 'guest ' || n, '{}', now()
         FROM generate_series(1, 3) AS n",
    );
    let app = TestApp::over(&peer.0, Clock::fixed(later), |_| ());
    let mut prune = PgConnection::establish(peer.0.url()).unwrap();
    // A purge that waits for the prune fails instead of hanging.
    prune.batch_execute("SET idle_in_transaction_session_timeout = '5s'").unwrap();
    prune.batch_execute("BEGIN; DELETE FROM user_sessions WHERE sid IN ('s2', 'guest 2')").unwrap();
    let purged = wait(app.keyrack.sessions().purge(|_| ())).unwrap();
    assert_eq!((purged.ended, purged.data_removed), (2, 2));
    prune.batch_execute("DELETE FROM user_sessions; COMMIT").unwrap();
    assert_eq!(peer.0.count("user_sessions", ""), 0);
    assert_eq!(peer.0.count("sessions", "WHERE status = 'active'"), 0);
}

/// The session has not expired, but its sid can't be used any more.
#[test]
fn purge_ends_session_locked_when_its_data_was_deleted() {
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
