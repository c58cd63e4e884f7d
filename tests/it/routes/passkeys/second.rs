//! A passkey as second factor: `/login/second`

use std::time::Duration;

use keyrack::accounts::SecondFactorPolicy;

use super::{EMAIL, HOME, ORIGIN, OTHER_EMAIL, REJECTED, add, add_to, app, assert_lets_in, assert_refuses, options};
use crate::{
    routes::second_factor::add_factor,
    support::{Answer, Browser, EngineKind, PASSWORD, PasskeyDevice, TestApp, on_both_engines, wait},
};

const SECOND: &str = "/login/second";

on_both_engines!(
    passkey_stands_in_for_a_code,
    passkey_that_does_not_say_whose_it_is_stands_in,
    passkey_counts_where_a_second_factor_is_demanded,
    password_alone_adds_no_app_beside_a_passkey,
    passkey_of_another_user_is_refused,
    passkey_does_not_make_the_password_need_it,
    wrong_answer_shows_the_form_again,
    administrator_removes_lost_passkeys,
);

/// Gives the password, and opens the second step.
fn second_step(app: &TestApp) -> (Browser, Answer) {
    let mut browser = app.browser();
    let answer = browser.sign_in(EMAIL, PASSWORD);
    assert_eq!((answer.status, answer.location()), (303, SECOND), "{}", answer.body);
    let page = browser.get(SECOND);
    (browser, page)
}

fn send(browser: &mut Browser, page: &Answer, passkey: &str) -> Answer {
    let challenge = page.between("data-challenge=\"", "\"");
    let fields = [("passkey", passkey), ("challenge", &challenge), ("csrf_token", &page.csrf_token())];
    browser.post(SECOND, &fields)
}

fn passkey_stands_in_for_a_code(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    let mut factor = add_factor(&app, EMAIL);
    let mut device = PasskeyDevice::new(ORIGIN);
    assert_eq!(add(&mut factor.browser, &mut device, "").status, 303);
    app.advance(Duration::from_secs(1));
    let (mut browser, page) = second_step(&app);
    assert!(page.body.contains("name=\"code\"") && page.text().contains("Use a passkey"), "{}", page.text());
    let answer = send(&mut browser, &page, &device.answer(&options(&page)));
    assert_lets_in(&answer);
    assert!(browser.is_signed_in());
    assert_eq!(app.count("sessions", "WHERE authorised_by = 'password+passkey'"), 1);
    assert!(browser.get("/account/activity").text().contains("Signed in with the password and a passkey"));
    assert_eq!(app.count("passkey_proofs", ""), 0, "the password has proved it");
    app.assert_sound();
}

/// Authenticators may leave that out where they were asked for this passkey.
fn passkey_that_does_not_say_whose_it_is_stands_in(engine: EngineKind) {
    let (app, mut device) = with_passkey_only(engine);
    let (mut browser, page) = second_step(&app);
    let mut answer: serde_json::Value = serde_json::from_str(&device.answer(&options(&page))).unwrap();
    answer["response"]["userHandle"] = serde_json::Value::Null;
    assert_lets_in(&send(&mut browser, &page, &answer.to_string()));
}

fn demanding(engine: EngineKind) -> TestApp {
    TestApp::with(engine, |config| {
        config.public_url = ORIGIN.parse().unwrap();
        config.second_factor = SecondFactorPolicy::Everyone;
    })
}

/// A user with nothing but a password and a passkey, where a second factor is demanded.
fn with_passkey_only(engine: EngineKind) -> (TestApp, PasskeyDevice) {
    let app = demanding(engine);
    app.add_user(EMAIL);
    let optional = TestApp::over(app.database(), app.clock.clone(), |config| {
        config.public_url = ORIGIN.parse().unwrap();
    });
    let mut device = PasskeyDevice::new(ORIGIN);
    assert_eq!(add(&mut optional.signed_in(EMAIL), &mut device, "").status, 303);
    app.advance(Duration::from_secs(1));
    (app, device)
}

