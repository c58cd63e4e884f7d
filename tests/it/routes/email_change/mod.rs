//! `/account/email` and `/verify`: another address of an account

mod cancel;
mod report;
mod restore;

use std::time::Duration;

use keyrack::accounts::{AccountLink, InvitedUser};

use super::reauth::reauthenticate;
use crate::{
    mail::{mailed_app, settings},
    support::{
        Answer, Browser, EngineKind, MailServer, PASSWORD, TestApp, change_before, mail_server, on_both_engines, wait,
    },
};

pub const EMAIL: &str = "rajat.verma@example.com";
pub const NEW_EMAIL: &str = "rajat@example.net";
const OTHER_EMAIL: &str = "ana@example.com";
pub const PAGE: &str = "/account/email";
const SENT: &str = "/account/email?sent=on";
const DONE: &str = "/verify?done=on";

on_both_engines!(
    asvs_6_3_7_address_changes_once_the_new_one_is_proved,
    answers_are_the_same_for_a_taken_address,
    own_and_malformed_addresses_are_refused,
    change_needs_a_recent_proof,
    opened_link_changes_nothing,
    link_is_good_once_and_its_form_twice,
    link_is_good_for_a_day,
    later_request_and_new_password_make_links_void,
    links_to_the_former_address_are_void,
    events_name_the_address_of_the_link_and_the_asking_session,
    one_of_two_accounts_gets_an_address,
    invited_address_is_taken,
    disabled_account_keeps_its_address,
    account_asks_once_a_minute_and_an_address_gets_one_mail,
    site_without_mail_says_whom_to_ask,
    operator_changes_an_address_without_a_proof,
    operator_changes_no_address_that_has_just_been_left,
    former_address_in_other_letters_is_the_same,
    instance_without_secrets_of_the_link_refuses_it,
);

/// An instance with a user and a mail server.
pub fn start(engine: EngineKind) -> Option<(TestApp, MailServer)> {
    let (app, server) = mailed_app(engine)?;
    app.add_user(EMAIL);
    Some((app, server))
}

/// Sends the form with an address.
pub fn ask(app: &TestApp, browser: &mut Browser, email: &str) -> Answer {
    let answer = browser.post_from(PAGE, PAGE, &[("email", email)]);
    wait(app.keyrack.accounts().requests_done(Duration::from_secs(60))).unwrap();
    answer
}

/// Sends what is queued. Returns the link in the latest mail of an address.
#[track_caller]
pub fn mailed_link(app: &TestApp, server: &MailServer, to: &str) -> String {
    find_mailed_link(app, server, to).unwrap_or_else(|| panic!("no mail to {to}"))
}

pub fn find_mailed_link(app: &TestApp, server: &MailServer, to: &str) -> Option<String> {
    wait(app.keyrack.send_due_mails()).unwrap();
    let mails = server.mails();
    let is_link = |mail: &&mail_server::ReceivedMail| mail.to == [to] && mail.content.contains("/verify?");
    mails.iter().rev().find(is_link).map(mail_server::ReceivedMail::link)
}

/// Presses the button of the page that a link leads to.
pub fn press(browser: &mut Browser, link: &str) -> Answer {
    browser.post_from(link, "/verify", &[("token", link.split_once("token=").unwrap().1)])
}

/// Changes the address in a session, by the mail to the new one. Returns the link that the former one got.
#[track_caller]
pub fn change(app: &TestApp, server: &MailServer, browser: &mut Browser, (from, to): (&str, &str)) -> String {
    app.advance(Duration::from_secs(61));
    let answer = ask(app, browser, to);
    assert_eq!((answer.status, answer.location()), (303, SENT), "{}", answer.text());
    let done = press(&mut app.browser(), &mailed_link(app, server, to));
    assert_eq!((done.status, done.location()), (303, DONE), "{}", done.text());
    mailed_link(app, server, from)
}

pub fn addresses(app: &TestApp) -> Vec<String> {
    app.texts("SELECT email AS v FROM users ORDER BY email")
}

