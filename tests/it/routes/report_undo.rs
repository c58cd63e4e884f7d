//! "This wasn't me" takes out what the session has added to the account.

use std::time::Duration;

use super::{
    passkeys::{self, ORIGIN, PASSKEYS},
    second_factor::{CODES, REMOVE, SECOND, SECURITY, STEP, add_app, recovery_codes},
};
use crate::support::{
    Answer, Authenticator, Browser, EngineKind, PASSWORD, PasskeyDevice, TestApp, on_both_engines, wait,
};

on_both_engines!(
    report_takes_out_what_the_session_has_added,
    page_says_beforehand_what_is_undone,
    report_ends_sessions_that_an_app_has_let_in,
    report_takes_out_passkeys_and_the_sessions_they_let_in,
    passkey_with_which_the_reporter_signed_in_stays,
    report_ends_sessions_of_a_browser_that_it_has_trusted,
    passkey_that_let_the_session_in_is_removed,
    app_of_the_owner_stays,
    recovery_codes_go_and_the_app_of_the_owner_stays,
    app_with_which_the_reporter_signed_in_stays,
    session_that_has_set_the_password_undoes_nothing_of_others,
    password_that_the_owner_set_afterwards_stays,
    second_report_undoes_nothing_again,
);

const EMAIL: &str = "rajat.verma@example.com";
const DEVICES: &str = "/account/sessions";
const PASSWORD_PAGE: &str = "/account/password";
const THIEF_PASSWORD: &str = "seven crows on a copper wire";
const SECOND_OF_TIME: Duration = Duration::from_secs(1);

/// The owner's browser, and that of a thief who has the password and signed in later.
fn owner_and_thief(app: &TestApp) -> (Browser, Browser) {
    app.add_user(EMAIL);
    let owner = app.signed_in(EMAIL);
    app.advance(SECOND_OF_TIME);
    let mut thief = app.browser().with_header("user-agent", "curl/8.5.0");
    assert_eq!(thief.sign_in(EMAIL, PASSWORD).status, 303);
    (owner, thief)
}

fn not_me(id: &str) -> String {
    format!("{DEVICES}/{id}/not-me")
}

#[track_caller]
fn report(browser: &mut Browser, id: &str) {
    let answer = browser.post_from(DEVICES, &format!("{DEVICES}/{id}/report"), &[]);
    assert_eq!((answer.status, answer.location()), (303, not_me(id).as_str()), "{}", answer.text());
}

fn name(browser: &mut Browser, id: &str, name: &str) {
    let path = format!("{DEVICES}/{id}/name");
    assert_eq!(browser.post_from(&format!("{DEVICES}/{id}"), &path, &[("name", name)]).status, 303);
}

fn name_of(app: &TestApp, id: &str) -> serde_json::Value {
    app.rows("sessions", &format!("WHERE id = '{id}'"))[0]["name"].clone()
}

/// Changes the password, and keeps the other sessions signed in.
fn change_password(browser: &mut Browser) -> Answer {
    let fields = [("current_password", PASSWORD), ("password", THIEF_PASSWORD), ("password_again", THIEF_PASSWORD)];
    let fields: Vec<_> = fields.into_iter().chain([("keep_others", "on")]).collect();
    browser.post_from(PASSWORD_PAGE, PASSWORD_PAGE, &fields)
}

/// Signs in with the password and a code of this app.
fn sign_in_with(app: &TestApp, authenticator: &Authenticator) -> Browser {
    let mut browser = app.browser();
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).location(), SECOND);
    app.clock.advance(STEP);
    let answer = browser.post_from(SECOND, SECOND, &[("code", &authenticator.code_at(app.clock.now()))]);
    assert_eq!(answer.location(), DEVICES, "{}", answer.text());
    browser
}

