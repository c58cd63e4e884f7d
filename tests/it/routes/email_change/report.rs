//! "This wasn't me" puts back the address that the session has changed

use std::time::Duration;

use keyrack::accounts::Password;

use super::{EMAIL, NEW_EMAIL, addresses, ask, change, mailed_link, press, press_blindly, start};
use crate::{
    routes::{
        passkeys::{self, ORIGIN, PASSKEYS},
        reauth::reauthenticate,
    },
    support::{Browser, EngineKind, MailServer, PASSWORD, PasskeyDevice, TestApp, mail_server, on_both_engines, wait},
};

const DEVICES: &str = "/account/sessions";
const THIRD: &str = "crow@example.org";
const NEW: &str = "seven hills, one river";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

on_both_engines!(
    report_puts_the_address_back,
    report_makes_links_of_the_session_void,
    address_that_the_owner_has_chosen_since_stays,
    address_that_the_owner_changes_back_gets_no_link,
    ended_session_changes_no_address,
    password_of_the_changed_address_goes_with_it,
    password_goes_also_if_the_former_address_is_taken,
    password_of_an_operator_removes_passkeys_and_stays,
    restore_by_a_thief_follows_from_the_address,
    owner_who_put_the_address_back_keeps_it_after_a_report,
    reports_of_two_sessions_put_the_first_address_back,
    report_of_the_own_change_keeps_the_way_back,
    report_after_a_week_leaves_the_address,
    report_says_that_the_former_address_is_taken,
);

struct Taken {
    app: TestApp,
    server: MailServer,
    owner: Browser,
    thief: Browser,
}

fn take(engine: EngineKind) -> Option<Taken> {
    let (app, server) = start(engine)?;
    let owner = app.signed_in(EMAIL);
    app.advance(Duration::from_secs(1));
    let thief = app.signed_in(EMAIL);
    Some(Taken { app, server, owner, thief })
}

fn not_me(id: &str) -> String {
    format!("{DEVICES}/{id}/not-me")
}

#[track_caller]
fn report(browser: &mut Browser, id: &str) {
    let answer = browser.post_from(DEVICES, &format!("{DEVICES}/{id}/report"), &[]);
    assert_eq!((answer.status, answer.location()), (303, not_me(id).as_str()), "{}", answer.text());
}

fn report_puts_the_address_back(engine: EngineKind) {
    let Some(Taken { app, server, mut owner, mut thief }) = take(engine) else { return };
    let first = change(&app, &server, &mut thief, (EMAIL, NEW_EMAIL));
    let second = change(&app, &server, &mut thief, (NEW_EMAIL, THIRD));
    let id = thief.session_id();
    let page = owner.get(&not_me(&id)).text();
    assert!(page.contains("becomes again what it was before"), "{page}");
    report(&mut owner, &id);
    assert_eq!(addresses(&app), [EMAIL]);
    assert!(owner.is_signed_in() && !thief.is_signed_in());
    for link in [first, second] {
        assert_eq!(press_blindly(&app, &link).status, 410, "nothing puts the thief's address back");
    }
    let detail = app.text("SELECT CAST(detail AS text) AS v FROM security_events WHERE kind = 'session_reported'");
    assert!(detail.contains("restored"), "{detail}");
    report(&mut owner, &id);
    assert_eq!(app.count("security_events", "WHERE kind = 'email_restored'"), 1, "once");
    app.assert_sound();
}

fn report_makes_links_of_the_session_void(engine: EngineKind) {
    let Some(Taken { app, server, mut owner, mut thief }) = take(engine) else { return };
    assert_eq!(ask(&app, &mut thief, NEW_EMAIL).status, 303);
    let link = mailed_link(&app, &server, NEW_EMAIL);
    assert_eq!(app.browser().get(&link).status, 200);
    report(&mut owner, &thief.session_id());
    assert_eq!(press_blindly(&app, &link).status, 410);
    assert_eq!(addresses(&app), [EMAIL]);
}

