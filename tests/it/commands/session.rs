//! `keyrack session …`, while a server runs in another process

use crate::support::{EngineKind, Program, TestDatabase, on_both_engines};

const EMAIL: &str = "rajat.verma@example.com";
const OTHER: &str = "other@example.com";

on_both_engines!(
    list_prints_thousands_of_sessions,
    list_shows_session_ids_and_no_sids,
    revoked_session_fails_at_its_next_request,
    asvs_7_4_5_revoke_all_ends_sessions_of_one_user_or_of_all,
    revoke_all_requires_one_target,
);

fn list_shows_session_ids_and_no_sids(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    program.add_user(OTHER);
    let serving = program.serve();
    let mut kept = serving.signed_in(EMAIL);
    let mut ended = serving.signed_in(EMAIL);
    let mut others = serving.signed_in(OTHER);
    let (kept_id, ended_id, others_id) = (kept.session_id(), ended.session_id(), others.session_id());
    let sids = [kept.sid(), ended.sid(), others.sid()];
    ended.sign_out();

    let list = |arguments: &[&str]| {
        let json = program.json(&[&["session", "list", "--json"], arguments].concat());
        let text = program.done(&[&["session", "list"], arguments].concat());
        let ids: Vec<String> =
            json.as_array().unwrap().iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
        assert!(ids.iter().all(|id| text.contains(id)) && text.lines().count() == ids.len() + 1, "{text}");
        assert!(sids.iter().all(|sid| !text.contains(sid) && !json.to_string().contains(sid)), "{json} {text}");
        ids
    };
    let in_any_order = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    assert_eq!(in_any_order(list(&[])), in_any_order(vec![kept_id.clone(), others_id]));
    assert_eq!(list(&["--user", EMAIL]), [kept_id]);
    assert_eq!(list(&["--ended"]), [ended_id.as_str()]);
    assert_eq!(list(&["--ended", "--user", OTHER]), <[&str; 0]>::default());

    let line = &program.json(&["session", "list", "--ended", "--json"])[0];
    assert_eq!((&line["user"], &line["end_reason"]), (&EMAIL.into(), &"signed_out".into()));
    assert_eq!((&line["ip_address"], &line["device"]), (&"127.0.0.1".into(), &"Firefox 140 on Linux".into()));
    assert!(line["logged_out_at"].as_str().unwrap() >= line["created_at"].as_str().unwrap());

    database.execute(&format!("UPDATE sessions SET name = 'Old laptop' WHERE id = '{ended_id}'"));
    assert_eq!(program.json(&["session", "list", "--ended", "--json"])[0]["name"], "Old laptop");
    assert!(program.done(&["session", "list", "--ended"]).contains("Old laptop (Firefox 140 on Linux)"));

    let unknown = program.run(&["session", "list", "--user", "nobody@example.com"]);
    unknown.assert_refused(1, &["no user nobody@example.com"]);
}

fn revoked_session_fails_at_its_next_request(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let serving = program.serve();
    let (mut phone, mut laptop) = (serving.signed_in(EMAIL), serving.signed_in(EMAIL));
    let id = phone.session_id();

    assert_eq!(program.done(&["session", "revoke", &id]), format!("Revoked {id}.\n"));
    assert_eq!((phone.is_signed_in(), laptop.is_signed_in()), (false, true));
    assert_eq!(database.text("SELECT end_reason AS v FROM sessions WHERE status = 'logged_out'"), "revoked_by_admin");
    assert_eq!(database.count("user_sessions", ""), 1);

    program.run(&["session", "revoke", &id]).assert_refused(1, &["no active session", &id, "keyrack session list"]);
    let unknown = "6c5d6dd7-8f3c-4d2a-9a4b-000000000000";
    program.run(&["session", "revoke", unknown]).assert_refused(1, &["no active session", unknown]);
    program.run(&["session", "revoke", "everything"]).assert_refused(2, &["not a session ID"]);
    assert!(laptop.is_signed_in());
}

fn asvs_7_4_5_revoke_all_ends_sessions_of_one_user_or_of_all(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    program.add_user(OTHER);
    let serving = program.serve();
    let (mut phone, mut laptop, mut other) =
        (serving.signed_in(EMAIL), serving.signed_in(EMAIL), serving.signed_in(OTHER));

    assert_eq!(program.done(&["session", "revoke-all", "--user", EMAIL]), "Revoked 2 sessions.\n");
    assert_eq!((phone.is_signed_in(), laptop.is_signed_in(), other.is_signed_in()), (false, false, true));

    let mut again = serving.signed_in(EMAIL);
    assert_eq!(program.done(&["session", "revoke-all", "--everyone"]), "Revoked 2 sessions.\n");
    assert_eq!((again.is_signed_in(), other.is_signed_in()), (false, false));
    assert_eq!(database.count("sessions", "WHERE end_reason = 'revoked_by_admin'"), 4);
    assert_eq!(database.count("user_sessions", ""), 0);
}

fn revoke_all_requires_one_target(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let serving = program.serve();
    let mut browser = serving.signed_in(EMAIL);
    for arguments in [&["session", "revoke-all"][..], &["session", "revoke-all", "--everyone", "--user", EMAIL]] {
        let refused = program.run(arguments);
        assert_eq!(refused.status, 2);
        refused.assert_stderr_contains(&["--everyone", "--user"]);
    }
    program.run(&["session", "revoke-all", "--user", "nobody@example.com"]).assert_refused(1, &["no user"]);
    assert!(browser.is_signed_in());
}

fn list_prints_thousands_of_sessions(engine: EngineKind) {
    const MANY: usize = 2_100;
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let cast = if engine == EngineKind::Postgres { "::timestamptz" } else { "" };
    database.execute(&format!(
        "INSERT INTO sessions (sid, user_id, user_agent, expires_at)
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})
         SELECT 'sid ' || n, users.id, CASE WHEN n = 1 THEN 'curl/8.5.0' ELSE 'a-longer-program-name/1.0' END,
         '2999-01-01T00:00:00.000000Z'{cast} FROM numbers CROSS JOIN users"
    ));
    let json = program.json(&["session", "list", "--json"]);
    let ids: std::collections::BTreeSet<&str> =
        json.as_array().unwrap().iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), MANY);
    let text = program.done(&["session", "list", "--user", EMAIL]);
    assert_eq!(text.lines().count(), MANY + 1);
    assert!(text.lines().next().unwrap().starts_with("ID ") && ids.iter().all(|id| text.contains(id)));
    assert_eq!(program.done(&["session", "list", "--ended", "--json"]), "[]\n");
}