fn report_takes_out_what_the_session_has_added(engine: EngineKind) {
    let app = TestApp::new(engine);
    let (mut owner, mut thief) = owner_and_thief(&app);
    let (desk, id) = (owner.session_id(), thief.session_id());
    name(&mut owner, &desk, "My desk");
    add_app(&app, &mut thief);
    name(&mut thief, &desk, "Lost phone");
    name(&mut thief, &id, "My laptop");
    report(&mut owner, &id);
    assert!(!thief.is_signed_in() && owner.is_signed_in());
    assert_eq!((app.count("totp_factors", ""), app.count("recovery_codes", "")), (0, 0));
    assert_eq!((name_of(&app, &desk), name_of(&app, &id)), ("My desk".into(), serde_json::Value::Null));
    assert!(app.signed_in(EMAIL).is_signed_in(), "no code is asked for");
    let reported = &app.rows("security_events", "WHERE kind = 'session_reported'")[0]["detail"];
    assert!(reported.to_string().contains("authenticator_app"), "{reported}");
    let page = owner.get(&not_me(&id)).text();
    assert!(page.contains("Authenticator app removed"), "{page}");
    app.assert_sound();
}

fn page_says_beforehand_what_is_undone(engine: EngineKind) {
    let app = TestApp::new(engine);
    let (mut owner, mut thief) = owner_and_thief(&app);
    let id = thief.session_id();
    let before = owner.get(&not_me(&id)).text();
    assert!(!before.contains("is removed") && !before.contains("stops working"), "{before}");
    let own = add_app(&app, &mut thief);
    sign_in_with(&app, &own);
    name(&mut thief, &id, "My laptop");
    let page = owner.get(&not_me(&id)).text();
    for said in [
        "1 other session, which it has let in, is signed out as well.",
        "The authenticator app that was added in it is removed, with its recovery codes.",
        "1 session that was renamed in it gets its former name back.",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert_eq!(app.count("totp_factors", ""), 1, "nothing is changed");
}

fn report_ends_sessions_that_an_app_has_let_in(engine: EngineKind) {
    let app = TestApp::new(engine);
    let (mut owner, mut thief) = owner_and_thief(&app);
    let id = thief.session_id();
    let own = add_app(&app, &mut thief);
    let mut second = sign_in_with(&app, &own);
    let codes = recovery_codes(&second.post_from(SECURITY, CODES, &[]));
    let mut third = app.browser();
    assert_eq!(third.sign_in(EMAIL, PASSWORD).location(), SECOND);
    assert_eq!(third.post_from(SECOND, SECOND, &[("code", &codes[0])]).location(), DEVICES);
    thief.sign_out();
    report(&mut owner, &id);
    assert!(!second.is_signed_in() && !third.is_signed_in() && owner.is_signed_in());
    assert_eq!((app.count("totp_factors", ""), app.count("recovery_codes", "")), (0, 0));
    let known = app.rows("known_browsers", "");
    assert_eq!(known.len(), 1, "only the owner's: {known:?}");
    app.assert_sound();
}

fn with_passkeys(engine: EngineKind) -> TestApp {
    TestApp::with(engine, |config| config.public_url = ORIGIN.parse().unwrap())
}

/// Adds a passkey of a new device.
fn add_passkey(app: &TestApp, browser: &mut Browser, name: &str) -> PasskeyDevice {
    let mut device = PasskeyDevice::new(ORIGIN);
    let answer = passkeys::add(browser, &mut device, name);
    assert_eq!(answer.location(), PASSKEYS, "{}", answer.text());
    app.advance(SECOND_OF_TIME);
    device
}

fn report_takes_out_passkeys_and_the_sessions_they_let_in(engine: EngineKind) {
    let app = with_passkeys(engine);
    let (mut owner, mut thief) = owner_and_thief(&app);
    let (id, mut key) = (thief.session_id(), add_passkey(&app, &mut owner, "My key"));
    let own = passkeys::first_id(&mut owner);
    thief.post_from(PASSKEYS, &format!("{PASSKEYS}/{own}/name"), &[("name", "Lost key")]);
    let mut device = add_passkey(&app, &mut thief, "Second key");
    let mut by_passkey = app.browser();
    assert_eq!(passkeys::sign_in(&mut by_passkey, &mut device).location(), DEVICES);
    let mut added_later = add_passkey(&app, &mut by_passkey, "Third key");
    let page = owner.get(&not_me(&id)).text();
    for said in [
        "1 other session, which it has let in, is signed out as well.",
        "2 passkeys that were added in it, or have let it in, are removed.",
        "1 passkey that was renamed in it gets its former name back.",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    report(&mut owner, &id);
    assert!(!thief.is_signed_in() && !by_passkey.is_signed_in() && owner.is_signed_in());
    let left = app.rows("passkeys", "");
    assert_eq!((left.len(), &left[0]["name"]), (1, &"My key".into()));
    for device in [&mut device, &mut added_later] {
        assert_eq!(passkeys::sign_in(&mut app.browser(), device).status, 401);
    }
    assert_eq!(passkeys::sign_in(&mut app.browser(), &mut key).location(), DEVICES);
    let reported = &app.rows("security_events", "WHERE kind = 'session_reported'")[0]["detail"];
    assert!(reported.to_string().contains("passkeys"), "{reported}");
    let page = owner.get(&not_me(&id)).text();
    assert!(page.contains("Passkey “Second key” removed") && page.contains("renamed to “My key”"), "{page}");
    app.assert_sound();
}

fn passkey_with_which_the_reporter_signed_in_stays(engine: EngineKind) {
    let app = with_passkeys(engine);
    app.add_user(EMAIL);
    let mut phone = app.signed_in(EMAIL);
    let mut synced = add_passkey(&app, &mut phone, "");
    let mut desk = app.browser();
    assert_eq!(passkeys::sign_in(&mut desk, &mut synced).location(), DEVICES);
    app.advance(SECOND_OF_TIME);
    report(&mut desk, &phone.session_id());
    assert!(desk.is_signed_in() && !phone.is_signed_in());
    assert_eq!(passkeys::sign_in(&mut app.browser(), &mut synced).location(), DEVICES);
}

/// The thief signs in with the own app, lets the browser be trusted, and comes back to it without a code.
fn report_ends_sessions_of_a_browser_that_it_has_trusted(engine: EngineKind) {
    let app = TestApp::new(engine);
    let (mut owner, mut thief) = owner_and_thief(&app);
    let id = thief.session_id();
    let own = add_app(&app, &mut thief);
    let mut browser = app.browser();
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).location(), SECOND);
    app.clock.advance(STEP);
    let code = own.code_at(app.clock.now());
    assert_eq!(browser.post_from(SECOND, SECOND, &[("code", &code), ("trust", "on")]).location(), DEVICES);
    let trusting = browser.session_id();
    browser.sign_out();
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).location(), DEVICES, "no code is asked for");
    let used = &app.rows("security_events", "WHERE kind = 'browser_trust_used'")[0];
    assert_eq!(used["session_id"], browser.session_id());
    assert!(used["detail"].to_string().contains(&trusting), "{used}");
    assert!(browser.get("/account/activity").text().contains("No code was asked for: this browser is trusted"));
    assert!(owner.get(&not_me(&id)).text().contains("1 other session, which it has let in, is signed out as well."));
    report(&mut owner, &id);
    assert!(!browser.is_signed_in() && owner.is_signed_in());
}

