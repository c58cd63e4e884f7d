//! Sign-ins at the same moment: those in flight count as failures until they end, and the next ones wait for them.

use std::thread;

use keyrack::{accounts::HashCost, clock::Clock, config::Config};

use super::throttle::{EMAIL, QUARTER, WRONG, behind_proxy, fail_sign_ins, from, from_network};
use crate::support::{Browser, CLOCK_START, EngineKind, PASSWORD, TestApp, TestDatabase, on_both_engines};

on_both_engines!(
    throttle_counts_concurrent_failures_on_all_instances,
    throttle_counts_concurrent_spraying_per_network,
    throttle_checks_concurrent_failures_up_to_the_allowance,
    throttle_lets_right_passwords_behind_one_address_wait,
    throttle_lets_right_passwords_for_one_account_wait,
);

/// Sends wrong passwords from different networks at the same time. Returns how many were checked.
fn guess_at_once(apps: &[&TestApp], count: usize, guess: impl Fn(usize) -> (Browser, String) + Sync) -> usize {
    let statuses = sign_in_at_once(apps, count, WRONG, guess);
    assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
    statuses.iter().filter(|status| **status == 401).count()
}

/// Signs in with the password at the same time, and returns the statuses of the answers.
fn sign_in_at_once(
    apps: &[&TestApp],
    count: usize,
    password: &str,
    guess: impl Fn(usize) -> (Browser, String) + Sync,
) -> Vec<u16> {
    let forms: Vec<_> = apps.iter().map(|app| app.browser().get("/login")).collect();
    let attempt = |n: usize| {
        let form = &forms[n % apps.len()];
        let cookie = form.set_cookies()[0].split(';').next().unwrap().to_owned();
        let (name, value) = cookie.split_once('=').unwrap();
        let (browser, email) = guess(n);
        let fields = [("email", email.as_str()), ("password", password), ("csrf_token", &form.csrf_token())];
        browser.with_cookie(name, value).post("/login", &fields).status
    };
    thread::scope(|scope| {
        let attempt = &attempt;
        let attempts: Vec<_> = (0..count).map(|n| scope.spawn(move || attempt(n))).collect();
        attempts.into_iter().map(|attempt| attempt.join().unwrap()).collect()
    })
}

fn throttle_counts_concurrent_failures_on_all_instances(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let clock = Clock::fixed(CLOCK_START);
    // At the default cost, so that they wait in the queue.
    let slow = |config: &mut Config| {
        behind_proxy(config);
        config.hash_cost = HashCost::default();
    };
    let first = TestApp::over(&database, clock.clone(), slow);
    let second = TestApp::over(&database, clock, slow);
    first.add_user(EMAIL);
    for email in [EMAIL, "unknown@example.com"] {
        let apps = [&first, &second];
        let guess = |n: usize| (from_network(apps[n % 2], n), email.to_owned());
        let checked = guess_at_once(&apps, 60, guess);
        // Each instance knows its own attempts in flight, and both know the failures.
        assert!((10..=20).contains(&checked), "{checked} attempts were checked");
        assert_eq!(from_network(&first, 999).sign_in(email, PASSWORD).status, 429);
    }
}

fn throttle_counts_concurrent_spraying_per_network(engine: EngineKind) {
    let app = TestApp::with(engine, |config| {
        behind_proxy(config);
        config.hash_cost = HashCost::default();
    });
    let guess = |n: usize| (from(&app, &format!("2001:db8::{n:x}")), format!("user{n}@example.com"));
    assert_eq!(guess_at_once(&[&app], 70, guess), 50);
}

/// One attempt more or less than the limit would show that those in flight are miscounted.
fn throttle_checks_concurrent_failures_up_to_the_allowance(engine: EngineKind) {
    let app = TestApp::with(engine, behind_proxy);
    app.add_user(EMAIL);
    let other_account = app.signed_in(EMAIL).cookies["keyrack.browser"].clone();
    for email in [EMAIL, "unknown@example.com"] {
        assert_eq!(guess_at_once(&[&app], 25, |n| (from_network(&app, n), email.to_owned())), 10, "{email}");
    }
    app.clock.advance(QUARTER * 10);
    let browser = |n| from_network(&app, n).with_cookie("keyrack.browser", &other_account);
    let checked = guess_at_once(&[&app], 25, |n| (browser(n), "another@example.com".to_owned()));
    assert_eq!(checked, 10, "a browser that another account knows");
}

fn throttle_lets_right_passwords_behind_one_address_wait(engine: EngineKind) {
    const USERS: usize = 80;
    let app = TestApp::with(engine, behind_proxy);
    app.add_user(EMAIL);
    app.execute(&format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {USERS})
         INSERT INTO users (email, password_hash)
         SELECT 'user' || n || '@example.com', (SELECT password_hash FROM users WHERE email = '{EMAIL}') FROM numbers"
    ));
    let person = |n: usize| (from(&app, "192.0.2.1"), format!("user{n}@example.com"));
    assert_eq!(sign_in_at_once(&[&app], USERS, PASSWORD, person), [303; USERS]);
    assert_eq!(app.count("sessions", ""), USERS);
    for n in 0..45 {
        assert_eq!(from(&app, "192.0.2.1").sign_in(&format!("user{n}@example.com"), WRONG).status, 401);
    }
    assert_eq!(sign_in_at_once(&[&app], 20, PASSWORD, person), [303; 20], "although five failures are left");
    assert_eq!(guess_at_once(&[&app], 20, person), 5);
}

fn throttle_lets_right_passwords_for_one_account_wait(engine: EngineKind) {
    let app = TestApp::with(engine, behind_proxy);
    app.add_user(EMAIL);
    fail_sign_ins(&mut from_network(&app, 1), EMAIL, 9);
    let owner = |n: usize| (from_network(&app, n), EMAIL.to_owned());
    assert_eq!(sign_in_at_once(&[&app], 30, PASSWORD, owner), [303; 30]);
}
