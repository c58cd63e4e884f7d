//! Notices: mails that tell owners what happened to their accounts, and the links in them

use std::time::Duration;

use keyrack::accounts::{InvitedUser, Password};

use super::{app_with_mail, mailed_app, settings};
use crate::routes::passkeys::{self, ORIGIN, PASSKEYS, SignInPage};
use crate::routes::second_factor::{CODES, Factor, REMOVE, SECOND, SECURITY, add_factor};
use crate::support::{
    Answer, Authenticator, Browser, EngineKind, MailServer, PASSWORD, PasskeyDevice, SECRETS, TestApp, change_before,
    mail_server::{self, ReceivedMail},
    on_both_engines, wait, wait_until,
};

const EMAIL: &str = "rajat.verma@example.com";
/// Gets a notice after the others, which shows that these were queued.
const LAST: &str = "last@example.com";
const NEW: &str = "seven hills, one river";
const PAGE: &str = "/not-me";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

on_both_engines!(
    asvs_6_3_5_new_browser_is_told_and_its_session_ended_by_the_link,
    known_browser_and_first_sign_in_are_not_told,
    asvs_6_3_7_password_changes_are_told,
    asvs_6_3_7_changes_of_the_second_factor_are_told,
    asvs_6_3_5_many_failures_are_told_once_a_day,
    first_password_of_an_invitation_is_not_told,
    link_ends_all_sessions_once,
    link_used_meanwhile_ends_nothing,
    link_outlives_a_new_password,
    link_is_good_for_a_week,
    opened_link_ends_nothing,
    unknown_links_are_refused_alike,
    two_instances_queue_each_notice_once,
    notices_are_limited_per_day,
    many_dull_notices_keep_back_no_important_one,
    asvs_6_3_5_wrong_codes_are_told_as_a_known_password,
    asvs_6_3_5_refused_passkeys_are_told_as_such,
    disabling_makes_links_of_notices_void,
    link_used_in_a_foreign_session_names_none,
    notice_holds_no_secret,
    notice_is_in_the_language_of_the_last_sign_in,
    new_browser_does_not_choose_the_language,
);

/// An instance with a user and a mail server. What happens from now on is told.
fn start(engine: EngineKind) -> Option<(TestApp, MailServer)> {
    let (app, server) = mailed_app(engine)?;
    app.add_user(EMAIL);
    app.add_user(LAST);
    assert_eq!(queue(&app), 0);
    Some((app, server))
}

fn queue(app: &TestApp) -> usize {
    wait(app.keyrack.accounts().queue_notices()).unwrap()
}

fn set_password(app: &TestApp, email: &str, password: &str) {
    wait(app.keyrack.accounts().set_password(&email.parse().unwrap(), Password::new(password))).unwrap();
}

/// The kinds of the user's notices, once all that has happened is queued. On PostgreSQL, events are read when all older
/// transactions of the server have ended.
fn kinds(app: &TestApp) -> Vec<String> {
    let of_last = || app.count("mails", &format!("WHERE address = '{LAST}'"));
    let before = of_last();
    set_password(app, LAST, PASSWORD);
    wait_until(|| {
        queue(app);
        of_last() > before
    });
    app.texts(&format!("SELECT kind AS v FROM mails WHERE address = '{EMAIL}' ORDER BY created_at, id"))
}

/// Sends what is queued. Returns the mails to the user, the oldest first.
fn mails(app: &TestApp, server: &MailServer) -> Vec<ReceivedMail> {
    wait(app.keyrack.send_due_mails()).unwrap();
    server.mails().into_iter().filter(|mail| mail.to == [EMAIL]).collect()
}

#[track_caller]
fn only_mail(app: &TestApp, server: &MailServer, kind: &str) -> ReceivedMail {
    assert_eq!(kinds(app), [kind]);
    let mut mails = mails(app, server);
    assert_eq!(mails.len(), 1);
    mails.remove(0)
}

fn text(mail: &ReceivedMail) -> String {
    mail.decoded().replace("\r\n", " ")
}

/// Presses the button of the page that the link leads to.
fn press(browser: &mut Browser, link: &str) -> Answer {
    browser.post_from(link, PAGE, &[("token", link.split_once("token=").unwrap().1)])
}

