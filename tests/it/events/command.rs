//! `keyrack events`.

use std::io::{BufRead, BufReader};

use serde_json::Value;

use crate::support::{EngineKind, Program, TestDatabase, on_both_engines};

on_both_engines!(
    list_shows_all_events_or_one_users,
    commands_are_recorded_with_their_operating_system_user,
    every_event_of_a_user_has_their_address,
    follow_prints_new_events,
    change_of_peers_is_recorded_once,
);

const EMAIL: &str = "rajat.verma@example.com";
const OTHER: &str = "priya.sharma@example.com";

fn json_lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn list_shows_all_events_or_one_users(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    program.add_user(OTHER);
    let all = program.done(&["events"]);
    assert_eq!(all.lines().count(), 3, "{all}");
    assert!(all.starts_with("AT ") && all.contains("account_created") && all.contains(OTHER), "{all}");
    let one = json_lines(&program.done(&["events", "--user", EMAIL, "--json"]));
    assert_eq!(one.len(), 1);
    assert_eq!((&one[0]["user"], &one[0]["kind"]), (&EMAIL.into(), &"account_created".into()));
    program.run(&["events", "--user", "nobody@example.com"]).assert_refused(1, &["no user nobody@example.com"]);
}

fn every_event_of_a_user_has_their_address(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    program.done(&["user", "disable", EMAIL]);
    program.done(&["user", "enable", EMAIL]);
    let events = json_lines(&program.done(&["events", "--json"]));
    assert_eq!(events.iter().map(|event| event["user"].as_str()).collect::<Vec<_>>(), [Some(EMAIL); 3]);
}

/// An archive on a full disk must not look complete.
#[test]
fn events_that_can_not_be_written_are_an_error() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    for arguments in [&["events"][..], &["events", "--json"]] {
        let full = std::fs::File::create("/dev/full").unwrap();
        let output = program.command(arguments).stdout(full).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(err.contains("could not be written to standard output"), "{err}");
    }
}

fn commands_are_recorded_with_their_operating_system_user(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database).with("USER", "mallory").with("LOGNAME", "mallory");
    program.add_user(EMAIL);
    program.done(&["user", "set-role", EMAIL, "admin"]);
    program.done(&["user", "disable", EMAIL]);
    program.done(&["user", "enable", EMAIL]);
    program.done(&["user", "unlock", EMAIL]);
    program.done(&["session", "revoke-all", "--everyone"]);
    program.done(&["purge"]);
    program.done(&["doctor", "--repair"]);
    let found = json_lines(&program.done(&["events", "--json"]));
    let kinds: Vec<&str> = found.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    let of_account = ["account_created", "role_changed", "account_disabled", "account_enabled", "account_unlocked"];
    assert_eq!(kinds, [&of_account[..], &["command_run"; 3]].concat());
    for event in &found {
        assert_eq!(event["actor"], "command");
        let os_user = event["detail"]["os_user"].as_str().unwrap();
        assert!(!os_user.is_empty() && !os_user.contains("mallory"), "the environment is not believed: {os_user}");
    }
    let commands: Vec<&Value> = found[5..].iter().map(|event| &event["detail"]["command"]).collect();
    assert_eq!(commands, ["session revoke-all --everyone", "purge", "doctor --repair"]);
}

fn follow_prints_new_events(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let mut child = program.start(&["events", "--follow", "--json"]);
    let mut lines =
        BufReader::new(child.stdout.take().unwrap()).lines().map(|line| json_lines(&line.unwrap()).remove(0));
    assert_eq!(lines.next().unwrap()["kind"], "account_created");
    program.done(&["user", "disable", EMAIL]);
    assert_eq!(lines.next().unwrap()["kind"], "account_disabled");
    child.kill().unwrap();
    child.wait().unwrap();
}

fn change_of_peers_is_recorded_once(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    for peers in ["express", "express", "none", "none"] {
        Program::new(&database).with("KEYRACK_PEERS", peers).done(&["migrate"]);
    }
    let found = json_lines(&Program::new(&database).done(&["events", "--json"]));
    let changes: Vec<_> =
        found.iter().map(|event| (&event["kind"], &event["detail"]["from"], &event["detail"]["to"])).collect();
    let [kind, none, express] = ["setting_changed", "none", "express"].map(Value::from);
    assert_eq!(changes, [(&kind, &none, &express), (&kind, &express, &none)]);
    for event in &found {
        assert_eq!((&event["actor"], &event["detail"]["setting"]), (&"command".into(), &"peers".into()));
        assert!(event["detail"]["os_user"].is_string(), "{event}");
    }
}
