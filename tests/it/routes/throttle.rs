//! Throttling of failed sign-ins by strangers: browsers that have not signed in to the account before.

use std::time::Duration;

use keyrack::{clock::Clock, config::Config};

use super::login::comparable;
use crate::support::{
    Answer, Browser, CLOCK_START, EngineKind, PASSWORD, TestApp, TestDatabase, on_both_engines, wait,
};

on_both_engines!(
    throttle_delays_double_after_ten_failures,
    throttle_answers_alike_for_known_unknown_and_disabled_accounts,
    throttle_locks_out_strangers_after_a_hundred_failures,
    throttle_is_reset_by_successful_sign_in,
    throttle_is_reset_by_new_password_enabling_and_unlocking,
    throttle_keeps_existing_sessions_signed_in,
    throttle_counts_failures_per_client_network,
    throttle_counts_are_shared_and_survive_a_restart,
    throttle_counts_texts_without_at_sign_apart,
    throttle_stores_no_typed_text_and_no_row_for_successes,
    throttle_counts_are_purged_when_nothing_depends_on_them,
);

pub(super) const EMAIL: &str = "rajat.verma@example.com";
pub(super) const WRONG: &str = "not the password at all";
pub(super) const QUARTER: Duration = Duration::from_secs(15 * 60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

pub(super) fn behind_proxy(config: &mut Config) {
    config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
}

pub(super) fn from(app: &TestApp, address: &str) -> Browser {
    app.browser().with_header("x-forwarded-for", address)
}

/// A different network of every size for each number.
pub(super) fn from_network(app: &TestApp, number: usize) -> Browser {
    from(app, &format!("2001:db8:{number:x}::1"))
}

pub(super) fn fail_sign_ins(browser: &mut Browser, email: &str, times: usize) {
    let token = browser.get("/login").csrf_token();
    for attempt in 1..=times {
        let answer = browser.post("/login", &[("email", email), ("password", WRONG), ("csrf_token", &token)]);
        assert_eq!(answer.status, 401, "attempt {attempt}");
    }
}

/// Fails until strangers have used up the account's budget, with pauses as long as the longest delay.
fn exhaust(app: &TestApp, email: &str) {
    fail_sign_ins(&mut from_network(app, 1), email, 10);
    for attempt in 11..=100 {
        app.clock.advance(QUARTER);
        assert_eq!(from_network(app, attempt).sign_in(email, WRONG).status, 401, "attempt {attempt}");
    }
    app.clock.advance(QUARTER);
}

fn retry_after(answer: &Answer) -> (u16, Option<&str>) {
    (answer.status, answer.header("retry-after"))
}

fn throttle_delays_double_after_ten_failures(engine: EngineKind) {
    let app = TestApp::with(engine, behind_proxy);
    app.add_user(EMAIL);
    fail_sign_ins(&mut from_network(&app, 1), EMAIL, 10);
    for (attempt, seconds) in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 512, 900, 900].into_iter().enumerate() {
        let mut browser = from_network(&app, attempt);
        let answer = browser.sign_in("Rajat.Verma@Example.com", PASSWORD);
        assert_eq!(retry_after(&answer), (429, Some(seconds.to_string().as_str())));
        let text = match seconds {
            1 => "Try again in 1 second.".to_owned(),
            2..60 => format!("Try again in {seconds} seconds."),
            60.. => format!("Try again in {} minutes.", u64::div_ceil(seconds, 60)),
            _ => unreachable!(),
        };
        assert!(answer.text().contains(&format!("Too many attempts. {text}")), "{}", answer.text());
        assert_eq!(answer.between("name=\"email\" type=\"text\" value=\"", "\""), "Rajat.Verma@Example.com");
        assert!(!answer.body.contains(PASSWORD));
        assert!(answer.set_cookies().is_empty());
        app.clock.advance(Duration::from_micros(seconds * 1_000_000 - 1));
        assert_eq!(retry_after(&browser.sign_in(EMAIL, PASSWORD)), (429, Some("1")));
        app.clock.advance(Duration::from_micros(1));
        assert_eq!(browser.sign_in(EMAIL, WRONG).status, 401);
    }
    assert_eq!(app.count("sessions", ""), 0);
    app.clock.advance(QUARTER);
    assert_eq!(from_network(&app, 99).sign_in(EMAIL, PASSWORD).status, 303);
}

fn throttle_answers_alike_for_known_unknown_and_disabled_accounts(engine: EngineKind) {
    let app = TestApp::with(engine, behind_proxy);
    let emails = ["known@example.com", "gone.@example.com", "other@example.com", "no-address-at-all"];
    for email in &emails[..2] {
        app.add_user(email);
    }
    wait(app.keyrack.accounts().disable(&emails[1].parse().unwrap())).unwrap().unwrap();
    for attempt in 1..=103 {
        if attempt > 11 {
            app.clock.advance(QUARTER);
        }
        let answers = emails.map(|email| {
            let mut browser = from_network(&app, attempt);
            browser.get("/login");
            // Strangers don't know the password, but the answers may not differ where they try the right one.
            let password = if attempt > 101 { PASSWORD } else { WRONG };
            let answer = browser.sign_in(email, password);
            (comparable(&answer), answer.without_tokens().replace(email, "EMAIL"))
        });
        for (email, answer) in emails.iter().zip(&answers) {
            assert_eq!(answer, &answers[0], "attempt {attempt}, {email}");
        }
    }
}

