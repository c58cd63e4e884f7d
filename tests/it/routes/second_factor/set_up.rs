//! Setting up an authenticator app in a session

use std::{thread, time::Duration};

use super::{
    EMAIL, OTHER_EMAIL, SECOND, SECURITY, SET_UP, add_factor, assert_lets_in, events, give_code, open_set_up,
    recovery_codes, send_set_up, start, waiting,
};
use crate::support::{EngineKind, TestApp, on_both_engines};

on_both_engines!(
    nothing_is_stored_before_the_first_right_code,
    secret_of_another_session_or_user_is_refused,
    secret_waits_for_ten_minutes,
    set_up_sent_twice_shows_the_same_codes,
    second_app_is_not_added,
    form_with_another_secret_shows_no_codes,
    asvs_6_5_3_codes_and_secrets_are_random,
);

fn nothing_is_stored_before_the_first_right_code(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    assert!(browser.get(SECURITY).text().contains("Not set up."));
    let (page, authenticator) = open_set_up(&mut browser, SET_UP);
    assert!(page.body.contains("<svg class=\"qr\"") && !page.body.contains("<img src=\"data:"), "{}", page.body);
    let wrong = send_set_up(&mut browser, SET_UP, &page, "000000");
    assert!(wrong.status == 401 && wrong.text().contains("This code is wrong."), "{}", wrong.body);
    assert_eq!((app.count("totp_factors", ""), app.count("recovery_codes", "")), (0, 0));
    assert!(app.signed_in(EMAIL).is_signed_in(), "no code is asked for yet");
    // The same secret is shown again, so that it need not be scanned twice.
    let answer = send_set_up(&mut browser, SET_UP, &wrong, &authenticator.code_at(app.clock.now()));
    let codes = recovery_codes(&answer);
    assert!(answer.text().contains("Keep your recovery codes"), "{}", answer.text());
    assert_eq!((app.count("totp_factors", ""), app.count("recovery_codes", "")), (1, 10));
    let added = events(&app, "second_factor_added");
    assert_eq!((added.len(), added[0]["session_id"].as_str()), (1, Some(browser.session_id().as_str())));
    assert_lets_in(&give_code(&mut waiting(&app), &codes[0]));
    let security = browser.get(SECURITY).text();
    assert!(security.contains("Set up just now on Firefox 140 on Linux"), "{security}");
    assert!(!security.contains(&codes[1]), "codes are shown once");
}

fn secret_of_another_session_or_user_is_refused(engine: EngineKind) {
    let app = TestApp::new(engine);
    for email in [EMAIL, OTHER_EMAIL] {
        app.add_user(email);
    }
    let (mut own, mut same_user, mut other) = (app.signed_in(EMAIL), app.signed_in(EMAIL), app.signed_in(OTHER_EMAIL));
    let (page, authenticator) = open_set_up(&mut other, SET_UP);
    let (page_of_session, of_session) = open_set_up(&mut same_user, SET_UP);
    for (foreign, authenticator) in [(page, authenticator), (page_of_session, of_session)] {
        let set_up = foreign.between("name=\"set_up\" value=\"", "\"");
        let fields = [("code", authenticator.code_at(app.clock.now())), ("set_up", set_up)];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = own.post_from(SET_UP, SET_UP, &fields);
        assert!(answer.status == 401 && answer.text().contains("has expired"), "{}", answer.text());
    }
    assert_eq!(app.count("totp_factors", ""), 0);
}

fn secret_waits_for_ten_minutes(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.reauth_window = Duration::from_secs(3600));
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let (page, authenticator) = open_set_up(&mut browser, SET_UP);
    app.advance(Duration::from_secs(10 * 60));
    let late = send_set_up(&mut browser, SET_UP, &page, &authenticator.code_at(app.clock.now()));
    assert!(late.status == 401 && late.text().contains("has expired"), "{}", late.text());
    assert_eq!(app.count("totp_factors", ""), 0);
}

fn set_up_sent_twice_shows_the_same_codes(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let (page, authenticator) = open_set_up(&mut browser, SET_UP);
    let code = authenticator.code_at(app.clock.now());
    let (mut first, mut second) = (browser.clone(), browser);
    let (one, other) = thread::scope(|scope| {
        let sent = scope.spawn(|| send_set_up(&mut first, SET_UP, &page, &code));
        let other = send_set_up(&mut second, SET_UP, &page, &code);
        (sent.join().unwrap(), other)
    });
    assert_eq!(recovery_codes(&one), recovery_codes(&other));
    assert_eq!((app.count("recovery_codes", ""), events(&app, "second_factor_added").len()), (10, 1));
}

fn second_app_is_not_added(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut thief = app.signed_in(EMAIL);
    let (page, authenticator) = open_set_up(&mut thief, SET_UP);
    let owner = add_factor(&app, EMAIL);
    app.advance(Duration::from_secs(6));
    let answer = send_set_up(&mut thief, SET_UP, &page, &authenticator.code_at(app.clock.now()));
    assert_eq!((answer.status, answer.location()), (303, SECURITY));
    assert_eq!(thief.get(SET_UP).location(), SECURITY);
    let mut browser = waiting(&app);
    let refused = browser.post_from(SECOND, SECOND, &[("code", &authenticator.code_at(app.clock.now()))]);
    assert_eq!(refused.status, 401);
    assert_lets_in(&give_code(&mut browser, &owner.next_code(&app)));
}

/// Two pages are open; the form of one is sent with the secret of the other. Its codes would let no one in.
fn form_with_another_secret_shows_no_codes(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let (page, authenticator) = open_set_up(&mut browser, SET_UP);
    let (other_page, other) = open_set_up(&mut browser, SET_UP);
    let codes = recovery_codes(&send_set_up(&mut browser, SET_UP, &page, &authenticator.code_at(app.clock.now())));
    let (set_up, code) = (other_page.between("name=\"set_up\" value=\"", "\""), other.code_at(app.clock.now()));
    let fields = [("code", code.as_str()), ("set_up", &set_up), ("csrf_token", &page.csrf_token())];
    let answer = browser.post(SET_UP, &fields);
    assert_eq!((answer.status, answer.location()), (303, SECURITY), "{}", answer.body);
    let mut waiting = waiting(&app);
    assert_eq!(give_code(&mut waiting, &code).status, 401);
    assert_lets_in(&give_code(&mut waiting, &codes[0]));
}

fn asvs_6_5_3_codes_and_secrets_are_random(engine: EngineKind) {
    let (app, first) = start(engine);
    app.add_user(OTHER_EMAIL);
    let second = add_factor(&app, OTHER_EMAIL);
    let mut all = [first.recovery_codes, second.recovery_codes].concat();
    assert!(all.iter().all(|code| code.len() == 14), "{all:?}");
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 20);
    let secrets = app.texts("SELECT sealed_secret AS v FROM totp_factors");
    assert!(secrets.len() == 2 && secrets[0] != secrets[1]);
}
