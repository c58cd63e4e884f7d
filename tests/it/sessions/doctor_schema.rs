//! Doctor: what is wrong with the triggers, functions and tables themselves.

use keyrack::db::DatabaseUrl;

use super::session_fixture::{EMAIL, SessionFixture};
use crate::support::{EngineKind, PASSWORD, Program, on_both_engines, wait};

on_both_engines!(
    changed_trigger_is_reported_and_restored,
    row_without_its_session_is_reported,
    missing_column_of_any_table_is_reported,
);

/// Asserts that the doctor reports one problem after `sql`, with these words, and that `--repair` repairs it or not.
/// `$schema` stands for the schema's name.
#[track_caller]
fn assert_reported(fixture: &SessionFixture, sql: &str, parts: &[&str], is_repaired: bool) {
    let named = |text: &str| {
        if text.contains("$schema") { text.replace("$schema", &fixture.database().schema()) } else { text.to_owned() }
    };
    fixture.break_with(&named(sql));
    let report = fixture.doctor(false);
    assert_eq!(report.breaches.len(), 1, "{sql}: {report:?}");
    for part in parts {
        assert!(report.breaches[0].detail.contains(&named(part)), "{part:?} is not in {report:?}");
    }
    let report = fixture.doctor(true);
    assert!(report.breaches.iter().all(|breach| breach.repaired == is_repaired), "{sql}: {report:?}");
    assert_eq!(fixture.doctor(false).breaches.is_empty(), is_repaired, "{sql}");
}

fn changed_trigger_is_reported_and_restored(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let (change, what) = match engine {
        EngineKind::Postgres => (
            "CREATE OR REPLACE FUNCTION keyrack_refuse_data_of_ended() RETURNS trigger LANGUAGE plpgsql
             SECURITY DEFINER SET search_path = $schema, pg_temp AS 'BEGIN RETURN NEW; END'",
            "the function keyrack_refuse_data_of_ended differs",
        ),
        EngineKind::Sqlite => (
            "DROP TRIGGER keyrack_refuse_data_of_ended;
             CREATE TRIGGER keyrack_refuse_data_of_ended BEFORE INSERT ON user_sessions BEGIN SELECT 1; END",
            "keyrack_refuse_data_of_ended differs",
        ),
    };
    assert_reported(&fixture, change, &[what], true);
    let ended = fixture.sign_in();
    wait(fixture.sessions().sign_out(&ended.sid)).unwrap();
    let sid = ended.sid.expose();
    fixture.execute(&format!("INSERT INTO user_sessions VALUES ('{sid}', '{{}}', '2999-01-01T00:00:00.000000Z')"));
    assert_eq!(fixture.count("user_sessions", ""), 0, "the rule holds again");
}

fn missing_column_of_any_table_is_reported(engine: EngineKind) {
    for (table, column) in
        [("security_events", "ip_address"), ("known_browsers", "last_used_at"), ("users", "last_name")]
    {
        let fixture = SessionFixture::new(engine);
        let change = format!("ALTER TABLE {table} DROP COLUMN {column}");
        assert_reported(&fixture, &change, &[&format!("{table} has no column {column}")], false);
    }
}

fn row_without_its_session_is_reported(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let missing = "INSERT INTO replaced_sids (sid, session_id) VALUES ('s', '550e8400-e29b-41d4-a716-446655440000')";
    match engine {
        EngineKind::Sqlite => assert_reported(
            &fixture,
            &format!("PRAGMA foreign_keys = OFF; {missing}"),
            &["replaced_sids refers to sessions in 1 row(s)"],
            false,
        ),
        EngineKind::Postgres => {
            let drop = "ALTER TABLE replaced_sids DROP CONSTRAINT replaced_sids_session_id_fkey";
            assert_reported(&fixture, &format!("{drop}; {missing}"), &["no foreign key to sessions"], false);
        }
    }
}

