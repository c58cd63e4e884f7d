//! Throttling of failed sign-ins.

use std::{
    thread::{self, available_parallelism},
    time::Duration,
};

use keyrack::accounts::HashCost;

use crate::support::{Browser, EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    throttle_rejects_right_password_after_ten_failures,
    throttle_treats_unknown_email_like_known_one,
    throttle_is_reset_by_successful_sign_in,
    throttle_keeps_existing_sessions_signed_in,
    throttle_counts_failures_per_client_network,
    throttle_counts_concurrent_failures,
);

const WRONG: &str = "not the password at all";

fn fail_sign_ins(browser: &mut Browser, email: &str, times: usize) {
    let token = browser.get("/login").csrf_token();
    for attempt in 1..=times {
        let answer = browser.post("/login", &[("email", email), ("password", WRONG), ("csrf_token", &token)]);
        assert_eq!(answer.status, 401, "attempt {attempt}");
    }
}

fn throttle_rejects_right_password_after_ten_failures(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.browser();
    fail_sign_ins(&mut browser, "rajat.verma@example.com", 10);
    app.advance(Duration::from_secs(60));
    let answer = browser.sign_in("Rajat.Verma@example.com", PASSWORD);
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("840")));
    assert!(answer.text().contains("Too many attempts. Try again in 14 minutes."), "{}", answer.text());
    assert_eq!(answer.between("name=\"email\" type=\"text\" value=\"", "\""), "Rajat.Verma@example.com");
    assert!(!answer.body.contains(PASSWORD));
    assert!(answer.set_cookies().is_empty());
    assert_eq!(app.count("sessions", ""), 0);
    app.advance(Duration::from_secs(839));
    assert_eq!(browser.sign_in("rajat.verma@example.com", PASSWORD).status, 429);
    app.advance(Duration::from_secs(1));
    assert_eq!(browser.sign_in("rajat.verma@example.com", PASSWORD).status, 303);
}

fn throttle_treats_unknown_email_like_known_one(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("known@example.com");
    let mut browser = app.browser();
    let mut bodies = Vec::new();
    for email in ["known@example.com", "other@example.com"] {
        fail_sign_ins(&mut browser, email, 10);
        let answer = browser.sign_in(email, WRONG);
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("900")), "{email}");
        bodies.push(answer.without_tokens().replace(email, "EMAIL"));
    }
    assert_eq!(bodies[0], bodies[1]);
}

fn throttle_is_reset_by_successful_sign_in(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    for _ in 0..2 {
        let mut browser = app.browser();
        fail_sign_ins(&mut browser, "rajat.verma@example.com", 9);
        assert_eq!(browser.sign_in("rajat.verma@example.com", PASSWORD).status, 303);
    }
}

fn throttle_keeps_existing_sessions_signed_in(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    for network in 1..=5 {
        let mut stranger = app.browser().with_header("x-forwarded-for", &format!("203.0.113.{network}"));
        fail_sign_ins(&mut stranger, "rajat.verma@example.com", 10);
    }
    let mut another = app.browser().with_header("x-forwarded-for", "203.0.113.200");
    let answer = another.sign_in("rajat.verma@example.com", WRONG);
    assert_eq!(answer.status, 429, "fifty failures throttle the account for every client");
    assert!(browser.is_signed_in());
    assert_eq!(browser.sign_out().status, 303);
}

fn throttle_counts_failures_per_client_network(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    app.add_user("rajat.verma@example.com");
    // All addresses of a /64 network count as one client.
    for host in 1..=5 {
        let mut stranger = app.browser().with_header("x-forwarded-for", &format!("2001:db8::{host}"));
        fail_sign_ins(&mut stranger, &format!("user{host}@example.com"), 10);
    }
    let mut stranger = app.browser().with_header("x-forwarded-for", "2001:db8::6");
    assert_eq!(stranger.sign_in("rajat.verma@example.com", PASSWORD).status, 429);
    let mut neighbour = app.browser().with_header("x-forwarded-for", "2001:db8:0:1::6");
    assert_eq!(neighbour.sign_in("rajat.verma@example.com", PASSWORD).status, 303);
}

fn throttle_counts_concurrent_failures(engine: EngineKind) {
    // At the default cost, so that they wait in the queue.
    let app = TestApp::with(engine, |config| config.hash_cost = HashCost::default());
    let token = app.browser().get("/login");
    let cookie = token.set_cookies()[0].split(';').next().unwrap().to_owned();
    let (name, value) = cookie.split_once('=').unwrap();
    let fields = [("email", "rajat.verma@example.com"), ("password", WRONG), ("csrf_token", &token.csrf_token())];
    let attempt = || app.browser().with_cookie(name, value).post("/login", &fields).status;
    let statuses: Vec<u16> = thread::scope(|scope| {
        let attempts: Vec<_> = (0..60).map(|_| scope.spawn(attempt)).collect();
        attempts.into_iter().map(|attempt| attempt.join().unwrap()).collect()
    });
    let tried = statuses.iter().filter(|status| **status == 401).count();
    // Attempts that were already being hashed when the tenth failed still complete.
    let most = 10 + available_parallelism().unwrap().get();
    assert!((10..most).contains(&tried), "{tried} attempts were checked: {statuses:?}");
}