fn passkey_counts_where_a_second_factor_is_demanded(engine: EngineKind) {
    let (app, mut device) = with_passkey_only(engine);
    let (mut browser, page) = second_step(&app);
    assert!(page.text().contains("Now use your passkey.") && !page.body.contains("name=\"code\""), "{}", page.text());
    assert_lets_in(&send(&mut browser, &page, &device.answer(&options(&page))));
    app.advance(Duration::from_secs(1));
    assert_lets_in(&super::sign_in(&mut app.browser(), &mut device));
}

fn password_alone_adds_no_app_beside_a_passkey(engine: EngineKind) {
    let (app, _) = with_passkey_only(engine);
    // A form that was opened before the passkey was added.
    let mut browser = app.browser();
    app.execute("UPDATE passkeys SET rp_id = 'other'");
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).location(), SECOND);
    let form = browser.get(SECOND);
    let code = crate::support::Authenticator::scan(&form).code_at(app.clock.now());
    app.execute("UPDATE passkeys SET rp_id = 'localhost'");
    let set_up = form.between("name=\"set_up\" value=\"", "\"");
    let fields = [("code", code.as_str()), ("set_up", &set_up), ("csrf_token", &form.csrf_token())];
    let answer = browser.post(SECOND, &fields);
    assert!(answer.location().starts_with("/login"), "{} {}", answer.status, answer.text());
    assert_eq!(app.count("totp_factors", ""), 0);
    assert!(!browser.is_signed_in());
}

fn passkey_of_another_user_is_refused(engine: EngineKind) {
    let (app, _) = with_passkey_only(engine);
    app.add_user(OTHER_EMAIL);
    let optional = TestApp::over(app.database(), app.clock.clone(), |config| {
        config.public_url = ORIGIN.parse().unwrap();
    });
    let (_, mut other) = add_to(&optional, OTHER_EMAIL, PasskeyDevice::new(ORIGIN));
    let (mut browser, page) = second_step(&app);
    let mut asked = options(&page);
    asked["allowCredentials"] = serde_json::json!([]);
    assert_refuses(&send(&mut browser, &page, &other.answer(&asked)), 401, REJECTED);
    assert!(!browser.is_signed_in());
}

fn passkey_does_not_make_the_password_need_it(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    add_to(&app, EMAIL, PasskeyDevice::new(ORIGIN));
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).location(), HOME);
}

fn wrong_answer_shows_the_form_again(engine: EngineKind) {
    let (app, mut device) = with_passkey_only(engine);
    let (mut browser, page) = second_step(&app);
    "http://localhost:1".clone_into(&mut device.origin);
    let passkey = device.answer(&options(&page));
    let again = send(&mut browser, &page, &passkey);
    assert_refuses(&again, 401, REJECTED);
    ORIGIN.clone_into(&mut device.origin);
    let passkey = device.answer(&options(&again));
    assert_lets_in(&send(&mut browser, &again, &passkey));
}

fn administrator_removes_lost_passkeys(engine: EngineKind) {
    let (app, _) = with_passkey_only(engine);
    let accounts = app.keyrack.accounts();
    assert_eq!(wait(accounts.users_without_demanded_factor()).unwrap(), 0, "a passkey counts");
    let remove = || wait(accounts.remove_lost_second_factor(&EMAIL.parse().unwrap())).unwrap();
    assert_eq!((remove(), remove()), (Some(true), Some(false)));
    assert_eq!(app.count("passkeys", ""), 0);
    let removed = super::events(&app, "passkey_removed");
    assert_eq!((removed.len(), &removed[0]["actor"]), (1, &"admin".into()));
    assert_eq!(wait(accounts.users_without_demanded_factor()).unwrap(), 1);
    assert!(second_step(&app).1.text().contains("Your account needs a second factor"));
}