fn throttle_locks_out_strangers_after_a_hundred_failures(engine: EngineKind) {
    let app = TestApp::with(engine, behind_proxy);
    app.add_user(EMAIL);
    let mut owner = app.signed_in(EMAIL);
    owner.sign_out();
    exhaust(&app, EMAIL);
    for pause in [QUARTER, YEAR] {
        let answer = from_network(&app, 999).sign_in(EMAIL, PASSWORD);
        assert_eq!(retry_after(&answer), (429, Some("900")));
        let text = answer.text();
        assert!(
            text.contains("Sign in on a browser that you have used for it before, or ask your administrator"),
            "{text}"
        );
        app.clock.advance(pause);
    }
    wait(app.keyrack.accounts().purge()).unwrap();
    assert_eq!(from_network(&app, 999).sign_in(EMAIL, PASSWORD).status, 429, "no purge unlocks it");
    assert_eq!(owner.sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(from_network(&app, 999).sign_in(EMAIL, PASSWORD).status, 303, "the owner has signed in");
}

fn throttle_is_reset_by_successful_sign_in(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    for _ in 0..2 {
        let mut browser = app.browser();
        fail_sign_ins(&mut browser, EMAIL, 9);
        assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    }
}

fn throttle_is_reset_by_new_password_enabling_and_unlocking(engine: EngineKind) {
    let app = TestApp::with(engine, behind_proxy);
    app.add_user(EMAIL);
    let (accounts, email) = (app.keyrack.accounts(), EMAIL.parse().unwrap());
    for way in 0..3 {
        exhaust(&app, EMAIL);
        assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 429);
        match way {
            0 => drop(wait(accounts.set_password(&email, keyrack::accounts::Password::new(PASSWORD))).unwrap()),
            1 => assert!(wait(accounts.enable(&email)).unwrap()),
            _ => {
                let forgotten = wait(accounts.unlock(&email)).unwrap().unwrap();
                assert!(forgotten.was_locked);
                assert_eq!((forgotten.by_unknown_browsers, forgotten.by_known_browsers), (100, 0));
            }
        }
        assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303);
        fail_sign_ins(&mut app.browser(), EMAIL, 10);
        app.clock.advance(QUARTER * 10);
        assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303);
    }
}

fn throttle_keeps_existing_sessions_signed_in(engine: EngineKind) {
    let app = TestApp::with(engine, behind_proxy);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    fail_sign_ins(&mut from_network(&app, 1), EMAIL, 10);
    assert_eq!(from_network(&app, 2).sign_in(EMAIL, WRONG).status, 429);
    assert!(browser.is_signed_in());
    assert_eq!(browser.sign_out().status, 303);
}

/// Name, the addresses that share the network, one in it, one beside it in the next larger one, limit, wait.
type NetworkCase = (&'static str, fn(usize) -> String, &'static str, &'static str, usize, &'static str);

fn throttle_counts_failures_per_client_network(engine: EngineKind) {
    let app = TestApp::with(engine, behind_proxy);
    app.add_user(EMAIL);
    let cases: [NetworkCase; 5] = [
        ("/64", |n| format!("2001:db8:1::{n:x}"), "2001:db8:1::ffff", "2001:db8:1:1::1", 50, "18"),
        ("/56", |n| format!("2001:db8:2:{:x}::1", n % 5), "2001:db8:2:ff::1", "2001:db8:2:100::1", 100, "9"),
        ("/48", |n| format!("2001:db8:3:{:x}00::1", n % 9), "2001:db8:3:ffff::1", "2001:db8:4::1", 200, "5"),
        ("/32", |_| "192.0.2.1".to_owned(), "192.0.2.1", "192.0.2.2", 50, "18"),
        ("/24", |n| format!("198.51.100.{}", n % 9), "198.51.100.77", "198.51.101.1", 200, "5"),
    ];
    for (network, address, inside, outside, limit, wait) in cases {
        for n in 0..limit {
            let answer = from(&app, &address(n)).sign_in(&format!("user{n}@example.com"), WRONG);
            assert_eq!(answer.status, 401, "{network}: {n}");
        }
        let refused = from(&app, inside).sign_in(EMAIL, PASSWORD);
        assert_eq!(retry_after(&refused), (429, Some(wait)), "{network}");
        assert_eq!(from(&app, outside).sign_in(EMAIL, PASSWORD).status, 303, "beside {network}");
        app.clock.advance(Duration::from_secs(wait.parse().unwrap()));
        assert_eq!(from(&app, inside).sign_in("one@example.com", WRONG).status, 401, "{network}");
        assert_eq!(from(&app, inside).sign_in(EMAIL, PASSWORD).status, 429, "{network}: one came back, not more");
        // The failures at each unknown address are forgotten too.
        app.clock.advance(QUARTER * 10);
    }
}

