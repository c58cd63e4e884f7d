//! How long events are kept: for the longest retention since they were recorded, whoever lowers it.

use keyrack::{
    clock::Clock,
    events::{Events, Source},
};
use serde_json::{Value, json};

use super::events;
use crate::{
    sessions::session_fixture::{DAY, SessionFixture},
    support::{EngineKind, Program, on_both_engines, wait},
};

on_both_engines!(
    lowered_retention_opens_no_event_that_exists,
    retention_is_at_least_a_day,
    lowered_retention_holds_for_later_events,
    plain_sql_that_lowers_the_retention_is_recorded,
    invented_change_of_the_retention_opens_no_event,
    server_raises_a_lowered_retention,
    doctor_reports_a_lowered_retention_and_raises_it,
    change_of_peers_by_plain_sql_is_recorded,
    removed_mark_of_the_set_up_is_recorded,
    setting_that_is_written_again_leaves_no_event,
    purge_command_records_that_it_lowers_the_retention,
);

const SETTING: &str = "events_retention_seconds";

fn fixture(engine: EngineKind) -> SessionFixture {
    SessionFixture::with(engine, |config| config.clock = Clock::System)
}

fn set(events: &Events, days: u32) {
    wait(events.set_retention(DAY * days, &Source::system())).unwrap();
}

/// An event that is so many days old.
fn insert(fixture: &SessionFixture, days: f64) {
    let at = (Clock::System.now() - DAY.mul_f64(days)).to_iso_micros();
    fixture.execute(&format!("INSERT INTO security_events (at, kind, actor) VALUES ('{at}', 'command_run', 'system')"));
}

#[track_caller]
fn assert_kept(fixture: &SessionFixture) {
    // One by one: a younger event would keep a statement from deleting an older one with it.
    let ids = "SELECT CAST(id AS varchar(20)) AS v FROM security_events WHERE kind = 'command_run'";
    for id in fixture.texts(ids) {
        let error =
            fixture.try_execute(&format!("DELETE FROM security_events WHERE id = {id}")).unwrap_err().to_string();
        assert!(error.contains("kept"), "{id}: {error}");
    }
}

fn stored(fixture: &SessionFixture) -> Vec<String> {
    fixture.texts(&format!("SELECT value AS v FROM keyrack_settings WHERE name = '{SETTING}'"))
}

/// The details of the recorded changes, without the role of PostgreSQL, and who made them.
fn changes(fixture: &SessionFixture) -> Vec<(Value, Value)> {
    let mut found = events(fixture, &["setting_changed"]);
    found
        .iter_mut()
        .map(|event| {
            let role = event["detail"].as_object_mut().unwrap().remove("database_role");
            let is_by_sql = event["actor"] == "peer";
            assert_eq!(role.is_some(), is_by_sql && fixture.kind() == EngineKind::Postgres, "{event}");
            (event["detail"].take(), event["actor"].take())
        })
        .collect()
}

fn change(setting: &str, from: &str, to: &str) -> Value {
    json!({"setting": setting, "from": from, "to": to})
}

/// By each way in which the setting can be made lower, or unreadable, from a value above the default.
fn lowered_retention_opens_no_event_that_exists(engine: EngineKind) {
    let update = |value: &str| format!("UPDATE keyrack_settings SET value = '{value}' WHERE name = '{SETTING}'");
    let mut attacks: Vec<String> =
        ["0", "1", "-1", "", "x", "1e9", "0x1", " 1", "NaN", "Infinity", "99999999999999999999"]
            .iter()
            .map(|value| update(value))
            .collect();
    attacks.push(format!("UPDATE keyrack_settings SET name = 'other' WHERE name = '{SETTING}'"));
    attacks.push(format!("DELETE FROM keyrack_settings WHERE name = '{SETTING}'"));
    attacks.push("DELETE FROM keyrack_settings".to_owned());
    attacks.push(format!(
        "INSERT INTO keyrack_settings (name, value) VALUES ('{SETTING}', '0') ON CONFLICT (name) DO UPDATE SET value = '0'"
    ));
    attacks.push([update("400"), update("300"), update("0")].join("; "));
    if engine == EngineKind::Postgres {
        attacks.push("TRUNCATE keyrack_settings".to_owned());
        attacks.push(format!("BEGIN; {}; SAVEPOINT s; {}; COMMIT", update("0"), update("1")));
    }
    let fixture = fixture(engine);
    for attack in attacks {
        set(&fixture.sessions().events(), 365);
        insert(&fixture, 0.0);
        insert(&fixture, 364.0);
        fixture.break_with(&attack);
        assert_kept(&fixture);
        let youngest = "DELETE FROM security_events WHERE id = (SELECT max(id) FROM security_events)";
        assert!(fixture.try_execute(youngest).is_err(), "{attack}: the event of the change can be deleted");
        wait(fixture.sessions().events().purge(DAY)).unwrap();
        assert_kept(&fixture);
    }
}

