//! `keyrack purge`

use std::time::Duration;

use keyrack::clock::Clock;

use crate::support::{Browser, EngineKind, Program, TestDatabase, on_both_engines, wait_until};

const EMAIL: &str = "rajat.verma@example.com";

on_both_engines!(
    purge_ends_expired_sessions_and_deletes_old_history,
    purge_of_many_rows_reports_progress_per_batch,
    server_purges_by_itself_and_counts_in_metrics,
);

/// The time this many days ago, or ahead if negative, in a form that both engines accept.
fn days_ago(days: i32) -> String {
    let length = Duration::from_secs(u64::from(days.unsigned_abs()) * 24 * 3600);
    let now = Clock::System.now();
    if days < 0 { now + length } else { now - length }.to_iso_micros()
}

/// Inserts a session with plain SQL, created ten days before it expires.
fn add_session(database: &TestDatabase, sid: &str, expires_at: i32, expire: i32) {
    let (begun, expires_at, expire) = (days_ago(expires_at + 10), days_ago(expires_at), days_ago(expire));
    let user = database.text("SELECT CAST(id AS text) AS v FROM users");
    database.execute(&format!(
        "INSERT INTO sessions (sid, user_id, expires_at, created_at, updated_at, last_seen_at)
         VALUES ('{sid}', '{user}', '{expires_at}', '{begun}', '{begun}', '{begun}');
         INSERT INTO user_sessions (sid, sess, expire) VALUES ('{sid}', '{{\"userId\": \"{user}\"}}', '{expire}');"
    ));
}

/// Inserts a session that was signed out.
fn add_history(database: &TestDatabase, sid: &str, logged_out_at: i32) {
    add_session(database, sid, logged_out_at - 1, logged_out_at - 1);
    let at = days_ago(logged_out_at);
    database.execute(&format!(
        "UPDATE sessions SET status = 'logged_out', logged_out_at = '{at}', end_reason = 'signed_out' WHERE sid = '{sid}'"
    ));
}

fn purge_ends_expired_sessions_and_deletes_old_history(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    add_session(&database, "over", 2, 2);
    add_session(&database, "idle", -5, 1);
    add_session(&database, "alive", -5, -1);
    add_history(&database, "young", 89);
    add_history(&database, "old", 91);
    database.execute(&format!(
        "INSERT INTO user_sessions (sid, sess, expire) VALUES ('a peer''s', '{{}}', '{}')",
        days_ago(1)
    ));

    let purged = program.json(&["purge", "--json"]);
    assert_eq!(purged, serde_json::json!({ "ended": 2, "data_removed": 1, "history_removed": 1 }));
    let sessions = database
        .texts("SELECT sid || ' ' || status || ' ' || coalesce(end_reason, '-') AS v FROM sessions ORDER BY sid");
    let expected = [
        "alive active -",
        "idle logged_out idle_timeout",
        "over logged_out absolute_timeout",
        "young logged_out signed_out",
    ];
    assert_eq!(sessions, expected);
    assert_eq!(database.texts("SELECT sid AS v FROM user_sessions"), ["alive"]);

    let nothing = program.run(&["purge"]);
    assert_eq!((nothing.status, nothing.err.as_str()), (0, ""), "{nothing:?}");
    assert_eq!(nothing.out, "Ended 0 sessions; deleted data of 0 and history of 0.\n");
    assert_eq!(program.done(&["doctor"]), "No problems found.\n");

    let purged = program.clone().with("KEYRACK_HISTORY_RETENTION", "88d").json(&["purge", "--json"]);
    assert_eq!(purged["history_removed"], 1);
}

fn purge_of_many_rows_reports_progress_per_batch(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    let rows: Vec<String> = (0..501).map(|n| format!("('peer {n}', '{{}}', '{}')", days_ago(1))).collect();
    database.execute(&format!("INSERT INTO user_sessions (sid, sess, expire) VALUES {}", rows.join(", ")));

    let purged = program.run(&["purge"]);
    assert_eq!(purged.status, 0, "{purged:?}");
    let so_far = |line: &str| -> usize {
        let (_, rest) = line.split_once("deleted data of ").unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    };
    let progress: Vec<usize> = purged.err.lines().map(so_far).collect();
    assert!(progress.len() > 1 && progress.is_sorted_by(|a, b| a < b), "{purged:?}");
    assert_eq!((progress.last(), so_far(&purged.out)), (Some(&501), 501));
    assert_eq!(database.count("user_sessions", ""), 0);
}

fn server_purges_by_itself_and_counts_in_metrics(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database).with("KEYRACK_METRICS_BIND", "127.0.0.1:0");
    program.add_user(EMAIL);
    add_session(&database, "over", 2, 2);
    add_session(&database, "alive", -5, -1);
    let mut serving = program.serve();
    let metrics: serde_json::Value = serde_json::from_str(&serving.err.wait_for("metrics on http://")).unwrap();
    let mut reader = Browser::new(metrics["address"].as_str().unwrap().parse().unwrap());
    wait_until(|| reader.get("/metrics").body.contains("keyrack_purge_ended_total 1\n"));
    assert!(reader.get("/metrics").body.contains("keyrack_purge_failures_total 0\n"));
    assert!(reader.get("/metrics").body.contains("\nkeyrack_connections_open "));
    assert_eq!(database.text("SELECT end_reason AS v FROM sessions WHERE sid = 'over'"), "absolute_timeout");
    assert_eq!(database.count("sessions", "WHERE status = 'active'"), 1);
    let line: serde_json::Value = serde_json::from_str(&serving.err.wait_for("purged expired sessions")).unwrap();
    assert_eq!(line["ended"], 1);
    assert_eq!(serving.browser().get("/metrics").status, 404, "the public address serves no metrics");
}
