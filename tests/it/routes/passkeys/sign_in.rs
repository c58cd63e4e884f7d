//! Signing in with a passkey: `/login`

use std::{thread, time::Duration};

use keyrack::accounts::Password;

use super::{
    EMAIL, EXPIRED, HOME, ORIGIN, OTHER_EMAIL, SignInPage, add_to, app, assert_lets_in, assert_refuses, events,
    sign_in, start,
};
use crate::support::{EngineKind, PASSWORD, PasskeyDevice, TestApp, on_both_engines, wait};

on_both_engines!(
    passkey_signs_in_without_a_password,
    sign_in_page_asks_for_any_passkey_and_writes_nothing,
    passkey_leads_to_where_its_user_was_going,
    passkey_alone_is_both_factors,
    passkey_keeps_a_one_time_password_unused,
    passkey_with_a_counter_signs_in_again_and_again,
    form_sent_twice_starts_one_session,
    form_sent_again_counts_from_its_first_use,
    of_two_answers_at_once_one_signs_in,
    challenge_is_answered_on_another_instance,
    challenge_and_passkey_survive_new_secrets,
    new_password_leaves_passkeys_alone,
    passkey_replaces_the_session_of_another_user,
);

fn passkey_signs_in_without_a_password(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    let mut browser = app.browser();
    let page = SignInPage::open(&mut browser);
    let passkey = device.answer(&page.options);
    assert_lets_in(&page.send_with(&mut browser, &passkey, &[("remember", "on")]));
    assert!(browser.is_signed_in());
    assert_eq!(app.count("sessions", "WHERE authorised_by = 'passkey' AND remembered"), 1);
    assert_eq!(app.count("known_browsers", ""), 2, "its browser is known from now on");
    assert_eq!(app.count("passkey_proofs", ""), 1);
    assert_eq!(events(&app, "signed_in")[1]["detail"]["authorised_by"], "passkey");
    assert!(app.text("SELECT CAST(last_used_at AS varchar(36)) AS v FROM passkeys").len() > 10);
    assert!(browser.get("/account/activity").text().contains("Signed in with a passkey"));
    assert!(browser.get("/account/security/passkeys").text().contains("Last used just now"));
    app.assert_sound();
}

fn sign_in_page_asks_for_any_passkey_and_writes_nothing(engine: EngineKind) {
    let (app, _, _) = start(engine);
    let rows = || ["sessions", "user_sessions", "known_browsers", "security_events"].map(|table| app.count(table, ""));
    let before = rows();
    let mut browser = app.browser();
    assert_eq!(browser.get("/login/passkey").status, 404, "there is nothing yet that ties an answer to the browser");
    let (page, other) = (SignInPage::open(&mut browser), SignInPage::open(&mut browser));
    assert_eq!(page.options["allowCredentials"], serde_json::json!([]), "no account is named");
    assert_eq!((&page.options["userVerification"], &page.options["rpId"]), (&"required".into(), &"localhost".into()));
    assert_ne!(page.options["challenge"], other.options["challenge"]);
    assert!(page.options["challenge"].as_str().unwrap().len() >= 43, "32 bytes");
    let form = browser.get("/login");
    for part in ["username webauthn", "data-source=\"/login/passkey\"", "passkeys.js", "<noscript>"] {
        assert!(form.body.contains(part), "{}", form.body);
    }
    assert_eq!(rows(), before);
}

fn passkey_leads_to_where_its_user_was_going(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    for (next, location) in [("/account/activity", "/account/activity"), ("//evil.example", HOME)] {
        let mut browser = app.browser();
        let page = SignInPage::open(&mut browser);
        let passkey = device.answer(&page.options);
        let answer = page.send_with(&mut browser, &passkey, &[("next", next)]);
        assert_eq!((answer.status, answer.location()), (303, location), "{}", answer.body);
        app.advance(Duration::from_secs(1));
    }
}

fn passkey_alone_is_both_factors(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    let mut factor = crate::routes::second_factor::add_factor(&app, EMAIL);
    let mut device = PasskeyDevice::new(ORIGIN);
    assert_eq!(super::add(&mut factor.browser, &mut device, "").status, 303);
    app.advance(Duration::from_secs(1));
    assert_lets_in(&sign_in(&mut app.browser(), &mut device));
}

fn passkey_keeps_a_one_time_password_unused(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    let password = Password::new("given by phone, once");
    wait(app.keyrack.accounts().set_one_time_password(&EMAIL.parse().unwrap(), password)).unwrap();
    let mut browser = app.browser();
    assert_lets_in(&sign_in(&mut browser, &mut device));
    assert!(browser.is_signed_in(), "the session is good for everything");
    let answer = app.browser().sign_in(EMAIL, "given by phone, once");
    assert!(answer.location().starts_with("/account/password"), "{} {}", answer.status, answer.location());
}