/// Also for events that are recorded after it was lowered.
fn retention_is_at_least_a_day(engine: EngineKind) {
    let fixture = fixture(engine);
    fixture.break_with(&format!("INSERT INTO keyrack_settings (name, value) VALUES ('{SETTING}', '0')"));
    insert(&fixture, 0.9);
    assert_kept(&fixture);
    fixture.execute(
        "INSERT INTO security_events (at, kind, actor) VALUES ('2001-01-01T00:00:00.000000Z', 'form_refused', 'user')",
    );
    fixture.execute("DELETE FROM security_events WHERE kind = 'form_refused'");
    wait(fixture.sessions().events().set_retention(DAY / 24, &Source::system())).unwrap();
    assert_eq!(stored(&fixture), ["86400"]);
}

fn lowered_retention_holds_for_later_events(engine: EngineKind) {
    let fixture = fixture(engine);
    let ago = |days: u32| (Clock::System.now() - DAY * days).to_iso_micros();
    // As if the retention had been lowered 30 days ago. The program that lowers it records that first.
    insert(&fixture, 40.0);
    fixture.execute(&format!(
        "BEGIN;
         INSERT INTO security_events (at, kind, actor, detail)
         VALUES ('{}', 'setting_changed', 'system', '{{\"setting\":\"{SETTING}\",\"from\":\"15552000\",\"to\":\"604800\"}}');
         INSERT INTO keyrack_settings (name, value) VALUES ('{SETTING}', '604800');
         COMMIT",
        ago(30)
    ));
    assert_eq!(changes(&fixture).len(), 1, "it was recorded already");
    insert(&fixture, 10.0);
    insert(&fixture, 3.0);
    insert(&fixture, 8.0);
    assert_eq!(wait(fixture.sessions().events().purge(DAY * 7)).unwrap(), 2, "those that are 10 and 8 days old");
    assert_kept(&fixture);
    let left =
        fixture.texts("SELECT CAST(at AS text) AS v FROM security_events WHERE kind = 'command_run' ORDER BY id");
    assert_eq!(left.iter().map(|at| &at[..10]).collect::<Vec<_>>(), [&ago(40)[..10], &ago(3)[..10]]);
    fixture.break_with("SELECT 1");
}

fn plain_sql_that_lowers_the_retention_is_recorded(engine: EngineKind) {
    let fixture = fixture(engine);
    set(&fixture.sessions().events(), 365);
    let first = (change(SETTING, "15552000", "31536000"), json!("system"));
    assert_eq!(changes(&fixture), std::slice::from_ref(&first));
    fixture.break_with(&format!("UPDATE keyrack_settings SET value = '60' WHERE name = '{SETTING}'"));
    fixture.execute(&format!("DELETE FROM keyrack_settings WHERE name = '{SETTING}'"));
    let second = (change(SETTING, "31536000", "60"), json!("peer"));
    let third = (change(SETTING, "86400", "15552000"), json!("peer"));
    assert_eq!(changes(&fixture), [first, second, third]);
    if engine == EngineKind::Postgres {
        let role = "SELECT detail ->> 'database_role' AS v FROM security_events ORDER BY id DESC LIMIT 1";
        assert_eq!(fixture.text(role), fixture.text("SELECT session_user::text AS v"));
    }
}

/// A change that was recorded beforehand is not recorded again: but only if that record is true.
fn invented_change_of_the_retention_opens_no_event(engine: EngineKind) {
    for (id, from) in [("NULL", "1"), ("NULL", "86400"), ("NULL", "x"), ("1000000", "60"), ("-5", "15552000")] {
        let fixture = fixture(engine);
        insert(&fixture, 0.5);
        insert(&fixture, 170.0);
        let (columns, values) = if id == "NULL" { ("", String::new()) } else { ("id, ", format!("{id}, ")) };
        let invented = format!(
            "INSERT INTO security_events ({columns}kind, actor, detail) VALUES ({values}'setting_changed', 'system',
             '{{\"setting\":\"{SETTING}\",\"from\":\"{from}\",\"to\":\"0\"}}')"
        );
        // SQLite refuses the negative id.
        fixture.database().try_execute(&invented).ok();
        let lower = format!("INSERT INTO keyrack_settings (name, value) VALUES ('{SETTING}', '0')");
        fixture.break_with(&format!("BEGIN; {lower}; COMMIT"));
        assert_kept(&fixture);
        let fixture = self::fixture(engine);
        insert(&fixture, 170.0);
        if fixture.database().try_execute(&format!("BEGIN; {invented}; {lower}; COMMIT")).is_ok() {
            assert_kept(&fixture);
        }
        fixture.break_with("SELECT 1");
    }
}