fn asvs_6_3_5_new_browser_is_told_and_its_session_ended_by_the_link(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let mut owner = app.signed_in(EMAIL);
    app.advance(Duration::from_secs(60));
    let mut thief = app.signed_in(EMAIL);
    let mail = only_mail(&app, &server, "new_browser");
    assert_eq!(mail.header("Subject"), Some("New sign-in to your account at Keyrack"));
    for part in ["When: 28 January 2026, 11:51 UTC", "Device: Firefox 140 on Linux", "Address: 127.0.0.1"] {
        assert!(text(&mail).contains(part), "{part} in {}", text(&mail));
    }
    let mut visitor = app.browser();
    let page = visitor.get(&mail.link());
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Firefox 140 on Linux") && !page.body.contains(EMAIL), "{}", page.text());
    assert!(thief.is_signed_in());
    let done = press(&mut visitor, &mail.link());
    assert!(done.status == 200 && done.text().contains("The device is signed out."), "{}", done.text());
    assert!(!thief.is_signed_in() && !visitor.is_signed_in());
    assert!(owner.is_signed_in(), "the owner stays");
    let again = press(&mut visitor, &mail.link());
    assert!(again.status == 200 && again.text().contains("The device is signed out."), "{}", again.text());
    assert!(owner.is_signed_in());
    assert_eq!(app.count("security_events", "WHERE kind = 'session_reported'"), 1);
    assert_eq!(app.count("known_browsers", ""), 1, "the thief's is forgotten");
    assert!(owner.get("/account/activity").text().contains("of a mail used"));
    app.assert_sound();
}

/// The language of the user's last mail.
fn last_language(app: &TestApp) -> String {
    kinds(app);
    let mails =
        app.texts(&format!("SELECT language AS v FROM mails WHERE address = '{EMAIL}' ORDER BY created_at, id"));
    mails.last().expect("a mail").clone()
}

fn notice_is_in_the_language_of_the_last_sign_in(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let mut browser = app.browser().with_header("accept-language", "de");
    browser.sign_in(EMAIL, PASSWORD);
    set_password(&app, EMAIL, NEW);
    let mail = only_mail(&app, &server, "password_changed");
    assert!(text(&mail).contains("Ihr Passwort"), "{}", text(&mail));
    app.advance(2 * DAY);
    let mut browser = browser.with_header("accept-language", "en");
    assert_eq!(browser.sign_in(EMAIL, NEW).status, 303);
    set_password(&app, EMAIL, PASSWORD);
    assert_eq!(last_language(&app), "en");
    assert_eq!(app.count("known_browsers", ""), 1);
}

fn new_browser_does_not_choose_the_language(engine: EngineKind) {
    let Some((app, _server)) = start(engine) else { return };
    app.browser().with_header("accept-language", "de").sign_in(EMAIL, PASSWORD);
    app.advance(2 * DAY);
    app.signed_in(EMAIL);
    assert_eq!(last_language(&app), "de");
    set_password(&app, EMAIL, NEW);
    assert_eq!(last_language(&app), "de");
    // The same browser has been known for long by then.
    app.advance(2 * DAY);
    set_password(&app, EMAIL, PASSWORD);
    assert_eq!(last_language(&app), "en");
}

fn known_browser_and_first_sign_in_are_not_told(engine: EngineKind) {
    let Some((app, _server)) = start(engine) else { return };
    let mut browser = app.signed_in(EMAIL);
    for _ in 0..3 {
        app.advance(2 * DAY);
        assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    }
    assert_eq!(kinds(&app), [""; 0]);
}

fn asvs_6_3_7_password_changes_are_told(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let mut browser = app.signed_in(EMAIL);
    let fields = [("current_password", PASSWORD), ("password", NEW), ("password_again", NEW)];
    assert_eq!(browser.post_from("/account/password", "/account/password", &fields).status, 303);
    let mail = only_mail(&app, &server, "password_changed");
    assert_eq!(mail.header("Subject"), Some("Your password for Keyrack was changed"));
    assert!(text(&mail).contains("Address: 127.0.0.1"), "{}", text(&mail));
    set_password(&app, EMAIL, PASSWORD);
    assert_eq!(kinds(&app).len(), 2);
    let by_operator = text(&mails(&app, &server)[1]);
    assert!(by_operator.contains("An administrator set a new password"), "{by_operator}");
}

