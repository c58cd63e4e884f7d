//! `/forgot`

use std::time::Duration;

use crate::{
    mail::{mailed_app, settings},
    support::{Answer, Browser, CLOCK_START, EngineKind, PASSWORD, TestApp, on_both_engines, wait},
};

const EMAIL: &str = "rajat.verma@example.com";
const OTHER_EMAIL: &str = "ana@example.com";
const NEW: &str = "seven hills, one river";

on_both_engines!(
    asvs_6_4_3_forgotten_password_is_replaced_by_mailed_link,
    answers_are_the_same_for_every_address,
    asking_for_links_is_limited_per_account,
    requests_at_the_same_moment_make_one_link,
    known_browser_has_a_limit_of_its_own,
    network_asks_for_twenty_mails_in_a_quarter_of_an_hour,
    browser_that_has_signed_in_asks_from_a_used_up_network,
    text_that_is_no_address_is_refused_with_a_hint,
    site_without_mail_says_whom_to_ask,
    sign_in_page_leads_to_it_also_after_a_wrong_password,
);

/// An instance that queues mails, and has no server for them.
fn app_that_queues(engine: EngineKind) -> TestApp {
    TestApp::with(engine, |config| {
        config.mail = Some(settings("smtp://127.0.0.1:1"));
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
}

/// A browser at an address of its own.
fn browser_at(app: &TestApp, address: &str) -> Browser {
    app.browser().with_header("x-forwarded-for", address)
}

fn ask(app: &TestApp, browser: &mut Browser, email: &str) -> Answer {
    let answer = browser.post_from("/forgot", "/forgot", &[("email", email)]);
    wait(app.keyrack.accounts().requests_done(Duration::from_secs(60))).unwrap();
    answer
}

/// Asks from a network of its own. Returns how many links there are then.
fn ask_as_stranger(app: &TestApp, number: u32) -> usize {
    let mut browser = browser_at(app, &format!("192.{number}.1.1"));
    assert_eq!(ask(app, &mut browser, EMAIL).status, 303);
    links(app)
}

fn links(app: &TestApp) -> usize {
    assert_eq!(app.count("mails", ""), app.count("account_links", ""));
    app.count("account_links", "")
}

fn asvs_6_4_3_forgotten_password_is_replaced_by_mailed_link(engine: EngineKind) {
    let Some((app, server)) = mailed_app(engine) else { return };
    app.add_user(EMAIL);
    let mut browser = app.browser().with_header("accept-language", "de");
    let answer = ask(&app, &mut browser, " Rajat.Verma@Example.com ");
    assert_eq!((answer.status, answer.location()), (303, "/forgot?sent=on"), "{}", answer.body);
    assert!(browser.get("/forgot?sent=on").body.contains("Sehen Sie in Ihre Mails"));
    assert_eq!(wait(app.keyrack.send_due_mails()).unwrap(), 1);
    let mail = server.mails().remove(0);
    assert_eq!(&mail.to[..], &[EMAIL.to_owned()][..]);
    assert!(mail.decoded().contains("ein neues Passwort angefordert"), "{}", mail.decoded());
    let path = mail.link();
    let token = path.strip_prefix("/reset?token=").unwrap();
    let set = browser.post_from(&path, &path, &[("token", token), ("password", NEW), ("password_again", NEW)]);
    assert_eq!(set.status, 303, "{}", set.body);
    assert!(browser.is_signed_in());
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 401);
    let actor = app.text("SELECT actor || ' ' || ip_address AS v FROM security_events WHERE kind = 'link_created'");
    assert_eq!(actor, "user 127.0.0.1");
}

/// Also of one that is disabled, or has no password yet. Only those get a mail that can use it.
fn answers_are_the_same_for_every_address(engine: EngineKind) {
    let app = app_that_queues(engine);
    app.add_user(EMAIL);
    app.add_user("disabled@example.com");
    wait(app.keyrack.accounts().disable(&"disabled@example.com".parse().unwrap())).unwrap();
    app.add_user("passwordless@example.com");
    app.execute("UPDATE users SET password_hash = NULL WHERE email = 'passwordless@example.com'");
    let answers = [EMAIL, "unknown@example.com", "disabled@example.com", "passwordless@example.com"].map(|email| {
        let mut browser = app.browser();
        let answer = ask(&app, &mut browser, email);
        let mut headers = answer.headers.clone();
        headers.remove("date");
        headers.remove("x-request-id");
        let mut headers: Vec<_> = headers.iter().map(|header| format!("{header:?}")).collect();
        headers.sort();
        let page = browser.get(answer.location()).without_tokens();
        let (_, main) = page.split_once("<main").unwrap();
        (answer.status, headers, answer.body, main.split("</main>").next().unwrap().to_owned())
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    assert_eq!(app.texts("SELECT address AS v FROM mails ORDER BY address"), ["passwordless@example.com", EMAIL]);
    let kinds = app.texts("SELECT kind AS v FROM security_events WHERE kind LIKE 'link%'");
    assert_eq!(kinds, ["link_created", "link_created"]);
}

/// Strangers share these limits, wherever they are: their number does not fill a mailbox.
fn asking_for_links_is_limited_per_account(engine: EngineKind) {
    let app = app_that_queues(engine);
    app.add_user(EMAIL);
    assert_eq!([ask_as_stranger(&app, 0), ask_as_stranger(&app, 1)], [1, 1]);
    app.clock.advance(Duration::from_secs(59));
    assert_eq!(ask_as_stranger(&app, 2), 1);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(ask_as_stranger(&app, 3), 2);
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(ask_as_stranger(&app, 4), 3);
    app.clock.advance(Duration::from_secs(60 * 58 - 1));
    assert_eq!(ask_as_stranger(&app, 5), 3, "three within the hour");
    let mut number = 6;
    while app.clock.now().since(CLOCK_START) < Duration::from_secs(23 * 3600) {
        app.clock.advance(Duration::from_secs(1800));
        ask_as_stranger(&app, number);
        number += 1;
    }
    // Ten, and then one an hour: strangers don't keep the owner from a mail for the rest of the day.
    assert_eq!(links(&app), 10 + 19, "of {number} requests");
    app.clock.advance(Duration::from_secs(3599));
    assert_eq!(ask_as_stranger(&app, number), 29);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(ask_as_stranger(&app, number + 1), 30);
    assert!(app.count("security_events", "WHERE kind = 'link_refused'") > 15);
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303, "nothing else is limited");
}

fn requests_at_the_same_moment_make_one_link(engine: EngineKind) {
    let app = app_that_queues(engine);
    app.add_user(EMAIL);
    let other = TestApp::over(app.database(), app.clock.clone(), |config| {
        config.mail = Some(settings("smtp://127.0.0.1:1"));
    });
    std::thread::scope(|scope| {
        for number in 0..8 {
            let app = if number % 2 == 0 { &app } else { &other };
            scope.spawn(move || assert_eq!(ask(app, &mut app.browser(), EMAIL).status, 303));
        }
    });
    assert_eq!(links(&app), 1);
}

/// Strangers who use up theirs don't keep the owner from getting a mail.
fn known_browser_has_a_limit_of_its_own(engine: EngineKind) {
    let app = app_that_queues(engine);
    app.add_user(EMAIL);
    app.add_user(OTHER_EMAIL);
    let mut owner = app.signed_in(EMAIL);
    owner.sign_out();
    let mut other = app.signed_in(OTHER_EMAIL);
    other.sign_out();
    assert_eq!([ask_as_stranger(&app, 0), ask_as_stranger(&app, 1)], [1, 1]);
    ask(&app, &mut other, EMAIL);
    assert_eq!(links(&app), 1, "a browser of another account is a stranger's");
    ask(&app, &mut owner, EMAIL);
    ask(&app, &mut owner, EMAIL);
    assert_eq!(links(&app), 2);
    let requested_by =
        app.texts("SELECT substr(requested_by, 1, 8) AS v FROM account_links ORDER BY requested_by DESC");
    assert_eq!(requested_by, ["unknown", "browser:"]);
}

fn network_asks_for_twenty_mails_in_a_quarter_of_an_hour(engine: EngineKind) {
    let app = app_that_queues(engine);
    let mut browser = browser_at(&app, "192.0.2.1");
    let email = |number: u32| format!("unknown{number}@example.com");
    for number in 0..20 {
        assert_eq!(ask(&app, &mut browser, &email(number)).status, 303, "{number}");
    }
    for _ in 0..2 {
        let refused = ask(&app, &mut browser, &email(20));
        // A refused request does not count.
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("45")), "{}", refused.body);
        assert!(refused.text().contains("Too many attempts"), "{}", refused.text());
        assert!(refused.body.contains("unknown20@example.com"), "what was typed is not lost");
    }
    assert_eq!(ask(&app, &mut browser_at(&app, "192.0.2.2"), EMAIL).status, 303);
    app.clock.advance(Duration::from_secs(45));
    assert_eq!(ask(&app, &mut browser, EMAIL).status, 303);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 401, "sign-ins have limits of their own");
    app.clock.advance(Duration::from_secs(1800));
    wait(app.keyrack.accounts().purge()).unwrap();
    assert_eq!(app.count("sign_in_failures", "WHERE key LIKE 'mails-%'"), 0);
}