/// PostgreSQL only: what its catalog can tell. Statement, words of the detail, whether it is repaired.
#[test]
fn changed_schema_is_reported_and_restored_where_that_is_safe() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    for (sql, parts, is_repaired) in [
        (
            "ALTER TABLE user_sessions ENABLE REPLICA TRIGGER keyrack_refuse_data_of_ended",
            &["keyrack_refuse_data_of_ended is disabled, or fires on replicas only"][..],
            true,
        ),
        (
            // Another schema has a trigger of the same name, on a table of the same name.
            "CREATE SCHEMA other; CREATE TABLE other.user_sessions (LIKE user_sessions);
             CREATE TRIGGER keyrack_end_without_data AFTER DELETE ON other.user_sessions
                 FOR EACH ROW EXECUTE FUNCTION keyrack_end_without_data();
             DROP TRIGGER keyrack_end_without_data ON user_sessions",
            &["keyrack_end_without_data is missing"],
            true,
        ),
        (
            "CREATE SCHEMA other; CREATE FUNCTION other.keyrack_complete_end() RETURNS trigger LANGUAGE plpgsql
             AS 'BEGIN RETURN NEW; END'; DROP TRIGGER keyrack_complete_end ON sessions;
             CREATE TRIGGER keyrack_complete_end BEFORE UPDATE ON sessions
                 FOR EACH ROW EXECUTE FUNCTION other.keyrack_complete_end()",
            &["keyrack_complete_end runs a function of another schema"],
            true,
        ),
        ("GRANT EXECUTE ON FUNCTION keyrack_adopt TO PUBLIC", &["keyrack_adopt may be called by every role"], true),
        (
            "ALTER FUNCTION keyrack_freeze_data_of_ended SECURITY INVOKER",
            &["keyrack_freeze_data_of_ended runs with the rights"],
            true,
        ),
        (
            "ALTER FUNCTION keyrack_adopt SET search_path = pg_catalog",
            &["keyrack_adopt runs with the rights or the search_path of its caller"],
            true,
        ),
        (
            "ALTER FUNCTION keyrack_adopt SET search_path = pg_catalog, $schema, pg_temp",
            &["keyrack_adopt runs with the rights or the search_path of its caller"],
            true,
        ),
        ("ALTER TABLE known_browsers DROP COLUMN last_used_at", &["known_browsers has no column last_used_at"], false),
        ("DROP TABLE keyrack_instances", &["the table keyrack_instances is missing"], false),
        (
            "ALTER TABLE security_events ALTER ip_address TYPE text",
            &["security_events.ip_address is text, and Keyrack needs character varying(45)"],
            false,
        ),
        ("ALTER TABLE ended_sids ALTER forget_at DROP NOT NULL", &["ended_sids.forget_at is timestamp"], false),
        ("ALTER TABLE known_browsers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY", &["known_browsers"], false),
        ("DROP FUNCTION keyrack_secure_functions", &["keyrack_secure_functions is missing"], true),
        (
            "ALTER TABLE sessions ENABLE ROW LEVEL SECURITY; ALTER TABLE sessions FORCE ROW LEVEL SECURITY",
            &["hides rows of $schema.sessions", "NO FORCE ROW LEVEL SECURITY"],
            false,
        ),
        ("ALTER TABLE sessions DROP CONSTRAINT sessions_status_check", &["sessions.status has no CHECK"], false),
        (
            "ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey",
            &["sessions.user_id has no foreign key to users"],
            false,
        ),
        (
            "ALTER TABLE user_sessions ALTER expire TYPE timestamptz",
            &["user_sessions.expire is timestamp with time zone", "TYPE timestamp(6)"],
            false,
        ),
        ("ALTER TABLE sessions ALTER user_id DROP NOT NULL", &["sessions.user_id accepts NULL"], false),
        ("ALTER TABLE users DROP COLUMN first_name", &["users has no column first_name"], false),
    ] {
        let fixture = SessionFixture::new(EngineKind::Postgres);
        assert_reported(&fixture, sql, parts, is_repaired);
    }
}

