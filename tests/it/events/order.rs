//! Reading all events from cursor to cursor, while transactions commit in another order than they began.

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::events::{EventCursor, EventFilter};

use crate::{
    sessions::session_fixture::SessionFixture,
    support::{EngineKind, on_both_engines, wait, wait_until},
};

on_both_engines!(cursor_reads_each_event_once, page_of_events_begins_before_an_id);

const INSERT: &str =
    "INSERT INTO security_events (kind, actor, detail) VALUES ('command_run', 'system', '{\"count\":1}')";

fn cursor_reads_each_event_once(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let events = fixture.sessions().events();
    let mut cursor = EventCursor::default();
    let mut read = Vec::new();
    for _ in 0..3 {
        fixture.execute(INSERT);
        // On PostgreSQL, a transaction of another test may be older.
        wait_until(|| {
            let (found, next) = wait(events.next_after(cursor)).unwrap();
            read.extend(found.iter().map(|event| event.id));
            cursor = next;
            read.len() == fixture.count("security_events", "")
        });
        assert_eq!(wait(events.next_after(cursor)).unwrap(), (Vec::new(), cursor));
    }
    let all = wait(events.page_after(EventFilter::All, 0)).unwrap();
    assert_eq!(read, all.iter().map(|event| event.id).collect::<Vec<_>>());
}

/// A reader that remembered the greatest id would miss the first event.
#[test]
fn event_that_commits_late_is_not_missed() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let events = fixture.sessions().events();
    // The fixture's own event may be hidden by a transaction of another test.
    wait_until(|| wait(events.current_cursor()).unwrap() != EventCursor::default());
    let start = wait(events.current_cursor()).unwrap();
    let mut late = PgConnection::establish(fixture.url()).unwrap();
    late.batch_execute(&format!("BEGIN; {INSERT}")).unwrap();
    fixture.execute(INSERT);
    assert_eq!(wait(events.next_after(start)).unwrap().0, [], "an older transaction is running");
    late.batch_execute("COMMIT").unwrap();
    wait_until(|| wait(events.next_after(start)).unwrap().0.len() == 2);
    let (_, cursor) = wait(events.next_after(start)).unwrap();
    assert_eq!(wait(events.next_after(cursor)).unwrap().0, []);
}

/// After a restore from a dump, the numbers of transactions are another server's.
#[test]
fn events_of_another_server_are_read_after_the_purge() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let events = fixture.sessions().events();
    let foreign =
        "INSERT INTO security_events (transaction_id, kind, actor) VALUES (9000000000, 'command_run', 'system')";
    fixture.execute(foreign);
    let count = || wait(events.next_after(EventCursor::default())).unwrap().0.len();
    wait_until(|| count() == 1);
    wait(events.purge(std::time::Duration::from_secs(180 * 24 * 3600))).unwrap();
    wait_until(|| count() == 2);
}

/// As after a restore of the rows alone, or after a program that has given ids of its own.
#[test]
fn ids_that_are_taken_are_not_given_again_after_the_purge() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let ahead = "INSERT INTO security_events (id, kind, actor) SELECT max(id) + n, 'command_run', 'system'
                 FROM security_events, generate_series(1, 20) AS n GROUP BY n";
    fixture.execute(ahead);
    assert!(fixture.try_execute(INSERT).is_err(), "the next id is taken");
    let events = fixture.sessions().events();
    wait(events.purge(std::time::Duration::from_secs(180 * 24 * 3600))).unwrap();
    let greatest: i64 = fixture.text("SELECT max(id)::text AS v FROM security_events").parse().unwrap();
    fixture.execute(INSERT);
    let next = format!("SELECT max(id)::text AS v FROM security_events WHERE id > {greatest}");
    assert_eq!(fixture.text(&next), (greatest + 1).to_string());
    wait(events.purge(std::time::Duration::from_secs(180 * 24 * 3600))).unwrap();
    fixture.execute(INSERT);
    assert_eq!(fixture.text(&next), (greatest + 2).to_string(), "it is not set back");
}

fn page_of_events_begins_before_an_id(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    for _ in 0..60 {
        fixture.execute(INSERT);
    }
    let events = fixture.sessions().events();
    let first = wait(events.newest(EventFilter::All, None)).unwrap();
    let second = wait(events.newest(EventFilter::All, first.older)).unwrap();
    assert_eq!((first.events.len(), second.older), (50, None));
    let ids: Vec<i64> = first.events.iter().chain(&second.events).map(|event| event.id).collect();
    assert!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
    assert_eq!(ids.len(), fixture.count("security_events", ""));
}
