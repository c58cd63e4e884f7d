//! A database whose time zone is not UTC. PostgreSQL only: on SQLite, every time is stored with its zone.

use std::time::Duration;

use keyrack::clock::{Clock, Timestamp};

use crate::support::{Browser, EngineKind, TestApp, TestDatabase, wait};

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
const EMAIL: &str = "rajat.verma@example.com";

/// `expire` has no zone: Keyrack and the peers read it in the server's zone.
#[test]
fn peer_prune_in_server_time_zone_deletes_only_expired_data() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    for zone in ["Asia/Tokyo", "America/Phoenix", "UTC"] {
        let database = TestDatabase::new(EngineKind::Postgres);
        set_zone(&database, zone);
        let app = TestApp::over(&database, Clock::fixed(Clock::System.now()), |config| {
            config.policy.timeouts.idle = HOUR;
        });
        app.add_user("rajat.verma@example.com");
        let mut browser = app.signed_in("rajat.verma@example.com");
        let prune = |after: Duration| {
            let at = (app.clock.now() + after).as_micros() / 1_000_000;
            // Diesel sets the zone of its connections; other clients don't.
            let prune = format!("DELETE FROM user_sessions WHERE expire < to_timestamp({at})");
            database.execute(&format!("RESET TIME ZONE; {prune}"));
        };
        prune(Duration::from_secs(3590));
        app.assert_sound();
        assert!(browser.is_signed_in(), "{zone}");
        prune(HOUR + Duration::from_secs(10));
        assert_eq!(database.count("user_sessions", ""), 0, "{zone}");
    }
}

fn set_zone(database: &TestDatabase, zone: &str) {
    database.execute(&format!(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = %L', current_database(), '{zone}'); END $$"
    ));
}

/// An instance with an idle timeout of half an hour, whose clock shows this time.
fn app_at(database: &TestDatabase, time: Timestamp) -> TestApp {
    TestApp::over(database, Clock::fixed(time), |config| config.policy.timeouts.idle = 30 * MINUTE)
}

fn in_berlin() -> Option<TestDatabase> {
    if !EngineKind::Postgres.is_available() {
        return None;
    }
    let database = TestDatabase::new(EngineKind::Postgres);
    set_zone(&database, "Europe/Berlin");
    app_at(&database, Clock::System.now()).add_user(EMAIL);
    Some(database)
}

/// Runs a purge, and returns whether the browser is still signed in. The request does not extend the session.
fn survives(database: &TestDatabase, app: &TestApp, browser: &mut Browser) -> bool {
    wait(app.keyrack.sessions().purge(|_| ())).unwrap();
    app.assert_sound();
    let now = app.clock.now().to_iso_micros();
    database.execute(&format!("UPDATE sessions SET last_seen_at = '{now}' WHERE status = 'active'"));
    browser.clone().is_signed_in()
}

fn times(from: &str) -> impl Iterator<Item = Timestamp> {
    let from = Timestamp::parse(from).unwrap();
    (0..22).map(move |n| from + n * 10 * MINUTE)
}

/// From 00:00 to 01:00 UTC, the clocks of Berlin show the times that they show again in the next hour. An `expire` in
/// the first hour is read as one in the second: an hour late, never early.
#[test]
fn repeated_autumn_hour_ends_sessions_at_most_an_hour_late() {
    let Some(database) = in_berlin() else { return };
    let mut late = 0;
    for start in times("2026-10-24T23:00:00Z") {
        let app = app_at(&database, start);
        let mut browser = app.signed_in(EMAIL);
        for wait in [SECOND, 20 * MINUTE, 9 * MINUTE + 58 * SECOND] {
            app.clock.advance(wait);
            assert!(survives(&database, &app, &mut browser), "{start:?} {:?}", app.clock.now());
        }
        app.clock.advance(2 * SECOND);
        late += u32::from(survives(&database, &app, &mut browser));
        app.clock.advance(HOUR);
        assert!(!survives(&database, &app, &mut browser), "{start:?}");
        let ended = database.text("SELECT end_reason AS v FROM sessions ORDER BY created_at DESC LIMIT 1");
        assert_eq!(ended, "idle_timeout", "{start:?}");
    }
    assert_eq!(late, 6, "those that expire in the first of the two hours");
}

#[test]
fn active_session_survives_both_clock_changes() {
    let Some(database) = in_berlin() else { return };
    for night in ["2026-10-24T23:00:00Z", "2027-03-27T23:30:00Z"] {
        let app = app_at(&database, Timestamp::parse(night).unwrap());
        let mut browser = app.signed_in(EMAIL);
        for _ in 0..18 {
            app.advance(13 * MINUTE);
            wait(app.keyrack.sessions().purge(|_| ())).unwrap();
            assert!(browser.is_signed_in(), "{:?}", app.clock.now());
        }
        app.assert_sound();
        app.advance(30 * MINUTE + SECOND);
        assert!(!survives(&database, &app, &mut browser), "it expires on time afterwards");
    }
}

#[test]
fn spring_clock_change_ends_sessions_on_time() {
    let Some(database) = in_berlin() else { return };
    for start in times("2027-03-27T23:30:00Z") {
        let app = app_at(&database, start);
        let mut browser = app.signed_in(EMAIL);
        app.clock.advance(29 * MINUTE + 59 * SECOND);
        assert!(survives(&database, &app, &mut browser), "{start:?}");
        app.clock.advance(SECOND);
        assert!(!survives(&database, &app, &mut browser), "{start:?}");
    }
}

/// The absolute expiry is exact in any hour, since its column has a zone.
#[test]
fn absolute_limit_is_exact_in_the_repeated_hour() {
    let Some(database) = in_berlin() else { return };
    for start in times("2026-10-24T23:00:00Z") {
        let app = TestApp::over(&database, Clock::fixed(start), |config| config.policy.timeouts.absolute = 30 * MINUTE);
        let mut browser = app.signed_in(EMAIL);
        app.clock.advance(29 * MINUTE + 59 * SECOND);
        assert!(survives(&database, &app, &mut browser), "{start:?}");
        app.clock.advance(SECOND);
        assert!(!browser.is_signed_in(), "{start:?}");
    }
}
