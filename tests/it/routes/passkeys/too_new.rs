//! What was added lately must not remove what was there before.

use std::time::Duration;

use super::{EMAIL, ORIGIN, PASSKEYS, add, add_to, app, assert_refuses, sign_in};
use crate::{
    routes::email_change::{NEW_EMAIL, change, press},
    support::{Browser, EngineKind, MailServer, PASSWORD, PasskeyDevice, TestApp, mail_server, on_both_engines, wait},
};

on_both_engines!(
    new_passkey_can_not_remove_an_older_one,
    passkey_of_a_day_can_remove_an_older_one,
    older_passkey_can_remove_a_newer_one,
    old_password_can_remove_any,
    changed_password_can_remove_an_older_passkey,
    report_by_a_new_passkey_takes_nothing_out,
    report_by_a_new_passkey_keeps_an_older_passkey,
    reset_at_a_new_address_keeps_the_passkeys,
    password_of_a_reset_link_can_remove_any,
    reset_link_to_a_new_address_can_not_remove_an_older_passkey,
    password_of_a_replaced_address_can_not_remove_a_passkey,
    new_passkey_can_not_remove_an_older_app,
);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TOO_NEW: &str = "is newer than this passkey, and less than a day old";

/// An account that is two days old, with a passkey that is one day old and one of now.
fn two_passkeys(engine: EngineKind) -> (TestApp, PasskeyDevice, PasskeyDevice) {
    let app = app(engine);
    app.add_user(EMAIL);
    app.advance(DAY);
    let (_, old) = add_to(&app, EMAIL, PasskeyDevice::new(ORIGIN));
    app.advance(DAY);
    let (_, new) = add_to(&app, EMAIL, PasskeyDevice::new(ORIGIN));
    app.advance(Duration::from_secs(60));
    (app, old, new)
}

/// Removes the older or the newer passkey in this browser.
fn remove(app: &TestApp, browser: &mut Browser, order: &str) -> crate::support::Answer {
    let id =
        app.text(&format!("SELECT CAST(id AS varchar(36)) AS v FROM passkeys ORDER BY created_at {order} LIMIT 1"));
    super::remove(browser, &id)
}

fn new_passkey_can_not_remove_an_older_one(engine: EngineKind) {
    let (app, _, mut new) = two_passkeys(engine);
    let mut browser = app.browser();
    assert_eq!(sign_in(&mut browser, &mut new).status, 303);
    assert_refuses(&remove(&app, &mut browser, ""), 403, TOO_NEW);
    assert_eq!(app.count("passkeys", ""), 2);
    assert_eq!(remove(&app, &mut browser, "DESC").location(), PASSKEYS, "itself it can");
}

fn passkey_of_a_day_can_remove_an_older_one(engine: EngineKind) {
    let (app, _, mut new) = two_passkeys(engine);
    app.advance(DAY);
    let mut browser = app.browser();
    assert_eq!(sign_in(&mut browser, &mut new).status, 303);
    assert_eq!(remove(&app, &mut browser, "").location(), PASSKEYS);
}

fn older_passkey_can_remove_a_newer_one(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    let (mut browser, mut old) = add_to(&app, EMAIL, PasskeyDevice::new(ORIGIN));
    app.advance(Duration::from_secs(60));
    assert_eq!(add(&mut browser, &mut PasskeyDevice::new(ORIGIN), "").status, 303);
    let mut browser = app.browser();
    assert_eq!(sign_in(&mut browser, &mut old).status, 303);
    assert_eq!(remove(&app, &mut browser, "DESC").location(), PASSKEYS);
}

fn old_password_can_remove_any(engine: EngineKind) {
    let (app, _, _) = two_passkeys(engine);
    let mut browser = app.signed_in(EMAIL);
    for _ in 0..2 {
        assert_eq!(remove(&app, &mut browser, "").location(), PASSKEYS);
    }
}

const NEW_PASSWORD: &str = "seven hills, one river";

/// Who changes the password has the former one, which could have removed it as well.
fn changed_password_can_remove_an_older_passkey(engine: EngineKind) {
    let (app, _, _) = two_passkeys(engine);
    let mut browser = app.signed_in(EMAIL);
    let fields = [("current_password", PASSWORD), ("password", NEW_PASSWORD), ("password_again", NEW_PASSWORD)];
    assert_eq!(browser.post_from("/account/password", "/account/password", &fields).status, 303);
    app.advance(Duration::from_secs(60));
    assert_eq!(remove(&app, &mut browser, "").location(), PASSKEYS);
}

