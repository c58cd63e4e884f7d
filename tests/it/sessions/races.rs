//! Concurrent changes of one session: in any order, nothing is undone and nothing happens twice.
//!
//! On PostgreSQL, the tests hold a row lock or an advisory lock until the other side waits for it. On SQLite, they hold
//! the write lock, which is the only one.

use std::{num::NonZeroU32, thread, time::Duration};

use diesel::{Connection, PgConnection, SqliteConnection, connection::SimpleConnection};
use keyrack::{
    error::Error,
    sessions::{BrowserIdHash, EndReason, NewSession, Purged, SignInBrowser, Timeouts},
};
use serde_json::json;

use super::session_fixture::{DAY, HOUR, MINUTE, SessionFixture, setting};
use crate::support::{EngineKind, TestApp, on_both_engines, wait, wait_until};

on_both_engines!(
    only_one_of_concurrent_ends_counts,
    purge_spares_session_extended_meanwhile,
    late_activity_write_moves_nothing_back,
    activity_noted_before_an_end_is_dropped,
    session_limit_holds_for_concurrent_sign_ins,
);

/// Takes the lock that an instance holds while it purges.
const TAKE_PURGE_LOCK: &str = "LOCK TABLE keyrack_settings IN SHARE UPDATE EXCLUSIVE MODE";

/// An open transaction of another client.
enum OpenTransaction {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl OpenTransaction {
    fn begin(fixture: &SessionFixture, postgres: &str, sqlite: &str) -> Self {
        let url = fixture.database().url();
        match fixture.kind() {
            EngineKind::Postgres => {
                let mut connection = PgConnection::establish(url).unwrap();
                connection.batch_execute(&format!("BEGIN; {postgres}")).unwrap();
                Self::Postgres(connection)
            }
            EngineKind::Sqlite => {
                let mut connection = SqliteConnection::establish(url.strip_prefix("sqlite:").unwrap()).unwrap();
                connection.batch_execute(&format!("BEGIN IMMEDIATE; {sqlite}")).unwrap();
                Self::Sqlite(connection)
            }
        }
    }

