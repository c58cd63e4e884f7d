//! Browsers that have signed in to an account before.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use keyrack::{clock::Clock, config::Config, sessions::EndReason};

use crate::support::{
    Browser, CLOCK_START, EngineKind, PASSWORD, SECRETS, TestApp, TestDatabase, cookies, on_both_engines, wait,
    wait_until,
};

on_both_engines!(
    sign_in_makes_browser_known_by_a_lasting_cookie,
    owner_signs_in_while_a_thousand_strangers_guess,
    known_browser_has_failures_of_its_own,
    known_browser_is_forgotten_after_a_hundred_failures,
    known_browser_is_not_limited_by_its_network,
    revoked_session_makes_its_browser_unknown,
    other_ends_of_a_session_keep_its_browser_known,
    forged_or_foreign_cookie_makes_no_browser_known,
    cookie_of_older_secret_is_known_and_signed_again,
    browser_knows_five_accounts_under_different_ids,
    ten_browsers_per_day_and_a_hundred_in_all_are_known,
    ten_browsers_per_day_are_known_if_thirty_sign_in_at_once,
    browsers_of_deleted_users_and_old_ones_are_removed,
    known_browser_is_known_to_all_instances,
);

const EMAIL: &str = "rajat.verma@example.com";
const WRONG: &str = "not the password at all";
const COOKIE: &str = "keyrack.browser";
const QUARTER: Duration = Duration::from_secs(15 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn behind_proxy(config: &mut Config) {
    config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
}

fn app_with_user(engine: EngineKind) -> TestApp {
    let app = TestApp::with(engine, behind_proxy);
    app.add_user(EMAIL);
    app
}

/// A browser of the owner that is signed out.
fn known_browser(app: &TestApp) -> Browser {
    let mut browser = app.signed_in(EMAIL);
    browser.sign_out();
    browser
}

fn lock_out_strangers(app: &TestApp) {
    let key = app.text("SELECT CAST('account:' || id AS text) AS v FROM users WHERE email = 'rajat.verma@example.com'");
    let values = format!("'{key}', 100, '2026-01-28T11:50:14.000000Z', '2026-01-28T11:50:14.000000Z'");
    app.execute(&format!("DELETE FROM sign_in_failures WHERE key = '{key}'"));
    app.execute(&format!(
        "INSERT INTO sign_in_failures (key, in_a_row, last_failure_at, forgotten_at) VALUES ({values})"
    ));
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 429);
}

/// Whether the owner can sign in with this browser although strangers can't.
fn is_known(app: &TestApp, browser: &mut Browser) -> bool {
    lock_out_strangers(app);
    browser.cookies.remove("keyrack.sid");
    match browser.sign_in(EMAIL, PASSWORD).status {
        303 => true,
        429 => false,
        status => panic!("{status}"),
    }
}

fn sign_in_makes_browser_known_by_a_lasting_cookie(engine: EngineKind) {
    for (url, name, secure) in
        [(None, COOKIE, false), (Some("https://keys.example.com"), "__Host-keyrack.browser", true)]
    {
        let app = TestApp::with(engine, |config| {
            if let Some(url) = url {
                config.public_url = url.parse().unwrap();
            }
        });
        app.add_user(EMAIL);
        let mut browser = app.browser();
        for path in ["/", "/login", "/account/sessions"] {
            assert!(!browser.get(path).set_cookies().iter().any(|cookie| cookie.contains("browser")), "{path}");
        }
        assert!(!browser.sign_in(EMAIL, WRONG).set_cookies().iter().any(|cookie| cookie.contains("browser")));
        let answer = browser.sign_in(EMAIL, PASSWORD);
        let set: Vec<_> = answer.set_cookies().iter().map(|cookie| cookies::parts(cookie)).collect();
        let (_, value, attributes) = set.iter().find(|(set, ..)| set == name).expect("the cookie is set");
        let mut expected = vec!["HttpOnly", "Max-Age=34560000", "Path=/", "SameSite=Lax"];
        expected.extend(secure.then_some("Secure"));
        assert_eq!(*attributes, expected);
        let (id, _) = value.split_once('.').unwrap();
        assert_eq!(id.len(), 22, "16 random bytes");
        let row = &app.rows("known_browsers", "")[0];
        assert!(!row.to_string().contains(id), "the table has a hash: {row}");
        assert_eq!(row["session_id"], app.rows("sessions", "")[0]["id"]);
        assert_eq!(row["user_id"], app.rows("users", "")[0]["id"]);
    }
}

