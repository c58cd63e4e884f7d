//! A second factor that the operator demands: it is set up at the next sign-in

use keyrack::accounts::{Role, SecondFactorPolicy};

use super::{
    EMAIL, HOME, OTHER_EMAIL, SECOND, SECURITY, assert_lets_in, events, give_code, open_set_up, recovery_codes,
    send_set_up,
};
use crate::support::{EngineKind, PASSWORD, TestApp, on_both_engines, wait};

on_both_engines!(
    asvs_6_3_3_demanded_factor_is_set_up_before_any_session,
    admins_need_a_second_factor_and_users_do_not,
    first_administrator_sets_it_up,
    app_set_up_meanwhile_is_not_replaced,
    removed_app_is_demanded_again,
);

fn demanding(engine: EngineKind, policy: SecondFactorPolicy) -> TestApp {
    let app = TestApp::with(engine, |config| config.second_factor = policy);
    app.add_user(EMAIL);
    app
}

fn asvs_6_3_3_demanded_factor_is_set_up_before_any_session(engine: EngineKind) {
    let app = demanding(engine, SecondFactorPolicy::Everyone);
    let mut browser = app.browser();
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).location(), SECOND);
    let (page, authenticator) = open_set_up(&mut browser, SECOND);
    assert!(page.text().contains("Your account needs a second factor."), "{}", page.text());
    assert!(!browser.is_signed_in());
    let wrong = send_set_up(&mut browser, SECOND, &page, "000000");
    assert!(wrong.status == 401 && wrong.text().contains("This code is wrong."), "{}", wrong.text());
    assert_eq!((app.count("sessions", ""), app.count("totp_factors", "")), (0, 0));
    let done = send_set_up(&mut browser, SECOND, &wrong, &authenticator.code_at(app.clock.now()));
    let codes = recovery_codes(&done);
    assert!(done.body.contains(&format!("href=\"{HOME}\"")), "{}", done.body);
    assert!(browser.is_signed_in() && !browser.cookies.contains_key("keyrack.second"));
    assert_eq!(app.count("sessions", "WHERE authorised_by = 'password+totp'"), 1);
    assert_eq!(events(&app, "second_factor_added").len(), 1);
    let mut other = app.browser();
    assert_eq!(other.sign_in(EMAIL, PASSWORD).location(), SECOND);
    assert_lets_in(&give_code(&mut other, &codes[0]));
    app.assert_sound();
}

fn admins_need_a_second_factor_and_users_do_not(engine: EngineKind) {
    let app = demanding(engine, SecondFactorPolicy::Admins);
    assert!(app.signed_in(EMAIL).is_signed_in());
    wait(app.keyrack.accounts().set_role(&EMAIL.parse().unwrap(), Role::Admin)).unwrap();
    let mut browser = app.browser();
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).location(), SECOND);
    assert!(browser.get(SECOND).body.contains("otpauth://"));
    app.add_user(OTHER_EMAIL);
    assert!(app.signed_in(OTHER_EMAIL).get(SECURITY).text().contains("Not set up. With it"));
}

fn first_administrator_sets_it_up(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.second_factor = SecondFactorPolicy::Admins);
    let link = wait(app.keyrack.setup_link()).unwrap().unwrap();
    let path = link.strip_prefix(&app.origin()).unwrap();
    let token = path.split_once("token=").unwrap().1;
    let mut browser = app.browser();
    let fields = [("token", token), ("email", EMAIL), ("first_name", "Rajat"), ("password", PASSWORD)];
    let answer = browser.post_from(path, "/setup", &[&fields[..], &[("password_again", PASSWORD)]].concat());
    assert_eq!((answer.status, answer.location()), (303, SECOND), "{}", answer.body);
    assert_eq!(app.count("sessions", ""), 0);
    let (page, authenticator) = open_set_up(&mut browser, SECOND);
    recovery_codes(&send_set_up(&mut browser, SECOND, &page, &authenticator.code_at(app.clock.now())));
    assert!(browser.is_signed_in());
}

/// A person with the password has begun a sign-in before its owner set an app up.
fn app_set_up_meanwhile_is_not_replaced(engine: EngineKind) {
    let app = demanding(engine, SecondFactorPolicy::Everyone);
    let (mut owner, mut thief) = (app.browser(), app.browser());
    for browser in [&mut owner, &mut thief] {
        assert_eq!(browser.sign_in(EMAIL, PASSWORD).location(), SECOND);
    }
    let (stolen, of_thief) = open_set_up(&mut thief, SECOND);
    let (page, authenticator) = open_set_up(&mut owner, SECOND);
    recovery_codes(&send_set_up(&mut owner, SECOND, &page, &authenticator.code_at(app.clock.now())));
    let answer = send_set_up(&mut thief, SECOND, &stolen, &of_thief.code_at(app.clock.now()));
    assert_eq!((answer.status, answer.location()), (303, SECOND));
    assert!(thief.get(SECOND).text().contains("Enter your code"));
    assert_eq!(give_code(&mut thief, &of_thief.code_at(app.clock.now())).status, 401);
    assert!(!thief.is_signed_in());
}

fn removed_app_is_demanded_again(engine: EngineKind) {
    let app = demanding(engine, SecondFactorPolicy::Everyone);
    let mut browser = app.browser();
    browser.sign_in(EMAIL, PASSWORD);
    let (page, authenticator) = open_set_up(&mut browser, SECOND);
    send_set_up(&mut browser, SECOND, &page, &authenticator.code_at(app.clock.now()));
    assert!(browser.get(SECURITY).text().contains("your next sign-in asks you to set up another one"));
    browser.post_from(SECURITY, "/account/security/authenticator/remove", &[]);
    assert!(browser.is_signed_in());
    browser.sign_out();
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).location(), SECOND);
    assert!(browser.get(SECOND).body.contains("otpauth://"));
}
