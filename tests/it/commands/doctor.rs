//! `keyrack doctor`

use crate::support::{EngineKind, Program, TestDatabase, on_both_engines};

const EMAIL: &str = "rajat.verma@example.com";

on_both_engines!(
    a_sound_database_is_called_sound,
    breaches_are_named_and_what_has_one_answer_is_repaired,
    what_has_no_one_answer_is_left_to_people,
);

fn a_sound_database_is_called_sound(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let serving = program.serve();
    let mut browser = serving.signed_in(EMAIL);
    serving.signed_in(EMAIL).sign_out();

    assert_eq!(program.done(&["doctor"]), "Every rule is kept.\n");
    assert_eq!(program.json(&["doctor", "--json"])["breaches"].as_array().unwrap().len(), 0);
    assert_eq!(program.done(&["doctor", "--repair"]), "Every rule is kept.\n");
    assert!(browser.is_signed_in());
}

fn breaches_are_named_and_what_has_one_answer_is_repaired(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    database.execute(
        "INSERT INTO sessions (sid, user_id, expires_at) SELECT 'lonely', id, '2999-01-01T00:00:00.000000Z' FROM users;
         INSERT INTO user_sessions (sid, sess, expire) VALUES ('forgotten', '{}', '2999-01-01T00:00:00.000000Z');
         INSERT INTO sessions (sid, user_id, expires_at, status, logged_out_at, end_reason)
         SELECT 'forgotten', id, '2999-01-01T00:00:00.000000Z', 'logged_out', created_at, 'signed_out' FROM users;",
    );
    // The sign-out of the second one is as old as its user: not before the session, which is what another rule is about.
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
    assert_eq!(found.err, "keyrack: 2 breach(es) left, 0 repaired\n");
    assert_eq!(database.count("sessions", "WHERE status = 'active'"), 1, "looking changes nothing");

    let repaired = program.run(&["doctor", "--repair"]);
    assert_eq!(repaired.status, 0, "{repaired:?}");
    assert_eq!(repaired.out.matches("(repaired)").count(), 2, "{repaired:?}");
    assert_eq!((database.count("sessions", "WHERE status = 'active'"), database.count("user_sessions", "")), (0, 0));
    assert_eq!(program.done(&["doctor"]), "Every rule is kept.\n");
}

fn what_has_no_one_answer_is_left_to_people(engine: EngineKind) {
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
            assert_eq!(breach["repaired"], false, "{breach}");
            rules.push(breach["rule"].as_str().unwrap());
        }
        assert_eq!(rules, ["missing trigger or index", "active with an end"]);
        assert!(found.out.contains("keyrack_refuse_data_of_ended"), "{found:?}");
        assert!(!found.out.contains(&browser.sid()), "{found:?}");
    }
}
