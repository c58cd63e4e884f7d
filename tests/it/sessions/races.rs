//! Two that change the same session at once: whichever comes first, nothing is undone, and nothing happens twice.
//!
//! On PostgreSQL the tests hold a row or a lock until the other side waits for it; on SQLite, whose only lock is the writer's,
//! they hold that one.

use std::{num::NonZeroU32, thread, time::Duration};

use diesel::{Connection, PgConnection, SqliteConnection, connection::SimpleConnection};
use keyrack::{
    error::Error,
    sessions::{EndReason, Purged, Timeouts},
};
use serde_json::json;

use super::session_fixture::{DAY, HOUR, MINUTE, SessionFixture, setting};
use crate::support::{EngineKind, TestApp, on_both_engines, wait, wait_until};

on_both_engines!(
    of_several_ends_at_once_one_counts,
    a_session_that_comes_back_to_life_under_a_purge_is_left_alone,
    activity_that_is_written_late_moves_nothing_back,
    activity_that_was_noted_before_an_end_changes_nothing_after_it,
    the_limit_holds_when_sessions_start_together,
);

/// The lock that an instance holds while it purges.
const PURGING: &str = "SELECT pg_advisory_xact_lock(7738725066873203457)";

/// Runs a batch in a transaction of a foreign hand, which stays open for as long as the value lives.
enum Holding {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Holding {
    fn begin(rack: &SessionFixture, postgres: &str, sqlite: &str) -> Self {
        let url = rack.database().url();
        match rack.kind() {
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

fn of_several_ends_at_once_one_counts(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let (sessions, user) = (rack.sessions(), rack.user);
    for _ in 0..5 {
        let started = rack.sign_in();
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
        rack.assert_ended(&started, ended[0].1, rack.now());
    }
}

fn a_session_that_comes_back_to_life_under_a_purge_is_left_alone(engine: EngineKind) {
    let timeouts = Timeouts { idle: HOUR, absolute: DAY, ..Timeouts::default() };
    let rack = SessionFixture::with(engine, |config| config.policy.timeouts = timeouts);
    let started = rack.sign_in();
    rack.clock.advance(HOUR);
    // Another instance has noted a request of just before; it writes it between the purge's look and its deed.
    let later = (rack.now() + MINUTE).to_iso_micros();
    let activity = format!("UPDATE user_sessions SET expire = '{later}'");
    let mut other = Holding::begin(&rack, PURGING, &activity);
    let purged = thread::scope(|scope| {
        let purge = scope.spawn(|| rack.purge());
        match engine {
            EngineKind::Postgres => {
                rack.wait_until_blocked("SELECT pg_advisory_xact_lock%");
                rack.execute(&activity);
            }
            // Nothing tells that the purge waits; by the end of so many looks it has had its own.
            EngineKind::Sqlite => (0..300).for_each(|_| assert_eq!(rack.count("sessions", ""), 1)),
        }
        other.execute("COMMIT");
        purge.join().unwrap()
    });
    assert_eq!(purged, Purged::default());
    assert!(rack.is_alive(&started.sid));
}

/// Two instances note a request each; the one with the earlier request writes last.
fn activity_that_is_written_late_moves_nothing_back(engine: EngineKind) {
    let timeouts = Timeouts { idle: HOUR, absolute: DAY, ..Timeouts::default() };
    let rack = SessionFixture::with(engine, |config| config.policy.timeouts = timeouts);
    let started = rack.sign_in();
    let other = TestApp::over(rack.database(), rack.clock.clone(), |config| config.policy.timeouts = timeouts);
    rack.clock.advance(MINUTE * 2);
    assert!(wait(rack.sessions().resume(&started.sid)).unwrap().is_some());
    rack.clock.advance(MINUTE * 2);
    assert!(wait(other.keyrack.sessions().resume(&started.sid)).unwrap().is_some());
    wait(other.keyrack.sessions().record_activity()).unwrap();
    let before = (rack.session(started.id), rack.data(&started.sid));
    assert_eq!(before.0["last_seen_at"], rack.now().to_iso_micros());
    wait(rack.sessions().record_activity()).unwrap();
    assert_eq!((rack.session(started.id), rack.data(&started.sid)), before);
}

fn activity_that_was_noted_before_an_end_changes_nothing_after_it(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    rack.clock.advance(MINUTE * 2);
    assert!(wait(rack.sessions().resume(&started.sid)).unwrap().is_some());
    wait(rack.sessions().sign_out(&started.sid)).unwrap();
    let before = rack.session(started.id);
    wait(rack.sessions().record_activity()).unwrap();
    assert_eq!(rack.session(started.id), before);
}

/// A peer locks the two rows in the other order. PostgreSQL gives up one of the two, which is ours: it is tried again, and
/// nobody notices. SQLite has one lock only.
#[test]
fn a_save_that_loses_a_deadlock_is_tried_again() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let rack = SessionFixture::new(EngineKind::Postgres);
    let started = rack.sign_in();
    let live = rack.resume(&started.sid).unwrap();
    let later = (rack.now() + HOUR).to_iso_micros();
    // Whoever looks for a deadlock first is given up; the peer never looks.
    let touch = format!("SET LOCAL deadlock_timeout = '1h'; UPDATE user_sessions SET expire = '{later}'");
    let mut peer = Holding::begin(&rack, &touch, "");
    thread::scope(|scope| {
        let save = scope.spawn(|| rack.save(&started.sid, setting(&live, &[("theme", json!("dark"))])));
        rack.wait_until_blocked("SELECT%user_sessions%FOR NO KEY UPDATE");
        peer.execute("UPDATE sessions SET user_agent = 'a peer'; COMMIT");
        save.join().unwrap().unwrap();
    });
    assert_eq!(rack.data(&started.sid).unwrap()["sess"]["theme"], "dark");
    assert_eq!(rack.session(started.id)["user_agent"], "a peer");
}

/// A sign-in waits for whoever disables its user just now. SQLite has one writer at a time.
#[test]
fn a_user_who_is_being_disabled_does_not_come_in() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let rack = SessionFixture::new(EngineKind::Postgres);
    let mut other = Holding::begin(&rack, "UPDATE users SET disabled_at = now()", "");
    let started = thread::scope(|scope| {
        let start = scope.spawn(|| rack.start(rack.new_session()));
        rack.wait_until_blocked("SELECT%users%FOR NO KEY UPDATE");
        other.execute("COMMIT");
        start.join().unwrap()
    });
    assert!(matches!(started, Err(Error::SessionEnded)), "{started:?}");
    assert_eq!(rack.count("sessions", ""), 0);
}

/// They all stand at the start at once, and none comes after that could make good what they did.
fn the_limit_holds_when_sessions_start_together(engine: EngineKind) {
    let rack = SessionFixture::with(engine, |config| config.policy.max_sessions = NonZeroU32::new(1));
    let (sessions, new) = (rack.sessions(), rack.new_session());
    let mut other = Holding::begin(&rack, "SELECT FROM users FOR UPDATE", "");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| wait(sessions.start(new.clone())).unwrap());
        }
        if engine == EngineKind::Postgres {
            let waiting = "WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0";
            wait_until(|| rack.count("pg_stat_activity", waiting) == 4);
        }
        other.execute("COMMIT");
    });
    assert_eq!(rack.count("sessions", "WHERE status = 'active'"), 1);
    assert_eq!(rack.count("sessions", "WHERE end_reason = 'replaced'"), 3);
}