fn asvs_6_3_7_changes_of_the_second_factor_are_told(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let mut browser = app.signed_in(EMAIL);
    let page = browser.get("/account/security/authenticator");
    let code = Authenticator::scan(&page).code_at(app.clock.now());
    let set_up = page.between("name=\"set_up\" value=\"", "\"");
    let fields = [("code", code.as_str()), ("set_up", set_up.as_str()), ("csrf_token", &page.csrf_token())];
    let shown = browser.post("/account/security/authenticator", &fields);
    let recovery_code = shown.between("<code>", "</code>");
    app.advance(Duration::from_secs(1));
    let mut other = app.browser();
    other.sign_in(EMAIL, PASSWORD);
    assert_eq!(other.post_from("/login/second", "/login/second", &[("code", &recovery_code)]).status, 303);
    app.advance(Duration::from_secs(1));
    browser.post_from("/account/security", "/account/security/recovery-codes", &[]);
    app.advance(Duration::from_secs(1));
    wait(app.keyrack.accounts().remove_lost_second_factor(&EMAIL.parse().unwrap())).unwrap();
    let mut told = kinds(&app);
    told.retain(|kind| kind == "ways_in_changed");
    assert_eq!(told.len(), 4);
    let texts: Vec<String> = mails(&app, &server).iter().map(text).collect();
    for part in [
        "An authenticator app was added",
        "signed in to with one of its recovery codes",
        "New recovery codes were made",
        "An administrator removed the authenticator app",
    ] {
        assert_eq!(texts.iter().filter(|text| text.contains(part)).count(), 1, "{part} in {texts:#?}");
    }
}

fn asvs_6_3_5_many_failures_are_told_once_a_day(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let fail = |times| {
        for _ in 0..times {
            assert_eq!(app.browser().sign_in(EMAIL, "not the password").status, 401);
            app.advance(Duration::from_secs(15 * 60));
        }
    };
    fail(9);
    assert_eq!(kinds(&app), [""; 0]);
    fail(1);
    let mail = only_mail(&app, &server, "many_failures");
    assert!(text(&mail).contains("10 sign-ins to your account at Keyrack failed"), "{}", text(&mail));
    fail(10);
    assert_eq!(kinds(&app).len(), 1);
    app.advance(DAY);
    fail(10);
    assert_eq!(kinds(&app).len(), 2);
}

fn first_password_of_an_invitation_is_not_told(engine: EngineKind) {
    let Some((app, _server)) = mailed_app(engine) else { return };
    app.add_user(LAST);
    assert_eq!(queue(&app), 0);
    let user =
        InvitedUser { email: EMAIL.parse().unwrap(), user_name: None, first_name: None, last_name: None, role: None };
    let path = wait(app.keyrack.accounts().invite(user, None)).unwrap().path();
    let fields = [("token", path.split_once("token=").unwrap().1), ("password", NEW), ("password_again", NEW)];
    assert_eq!(app.browser().post_from(&path, "/invite", &fields).status, 303);
    assert_eq!(kinds(&app), ["invitation"]);
}

fn link_ends_all_sessions_once(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    set_password(&app, EMAIL, NEW);
    let (mut one, mut other) = (app.browser(), app.browser());
    assert_eq!([one.sign_in(EMAIL, NEW).status, other.sign_in(EMAIL, NEW).status], [303, 303]);
    kinds(&app);
    let mail = mails(&app, &server).remove(0);
    let done = press(&mut app.browser(), &mail.link());
    assert!(done.text().contains("All devices are signed out."), "{}", done.text());
    assert!(!one.is_signed_in() && !other.is_signed_in());
    assert_eq!(app.count("sessions", "WHERE end_reason = 'revoked'"), 2);
    let pressed_at = app.clock.now().to_iso_micros();
    app.advance(Duration::from_secs(60));
    assert_eq!([one.sign_in(EMAIL, NEW).status, other.sign_in(EMAIL, NEW).status], [303, 303]);
    // As if the first request had been interrupted before it has ended this one.
    let left = other.session_id();
    app.execute(&format!("UPDATE sessions SET created_at = '{pressed_at}' WHERE id = '{left}'"));
    assert_eq!(press(&mut app.browser(), &mail.link()).status, 200);
    assert!(one.is_signed_in(), "a link that was used ends nothing that has started since");
    assert!(!other.is_signed_in(), "but what was left");
    app.assert_sound();
}

