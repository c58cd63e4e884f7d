//! The log lines of events, and that no event has a secret.

use std::time::Duration;

use keyrack::accounts::{Password, Role};
use serde_json::Value;

use super::events;
use crate::support::{EngineKind, PASSWORD, Program, TestApp, TestDatabase, log, on_both_engines, wait, wait_until};

on_both_engines!(
    each_event_has_its_line_without_secrets,
    line_has_everything_that_the_event_says,
    server_logs_events_of_commands_and_peers,
);

const EMAIL: &str = "rajat.verma@example.com";

/// The lines of events in a log that name one of these texts.
fn lines(log: &str, parts: &[&str]) -> Vec<Value> {
    let of_event = log.lines().filter(|line| line.contains("\"security event\""));
    let ours = of_event.filter(|line| parts.iter().any(|part| line.contains(part)));
    ours.map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].take()).collect()
}

fn each_event_has_its_line_without_secrets(engine: EngineKind) {
    log::capture();
    let app = TestApp::new(engine);
    let user = app.add_user(EMAIL).to_string();
    // Like an address and a password that were typed into the wrong fields.
    let typed = "hunter2-in-the-wrong-field\n\"evil\":\"1\"";
    let mut browser = app.browser();
    browser.sign_in(EMAIL, typed);
    browser.sign_in(typed, typed);
    browser.sign_in(EMAIL, PASSWORD);
    let (sid, cookie) = (browser.sid(), browser.cookies["keyrack.sid"].clone());
    let mut other = app.signed_in(EMAIL);
    let id = other.session_id();
    let path = format!("/account/sessions/{id}/revoke");
    browser.post_from("/account/sessions", &path, &[]);
    browser.post("/account/sessions/revoke-others", &[("csrf_token", "invented-token")]);
    let other_sid = other.sid();
    browser.sign_out();

    let stored = app.rows("security_events", "ORDER BY id");
    let of_user: Vec<Value> = stored.iter().filter(|event| event["user_id"] == user.as_str()).cloned().collect();
    let log = log::captured();
    let logged = lines(&log, &[&user]);
    let kinds = |events: &[Value]| {
        let mut kinds: Vec<String> = events.iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect();
        kinds.sort();
        kinds
    };
    assert_eq!(kinds(&logged), kinds(&of_user));
    let ended =
        logged.iter().find(|line| line["session_id"] == id.as_str() && line["kind"] == "session_ended").unwrap();
    assert_eq!(
        (&ended["cause"], &ended["actor"], &ended["ip_address"]),
        (&"revoked".into(), &"user".into(), &"127.0.0.1".into())
    );
    let rows = stored.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let event_lines = log.lines().filter(|line| line.contains("\"security event\"")).collect::<Vec<_>>().join("\n");
    for secret in [&*sid, &other_sid, &cookie, PASSWORD, "hunter2", "invented-token", EMAIL] {
        assert!(!rows.contains(secret), "{secret:?} is in an event");
        assert!(!event_lines.contains(secret), "{secret:?} is in a log line");
    }
}

/// What an event says besides its columns: each name and value as a text, with the kind and the session.
fn said(kind: &Value, session: &Value, details: impl IntoIterator<Item = (String, Value)>) -> String {
    // In the log, the reason of an end is a cause like others.
    let name = |name: String| if name == "reason" { "cause".to_owned() } else { name };
    let mut details: Vec<String> = details.into_iter().map(|(key, value)| format!("{}={value}", name(key))).collect();
    details.sort();
    format!("{kind} {session} {}", details.join(" "))
}