fn owner_signs_in_while_a_thousand_strangers_guess(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut owner = known_browser(&app);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for thread in 0..4 {
            let (app, is_over) = (&app, &is_over);
            scope.spawn(move || {
                for n in 0..250 {
                    let address = format!("203.0.{}.{n}", thread * 7);
                    let status = app.browser().with_header("x-forwarded-for", &address).sign_in(EMAIL, WRONG).status;
                    assert!([401, 429].contains(&status), "{status}");
                }
                is_over.store(true, Ordering::SeqCst);
            });
        }
        let mut signed_in = 0;
        wait_until(|| {
            // A typing error of the owner does not count for the strangers, nor theirs for the owner.
            if signed_in < 9 {
                assert_eq!(owner.sign_in(EMAIL, WRONG).status, 401);
            }
            assert_eq!(owner.sign_in(EMAIL, PASSWORD).status, 303, "after {signed_in}");
            owner.sign_out();
            signed_in += 1;
            is_over.load(Ordering::SeqCst) && signed_in >= 10
        });
    });
    app.clock.advance(QUARTER);
    let mut stranger = app.browser();
    assert!([303, 429].contains(&stranger.sign_in(EMAIL, PASSWORD).status));
    assert_eq!(owner.sign_in(EMAIL, PASSWORD).status, 303);
}

fn known_browser_has_failures_of_its_own(engine: EngineKind) {
    let app = app_with_user(engine);
    let (mut one, mut other) = (known_browser(&app), known_browser(&app));
    for _ in 0..10 {
        assert_eq!(one.sign_in(EMAIL, WRONG).status, 401);
    }
    let answer = one.sign_in(EMAIL, PASSWORD);
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
    assert_eq!(app.browser().sign_in(EMAIL, WRONG).status, 401, "strangers have a budget of their own");
    assert_eq!(other.sign_in(EMAIL, PASSWORD).status, 303, "and so has every other known browser");
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(one.sign_in(EMAIL, PASSWORD).status, 303);
    one.sign_out();
    for _ in 0..10 {
        assert_eq!(one.sign_in(EMAIL, WRONG).status, 401, "its success has reset it");
    }
    let forgotten = wait(app.keyrack.accounts().unlock(&EMAIL.parse().unwrap())).unwrap().unwrap();
    assert_eq!((forgotten.by_known_browsers, forgotten.was_locked), (10, false));
    assert_eq!(one.sign_in(EMAIL, PASSWORD).status, 303);
}

fn known_browser_is_forgotten_after_a_hundred_failures(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = known_browser(&app);
    for attempt in 1..=100 {
        assert_eq!(browser.sign_in(EMAIL, WRONG).status, 401, "attempt {attempt}");
        if attempt >= 10 {
            app.clock.advance(QUARTER);
        }
    }
    assert_eq!(app.count("known_browsers", ""), 0);
    assert_eq!(app.count("sign_in_failures", "WHERE key LIKE 'browser:%'"), 0);
    assert!(!is_known(&app, &mut browser));
}

fn known_browser_is_not_limited_by_its_network(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = known_browser(&app);
    for n in 0..50 {
        assert_eq!(app.browser().sign_in(&format!("user{n}@example.com"), WRONG).status, 401);
    }
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 429);
    assert_eq!(browser.sign_in(EMAIL, WRONG).status, 401);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
}