/// Asks for a link at `/forgot`, and sets a password by it.
fn reset(app: &TestApp, server: &MailServer, email: &str) -> Browser {
    let mut browser = app.browser().with_header("user-agent", "curl/8.5.0");
    assert_eq!(browser.post_from("/forgot", "/forgot", &[("email", email)]).status, 303);
    wait(app.keyrack.accounts().requests_done(Duration::from_secs(60))).unwrap();
    wait(app.keyrack.send_due_mails()).unwrap();
    let mail = server.mails().into_iter().rfind(|mail| mail.to == [email] && mail.content.contains("/reset?")).unwrap();
    use_reset(&mut browser, &mail.link());
    browser
}

#[track_caller]
fn use_reset(browser: &mut Browser, path: &str) {
    let fields = [("token", path.split_once("token=").unwrap().1), ("password", NEW), ("password_again", NEW)];
    let answer = browser.post_from(path, "/reset", &fields);
    assert_eq!(answer.status, 303, "{}", answer.text());
}

fn address_that_the_owner_has_chosen_since_stays(engine: EngineKind) {
    let Some(Taken { app, server, mut owner, mut thief }) = take(engine) else { return };
    change(&app, &server, &mut thief, (EMAIL, NEW_EMAIL));
    let to_thief = change(&app, &server, &mut owner, (NEW_EMAIL, THIRD));
    assert_eq!(app.browser().get(&to_thief).status, 200);
    report(&mut owner, &thief.session_id());
    assert_eq!(addresses(&app), [THIRD]);
    assert_eq!(press_blindly(&app, &to_thief).status, 410, "it would put the thief's address back");
}

/// The mail to the address that is left may go to a thief.
fn address_that_the_owner_changes_back_gets_no_link(engine: EngineKind) {
    let Some(Taken { app, server, mut owner, mut thief }) = take(engine) else { return };
    let to_owner = change(&app, &server, &mut thief, (EMAIL, NEW_EMAIL));
    app.advance(Duration::from_secs(61));
    assert_eq!(ask(&app, &mut owner, EMAIL).status, 303);
    let link = mailed_link(&app, &server, EMAIL);
    assert_ne!(link, to_owner);
    assert_eq!(press_blindly(&app, &link).status, 303);
    assert_eq!(addresses(&app), [EMAIL]);
    wait(app.keyrack.send_due_mails()).unwrap();
    let mails = server.mails();
    let told = mails.iter().rfind(|mail| mail.to == [NEW_EMAIL]).unwrap();
    assert!(told.content.contains("was changed") && !told.content.contains("/verify?"), "{}", told.content);
    assert_eq!(press_blindly(&app, &to_owner).status, 410, "there is nothing to put back");
}

fn ended_session_changes_no_address(engine: EngineKind) {
    for is_own_end in [false, true] {
        let Some(Taken { app, server, mut owner, mut thief }) = take(engine) else { return };
        assert_eq!(ask(&app, &mut thief, NEW_EMAIL).status, 303);
        let link = mailed_link(&app, &server, NEW_EMAIL);
        if is_own_end {
            thief.sign_out();
            assert_eq!(press(&mut app.browser(), &link).status, 303);
        } else {
            let revoke = format!("{DEVICES}/{}/revoke", thief.session_id());
            assert_eq!(owner.post_from(DEVICES, &revoke, &[]).status, 303);
            assert_eq!(press_blindly(&app, &link).status, 410);
        }
        assert_eq!(addresses(&app), [if is_own_end { NEW_EMAIL } else { EMAIL }]);
    }
}

/// An account whose owner has a passkey, and a session of a thief, who knows the password.
struct WithPasskey {
    app: TestApp,
    server: MailServer,
    device: PasskeyDevice,
    thief: Browser,
    /// The thief's session.
    id: String,
}

