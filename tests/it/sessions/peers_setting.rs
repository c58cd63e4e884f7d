//! `KEYRACK_PEERS`: whether sessions that another program writes are adopted.

use keyrack::{
    clock::Clock,
    db::{Peers, migrate, set_peers},
    sessions::Sid,
};

use super::session_fixture::{DAY, SessionFixture};
use crate::support::{EngineKind, Program, TestApp, TestDatabase, on_both_engines, wait};

on_both_engines!(
    new_database_adopts_no_session_of_others,
    data_that_names_another_user_lets_no_one_in,
    serve_and_migrate_store_the_setting,
    setting_survives_programs_that_do_not_set_it,
    page_of_first_setup_stays_closed_when_users_are_emptied,
);

/// A fixture whose clock shows the real time, which triggers compare with.
fn fixture(engine: EngineKind) -> SessionFixture {
    SessionFixture::with(engine, |config| config.clock = Clock::System)
}

/// connect-pg-simple's upsert, for a day.
fn upsert(fixture: &SessionFixture, sid: &str, user: &str) {
    let expire = (Clock::System.now() + DAY).to_iso_micros();
    let sess = format!(r#"{{"cookie":{{}},"userId":"{user}","role":"admin","status":"login"}}"#);
    fixture.execute(&format!(
        "INSERT INTO user_sessions (sid, sess, expire) VALUES ('{sid}', '{sess}', '{expire}')
         ON CONFLICT (sid) DO UPDATE SET sess = '{sess}', expire = '{expire}'"
    ));
}

fn touch(fixture: &SessionFixture, sid: &str) {
    let expire = (Clock::System.now() + DAY * 2).to_iso_micros();
    fixture.execute(&format!("UPDATE user_sessions SET expire = '{expire}' WHERE sid = '{sid}'"));
}

/// Whether a request with this sid is signed in. Dropping the fixture asserts that the doctor finds nothing.
fn is_alive(fixture: &SessionFixture, sid: &str) -> bool {
    wait(fixture.sessions().resume(&Sid::from_trusted(sid))).unwrap().is_some()
}

fn new_database_adopts_no_session_of_others(engine: EngineKind) {
    let fixture = fixture(engine);
    upsert(&fixture, "planted-by-another-program", &fixture.user.to_string());
    touch(&fixture, "planted-by-another-program");
    assert!(!is_alive(&fixture, "planted-by-another-program"));
    assert_eq!(fixture.count("sessions", ""), 0);
    assert_eq!(fixture.count("user_sessions", ""), 1, "the row belongs to the other program");
    assert_eq!(fixture.doctor(false).peers, Peers::None);
}

fn data_that_names_another_user_lets_no_one_in(engine: EngineKind) {
    let fixture = fixture(engine);
    let admin = fixture.add_user("admin@example.com").to_string();
    let (by_upsert, by_update, by_new_row) = (fixture.sign_in(), fixture.sign_in(), fixture.sign_in());
    upsert(&fixture, by_upsert.sid.expose(), &admin);
    fixture.execute(&format!(
        "UPDATE user_sessions SET sess = '{{\"userId\":\"{admin}\"}}' WHERE sid = '{}'",
        by_update.sid.expose()
    ));
    fixture.execute(&format!("DELETE FROM user_sessions WHERE sid = '{}'", by_new_row.sid.expose()));
    upsert(&fixture, by_new_row.sid.expose(), &admin);
    for issued in [&by_upsert, &by_update, &by_new_row] {
        assert!(fixture.resume(&issued.sid).is_none());
        touch(&fixture, issued.sid.expose());
        assert!(fixture.resume(&issued.sid).is_none());
    }
    let of_admin = format!("WHERE user_id = '{admin}'");
    assert_eq!(fixture.count("sessions", &of_admin), 0);
    fixture.break_with("DELETE FROM user_sessions");
}

fn serve_and_migrate_store_the_setting(engine: EngineKind) {
    let database = TestDatabase::blank(engine);
    let stored = || database.texts("SELECT value AS v FROM keyrack_settings WHERE name = 'peers'");
    let program = Program::new(&database);
    program.done(&["migrate"]);
    assert!(stored().is_empty());
    program.done(&["migrate", "--peers", "express"]);
    assert_eq!(stored(), ["express"]);
    let changed = program.clone().with("KEYRACK_PEERS", "none").run(&["migrate"]);
    assert_eq!((changed.status, stored()), (0, vec!["none".to_owned()]));
    changed.assert_stderr_contains(&["KEYRACK_PEERS is none from now on"]);
    let unchanged = program.clone().with("KEYRACK_PEERS", "none").run(&["migrate"]);
    assert!(!unchanged.err.contains("from now on"), "{unchanged:?}");
    drop(program.clone().with("KEYRACK_PEERS", "express").serve());
    assert_eq!(stored(), ["express"]);
    assert_eq!(program.json(&["doctor", "--json"])["peers"], "express");
}

fn setting_survives_programs_that_do_not_set_it(engine: EngineKind) {
    let database = TestDatabase::blank(engine);
    let program = Program::new(&database);
    program.done(&["migrate", "--peers", "express"]);
    program.done(&["migrate"]);
    drop(program.serve());
    program.done(&["doctor"]);
    assert_eq!(database.text("SELECT value AS v FROM keyrack_settings WHERE name = 'peers'"), "express");
}

fn page_of_first_setup_stays_closed_when_users_are_emptied(engine: EngineKind) {
    let app = TestApp::new(engine);
    let link = wait(app.keyrack.setup_link()).unwrap().unwrap();
    let path = link[link.find("/setup").unwrap()..].to_owned();
    assert_eq!(app.browser().get(&path).status, 200);
    app.execute("INSERT INTO users (email) VALUES ('rajat.verma@example.com')");
    assert_eq!(app.browser().get(&path).status, 404);
    app.execute("DELETE FROM users");
    assert_eq!(app.browser().get(&path).status, 404);
    assert_eq!(wait(app.keyrack.setup_link()).unwrap(), None);
    app.add_user("new@example.com");
}

/// A role with rights on `user_sessions` only, which knows the cookie of its own session.
#[test]
fn role_that_may_write_data_only_becomes_no_other_user() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = fixture(EngineKind::Postgres);
    let admin = fixture.add_user("admin@example.com").to_string();
    let own = fixture.sign_in();
    let role = format!("keyrack_writer_{}", std::process::id());
    let schema = fixture.database().schema();
    fixture.execute(&format!(
        "CREATE ROLE {role}; GRANT SELECT, INSERT, UPDATE, DELETE ON user_sessions TO {role};
         GRANT USAGE ON SCHEMA {schema} TO {role}"
    ));
    let sess = format!(r#"{{"cookie":{{}},"userId":"{admin}"}}"#);
    let as_role = |sql: &str| fixture.database().try_execute(&format!("SET ROLE {role}; {sql}"));
    for sid in [own.sid.expose(), "a-new-sid-of-the-role"] {
        as_role(&format!(
            "INSERT INTO user_sessions (sid, sess, expire) VALUES ('{sid}', '{sess}', now() + interval '1 day')
             ON CONFLICT (sid) DO UPDATE SET sess = '{sess}'"
        ))
        .unwrap();
    }
    let forbidden = as_role("UPDATE keyrack_settings SET value = 'express'");
    let called = as_role("SELECT keyrack_adopt('a-new-sid-of-the-role', '{}', now()::timestamp)");
    let secured = as_role("SELECT keyrack_secure_functions()");
    fixture.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    for refused in [forbidden, called, secured] {
        let message = refused.unwrap_err().to_string();
        assert!(message.contains("permission denied") || message.contains("keine Berechtigung"), "{message}");
    }
    assert!(fixture.resume(&own.sid).is_none());
    assert!(!is_alive(&fixture, "a-new-sid-of-the-role"));
    assert_eq!(fixture.count("sessions", &format!("WHERE user_id = '{admin}'")), 0);
}

#[test]
fn adopting_turns_the_setting_on_unless_it_was_turned_off() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = fixture(EngineKind::Postgres);
    upsert(&fixture, "begun-by-express", &fixture.user.to_string());
    let sqlite = SessionFixture::new(EngineKind::Sqlite);
    let refused = wait(sqlite.sessions().adopt(true, |_| ())).unwrap_err().to_string();
    assert!(refused.contains("no Express application shares a SQLite database"), "{refused}");
    let url = fixture.database().parsed_url();
    set_peers(&url, Peers::None).unwrap();
    let refused = wait(fixture.sessions().adopt(true, |_| ())).unwrap_err().to_string();
    assert!(refused.contains("keyrack migrate --peers express"), "{refused}");
    assert_eq!(wait(fixture.sessions().adopt(false, |_| ())).unwrap().adopted, 1);
    assert!(!is_alive(&fixture, "begun-by-express"));
    fixture.execute("DELETE FROM keyrack_settings WHERE name = 'peers'");
    assert_eq!(wait(fixture.sessions().adopt(true, |_| ())).unwrap().adopted, 1);
    assert!(is_alive(&fixture, "begun-by-express"));
    upsert(&fixture, "begun-later", &fixture.user.to_string());
    assert!(is_alive(&fixture, "begun-later"));
    assert_eq!(fixture.doctor(false).peers, Peers::Express);
}