/// A button that is pressed twice: the owner has signed in again before the second request does its work. SQLite does not
/// show who waits.
fn link_used_meanwhile_ends_nothing(engine: EngineKind) {
    let Some((app, server)) = start(engine).filter(|_| engine == EngineKind::Postgres) else { return };
    let (mut owner, mut other) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    assert_eq!(kinds(&app), ["new_browser"]);
    set_password(&app, EMAIL, NEW);
    kinds(&app);
    for browser in [&mut owner, &mut other] {
        assert_eq!(browser.sign_in(EMAIL, NEW).status, 303);
    }
    // As if the first of the mails told of one of these.
    let session =
        format!("UPDATE account_links SET session_id = '{}' WHERE session_id IS NOT NULL", owner.session_id());
    app.execute(&session);
    for mail in mails(&app, &server) {
        let link = mail.link();
        let used = "UPDATE account_links SET used_at = now()";
        let answer = change_before(app.database(), used, || press(&mut app.browser(), &link));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(owner.is_signed_in() && other.is_signed_in());
        app.execute("UPDATE account_links SET used_at = NULL");
    }
}

/// The thief sets another password before the owner reads the mail.
fn link_outlives_a_new_password(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    app.signed_in(EMAIL);
    let mut thief = app.signed_in(EMAIL);
    assert_eq!(kinds(&app), ["new_browser"]);
    let fields = [("current_password", PASSWORD), ("password", NEW), ("password_again", NEW)];
    assert_eq!(thief.post_from("/account/password", "/account/password", &fields).status, 303);
    assert!(thief.is_signed_in());
    let mail = mails(&app, &server).remove(0);
    assert_eq!(press(&mut app.browser(), &mail.link()).status, 200);
    assert!(!thief.is_signed_in());
}

fn link_is_good_for_a_week(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    set_password(&app, EMAIL, NEW);
    let link = only_mail(&app, &server, "password_changed").link();
    app.clock.advance(6 * DAY + Duration::from_secs(86_399));
    assert_eq!(app.browser().get(&link).status, 200);
    app.clock.advance(Duration::from_secs(1));
    let late = app.browser().get(&link);
    assert!(late.status == 410 && late.text().contains("It has expired."), "{}", late.text());
    let mut browser = app.browser();
    assert_eq!(browser.sign_in(EMAIL, NEW).status, 303);
    assert_eq!(app.browser().post_from("/login", PAGE, &[("token", link.split_once("token=").unwrap().1)]).status, 410);
    assert!(browser.is_signed_in());
}

/// As scanners of mail servers do. A form of another site has no token.
fn opened_link_ends_nothing(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    set_password(&app, EMAIL, NEW);
    let mut browser = app.browser();
    browser.sign_in(EMAIL, NEW);
    kinds(&app);
    let link = mails(&app, &server).remove(0).link();
    for _ in 0..3 {
        let page = app.browser().get(&link);
        assert_eq!((page.status, page.header("cache-control")), (200, Some("no-store")));
    }
    let token = link.split_once("token=").unwrap().1;
    assert_eq!(app.browser().post(PAGE, &[("token", token)]).status, 403);
    assert!(browser.is_signed_in());
}

fn unknown_links_are_refused_alike(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    set_password(&app, EMAIL, NEW);
    let link = only_mail(&app, &server, "password_changed").link();
    let reset = wait(app.keyrack.accounts().create_reset_link(&EMAIL.parse().unwrap(), None)).unwrap().unwrap().path();
    let (token, of_reset) = (link.split_once("token=").unwrap().1, reset.split_once("token=").unwrap().1);
    let mixed = format!("{}{}", &token[..32], &of_reset[32..]);
    for unknown in ["", "abc", "%ff%00", of_reset, &mixed] {
        assert_eq!(app.browser().get(&format!("{PAGE}?token={unknown}")).status, 410, "{unknown}");
    }
    assert_eq!(app.browser().get(&format!("/reset?token={token}")).status, 410, "a notice sets no password");
    let replaced = TestApp::over(app.database(), app.clock.clone(), |config| {
        config.secrets = "another secret after the first one leaked".parse().unwrap();
    });
    assert_eq!(replaced.browser().get(&link).status, 410);
    wait(app.keyrack.accounts().disable(&EMAIL.parse().unwrap())).unwrap();
    assert_eq!(app.browser().get(&link).status, 410);
}