fn browser_that_has_signed_in_asks_from_a_used_up_network(engine: EngineKind) {
    let app = app_that_queues(engine);
    app.add_user(EMAIL);
    let mut owner = app.signed_in(EMAIL).with_header("x-forwarded-for", "192.0.2.1");
    owner.sign_out();
    let mut stranger = browser_at(&app, "192.0.2.1");
    while ask(&app, &mut stranger, "unknown@example.com").status == 303 {}
    assert_eq!(ask(&app, &mut owner, EMAIL).status, 303);
    assert_eq!(links(&app), 1);
    for _ in 0..9 {
        assert_eq!(ask(&app, &mut owner, "unknown@example.com").status, 303);
    }
    assert_eq!(ask(&app, &mut owner, EMAIL).status, 429);
}

fn text_that_is_no_address_is_refused_with_a_hint(engine: EngineKind) {
    let app = app_that_queues(engine);
    for text in ["", "rajat", "@example.com"] {
        let refused = ask(&app, &mut app.browser(), text);
        assert_eq!(refused.status, 422, "{text}");
        assert!(refused.text().contains("Enter an email address"), "{}", refused.text());
    }
    assert_eq!(app.count("sign_in_failures", ""), 0);
}

fn site_without_mail_says_whom_to_ask(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut browser = app.browser();
    let page = browser.get("/forgot");
    assert!(page.status == 200 && page.text().contains("Ask your administrator"), "{}", page.text());
    assert!(!page.body.contains("name=\"email\""), "{}", page.body);
    let answer = browser.post_from("/login", "/forgot", &[("email", EMAIL)]);
    assert!(answer.status == 200 && answer.text().contains("Ask your administrator"), "{}", answer.text());
    assert_eq!((app.count("account_links", ""), app.count("sign_in_failures", "")), (0, 0));
}

fn sign_in_page_leads_to_it_also_after_a_wrong_password(engine: EngineKind) {
    let app = app_that_queues(engine);
    let mut browser = app.browser();
    for page in [browser.get("/login"), browser.sign_in(EMAIL, "a wrong password")] {
        assert!(page.body.contains("<a href=\"/forgot\">Forgot your password?</a>"), "{}", page.body);
    }
    let expired = browser.get("/reset?token=abc");
    assert!(expired.status == 410 && expired.body.contains("href=\"/forgot\""), "{}", expired.body);
}
