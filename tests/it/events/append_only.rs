//! Events can't be changed, nor deleted before their retention is over.

use keyrack::clock::Clock;

use crate::{
    sessions::session_fixture::{DAY, SessionFixture},
    support::{EngineKind, on_both_engines, wait},
};

on_both_engines!(
    event_can_not_be_changed,
    recent_event_can_not_be_deleted,
    purge_deletes_old_events_only,
    retention_of_the_purge_is_what_the_trigger_keeps,
);

/// An event of this time.
fn insert(fixture: &SessionFixture, at: &str) {
    fixture.execute(&format!("INSERT INTO security_events (at, kind, actor) VALUES ('{at}', 'command_run', 'system')"));
}

fn refused(fixture: &SessionFixture, sql: &str, message: &str) {
    let error = fixture.try_execute(sql).unwrap_err().to_string();
    assert!(error.contains(message), "{sql}: {error}");
}

fn event_can_not_be_changed(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    fixture.sign_in();
    let before = fixture.rows("security_events", "ORDER BY id");
    refused(&fixture, "UPDATE security_events SET ip_address = '192.0.2.9'", "never changed");
    refused(&fixture, "UPDATE security_events SET transaction_id = 7", "never changed");
    if engine == EngineKind::Postgres {
        refused(&fixture, "UPDATE security_events SET transaction_id = 0, kind = 'x'", "never changed");
        refused(&fixture, "TRUNCATE security_events", "never truncated");
    }
    assert_eq!(fixture.rows("security_events", "ORDER BY id"), before);
}

fn recent_event_can_not_be_deleted(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    insert(&fixture, &(Clock::System.now() - DAY * 179).to_iso_micros());
    refused(&fixture, "DELETE FROM security_events WHERE kind = 'command_run'", "kept");
    assert_eq!(fixture.count("security_events", "WHERE kind = 'command_run'"), 1);
}

fn purge_deletes_old_events_only(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| config.clock = Clock::System);
    // More than one batch.
    let old = "INSERT INTO security_events (at, kind, actor) VALUES ('2001-01-01T00:00:00.000000Z', 'command_run', 'system');";
    fixture.execute(&old.repeat(1100));
    insert(&fixture, &(Clock::System.now() - DAY * 179).to_iso_micros());
    // Behind a younger one.
    insert(&fixture, &(Clock::System.now() - DAY * 181).to_iso_micros());
    let events = fixture.sessions().events();
    let deleted = wait(events.purge(DAY * 180)).unwrap();
    assert_eq!((deleted, fixture.count("security_events", "WHERE kind = 'command_run'")), (1101, 1));
    assert_eq!(wait(events.purge(DAY * 180)).unwrap(), 0);
}

fn retention_of_the_purge_is_what_the_trigger_keeps(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| config.clock = Clock::System);
    insert(&fixture, &(Clock::System.now() - DAY * 10).to_iso_micros());
    insert(&fixture, &(Clock::System.now() - DAY * 3).to_iso_micros());
    assert_eq!(wait(fixture.sessions().events().purge(DAY * 7)).unwrap(), 1);
    refused(&fixture, "DELETE FROM security_events WHERE kind = 'command_run'", "kept");
    assert_eq!(wait(fixture.sessions().events().purge(DAY * 2)).unwrap(), 1);
}
