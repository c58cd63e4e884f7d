//! `GET /setup` and `POST /setup`: creating the first account.

use std::{sync::Barrier, thread, time::Duration};

use crate::support::{Answer, Browser, EngineKind, PASSWORD, TestApp, on_both_engines, wait};

on_both_engines!(
    setup_link_creates_admin_and_signs_in,
    setup_without_valid_token_returns_404,
    setup_returns_404_once_a_user_exists,
    setup_shows_errors_at_their_fields_and_keeps_values,
    setup_rejects_weak_password_with_reason,
    concurrent_setups_create_one_account,
    setup_form_from_another_site_returns_403,
    setup_form_sent_twice_starts_one_session,
    setup_form_sent_at_once_starts_one_session,
    setup_form_sent_again_later_returns_404,
);

/// The path and query of the setup link.
fn link(app: &TestApp) -> String {
    let link = wait(app.keyrack.setup_link()).unwrap().unwrap();
    link.strip_prefix(&app.origin()).unwrap().to_owned()
}

fn token(app: &TestApp) -> String {
    link(app).strip_prefix("/setup?token=").unwrap().to_owned()
}

fn fields<'a>(token: &'a str, email: &'a str, password: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("token", token),
        ("email", email),
        ("user_name", "rajat"),
        ("first_name", "Rajat"),
        ("last_name", "Verma"),
        ("password", password),
        ("password_again", password),
    ]
}

fn setup_link_creates_admin_and_signs_in(engine: EngineKind) {
    let app = TestApp::new(engine);
    let (link, token) = (link(&app), token(&app));
    let mut browser = app.browser();
    let answer = browser.post_from(&link, "/setup", &fields(&token, "Rajat.Verma@Example.com", PASSWORD));
    assert_eq!((answer.status, answer.location()), (303, "/account/sessions"));
    let user = browser.get("/api/session").json()["user"].clone();
    assert_eq!((&user["email"], &user["role"]), (&"rajat.verma@example.com".into(), &"admin".into()));
    assert_eq!(user["user_name"], "rajat");
    assert!(browser.get("/account/sessions").text().contains("Rajat Verma"));
    assert_eq!(wait(app.keyrack.setup_link()).unwrap(), None);
    browser.sign_out();
    assert_eq!(browser.sign_in("rajat.verma@example.com", PASSWORD).status, 303);
}

fn setup_without_valid_token_returns_404(engine: EngineKind) {
    let app = TestApp::new(engine);
    let link = link(&app);
    let mut browser = app.browser();
    let csrf = browser.get("/login").csrf_token();
    let unknown = browser.get("/nowhere").body;
    for path in ["/setup", "/setup?token=", "/setup?token=guessed", &format!("{link}x"), &link[..link.len() - 1]] {
        let answer = browser.get(path);
        assert_eq!((answer.status, &answer.body), (404, &unknown), "{path}");
        let mut fields = fields(path.split_once("token=").map_or("", |(_, token)| token), "a@example.com", PASSWORD);
        fields.push(("csrf_token", &csrf));
        assert_eq!(browser.post("/setup", &fields).status, 404, "{path}");
    }
    assert_eq!(app.count("users", ""), 0);
    assert_eq!(browser.get(&link).status, 200, "the complete link works");
}

fn setup_returns_404_once_a_user_exists(engine: EngineKind) {
    let app = TestApp::new(engine);
    let (link, token) = (link(&app), token(&app));
    let mut browser = app.browser();
    let csrf = browser.get(&link).csrf_token();
    app.add_user("rajat.verma@example.com");
    assert_eq!(browser.get(&link).status, 404);
    let mut fields = fields(&token, "ana@example.com", PASSWORD);
    fields.push(("csrf_token", &csrf));
    assert_eq!(browser.post("/setup", &fields).status, 404);
    assert_eq!((app.count("users", ""), app.count("sessions", "")), (1, 0));
}