/// A thief has added it in a session of the owner's, whose cookie was copied.
fn passkey_that_let_the_session_in_is_removed(engine: EngineKind) {
    let app = with_passkeys(engine);
    app.add_user(EMAIL);
    let mut owner = app.signed_in(EMAIL);
    let mut foreign = add_passkey(&app, &mut owner, "A thief's");
    let (mut first, mut second) = (app.browser(), app.browser());
    for browser in [&mut first, &mut second] {
        assert_eq!(passkeys::sign_in(browser, &mut foreign).location(), DEVICES);
        app.advance(SECOND_OF_TIME);
    }
    let id = second.session_id();
    let page = owner.get(&not_me(&id)).text();
    assert!(page.contains("1 passkey that was added in it, or has let it in, is removed."), "{page}");
    report(&mut owner, &id);
    assert!(owner.is_signed_in() && !first.is_signed_in() && !second.is_signed_in());
    assert_eq!(passkeys::sign_in(&mut app.browser(), &mut foreign).status, 401);
    let page = owner.get(&not_me(&id)).text();
    assert!(page.contains("used a passkey instead of your password"), "{page}");
    app.assert_sound();
}

fn app_of_the_owner_stays(engine: EngineKind) {
    let app = TestApp::new(engine);
    let (mut owner, mut thief) = owner_and_thief(&app);
    let id = thief.session_id();
    add_app(&app, &mut thief);
    assert_eq!(owner.post_from(SECURITY, REMOVE, &[]).status, 303);
    app.clock.advance(STEP);
    let own = add_app(&app, &mut owner);
    report(&mut owner, &id);
    assert_eq!((app.count("totp_factors", ""), app.count("recovery_codes", "")), (1, 10));
    assert!(sign_in_with(&app, &own).is_signed_in());
}

