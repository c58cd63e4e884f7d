//! Links that set a password ask for the second factor, too

use keyrack::accounts::{InvitedUser, SecondFactorPolicy};

use super::{
    EMAIL, HOME, SECOND, assert_lets_in, assert_refuses, events, give_code, open_set_up, recovery_codes, send_set_up,
    start,
};
use crate::support::{Answer, Browser, EngineKind, TestApp, on_both_engines, wait};

pub(super) const NEW: &str = "seven hills, one river";

on_both_engines!(
    reset_with_a_factor_asks_for_a_code,
    page_of_a_reset_shows_the_app_which_stays,
    reset_accepts_a_recovery_code,
    reset_ends_trust_in_browsers,
    reset_form_sent_twice_asks_for_a_code,
    pending_reset_ends_with_the_next_password,
    reset_without_a_demanded_factor_sets_it_up,
    invited_user_sets_up_a_demanded_factor,
    invited_user_in_two_tabs_gives_a_code,
);

pub(super) fn reset_link(app: &TestApp) -> String {
    app.advance(super::STEP);
    wait(app.keyrack.accounts().create_reset_link(&EMAIL.parse().unwrap(), None)).unwrap().unwrap().path()
}

fn invitation(app: &TestApp) -> String {
    let user =
        InvitedUser { email: EMAIL.parse().unwrap(), user_name: None, first_name: None, last_name: None, role: None };
    wait(app.keyrack.accounts().invite(user, None)).unwrap().path()
}

/// Sends the form of a link's page.
pub(super) fn set_password(browser: &mut Browser, path: &str, password: &str) -> Answer {
    let (page, token) = path.split_once("?token=").unwrap();
    browser.post_from(path, page, &[("token", token), ("password", password), ("password_again", password)])
}

/// Uses the link, which has to lead to the second step, without a session.
#[track_caller]
fn use_link(app: &TestApp, path: &str) -> Browser {
    let mut browser = app.browser();
    let answer = set_password(&mut browser, path, NEW);
    assert_eq!((answer.status, answer.location()), (303, SECOND), "{}", answer.body);
    assert!(!answer.set_cookies().iter().any(|cookie| cookie.starts_with("keyrack.sid=")), "{answer:?}");
    assert!(!browser.is_signed_in());
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 0);
    browser
}

fn ways_in(app: &TestApp) -> Vec<String> {
    app.texts("SELECT authorised_by AS v FROM sessions WHERE status = 'active'")
}

fn reset_with_a_factor_asks_for_a_code(engine: EngineKind) {
    let (app, factor) = start(engine);
    let mut browser = use_link(&app, &reset_link(&app));
    for path in [HOME, "/account/security", "/reauth"] {
        browser.get(path).assert_not_signed_in();
    }
    assert_refuses(&give_code(&mut browser, "000000"), 401, "This code is wrong.");
    assert_lets_in(&give_code(&mut browser, &factor.next_code(&app)));
    assert!(browser.is_signed_in());
    assert_eq!(ways_in(&app), ["reset+totp"]);
    let activity = browser.get("/account/activity").text();
    assert!(activity.contains("Signed in with a link for a new password and a code of the app"), "{activity}");
    app.assert_sound();
}

/// A thief may have added it. But it protects from those who can read the owner's mails, so a link does not remove it.
fn page_of_a_reset_shows_the_app_which_stays(engine: EngineKind) {
    let (app, _) = start(engine);
    let path = reset_link(&app);
    let text = app.browser().get(&path).text();
    assert!(text.contains("This account is also protected by:"), "{text}");
    assert!(text.contains("Authenticator app: Set up ") && text.contains("Recovery codes: 10 codes"), "{text}");
    use_link(&app, &path);
    assert_eq!(app.count("totp_factors", ""), 1);
}