fn take_with_passkey(engine: EngineKind) -> Option<WithPasskey> {
    let server = mail_server::is_available().then(MailServer::start)?;
    let app = TestApp::with(engine, |config| {
        config.public_url = ORIGIN.parse().unwrap();
        config.mail = Some(crate::mail::settings(&server.url()));
    });
    app.add_user(EMAIL);
    let mut device = PasskeyDevice::new(ORIGIN);
    assert_eq!(passkeys::add(&mut app.signed_in(EMAIL), &mut device, "").location(), PASSKEYS);
    app.advance(Duration::from_secs(1));
    let mut thief = app.signed_in(EMAIL);
    let id = thief.session_id();
    Some(WithPasskey { app, server, device, thief, id })
}

#[track_caller]
fn signed_in_with(app: &TestApp, device: &mut PasskeyDevice) -> Browser {
    app.advance(Duration::from_secs(1));
    let mut browser = app.browser();
    assert_eq!(passkeys::sign_in(&mut browser, device).location(), DEVICES);
    browser
}

/// The thief sets a password by a mail to the address of their choice, and may undo nothing by it. The owner comes back by
/// a passkey.
fn password_of_the_changed_address_goes_with_it(engine: EngineKind) {
    let Some(taken) = take_with_passkey(engine) else { return };
    let WithPasskey { app, server, mut device, mut thief, id } = taken;
    change(&app, &server, &mut thief, (EMAIL, NEW_EMAIL));
    let mut by_mail = reset(&app, &server, NEW_EMAIL);
    app.advance(Duration::from_secs(60));
    let mut by_password = app.browser();
    assert_eq!(by_password.sign_in(NEW_EMAIL, NEW).status, 303);
    let mut foreign = PasskeyDevice::new(ORIGIN);
    assert_eq!(passkeys::add(&mut by_password, &mut foreign, "").location(), PASSKEYS);
    let mut by_foreign = signed_in_with(&app, &mut foreign);
    app.advance(Duration::from_secs(1));
    let link = wait(app.keyrack.accounts().create_reset_link(&NEW_EMAIL.parse().unwrap(), None)).unwrap().unwrap();
    let question = by_password.get(&not_me(&id)).text();
    assert!(!question.contains("what it was before") && !question.contains("stops working"), "{question}");
    let mut owner = app.browser();
    assert_eq!(passkeys::sign_in(&mut owner, &mut device).location(), DEVICES);
    let page = owner.get(&not_me(&id)).text();
    assert!(page.contains("The password stops working"), "{page}");
    report(&mut owner, &id);
    assert!(owner.is_signed_in() && !by_mail.is_signed_in() && !by_password.is_signed_in());
    assert!(!by_foreign.is_signed_in(), "what the password's session has added goes, too");
    assert_eq!(passkeys::sign_in(&mut app.browser(), &mut foreign).status, 401);
    assert_eq!((addresses(&app), app.browser().sign_in(EMAIL, NEW).status), (vec![EMAIL.to_owned()], 401));
    assert_eq!(app.browser().get(&link.path()).status, 410, "made while the address was the thief's");
    app.assert_sound();
}

/// The operator knows whom they help, whatever was set by a mail on the same day.
fn password_of_an_operator_removes_passkeys_and_stays(engine: EngineKind) {
    const BY_OPERATOR: &str = "twelve geese in a line";
    let Some(taken) = take_with_passkey(engine) else { return };
    let WithPasskey { app, server, device: _, mut thief, id } = taken;
    change(&app, &server, &mut thief, (EMAIL, NEW_EMAIL));
    let mut by_mail = reset(&app, &server, NEW_EMAIL);
    app.advance(Duration::from_secs(1));
    let mut foreign = PasskeyDevice::new(ORIGIN);
    assert_eq!(passkeys::add(&mut by_mail, &mut foreign, "").location(), PASSKEYS);
    app.advance(Duration::from_secs(60 * 60));
    let email = EMAIL.parse().unwrap();
    wait(app.keyrack.accounts().set_email(&NEW_EMAIL.parse().unwrap(), &email)).unwrap();
    wait(app.keyrack.accounts().set_password(&email, Password::new(BY_OPERATOR))).unwrap();
    let mut owner = app.browser();
    assert_eq!(owner.sign_in(EMAIL, BY_OPERATOR).status, 303);
    report(&mut owner, &id);
    assert_eq!(passkeys::sign_in(&mut app.browser(), &mut foreign).status, 401);
    assert!(owner.is_signed_in());
    assert_eq!(app.browser().sign_in(EMAIL, BY_OPERATOR).status, 303);
    app.assert_sound();
}

