//! The events of refused sign-ins, which are stored after the answer.

use std::time::Duration;

use serde_json::json;

use super::{event, events};
use crate::support::{EngineKind, PASSWORD, Program, TestApp, TestDatabase, WriteLock, on_both_engines, wait_until};

on_both_engines!(
    refusal_during_an_outage_is_stored_afterwards,
    refusal_is_stored_without_being_waited_for,
    server_that_stops_stores_its_refusals,
);

const EMAIL: &str = "rajat.verma@example.com";

/// Uses up the allowance of strangers on this account.
fn exhaust(database: &TestDatabase, user: &str) {
    database.execute(&format!(
        "INSERT INTO sign_in_failures (key, in_a_row, last_failure_at, forgotten_at)
         VALUES ('account:{user}', 100, '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z')"
    ));
}

fn refusal_during_an_outage_is_stored_afterwards(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    exhaust(&database, event(&database, "account_created")["user_id"].as_str().unwrap());
    let mut serving = program.serve();
    let lock = WriteLock::take(&database, "security_events");
    assert_eq!(serving.browser().sign_in(EMAIL, PASSWORD).status, 429);
    serving.err.wait_for("they wait until the database can be reached");
    lock.release();
    wait_until(|| !events(&database, &["sign_in_throttled"]).is_empty());
    serving.stop();
    assert_eq!(event(&database, "sign_in_throttled")["detail"], json!({"cause": "locked", "count": 1}));
}

fn refusal_is_stored_without_being_waited_for(engine: EngineKind) {
    let app = TestApp::new(engine);
    let user = app.add_user(EMAIL).to_string();
    exhaust(&app, &user);
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 429);
    wait_until(|| events(&app, &["sign_in_throttled"]).len() == 1);
    // The next one is stored, too, with what came between.
    for _ in 0..3 {
        assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 429);
    }
    app.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 429);
    wait_until(|| events(&app, &["sign_in_throttled"]).len() == 2);
    assert_eq!(events(&app, &["sign_in_throttled"])[1]["detail"]["count"], 4);
}

fn server_that_stops_stores_its_refusals(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    exhaust(&database, event(&database, "account_created")["user_id"].as_str().unwrap());
    let mut serving = program.serve();
    let mut browser = serving.browser();
    let token = browser.get("/login").csrf_token();
    let lock = WriteLock::take(&database, "security_events");
    let fields = [("email", EMAIL), ("password", PASSWORD), ("csrf_token", &*token)];
    assert_eq!(browser.post("/login", &fields).status, 429);
    serving.terminate();
    lock.release();
    serving.wait();
    assert_eq!(event(&database, "sign_in_throttled")["detail"]["cause"], "locked");
}
