//! Events that Keyrack can't read: the database refuses them, and those that are there already hide no others.

use std::io::{BufRead, BufReader};

use keyrack::{clock::Clock, db::migrate};
use serde_json::{Value, json};

use crate::{
    schema::migrate::folders,
    sessions::session_fixture::{DAY, EMAIL, SessionFixture},
    support::{EngineKind, Program, TestDatabase, on_both_engines, wait},
};

on_both_engines!(
    malformed_event_is_refused,
    unreadable_event_hides_no_other_event,
    unreadable_event_is_purged_with_the_events_after_it,
    doctor_names_unreadable_events_and_their_constraint,
    malformed_change_of_the_retention_does_not_stop_the_purge,
    malformed_event_of_former_version_survives_the_migration,
);

/// Values of columns that make an event malformed on both engines.
const MALFORMED: [&str; 8] = [
    "kind = ''",
    "kind = 'Signed In'",
    "kind = 'signed_in '",
    "detail = '[]'",
    "detail = 'null'",
    "detail = '\"{}\"'",
    "id = 0",
    "id = -7",
];

/// On SQLite, the next id would be one more.
const GREATEST_ID: &str = "id = 9223372036854775807";

/// Those that only SQLite's columns take.
const MALFORMED_ON_SQLITE: [&str; 22] = [
    "at = 'yesterday'",
    "at = ''",
    "at = 17",
    "at = 1.5",
    "at = x'00ff'",
    "at = '2026-01-29 11:50:14'",
    "at = '2026-02-30T11:50:14.000000Z'",
    "at = '2026-01-29T24:00:00.000000Z'",
    "at = '99999-01-29T11:50:14.000000'",
    "at = CAST('2026-01-29T11:50:14.000000Z' AS BLOB)",
    "at = '2026-01-29T11:50:14.000000Z' || char(0) || 'x'",
    "kind = x'ff'",
    "kind = CAST(x'ff' AS TEXT)",
    "kind = 'signed_in_signed_in_signed_in_signed'",
    "user_id = 'no UUID'",
    "user_id = '550E8400-E29B-41D4-A716-446655440000'",
    "session_id = 7",
    "session_id = x'550e8400'",
    "detail = 'not JSON'",
    "detail = x'7b7d'",
    "transaction_id = 'x'",
    GREATEST_ID,
];

/// Those that only PostgreSQL's columns take.
const MALFORMED_ON_POSTGRES: [&str; 5] = [
    "at = 'infinity'",
    "at = '-infinity'",
    "detail = '{\"a\":\"\\u0000\"}'",
    "detail = '{\"a\":\"\\ud800\"}'",
    GREATEST_ID,
];

fn malformed(engine: EngineKind) -> Vec<&'static str> {
    let own = match engine {
        EngineKind::Sqlite => &MALFORMED_ON_SQLITE[..],
        EngineKind::Postgres => &MALFORMED_ON_POSTGRES,
    };
    [&MALFORMED[..], own].concat()
}

/// Inserts an event of `kind` that has this value in one column.
fn insertion(kind: &str, change: &str) -> String {
    let (column, value) = change.split_once(" = ").unwrap();
    if column == "kind" {
        return format!("INSERT INTO security_events (kind, actor) VALUES ({value}, 'system')");
    }
    format!("INSERT INTO security_events (kind, actor, {column}) VALUES ('{kind}', 'system', {value})")
}

/// Runs SQL without the triggers and the constraint that refuse malformed events.
fn execute_unguarded(fixture: &SessionFixture, sql: &str) {
    match fixture.kind() {
        EngineKind::Sqlite => fixture.break_unguarded(sql),
        EngineKind::Postgres => {
            let up = include_str!("../../../migrations/postgres/2026-11-27-000071_readable_rows/up.sql");
            let down = include_str!("../../../migrations/postgres/2026-11-27-000071_readable_rows/down.sql");
            fixture.break_with(&format!("BEGIN; {down} {sql}; {up} COMMIT"));
        }
    }
}

fn json_lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn malformed_event_is_refused(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let before = fixture.rows("security_events", "ORDER BY id");
    for change in malformed(engine) {
        assert!(fixture.try_execute(&insertion("proof_given", change)).is_err(), "{change} was taken");
    }
    assert_eq!(fixture.rows("security_events", "ORDER BY id"), before);
    fixture.execute("INSERT INTO security_events (kind, actor) VALUES ('of_a_later_version_2', 'peer')");
    fixture.execute(&format!(
        "INSERT INTO security_events (at, kind, actor, user_id, session_id, detail) VALUES ('2026-02-28T23:59:59.999999Z',
         'signed_in', 'user', '{}', NULL, '{{\"a\":[1,{{}}]}}')",
        fixture.user
    ));
    fixture.sign_in();
}