/// The address stays the thief's, so the owner has to change it before a mail for a new password.
fn password_goes_also_if_the_former_address_is_taken(engine: EngineKind) {
    let Some(taken) = take_with_passkey(engine) else { return };
    let WithPasskey { app, server, mut device, mut thief, id } = taken;
    change(&app, &server, &mut thief, (EMAIL, NEW_EMAIL));
    let mut by_mail = reset(&app, &server, NEW_EMAIL);
    app.add_user(EMAIL);
    let mut owner = signed_in_with(&app, &mut device);
    let page = owner.get(&not_me(&id)).text();
    assert!(page.contains("another account has it now") && page.contains("The password stops working"), "{page}");
    report(&mut owner, &id);
    assert!(owner.is_signed_in() && !by_mail.is_signed_in());
    assert_eq!(app.browser().sign_in(NEW_EMAIL, NEW).status, 401);
    let detail = app.text("SELECT CAST(detail AS text) AS v FROM security_events WHERE kind = 'session_reported'");
    assert!(detail.contains("taken") && detail.contains("password_removed"), "{detail}");
    change(&app, &server, &mut signed_in_with(&app, &mut device), (NEW_EMAIL, THIRD));
    app.assert_sound();
}

/// The owner has changed the thief's address, and the thief puts it back by the mail that came to it.
fn restore_by_a_thief_follows_from_the_address(engine: EngineKind) {
    let Some(taken) = take_with_passkey(engine) else { return };
    let WithPasskey { app, server, mut device, mut thief, id } = taken;
    change(&app, &server, &mut thief, (EMAIL, NEW_EMAIL));
    let to_thief = change(&app, &server, &mut signed_in_with(&app, &mut device), (NEW_EMAIL, THIRD));
    let mut back = app.browser();
    let restored = press(&mut back, &to_thief);
    app.advance(Duration::from_secs(1));
    use_reset(&mut back, restored.location());
    app.advance(Duration::from_secs(1));
    let mut foreign = PasskeyDevice::new(ORIGIN);
    assert_eq!(passkeys::add(&mut back, &mut foreign, "").location(), PASSKEYS);
    let mut owner = signed_in_with(&app, &mut device);
    report(&mut owner, &id);
    assert!(owner.is_signed_in() && !back.is_signed_in());
    assert_eq!(passkeys::sign_in(&mut app.browser(), &mut foreign).status, 401);
    signed_in_with(&app, &mut device);
    assert_eq!(addresses(&app), [EMAIL]);
    app.assert_sound();
}

