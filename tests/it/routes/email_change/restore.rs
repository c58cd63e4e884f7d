//! The link that was mailed to the former address

use std::time::Duration;

use super::{EMAIL, NEW_EMAIL, addresses, change, mailed_link, press, press_blindly, start};
use crate::{
    routes::passkeys::{self, ORIGIN, PASSKEYS},
    support::{
        Answer, Browser, EngineKind, MailServer, PASSWORD, PasskeyDevice, TestApp, mail_server, on_both_engines, wait,
    },
};

const NEW: &str = "seven hills, one river";
const THIEF_PASSWORD: &str = "seven crows on a copper wire";
const THIRD: &str = "crow@example.org";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

on_both_engines!(
    session_of_a_thief_does_not_take_the_way_back_away,
    restore_tells_the_address_that_is_left,
    restore_removes_passkeys_of_the_undone_session,
    every_link_of_a_chain_puts_its_address_back,
    first_link_makes_later_ones_void,
    link_is_good_for_a_week,
    link_outlives_a_disabled_account,
    address_that_another_account_has_stays_there,
    form_sent_twice_leads_to_a_new_password_twice,
    notice_goes_to_the_address_that_the_account_had,
);

/// Sends the form of a page that sets a password.
fn set_password(browser: &mut Browser, path: &str) -> Answer {
    let fields = [("token", path.split_once("token=").unwrap().1), ("password", NEW), ("password_again", NEW)];
    browser.post_from(path, "/reset", &fields)
}

/// The owner gets everything back by the mail, although the thief knew the password and has set another one.
fn session_of_a_thief_does_not_take_the_way_back_away(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let mut owner = app.signed_in(EMAIL);
    let mut thief = app.signed_in(EMAIL);
    let undo = change(&app, &server, &mut thief, (EMAIL, THIRD));
    let fields = [("current_password", PASSWORD), ("password", THIEF_PASSWORD), ("password_again", THIEF_PASSWORD)];
    assert_eq!(thief.post_from("/account/password", "/account/password", &fields).status, 303);
    let reset = wait(app.keyrack.accounts().create_reset_link(&THIRD.parse().unwrap(), None)).unwrap().unwrap().path();
    app.advance(6 * DAY);
    assert!(!owner.is_signed_in());
    let mut again = app.browser();
    assert_eq!(again.sign_in(THIRD, THIEF_PASSWORD).status, 303);
    let mut browser = app.browser();
    let page = browser.get(&undo);
    assert!(page.body.contains(EMAIL) && !page.body.contains(THIRD), "{}", page.text());
    let restored = press(&mut browser, &undo);
    assert!(restored.status == 303 && restored.location().starts_with("/reset?token="), "{}", restored.text());
    assert_eq!(addresses(&app), [EMAIL]);
    assert!(!again.is_signed_in(), "all sessions end");
    for email in [EMAIL, THIRD] {
        assert_eq!(app.browser().sign_in(email, THIEF_PASSWORD).status, 401, "the password is gone");
    }
    assert_eq!(app.browser().get(&reset).status, 410);
    assert_eq!(set_password(&mut browser, restored.location()).status, 303);
    assert!(browser.is_signed_in());
    assert_eq!(app.browser().sign_in(EMAIL, NEW).status, 303);
    let activity = browser.get("/account/activity").text();
    assert!(activity.contains("Former email address put back"), "{activity}");
    assert_eq!(app.count("known_browsers", ""), 2, "those that have signed in since");
    app.assert_sound();
}

fn restore_tells_the_address_that_is_left(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let undo = change(&app, &server, &mut app.signed_in(EMAIL), (EMAIL, NEW_EMAIL));
    let told = |server: &MailServer| {
        let mails = server.mails();
        mails.iter().filter(|mail| mail.to == [NEW_EMAIL] && mail.content.contains("was changed")).count()
    };
    assert_eq!((told(&server), press(&mut app.browser(), &undo).status), (0, 303));
    wait(app.keyrack.send_due_mails()).unwrap();
    assert_eq!(told(&server), 1);
}

/// They would let in while the account has no password.
fn restore_removes_passkeys_of_the_undone_session(engine: EngineKind) {
    let Some(server) = mail_server::is_available().then(MailServer::start) else { return };
    let app = TestApp::with(engine, |config| {
        config.public_url = ORIGIN.parse().unwrap();
        config.mail = Some(crate::mail::settings(&server.url()));
    });
    app.add_user(EMAIL);
    let mut own = PasskeyDevice::new(ORIGIN);
    assert_eq!(passkeys::add(&mut app.signed_in(EMAIL), &mut own, "").location(), PASSKEYS);
    app.advance(Duration::from_secs(1));
    let (mut thief, mut foreign) = (app.signed_in(EMAIL), PasskeyDevice::new(ORIGIN));
    assert_eq!(passkeys::add(&mut thief, &mut foreign, "").location(), PASSKEYS);
    let undo = change(&app, &server, &mut thief, (EMAIL, NEW_EMAIL));
    assert_eq!(press(&mut app.browser(), &undo).status, 303);
    assert_eq!(passkeys::sign_in(&mut app.browser(), &mut foreign).status, 401);
    assert_eq!(passkeys::sign_in(&mut app.browser(), &mut own).status, 303);
}

