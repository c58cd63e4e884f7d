//! Log lines of requests and events that carry what a client has chosen (ASVS 16.4.1)

use serde_json::Value;

use super::{EMAIL, PROXY};
use crate::support::{EngineKind, PASSWORD, Program, TestDatabase, on_both_engines, raw};

on_both_engines!(hostile_requests_make_no_line_of_their_own);

/// What would end a line, a JSON text or a colour, or turn the direction of text.
const HOSTILE: [&str; 6] = [
    "%0a%7b%22level%22:%22ERROR%22,%22message%22:%22forged%22%7d",
    "%0d%0aforged",
    "%22,%22message%22:%22forged",
    "%1b%5b2Jforged",
    "%e2%80%a8forged%e2%80%ae",
    "%ff%fe%00forged",
];

fn hostile_requests_make_no_line_of_their_own(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database).with("KEYRACK_TRUSTED_PROXIES", PROXY).with("KEYRACK_LOG", "debug");
    program.add_user(EMAIL);
    let serving = program.serve();
    let hostile = "\"}\u{1b}[31m{\"message\":\"forged\u{2028}\u{202e}";
    let mut browser = serving.browser();
    for path in HOSTILE {
        browser.get(&format!("/{path}"));
        browser.get(&format!("/login?next=/{path}"));
    }
    browser.sign_in(&format!("a\r\n{hostile}@example.com"), &format!("b\n{hostile}"));
    browser.sign_in(EMAIL, PASSWORD);
    let bytes = "\x1b[31m\",\"message\":\"forged\u{202e}";
    for header in ["X-Forwarded-For", "User-Agent", "Cookie", "Host", "Origin", "Referer", "X-Forwarded-Proto"] {
        let request = format!("GET /login HTTP/1.1\r\n{header}: {bytes}\r\nConnection: close\r\n\r\n");
        raw::exchange(serving.address, request.as_bytes());
    }
    for line in ["GET /\x1b[31mforged HTTP/1.1", "FORGED\x1b[2J / HTTP/1.1", "{\"message\":\"forged\"}", "GET / HTTP/9"]
    {
        raw::exchange(serving.address, format!("{line}\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
    }
    let stopped = serving.stop();
    for line in stopped.err.lines() {
        let parsed: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(!parsed["message"].as_str().unwrap().contains("forged"), "{line}");
        assert!(
            line.chars().all(|c| !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2028}')),
            "{line:?}"
        );
    }
    assert!(stopped.err.lines().count() > 20, "{}", stopped.err);
}