/// On a server that already runs, too: the pages and the commands read the same rows.
fn unreadable_event_hides_no_other_event(engine: EngineKind) {
    // On SQLite, no event has an id after the greatest one.
    let is_possible = |change: &&str| engine == EngineKind::Postgres || *change != GREATEST_ID;
    for change in malformed(engine).into_iter().filter(is_possible) {
        let fixture = SessionFixture::new(engine);
        let mut browser = fixture.signed_in(EMAIL);
        let is_for_owner = !change.starts_with("user_id");
        let user = if is_for_owner { format!(", user_id = '{}'", fixture.user) } else { String::new() };
        let row = format!(
            "{}; UPDATE security_events SET transaction_id = transaction_id{user}
             WHERE actor = 'system' AND kind <> 'setting_changed'",
            insertion("proof_given", change)
        );
        match engine {
            EngineKind::Sqlite => execute_unguarded(&fixture, &row),
            EngineKind::Postgres => execute_unguarded(
                &fixture,
                &format!(
                    "ALTER TABLE security_events DISABLE TRIGGER USER; {row};
                     ALTER TABLE security_events ENABLE TRIGGER USER"
                ),
            ),
        }
        fixture.execute("INSERT INTO security_events (kind, actor) VALUES ('role_changed', 'peer')");
        let program = Program::new(fixture.database());
        let table = program.done(&["events"]);
        for kind in ["account_created", "signed_in", "role_changed"] {
            assert!(table.contains(kind), "{change}: {kind} is missing in {table}");
        }
        let listed = json_lines(&program.done(&["events", "--json"]));
        assert_eq!(listed.len(), fixture.count("security_events", ""), "{change}: {listed:#?}");
        let own = json_lines(&program.done(&["events", "--user", EMAIL, "--json"]));
        assert!(own.iter().any(|event| event["kind"] == "signed_in"), "{change}");
        let marked: Vec<&Value> = listed.iter().filter(|event| event.get("unreadable").is_some()).collect();
        if ["at = x", "at = 'y", "user_id = 'no", "detail = 'not"].iter().any(|sort| change.starts_with(sort)) {
            let column = change.split(' ').next().unwrap();
            assert_eq!(marked.len(), 1, "{change}: {listed:#?}");
            assert_eq!(marked[0]["unreadable"], json!([column]));
            let id = marked[0]["id"].as_i64().unwrap();
            assert!(table.contains(&format!("unreadable: {column} of the event {id}.")), "{table}");
        }
        let page = browser.get("/account/activity");
        assert_eq!(page.status, 200, "{change}");
        assert!(page.text().contains("Signed in with the password"), "{change}: {}", page.text());
        assert_eq!(browser.get(&format!("/account/sessions/{}", browser.clone().session_id())).status, 200, "{change}");
        assert_eq!(fixture.browser().sign_in(EMAIL, crate::support::PASSWORD).status, 303, "{change}");
        wait(fixture.sessions().events().purge(DAY * 180))
            .unwrap_or_else(|error| panic!("{change}: {}", error.chain()));
        wait(fixture.sessions().events().log_next_of_others()).unwrap();
        // Which compare the clock with the latest events.
        program.done(&["purge"]);
        program.done(&["doctor"]);
    }
}

