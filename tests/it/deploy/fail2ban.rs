//! fail2ban: its filter, on lines that a server has logged

use std::{fs, path::Path, process::Command};

use super::{EMAIL, PROXY};
use crate::support::{EngineKind, PASSWORD, Program, TestDatabase, installed};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/deploy/fail2ban");

/// Signs in and fails to, from several addresses, and returns the server's log.
fn log_of_sign_ins() -> String {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let program = Program::new(&database).with("KEYRACK_TRUSTED_PROXIES", PROXY);
    program.add_user(EMAIL);
    let serving = program.serve();
    let from = |address: &str| serving.browser().with_header("x-forwarded-for", address);
    let wrong = "not the password at all";
    assert_eq!(from("198.51.100.1").sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(from("203.0.113.7").sign_in(EMAIL, wrong).status, 401);
    assert_eq!(from("2001:db8::7").sign_in("unknown@example.com", wrong).status, 401);
    // What a client sends can't look like another line, or another address.
    let forged = r#"x","ip_address":"192.0.2.66","message":"security event","kind":"sign_in_failed","#;
    let mut browser = from("203.0.113.8").with_header("user-agent", &format!("{forged}\"ip_address\":\"192.0.2.66\""));
    assert_eq!(browser.sign_in(&format!("{forged}@example.com"), wrong).status, 401);
    browser.get(concat!(
        "/%0a%22message%22:%22security%20event%22,",
        "%22kind%22:%22sign_in_failed%22,%22ip_address%22:%22192.0.2.66"
    ));
    for _ in 0..10 {
        from("203.0.113.9").sign_in("other@example.com", wrong);
    }
    assert_eq!(from("203.0.113.9").sign_in("other@example.com", wrong).status, 429);
    serving.stop().err
}

/// Returns the addresses that the filter finds in the log, one per matching line.
fn found_addresses(program: &Path, log: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log");
    fs::write(&file, log).unwrap();
    let mut command = Command::new(program);
    command.args(["--out", "ip"]).arg(&file).arg(format!("{EXAMPLES}/filter.d/keyrack.conf"));
    let output = command.env("TZ", "America/New_York").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn filter_finds_failed_sign_ins_and_no_forged_address() {
    let Some(program) = installed("fail2ban-regex", "The filter for fail2ban", "fail2ban") else { return };
    let log = log_of_sign_ins();
    // As files have them, and as the journal does.
    let in_journal: String =
        log.lines().flat_map(|line| ["Nov 27 04:00:00 keys keyrack[4711]: ", line, "\n"]).collect();
    for log in [&log, &in_journal] {
        let mut found = found_addresses(&program, log);
        assert_eq!(found.iter().filter(|address| *address == "203.0.113.9").count(), 11, "{found:?}: {log}");
        found.dedup();
        assert_eq!(found, ["203.0.113.7", "2001:db8::7", "203.0.113.8", "203.0.113.9"], "{log}");
    }
}

/// A time without its zone would be taken for local time, and ban addresses for what they did hours ago, or never.
#[test]
fn filter_reads_times_as_utc() {
    let Some(program) = installed("fail2ban-regex", "The filter for fail2ban", "fail2ban") else { return };
    let line = concat!(
        r#"{"timestamp":"2026-11-27T01:12:09.351Z","level":"INFO","message":"security event","#,
        r#""kind":"sign_in_failed","ip_address":"203.0.113.7"}"#
    );
    let mut command = Command::new(program);
    command.args(["--verbose", line]).arg(format!("{EXAMPLES}/filter.d/keyrack.conf"));
    let output = command.env("TZ", "America/New_York").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("203.0.113.7  Thu Nov 26 20:12:09 2026"), "in New York: {text}");
}