/// A thief adds a passkey in a stolen session, signs in with it, and says that the stolen session was not theirs.
fn report_by_a_new_passkey_takes_nothing_out(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    let (mut owner, mut own) = add_to(&app, EMAIL, PasskeyDevice::new(ORIGIN));
    app.advance(Duration::from_secs(60));
    let mut device = PasskeyDevice::new(ORIGIN);
    assert_eq!(add(&mut owner, &mut device, "").location(), PASSKEYS);
    app.advance(Duration::from_secs(60));
    let mut thief = app.browser();
    assert_eq!(sign_in(&mut thief, &mut device).status, 303);
    let id = owner.session_id();
    let (page, report) = (format!("/account/sessions/{id}/not-me"), format!("/account/sessions/{id}/report"));
    let question = thief.get(&page).text();
    assert!(question.contains("What was added in it stays") && !question.contains("is removed"), "{question}");
    assert_eq!(thief.post_from(&page, &report, &[]).location(), page);
    assert!(!owner.is_signed_in());
    assert_eq!(app.count("passkeys", ""), 2);
    assert_eq!(sign_in(&mut app.browser(), &mut own).status, 303);
    // With the password, the same report takes out what the session has added, but for what has let the reporter in.
    let proof = thief.get(&format!("/reauth?next={page}"));
    assert_eq!(thief.post("/reauth", &[("password", PASSWORD), ("csrf_token", &proof.csrf_token())]).status, 303);
    assert!(thief.get(&page).text().contains("1 passkey that was added in it"), "{}", thief.get(&page).text());
    assert_eq!(thief.post_from(&page, &report, &[]).location(), page);
    assert_eq!(sign_in(&mut app.browser(), &mut own).status, 401);
}

fn password_of_a_reset_link_can_remove_any(engine: EngineKind) {
    let (app, _, _) = two_passkeys(engine);
    let path = wait(app.keyrack.accounts().create_reset_link(&EMAIL.parse().unwrap(), None)).unwrap().unwrap().path();
    let token = path.split_once("token=").unwrap().1;
    let mut browser = app.browser();
    let kept = app.texts("SELECT CAST(id AS varchar(36)) AS v FROM passkeys").join(" ");
    let fields = [("token", token), ("password", NEW_PASSWORD), ("password_again", NEW_PASSWORD)];
    let fields: Vec<_> = fields.into_iter().chain([("passkeys", kept.as_str())]).collect();
    assert_eq!(browser.post_from(&path, "/reset", &fields).status, 303);
    assert_eq!(remove(&app, &mut browser, "").location(), PASSKEYS);
}

/// The session that is reported is newer than the passkey of the thief, but not what has let it in.
fn report_by_a_new_passkey_keeps_an_older_passkey(engine: EngineKind) {
    let (app, mut own, mut foreign) = two_passkeys(engine);
    let mut owner = app.browser();
    assert_eq!(sign_in(&mut owner, &mut own).status, 303);
    app.advance(Duration::from_secs(60));
    let mut thief = app.browser();
    assert_eq!(sign_in(&mut thief, &mut foreign).status, 303);
    let page = format!("/account/sessions/{}/not-me", owner.session_id());
    assert!(thief.get(&page).text().contains("What was added in it stays"), "{}", thief.get(&page).text());
    let report = page.replace("not-me", "report");
    assert_eq!(thief.post_from(&page, &report, &[]).location(), page);
    assert_eq!(app.count("passkeys", ""), 2);
    assert_eq!(sign_in(&mut app.browser(), &mut own).status, 303);
}

/// A thief with a stolen session changes the address, and keeps no box clear.
fn reset_at_a_new_address_keeps_the_passkeys(engine: EngineKind) {
    let Some(server) = mail_server::is_available().then(MailServer::start) else { return };
    let app = TestApp::with(engine, |config| {
        config.public_url = ORIGIN.parse().unwrap();
        config.mail = Some(crate::mail::settings(&server.url()));
    });
    app.add_user(EMAIL);
    let (_, mut own) = add_to(&app, EMAIL, PasskeyDevice::new(ORIGIN));
    let mut stolen = app.signed_in(EMAIL);
    change(&app, &server, &mut stolen, (EMAIL, NEW_EMAIL));
    let link = wait(app.keyrack.accounts().create_reset_link(&NEW_EMAIL.parse().unwrap(), None)).unwrap().unwrap();
    let (path, mut thief) = (link.path(), app.browser());
    let page = thief.get(&path).text();
    assert!(page.contains("changed less than a day ago") && !page.contains("Remove these passkeys"), "{page}");
    let token = path.split_once("token=").unwrap().1;
    let fields = [("token", token), ("password", NEW_PASSWORD), ("password_again", NEW_PASSWORD)];
    assert_eq!(thief.post_from(&path, "/reset", &fields).status, 303);
    assert_eq!(sign_in(&mut app.browser(), &mut own).status, 303);
}