fn revoked_session_makes_its_browser_unknown(engine: EngineKind) {
    for by_admin in [false, true] {
        let app = app_with_user(engine);
        let (mut revoked, mut other) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
        if by_admin {
            let id = revoked.session_id().parse().unwrap();
            assert!(wait(app.keyrack.sessions().revoke_by_admin(id)).unwrap());
        } else {
            let path = format!("/account/sessions/{}/revoke", revoked.session_id());
            assert_eq!(other.post_from("/account/sessions", &path, &[]).status, 303);
        }
        assert!(!is_known(&app, &mut revoked));
        assert!(is_known(&app, &mut other));
        let mut third = app.signed_in(EMAIL);
        other.post_from("/account/sessions", "/account/sessions/revoke-others", &[]);
        assert!(!is_known(&app, &mut third));
        assert!(is_known(&app, &mut other));
    }
}

fn other_ends_of_a_session_keep_its_browser_known(engine: EngineKind) {
    let app = app_with_user(engine);
    let email = EMAIL.parse().unwrap();
    let mut browser = known_browser(&app);
    assert!(is_known(&app, &mut browser), "signed out");
    app.clock.advance(DAY * 2);
    wait(app.keyrack.sessions().purge(|_| ())).unwrap();
    assert!(is_known(&app, &mut browser), "expired");
    app.clock.advance(DAY * 200);
    wait(app.keyrack.sessions().purge(|_| ())).unwrap();
    wait(app.keyrack.accounts().purge()).unwrap();
    assert!(is_known(&app, &mut browser), "its history was deleted");
    wait(app.keyrack.accounts().set_password(&email, keyrack::accounts::Password::new(PASSWORD))).unwrap();
    assert!(is_known(&app, &mut browser), "a new password");
    wait(app.keyrack.accounts().disable(&email)).unwrap();
    wait(app.keyrack.accounts().enable(&email)).unwrap();
    assert!(is_known(&app, &mut browser), "disabled and enabled");
    let user = app.text("SELECT CAST(id AS text) AS v FROM users").parse().unwrap();
    wait(app.keyrack.sessions().end_all_of(user, EndReason::Replaced)).unwrap();
    assert!(is_known(&app, &mut browser), "replaced");
    assert_eq!(app.count("known_browsers", ""), 1, "it was the same browser each time");
}

fn forged_or_foreign_cookie_makes_no_browser_known(engine: EngineKind) {
    let app = app_with_user(engine);
    app.add_user("asha.verma@example.com");
    let value = known_browser(&app).cookies[COOKIE].clone();
    let foreign = app.signed_in("asha.verma@example.com").cookies[COOKIE].clone();
    let hash = app.text("SELECT id_hash AS v FROM known_browsers LIMIT 1");
    let (id, signature) = value.split_once('.').unwrap();
    for forged in [
        foreign.clone(),
        String::new(),
        id.to_owned(),
        format!("{id}."),
        format!("{}.{signature}", "A".repeat(22)),
        format!("{id}.{}", foreign.split_once('.').unwrap().1),
        hash,
        value.to_lowercase(),
    ] {
        let mut browser = app.browser().with_cookie(COOKIE, &forged);
        assert!(!is_known(&app, &mut browser), "{forged}");
    }
    assert!(is_known(&app, &mut app.browser().with_cookie(COOKIE, &value)));
}