/// Whoever owns a function can replace it.
#[test]
fn function_of_another_owner_is_reported() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let role = format!("keyrack_function_owner_{}", std::process::id());
    fixture.execute(&format!("CREATE ROLE {role}"));
    fixture.break_with(&format!("ALTER FUNCTION keyrack_complete_end OWNER TO {role}"));
    let report = fixture.doctor(true);
    fixture.execute(&format!("ALTER FUNCTION keyrack_complete_end OWNER TO CURRENT_USER; DROP ROLE {role}"));
    assert!(report.breaches.iter().all(|breach| !breach.repaired), "{report:?}");
    let detail = format!("keyrack_complete_end() belongs to the role {role}, which may not write to the tables");
    assert!(report.breaches.iter().any(|breach| breach.detail.contains(&detail)), "{report:?}");
    assert!(fixture.doctor(false).breaches.is_empty());
}

#[test]
fn dropped_functions_are_restored_with_their_triggers() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let started = fixture.sign_in();
    fixture.break_with(
        "DO $$
         DECLARE f regprocedure;
         BEGIN
             FOR f IN SELECT oid::regprocedure FROM pg_proc WHERE proname LIKE 'keyrack\\_%' LOOP
                 EXECUTE 'DROP FUNCTION ' || f || ' CASCADE';
             END LOOP;
         END $$;
         DELETE FROM user_sessions",
    );
    let report = fixture.doctor(true);
    assert!(report.is_sound() && report.breaches.len() > 20, "{report:?}");
    assert!(fixture.doctor(false).breaches.is_empty());
    assert_eq!(fixture.session(started.id)["status"], "logged_out", "rows are repaired after the triggers");
}

/// The setting was left on by a restore, for the database or for a role.
#[test]
fn setting_that_turns_triggers_off_is_reported() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let database = fixture.text("SELECT current_database()::text AS v");
    let user = fixture.text("SELECT quote_ident(current_user) AS v");
    for (target, count) in [(format!("DATABASE {database}"), 2), (format!("ROLE {user} IN DATABASE {database}"), 2)] {
        fixture.execute(&format!("ALTER {target} SET session_replication_role = replica"));
        let program = Program::new(fixture.database());
        let report = program.run(&["doctor", "--json"]);
        fixture.execute(&format!("ALTER {target} RESET session_replication_role"));
        assert_eq!(report.status, 1, "{report:?}");
        assert_eq!(report.out.matches("triggers turned off").count(), count, "{report:?}");
        assert!(report.out.contains("RESET session_replication_role"), "{report:?}");
    }
    assert!(fixture.doctor(false).breaches.is_empty());
}

#[test]
fn renamed_schema_is_repaired() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let schema = fixture.database().schema();
    fixture.break_with(&format!("ALTER SCHEMA {schema} RENAME TO \"Moved away\""));
    let url = fixture.database().url().split("options=").next().unwrap().trim_end_matches(['?', '&']);
    let separator = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{separator}options=-csearch_path%3D%22Moved%5C%20away%22");
    assert!(url.parse::<DatabaseUrl>().is_ok());
    let program = Program::new(fixture.database()).with("DATABASE_URL", &url);
    let serving = program.serve();
    assert_ne!(serving.browser().sign_in(EMAIL, PASSWORD).status, 303);
    let found = program.run(&["doctor"]);
    assert_eq!((found.status, found.out.matches("renamed schema").count()), (1, 1), "{found:?}");
    let repaired = program.done(&["doctor", "--repair"]);
    assert!(repaired.contains("renamed schema") && repaired.contains("(repaired)"), "{repaired}");
    assert_eq!(serving.browser().sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(program.done(&["doctor"]), "No problems found.\n");
}
