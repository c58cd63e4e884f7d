//! Changes of many sessions that meet. PostgreSQL only: SQLite has one writer at a time.

use std::thread;

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::sessions::{EndReason, Sessions, UserId};
use serde_json::json;

use super::session_fixture::{DAY, SessionFixture};
use crate::support::{EngineKind, wait};

/// Whether `change`, which is about two run-out sessions of one user, waits for the one with the lower id without holding
/// the other: two such changes that took them in different orders would wait for each other.
fn takes_sessions_in_the_order_of_their_ids(change: impl FnOnce(Sessions, UserId) + Send) {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let rack = SessionFixture::new(EngineKind::Postgres);
    let mut ids = [rack.sign_in().id, rack.sign_in().id];
    ids.sort();
    let [low, high] = ids;
    // The higher one ran out first, and its row stands first in its table.
    let expire = |id, hours| {
        format!(
            "UPDATE user_sessions SET expire = expire - interval '{hours} hours'
             WHERE sid = (SELECT sid FROM sessions WHERE id = '{id}');
             UPDATE sessions SET user_agent = 'x' WHERE id = '{id}';"
        )
    };
    rack.execute(&expire(high, 2));
    rack.execute(&expire(low, 1));
    rack.clock.advance(DAY);
    let url = rack.database().url();
    let mut other = PgConnection::establish(url).unwrap();
    other.batch_execute(&format!("BEGIN; SELECT FROM sessions WHERE id = '{low}' FOR NO KEY UPDATE")).unwrap();
    let (sessions, user) = (rack.sessions().clone(), rack.user);
    thread::scope(|scope| {
        let changing = scope.spawn(move || change(sessions, user));
        rack.wait_until_blocked("%sessions%");
        let free = other.batch_execute(&format!("SELECT FROM sessions WHERE id = '{high}' FOR NO KEY UPDATE NOWAIT"));
        other.batch_execute("ROLLBACK").unwrap();
        changing.join().unwrap();
        free.unwrap();
    });
    assert_eq!(rack.session(low)["status"], "logged_out");
}

/// A purge waits for nobody, so nobody can be waiting for it in turn.
#[test]
fn a_purge_leaves_out_a_session_that_is_being_changed() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let rack = SessionFixture::new(EngineKind::Postgres);
    let (busy, free) = (rack.sign_in(), rack.sign_in());
    rack.clock.advance(DAY * 30);
    let mut other = PgConnection::establish(rack.database().url()).unwrap();
    // So that a purge which waits all the same fails in the end.
    other.batch_execute("SET idle_in_transaction_session_timeout = '5s'").unwrap();
    other.batch_execute(&format!("BEGIN; SELECT FROM sessions WHERE id = '{}' FOR NO KEY UPDATE", busy.id)).unwrap();
    assert_eq!(wait(rack.sessions().purge(|_| ())).unwrap().ended, 1);
    assert_eq!(rack.session(free.id)["status"], "logged_out");
    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(wait(rack.sessions().purge(|_| ())).unwrap().ended, 1);
    assert_eq!(rack.session(busy.id)["status"], "logged_out");
}

#[test]
fn an_end_of_everyone_takes_sessions_in_the_order_of_their_ids() {
    takes_sessions_in_the_order_of_their_ids(|sessions, _| {
        wait(sessions.revoke_everyone()).unwrap();
    });
}

/// A session that starts while others are being ended is not among them: its kept data would not say that it is over.
#[test]
fn no_data_is_kept_that_says_signed_in() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let rack = SessionFixture::with(EngineKind::Postgres, |config| config.policy.keep_ended_data = true);
    let busy = rack.sign_in();
    let mut other = PgConnection::establish(rack.database().url()).unwrap();
    other.batch_execute(&format!("BEGIN; SELECT FROM sessions WHERE id = '{}' FOR NO KEY UPDATE", busy.id)).unwrap();
    let (sessions, user) = (rack.sessions().clone(), rack.user);
    let late = thread::scope(|scope| {
        let ending = scope.spawn(move || wait(sessions.end_all_of(user, EndReason::Revoked)).unwrap());
        rack.wait_until_blocked("%sessions%");
        let late = rack.sign_in();
        other.batch_execute("ROLLBACK").unwrap();
        assert_eq!(ending.join().unwrap(), 1);
        late
    });
    assert_eq!(rack.session(late.id)["status"], json!("active"));
    assert!(rack.is_alive(&late.sid));
}
