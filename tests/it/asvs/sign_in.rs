//! V6.3: signing in

use std::time::Duration;

use super::{DEVICES, EMAIL, PASSWORD_PAGE, WRONG, app_with_user, change_password, setup_link, users};
use crate::{
    routes::reauth::reauthenticate,
    support::{Answer, Browser, EngineKind, PASSWORD, TestApp, on_both_engines, wait},
};

on_both_engines!(
    asvs_6_3_1_guesses_are_limited_and_the_owner_gets_in,
    asvs_6_3_1_one_password_tried_on_many_accounts_is_limited,
    asvs_6_3_2_new_database_has_no_account,
    asvs_6_3_4_every_password_form_limits_failures,
    asvs_6_3_4_disabled_account_is_refused_in_every_way,
);

const QUARTER: Duration = Duration::from_secs(15 * 60);

/// A browser in a network of its own.
fn stranger(app: &TestApp, number: usize) -> Browser {
    app.browser().with_header("x-forwarded-for", &format!("2001:db8:{number:x}::1"))
}

fn behind_proxy(engine: EngineKind) -> TestApp {
    TestApp::with(engine, |config| config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()])
}

fn asvs_6_3_1_guesses_are_limited_and_the_owner_gets_in(engine: EngineKind) {
    let app = behind_proxy(engine);
    app.add_user(EMAIL);
    let mut owner = app.signed_in(EMAIL);
    owner.sign_out();
    let (mut checked, mut refused) = (0, 0);
    // Two days of guesses, each in a network of its own, as fast as they are let.
    for attempt in 0..190 {
        let answer = stranger(&app, attempt).sign_in(EMAIL, WRONG);
        match answer.status {
            401 => checked += 1,
            429 => {
                refused += 1;
                let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=900).contains(&seconds), "{seconds}");
            }
            status => panic!("{status}"),
        }
        if attempt >= 10 {
            app.clock.advance(QUARTER);
        }
    }
    assert_eq!((checked, refused), (100, 90));
    let locked = stranger(&app, 999).sign_in(EMAIL, PASSWORD);
    assert_eq!(locked.status, 429, "not even the right password is checked");
    assert_eq!(owner.sign_in(EMAIL, PASSWORD).status, 303, "but on the browser of the owner it is");
    assert_eq!(stranger(&app, 999).sign_in(EMAIL, PASSWORD).status, 303, "and then a new row begins");
}

fn asvs_6_3_1_one_password_tried_on_many_accounts_is_limited(engine: EngineKind) {
    let app = behind_proxy(engine);
    app.add_user(EMAIL);
    for attempt in 0..50 {
        assert_eq!(stranger(&app, 1).sign_in(&format!("user{attempt}@example.com"), WRONG).status, 401, "{attempt}");
    }
    assert_eq!(stranger(&app, 1).sign_in(EMAIL, PASSWORD).status, 429, "the network's allowance is used up");
    assert_eq!(stranger(&app, 2).sign_in(EMAIL, PASSWORD).status, 303);
}

fn asvs_6_3_2_new_database_has_no_account(engine: EngineKind) {
    let app = TestApp::new(engine);
    assert_eq!(users(&app).len(), 0);
    let accounts = [("admin", "admin"), ("root", "root"), ("sa", ""), ("admin@example.com", "password"), ("", "")];
    for (email, password) in accounts {
        assert_eq!(app.browser().sign_in(email, password).status, 401, "{email}");
    }
    let link = setup_link(&app).unwrap();
    let token = link.strip_prefix("/setup?token=").unwrap();
    assert!(token.len() >= 22, "the token of the first account has 128 bits: {token}");
    for guess in ["/setup", "/setup?token=", "/setup?token=admin", &link[..link.len() - 1]] {
        assert_eq!(app.browser().get(guess).status, 404, "{guess}");
    }
    assert_eq!((users(&app).len(), app.count("sessions", "")), (0, 0));
}

/// Sends a wrong password, or the right one, by each form that checks one.
fn send_password(browser: &mut Browser, form: &str, password: &str) -> Answer {
    match form {
        "/login" => browser.sign_in(EMAIL, password),
        "/reauth" => reauthenticate(browser, "/reauth", password),
        _ => change_password(browser, password, super::NEW),
    }
}

fn asvs_6_3_4_every_password_form_limits_failures(engine: EngineKind) {
    for form in ["/login", "/reauth", PASSWORD_PAGE] {
        let app = app_with_user(engine);
        let mut browser = if form == "/login" { app.browser() } else { app.signed_in(EMAIL) };
        for attempt in 0..10 {
            assert_eq!(send_password(&mut browser, form, WRONG).status, 401, "{form}, {attempt}");
        }
        let refused = send_password(&mut browser, form, PASSWORD);
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")), "{form}");
        let kind = if form == "/login" { "sign_in_failed" } else { "proof_failed" };
        assert_eq!(app.count("security_events", &format!("WHERE kind = '{kind}'")), 10, "{form}");
        app.advance(Duration::from_secs(1));
        assert_eq!(send_password(&mut browser, form, PASSWORD).status, 303, "{form}");
    }
}

fn asvs_6_3_4_disabled_account_is_refused_in_every_way(engine: EngineKind) {
    let app = app_with_user(engine);
    let email = EMAIL.parse().unwrap();
    let (known, mut signed_in) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    let token = signed_in.get(DEVICES).csrf_token();
    let accounts = app.keyrack.accounts();
    wait(accounts.disable(&email)).unwrap().unwrap();
    let fields = [("password", PASSWORD), ("current_password", PASSWORD), ("csrf_token", &token)];
    for form in ["/reauth", PASSWORD_PAGE] {
        signed_in.post(form, &fields).assert_not_signed_in();
    }
    for mut browser in [app.browser(), known] {
        assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 401);
    }
    wait(accounts.set_one_time_password(&email, keyrack::accounts::Password::new("seven otters in a boat"))).unwrap();
    assert_eq!(app.browser().sign_in(EMAIL, "seven otters in a boat").status, 401);
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 0);
}