/// In the reported session, the owner had chosen this address, before a thief with a copy of its cookie has chosen another
/// one: more than a day before, so that a password from a mail there may undo what is older.
fn owner_who_put_the_address_back_keeps_it_after_a_report(engine: EngineKind) {
    for reports_by_password in [false, true] {
        let Some((app, server)) = start(engine) else { return };
        let mut phone = app.browser();
        let fields = [("email", EMAIL), ("password", PASSWORD), ("remember", "on")];
        assert_eq!(phone.post_from("/login", "/login", &fields).status, 303);
        let id = phone.session_id();
        change(&app, &server, &mut phone, (EMAIL, NEW_EMAIL));
        app.advance(DAY + DAY / 24);
        assert_eq!(reauthenticate(&mut phone, "/reauth?next=%2Faccount%2Femail", PASSWORD).status, 303);
        let to_owner = change(&app, &server, &mut phone, (NEW_EMAIL, THIRD));
        let mut back = app.browser();
        let restored = press(&mut back, &to_owner);
        app.advance(Duration::from_secs(1));
        use_reset(&mut back, restored.location());
        app.advance(Duration::from_secs(60));
        let mut desk = app.browser();
        assert_eq!(desk.sign_in(NEW_EMAIL, NEW).status, 303);
        report(if reports_by_password { &mut desk } else { &mut back }, &id);
        assert!(back.is_signed_in() && desk.is_signed_in());
        let password = app.browser().sign_in(NEW_EMAIL, NEW).status;
        assert_eq!((addresses(&app), password), (vec![NEW_EMAIL.to_owned()], 303), "{reports_by_password}");
    }
}

/// In either order: what one of them has chosen does not come back because another one has changed it since.
fn reports_of_two_sessions_put_the_first_address_back(engine: EngineKind) {
    for is_first_reported_first in [true, false] {
        let Some(Taken { app, server, mut owner, mut thief }) = take(engine) else { return };
        let mut other = app.signed_in(EMAIL);
        let mut ids = [thief.session_id(), other.session_id()];
        change(&app, &server, &mut thief, (EMAIL, NEW_EMAIL));
        change(&app, &server, &mut other, (NEW_EMAIL, THIRD));
        if !is_first_reported_first {
            ids.reverse();
        }
        for id in ids {
            report(&mut owner, &id);
        }
        assert_eq!(addresses(&app), [EMAIL], "{is_first_reported_first}");
    }
}

/// A thief reports the own session by another one that the changed address has let in.
fn report_of_the_own_change_keeps_the_way_back(engine: EngineKind) {
    let Some(Taken { app, server, owner: _, mut thief }) = take(engine) else { return };
    let id = thief.session_id();
    let undo = change(&app, &server, &mut thief, (EMAIL, NEW_EMAIL));
    let mut second = reset(&app, &server, NEW_EMAIL);
    report(&mut second, &id);
    assert_eq!(addresses(&app), [NEW_EMAIL]);
    assert_eq!(press_blindly(&app, &undo).status, 303);
    assert_eq!(addresses(&app), [EMAIL]);
    assert!(!second.is_signed_in());
}

fn report_after_a_week_leaves_the_address(engine: EngineKind) {
    let Some(Taken { app, server, owner: _, mut thief }) = take(engine) else { return };
    let id = thief.session_id();
    change(&app, &server, &mut thief, (EMAIL, NEW_EMAIL));
    app.advance(7 * DAY);
    let mut owner = app.browser();
    assert_eq!(owner.sign_in(NEW_EMAIL, PASSWORD).status, 303);
    assert!(!owner.get(&not_me(&id)).text().contains("what it was before"));
    report(&mut owner, &id);
    assert_eq!(addresses(&app), [NEW_EMAIL]);
}

fn report_says_that_the_former_address_is_taken(engine: EngineKind) {
    let Some(Taken { app, server, mut owner, mut thief }) = take(engine) else { return };
    let id = thief.session_id();
    change(&app, &server, &mut thief, (EMAIL, NEW_EMAIL));
    app.add_user(EMAIL);
    let page = owner.get(&not_me(&id)).text();
    assert!(page.contains("another account has it now"), "{page}");
    report(&mut owner, &id);
    assert_eq!(addresses(&app), [EMAIL, NEW_EMAIL]);
    assert!(!thief.is_signed_in());
    let detail = app.text("SELECT CAST(detail AS text) AS v FROM security_events WHERE kind = 'session_reported'");
    assert!(detail.contains("taken"), "{detail}");
}