fn setup_shows_errors_at_their_fields_and_keeps_values(engine: EngineKind) {
    let app = TestApp::new(engine);
    let (link, token) = (link(&app), token(&app));
    let long = "n".repeat(65);
    let cases = [
        ("email", "not an address", "Enter an email address"),
        ("email", "", "Enter an email address"),
        ("first_name", " ", "Enter a first name."),
        ("last_name", &long, "Use at most 64 characters"),
        ("user_name", "a\u{7}b", "U+0007"),
        ("last_name", "a\u{202e}b", "U+202E"),
        ("password_again", "another password, typed wrong", "The two passwords are not the same."),
        ("password", "too short", "Use at least 15 characters"),
    ];
    for (name, value, message) in cases {
        let mut fields = fields(&token, "rajat.verma@example.com", "an unguessable pass phrase");
        for field in fields.iter_mut().filter(|field| field.0 == name) {
            field.1 = value;
        }
        let answer = app.browser().post_from(&link, "/setup", &fields);
        assert_eq!(answer.status, 422, "{name}");
        let error = answer.between(&format!("id=\"{name}-error\""), "</p>");
        assert!(error.contains(message), "{name}: {error}");
        assert!(answer.body.contains(&format!("<li><a href=\"#{name}\">")), "{name} is in the error summary");
        let input = answer.between(&format!("<input id=\"{name}\""), ">");
        assert!(input.contains("aria-invalid=\"true\"") && input.contains(&format!("{name}-error")), "{input}");
        let kept = [("email", "rajat.verma@example.com"), ("user_name", "rajat"), ("last_name", "Verma")];
        for (other, value) in kept.into_iter().filter(|(other, _)| *other != name) {
            assert!(
                answer.between(&format!("id=\"{other}\" "), ">").contains(&format!("value=\"{value}\"")),
                "{other}"
            );
        }
        assert!(!answer.body.contains("unguessable") && !answer.body.contains("typed wrong"), "{name}");
    }
    assert_eq!(app.count("users", ""), 0);
}

fn setup_rejects_weak_password_with_reason(engine: EngineKind) {
    let app = TestApp::new(engine);
    let (link, token) = (link(&app), token(&app));
    let long = "long ".repeat(52);
    for (password, reason) in [
        ("fourteen chars", "Use at least 15 characters"),
        ("", "Use at least 15 characters"),
        (long.as_str(), "Use at most 256 characters."),
        ("passwordpassword", "too easy to guess"),
        ("aaaaaaaaaaaaaaaaaa", "too easy to guess"),
        ("1234567890123456", "too easy to guess"),
        ("Rajat.Verma@Example.com", "your own name or email address"),
        ("rajat verma 1985", "your own name or email address"),
    ] {
        let answer = app.browser().post_from(&link, "/setup", &fields(&token, "rajat.verma@example.com", password));
        assert_eq!(answer.status, 422, "{password}");
        let error = answer.between("id=\"password-error\"", "</p>");
        assert!(error.contains(reason), "{password}: {error}");
    }
    assert_eq!(app.count("users", ""), 0);
}

fn concurrent_setups_create_one_account(engine: EngineKind) {
    let app = TestApp::new(engine);
    let (link, token) = (link(&app), token(&app));
    let ready = Barrier::new(2);
    let statuses = thread::scope(|scope| {
        let create = |email: &'static str| {
            let mut browser = app.browser();
            let (csrf, ready, token) = (browser.get(&link).csrf_token(), &ready, &token);
            scope.spawn(move || {
                let mut fields = fields(token, email, PASSWORD);
                fields.push(("csrf_token", &csrf));
                ready.wait();
                (browser.post("/setup", &fields).status, browser)
            })
        };
        let both = [create("rajat.verma@example.com"), create("ana@example.com")];
        both.map(|thread| thread.join().unwrap())
    });
    let mut statuses: Vec<_> = statuses.into_iter().map(|(status, mut b)| (status, b.is_signed_in())).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [(303, true), (404, false)]);
    assert_eq!((app.count("users", ""), app.count("sessions", ""), app.count("user_sessions", "")), (1, 1, 1));
}