fn recovery_codes_go_and_the_app_of_the_owner_stays(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut owner = app.signed_in(EMAIL);
    let own = add_app(&app, &mut owner);
    let mut thief = sign_in_with(&app, &own);
    let id = thief.session_id();
    recovery_codes(&thief.post_from(SECURITY, CODES, &[]));
    assert!(owner.get(&not_me(&id)).text().contains("The recovery codes that were made in it stop working."));
    report(&mut owner, &id);
    assert_eq!((app.count("totp_factors", ""), app.count("recovery_codes", "")), (1, 0));
    assert!(owner.get(&not_me(&id)).text().contains("Recovery codes removed"));
    assert!(sign_in_with(&app, &own).is_signed_in());
}

/// The owner reports the browser on which they once set up the app, which they still have.
fn app_with_which_the_reporter_signed_in_stays(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut lost = app.signed_in(EMAIL);
    let id = lost.session_id();
    let own = add_app(&app, &mut lost);
    let mut desk = sign_in_with(&app, &own);
    let question = desk.get(&not_me(&id)).text();
    assert!(!question.contains("is removed") && !question.contains("other session"), "{question}");
    report(&mut desk, &id);
    assert!(desk.is_signed_in() && !lost.is_signed_in());
    assert_eq!((app.count("totp_factors", ""), app.count("recovery_codes", "")), (1, 10));
    assert!(sign_in_with(&app, &own).is_signed_in());
}

/// The session that has set the password has not let in those that the password has let in.
fn session_that_has_set_the_password_undoes_nothing_of_others(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    app.advance(SECOND_OF_TIME);
    let link = wait(app.keyrack.accounts().create_reset_link(&EMAIL.parse().unwrap(), None)).unwrap().unwrap();
    let mut first = app.browser();
    let token = first.get(&link.path()).between("name=\"token\" value=\"", "\"");
    let fields = [("token", token.as_str()), ("password", THIEF_PASSWORD), ("password_again", THIEF_PASSWORD)];
    assert_eq!(first.post_from(&link.path(), "/reset", &fields).location(), DEVICES);
    let id = first.session_id();
    app.advance(SECOND_OF_TIME);
    let mut phone = app.browser();
    assert_eq!(phone.sign_in(EMAIL, THIEF_PASSWORD).location(), DEVICES);
    add_app(&app, &mut phone);
    report(&mut phone, &id);
    assert!(phone.is_signed_in() && !first.is_signed_in());
    assert_eq!(app.count("totp_factors", ""), 1);
}

/// The thief has changed the password, so the owner needs a link to prove who they are.
fn password_that_the_owner_set_afterwards_stays(engine: EngineKind) {
    const NEW: &str = "eleven lamps behind the harbour";
    let app = TestApp::new(engine);
    let (mut owner, mut thief) = owner_and_thief(&app);
    let id = thief.session_id();
    assert_eq!(change_password(&mut thief).status, 303);
    let mut asked = owner.post_from(DEVICES, &format!("{DEVICES}/{id}/report"), &[]);
    assert!(asked.location().starts_with("/reauth?"), "{}", asked.location());
    app.advance(SECOND_OF_TIME);
    let link = wait(app.keyrack.accounts().create_reset_link(&EMAIL.parse().unwrap(), None)).unwrap().unwrap();
    let token = owner.get(&link.path()).between("name=\"token\" value=\"", "\"");
    let fields = [("token", token.as_str()), ("password", NEW), ("password_again", NEW)];
    asked = owner.post_from(&link.path(), "/reset", &fields);
    assert_eq!(asked.location(), DEVICES, "{}", asked.text());
    report(&mut owner, &id);
    assert_eq!(app.browser().sign_in(EMAIL, NEW).status, 303);
}

fn second_report_undoes_nothing_again(engine: EngineKind) {
    let app = TestApp::new(engine);
    let (mut owner, mut thief) = owner_and_thief(&app);
    let id = thief.session_id();
    let own = add_app(&app, &mut thief);
    sign_in_with(&app, &own);
    name(&mut thief, &id, "My laptop");
    report(&mut owner, &id);
    name(&mut owner, &id, "The thief");
    let events = app.count("security_events", "");
    report(&mut owner, &id);
    assert_eq!((app.count("security_events", ""), name_of(&app, &id)), (events, "The thief".into()));
}
