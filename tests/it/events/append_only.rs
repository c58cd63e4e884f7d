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
    purge_passes_events_that_are_dated_in_the_future,
    event_dated_in_the_future_is_kept_until_a_later_one_is_old,
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
    refused(&fixture, "UPDATE security_events SET transaction_id = 0", "never changed");
    let upsert = "INSERT INTO security_events (id, kind, actor) SELECT id, 'x', 'system' FROM security_events WHERE true \
                  ON CONFLICT (id) DO UPDATE SET kind = 'x'";
    refused(&fixture, upsert, "never changed");
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

/// Inserts this many events that a clock which was ahead has dated.
fn insert_misdated(fixture: &SessionFixture, count: usize) {
    fixture.execute(&format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
         INSERT INTO security_events (at, kind, actor)
         SELECT {}, 'proof_given', 'system' FROM numbers",
        match fixture.kind() {
            EngineKind::Postgres => "'2999-01-01T00:00:00Z'::timestamptz + n * interval '1 second'",
            EngineKind::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f000Z', '2999-01-01', n || ' seconds')",
        }
    ));
}

/// More of them than a batch has, with the smallest ids.
fn purge_passes_events_that_are_dated_in_the_future(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| config.clock = Clock::System);
    insert_misdated(&fixture, 600);
    for _ in 0..3 {
        insert(&fixture, "2001-01-01T00:00:00.000000Z");
    }
    insert(&fixture, &(Clock::System.now() - DAY * 3).to_iso_micros());
    assert_eq!(wait(fixture.sessions().events().purge(DAY * 180)).unwrap(), 603);
    assert_eq!(fixture.count("security_events", "WHERE kind IN ('command_run', 'proof_given')"), 1);
}

fn event_dated_in_the_future_is_kept_until_a_later_one_is_old(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| config.clock = Clock::System);
    let events = fixture.sessions().events();
    insert(&fixture, "2001-01-01T00:00:00.000000Z");
    insert_misdated(&fixture, 600);
    insert(&fixture, &(Clock::System.now() - DAY * 179).to_iso_micros());
    let of_now = "WHERE kind = 'proof_given'";
    assert_eq!(wait(events.purge(DAY * 180)).unwrap(), 1);
    refused(&fixture, &format!("DELETE FROM security_events {of_now}"), "kept");
    insert(&fixture, &(Clock::System.now() - DAY * 181).to_iso_micros());
    // A time that is hardly ahead may be an event of now, by another clock.
    insert(&fixture, &(Clock::System.now() + DAY / 2).to_iso_micros());
    fixture.break_with("SELECT 1");
    insert(&fixture, "2001-01-01T00:00:00.000000Z");
    assert_eq!(wait(events.purge(DAY * 180)).unwrap(), 602);
    assert_eq!(fixture.count("security_events", of_now), 0);
    assert_eq!(fixture.count("security_events", "WHERE kind = 'command_run'"), 2);
}
