//! `/register`, and the link with which a visitor creates an account

use std::{
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use keyrack::{accounts::InvitedUser, config::Registration};

use crate::{
    mail::settings,
    support::{Answer, Browser, EngineKind, MailServer, PASSWORD, TestApp, log, mail_server, on_both_engines, wait},
};

const EMAIL: &str = "rajat.verma@example.com";
const OTHER_EMAIL: &str = "ana@example.com";
const NEW: &str = "seven hills, one river";
pub const PAGE: &str = "/register";
const SENT: &str = "/register?sent=on";

on_both_engines!(
    visitor_creates_an_account_by_the_mailed_link,
    answers_are_the_same_for_every_address,
    nothing_of_the_first_registrant_survives,
    first_used_link_makes_the_others_void,
    concurrent_uses_create_one_account,
    form_sent_twice_is_signed_in_twice,
    opened_link_creates_nothing,
    link_is_good_for_a_day,
    address_that_has_got_an_account_since_is_refused,
    wrong_form_leaves_the_link_unused,
    demanded_second_factor_is_set_up_first,
    address_gets_a_mail_a_minute_and_three_an_hour,
    page_is_not_found_unless_open,
    link_has_expired_once_registration_is_closed,
    browser_that_has_signed_in_counts_for_its_network,
    page_is_not_found_before_the_first_account,
    purge_deletes_what_has_expired,
    site_sends_so_many_mails_to_new_addresses_per_hour,
);

/// An instance on which visitors may create accounts, with an administrator.
fn start(engine: EngineKind) -> Option<(TestApp, MailServer)> {
    if !mail_server::is_available() {
        return None;
    }
    let server = MailServer::start();
    let app = TestApp::with(engine, |config| {
        config.mail = Some(settings(&server.url()));
        config.registration = Registration::Open;
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    app.add_user("admin@example.com");
    Some((app, server))
}

pub fn ask(app: &TestApp, browser: &mut Browser, email: &str) -> Answer {
    let answer = browser.post_from(PAGE, PAGE, &[("email", email)]);
    wait(app.keyrack.accounts().requests_done(Duration::from_secs(60))).unwrap();
    answer
}

/// Asks in a new browser. Returns the link that was mailed.
#[track_caller]
fn registered(app: &TestApp, server: &MailServer, email: &str) -> String {
    let answer = ask(app, &mut app.browser(), email);
    assert_eq!((answer.status, answer.location()), (303, SENT), "{}", answer.text());
    wait(app.keyrack.send_due_mails()).unwrap();
    server.mails().into_iter().rfind(|mail| mail.to == [email]).expect("a mail").link()
}

fn token(link: &str) -> &str {
    link.split_once("token=").unwrap().1
}

/// Sends the form of a link.
fn create(browser: &mut Browser, link: &str, first_name: &str, password: &str) -> Answer {
    let fields = [("first_name", first_name), ("password", password), ("password_again", password)];
    let fields: Vec<_> = fields.into_iter().chain([("token", token(link))]).collect();
    browser.post_from(link, "/verify", &fields)
}

/// Sends it without its page.
fn create_blindly(app: &TestApp, link: &str) -> Answer {
    let fields = [("token", token(link)), ("first_name", "Rajat"), ("password", NEW), ("password_again", NEW)];
    app.browser().post_from("/login", "/verify", &fields)
}

fn of_address(app: &TestApp, email: &str) -> usize {
    app.count("users", &format!("WHERE email = '{email}'"))
}

fn visitor_creates_an_account_by_the_mailed_link(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let mut browser = app.browser();
    assert!(browser.get("/login").body.contains("<a href=\"/register\">Create an account</a>"));
    assert_eq!(ask(&app, &mut browser, " Rajat.Verma@Example.com ").location(), SENT);
    assert!(browser.get(SENT).text().contains("Check your mail"));
    assert_eq!(of_address(&app, EMAIL), 0);
    wait(app.keyrack.send_due_mails()).unwrap();
    let mail = server.mails().into_iter().rfind(|mail| mail.to == [EMAIL]).unwrap();
    assert_eq!(mail.header("Subject"), Some("Create your account at Keyrack"));
    let link = mail.link();
    let page = browser.get(&link);
    assert!(page.status == 200 && page.body.contains(EMAIL), "{}", page.text());
    let created = create(&mut browser, &link, "Rajat", NEW);
    assert_eq!((created.status, created.location()), (303, "/account/sessions"), "{}", created.text());
    assert!(browser.is_signed_in());
    assert_eq!(browser.get("/api/session").json()["user"]["role"], "user");
    assert_eq!(app.text("SELECT authorised_by AS v FROM sessions"), "registration");
    assert_eq!(app.browser().sign_in(EMAIL, NEW).status, 303);
    let activity = browser.get("/account/activity").text();
    assert!(activity.contains("Account created by its user"), "{activity}");
    let again = app.browser().get(&link);
    assert!(again.status == 410 && again.text().contains("an account was created with it"), "{}", again.text());
    let detail = app.text(
        "SELECT CAST(detail AS text) AS v FROM security_events WHERE kind = 'account_created' AND actor = 'user'",
    );
    assert!(detail.contains("registered"), "{detail}");
    app.assert_sound();
}

/// Also of one that is disabled, or has no password yet.
fn answers_are_the_same_for_every_address(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    for email in [OTHER_EMAIL, "disabled@example.com", "passwordless@example.com"] {
        app.add_user(email);
    }
    wait(app.keyrack.accounts().disable(&"disabled@example.com".parse().unwrap())).unwrap();
    app.execute("UPDATE users SET password_hash = NULL WHERE email = 'passwordless@example.com'");
    let addresses = [EMAIL, OTHER_EMAIL, "ANA@example.com", "disabled@example.com", "passwordless@example.com"];
    let answers = addresses.map(|email| {
        let mut browser = app.browser();
        let answer = ask(&app, &mut browser, email);
        let mut headers = answer.headers.clone();
        headers.remove("date");
        headers.remove("x-request-id");
        let mut headers: Vec<_> = headers.iter().map(|header| format!("{header:?}")).collect();
        headers.sort();
        let page = browser.get(answer.location()).without_tokens();
        (answer.status, headers, answer.body, page.split_once("<main").unwrap().1.to_owned())
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "they differ");
    let mails = app.texts("SELECT kind || ' ' || address AS v FROM mails ORDER BY address");
    let expected = [
        format!("account_exists {OTHER_EMAIL}"),
        "account_exists passwordless@example.com".to_owned(),
        format!("registration {EMAIL}"),
    ];
    assert_eq!(mails, expected);
    wait(app.keyrack.send_due_mails()).unwrap();
    let mail = server.mails().into_iter().rfind(|mail| mail.to == [OTHER_EMAIL]).unwrap();
    assert!(mail.decoded().contains("you have one already") && !mail.content.contains("token="), "{}", mail.decoded());
}

/// A stranger registers the address of another person, in every way that a form can be sent, before its owner does.
fn nothing_of_the_first_registrant_survives(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let mut stranger = app.browser().with_header("accept-language", "de");
    let fields = [
        ("email", EMAIL),
        ("first_name", "Mallory"),
        ("last_name", "Crow"),
        ("user_name", "crow"),
        ("role", "admin"),
        ("language", "de"),
        ("password", NEW),
        ("password_again", NEW),
    ];
    assert_eq!(stranger.post_from(PAGE, PAGE, &fields).location(), SENT);
    wait(app.keyrack.accounts().requests_done(Duration::from_secs(60))).unwrap();
    wait(app.keyrack.send_due_mails()).unwrap();
    let link = server.mails().into_iter().rfind(|mail| mail.to == [EMAIL]).unwrap().link();
    assert_eq!(app.browser().sign_in(EMAIL, NEW).status, 401, "there is no account yet");
    let mut owner = app.browser();
    let page = owner.get(&link);
    assert!(!page.body.contains("Mallory") && !page.body.contains("Crow"), "{}", page.body);
    assert_eq!(create(&mut owner, &link, "Rajat", PASSWORD).status, 303);
    assert!(!stranger.is_signed_in());
    assert_eq!(app.browser().sign_in(EMAIL, NEW).status, 401);
    let mut user = app.rows("users", &format!("WHERE email = '{EMAIL}'")).remove(0);
    let user = user.as_object_mut().unwrap();
    assert_eq!(
        (&user["first_name"], &user["last_name"], &user["user_name"], &user["role"]),
        (&"Rajat".into(), &().into(), &().into(), &"user".into())
    );
    let tables = ["users", "registrations", "sessions", "known_browsers", "security_events", "account_links"];
    let rows: Vec<_> = tables.iter().flat_map(|table| app.rows(table, "")).collect();
    let text = format!("{rows:?}");
    assert!(!text.contains("Mallory") && !text.contains("Crow") && !text.contains("crow"), "{text}");
    assert_eq!(app.count("known_browsers", ""), 1, "the owner's");
    assert!(owner.get("/account/sessions").body.contains("lang=\"en\""));
}

fn first_used_link_makes_the_others_void(engine: EngineKind) {
    for used in [0, 1] {
        let Some((app, server)) = start(engine) else { return };
        let first = registered(&app, &server, EMAIL);
        app.advance(Duration::from_secs(61));
        let links = [first, registered(&app, &server, EMAIL)];
        assert!(links.iter().all(|link| app.browser().get(link).status == 200), "both are good");
        assert_eq!(create(&mut app.browser(), &links[used], "Rajat", NEW).status, 303);
        app.advance(Duration::from_secs(61));
        for link in &links {
            assert_eq!(create_blindly(&app, link).status, 410);
        }
        assert_eq!(of_address(&app, EMAIL), 1);
    }
}

fn concurrent_uses_create_one_account(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let first = registered(&app, &server, EMAIL);
    app.advance(Duration::from_secs(61));
    let links = [first.clone(), registered(&app, &server, EMAIL), first];
    let mut statuses = std::thread::scope(|scope| {
        let app = &app;
        let all: Vec<_> = links.iter().map(|link| scope.spawn(move || create_blindly(app, link).status)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    statuses.sort_unstable();
    assert!(statuses[0] == 303 && statuses[2] == 410, "{statuses:?}");
    assert_eq!(of_address(&app, EMAIL), 1);
    app.assert_sound();
}

fn form_sent_twice_is_signed_in_twice(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let link = registered(&app, &server, EMAIL);
    let mut browser = app.browser();
    let csrf_token = browser.get(&link).csrf_token();
    let fields = [("token", token(&link)), ("first_name", "Rajat"), ("password", NEW), ("password_again", NEW)];
    let fields: Vec<_> = fields.into_iter().chain([("csrf_token", csrf_token.as_str())]).collect();
    for _ in 0..2 {
        assert_eq!(browser.post("/verify", &fields).location(), "/account/sessions");
    }
    assert!(browser.is_signed_in());
    assert_eq!((of_address(&app, EMAIL), app.count("sessions", "")), (1, 1));
}

/// As scanners of mail servers do.
fn opened_link_creates_nothing(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let link = registered(&app, &server, EMAIL);
    for _ in 0..3 {
        assert_eq!(app.browser().get(&link).status, 200);
    }
    assert_eq!(of_address(&app, EMAIL), 0);
    assert_eq!(create(&mut app.browser(), &link, "Rajat", NEW).status, 303);
}

fn link_is_good_for_a_day(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let link = registered(&app, &server, EMAIL);
    app.clock.advance(Duration::from_secs(24 * 60 * 60 - 1));
    assert_eq!(app.browser().get(&link).status, 200);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!((app.browser().get(&link).status, create_blindly(&app, &link).status), (410, 410));
    assert_eq!(of_address(&app, EMAIL), 0);
}

fn address_that_has_got_an_account_since_is_refused(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let link = registered(&app, &server, EMAIL);
    let invited =
        InvitedUser { email: EMAIL.parse().unwrap(), user_name: None, first_name: None, last_name: None, role: None };
    wait(app.keyrack.accounts().invite(invited, None)).unwrap();
    assert_eq!(create_blindly(&app, &link).status, 410);
    assert_eq!(of_address(&app, EMAIL), 1);
    assert_eq!(app.browser().sign_in(EMAIL, NEW).status, 401);
}

fn wrong_form_leaves_the_link_unused(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let link = registered(&app, &server, EMAIL);
    let mut browser = app.browser();
    for (first_name, password, message) in [
        ("", NEW, "Enter a first name."),
        ("Rajat", "short", "at least"),
        ("Rajat", "rajat.verma@example.com", "name"),
        ("R\u{202e}", NEW, "U+202E"),
    ] {
        let refused = create(&mut browser, &link, first_name, password);
        assert!(refused.status == 422 && refused.text().contains(message), "{message}: {}", refused.text());
    }
    let fields = [("token", token(&link)), ("first_name", "Rajat"), ("password", NEW), ("password_again", PASSWORD)];
    let refused = browser.post_from(&link, "/verify", &fields);
    assert!(refused.status == 422 && refused.body.contains("value=\"Rajat\""), "{}", refused.text());
    assert_eq!(of_address(&app, EMAIL), 0);
    assert_eq!(create(&mut browser, &link, "Rajat", NEW).status, 303);
}

fn demanded_second_factor_is_set_up_first(engine: EngineKind) {
    if !mail_server::is_available() {
        return;
    }
    let server = MailServer::start();
    let app = TestApp::with(engine, |config| {
        config.mail = Some(settings(&server.url()));
        config.registration = Registration::Open;
        config.second_factor = keyrack::accounts::SecondFactorPolicy::Everyone;
    });
    app.add_user("admin@example.com");
    let link = registered(&app, &server, EMAIL);
    let mut browser = app.browser();
    let created = create(&mut browser, &link, "Rajat", NEW);
    assert_eq!((created.status, created.location()), (303, "/login/second"), "{}", created.text());
    assert!(!browser.is_signed_in());
    assert!(browser.get("/login/second").body.contains("otpauth://"));
}

fn address_gets_a_mail_a_minute_and_three_an_hour(engine: EngineKind) {
    let Some((app, _server)) = start(engine) else { return };
    app.add_user(OTHER_EMAIL);
    let mut number = 0;
    let mut ask_as_stranger = |email: &str| {
        number += 1;
        let mut browser = app.browser().with_header("x-forwarded-for", &format!("192.0.{number}.1"));
        assert_eq!(ask(&app, &mut browser, email).status, 303);
        app.count("mails", &format!("WHERE address = '{email}'"))
    };
    for email in [EMAIL, OTHER_EMAIL] {
        assert_eq!([ask_as_stranger(email), ask_as_stranger(email)], [1, 1]);
        app.clock.advance(Duration::from_secs(60));
        assert_eq!(ask_as_stranger(email), 2);
        app.clock.advance(Duration::from_secs(60));
        assert_eq!(ask_as_stranger(email), 3);
        app.clock.advance(Duration::from_secs(60));
        assert_eq!(ask_as_stranger(email), 3);
    }
    let mut browser = app.browser().with_header("x-forwarded-for", "198.51.100.1");
    for number in 0..20 {
        assert_eq!(ask(&app, &mut browser, &format!("unknown{number}@example.com")).status, 303, "{number}");
    }
    assert_eq!(ask(&app, &mut browser, "unknown20@example.com").status, 429);
    let refused = ask(&app, &mut app.browser(), "no address");
    assert!(refused.status == 422 && refused.text().contains("Enter an email address"), "{}", refused.text());
}

fn page_is_not_found_unless_open(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.mail = Some(settings("smtp://127.0.0.1:1")));
    app.add_user(EMAIL);
    let mut browser = app.browser();
    assert_eq!(browser.get(PAGE).status, 404);
    assert_eq!(browser.post_from("/login", PAGE, &[("email", OTHER_EMAIL)]).status, 404);
    assert!(!browser.get("/login").body.contains("/register"));
    assert_eq!((app.count("registrations", ""), app.count("mails", "")), (0, 0));
}

/// It must be an administrator's.
fn page_is_not_found_before_the_first_account(engine: EngineKind) {
    let app = TestApp::with(engine, |config| {
        config.mail = Some(settings("smtp://127.0.0.1:1"));
        config.registration = Registration::Open;
    });
    assert_eq!(app.browser().get(PAGE).status, 404);
    app.add_user(EMAIL);
    assert_eq!(app.browser().get(PAGE).status, 200);
}

fn purge_deletes_what_has_expired(engine: EngineKind) {
    let Some((app, _server)) = start(engine) else { return };
    ask(&app, &mut app.browser(), EMAIL);
    app.clock.advance(Duration::from_secs(48 * 60 * 60 - 1));
    wait(app.keyrack.accounts().purge()).unwrap();
    assert_eq!(app.count("registrations", ""), 1);
    app.clock.advance(Duration::from_secs(2));
    wait(app.keyrack.accounts().purge()).unwrap();
    assert_eq!(app.count("registrations", ""), 0);
}

fn link_has_expired_once_registration_is_closed(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let link = registered(&app, &server, EMAIL);
    let closed = TestApp::over(app.database(), app.clock.clone(), |config| {
        config.mail = Some(settings(&server.url()));
    });
    let mut browser = closed.browser();
    assert_eq!(browser.get(&link).status, 410);
    let fields = [("first_name", "Rajat"), ("password", NEW), ("password_again", NEW), ("token", token(&link))];
    assert_eq!(browser.post_from("/login", "/verify", &fields).status, 410);
    assert_eq!(app.count("users", &format!("WHERE email = '{EMAIL}'")), 0);
    assert_eq!(create(&mut app.browser(), &link, "Rajat", NEW).status, 303, "it is open again");
}

/// Or each account that was registered would raise the limit of mails.
fn browser_that_has_signed_in_counts_for_its_network(engine: EngineKind) {
    let Some((app, _server)) = start(engine) else { return };
    let mut browser = app.signed_in("admin@example.com");
    browser.sign_out();
    for number in 0..20 {
        assert_eq!(ask(&app, &mut browser, &format!("user{number}@example.com")).status, 303, "{number}");
    }
    assert_eq!(ask(&app, &mut browser, "user20@example.com").status, 429);
    assert_eq!(ask(&app, &mut app.browser(), "user21@example.com").status, 429, "the network is used up");
}

/// Whichever networks ask, and whichever addresses have accounts.
fn site_sends_so_many_mails_to_new_addresses_per_hour(engine: EngineKind) {
    // The log is that of the process, and the other engine's test writes the same line.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    log::capture();
    let Some(server) = mail_server::is_available().then(MailServer::start) else { return };
    let app = TestApp::with(engine, |config| {
        config.mail = Some(settings(&server.url()));
        config.registration = Registration::Open;
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.new_address_mails = NonZeroU32::new(4);
    });
    app.add_user(OTHER_EMAIL);
    let warnings = || log::captured().matches("mails to addresses without an account are not sent").count();
    let (asked, warned) = (std::cell::Cell::new(0_u8), warnings());
    let answer_to = |email: &str| {
        asked.set(asked.get() + 1);
        let mut browser = app.browser().with_header("x-forwarded-for", &format!("192.0.{}.7", asked.get()));
        let answer = ask(&app, &mut browser, email);
        (answer.status, answer.location().to_owned(), browser.get(SENT).without_tokens())
    };
    let has_mail = |email: &str| app.count("mails", &format!("WHERE address = '{email}'")) > 0;
    let first = answer_to("user0@example.com");
    for number in 1..3 {
        answer_to(&format!("user{number}@example.com"));
        assert!(has_mail(&format!("user{number}@example.com")), "{number}");
    }
    answer_to(OTHER_EMAIL);
    assert!(has_mail(OTHER_EMAIL), "it counts, or those that get no mail would tell that it has an account");
    for email in ["user4@example.com", "user5@example.com"] {
        assert_eq!(answer_to(email), first);
        assert!(!has_mail(email), "{email}");
    }
    let mut browser = app.signed_in(OTHER_EMAIL);
    let change = browser.post_from("/account/email", "/account/email", &[("email", EMAIL)]);
    wait(app.keyrack.accounts().requests_done(Duration::from_secs(60))).unwrap();
    assert_eq!((change.status, has_mail(EMAIL)), (303, true), "strangers don't keep users from changing their address");
    assert_eq!(warnings() - warned, 1, "once per quarter of an hour");
    app.advance(Duration::from_secs(15 * 60));
    answer_to("user6@example.com");
    assert!(has_mail("user6@example.com"), "one more after a quarter of the hour");
    assert_eq!(app.count("registrations", ""), 4);
    app.advance(Duration::from_secs(2 * 60 * 60));
    wait(app.keyrack.accounts().purge()).unwrap();
    assert_eq!(app.count("sign_in_failures", "WHERE key LIKE 'mails-%'"), 0);
}
