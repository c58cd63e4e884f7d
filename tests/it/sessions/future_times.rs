//! A machine whose clock was ahead when it wrote sessions, and is right now.

use std::time::Duration;

use keyrack::{
    clock::{Clock, Timestamp},
    sessions::{Breach, Timeouts},
};

use super::session_fixture::{DAY, EMAIL, HOUR};
use crate::support::{EngineKind, TestApp, TestDatabase, on_both_engines, wait};

on_both_engines!(
    session_of_a_clock_that_was_ahead_is_reported_and_dated_back,
    ended_session_of_a_clock_that_was_ahead_is_dated_back,
    session_dated_in_the_future_can_be_ended,
    session_dated_a_few_seconds_ahead_is_no_breach,
);

/// A server whose clock is ahead by so many hours.
fn server(database: &TestDatabase, hours: i64) -> TestApp {
    TestApp::over(database, Clock::Shifted(hours * 3_600_000_000), |config| {
        config.policy.timeouts = Timeouts { idle: HOUR, absolute: DAY, ..Timeouts::default() };
    })
}

fn doctor(app: &TestApp, repair: bool) -> Vec<Breach> {
    wait(app.keyrack.sessions().doctor(repair)).unwrap().breaches
}

fn time(database: &TestDatabase, table: &str, column: &str) -> Timestamp {
    Timestamp::parse(database.rows(table, "")[0][column].as_str().unwrap()).unwrap()
}

fn session_of_a_clock_that_was_ahead_is_reported_and_dated_back(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let ahead = server(&database, 25);
    ahead.add_user(EMAIL);
    let browser = ahead.signed_in(EMAIL);
    ahead.stop();
    let right = server(&database, 0);
    let mut browser = browser.at(right.address);
    assert!(browser.is_signed_in());
    let purge = || wait(right.keyrack.sessions().purge(|_| ()));
    assert_eq!(purge().is_err(), engine == EngineKind::Sqlite, "PostgreSQL has a clock of its own");
    let found = doctor(&right, false);
    let about_sessions = found.iter().filter(|breach| breach.session_id.is_some()).count();
    assert!(about_sessions == 1 && found.iter().all(|breach| breach.rule == "dated in the future"), "{found:?}");
    assert_eq!(found.len() - about_sessions, usize::from(engine == EngineKind::Sqlite), "the events");
    assert!(found.iter().all(|breach| breach.detail.contains("keyrack doctor --repair") && !breach.repaired));
    let before = Clock::Shifted(0).now();
    assert!(doctor(&right, true).iter().all(|breach| breach.repaired));
    assert_eq!(doctor(&right, false), []);
    let after = Clock::Shifted(0).now();
    for (table, column, length) in [
        ("sessions", "created_at", Duration::ZERO),
        ("sessions", "last_seen_at", Duration::ZERO),
        ("sessions", "updated_at", Duration::ZERO),
        ("sessions", "expires_at", DAY),
        ("user_sessions", "expire", HOUR),
    ] {
        let time = time(&database, table, column);
        assert!(before + length <= time && time <= after + length, "{column} is {}", time.to_iso_micros());
    }
    assert!(purge().unwrap().is_empty());
    assert!(browser.is_signed_in());
}

fn ended_session_of_a_clock_that_was_ahead_is_dated_back(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let ahead = server(&database, 25);
    ahead.add_user(EMAIL);
    ahead.signed_in(EMAIL).sign_out();
    ahead.stop();
    let right = server(&database, 0);
    assert!(!doctor(&right, false).is_empty());
    assert!(doctor(&right, true).iter().all(|breach| breach.repaired));
    assert_eq!(doctor(&right, false), []);
    let now = Clock::Shifted(0).now();
    assert!(time(&database, "sessions", "logged_out_at") <= now);
    assert!(time(&database, "sessions", "created_at") <= time(&database, "sessions", "logged_out_at"));
    assert_eq!(database.count("sessions", "WHERE end_reason = 'signed_out'"), 1);
}

/// Each way in which an end looks for sessions: by the sid, by the id, and all others of a user.
fn session_dated_in_the_future_can_be_ended(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let ahead = server(&database, 25);
    let user = ahead.add_user(EMAIL);
    let mut browsers: Vec<_> = (0..5).map(|_| ahead.signed_in(EMAIL)).collect();
    ahead.stop();
    let right = server(&database, 0);
    browsers = browsers.iter().map(|browser| browser.at(right.address)).collect();
    let [signed_out, revoked, other, another, this] = &mut browsers[..] else { unreachable!("five browsers") };
    let copy = signed_out.clone();
    assert_eq!(signed_out.sign_out().status, 303);
    let sessions = right.keyrack.sessions();
    let (id, mine) = (revoked.session_id(), this.session_id());
    assert!(wait(sessions.revoke(user, id.parse().unwrap())).unwrap().is_some());
    assert_eq!(wait(sessions.revoke_others(user, mine.parse().unwrap())).unwrap(), 2);
    assert!(!copy.clone().is_signed_in() && !revoked.is_signed_in());
    assert!(!other.is_signed_in() && !another.is_signed_in() && this.is_signed_in());
    assert!(doctor(&right, true).iter().filter(|breach| breach.rule == "dated in the future").count() >= 5);
    assert_eq!(doctor(&right, false), [], "no session has ended before it started");
}

/// The clocks of two machines differ by a little.
fn session_dated_a_few_seconds_ahead_is_no_breach(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let ahead = TestApp::over(&database, Clock::Shifted(30_000_000), |_| ());
    ahead.add_user(EMAIL);
    ahead.signed_in(EMAIL);
    assert_eq!(doctor(&server(&database, 0), false), []);
}