/// Databases of the version before the setting adopted what peers wrote.
#[test]
fn migration_keeps_adopting_where_peers_have_sessions() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let down = include_str!("../../../migrations/postgres/2026-11-26-000005_settings/down.sql");
    for (sessions, expected) in [("", None), ("9999-12-31 23:59:59.999999+00", Some("express")), ("2999-01-01", None)] {
        let database = TestDatabase::new(EngineKind::Postgres);
        database.execute("INSERT INTO users (email) VALUES ('rajat.verma@example.com')");
        if !sessions.is_empty() {
            database.execute(&format!(
                "INSERT INTO sessions (sid, user_id, expires_at) SELECT 's', id, '{sessions}' FROM users"
            ));
        }
        revert_later_migrations(&database);
        database.execute(down);
        database.execute("DELETE FROM __diesel_schema_migrations WHERE version >= '20261126000005'");
        migrate(&database.parsed_url()).unwrap();
        let stored = database.texts("SELECT value AS v FROM keyrack_settings WHERE name = 'peers'");
        assert_eq!(stored, expected.into_iter().collect::<Vec<_>>());
        assert_eq!(database.count("keyrack_settings", "WHERE name = 'set_up_at'"), 1);
    }
}

/// Runs the down migrations of everything after the migration of the settings.
fn revert_later_migrations(database: &TestDatabase) {
    for folder in crate::schema::migrate::folders(EngineKind::Postgres).iter().rev() {
        if folder.file_name().unwrap().to_str().unwrap() > "2026-11-26-000005_settings" {
            database.execute(&std::fs::read_to_string(folder.join("down.sql")).unwrap());
        }
    }
}