fn cookie_of_older_secret_is_known_and_signed_again(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let clock = Clock::fixed(CLOCK_START);
    let old = TestApp::over(&database, clock.clone(), |_| ());
    old.add_user(EMAIL);
    let mut browser = old.signed_in(EMAIL);
    let signed_by =
        |secrets: &str| TestApp::over(&database, clock.clone(), |config| config.secrets = secrets.parse().unwrap());
    let both = signed_by(&format!("a newer secret of the tests,{SECRETS}"));
    let before = browser.cookies[COOKIE].clone();
    browser.cookies.remove("keyrack.sid");
    assert_eq!(browser.visit(both.address).sign_in(EMAIL, PASSWORD).status, 303);
    let after = browser.cookies[COOKIE].clone();
    assert_eq!(before.split_once('.').unwrap().0, after.split_once('.').unwrap().0, "the same id");
    assert_ne!(before, after);
    assert_eq!(database.count("known_browsers", ""), 1);
    let new = signed_by("a newer secret of the tests");
    browser.cookies.remove("keyrack.sid");
    assert_eq!(browser.visit(new.address).sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(database.count("known_browsers", ""), 1);
}

fn browser_knows_five_accounts_under_different_ids(engine: EngineKind) {
    let app = TestApp::new(engine);
    let emails: Vec<String> = (0..6).map(|n| format!("user{n}@example.com")).collect();
    let mut browser = app.browser();
    for email in &emails {
        app.add_user(email);
        assert_eq!(browser.sign_in(email, PASSWORD).status, 303);
        browser.sign_out();
    }
    let ids: Vec<String> = browser.cookies[COOKIE].split('.').map(str::to_owned).collect();
    assert_eq!(ids.len(), 6, "five ids and a signature");
    assert_eq!(app.count("known_browsers", ""), 6);
    assert_eq!(browser.sign_in(&emails[1], PASSWORD).status, 303);
    assert_eq!(app.count("known_browsers", ""), 6, "the second account was still known");
    browser.sign_out();
    assert_eq!(browser.sign_in(&emails[0], PASSWORD).status, 303);
    assert_eq!(app.count("known_browsers", ""), 7, "the first was no longer");
}

fn ten_browsers_per_day_and_a_hundred_in_all_are_known(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut first = known_browser(&app);
    let mut eleventh = app.browser();
    for n in 2..=12 {
        let mut browser = app.signed_in(EMAIL);
        browser.sign_out();
        if n == 11 {
            eleventh = browser;
        }
    }
    assert_eq!(app.count("known_browsers", ""), 10);
    assert!(!is_known(&app, &mut eleventh));
    assert!(is_known(&app, &mut first), "someone with the password can't push it out");
    for _ in 0..10 {
        app.clock.advance(DAY);
        for _ in 0..10 {
            app.signed_in(EMAIL);
        }
        assert!(is_known(&app, &mut first), "it was used");
        app.execute("DELETE FROM sign_in_failures");
    }
    assert_eq!(app.count("known_browsers", ""), 100);
}

fn ten_browsers_per_day_are_known_if_thirty_sign_in_at_once(engine: EngineKind) {
    let app = app_with_user(engine);
    thread::scope(|scope| {
        for _ in 0..30 {
            scope.spawn(|| assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303));
        }
    });
    assert_eq!(app.count("known_browsers", ""), 10);
}

fn browsers_of_deleted_users_and_old_ones_are_removed(engine: EngineKind) {
    let app = app_with_user(engine);
    app.add_user("asha.verma@example.com");
    let mut browser = known_browser(&app);
    browser.sign_in("asha.verma@example.com", PASSWORD);
    app.execute("DELETE FROM users WHERE email = 'asha.verma@example.com'");
    assert_eq!(app.count("known_browsers", ""), 1);
    app.clock.advance(DAY * 400);
    wait(app.keyrack.accounts().purge()).unwrap();
    assert_eq!(app.count("known_browsers", ""), 1);
    app.clock.advance(Duration::from_secs(1));
    wait(app.keyrack.accounts().purge()).unwrap();
    assert_eq!(app.count("known_browsers", ""), 0);
}

fn known_browser_is_known_to_all_instances(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let clock = Clock::fixed(CLOCK_START);
    let first = TestApp::over(&database, clock.clone(), behind_proxy);
    let second = TestApp::over(&database, clock, behind_proxy);
    first.add_user(EMAIL);
    let mut browser = known_browser(&first);
    for n in 0..10 {
        let mut stranger = first.browser().with_header("x-forwarded-for", &format!("203.0.113.{n}"));
        assert_eq!(stranger.sign_in(EMAIL, WRONG).status, 401);
    }
    assert_eq!(second.browser().sign_in(EMAIL, PASSWORD).status, 429);
    assert_eq!(browser.visit(second.address).sign_in(EMAIL, PASSWORD).status, 303);
}