    fn execute(&mut self, sql: &str) {
        match self {
            Self::Postgres(connection) => connection.batch_execute(sql).unwrap(),
            Self::Sqlite(connection) => connection.batch_execute(sql).unwrap(),
        }
    }
}

fn only_one_of_concurrent_ends_counts(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let (sessions, user) = (fixture.sessions(), fixture.user);
    for _ in 0..5 {
        let started = fixture.sign_in();
        let (id, sid) = (started.id, &started.sid);
        let ended: Vec<(usize, &str)> = thread::scope(|scope| {
            let ends = [
                scope.spawn(|| (usize::from(wait(sessions.sign_out(sid)).unwrap().is_some()), "signed_out")),
                scope.spawn(|| (usize::from(wait(sessions.revoke_by_admin(id)).unwrap()), "revoked_by_admin")),
                scope.spawn(|| {
                    (wait(sessions.end_all_of(user, EndReason::PasswordChanged)).unwrap(), "password_changed")
                }),
                scope.spawn(|| (wait(sessions.end_all_of(user, EndReason::Replaced)).unwrap(), "replaced")),
            ];
            ends.into_iter().map(|end| end.join().unwrap()).filter(|(count, _)| *count > 0).collect()
        });
        assert_eq!(ended.len(), 1, "{ended:?}");
        fixture.assert_ended(&started, ended[0].1, fixture.now());
    }
}

fn purge_spares_session_extended_meanwhile(engine: EngineKind) {
    let timeouts = Timeouts { idle: HOUR, absolute: DAY, ..Timeouts::default() };
    let fixture = SessionFixture::with(engine, |config| config.policy.timeouts = timeouts);
    let started = fixture.sign_in();
    fixture.clock.advance(HOUR);
    // Another instance has noted an earlier request, and writes the activity after the purge has found the session.
    let later = (fixture.now() + MINUTE).to_iso_micros();
    let activity = format!("UPDATE user_sessions SET expire = '{later}'");
    let mut other = OpenTransaction::begin(&fixture, TAKE_PURGE_LOCK, &activity);
    let purged = thread::scope(|scope| {
        let purge = scope.spawn(|| fixture.purge());
        match engine {
            EngineKind::Postgres => {
                fixture.wait_until_blocked("LOCK TABLE keyrack_settings%");
                fixture.execute(&activity);
            }
            // SQLite does not show that the purge waits. After this many reads, it has found the session.
            EngineKind::Sqlite => (0..300).for_each(|_| assert_eq!(fixture.count("sessions", ""), 1)),
        }
        other.execute("COMMIT");
        purge.join().unwrap()
    });
    assert_eq!(purged, Purged::default());
    assert!(fixture.is_alive(&started.sid));
}

/// Two instances note one request each; the one with the earlier request writes last.
fn late_activity_write_moves_nothing_back(engine: EngineKind) {
    let timeouts = Timeouts { idle: HOUR, absolute: DAY, ..Timeouts::default() };
    let fixture = SessionFixture::with(engine, |config| config.policy.timeouts = timeouts);
    let started = fixture.sign_in();
    let other = TestApp::over(fixture.database(), fixture.clock.clone(), |config| config.policy.timeouts = timeouts);
    fixture.clock.advance(MINUTE * 2);
    assert!(wait(fixture.sessions().resume(&started.sid)).unwrap().is_some());
    fixture.clock.advance(MINUTE * 2);
    assert!(wait(other.keyrack.sessions().resume(&started.sid)).unwrap().is_some());
    wait(other.keyrack.sessions().record_activity()).unwrap();
    let before = (fixture.session(started.id), fixture.data(&started.sid));
    assert_eq!(before.0["last_seen_at"], fixture.now().to_iso_micros());
    wait(fixture.sessions().record_activity()).unwrap();
    assert_eq!((fixture.session(started.id), fixture.data(&started.sid)), before);
}

fn activity_noted_before_an_end_is_dropped(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    fixture.clock.advance(MINUTE * 2);
    assert!(wait(fixture.sessions().resume(&started.sid)).unwrap().is_some());
    wait(fixture.sessions().sign_out(&started.sid)).unwrap();
    let before = fixture.session(started.id);
    wait(fixture.sessions().record_activity()).unwrap();
    assert_eq!(fixture.session(started.id), before);
}

/// A peer locks the two rows in the other order. PostgreSQL aborts one of the two transactions, here Keyrack's, which
/// is retried. SQLite has only one lock.
#[test]
fn save_that_loses_a_deadlock_is_retried() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let started = fixture.sign_in();
    let live = fixture.resume(&started.sid).unwrap();
    let later = (fixture.now() + HOUR).to_iso_micros();
    // The transaction that detects the deadlock is aborted. The peer never checks for one.
    let touch = format!("SET LOCAL deadlock_timeout = '1h'; UPDATE user_sessions SET expire = '{later}'");
    let mut peer = OpenTransaction::begin(&fixture, &touch, "");
    thread::scope(|scope| {
        let save = scope.spawn(|| fixture.save(&started.sid, setting(&live, &[("theme", json!("dark"))])));
        fixture.wait_until_blocked("SELECT%user_sessions%FOR NO KEY UPDATE");
        peer.execute("UPDATE sessions SET user_agent = 'a peer'; COMMIT");
        save.join().unwrap().unwrap();
    });
    assert_eq!(fixture.data(&started.sid).unwrap()["sess"]["theme"], "dark");
    assert_eq!(fixture.session(started.id)["user_agent"], "a peer");
}

/// A sign-in waits for a transaction that is disabling its user. PostgreSQL only: SQLite has one writer at a time.
#[test]
fn sign_in_waits_for_and_rejects_user_being_disabled() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let mut other = OpenTransaction::begin(&fixture, "UPDATE users SET disabled_at = now()", "");
    let started = thread::scope(|scope| {
        let start = scope.spawn(|| fixture.start(fixture.new_session()));
        fixture.wait_until_blocked("SELECT%users%FOR NO KEY UPDATE");
        other.execute("COMMIT");
        start.join().unwrap()
    });
    assert!(matches!(started, Err(Error::SessionEnded)), "{started:?}");
    assert_eq!(fixture.count("sessions", ""), 0);
}

