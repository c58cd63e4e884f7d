//! `GET /login` and `POST /login`

use std::time::{Duration, Instant};

use crate::support::{Answer, EngineKind, PASSWORD, TestApp, on_both_engines, wait};

on_both_engines!(
    sign_in_redirects_to_devices,
    get_requests_without_session_write_nothing,
    failed_sign_ins_return_identical_responses,
    failed_sign_ins_always_cost_a_hash,
    failed_sign_in_keeps_form_values_but_no_password,
    failed_sign_in_escapes_form_values,
    login_redirects_if_signed_in,
    disabling_user_ends_sessions_and_enabling_revives_none,
);

fn sign_in_redirects_to_devices(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.browser();
    let answer = browser.sign_in("Rajat.Verma@Example.com", PASSWORD);
    assert_eq!((answer.status, answer.location()), (303, "/account/sessions"));
    assert!(browser.get("/account/sessions").body.contains("Firefox 140 on Linux"));
    assert!(browser.is_signed_in());
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 1);
    assert_eq!(app.count("user_sessions", ""), 1);
}

fn get_requests_without_session_write_nothing(engine: EngineKind) {
    let app = TestApp::new(engine);
    let mut browser = app.browser();
    for path in ["/login", "/", "/account/sessions", "/api/session", "/nowhere", "/healthz", "/readyz"] {
        browser.get(path);
    }
    assert_eq!((app.count("sessions", ""), app.count("user_sessions", "")), (0, 0));
}

fn failed_sign_ins_return_identical_responses(engine: EngineKind) {
    let app = TestApp::new(engine);
    for email in ["known@example.com", "gone.@example.com"] {
        app.add_user(email);
    }
    wait(app.keyrack.accounts().disable(&"gone.@example.com".parse().unwrap())).unwrap().unwrap();
    let mut browser = app.browser();
    let mut answer_to = |email: &str, password: &str| {
        let answer = browser.sign_in(email, password);
        (answer.without_tokens().replace(email, "EMAIL"), comparable(&answer))
    };
    let wrong = answer_to("known@example.com", "not the password at all");
    assert!(wrong.0.contains("Invalid email or password."), "{}", wrong.0);
    assert_eq!(wrong.1[0], "401");
    assert_eq!(answer_to("other@example.com", PASSWORD), wrong, "unknown");
    assert_eq!(answer_to("gone.@example.com", PASSWORD), wrong, "disabled");
    assert_eq!(answer_to("no-address-at-all", PASSWORD), wrong, "malformed");
    assert_eq!(answer_to("known@example.com", ""), wrong, "empty");
    assert_eq!((app.count("sessions", ""), app.count("user_sessions", "")), (0, 0));
}

/// The status and the headers, without those that differ in every answer.
pub(super) fn comparable(answer: &Answer) -> Vec<String> {
    let headers = answer.headers.iter().filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
    let mut lines: Vec<String> = headers.map(|(name, value)| format!("{name}: {value:?}")).collect();
    lines.sort();
    lines.insert(0, answer.status.to_string());
    lines
}

fn failed_sign_ins_always_cost_a_hash(engine: EngineKind) {
    // No machine hashes 16 passes over 16 MiB in less; an answer without a hash takes a tenth of that.
    const MIN_HASH_TIME: Duration = Duration::from_millis(30);
    let app = TestApp::with(engine, |config| config.hash_cost = "m=16384,t=16,p=1".parse().unwrap());
    for email in ["known@example.com", "gone.@example.com"] {
        app.add_user(email);
    }
    wait(app.keyrack.accounts().disable(&"gone.@example.com".parse().unwrap())).unwrap().unwrap();
    let mut browser = app.browser();
    let token = browser.get("/login").csrf_token();
    for (email, password) in [
        ("known@example.com", "not the password at all"),
        ("other@example.com", PASSWORD),
        ("gone.@example.com", PASSWORD),
        ("no-address-at-all", PASSWORD),
    ] {
        for _ in 0..3 {
            let started = Instant::now();
            let answer = browser.post("/login", &[("email", email), ("password", password), ("csrf_token", &token)]);
            assert_eq!(answer.status, 401);
            assert!(started.elapsed() > MIN_HASH_TIME, "{email}: {:?}", started.elapsed());
        }
    }
}

fn failed_sign_in_keeps_form_values_but_no_password(engine: EngineKind) {
    let app = TestApp::new(engine);
    let fields = [
        ("email", "Nobody@Example.com"),
        ("password", "a secret that comes back nowhere"),
        ("remember", "on"),
        ("next", "/account/sessions?show=ended"),
    ];
    let answer = app.browser().post_from("/login", "/login", &fields);
    assert_eq!(answer.status, 401);
    assert_eq!(answer.between("name=\"email\" type=\"text\" value=\"", "\""), "Nobody@Example.com");
    assert_eq!(answer.between("name=\"next\" value=\"", "\""), "/account/sessions?show=ended");
    assert!(answer.body.contains("name=\"remember\" value=\"on\" checked"), "{}", answer.body);
    assert!(!answer.body.contains("a secret that"), "{}", answer.body);
}

fn failed_sign_in_escapes_form_values(engine: EngineKind) {
    let app = TestApp::new(engine);
    let typed = "\"><script>alert(1)</script>'&@example.com";
    let fields = [("email", typed), ("password", typed), ("next", "/\"><script>alert(2)</script>")];
    let answer = app.browser().post_from("/login", "/login", &fields);
    assert_eq!(answer.status, 401);
    assert!(answer.body.contains("alert(1)") && answer.body.contains("alert(2)"), "{}", answer.body);
    assert_eq!(answer.body.matches("<script").count(), 1, "only our own: {}", answer.body);
    assert!(!answer.body.contains("\"><script"), "{}", answer.body);
}

fn login_redirects_if_signed_in(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    for (path, leads_to) in [
        ("/login", "/account/sessions"),
        ("/login?next=/account/sessions%3Fshow%3Dended", "/account/sessions?show=ended"),
        ("/login?next=//evil.example", "/account/sessions"),
        ("/", "/account/sessions"),
    ] {
        let answer = browser.get(path);
        assert_eq!((answer.status, answer.location()), (303, leads_to), "{path}");
    }
}

fn disabling_user_ends_sessions_and_enabling_revives_none(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let email = "rajat.verma@example.com".parse().unwrap();
    assert_eq!(wait(app.keyrack.accounts().disable(&email)).unwrap(), Some(1));
    assert!(!browser.is_signed_in());
    assert!(wait(app.keyrack.accounts().enable(&email)).unwrap());
    assert!(!browser.is_signed_in(), "enabling the user revives no session");
    assert_eq!(browser.sign_in("rajat.verma@example.com", PASSWORD).status, 303);
    assert!(browser.is_signed_in());
}