/// A thief with a stolen session changes the address first.
fn reset_link_to_a_new_address_can_not_remove_an_older_passkey(engine: EngineKind) {
    let Some(server) = mail_server::is_available().then(MailServer::start) else { return };
    let app = TestApp::with(engine, |config| {
        config.public_url = ORIGIN.parse().unwrap();
        config.mail = Some(crate::mail::settings(&server.url()));
    });
    app.add_user(EMAIL);
    add_to(&app, EMAIL, PasskeyDevice::new(ORIGIN));
    let mut stolen = app.signed_in(EMAIL);
    let undo = change(&app, &server, &mut stolen, (EMAIL, NEW_EMAIL));
    assert_refuses(&remove(&app, &mut reset_keeping_all(&app, NEW_EMAIL), ""), 403, TOO_NEW);
    assert_eq!(press(&mut app.browser(), &undo).status, 303);
    app.advance(Duration::from_secs(60));
    assert_eq!(
        remove(&app, &mut reset_keeping_all(&app, EMAIL), "").location(),
        PASSKEYS,
        "the owner, who has taken it back"
    );
}

/// Sets a password by a link, and keeps all passkeys.
fn reset_keeping_all(app: &TestApp, email: &str) -> Browser {
    let link = wait(app.keyrack.accounts().create_reset_link(&email.parse().unwrap(), None)).unwrap().unwrap();
    let (path, mut browser) = (link.path(), app.browser());
    let token = path.split_once("token=").unwrap().1;
    let kept = app.texts("SELECT CAST(id AS varchar(36)) AS v FROM passkeys").join(" ");
    let fields = [("token", token), ("password", NEW_PASSWORD), ("password_again", NEW_PASSWORD)];
    let fields: Vec<_> = fields.into_iter().chain([("passkeys", kept.as_str())]).collect();
    assert_eq!(browser.post_from(&path, "/reset", &fields).status, 303);
    browser
}

/// An operator gives the account another address, which the thief does not read; the password is still the thief's.
fn password_of_a_replaced_address_can_not_remove_a_passkey(engine: EngineKind) {
    let Some(server) = mail_server::is_available().then(MailServer::start) else { return };
    let app = TestApp::with(engine, |config| {
        config.public_url = ORIGIN.parse().unwrap();
        config.mail = Some(crate::mail::settings(&server.url()));
    });
    app.add_user(EMAIL);
    add_to(&app, EMAIL, PasskeyDevice::new(ORIGIN));
    change(&app, &server, &mut app.signed_in(EMAIL), (EMAIL, NEW_EMAIL));
    let mut thief = reset_keeping_all(&app, NEW_EMAIL);
    app.advance(Duration::from_secs(60));
    wait(app.keyrack.accounts().set_email(&NEW_EMAIL.parse().unwrap(), &EMAIL.parse().unwrap())).unwrap();
    assert_refuses(&remove(&app, &mut thief, ""), 403, TOO_NEW);
    app.advance(Duration::from_secs(60));
    let mut owner = reset_keeping_all(&app, EMAIL);
    assert_eq!(remove(&app, &mut owner, "").location(), PASSKEYS, "the operator knows who reads these mails");
}

fn new_passkey_can_not_remove_an_older_app(engine: EngineKind) {
    const REMOVE_APP: &str = "/account/security/authenticator/remove";
    let app = app(engine);
    app.add_user(EMAIL);
    let factor = crate::routes::second_factor::add_factor(&app, EMAIL);
    app.advance(DAY);
    // A session whose password is as old as the app adds a passkey.
    let mut device = PasskeyDevice::new(ORIGIN);
    let mut adding = app.browser();
    assert_eq!(adding.sign_in(EMAIL, PASSWORD).location(), "/login/second");
    let code = factor.code(&app);
    assert_eq!(adding.post_from("/login/second", "/login/second", &[("code", &code)]).status, 303);
    assert_eq!(add(&mut adding, &mut device, "").status, 303);
    app.advance(Duration::from_secs(60));
    let mut browser = app.browser();
    assert_eq!(sign_in(&mut browser, &mut device).status, 303);
    assert_eq!(browser.post_from("/account/security", REMOVE_APP, &[]).location(), "/account/security");
    let page = browser.get("/account/security");
    assert!(page.text().contains("The app was not removed"), "{}", page.text());
    assert_eq!(app.count("totp_factors", ""), 1);
    app.advance(DAY);
    assert_eq!(sign_in(&mut browser, &mut device).status, 303);
    assert_eq!(browser.post_from("/account/security", REMOVE_APP, &[]).location(), "/account/security");
    assert_eq!(app.count("totp_factors", ""), 0);
}