/// A request renews the sid of a browser's session after a sign-in has found it. PostgreSQL only: SQLite has one writer
/// at a time.
#[test]
fn sid_renewed_during_a_sign_in_makes_no_second_session() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let known = BrowserIdHash::from_trusted("known");
    let new = |presented: Vec<BrowserIdHash>| NewSession {
        browser: Some(SignInBrowser { presented, new: known.clone(), language: None }),
        ..fixture.new_session()
    };
    let first = fixture.start(new(Vec::new())).unwrap();
    let (old, id) = (first.sid.expose(), first.id);
    let lock = format!("SELECT FROM sessions WHERE id = '{id}' FOR UPDATE");
    let mut request = OpenTransaction::begin(&fixture, &lock, "");
    let second = thread::scope(|scope| {
        let start = scope.spawn(|| fixture.start(new(vec![known.clone()])));
        fixture.wait_until_blocked("SELECT%sessions%FOR NO KEY UPDATE");
        request.execute(&format!(
            "UPDATE sessions SET sid = 'renewed' WHERE id = '{id}';
             UPDATE user_sessions SET sid = 'renewed' WHERE sid = '{old}'; COMMIT"
        ));
        start.join().unwrap().unwrap()
    });
    assert_eq!(second.id, id);
    assert_eq!(fixture.count("sessions", ""), 1);
}

/// All sign-ins begin at the same time, and no later one could correct an excess.
fn session_limit_holds_for_concurrent_sign_ins(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| config.policy.max_sessions = NonZeroU32::new(1));
    let (sessions, new) = (fixture.sessions(), fixture.new_session());
    let mut other = OpenTransaction::begin(&fixture, "SELECT FROM users FOR UPDATE", "");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| wait(sessions.start(new.clone())).unwrap());
        }
        if engine == EngineKind::Postgres {
            let waiting = "WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0";
            wait_until(|| fixture.count("pg_stat_activity", waiting) == 4);
        }
        other.execute("COMMIT");
    });
    assert_eq!(fixture.count("sessions", "WHERE status = 'active'"), 1);
    assert_eq!(fixture.count("sessions", "WHERE end_reason = 'replaced'"), 3);
}

/// The caller was told to try again, so the revocation must not be committed, however late the lock is released.
/// PostgreSQL only: on SQLite, the wait for the write lock times out before anything is written.
#[test]
fn timed_out_revocation_is_rolled_back() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let started = fixture.sign_in();
    let short_timeout = TestApp::over(fixture.database(), fixture.clock.clone(), |config| {
        config.database.timeout = Duration::from_millis(300);
    });
    let mut other =
        OpenTransaction::begin(&fixture, &format!("SELECT FROM sessions WHERE id = '{}' FOR UPDATE", started.id), "");
    // A runtime waits for its blocking work before it ends, so this one runs in its own thread.
    thread::scope(|scope| {
        let (sender, answer) = std::sync::mpsc::channel();
        let (sessions, id) = (short_timeout.keyrack.sessions(), started.id);
        let revoke = scope.spawn(move || wait(async { sender.send(sessions.revoke_by_admin(id).await).unwrap() }));
        let answer = answer.recv().unwrap();
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
        other.execute("ROLLBACK");
        revoke.join().unwrap();
    });
    // The work has ended once its row lock is released.
    fixture.execute(&format!("BEGIN; SELECT FROM sessions WHERE id = '{}' FOR UPDATE; COMMIT", started.id));
    assert_eq!(fixture.session(started.id)["status"], "active");
    assert!(fixture.is_alive(&started.sid));
}

/// Expired data of a peer without a user, which a request of its browser is extending.
#[test]
fn data_that_a_peer_extends_is_not_purged() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let (past, ahead) = ((fixture.now() - HOUR).to_iso_micros(), (fixture.now() + HOUR).to_iso_micros());
    fixture.execute(&format!("INSERT INTO user_sessions (sid, sess, expire) VALUES ('a peer''s', '{{}}', '{past}')"));
    let mut keeping = PgConnection::establish(fixture.database().url()).unwrap();
    keeping.batch_execute(&format!("BEGIN; UPDATE user_sessions SET expire = '{ahead}'")).unwrap();
    assert_eq!(wait(fixture.sessions().purge(|_| ())).unwrap().data_removed, 0);
    keeping.batch_execute("COMMIT").unwrap();
    assert_eq!(wait(fixture.sessions().purge(|_| ())).unwrap().data_removed, 0);
    assert_eq!(fixture.count("user_sessions", ""), 1);
}