/// A log store on another machine is to tell what happened without the table.
fn line_has_everything_that_the_event_says(engine: EngineKind) {
    const COLUMNS: [&str; 6] = ["message", "kind", "user_id", "session_id", "actor", "ip_address"];
    log::capture();
    let app = TestApp::new(engine);
    let user = app.add_user(EMAIL).to_string();
    let (accounts, email) = (app.keyrack.accounts(), EMAIL.parse().unwrap());
    let mut browser = app.browser();
    browser.sign_in(EMAIL, "not the password at all");
    browser.sign_in(EMAIL, PASSWORD);
    browser.post("/account/sessions/revoke-others", &[("csrf_token", "invented-token")]);
    browser.get("/account/sessions/0f8fad5b-d9cb-469f-a165-70867728950e");
    let path = format!("/account/sessions/{}/name", browser.session_id());
    browser.post_from("/account/sessions", &path, &[("name", "Laptop \"at\" home")]);
    let mut visitor = app.browser();
    let token = visitor.get("/login").csrf_token();
    browser.cookies.extend(visitor.cookies);
    browser.post("/login", &[("email", EMAIL), ("password", PASSWORD), ("csrf_token", &token)]);
    wait(accounts.set_role(&email, Role::Admin)).unwrap();
    app.advance(Duration::from_secs(25 * 3600));
    wait(app.keyrack.sessions().purge(|_| ())).unwrap();
    wait(accounts.set_one_time_password(&email, Password::new("eleven geese in the reeds"))).unwrap();
    for _ in 0..12 {
        app.browser().sign_in(EMAIL, "not the password at all");
    }
    wait(accounts.unlock(&email)).unwrap();
    app.browser().sign_in(EMAIL, "eleven geese in the reeds");
    wait(accounts.disable(&email)).unwrap();
    wait(accounts.refusals_stored(Duration::from_secs(10))).unwrap();

    let stored = app.rows("security_events", &format!("WHERE user_id = '{user}' ORDER BY id"));
    let mut told: Vec<String> = stored
        .iter()
        .map(|event| said(&event["kind"], &event["session_id"], event["detail"].as_object().unwrap().clone()))
        .collect();
    let mut logged: Vec<String> = lines(&log::captured(), &[&user])
        .into_iter()
        .map(|line| {
            let details = line.as_object().unwrap().clone();
            let details = details.into_iter().filter(|(key, _)| !COLUMNS.contains(&key.as_str()));
            said(&line["kind"], &line["session_id"], details)
        })
        .collect();
    told.sort();
    logged.sort();
    // Attempts that were refused after the first one have a line, and no row.
    logged.retain(|line| !line.contains("sign_in_throttled") || line.contains("count"));
    assert_eq!(logged, told);
    let details =
        ["again", "authorised_by", "count", "ended_at", "failures", "from", "known_browser", "one_time", "role"];
    for detail in details {
        assert!(told.iter().any(|event| event.contains(&format!("{detail}="))), "no event has the detail {detail}");
    }
}

fn server_logs_events_of_commands_and_peers(engine: EngineKind) {
    log::capture();
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let app = TestApp::over(&database, keyrack::clock::Clock::System, |_| ());
    let log_next = || wait(app.keyrack.sessions().events().log_next_of_others()).unwrap();
    // From now on.
    log_next();
    let (mut revoked, mut ended) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    let (revoked_id, ended_id) = (revoked.session_id(), ended.session_id());
    let done = program.run(&["session", "revoke", &revoked_id]);
    assert_eq!((done.status, done.err.as_str()), (0, ""), "a command has no log of its own");
    database.execute(&format!("UPDATE sessions SET status = 'logged_out' WHERE id = '{ended_id}'"));
    let ends = || {
        let mut logged = lines(&log::captured(), &[&revoked_id, &ended_id]);
        logged.retain(|line| line["kind"] == "session_ended");
        logged
    };
    // On PostgreSQL, a transaction of another test may be older.
    wait_until(|| {
        log_next();
        ends().len() >= 2
    });
    log_next();
    let ends = ends();
    assert_eq!(ends.len(), 2, "each once: {ends:#?}");
    assert_eq!((&ends[0]["actor"], &ends[0]["session_id"]), (&"command".into(), &revoked_id.clone().into()));
    assert!(ends[0]["os_user"].is_string());
    assert_eq!((&ends[1]["actor"], &ends[1]["session_id"]), (&"peer".into(), &ended_id.clone().into()));
    assert_eq!(events(&database, &["session_ended"]).len(), 2);
}