/// Its caller was told "try again": so it should not have happened, however late the lock comes free. On SQLite the wait
/// for the only lock ends with the timeout, before there is anything to commit.
#[test]
fn what_was_answered_with_try_again_does_not_happen_later() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let rack = SessionFixture::new(EngineKind::Postgres);
    let started = rack.sign_in();
    let hasty = TestApp::over(rack.database(), rack.clock.clone(), |config| {
        config.database.timeout = Duration::from_millis(300);
    });
    let mut other = Holding::begin(&rack, &format!("SELECT FROM sessions WHERE id = '{}' FOR UPDATE", started.id), "");
    // The runtime that waited for the answer would wait for the work as well, so it stays in a thread of its own.
    thread::scope(|scope| {
        let (sender, answer) = std::sync::mpsc::channel();
        let (sessions, id) = (hasty.keyrack.sessions(), started.id);
        let revoke = scope.spawn(move || wait(async { sender.send(sessions.revoke_by_admin(id).await).unwrap() }));
        let answer = answer.recv().unwrap();
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
        other.execute("ROLLBACK");
        revoke.join().unwrap();
    });
    // The work is over when its row is free again.
    rack.execute(&format!("BEGIN; SELECT FROM sessions WHERE id = '{}' FOR UPDATE; COMMIT", started.id));
    assert_eq!(rack.session(started.id)["status"], "active");
    assert!(rack.is_alive(&started.sid));
}

/// A peer's session that nobody has signed in to: it had run out, and a request of its browser keeps it just now.
#[test]
fn data_that_a_peer_is_keeping_alive_is_not_purged() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let rack = SessionFixture::new(EngineKind::Postgres);
    let (past, ahead) = ((rack.now() - HOUR).to_iso_micros(), (rack.now() + HOUR).to_iso_micros());
    rack.execute(&format!("INSERT INTO user_sessions (sid, sess, expire) VALUES ('a peer''s', '{{}}', '{past}')"));
    let mut keeping = PgConnection::establish(rack.database().url()).unwrap();
    keeping.batch_execute(&format!("BEGIN; UPDATE user_sessions SET expire = '{ahead}'")).unwrap();
    assert_eq!(wait(rack.sessions().purge(|_| ())).unwrap().data_removed, 0);
    keeping.batch_execute("COMMIT").unwrap();
    assert_eq!(wait(rack.sessions().purge(|_| ())).unwrap().data_removed, 0);
    assert_eq!(rack.count("user_sessions", ""), 1);
}
