//! Purge: ends expired sessions, and deletes data and history past their retention.

use keyrack::{
    clock::Clock,
    sessions::{NewSession, Purged, Timeouts},
};

use super::session_fixture::{DAY, HOUR, MINUTE, SECOND, SessionFixture, just_before};
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(
    expired_sessions_end_with_reason_and_expiry_time,
    absolute_limit_holds_after_a_peer_extends_expire,
    purge_leaves_live_sessions_unchanged,
    expired_peer_data_is_deleted,
    history_is_deleted_after_its_retention,
    large_purge_runs_in_batches_and_reports_progress,
    session_without_data_is_ended_by_purge,
);

fn purged(ended: usize, data_removed: usize, history_removed: usize) -> Purged {
    Purged { ended, data_removed, history_removed }
}

fn expired_sessions_end_with_reason_and_expiry_time(engine: EngineKind) {
    let timeouts = Timeouts { idle: HOUR, absolute: HOUR * 3, ..Timeouts::default() };
    let fixture = SessionFixture::with(engine, |config| config.policy.timeouts = timeouts);
    let (unused, used) = (fixture.sign_in(), fixture.sign_in());
    let start = fixture.now();
    for _ in 0..4 {
        fixture.clock.advance(MINUTE * 40);
        assert!(fixture.is_alive(&used.sid));
    }
    fixture.clock.advance(HOUR);
    assert_eq!(fixture.purge(), purged(2, 0, 0));
    fixture.assert_ended(&unused, "idle_timeout", start + HOUR);
    fixture.assert_ended(&used, "absolute_timeout", start + HOUR * 3);
    assert!(fixture.purge().is_empty());
}

/// A peer's `touch` may move `expire` to any time at every request.
fn absolute_limit_holds_after_a_peer_extends_expire(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    let end = fixture.now() + DAY;
    fixture.execute("UPDATE user_sessions SET expire = '2999-01-01T00:00:00.000000Z'");
    fixture.clock.advance(just_before(DAY));
    assert!(fixture.is_alive(&started.sid) && fixture.purge().is_empty());
    fixture.clock.advance(SECOND * 2);
    assert!(!fixture.is_alive(&started.sid));
    assert_eq!(fixture.purge(), purged(1, 0, 0));
    fixture.assert_ended(&started, "absolute_timeout", end);
}

fn purge_leaves_live_sessions_unchanged(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.start(NewSession { remember: true, ..fixture.new_session() }).unwrap();
    let before = (fixture.session(started.id), fixture.data(&started.sid));
    fixture.clock.advance(just_before(DAY * 14));
    assert!(fixture.purge().is_empty());
    assert_eq!((fixture.session(started.id), fixture.data(&started.sid)), before);
}

fn expired_peer_data_is_deleted(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let insert = |sid: &str, at: keyrack::clock::Timestamp| {
        let expire = at.to_iso_micros();
        fixture.execute(&format!("INSERT INTO user_sessions VALUES ('{sid}', '{{\"cookie\":{{}}}}', '{expire}')"));
    };
    insert("past", fixture.now());
    insert("ahead", fixture.now() + SECOND);
    assert_eq!(fixture.purge(), purged(0, 1, 0));
    assert_eq!(fixture.texts("SELECT sid AS v FROM user_sessions"), ["ahead"]);
}

fn history_is_deleted_after_its_retention(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| config.policy.history_retention = DAY * 30);
    let ended = fixture.sign_in();
    wait(fixture.sessions().sign_out(&ended.sid)).unwrap();
    fixture.clock.advance(DAY * 30);
    let alive = fixture.sign_in();
    assert!(fixture.purge().is_empty(), "history is kept until the last day");
    fixture.clock.advance(SECOND);
    assert_eq!(fixture.purge(), purged(0, 0, 1));
    assert_eq!(fixture.texts("SELECT CAST(id AS text) AS v FROM sessions"), [alive.id.to_string()]);
}

fn large_purge_runs_in_batches_and_reports_progress(engine: EngineKind) {
    const MANY: usize = 1201;
    let fixture = SessionFixture::new(engine);
    let (user, end) = (fixture.user, (fixture.now() + HOUR).to_iso_micros());
    let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})");
    let created = fixture.now().to_iso_micros();
    fixture.execute(&format!(
        "{numbers} INSERT INTO sessions (sid, user_id, expires_at, created_at, last_seen_at)
         SELECT 's' || i, CAST('{user}' AS {id}), CAST('{end}' AS {time}), CAST('{created}' AS {time}),
         CAST('{created}' AS {time}) FROM n;
         {numbers} INSERT INTO user_sessions (sid, sess, expire)
         SELECT 's' || i, CAST('{{\"userId\":\"{user}\"}}' AS {json}), CAST('{end}' AS {time}) FROM n",
        id = if engine == EngineKind::Postgres { "uuid" } else { "text" },
        time = if engine == EngineKind::Postgres { "timestamptz" } else { "text" },
        json = if engine == EngineKind::Postgres { "json" } else { "text" },
    ));
    fixture.clock.advance(HOUR);
    let mut steps = Vec::new();
    let sum = wait(fixture.sessions().purge(|so_far| steps.push(so_far.ended))).unwrap();
    assert_eq!(sum, purged(MANY, 0, 0));
    assert!(steps.len() > 2 && steps.is_sorted(), "{steps:?}");
    assert_eq!(steps.last(), Some(&MANY));
    assert_eq!(fixture.count("sessions", "WHERE status = 'logged_out' AND end_reason = 'absolute_timeout'"), MANY);
    assert_eq!(fixture.count("user_sessions", ""), 0);

    fixture.clock.advance(DAY * 91);
    assert_eq!(fixture.purge(), purged(0, 0, MANY));
    assert_eq!(fixture.count("sessions", ""), 0);
}

fn session_without_data_is_ended_by_purge(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    fixture.break_unguarded("DELETE FROM user_sessions");
    assert!(!fixture.is_alive(&started.sid));
    assert!(fixture.purge().is_empty(), "an Express application may still insert it");
    fixture.clock.advance(MINUTE);
    assert_eq!(fixture.purge(), purged(1, 0, 0));
    fixture.assert_ended(&started, "signed_out", fixture.now());
    assert!(fixture.doctor(false).is_sound());
}

/// A SQLite file has no clock, but the latest security events in it were written by one.
#[test]
fn purge_on_sqlite_is_refused_if_the_clock_is_behind_the_events() {
    let database = crate::support::TestDatabase::new(EngineKind::Sqlite);
    let shifted = |micros| crate::support::TestApp::over(&database, Clock::Shifted(micros), |_| ());
    let right = shifted(0);
    right.add_user("rajat.verma@example.com");
    let mut browser = right.signed_in("rajat.verma@example.com");
    let slow = shifted(-90_000_000);
    let refused = wait(slow.keyrack.sessions().purge(|_| ())).unwrap_err().to_string();
    for part in ["nothing was purged", "behind the latest security event", "synchronise it", "doctor --repair"] {
        assert!(refused.contains(part), "{part:?} is not in {refused:?}");
    }
    assert!(wait(slow.keyrack.sessions().clock_problem()).unwrap().is_some());
    let seconds = shifted(-30_000_000);
    assert!(wait(seconds.keyrack.sessions().clock_problem()).unwrap().is_some());
    wait(seconds.keyrack.sessions().purge(|_| ())).unwrap();
    assert_eq!(wait(right.keyrack.sessions().clock_problem()).unwrap(), None);
    assert!(browser.is_signed_in());
}
