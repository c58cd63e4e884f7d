//! Browsers that need no code for 30 days

use std::time::Duration;

use keyrack::accounts::Password;

use super::{
    EMAIL, Factor, HOME, OTHER_EMAIL, SECOND, SECURITY, add_factor, assert_lets_in, events, give_code, give_password,
    start, waiting,
};
use crate::support::{Browser, EngineKind, PASSWORD, TestApp, on_both_engines, wait};

on_both_engines!(
    trusted_browser_needs_no_code_for_thirty_days,
    trust_is_that_of_one_account,
    owner_ends_the_trust_in_browsers,
    revoked_device_is_not_trusted,
    report_and_new_password_end_all_trust,
    removed_app_ends_all_trust,
);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Signs in with a code in this browser, which is to be trusted.
fn trust(app: &TestApp, factor: &Factor, browser: &mut Browser) {
    give_password(browser, EMAIL);
    let code = factor.next_code(app);
    assert_lets_in(&browser.post_from(SECOND, SECOND, &[("code", &code), ("trust", "on")]));
}

/// Signs out and in again. Returns whether no code was asked for.
fn is_trusted(browser: &mut Browser) -> bool {
    if browser.is_signed_in() {
        browser.sign_out();
    }
    match browser.sign_in(EMAIL, PASSWORD).location() {
        HOME => true,
        SECOND => false,
        other => panic!("{other}"),
    }
}

fn trusted_browser_needs_no_code_for_thirty_days(engine: EngineKind) {
    let (app, factor) = start(engine);
    let (mut browser, mut other) = (app.browser(), waiting(&app));
    trust(&app, &factor, &mut browser);
    assert_lets_in(&give_code(&mut other, &factor.next_code(&app)));
    assert!(is_trusted(&mut browser) && !is_trusted(&mut other), "the other did not ask for it");
    assert_eq!(app.count("sessions", "WHERE authorised_by = 'password+trusted_browser'"), 1);
    assert_eq!(events(&app, "browser_trusted").len(), 1);
    app.advance(DAY * 29 + Duration::from_secs(86_280));
    assert!(is_trusted(&mut browser));
    app.advance(Duration::from_secs(121));
    assert!(!is_trusted(&mut browser), "using it does not prolong it");
}

fn trust_is_that_of_one_account(engine: EngineKind) {
    let (app, factor) = start(engine);
    app.add_user(OTHER_EMAIL);
    let mut browser = add_factor(&app, OTHER_EMAIL).browser;
    browser.sign_out();
    trust(&app, &factor, &mut browser);
    browser.sign_out();
    assert_eq!(browser.sign_in(OTHER_EMAIL, PASSWORD).location(), SECOND);
    assert!(is_trusted(&mut browser));
}

fn owner_ends_the_trust_in_browsers(engine: EngineKind) {
    let (app, factor) = start(engine);
    let mut browsers = [app.browser(), app.browser(), app.browser()];
    for browser in &mut browsers {
        trust(&app, &factor, browser);
    }
    let mut owner = factor.browser;
    let page = owner.get(SECURITY);
    assert_eq!(page.text().matches("Needs a code again in 30 days").count(), 3, "{}", page.text());
    let path = |browser: &mut Browser| format!("{SECURITY}/browsers/{}/forget", browser.session_id());
    let answer = owner.post_from(SECURITY, &path(&mut browsers[0]), &[]);
    assert_eq!((answer.status, answer.location()), (303, SECURITY), "{}", answer.body);
    assert!(owner.get(SECURITY).text().contains("A code is asked for again"));
    assert_eq!(browsers.each_mut().map(is_trusted), [false, true, true]);
    // Another user can't.
    app.add_user(OTHER_EMAIL);
    let mut stranger = app.signed_in(OTHER_EMAIL);
    let foreign = path(&mut browsers[1]);
    assert_eq!(stranger.post_from(SECURITY, &foreign, &[]).location(), SECURITY);
    assert!(is_trusted(&mut browsers[1]));
    assert_eq!(owner.post_from(SECURITY, "/account/security/browsers/forget", &[]).location(), SECURITY);
    assert_eq!(browsers.each_mut().map(is_trusted), [false, false, false]);
    assert_eq!(events(&app, "browser_trust_ended").len(), 2);
}

fn revoked_device_is_not_trusted(engine: EngineKind) {
    let (app, factor) = start(engine);
    let mut phone = app.browser();
    trust(&app, &factor, &mut phone);
    let id = phone.session_id();
    let mut owner = factor.browser;
    assert_eq!(owner.post_from(HOME, &format!("{HOME}/{id}/revoke"), &[]).location(), HOME);
    assert!(!is_trusted(&mut phone));
}

fn report_and_new_password_end_all_trust(engine: EngineKind) {
    let (app, factor) = start(engine);
    let (mut browser, mut phone) = (app.browser(), waiting(&app));
    trust(&app, &factor, &mut browser);
    assert_lets_in(&give_code(&mut phone, &factor.next_code(&app)));
    let id = phone.session_id();
    let mut owner = factor.browser.clone();
    assert_eq!(owner.post_from(HOME, &format!("{HOME}/{id}/report"), &[]).status, 303);
    assert_eq!(events(&app, "session_reported").len(), 1);
    assert!(!is_trusted(&mut browser));
    trust(&app, &factor, &mut browser);
    app.advance(Duration::from_secs(1));
    wait(app.keyrack.accounts().set_password(&EMAIL.parse().unwrap(), Password::new(PASSWORD))).unwrap();
    assert!(!is_trusted(&mut browser));
}

fn removed_app_ends_all_trust(engine: EngineKind) {
    let (app, mut factor) = start(engine);
    let mut browser = app.browser();
    trust(&app, &factor, &mut browser);
    factor.browser.post_from(SECURITY, "/account/security/authenticator/remove", &[]);
    add_factor(&app, EMAIL);
    assert!(!is_trusted(&mut browser));
}
