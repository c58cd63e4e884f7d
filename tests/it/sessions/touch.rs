//! Touch: recording that a device was active.

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::sessions::Timeouts;

use super::session_fixture::{DAY, EMAIL, HOUR, MINUTE, SECOND, SessionFixture, just_before};
use crate::support::{EngineKind, on_both_engines, wait, wait_until};

on_both_engines!(
    activity_is_recorded_at_most_once_a_minute,
    a_request_records_activity_and_the_next_ones_write_nothing,
    a_clock_that_was_set_back_moves_nothing_back,
    an_ended_session_is_not_touched,
    the_idle_end_moves_with_the_activity,
    an_idle_end_that_a_peer_moved_further_is_not_moved_back,
    activity_that_cannot_be_written_locks_nobody_out,
    a_worker_that_dies_with_the_activity_noted_does_not_end_the_recording,
);

fn activity_is_recorded_at_most_once_a_minute(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    let first = rack.now();
    rack.clock.advance(just_before(MINUTE));
    assert_eq!(rack.resume(&started.sid).unwrap().last_seen_at, first);
    assert_eq!(rack.session(started.id)["last_seen_at"], first.to_iso_micros());
    rack.clock.advance(SECOND);
    assert_eq!(rack.resume(&started.sid).unwrap().last_seen_at, rack.now());
    let session = rack.session(started.id);
    assert_eq!(session["last_seen_at"], rack.now().to_iso_micros());
    assert_eq!(session["updated_at"], rack.now().to_iso_micros());
    assert_eq!(session["created_at"], first.to_iso_micros());
}

fn a_request_records_activity_and_the_next_ones_write_nothing(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let mut browser = rack.signed_in(EMAIL);
    rack.clock.advance(HOUR);
    assert_eq!(browser.get("/api/session").json()["session"]["last_seen_at"], rack.now().to_iso_millis());
    rack.write_activity();
    assert_eq!(rack.rows("sessions", "")[0]["last_seen_at"], rack.now().to_iso_micros());
    rack.forbid_writes();
    rack.clock.advance(just_before(MINUTE));
    let before = (rack.rows("sessions", ""), rack.rows("user_sessions", ""));
    assert!(browser.is_signed_in());
    rack.write_activity();
    assert_eq!((rack.rows("sessions", ""), rack.rows("user_sessions", "")), before);
}

fn a_clock_that_was_set_back_moves_nothing_back(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    rack.clock.advance(HOUR);
    assert!(rack.is_alive(&started.sid));
    let before = (rack.session(started.id), rack.data(&started.sid));
    let slow = rack.sessions_at(rack.now() - HOUR / 2);
    let live = wait(slow.keyrack.sessions().resume(&started.sid)).unwrap().unwrap();
    assert_eq!(live.last_seen_at, rack.now());
    wait(slow.keyrack.sessions().record_activity()).unwrap();
    assert_eq!((rack.session(started.id), rack.data(&started.sid)), before);
}

fn an_ended_session_is_not_touched(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    wait(rack.sessions().sign_out(&started.sid)).unwrap();
    let before = rack.session(started.id);
    rack.clock.advance(HOUR);
    assert!(!rack.is_alive(&started.sid));
    assert_eq!(rack.session(started.id), before);
}

fn the_idle_end_moves_with_the_activity(engine: EngineKind) {
    let timeouts = Timeouts { idle: HOUR, absolute: DAY, ..Timeouts::default() };
    let rack = SessionFixture::with(engine, |config| config.policy.timeouts = timeouts);
    let started = rack.sign_in();
    rack.clock.advance(HOUR / 2);
    let expire = || rack.data(&started.sid).unwrap()["expire"].clone();
    assert_eq!(expire(), (rack.now() + HOUR / 2).to_iso_micros());
    assert!(rack.is_alive(&started.sid));
    assert_eq!(expire(), (rack.now() + HOUR).to_iso_micros());
}

fn an_idle_end_that_a_peer_moved_further_is_not_moved_back(engine: EngineKind) {
    let timeouts = Timeouts { idle: HOUR, absolute: DAY, ..Timeouts::default() };
    let rack = SessionFixture::with(engine, |config| config.policy.timeouts = timeouts);
    let started = rack.sign_in();
    let further = (rack.now() + HOUR * 5).to_iso_micros();
    // Behind the triggers' back: they record a peer's activity by the server's own clock.
    rack.break_unguarded(&format!("UPDATE user_sessions SET expire = '{further}'"));
    rack.clock.advance(MINUTE);
    assert_eq!(rack.resume(&started.sid).unwrap().last_seen_at, rack.now());
    assert_eq!(rack.data(&started.sid).unwrap()["expire"], further);
}

/// Whoever changes the row just now may be ending the session. Activity does not wait for them, and moves nothing back.
#[test]
fn activity_leaves_out_a_session_that_is_being_changed() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let rack = SessionFixture::new(EngineKind::Postgres);
    let (busy, idle) = (rack.sign_in(), rack.sign_in());
    rack.clock.advance(MINUTE * 2);
    let later = (rack.now() + MINUTE).to_iso_micros();
    let mut other = PgConnection::establish(rack.database().url()).unwrap();
    other
        .batch_execute(&format!("BEGIN; UPDATE sessions SET last_seen_at = '{later}' WHERE id = '{}'", busy.id))
        .unwrap();
    assert!(rack.is_alive(&busy.sid) && rack.is_alive(&idle.sid));
    assert_eq!(rack.session(idle.id)["last_seen_at"], rack.now().to_iso_micros());
    other.batch_execute("COMMIT").unwrap();
    assert_eq!(rack.session(busy.id)["last_seen_at"], later);
}

/// A row's `xmin` is the transaction that wrote it.
#[test]
fn the_activity_of_many_sessions_is_written_in_few_transactions() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let rack = SessionFixture::new(EngineKind::Postgres);
    let started: Vec<_> = (0..300).map(|_| rack.sign_in()).collect();
    rack.clock.advance(HOUR);
    for started in &started {
        assert!(wait(rack.sessions().resume(&started.sid)).unwrap().is_some());
    }
    rack.write_activity();
    let seen = format!("WHERE last_seen_at = '{}'", rack.now().to_iso_micros());
    assert_eq!(rack.count("sessions", &seen), 300);
    assert_eq!(rack.text(&format!("SELECT CAST(count(DISTINCT xmin::text) AS text) AS v FROM sessions {seen}")), "2");
}

fn activity_that_cannot_be_written_locks_nobody_out(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let mut browser = rack.signed_in(EMAIL);
    rack.forbid_writes();
    rack.clock.advance(HOUR);
    let before = rack.rows("sessions", "");
    assert!(browser.is_signed_in());
    assert!(wait(rack.sessions().record_activity()).is_err());
    assert_eq!(rack.rows("sessions", ""), before);
    assert!(browser.is_signed_in());
}

/// A runtime takes its tasks along when it ends, as a worker's does when it dies.
fn a_worker_that_dies_with_the_activity_noted_does_not_end_the_recording(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let (started, mut browser) = (rack.sign_in(), rack.signed_in(EMAIL));
    rack.clock.advance(HOUR);
    assert!(wait(rack.sessions().resume(&started.sid)).unwrap().is_some(), "noted by a runtime that is gone now");
    assert!(browser.is_signed_in(), "noted by a worker of the server, which writes both");
    let seen = format!("WHERE last_seen_at = '{}'", rack.now().to_iso_micros());
    wait_until(|| rack.count("sessions", &seen) == 2);
}
