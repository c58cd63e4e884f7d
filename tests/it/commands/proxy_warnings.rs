//! Warnings about a proxy that Keyrack has not been told of

use crate::support::{EngineKind, Program, Serving, TestDatabase};

fn count(log: &str, part: &str) -> usize {
    log.lines().filter(|line| line.contains("\"WARN\"") && line.contains(part)).count()
}

fn request(serving: &Serving, header: (&str, &str)) {
    assert_eq!(serving.browser().with_header(header.0, header.1).get("/login").status, 200);
}

#[test]
fn forwarded_address_of_untrusted_proxy_is_warned_about_once() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let program = Program::new(&database);
    let serving = program.serve();
    request(&serving, ("accept-language", "en"));
    for _ in 0..3 {
        request(&serving, ("x-forwarded-for", "203.0.113.9"));
    }
    let log = serving.stop().err;
    assert_eq!(count(&log, "KEYRACK_TRUSTED_PROXIES=127.0.0.1"), 1, "{log}");
    assert_eq!(count(&log, ""), 1, "{log}");

    let serving = program.with("KEYRACK_TRUSTED_PROXIES", "127.0.0.1").serve();
    request(&serving, ("x-forwarded-for", "203.0.113.9"));
    let log = serving.stop().err;
    assert_eq!(count(&log, ""), 0, "{log}");
}

#[test]
fn https_in_front_of_http_url_is_warned_about_once() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let program = Program::new(&database).with("KEYRACK_TRUSTED_PROXIES", "127.0.0.1");
    let public = program.clone().with("KEYRACK_PUBLIC_URL", "http://keys.example.com");
    for program in [&program, &public] {
        let serving = program.serve();
        request(&serving, ("x-forwarded-proto", "http"));
        for value in ["https", "HTTPS, http", "https"] {
            request(&serving, ("x-forwarded-proto", value));
        }
        let log = serving.stop().err;
        assert_eq!(count(&log, "set KEYRACK_PUBLIC_URL to the https URL"), 1, "{log}");
        assert_eq!(count(&log, ""), 1, "{log}");
    }
    let serving = program.with("KEYRACK_PUBLIC_URL", "https://keys.example.com").serve();
    request(&serving, ("x-forwarded-proto", "https"));
    let log = serving.stop().err;
    assert_eq!(count(&log, ""), 0, "{log}");
}