fn setup_form_from_another_site_returns_403(engine: EngineKind) {
    let app = TestApp::new(engine);
    let (link, token) = (link(&app), token(&app));
    let mut browser = app.browser();
    assert_eq!(browser.post("/setup", &fields(&token, "a@example.com", PASSWORD)).status, 403);
    let mut with_token = fields(&token, "a@example.com", PASSWORD);
    let csrf = browser.get(&link).csrf_token();
    with_token.push(("csrf_token", &csrf));
    let cross = [("sec-fetch-site", "cross-site")];
    assert_eq!(browser.send("POST", "/setup", Some(&with_token), &cross).status, 403);
    assert_eq!(app.count("users", ""), 0);
}

/// Sends the form from a copy of the browser, as it was before any answer.
fn send(browser: &Browser, setup_token: &str, csrf: &str, password: &str) -> (Answer, Browser) {
    let mut browser = browser.clone();
    let mut fields = fields(setup_token, "rajat.verma@example.com", password);
    fields.push(("csrf_token", csrf));
    (browser.post("/setup", &fields), browser)
}

fn assert_one_session(app: &TestApp, answers: Vec<(Answer, Browser)>) {
    let sid = answers[0].1.sid();
    for (answer, mut browser) in answers {
        assert_eq!((answer.status, answer.location()), (303, "/account/sessions"), "{}", answer.body);
        assert_eq!(browser.sid(), sid);
        assert!(browser.is_signed_in());
    }
    assert_eq!((app.count("users", ""), app.count("sessions", ""), app.count("user_sessions", "")), (1, 1, 1));
    assert_eq!((app.count("known_browsers", ""), app.count("security_events", "WHERE kind = 'signed_in'")), (1, 1));
}

fn setup_form_sent_twice_starts_one_session(engine: EngineKind) {
    let app = TestApp::new(engine);
    let (link, token) = (link(&app), token(&app));
    let mut browser = app.browser();
    let csrf = browser.get(&link).csrf_token();
    let first = send(&browser, &token, &csrf, PASSWORD);
    app.clock.advance(Duration::from_secs(1));
    let dropped = send(&browser, &token, &csrf, PASSWORD);
    // The browser may have stored the cookie of the first answer.
    let with_cookie = send(&first.1, &token, &csrf, PASSWORD);
    assert_one_session(&app, vec![first, dropped, with_cookie]);
}

fn setup_form_sent_at_once_starts_one_session(engine: EngineKind) {
    let app = TestApp::new(engine);
    let second = TestApp::over(app.database(), app.clock.clone(), |_| ());
    let (link, token) = (link(&app), token(&app));
    let mut browser = app.browser();
    let csrf = browser.get(&link).csrf_token();
    let ready = Barrier::new(4);
    let answers = thread::scope(|scope| {
        let senders: Vec<_> = [&app, &second, &app, &second]
            .map(|instance| {
                let (browser, token, csrf, ready) = (browser.at(instance.address), &token, &csrf, &ready);
                scope.spawn(move || {
                    ready.wait();
                    send(&browser, token, csrf, PASSWORD)
                })
            })
            .into_iter()
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    assert_one_session(&app, answers);
}

fn setup_form_sent_again_later_returns_404(engine: EngineKind) {
    let app = TestApp::new(engine);
    let (link, token) = (link(&app), token(&app));
    let mut browser = app.browser();
    let csrf = browser.get(&link).csrf_token();
    assert_eq!(send(&browser, &token, &csrf, PASSWORD).0.status, 303);
    let guess = send(&browser, &token, &csrf, "not the password at all");
    assert_eq!((guess.0.status, guess.0.set_cookies()), (404, vec![]), "it needs the password");
    app.clock.advance(Duration::from_secs(6));
    let later = send(&browser, &token, &csrf, PASSWORD);
    assert_eq!((later.0.status, later.0.set_cookies()), (404, vec![]));
    assert_eq!(app.count("sessions", ""), 1);
}