fn two_instances_queue_each_notice_once(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let other = app_with_mail(app.database(), app.clock.clone(), &server.url());
    for number in 0..10 {
        let email = format!("user{number}@example.com");
        app.add_user(&email);
        set_password(&app, &email, NEW);
    }
    std::thread::scope(|scope| {
        for app in [&app, &other] {
            // One that finds the task taken for too long comes again, as in a server.
            scope.spawn(|| (0..5).for_each(|_| drop(wait(app.keyrack.accounts().queue_notices()))));
        }
    });
    kinds(&app);
    let counts = app.texts("SELECT CAST(count(*) AS text) AS v FROM mails WHERE address LIKE 'user%' GROUP BY address");
    assert_eq!(counts, ["1"; 10]);
}

fn notices_are_limited_per_day(engine: EngineKind) {
    let Some((app, _server)) = start(engine) else { return };
    for number in 0..25 {
        set_password(&app, EMAIL, &format!("seven hills, {number} rivers"));
    }
    assert_eq!(kinds(&app).len(), 10);
    app.advance(DAY + Duration::from_secs(1));
    set_password(&app, EMAIL, NEW);
    assert_eq!(kinds(&app).len(), 11);
}

/// Who is signed in makes recovery codes again and again, and then changes what lets in.
fn many_dull_notices_keep_back_no_important_one(engine: EngineKind) {
    let Some((app, _server)) = start(engine) else { return };
    let Factor { browser: mut thief, .. } = add_factor(&app, EMAIL);
    for _ in 0..30 {
        thief.post_from(SECURITY, CODES, &[]);
    }
    for number in 0..9 {
        let user_agent = format!("Browser/{number}");
        app.execute("DELETE FROM totp_factors");
        app.browser().with_header("user-agent", &user_agent).sign_in(EMAIL, PASSWORD);
    }
    add_factor(&app, EMAIL);
    thief.post_from(SECURITY, REMOVE, &[]);
    set_password(&app, EMAIL, NEW);
    let told = kinds(&app);
    let count = |kind: &str| told.iter().filter(|told| *told == kind).count();
    assert_eq!(count("password_changed"), 1, "{told:?}");
    let texts = app.texts("SELECT params AS v FROM mails WHERE kind = 'ways_in_changed'");
    let of = |change: &str| texts.iter().filter(|text| text.contains(change)).count();
    assert_eq!((of("app_added"), of("app_removed"), of("recovery_codes_made")), (2, 1, 10), "{texts:?}");
}

/// Wrong codes are no guesses at the password: each of them had the right one before it.
fn asvs_6_3_5_wrong_codes_are_told_as_a_known_password(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    add_factor(&app, EMAIL);
    let told = |kind: &str| kinds(&app).iter().filter(|told| *told == kind).count();
    let mut thief = app.browser();
    assert_eq!(thief.sign_in(EMAIL, PASSWORD).location(), SECOND);
    for number in 0..5 {
        assert_eq!(told("wrong_codes"), 0, "after {number}");
        assert_eq!(thief.post_from(SECOND, SECOND, &[("code", "000000")]).status, 401);
    }
    assert_eq!((told("wrong_codes"), told("many_failures")), (1, 0));
    for _ in 0..5 {
        thief.post_from(SECOND, SECOND, &[("code", "000000")]);
    }
    assert_eq!((told("wrong_codes"), told("many_failures")), (1, 0), "once a day, and not as guesses at the password");
    let mails = mails(&app, &server);
    let mail = mails.iter().find(|mail| mail.decoded().contains("wrong code")).unwrap();
    assert_eq!(mail.header("Subject"), Some("Another person may know your password for Keyrack"));
    assert!(text(mail).contains("5 sign-ins") && text(mail).contains("choose a new password now"), "{}", text(mail));
    let page = app.browser().get(&mail.link());
    assert!(page.body.contains("href=\"/forgot\"") && page.text().contains("Choose a new password"), "{}", page.text());
    assert!(page.text().contains("These attempts have signed in no device."), "{}", page.text());
}