fn passkey_with_a_counter_signs_in_again_and_again(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    let (_, mut device) = add_to(&app, EMAIL, PasskeyDevice::with_counter(ORIGIN));
    for uses in 1..4 {
        app.advance(Duration::from_secs(1));
        assert_lets_in(&sign_in(&mut app.browser(), &mut device));
        assert_eq!(app.rows("passkeys", "")[0]["counter"], uses);
    }
}

fn form_sent_twice_starts_one_session(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    for device in [PasskeyDevice::new(ORIGIN), PasskeyDevice::with_counter(ORIGIN)] {
        let (_, mut device) = add_to(&app, EMAIL, device);
        let before = app.count("sessions", "");
        let mut browser = app.browser();
        let page = SignInPage::open(&mut browser);
        let passkey = device.answer(&page.options);
        let mut twin = browser.at(app.address);
        assert_lets_in(&page.send(&mut browser, &passkey));
        assert_lets_in(&page.send(&mut twin, &passkey));
        assert_eq!(app.count("sessions", ""), before + 1);
        assert_eq!(browser.session_id(), twin.session_id());
        app.advance(Duration::from_secs(1));
    }
    assert_eq!(events(&app, "sign_in_failed").len(), 0);
}

/// Otherwise a form could be sent again and again, each time within five seconds.
fn form_sent_again_counts_from_its_first_use(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    let mut browser = app.browser();
    let page = SignInPage::open(&mut browser);
    let passkey = device.answer(&page.options);
    let twin = browser.at(app.address);
    assert_lets_in(&page.send(&mut browser, &passkey));
    for (seconds, status) in [(3, 303), (2, 303), (1, 401)] {
        app.advance(Duration::from_secs(seconds));
        assert_eq!(page.send(&mut twin.clone(), &passkey).status, status, "{seconds} s later");
    }
}

fn of_two_answers_at_once_one_signs_in(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    let mut browser = app.browser();
    let page = SignInPage::open(&mut browser);
    let passkey = device.answer(&page.options);
    // Another form with the same challenge is another use of it.
    let others: Vec<_> = (0..4).map(|_| (browser.at(app.address), browser.get("/login").csrf_token())).collect();
    let send = |(mut browser, csrf_token): (crate::support::Browser, String)| {
        let fields = [("passkey", passkey.as_str()), ("challenge", &page.challenge), ("csrf_token", &csrf_token)];
        browser.post("/login", &fields).status
    };
    let mut statuses: Vec<u16> = thread::scope(|scope| {
        let threads: Vec<_> = others.into_iter().map(|other| scope.spawn(|| send(other))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 401, 401, 401]);
    assert_eq!(events(&app, "sign_in_failed")[0]["detail"]["cause"], "used_passkey");
}

fn challenge_is_answered_on_another_instance(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    let other = TestApp::over(app.database(), app.clock.clone(), |config| config.public_url = ORIGIN.parse().unwrap());
    let mut browser = app.browser();
    let page = SignInPage::open(&mut browser);
    let passkey = device.answer(&page.options);
    let mut copy = browser.at(app.address);
    assert_lets_in(&page.send(browser.visit(other.address), &passkey));
    app.advance(Duration::from_secs(6));
    assert_refuses(&page.send(&mut copy, &passkey), 401, EXPIRED);
}

fn challenge_and_passkey_survive_new_secrets(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    let with_secrets = |secrets: String| {
        TestApp::over(app.database(), app.clock.clone(), |config| {
            config.public_url = ORIGIN.parse().unwrap();
            config.secrets = secrets.parse().unwrap();
        })
    };
    let newer = "a newer secret of the tests";
    let rotated = with_secrets(format!("{newer}, {}", crate::support::SECRETS));
    let mut browser = app.browser();
    let page = SignInPage::open(&mut browser);
    let passkey = device.answer(&page.options);
    assert_lets_in(&page.send(browser.visit(rotated.address), &passkey));
    // Passkeys need no secret of the server, so they go on without the old one.
    app.advance(Duration::from_secs(1));
    assert_lets_in(&sign_in(&mut with_secrets(newer.to_owned()).browser(), &mut device));
}

fn new_password_leaves_passkeys_alone(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    app.advance(Duration::from_secs(1));
    wait(app.keyrack.accounts().set_password(&EMAIL.parse().unwrap(), Password::new("seven hills, one river")))
        .unwrap();
    assert_lets_in(&sign_in(&mut app.browser(), &mut device));
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 401);
}

fn passkey_replaces_the_session_of_another_user(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    app.add_user(OTHER_EMAIL);
    let mut browser = app.browser();
    let page = SignInPage::open(&mut browser);
    assert_eq!(browser.sign_in(OTHER_EMAIL, PASSWORD).status, 303);
    let passkey = device.answer(&page.options);
    assert_lets_in(&page.send(&mut browser, &passkey));
    assert_eq!(browser.get("/api/session").json()["user"]["email"], EMAIL);
    assert_eq!(app.count("sessions", "WHERE end_reason IS NOT NULL"), 1);
    app.assert_sound();
}
