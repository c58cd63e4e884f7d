//! Touch: records that a device was active.

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::sessions::Timeouts;

use super::session_fixture::{DAY, EMAIL, HOUR, MINUTE, SECOND, SessionFixture, just_before};
use crate::support::{EngineKind, on_both_engines, wait, wait_until};

on_both_engines!(
    activity_is_recorded_at_most_once_per_minute,
    requests_within_a_minute_write_nothing,
    clock_set_back_does_not_move_activity_back,
    ended_session_is_not_touched,
    activity_extends_the_idle_expiry,
    later_expiry_set_by_a_peer_is_kept,
    failed_activity_write_does_not_fail_requests,
    activity_is_recorded_after_a_worker_died,
);

fn activity_is_recorded_at_most_once_per_minute(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    let first = fixture.now();
    fixture.clock.advance(just_before(MINUTE));
    assert_eq!(fixture.resume(&started.sid).unwrap().last_seen_at, first);
    assert_eq!(fixture.session(started.id)["last_seen_at"], first.to_iso_micros());
    fixture.clock.advance(SECOND);
    assert_eq!(fixture.resume(&started.sid).unwrap().last_seen_at, fixture.now());
    let session = fixture.session(started.id);
    assert_eq!(session["last_seen_at"], fixture.now().to_iso_micros());
    assert_eq!(session["updated_at"], fixture.now().to_iso_micros());
    assert_eq!(session["created_at"], first.to_iso_micros());
}

fn requests_within_a_minute_write_nothing(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let mut browser = fixture.signed_in(EMAIL);
    fixture.clock.advance(HOUR);
    assert_eq!(browser.get("/api/session").json()["session"]["last_seen_at"], fixture.now().to_iso_millis());
    fixture.write_activity();
    assert_eq!(fixture.rows("sessions", "")[0]["last_seen_at"], fixture.now().to_iso_micros());
    fixture.forbid_writes();
    fixture.clock.advance(just_before(MINUTE));
    let before = (fixture.rows("sessions", ""), fixture.rows("user_sessions", ""));
    assert!(browser.is_signed_in());
    fixture.write_activity();
    assert_eq!((fixture.rows("sessions", ""), fixture.rows("user_sessions", "")), before);
}

fn clock_set_back_does_not_move_activity_back(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    fixture.clock.advance(HOUR);
    assert!(fixture.is_alive(&started.sid));
    let before = (fixture.session(started.id), fixture.data(&started.sid));
    let slow = fixture.sessions_at(fixture.now() - HOUR / 2);
    let live = wait(slow.keyrack.sessions().resume(&started.sid)).unwrap().unwrap();
    assert_eq!(live.last_seen_at, fixture.now());
    wait(slow.keyrack.sessions().record_activity()).unwrap();
    assert_eq!((fixture.session(started.id), fixture.data(&started.sid)), before);
}

fn ended_session_is_not_touched(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    wait(fixture.sessions().sign_out(&started.sid)).unwrap();
    let before = fixture.session(started.id);
    fixture.clock.advance(HOUR);
    assert!(!fixture.is_alive(&started.sid));
    assert_eq!(fixture.session(started.id), before);
}

fn activity_extends_the_idle_expiry(engine: EngineKind) {
    let timeouts = Timeouts { idle: HOUR, absolute: DAY, ..Timeouts::default() };
    let fixture = SessionFixture::with(engine, |config| config.policy.timeouts = timeouts);
    let started = fixture.sign_in();
    fixture.clock.advance(HOUR / 2);
    let expire = || fixture.data(&started.sid).unwrap()["expire"].clone();
    assert_eq!(expire(), (fixture.now() + HOUR / 2).to_iso_micros());
    assert!(fixture.is_alive(&started.sid));
    assert_eq!(expire(), (fixture.now() + HOUR).to_iso_micros());
}

fn later_expiry_set_by_a_peer_is_kept(engine: EngineKind) {
    let timeouts = Timeouts { idle: HOUR, absolute: DAY, ..Timeouts::default() };
    let fixture = SessionFixture::with(engine, |config| config.policy.timeouts = timeouts);
    let started = fixture.sign_in();
    let later = (fixture.now() + HOUR * 5).to_iso_micros();
    // Without the triggers, which record a peer's activity by the server's clock.
    fixture.break_unguarded(&format!("UPDATE user_sessions SET expire = '{later}'"));
    fixture.clock.advance(MINUTE);
    assert_eq!(fixture.resume(&started.sid).unwrap().last_seen_at, fixture.now());
    assert_eq!(fixture.data(&started.sid).unwrap()["expire"], later);
}

/// The transaction that holds the row may be ending the session. Recording activity does not wait for it.
#[test]
fn recording_activity_skips_locked_sessions() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let (busy, idle) = (fixture.sign_in(), fixture.sign_in());
    fixture.clock.advance(MINUTE * 2);
    let later = (fixture.now() + MINUTE).to_iso_micros();
    let mut other = PgConnection::establish(fixture.database().url()).unwrap();
    other
        .batch_execute(&format!("BEGIN; UPDATE sessions SET last_seen_at = '{later}' WHERE id = '{}'", busy.id))
        .unwrap();
    assert!(fixture.is_alive(&busy.sid) && fixture.is_alive(&idle.sid));
    assert_eq!(fixture.session(idle.id)["last_seen_at"], fixture.now().to_iso_micros());
    other.batch_execute("COMMIT").unwrap();
    assert_eq!(fixture.session(busy.id)["last_seen_at"], later);
}

/// The `xmin` of a row is the transaction that wrote it.
#[test]
fn activity_of_many_sessions_is_written_in_few_transactions() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::with(EngineKind::Postgres, |config| config.policy.max_sessions = None);
    let started: Vec<_> = (0..300).map(|_| fixture.sign_in()).collect();
    fixture.clock.advance(HOUR);
    for started in &started {
        assert!(wait(fixture.sessions().resume(&started.sid)).unwrap().is_some());
    }
    fixture.write_activity();
    let seen = format!("WHERE last_seen_at = '{}'", fixture.now().to_iso_micros());
    assert_eq!(fixture.count("sessions", &seen), 300);
    assert_eq!(
        fixture.text(&format!("SELECT CAST(count(DISTINCT xmin::text) AS text) AS v FROM sessions {seen}")),
        "2"
    );
}

fn failed_activity_write_does_not_fail_requests(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let mut browser = fixture.signed_in(EMAIL);
    fixture.forbid_writes();
    fixture.clock.advance(HOUR);
    let before = fixture.rows("sessions", "");
    assert!(browser.is_signed_in());
    assert!(wait(fixture.sessions().record_activity()).is_err());
    assert_eq!(fixture.rows("sessions", ""), before);
    assert!(browser.is_signed_in());
}

/// A runtime drops its tasks when it ends, as a worker's does when it panics.
fn activity_is_recorded_after_a_worker_died(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let (started, mut browser) = (fixture.sign_in(), fixture.signed_in(EMAIL));
    fixture.clock.advance(HOUR);
    assert!(wait(fixture.sessions().resume(&started.sid)).unwrap().is_some(), "noted by a runtime that has ended");
    assert!(browser.is_signed_in(), "noted by a worker of the server, which writes both");
    let seen = format!("WHERE last_seen_at = '{}'", fixture.now().to_iso_micros());
    wait_until(|| fixture.count("sessions", &seen) == 2);
}