fn path_of(link: Option<AccountLink>) -> String {
    link.unwrap().path()
}

fn asvs_6_3_7_address_changes_once_the_new_one_is_proved(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let mut browser = app.signed_in(EMAIL);
    let answer = ask(&app, &mut browser, " Rajat@Example.NET ");
    assert_eq!((answer.status, answer.location()), (303, SENT), "{}", answer.body);
    assert!(browser.get(SENT).text().contains("Check your mail"));
    let security = browser.get("/account/security").text();
    assert!(security.contains("A change to rajat@example.net was asked for just now"), "{security}");
    assert_eq!(addresses(&app), [EMAIL]);
    let link = mailed_link(&app, &server, NEW_EMAIL);
    let mut phone = app.browser();
    let page = phone.get(&link);
    assert!(page.body.contains(EMAIL) && page.body.contains(NEW_EMAIL), "{}", page.text());
    let done = press(&mut phone, &link);
    assert_eq!((done.status, done.location()), (303, DONE), "{}", done.text());
    assert!(phone.get(DONE).text().contains("Your email address is changed"));
    assert_eq!(addresses(&app), [NEW_EMAIL]);
    assert!(browser.is_signed_in() && !phone.is_signed_in(), "sessions go on, and the link starts none");
    assert_eq!(browser.get("/api/session").json()["user"]["email"], NEW_EMAIL);
    let data = app.text("SELECT CAST(sess AS text) AS v FROM user_sessions");
    assert!(data.contains(NEW_EMAIL) && !data.contains(EMAIL), "{data}");
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 401);
    assert_eq!(app.browser().sign_in(NEW_EMAIL, PASSWORD).status, 303);
    let told = mailed_link(&app, &server, EMAIL);
    assert!(told.starts_with("/verify?token="), "{told}");
    let mail = server.mails().into_iter().rfind(|mail| mail.to == [EMAIL]).unwrap();
    assert_eq!(mail.header("Subject"), Some("Your email address for Keyrack was changed"));
    assert!(mail.decoded().contains("New address: rajat@example.net"), "{}", mail.decoded());
    let kinds =
        app.texts("SELECT kind AS v FROM security_events WHERE kind LIKE 'link%' OR kind LIKE 'email%' ORDER BY id");
    assert_eq!(kinds, ["link_created", "link_used", "email_changed"]);
    let events = app.rows("security_events", "WHERE kind LIKE 'link%' OR kind LIKE 'email%'");
    assert!(!format!("{events:?}").contains("@example"), "{events:?}");
    let activity = browser.get("/account/activity").text();
    assert!(activity.contains("Email address changed"), "{activity}");
    app.assert_sound();
}

