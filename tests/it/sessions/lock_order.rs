//! The order in which statements over several sessions lock their rows. PostgreSQL only: SQLite has one writer at a
//! time.

use std::thread;

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::sessions::{EndReason, Sessions, UserId};
use serde_json::json;

use super::session_fixture::{DAY, SessionFixture};
use crate::support::{EngineKind, wait};

/// Asserts that `change`, which ends two expired sessions of one user, waits for the session with the lower id without
/// holding the other. Two such changes that locked them in different orders would deadlock.
fn assert_locks_sessions_in_id_order(change: impl FnOnce(Sessions, UserId) + Send) {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let mut ids = [fixture.sign_in().id, fixture.sign_in().id];
    ids.sort();
    let [low, high] = ids;
    // The higher one expired first, and its row comes first in its table.
    let expire = |id, hours| {
        format!(
            "UPDATE user_sessions SET expire = expire - interval '{hours} hours'
             WHERE sid = (SELECT sid FROM sessions WHERE id = '{id}');
             UPDATE sessions SET user_agent = 'x' WHERE id = '{id}';"
        )
    };
    fixture.execute(&expire(high, 2));
    fixture.execute(&expire(low, 1));
    fixture.clock.advance(DAY);
    let url = fixture.database().url();
    let mut other = PgConnection::establish(url).unwrap();
    other.batch_execute(&format!("BEGIN; SELECT FROM sessions WHERE id = '{low}' FOR NO KEY UPDATE")).unwrap();
    let (sessions, user) = (fixture.sessions().clone(), fixture.user);
    thread::scope(|scope| {
        let changing = scope.spawn(move || change(sessions, user));
        fixture.wait_until_blocked("%sessions%");
        let free = other.batch_execute(&format!("SELECT FROM sessions WHERE id = '{high}' FOR NO KEY UPDATE NOWAIT"));
        other.batch_execute("ROLLBACK").unwrap();
        changing.join().unwrap();
        free.unwrap();
    });
    assert_eq!(fixture.session(low)["status"], "logged_out");
}

/// A purge waits for no row lock, so it cannot be part of a deadlock.
#[test]
fn purge_skips_locked_sessions() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let (busy, free) = (fixture.sign_in(), fixture.sign_in());
    fixture.clock.advance(DAY * 30);
    let mut other = PgConnection::establish(fixture.database().url()).unwrap();
    // A purge that does wait fails after this timeout.
    other.batch_execute("SET idle_in_transaction_session_timeout = '5s'").unwrap();
    other.batch_execute(&format!("BEGIN; SELECT FROM sessions WHERE id = '{}' FOR NO KEY UPDATE", busy.id)).unwrap();
    assert_eq!(wait(fixture.sessions().purge(|_| ())).unwrap().ended, 1);
    assert_eq!(fixture.session(free.id)["status"], "logged_out");
    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(wait(fixture.sessions().purge(|_| ())).unwrap().ended, 1);
    assert_eq!(fixture.session(busy.id)["status"], "logged_out");
}

#[test]
fn revoking_everyone_locks_sessions_in_id_order() {
    assert_locks_sessions_in_id_order(|sessions, _| {
        wait(sessions.revoke_everyone()).unwrap();
    });
}

/// A session that starts while others are being ended is not one of them: its kept data would not be marked as signed
/// out.
#[test]
fn session_started_during_revocation_stays_active() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::with(EngineKind::Postgres, |config| config.policy.keep_ended_data = true);
    let busy = fixture.sign_in();
    let mut other = PgConnection::establish(fixture.database().url()).unwrap();
    other.batch_execute(&format!("BEGIN; SELECT FROM sessions WHERE id = '{}' FOR NO KEY UPDATE", busy.id)).unwrap();
    let (sessions, user) = (fixture.sessions().clone(), fixture.user);
    let late = thread::scope(|scope| {
        let ending = scope.spawn(move || wait(sessions.end_all_of(user, EndReason::Revoked)).unwrap());
        fixture.wait_until_blocked("%sessions%");
        let late = fixture.sign_in();
        other.batch_execute("ROLLBACK").unwrap();
        assert_eq!(ending.join().unwrap(), 1);
        late
    });
    assert_eq!(fixture.session(late.id)["status"], json!("active"));
    assert!(fixture.is_alive(&late.sid));
}
