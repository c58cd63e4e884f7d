//! `keyrack doctor`

use crate::support::{EngineKind, Program, TestDatabase, on_both_engines};

const EMAIL: &str = "rajat.verma@example.com";

on_both_engines!(
    intact_database_has_no_problems,
    breaches_are_listed_and_repaired,
    breaches_without_safe_repair_are_only_reported,
);

fn intact_database_has_no_problems(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let serving = program.serve();
    let mut browser = serving.signed_in(EMAIL);
    serving.signed_in(EMAIL).sign_out();

    assert_eq!(program.done(&["doctor"]), "No problems found.\n");
    assert_eq!(program.json(&["doctor", "--json"])["breaches"].as_array().unwrap().len(), 0);
    assert_eq!(program.done(&["doctor", "--repair"]), "No problems found.\n");
    assert!(browser.is_signed_in());
}

fn breaches_are_listed_and_repaired(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    database.execute(
        "INSERT INTO sessions (sid, user_id, expires_at) SELECT 'lonely', id, '2999-01-01T00:00:00.000000Z' FROM users;
         INSERT INTO user_sessions (sid, sess, expire) VALUES ('forgotten', '{}', '2999-01-01T00:00:00.000000Z');
         INSERT INTO sessions (sid, user_id, expires_at, status, logged_out_at, end_reason)
         SELECT 'forgotten', id, '2999-01-01T00:00:00.000000Z', 'logged_out', created_at, 'signed_out' FROM users;",
    );
    // The second one was signed out when its user was created: keep the session from ending before it was created,
    // which would break another rule.
    database.execute(
        "UPDATE sessions SET created_at = logged_out_at, last_seen_at = logged_out_at WHERE sid = 'forgotten'",
    );
    let id = |sid: &str| database.text(&format!("SELECT CAST(id AS text) AS v FROM sessions WHERE sid = '{sid}'"));
    let (lonely, forgotten) = (id("lonely"), id("forgotten"));

    let found = program.run(&["doctor"]);
    assert_eq!(found.status, 1, "{found:?}");
    assert_eq!(found.out.lines().count(), 2, "{found:?}");
    assert!(found.out.contains(&format!("{lonely}  active without data: ")), "{found:?}");
    assert!(found.out.contains(&format!("{forgotten}  data of an ended session: ")), "{found:?}");
    // Before it, PostgreSQL 13 and 14 are warned about: there every role may create objects in the schema `public`.
    assert!(found.err.ends_with("keyrack: 2 problems left, 0 repaired\n"), "{found:?}");
    assert_eq!(database.count("sessions", "WHERE status = 'active'"), 1, "doctor without --repair changes nothing");

    let repaired = program.run(&["doctor", "--repair"]);
    assert_eq!(repaired.status, 0, "{repaired:?}");
    assert_eq!(repaired.out.matches("(repaired)").count(), 2, "{repaired:?}");
    assert!(repaired.out.ends_with("No problems left, 2 repaired.\n"), "{repaired:?}");
    assert_eq!((database.count("sessions", "WHERE status = 'active'"), database.count("user_sessions", "")), (0, 0));
    assert_eq!(program.done(&["doctor"]), "No problems found.\n");
}

fn breaches_without_safe_repair_are_only_reported(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let serving = program.serve();
    let browser = serving.signed_in(EMAIL);
    database.execute("UPDATE sessions SET logged_out_at = created_at");
    let table = if engine == EngineKind::Postgres { "ON user_sessions" } else { "" };
    database.execute(&format!("DROP TRIGGER keyrack_refuse_data_of_ended {table}"));

    for arguments in [&["doctor", "--json"][..], &["doctor", "--json", "--repair"]] {
        let found = program.run(arguments);
        assert_eq!(found.status, 1, "{found:?}");
        let report: serde_json::Value = serde_json::from_str(&found.out).unwrap();
        let mut rules: Vec<&str> = Vec::new();
        for breach in report["breaches"].as_array().unwrap() {
            let rule = breach["rule"].as_str().unwrap();
            let is_repaired = rule == "missing trigger or index" && arguments.contains(&"--repair");
            assert_eq!(breach["repaired"], is_repaired, "{breach}");
            rules.push(rule);
        }
        assert_eq!(rules, ["missing trigger or index", "active with an end"]);
        assert!(found.out.contains("keyrack_refuse_data_of_ended"), "{found:?}");
        assert!(!found.out.contains(&browser.sid()), "{found:?}");
    }
}

/// Each write would be answered with 503.
#[test]
fn required_standby_that_is_missing_is_a_problem() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let database = TestDatabase::new(EngineKind::Postgres);
    let program = Program::new(&database);
    let off = &program.json(&["doctor", "--json"])["replication"];
    assert_eq!((&off["is_required"], &off["synchronous_standbys"]), (&false.into(), &0.into()));
    let found = program.with("KEYRACK_REQUIRE_SYNC", "true").run(&["doctor"]);
    assert_eq!(found.status, 1, "{found:?}");
    assert!(found.out.contains("no synchronous standby: KEYRACK_REQUIRE_SYNC is on"), "{found:?}");
    assert!(found.err.contains("synchronous standbys connected: 0"), "{found:?}");
}
