//! A database whose time zone is not UTC. PostgreSQL only: on SQLite every time says its zone.

use std::time::Duration;

use keyrack::clock::Clock;

use crate::support::{EngineKind, TestApp, TestDatabase};

const HOUR: Duration = Duration::from_secs(3600);

/// `expire` has no zone: it means what the server's zone makes of it, for Keyrack as for the peers.
#[test]
fn a_peer_that_prunes_in_the_servers_zone_leaves_what_is_alive_and_takes_what_is_not() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    for zone in ["Asia/Tokyo", "America/Phoenix", "UTC"] {
        let database = TestDatabase::new(EngineKind::Postgres);
        database.execute(&format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = %L', current_database(), '{zone}'); END $$"
        ));
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