fn throttle_counts_are_shared_and_survive_a_restart(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let clock = Clock::fixed(CLOCK_START);
    let first = TestApp::over(&database, clock.clone(), behind_proxy);
    let second = TestApp::over(&database, clock.clone(), behind_proxy);
    first.add_user(EMAIL);
    for email in [EMAIL, "unknown@example.com", "no address"] {
        fail_sign_ins(&mut from_network(&first, 1), email, 5);
        fail_sign_ins(&mut from_network(&second, 2), email, 5);
        for app in [&first, &second] {
            assert_eq!(retry_after(&from_network(app, 3).sign_in(email, PASSWORD)), (429, Some("1")), "{email}");
        }
    }
    first.stop();
    second.stop();
    let third = TestApp::over(&database, clock.clone(), behind_proxy);
    for email in [EMAIL, "unknown@example.com", "no address"] {
        assert_eq!(retry_after(&from_network(&third, 3).sign_in(email, PASSWORD)), (429, Some("1")), "{email}");
    }
    for n in 0..35 {
        from(&third, "192.0.2.1").sign_in(&format!("user{n}@example.com"), WRONG);
    }
    third.stop();
    let fourth = TestApp::over(&database, clock, behind_proxy);
    for n in 35..50 {
        assert_eq!(from(&fourth, "192.0.2.1").sign_in(&format!("user{n}@example.com"), WRONG).status, 401);
    }
    assert_eq!(from(&fourth, "192.0.2.1").sign_in("user50@example.com", WRONG).status, 429);
}

fn throttle_counts_texts_without_at_sign_apart(engine: EngineKind) {
    let app = TestApp::new(engine);
    fail_sign_ins(&mut app.browser(), "rajat", 10);
    for text in ["rajat", " RAJAT "] {
        assert_eq!(app.browser().sign_in(text, WRONG).status, 429, "{text:?}");
    }
    for text in ["asha", "rajat.verma", "", "rajat@"] {
        assert_eq!(app.browser().sign_in(text, WRONG).status, 401, "{text:?}");
    }
}

fn throttle_stores_no_typed_text_and_no_row_for_successes(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    app.signed_in(EMAIL);
    assert_eq!(app.count("sign_in_failures", ""), 0, "a success without failures writes no count");
    for typed in [EMAIL, "somebody@example.com", "a secret that was typed into the wrong field"] {
        app.browser().sign_in(typed, WRONG);
    }
    // One for each account, one for each size of network, and one or two for the next event about unknown addresses.
    let keys = app.texts("SELECT key AS v FROM sign_in_failures");
    assert_eq!(keys.iter().filter(|key| !key.starts_with("unreported:")).count(), 5, "{keys:?}");
    assert!(keys.len() <= 7, "{keys:?}");
    for key in &keys {
        let (kind, rest) = key.split_once(':').unwrap();
        let kinds = ["account", "unknown", "network-ipv4-32", "network-ipv4-24", "unreported"];
        assert!(kinds.contains(&kind), "{key}");
        assert!(kind == "account" || rest.bytes().all(|byte| byte.is_ascii_digit()), "{key}");
    }
    let everything = app.rows("sign_in_failures", "").into_iter().map(|row| row.to_string()).collect::<String>();
    for typed in ["@", "somebody", "secret", "127.0.0"] {
        assert!(!everything.contains(typed), "{everything}");
    }
}

fn throttle_counts_are_purged_when_nothing_depends_on_them(engine: EngineKind) {
    let app = TestApp::with(engine, behind_proxy);
    let user = app.add_user(EMAIL);
    app.add_user("asha.verma@example.com");
    from_network(&app, 1).sign_in(EMAIL, WRONG);
    from_network(&app, 2).sign_in("unknown@example.com", WRONG);
    from_network(&app, 2).sign_in("asha.verma@example.com", WRONG);
    assert_eq!(app.count("sign_in_failures", "WHERE key NOT LIKE 'unreported:%'"), 9);
    assert_eq!(wait(app.keyrack.accounts().purge()).unwrap(), 0);
    app.clock.advance(QUARTER);
    assert_eq!(wait(app.keyrack.accounts().purge()).unwrap(), 6, "those of the networks");
    app.clock.advance(YEAR);
    assert_eq!(wait(app.keyrack.accounts().purge()).unwrap(), 1, "that of the unknown account");
    app.execute("DELETE FROM users WHERE email = 'asha.verma@example.com'");
    assert_eq!(wait(app.keyrack.accounts().purge()).unwrap(), 1, "that of the deleted account");
    assert_eq!(app.texts("SELECT key AS v FROM sign_in_failures"), [format!("account:{user}")]);
}