#[test]
fn follower_passes_unreadable_events() {
    let fixture = SessionFixture::new(EngineKind::Sqlite);
    let program = Program::new(fixture.database());
    execute_unguarded(&fixture, &insertion("proof_given", "at = 'yesterday'"));
    let mut child = program.start(&["events", "--follow", "--json"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = move || json_lines(&lines.next().unwrap().unwrap()).remove(0);
    assert_eq!(next()["kind"], "account_created");
    let event = next();
    assert_eq!(
        (&event["at"], &event["kind"], &event["unreadable"]),
        (&Value::Null, &json!("proof_given"), &json!(["at"]))
    );
    execute_unguarded(&fixture, &insertion("proof_given", "at = x'ff'"));
    fixture.execute("INSERT INTO security_events (kind, actor) VALUES ('role_changed', 'peer')");
    assert_eq!(next()["unreadable"], json!(["at"]));
    assert_eq!(next()["kind"], "role_changed");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// An unreadable time says nothing about the age, but the events after it do.
fn unreadable_event_is_purged_with_the_events_after_it(engine: EngineKind) {
    if engine == EngineKind::Postgres {
        // No time is unreadable there: see `append_only` for those that are far off.
        return;
    }
    for value in ["'yesterday'", "''", "17", "x'00'", "'2001-01-01 00:00:00'", "x''"] {
        let fixture = SessionFixture::with(engine, |config| config.clock = Clock::System);
        let events = fixture.sessions().events();
        execute_unguarded(&fixture, &insertion("proof_given", &format!("at = {value}")));
        let of_it = "WHERE kind = 'proof_given'";
        let error = fixture.try_execute(&format!("DELETE FROM security_events {of_it}")).unwrap_err();
        assert!(error.to_string().contains("kept"), "{value}: {error}");
        wait(events.purge(DAY * 180)).unwrap();
        assert_eq!(fixture.count("security_events", of_it), 1, "{value} is kept");
        let old = (Clock::System.now() - DAY * 181).to_iso_micros();
        fixture.execute(&format!(
            "INSERT INTO security_events (at, kind, actor) VALUES ('{old}', 'command_run', 'system')"
        ));
        assert_eq!(wait(events.purge(DAY * 180)).unwrap(), 2, "{value}");
        assert_eq!(fixture.count("security_events", of_it), 0, "{value} is deleted");
    }
}

fn doctor_names_unreadable_events_and_their_constraint(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    assert_eq!(fixture.doctor(false).warnings, Vec::<String>::new());
    execute_unguarded(&fixture, &insertion("proof_given", "detail = '[]'"));
    let id = fixture.text("SELECT CAST(max(id) AS varchar(20)) AS v FROM security_events");
    let report = fixture.doctor(false);
    assert!(report.breaches.is_empty(), "it can't be corrected: {report:?}");
    assert_eq!(report.warnings.len(), 1, "{report:?}");
    for part in ["1 security event(s)", &format!("ids {id}:"), "keyrack events", "purge"] {
        assert!(report.warnings[0].contains(part), "{part:?} is not in {report:?}");
    }
    match engine {
        EngineKind::Sqlite => fixture.break_with("DROP TRIGGER keyrack_refuse_malformed_event"),
        EngineKind::Postgres => {
            fixture.break_with("ALTER TABLE security_events DROP CONSTRAINT security_events_are_readable");
        }
    }
    assert_eq!(fixture.doctor(false).breaches.len(), 1);
    assert!(fixture.doctor(true).is_sound());
    assert!(fixture.try_execute(&insertion("proof_given", "detail = '[]'")).is_err(), "it is restored");
}

/// The triggers and the purge must read the same of such an event: otherwise one deletes what the other keeps.
fn malformed_change_of_the_retention_does_not_stop_the_purge(engine: EngineKind) {
    for detail in [
        r#"{"setting":"events_retention_seconds","from":"9999999999","from":"1"}"#,
        r#"{"setting":"events_retention_seconds","from":"1","from":"9999999999"}"#,
        r#"{"setting":"x","setting":"events_retention_seconds","from":"99999999"}"#,
        r#"{"setting":"events_retention_seconds","from":"99999999x"}"#,
        r#"{"setting":"events_retention_seconds","from":99999999}"#,
        r#"{"setting":"events_retention_seconds","from":["99999999"]}"#,
        r#"{"setting":"events_retention_seconds"}"#,
    ] {
        let fixture = SessionFixture::with(engine, |config| config.clock = Clock::System);
        fixture.execute(
            "INSERT INTO security_events (at, kind, actor) VALUES ('2001-01-01T00:00:00Z', 'x', 'system')"
                .replace("00Z", "00.000000Z")
                .as_str(),
        );
        fixture.execute(&format!(
            "INSERT INTO security_events (kind, actor, detail) VALUES ('setting_changed', 'system', '{detail}')"
        ));
        wait(fixture.sessions().events().purge(DAY * 180))
            .unwrap_or_else(|error| panic!("{detail}: {}", error.chain()));
    }
}

fn malformed_event_of_former_version_survives_the_migration(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let folder =
        folders(engine).into_iter().find(|folder| folder.ends_with("2026-11-27-000071_readable_rows")).unwrap();
    for later in folders(engine).iter().rev().take_while(|later| **later >= folder) {
        database.execute(&std::fs::read_to_string(later.join("down.sql")).unwrap());
    }
    database.execute("DELETE FROM __diesel_schema_migrations WHERE version >= '20261127000071'");
    for change in malformed(engine).into_iter().filter(|change| !["id = 0", "id = -7"].contains(change)) {
        database.execute(&insertion("proof_given", change));
    }
    let without_id = "INSERT INTO security_events (kind, actor) VALUES ('proof_given', 'system')";
    assert_eq!(database.try_execute(without_id).is_err(), engine == EngineKind::Sqlite, "no id is left there");
    let count = database.count("security_events", "");
    migrate(&database.parsed_url()).unwrap();
    assert_eq!(database.count("security_events", ""), count);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let listed = json_lines(&program.done(&["events", "--json"]));
    assert_eq!(listed.len(), count + 1);
    if engine == EngineKind::Sqlite {
        assert_eq!(listed.last().unwrap()["kind"], "account_created", "ids go on after the others: {listed:#?}");
    }
}