fn reset_accepts_a_recovery_code(engine: EngineKind) {
    let (app, factor) = start(engine);
    let mut browser = use_link(&app, &reset_link(&app));
    assert_lets_in(&give_code(&mut browser, &factor.recovery_codes[3]));
    assert_eq!(ways_in(&app), ["reset+recovery_code"]);
    let activity = browser.get("/account/activity").text();
    assert!(activity.contains("Signed in with a link for a new password and a recovery code"), "{activity}");
}

/// Who can read the owner's mails may sit at a browser that needs no code.
fn reset_ends_trust_in_browsers(engine: EngineKind) {
    let (app, factor) = start(engine);
    let mut trusted = super::waiting(&app);
    let code = factor.next_code(&app);
    assert_lets_in(&trusted.post_from(SECOND, SECOND, &[("code", &code), ("trust", "on")]));
    trusted.sign_out();
    let answer = set_password(&mut trusted, &reset_link(&app), NEW);
    assert_eq!((answer.status, answer.location()), (303, SECOND), "{}", answer.body);
    assert!(!trusted.is_signed_in());
    assert_eq!(app.count("known_browsers", "WHERE trusted_until IS NOT NULL"), 0);
}

fn reset_form_sent_twice_asks_for_a_code(engine: EngineKind) {
    let (app, factor) = start(engine);
    let path = reset_link(&app);
    let mut browser = app.browser();
    browser.get(&path);
    let mut second = browser.clone();
    for browser in [&mut browser, &mut second] {
        assert_eq!(set_password(browser, &path, NEW).location(), SECOND);
    }
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 0);
    assert_lets_in(&give_code(&mut second, &factor.next_code(&app)));
    assert_eq!(ways_in(&app), ["reset+totp"]);
}

fn pending_reset_ends_with_the_next_password(engine: EngineKind) {
    let (app, factor) = start(engine);
    let mut browser = use_link(&app, &reset_link(&app));
    set_password(&mut app.browser(), &reset_link(&app), "eight hills, two rivers");
    let page = browser.get("/login");
    let over = browser.post(SECOND, &[("code", &factor.next_code(&app)), ("csrf_token", &page.csrf_token())]);
    assert_eq!((over.status, over.location()), (303, "/login?again=on"));
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 0);
}

fn reset_without_a_demanded_factor_sets_it_up(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.second_factor = SecondFactorPolicy::Everyone);
    app.add_user(EMAIL);
    let mut browser = use_link(&app, &reset_link(&app));
    let (page, authenticator) = open_set_up(&mut browser, SECOND);
    recovery_codes(&send_set_up(&mut browser, SECOND, &page, &authenticator.code_at(app.clock.now())));
    assert!(browser.is_signed_in());
    assert_eq!(ways_in(&app), ["reset+totp"]);
}

fn invited_user_sets_up_a_demanded_factor(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.second_factor = SecondFactorPolicy::Everyone);
    let mut browser = use_link(&app, &invitation(&app));
    let (page, authenticator) = open_set_up(&mut browser, SECOND);
    assert!(page.text().contains("Your account needs a second factor."), "{}", page.text());
    assert_eq!(send_set_up(&mut browser, SECOND, &page, "000000").status, 401);
    assert!(!browser.is_signed_in());
    recovery_codes(&send_set_up(&mut browser, SECOND, &page, &authenticator.code_at(app.clock.now())));
    assert!(browser.is_signed_in());
    assert_eq!(ways_in(&app), ["invitation+totp"]);
    assert_eq!(events(&app, "signed_in")[0]["detail"]["authorised_by"], "invitation+totp");
    app.assert_sound();
}

fn invited_user_in_two_tabs_gives_a_code(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.second_factor = SecondFactorPolicy::Everyone);
    let mut browser = use_link(&app, &invitation(&app));
    let mut other_tab = browser.clone();
    let (page, authenticator) = open_set_up(&mut browser, SECOND);
    let codes = recovery_codes(&send_set_up(&mut browser, SECOND, &page, &authenticator.code_at(app.clock.now())));
    assert_lets_in(&give_code(&mut other_tab, &codes[0]));
    assert!(ways_in(&app).contains(&"invitation+recovery_code".to_owned()), "{:?}", ways_in(&app));
}
