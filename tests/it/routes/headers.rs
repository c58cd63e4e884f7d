//! Security headers and caching headers.

use keyrack::config::Hsts;

use crate::support::{Answer, Browser, EngineKind, PASSWORD, TestApp, on_both_engines, wait};

on_both_engines!(
    every_response_has_security_headers,
    responses_over_https_have_hsts,
    hsts_scope_is_a_setting,
    static_files_are_cacheable,
    search_engines_are_told_to_list_no_page,
);

const SECURITY_HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "geolocation=(), camera=(), microphone=()"),
];

/// One answer of each kind, with its expected status.
fn answers(app: &TestApp) -> Vec<(u16, Answer)> {
    let setup = wait(app.keyrack.setup_link()).unwrap().unwrap();
    let setup = setup.strip_prefix(&app.keyrack.public_url().to_string()).unwrap().to_owned();
    let mut browser = app.browser();
    let mut answers = vec![(200, browser.get(&setup))];
    app.add_user("rajat.verma@example.com");
    let long = "x".repeat(20_000);
    answers.extend([
        (200, browser.get("/login")),
        (401, browser.sign_in("rajat.verma@example.com", "not the password at all")),
        (403, browser.post("/login", &[])),
        (413, browser.post("/login", &[("email", &long)])),
        (400, browser.send("POST", "/login", None, &[("content-type", "application/json")])),
        (400, browser.get("/login?next=1&next=2")),
        (303, browser.get("/account/sessions")),
        (401, browser.get("/api/session")),
        (404, browser.get("/nowhere")),
        (404, browser.get("/api/nowhere")),
        (405, browser.send("DELETE", "/login", None, &[])),
        (303, browser.sign_in("rajat.verma@example.com", PASSWORD)),
        (200, browser.get("/account/sessions")),
        (200, browser.get("/account/sessions?show=ended")),
        (200, browser.get("/api/session")),
        (200, browser.get("/healthz")),
        (200, browser.get("/readyz")),
        (404, browser.post_from("/account/sessions", "/account/sessions/x/revoke", &[])),
    ]);
    answers.push((303, browser.sign_out()));
    app.execute("ALTER TABLE users RENAME TO users_away");
    answers.push((503, request_without_users_table(app, &mut browser)));
    answers
}

/// Requests a page while the table that it needs is missing.
fn request_without_users_table(app: &TestApp, browser: &mut Browser) -> Answer {
    let sid = crate::support::cookies::signed("any", crate::support::SECRETS);
    let name = if app.keyrack.public_url().is_https() { "__Host-keyrack.sid" } else { "keyrack.sid" };
    browser.clone().with_cookie(name, &sid).get("/account/sessions")
}

fn assert_security_headers(expected: u16, answer: &Answer) {
    assert_eq!(answer.status, expected, "{}", answer.body);
    for (name, value) in SECURITY_HEADERS {
        let values: Vec<_> = answer.headers.get_all(name).iter().collect();
        assert_eq!(values, [value], "{name} of a {expected}");
    }
    assert_eq!(answer.header("cache-control"), Some("no-store"), "of a {expected}");
    assert_eq!(answer.header("server"), None);
    assert_eq!(answer.header("x-request-id").map(str::len), Some(16));
}

fn every_response_has_security_headers(engine: EngineKind) {
    let app = TestApp::new(engine);
    for (expected, answer) in answers(&app) {
        assert_security_headers(expected, &answer);
        assert_eq!(answer.header("strict-transport-security"), None, "of a {expected}");
    }
}

fn responses_over_https_have_hsts(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.public_url = "https://keyrack.example".parse().unwrap());
    for (expected, answer) in answers(&app) {
        assert_security_headers(expected, &answer);
        let hsts = answer.header("strict-transport-security");
        assert_eq!(hsts, Some("max-age=63072000"), "of a {expected}");
    }
}

fn hsts_scope_is_a_setting(engine: EngineKind) {
    for (url, scope, expected) in [
        ("https://keyrack.example", Hsts::Off, None),
        ("https://keyrack.example", Hsts::On, Some("max-age=63072000")),
        ("https://keyrack.example", Hsts::Subdomains, Some("max-age=63072000; includeSubDomains")),
        ("http://keyrack.example", Hsts::Subdomains, None),
    ] {
        let app = TestApp::with(engine, |config| {
            config.public_url = url.parse().unwrap();
            config.hsts = scope;
        });
        for path in ["/login", "/nothing", "/api/session", "/static/favicon.svg", "/healthz"] {
            assert_eq!(app.browser().get(path).header("strict-transport-security"), expected, "{scope:?} {path}");
        }
    }
}

fn static_files_are_cacheable(engine: EngineKind) {
    let app = TestApp::new(engine);
    let mut browser = app.browser();
    let page = browser.get("/login");
    for (before, kind) in [("rel=\"stylesheet\" href=\"", "text/css"), ("<script src=\"", "text/javascript")] {
        let url = page.between(before, "\"");
        let file = browser.get(&url);
        assert_eq!((file.status, file.header("cache-control")), (200, Some("public, max-age=31536000, immutable")));
        assert_eq!(file.header("content-type"), Some(format!("{kind}; charset=utf-8").as_str()));
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
        let old = browser.get(&format!("{}?v=of-another-version", url.split_once('?').unwrap().0));
        assert_eq!((old.status, old.header("cache-control")), (200, Some("public, max-age=300")));
    }
    let icon = browser.get("/static/favicon.svg");
    assert_eq!((icon.status, icon.header("content-type")), (200, Some("image/svg+xml")));
    for path in ["/static/", "/static/nothing.css", "/static/..%2fCargo.toml", "/static/../Cargo.toml"] {
        let answer = browser.get(path);
        assert_eq!((answer.status, answer.header("cache-control")), (404, Some("no-store")), "{path}");
    }
}

/// A robots.txt that forbids crawlers to come would keep them from reading that (RFC 9309, 2.3.1.3).
fn search_engines_are_told_to_list_no_page(engine: EngineKind) {
    let app = TestApp::new(engine);
    for (_, answer) in answers(&app) {
        let is_api = answer.header("content-type").is_some_and(|kind| kind.contains("json"));
        assert_eq!(answer.header("x-robots-tag"), (!is_api).then_some("noindex, nofollow"), "{}", answer.body);
        if answer.body.contains("<html") {
            assert!(answer.body.contains("<meta name=\"robots\" content=\"noindex, nofollow\">"), "{}", answer.body);
        }
    }
    assert_eq!(app.browser().get("/robots.txt").status, 404);
}