fn every_link_of_a_chain_puts_its_address_back(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let mut thief = app.signed_in(EMAIL);
    let first = change(&app, &server, &mut thief, (EMAIL, NEW_EMAIL));
    let second = change(&app, &server, &mut thief, (NEW_EMAIL, THIRD));
    assert_eq!(press(&mut app.browser(), &second).status, 303);
    assert_eq!(addresses(&app), [NEW_EMAIL]);
    assert_eq!(press(&mut app.browser(), &first).status, 303);
    assert_eq!(addresses(&app), [EMAIL]);
}

/// Those of a thief's mailboxes must not put the thief's addresses back.
fn first_link_makes_later_ones_void(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let mut thief = app.signed_in(EMAIL);
    let first = change(&app, &server, &mut thief, (EMAIL, NEW_EMAIL));
    let second = change(&app, &server, &mut thief, (NEW_EMAIL, THIRD));
    assert_eq!(press(&mut app.browser(), &first).status, 303);
    for link in [&first, &second] {
        app.advance(Duration::from_secs(60));
        assert_eq!(press_blindly(&app, link).status, 410);
        assert_eq!(addresses(&app), [EMAIL]);
    }
}

fn link_is_good_for_a_week(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let undo = change(&app, &server, &mut app.signed_in(EMAIL), (EMAIL, NEW_EMAIL));
    app.clock.advance(6 * DAY + Duration::from_secs(86_399));
    assert_eq!(app.browser().get(&undo).status, 200);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!((app.browser().get(&undo).status, press_blindly(&app, &undo).status), (410, 410));
    assert_eq!(addresses(&app), [NEW_EMAIL]);
}

/// An operator may disable an account because of what its owner tells, and enable it again.
fn link_outlives_a_disabled_account(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let undo = change(&app, &server, &mut app.signed_in(EMAIL), (EMAIL, NEW_EMAIL));
    let email = NEW_EMAIL.parse().unwrap();
    wait(app.keyrack.accounts().disable(&email)).unwrap();
    assert_eq!(press_blindly(&app, &undo).status, 410);
    wait(app.keyrack.accounts().enable(&email)).unwrap();
    assert_eq!(press(&mut app.browser(), &undo).status, 303);
    assert_eq!(addresses(&app), [EMAIL]);
}

fn address_that_another_account_has_stays_there(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let mut browser = app.signed_in(EMAIL);
    let undo = change(&app, &server, &mut browser, (EMAIL, NEW_EMAIL));
    app.add_user(EMAIL);
    let refused = press(&mut app.browser(), &undo);
    assert!(refused.status == 409 && refused.text().contains("Another account has this address"), "{}", refused.text());
    assert!(browser.is_signed_in(), "nothing else happens either");
    assert_eq!(addresses(&app), [EMAIL, NEW_EMAIL]);
    app.execute(&format!("DELETE FROM users WHERE email = '{EMAIL}'"));
    assert_eq!(press(&mut app.browser(), &undo).status, 303, "the link is not used up");
}

fn form_sent_twice_leads_to_a_new_password_twice(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let undo = change(&app, &server, &mut app.signed_in(EMAIL), (EMAIL, NEW_EMAIL));
    let mut browser = app.browser();
    let token = browser.get(&undo).csrf_token();
    let fields = [("token", undo.split_once("token=").unwrap().1), ("csrf_token", token.as_str())];
    let answers = [browser.post("/verify", &fields), browser.post("/verify", &fields)];
    for answer in &answers {
        assert!(answer.location().starts_with("/reset?token="), "{}", answer.text());
    }
    assert_eq!(app.count("security_events", "WHERE kind = 'email_restored'"), 1);
    assert_eq!(set_password(&mut browser, answers[1].location()).status, 303);
    assert_eq!(app.browser().get(answers[0].location()).status, 410);
}

/// A thief who is quick must not get the notice of the own sign-in.
fn notice_goes_to_the_address_that_the_account_had(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    app.signed_in(EMAIL);
    let queue = || wait(app.keyrack.accounts().queue_notices()).unwrap();
    queue();
    app.advance(Duration::from_secs(60));
    let mut thief = app.signed_in(EMAIL);
    change(&app, &server, &mut thief, (EMAIL, NEW_EMAIL));
    crate::support::wait_until(|| {
        queue();
        app.count("mails", "WHERE kind = 'new_browser'") > 0
    });
    assert_eq!(app.text("SELECT address AS v FROM mails WHERE kind = 'new_browser'"), EMAIL);
    assert_eq!(mailed_link(&app, &server, EMAIL).split('?').next(), Some("/verify"));
}