/// They say nothing of the password, and are told apart from wrong ones.
fn asvs_6_3_5_refused_passkeys_are_told_as_such(engine: EngineKind) {
    let Some(server) = mail_server::is_available().then(MailServer::start) else { return };
    let app = TestApp::with(engine, |config| {
        config.public_url = ORIGIN.parse().unwrap();
        config.mail = Some(settings(&server.url()));
    });
    app.add_user(EMAIL);
    app.add_user(LAST);
    assert_eq!(queue(&app), 0);
    let mut device = PasskeyDevice::new(ORIGIN);
    assert_eq!(passkeys::add(&mut app.signed_in(EMAIL), &mut device, "").location(), PASSKEYS);
    app.advance(Duration::from_secs(1));
    let mut browser = app.browser();
    let page = SignInPage::open(&mut browser);
    let (passkey, mut replay) = (device.answer(&page.options), browser.clone());
    assert_eq!(page.send(&mut browser, &passkey).status, 303);
    let told = || kinds(&app).iter().filter(|told| *told == "many_failures").count();
    for number in 0..10 {
        app.advance(Duration::from_secs(6));
        if number == 9 {
            assert_eq!(told(), 0);
        }
        assert_eq!(page.send(&mut replay, &passkey).status, 401);
    }
    assert_eq!(told(), 1);
    let mail = mails(&app, &server).into_iter().find(|mail| text(mail).contains("passkey was not accepted")).unwrap();
    assert!(text(&mail).contains("10 sign-ins") && !text(&mail).contains("guessing"), "{}", text(&mail));
    let page = app.browser().get(&mail.link());
    let content = page.body.split_once("<main").unwrap().1;
    assert!(content.contains(&format!("href=\"{PASSKEYS}\"")) && !content.contains("/forgot"), "{}", page.text());
    for _ in 0..10 {
        assert_eq!(app.browser().sign_in(EMAIL, "not the password").status, 401);
        app.advance(Duration::from_secs(15 * 60));
    }
    assert_eq!(told(), 2);
    let is_of_passwords = |mail: &ReceivedMail| text(mail).contains("Keyrack failed, since the password was wrong");
    assert!(mails(&app, &server).iter().any(is_of_passwords));
}

/// Also for an account that is enabled again.
fn disabling_makes_links_of_notices_void(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    set_password(&app, EMAIL, NEW);
    let link = only_mail(&app, &server, "password_changed").link();
    let (email, accounts) = (EMAIL.parse().unwrap(), app.keyrack.accounts());
    wait(accounts.disable(&email)).unwrap();
    wait(accounts.enable(&email)).unwrap();
    let mut owner = app.browser();
    assert_eq!(owner.sign_in(EMAIL, NEW).status, 303);
    let token = link.split_once("token=").unwrap().1;
    assert_eq!(app.browser().get(&link).status, 410);
    assert_eq!(app.browser().post_from("/login", PAGE, &[("token", token)]).status, 410);
    assert!(owner.is_signed_in());
}

/// Another user's browser, for instance at the same desk.
fn link_used_in_a_foreign_session_names_none(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let mut other = app.signed_in(LAST);
    let id = other.session_id();
    set_password(&app, EMAIL, NEW);
    app.browser().sign_in(EMAIL, NEW);
    kinds(&app);
    let notice = mails(&app, &server).remove(0).link();
    assert_eq!(press(&mut other, &notice).status, 200);
    app.advance(Duration::from_secs(1));
    let reset = wait(app.keyrack.accounts().create_reset_link(&EMAIL.parse().unwrap(), None)).unwrap().unwrap().path();
    let fields =
        [("token", reset.split_once("token=").unwrap().1), ("password", PASSWORD), ("password_again", PASSWORD)];
    assert_eq!(other.post_from(&reset, "/reset", &fields).status, 303);
    let events =
        app.rows("security_events", "WHERE user_id = (SELECT id FROM users WHERE email = 'rajat.verma@example.com')");
    assert!(events.iter().filter(|event| event["kind"] == "link_used").count() == 2, "{events:#?}");
    assert!(events.iter().all(|event| !event["detail"].to_string().contains(&id)), "{events:#?}");
}

fn notice_holds_no_secret(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    set_password(&app, EMAIL, NEW);
    let link = only_mail(&app, &server, "password_changed").link();
    let token = link.split_once("token=").unwrap().1;
    let tables = ["mails", "account_links", "security_events", "keyrack_settings"];
    let rows: Vec<_> = tables.iter().flat_map(|table| app.rows(table, "")).collect();
    let text = serde_json::json!(rows).to_string();
    for secret in [token, &token[22..], SECRETS] {
        assert!(!text.contains(secret), "{text}");
    }
}