fn server_raises_a_lowered_retention(engine: EngineKind) {
    let fixture = fixture(engine);
    let events = fixture.sessions().events();
    set(&events, 30);
    wait(events.purge(DAY * 90)).unwrap();
    assert_eq!(stored(&fixture), [(90 * 86400).to_string()]);
    // An instance with a shorter one does not lower it by a purge.
    wait(events.purge(DAY * 7)).unwrap();
    assert_eq!(stored(&fixture), [(90 * 86400).to_string()]);
    let by_system =
        |from: u32, to: u32| (change(SETTING, &(from * 86400).to_string(), &(to * 86400).to_string()), json!("system"));
    assert_eq!(changes(&fixture), [by_system(180, 30), by_system(30, 90)]);
    fixture.break_with("SELECT 1");
}

fn doctor_reports_a_lowered_retention_and_raises_it(engine: EngineKind) {
    let fixture = fixture(engine);
    fixture.break_with(&format!("INSERT INTO keyrack_settings (name, value) VALUES ('{SETTING}', '172800')"));
    let report = fixture.doctor(false);
    assert_eq!(report.breaches.len(), 1, "{report:?}");
    for part in ["kept for 2d only", "KEYRACK_EVENTS_RETENTION is 180d", "doctor --repair", "keyrack events"] {
        assert!(report.breaches[0].detail.contains(part), "{part:?} is not in {report:?}");
    }
    assert!(fixture.doctor(true).is_sound());
    assert_eq!((stored(&fixture), fixture.doctor(false).breaches), (vec!["15552000".to_owned()], Vec::new()));
    set(&fixture.sessions().events(), 365);
    assert!(fixture.doctor(false).breaches.is_empty(), "a longer one is no breach");
}

fn change_of_peers_by_plain_sql_is_recorded(engine: EngineKind) {
    let fixture = fixture(engine);
    fixture.execute("INSERT INTO keyrack_settings (name, value) VALUES ('peers', 'express')");
    fixture.execute("UPDATE keyrack_settings SET value = 'none' WHERE name = 'peers'");
    fixture.execute("DELETE FROM keyrack_settings WHERE name = 'peers'");
    let expected = [("none", "express"), ("express", "none")];
    assert_eq!(changes(&fixture), expected.map(|(from, to)| (change("peers", from, to), json!("peer"))));
}

/// Without it, the set-up page would open as soon as there is no user.
fn removed_mark_of_the_set_up_is_recorded(engine: EngineKind) {
    let fixture = fixture(engine);
    let at = fixture.text("SELECT value AS v FROM keyrack_settings WHERE name = 'set_up_at'");
    fixture.execute("DELETE FROM keyrack_settings WHERE name = 'set_up_at'");
    assert_eq!(changes(&fixture), [(json!({"setting": "set_up_at", "from": at}), json!("peer"))]);
}

fn setting_that_is_written_again_leaves_no_event(engine: EngineKind) {
    let fixture = fixture(engine);
    let events = fixture.sessions().events();
    set(&events, 180);
    set(&events, 180);
    wait(events.purge(DAY * 180)).unwrap();
    fixture.execute("UPDATE keyrack_settings SET value = value");
    assert_eq!((changes(&fixture), stored(&fixture)), (Vec::new(), vec!["15552000".to_owned()]));
}

fn purge_command_records_that_it_lowers_the_retention(engine: EngineKind) {
    let fixture = fixture(engine);
    insert(&fixture, 10.0);
    let program = Program::new(fixture.database());
    assert_eq!(program.run(&["purge", "--events-retention", "7d"]).status, 0);
    assert_eq!(stored(&fixture), ["604800"]);
    let changed = super::event(&fixture, "setting_changed");
    assert_eq!(changed["actor"], "command");
    let detail = &changed["detail"];
    assert_eq!((&detail["from"], &detail["to"]), (&json!("15552000"), &json!("604800")));
    assert!(detail["os_user"].is_string(), "{detail}");
    assert_kept(&fixture);
    fixture.break_with("SELECT 1");
}