/// Also one whose account is disabled. Its owner gets a mail that says so.
fn answers_are_the_same_for_a_taken_address(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    app.add_user(OTHER_EMAIL);
    app.add_user("disabled@example.com");
    wait(app.keyrack.accounts().disable(&"disabled@example.com".parse().unwrap())).unwrap();
    let answers = [NEW_EMAIL, OTHER_EMAIL, "ANA@Example.com", "disabled@example.com"].map(|email| {
        app.advance(Duration::from_secs(30 * 60));
        let mut browser = app.signed_in(EMAIL);
        let answer = ask(&app, &mut browser, email);
        let mut headers = answer.headers.clone();
        for name in ["date", "x-request-id", "set-cookie"] {
            headers.remove(name);
        }
        let mut headers: Vec<_> = headers.iter().map(|header| format!("{header:?}")).collect();
        headers.sort();
        let main = |page: Answer| page.without_tokens().split_once("<main").unwrap().1.to_owned();
        let security = browser.get("/account/security").between("aria-labelledby=\"email\"", "</section>");
        let security = security.replace(&email.to_lowercase(), "ADDRESS");
        (answer.status, headers, answer.body.clone(), main(browser.get(answer.location())), security)
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    let mails = app.texts("SELECT kind || ' ' || address AS v FROM mails WHERE kind LIKE '%address%' OR kind LIKE 'email%' ORDER BY created_at");
    let taken = format!("address_taken {OTHER_EMAIL}");
    assert_eq!(mails, [format!("email_change {NEW_EMAIL}"), taken.clone(), taken]);
    wait(app.keyrack.send_due_mails()).unwrap();
    let mail = server.mails().into_iter().rfind(|mail| mail.to == [OTHER_EMAIL]).unwrap();
    assert_eq!(mail.header("Subject"), Some("Your email address at Keyrack"));
    assert!(!mail.content.contains("token="), "{}", mail.content);
    assert_eq!(addresses(&app), [OTHER_EMAIL, "disabled@example.com", EMAIL]);
}

fn own_and_malformed_addresses_are_refused(engine: EngineKind) {
    let Some((app, _server)) = start(engine) else { return };
    let mut browser = app.signed_in(EMAIL);
    for (text, message) in [
        ("", "Enter an email address"),
        ("rajat", "Enter an email address"),
        ("RAJAT.verma@example.com", "This is already your address."),
    ] {
        let refused = ask(&app, &mut browser, text);
        assert!(refused.status == 422 && refused.text().contains(message), "{text}: {}", refused.text());
    }
    assert_eq!(app.count("account_links", ""), 0);
}

fn change_needs_a_recent_proof(engine: EngineKind) {
    let Some((app, _server)) = start(engine) else { return };
    let mut browser = app.signed_in(EMAIL);
    let token = browser.get(PAGE).csrf_token();
    app.advance(Duration::from_secs(60 * 60));
    let asked = browser.get(PAGE);
    assert_eq!((asked.status, asked.location()), (303, "/reauth?next=%2Faccount%2Femail"));
    let refused = browser.post(PAGE, &[("email", NEW_EMAIL), ("csrf_token", &token)]);
    assert!(refused.status == 303 && refused.location().starts_with("/reauth"), "{}", refused.text());
    assert_eq!(app.count("account_links", ""), 0);
    assert_eq!(reauthenticate(&mut browser, asked.location(), PASSWORD).location(), PAGE);
    assert_eq!(ask(&app, &mut browser, NEW_EMAIL).location(), SENT);
}

/// As scanners of mail servers do.
fn opened_link_changes_nothing(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let mut browser = app.signed_in(EMAIL);
    ask(&app, &mut browser, NEW_EMAIL);
    let link = mailed_link(&app, &server, NEW_EMAIL);
    for _ in 0..3 {
        assert_eq!(app.browser().get(&link).status, 200);
    }
    assert_eq!(addresses(&app), [EMAIL]);
    assert_eq!(press(&mut app.browser(), &link).location(), DONE);
    let undo = mailed_link(&app, &server, EMAIL);
    for _ in 0..3 {
        assert_eq!(app.browser().get(&undo).status, 200);
    }
    assert_eq!(addresses(&app), [NEW_EMAIL]);
    assert!(browser.is_signed_in());
}

fn link_is_good_once_and_its_form_twice(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    ask(&app, &mut app.signed_in(EMAIL), NEW_EMAIL);
    let link = mailed_link(&app, &server, NEW_EMAIL);
    let mut browser = app.browser();
    let token = browser.get(&link).csrf_token();
    let fields = [("token", link.split_once("token=").unwrap().1), ("csrf_token", token.as_str())];
    for _ in 0..2 {
        assert_eq!(browser.post("/verify", &fields).location(), DONE);
    }
    assert_eq!(app.count("security_events", "WHERE kind = 'email_changed'"), 1);
    app.advance(Duration::from_secs(60));
    let again = browser.post("/verify", &fields);
    assert!(again.status == 410 && again.text().contains("already been used"), "{}", again.text());
    let unknown = browser.get("/verify?token=abc");
    assert!(unknown.status == 410 && unknown.text().contains("no longer works"), "{}", unknown.text());
}

fn link_is_good_for_a_day(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    ask(&app, &mut app.signed_in(EMAIL), NEW_EMAIL);
    let link = mailed_link(&app, &server, NEW_EMAIL);
    app.clock.advance(Duration::from_secs(24 * 60 * 60 - 1));
    assert_eq!(app.browser().get(&link).status, 200);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(app.browser().get(&link).status, 410);
    assert_eq!(press_blindly(&app, &link).status, 410);
    assert_eq!(addresses(&app), [EMAIL]);
}

/// Sends the form of a link without its page.
pub fn press_blindly(app: &TestApp, link: &str) -> Answer {
    app.browser().post_from("/login", "/verify", &[("token", link.split_once("token=").unwrap().1)])
}

fn later_request_and_new_password_make_links_void(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let mut browser = app.signed_in(EMAIL);
    ask(&app, &mut browser, NEW_EMAIL);
    let first = mailed_link(&app, &server, NEW_EMAIL);
    app.advance(Duration::from_secs(61));
    ask(&app, &mut browser, "third@example.com");
    assert_eq!(press_blindly(&app, &first).status, 410);
    let second = mailed_link(&app, &server, "third@example.com");
    assert_eq!(app.browser().get(&second).status, 200);
    let password = keyrack::accounts::Password::new("seven hills, one river");
    wait(app.keyrack.accounts().set_password(&EMAIL.parse().unwrap(), password)).unwrap();
    assert_eq!(press_blindly(&app, &second).status, 410);
    assert_eq!(addresses(&app), [EMAIL]);
}

fn links_to_the_former_address_are_void(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let reset = path_of(wait(app.keyrack.accounts().create_reset_link(&EMAIL.parse().unwrap(), None)).unwrap());
    assert_eq!(app.browser().get(&reset).status, 200);
    change(&app, &server, &mut app.signed_in(EMAIL), (EMAIL, NEW_EMAIL));
    assert_eq!(app.browser().get(&reset).status, 410);
    let reset = path_of(wait(app.keyrack.accounts().create_reset_link(&NEW_EMAIL.parse().unwrap(), None)).unwrap());
    assert_eq!(app.browser().get(&reset).status, 200);
}

/// The browser that opens a link may have another user's session, which is named nowhere.
fn events_name_the_address_of_the_link_and_the_asking_session(engine: EngineKind) {
    let Some(server) = mail_server::is_available().then(MailServer::start) else { return };
    let app = TestApp::with(engine, |config| {
        config.mail = Some(settings(&server.url()));
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    app.add_user(EMAIL);
    app.add_user(OTHER_EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let asking = browser.session_id();
    let mut other = app.signed_in(OTHER_EMAIL).with_header("x-forwarded-for", "192.0.2.7");
    let foreign = other.session_id();
    assert_eq!(ask(&app, &mut browser, NEW_EMAIL).status, 303);
    assert_eq!(press(&mut other, &mailed_link(&app, &server, NEW_EMAIL)).status, 303);
    let mut other = other.with_header("x-forwarded-for", "192.0.2.8");
    assert_eq!(press(&mut other, &mailed_link(&app, &server, EMAIL)).status, 303);
    let events = app.rows("security_events", "WHERE kind = 'link_used' OR kind LIKE 'email%' ORDER BY id");
    let sources = events.iter().map(|event| (event["kind"].clone(), event["ip_address"].clone(), by_session(event)));
    let expected = [
        ("link_used", "192.0.2.7", asking.as_str()),
        ("email_changed", "192.0.2.7", &asking),
        ("link_used", "192.0.2.8", ""),
        ("email_restored", "192.0.2.8", ""),
    ];
    let expected = expected.map(|(kind, address, session)| (kind.into(), address.into(), session.to_owned()));
    assert_eq!(sources.collect::<Vec<_>>(), expected);
    assert!(!format!("{events:?}").contains(&foreign), "{events:?}");
}

fn by_session(event: &serde_json::Value) -> String {
    event["detail"]["by_session"].as_str().unwrap_or_default().to_owned()
}

fn one_of_two_accounts_gets_an_address(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    app.add_user(OTHER_EMAIL);
    let links = [EMAIL, OTHER_EMAIL].map(|email| {
        app.advance(Duration::from_secs(61));
        ask(&app, &mut app.signed_in(email), NEW_EMAIL);
        mailed_link(&app, &server, NEW_EMAIL)
    });
    let mut statuses = std::thread::scope(|scope| {
        let app = &app;
        links.each_ref().map(|link| scope.spawn(move || press_blindly(app, link).status)).map(|one| one.join().unwrap())
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409]);
    assert_eq!(addresses(&app).iter().filter(|email| *email == NEW_EMAIL).count(), 1);
    let refused = links.iter().map(|link| app.browser().get(link)).find(|page| page.status == 200);
    assert!(refused.is_some(), "the other link is not used up");
    app.assert_sound();
}

fn invited_address_is_taken(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    ask(&app, &mut app.signed_in(EMAIL), NEW_EMAIL);
    let link = mailed_link(&app, &server, NEW_EMAIL);
    let invited = || InvitedUser {
        email: NEW_EMAIL.to_uppercase().parse().unwrap(),
        user_name: None,
        first_name: None,
        last_name: None,
        role: None,
    };
    wait(app.keyrack.accounts().invite(invited(), None)).unwrap();
    let refused = press_blindly(&app, &link);
    assert!(refused.status == 409 && refused.text().contains("Another account has this address"), "{}", refused.text());
    assert_eq!(addresses(&app), [EMAIL, NEW_EMAIL]);
    app.execute(&format!("DELETE FROM users WHERE email = '{NEW_EMAIL}'"));
    assert_eq!(press_blindly(&app, &link).location(), DONE);
    assert!(wait(app.keyrack.accounts().invite(invited(), None)).is_err(), "and the other way round");
}

fn disabled_account_keeps_its_address(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    ask(&app, &mut app.signed_in(EMAIL), NEW_EMAIL);
    let link = mailed_link(&app, &server, NEW_EMAIL);
    wait(app.keyrack.accounts().disable(&EMAIL.parse().unwrap())).unwrap();
    assert_eq!(press_blindly(&app, &link).status, 410);
    wait(app.keyrack.accounts().enable(&EMAIL.parse().unwrap())).unwrap();
    assert_eq!(press_blindly(&app, &link).status, 410);
    assert_eq!(addresses(&app), [EMAIL]);
}

fn account_asks_once_a_minute_and_an_address_gets_one_mail(engine: EngineKind) {
    let Some((app, _server)) = start(engine) else { return };
    app.add_user(OTHER_EMAIL);
    let (mut browser, mut other) = (app.signed_in(EMAIL), app.signed_in(OTHER_EMAIL));
    assert_eq!(ask(&app, &mut browser, NEW_EMAIL).status, 303);
    app.clock.advance(Duration::from_secs(20));
    let refused = ask(&app, &mut browser, "third@example.com");
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("40")), "{}", refused.text());
    assert!(refused.body.contains("third@example.com"), "what was typed is not lost");
    assert_eq!(ask(&app, &mut other, NEW_EMAIL).status, 303, "the answer does not tell that it has a mail already");
    let mails = || app.count("mails", "WHERE kind = 'email_change'");
    assert_eq!(mails(), 1);
    app.clock.advance(Duration::from_secs(60));
    assert_eq!((ask(&app, &mut browser, NEW_EMAIL).status, mails()), (303, 2));
    app.clock.advance(Duration::from_secs(60));
    assert_eq!((ask(&app, &mut browser, NEW_EMAIL).status, mails()), (303, 3));
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(ask(&app, &mut browser, "third@example.com").status, 429, "three an hour");
}

fn site_without_mail_says_whom_to_ask(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let page = browser.get(PAGE);
    assert!(page.status == 200 && page.text().contains("Ask your administrator to change"), "{}", page.text());
    assert!(!page.body.contains("name=\"email\""), "{}", page.body);
    assert_eq!(ask(&app, &mut browser, NEW_EMAIL).status, 200);
    assert_eq!(app.count("account_links", ""), 0);
}

/// Links that would put a former address back are void then: one may have gone to another person.
fn operator_changes_an_address_without_a_proof(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    app.add_user(OTHER_EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let undo = change(&app, &server, &mut browser, (EMAIL, NEW_EMAIL));
    let set = |from: &str, to: &str| {
        wait(app.keyrack.accounts().set_email(&from.parse().unwrap(), &to.parse().unwrap()))
            .map_err(|error| error.to_string())
    };
    assert_eq!(set(NEW_EMAIL, OTHER_EMAIL), Err("another account has this address".to_owned()));
    assert_eq!(set(EMAIL, OTHER_EMAIL), Err("there is no such user".to_owned()));
    set(NEW_EMAIL, "third@example.com").unwrap();
    assert_eq!(addresses(&app), [OTHER_EMAIL, "third@example.com"]);
    assert!(browser.is_signed_in());
    assert_eq!(press_blindly(&app, &undo).status, 410);
    wait(app.keyrack.send_due_mails()).unwrap();
    let mail = server.mails().into_iter().rfind(|mail| mail.to == [NEW_EMAIL]).unwrap();
    assert!(mail.decoded().contains("An administrator changed the email address"), "{}", mail.decoded());
    assert!(!mail.content.contains("token="), "{}", mail.content);
    app.assert_sound();
}

/// SQLite does not show who waits, and has one writer at a time.
fn operator_changes_no_address_that_has_just_been_left(engine: EngineKind) {
    let Some((app, server)) = start(engine).filter(|_| engine == EngineKind::Postgres) else { return };
    let sql = format!("UPDATE users SET email = '{NEW_EMAIL}'");
    let accounts = app.keyrack.accounts();
    let set = || wait(accounts.set_email(&EMAIL.parse().unwrap(), &OTHER_EMAIL.parse().unwrap()));
    let answer = change_before(app.database(), &sql, set).map_err(|error| error.to_string());
    assert_eq!(answer, Err("there is no such user".to_owned()));
    assert_eq!(addresses(&app), [NEW_EMAIL]);
    wait(app.keyrack.send_due_mails()).unwrap();
    assert_eq!(server.mails().len(), 0);
}

/// Another program may have written it, before Keyrack was there. The owner changes back what a thief has changed.
fn former_address_in_other_letters_is_the_same(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let mut browser = app.signed_in(EMAIL);
    // The mail server gives the domain back in lower case.
    app.execute("UPDATE users SET email = 'Rajat.Verma@Example.com'");
    let undo = change(&app, &server, &mut browser, ("Rajat.Verma@example.com", NEW_EMAIL));
    app.advance(Duration::from_secs(61));
    assert_eq!(ask(&app, &mut browser, EMAIL).status, 303);
    assert_eq!(press_blindly(&app, &mailed_link(&app, &server, EMAIL)).status, 303);
    assert_eq!(addresses(&app), [EMAIL]);
    assert_eq!(app.count("account_links", "WHERE kind = 'email_changed'"), 1, "the address that is left gets none");
    assert_eq!(press_blindly(&app, &undo).status, 410, "there is nothing to put back");
}

fn instance_without_secrets_of_the_link_refuses_it(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    ask(&app, &mut app.signed_in(EMAIL), NEW_EMAIL);
    let link = mailed_link(&app, &server, NEW_EMAIL);
    let other = TestApp::over(app.database(), app.clock.clone(), |config| {
        config.mail = Some(settings("smtp://127.0.0.1:1"));
        config.secrets = "violet harbour gravel 4711".parse().unwrap();
    });
    assert_eq!(press_blindly(&other, &link).status, 410);
    assert_eq!(press_blindly(&app, &link).status, 303);
}
