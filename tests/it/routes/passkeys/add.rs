//! Adding a passkey: `/account/security/passkeys/add`

use std::time::Duration;

use serde_json::Value;

use super::{
    ADD, EMAIL, ORIGIN, OTHER_EMAIL, PASSKEYS, SignInPage, add, add_to, app, assert_refuses, events, options, send_new,
    start,
};
use crate::support::{EngineKind, PasskeyDevice, TestApp, on_both_engines};

on_both_engines!(
    passkey_is_added_and_listed,
    passkey_is_named_after_its_provider_or_its_device,
    browser_is_asked_for_a_discoverable_verified_passkey,
    form_sent_twice_adds_one_passkey,
    answer_is_good_in_its_own_session_only,
    answer_is_good_for_five_minutes,
    answer_of_another_origin_is_refused,
    passkey_without_user_verification_is_refused,
    passkey_that_no_device_finds_is_refused,
    passkey_of_another_account_is_refused,
    account_has_at_most_twenty_passkeys,
    adding_needs_a_recent_proof,
    site_without_a_host_name_says_why,
    malformed_answers_are_refused,
    id_of_1023_bytes_is_found_and_a_longer_one_refused,
);

fn passkey_is_added_and_listed(engine: EngineKind) {
    let (app, mut browser, _) = start(engine);
    let session = browser.session_id();
    let row = app.rows("passkeys", "").pop().unwrap();
    assert_eq!(row["session_id"].as_str(), Some(session.as_str()));
    assert_eq!((&row["rp_id"], &row["counter"]), (&"localhost".into(), &0.into()));
    let added = &events(&app, "passkey_added")[0];
    assert_eq!((added["session_id"].as_str(), &added["detail"]["passkey"]), (Some(session.as_str()), &row["id"]));
    let page = browser.get(PASSKEYS);
    for text in ["Your passkey was added.", "Synced between devices", "Added just now on", "Not used yet"] {
        assert!(page.text().contains(text), "{}", page.text());
    }
    assert!(page.body.contains(&format!("data-passkeys=\"{}\"", row["credential_id"].as_str().unwrap())));
    assert!(browser.get("/account/security").text().contains("You have 1 passkey."));
    assert!(browser.get("/account/activity").text().contains("Passkey “"));
    app.assert_sound();
}

/// The longest id that the standard allows (`WebAuthn`, 4).
fn id_of_1023_bytes_is_found_and_a_longer_one_refused(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    for (bytes, status) in [(1024, 401), (1023, 303)] {
        let (page, mut device) = (browser.get(ADD), PasskeyDevice::new(ORIGIN));
        let passkey = device.create_with_long_id(&options(&page), bytes);
        let answer = send_new(&mut browser, &page, &passkey, "");
        assert_eq!(answer.status, status, "{bytes}: {} {}", answer.location(), answer.text());
        app.advance(Duration::from_secs(1));
        let mut other = app.browser();
        let page = SignInPage::open(&mut other);
        let passkey = device.answer_with_id(&page.options, &PasskeyDevice::long_id(bytes));
        assert_eq!(page.send(&mut other, &passkey).status, status, "{bytes}");
    }
    assert_eq!(app.count("passkeys", ""), 1);
}

fn passkey_is_named_after_its_provider_or_its_device(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let bitwarden = uuid::Uuid::parse_str("d548826e-79b4-db40-a3d8-11116f7e8349").unwrap();
    add(&mut browser, &mut PasskeyDevice::of_model(ORIGIN, *bitwarden.as_bytes()), "");
    add(&mut browser, &mut PasskeyDevice::new(ORIGIN), "  Work \u{200B}laptop ");
    add(&mut browser, &mut PasskeyDevice::new(ORIGIN), " Work  laptop ");
    add(&mut browser, &mut PasskeyDevice::new(ORIGIN), "");
    let names = app.texts("SELECT name AS v FROM passkeys ORDER BY created_at, name");
    assert_eq!(names.len(), 3, "the name with a hidden character was refused: {names:?}");
    assert!(names.contains(&"Bitwarden".to_owned()) && names.contains(&"Work laptop".to_owned()), "{names:?}");
}

fn browser_is_asked_for_a_discoverable_verified_passkey(engine: EngineKind) {
    let (app, mut browser, _) = start(engine);
    let options = options(&browser.get(ADD));
    let selection = &options["authenticatorSelection"];
    assert_eq!((&selection["residentKey"], &selection["userVerification"]), (&"required".into(), &"required".into()));
    assert_eq!((&options["rp"]["id"], &options["attestation"]), (&"localhost".into(), &"none".into()));
    assert_eq!(options["user"]["name"], EMAIL);
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 1, "the device that has one refuses");
    let user: String = app.text("SELECT CAST(user_id AS varchar(36)) AS v FROM passkeys");
    let handle = browser.get(PASSKEYS).between("data-user=\"", "\"");
    assert_eq!(options["user"]["id"].as_str(), Some(handle.as_str()));
    assert!(!user.contains(&handle), "it tells nothing of its user");
}

fn form_sent_twice_adds_one_passkey(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let page = browser.get(ADD);
    let passkey = PasskeyDevice::new(ORIGIN).create(&options(&page));
    for _ in 0..2 {
        let answer = send_new(&mut browser, &page, &passkey, "");
        assert_eq!((answer.status, answer.location()), (303, PASSKEYS), "{}", answer.body);
    }
    assert_eq!((app.count("passkeys", ""), events(&app, "passkey_added").len()), (1, 1));
    app.advance(Duration::from_secs(6));
    assert_refuses(&send_new(&mut browser, &page, &passkey, ""), 409, "has a passkey of your account already");
}

fn answer_is_good_in_its_own_session_only(engine: EngineKind) {
    let app = app(engine);
    for email in [EMAIL, OTHER_EMAIL] {
        app.add_user(email);
    }
    let page = app.signed_in(EMAIL).get(ADD);
    let passkey = PasskeyDevice::new(ORIGIN).create(&options(&page));
    for email in [EMAIL, OTHER_EMAIL] {
        let mut other = app.signed_in(email);
        let own = other.get(ADD);
        let challenge = page.between("data-challenge=\"", "\"");
        let fields = [("passkey", passkey.as_str()), ("challenge", &challenge), ("csrf_token", &own.csrf_token())];
        assert_refuses(&other.post(ADD, &fields), 401, super::EXPIRED);
        // Nor does the challenge of that session fit.
        assert_refuses(&send_new(&mut other, &own, &passkey, ""), 401, "The passkey was not accepted.");
    }
    assert_eq!(app.count("passkeys", ""), 0);
}

fn answer_is_good_for_five_minutes(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let page = browser.get(ADD);
    let passkey = PasskeyDevice::new(ORIGIN).create(&options(&page));
    app.advance(Duration::from_secs(300));
    assert_refuses(&send_new(&mut browser, &page, &passkey, ""), 401, super::EXPIRED);
    assert_eq!(app.count("passkeys", ""), 0);
}

fn answer_of_another_origin_is_refused(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    for origin in ["http://localhost:8081", "http://evil.localhost:8080", "https://localhost:8080"] {
        let page = browser.get(ADD);
        let passkey = PasskeyDevice::new(origin).create(&options(&page));
        assert_refuses(&send_new(&mut browser, &page, &passkey, ""), 401, "The passkey was not accepted.");
    }
    assert_eq!(app.count("passkeys", ""), 0);
}

/// The options, as a client changes them that does not obey.
fn changed(mut options: Value, change: impl FnOnce(&mut Value)) -> Value {
    change(&mut options);
    options
}

fn passkey_without_user_verification_is_refused(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let page = browser.get(ADD);
    let options =
        changed(options(&page), |options| options["authenticatorSelection"]["userVerification"] = "discouraged".into());
    let passkey = PasskeyDevice::new(ORIGIN).without_verification().create(&options);
    assert_refuses(&send_new(&mut browser, &page, &passkey, ""), 401, "The passkey was not accepted.");
    assert_eq!(app.count("passkeys", ""), 0);
}

fn passkey_that_no_device_finds_is_refused(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let page = browser.get(ADD);
    let passkey = PasskeyDevice::new(ORIGIN).create(&options(&page));
    let mut answer: Value = serde_json::from_str(&passkey).unwrap();
    answer["clientExtensionResults"]["credProps"] = serde_json::json!({ "rk": false });
    assert_refuses(&send_new(&mut browser, &page, &answer.to_string(), ""), 401, "The passkey was not accepted.");
    assert_eq!(app.count("passkeys", ""), 0);
}

fn passkey_of_another_account_is_refused(engine: EngineKind) {
    let app = app(engine);
    for email in [EMAIL, OTHER_EMAIL] {
        app.add_user(email);
    }
    let (_, device) = add_to(&app, EMAIL, PasskeyDevice::new(ORIGIN));
    let id = app.text("SELECT credential_id AS v FROM passkeys");
    let mut other = app.signed_in(OTHER_EMAIL);
    add(&mut other, &mut PasskeyDevice::new(ORIGIN), "");
    // The other account's row gets the id of the first: nothing but the unique index would tell them apart.
    let result = app.try_execute(&format!("UPDATE passkeys SET credential_id = '{id}'"));
    assert!(result.is_err(), "two accounts have one passkey");
    drop(device);
    app.assert_sound();
}

fn account_has_at_most_twenty_passkeys(engine: EngineKind) {
    let (app, mut browser, _) = start(engine);
    for _ in 1..20 {
        assert_eq!(add(&mut browser, &mut PasskeyDevice::new(ORIGIN), "").status, 303);
    }
    let answer = add(&mut browser, &mut PasskeyDevice::new(ORIGIN), "");
    assert_refuses(&answer, 409, "as many passkeys as an account may have");
    assert_eq!(app.count("passkeys", ""), 20);
}

fn adding_needs_a_recent_proof(engine: EngineKind) {
    let (app, mut browser, _) = start(engine);
    let page = browser.get(ADD);
    let passkey = PasskeyDevice::new(ORIGIN).create(&options(&page));
    app.advance(Duration::from_secs(11 * 60));
    let answer = browser.get(ADD);
    assert_eq!(answer.status, 303);
    assert!(answer.location().starts_with("/reauth?next="), "{}", answer.location());
    let answer = send_new(&mut browser, &page, &passkey, "");
    assert!(answer.location().starts_with("/reauth?next="), "{} {}", answer.status, answer.location());
    assert_eq!(app.count("passkeys", ""), 1);
}

fn site_without_a_host_name_says_why(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    for page in [PASSKEYS, ADD] {
        let page = browser.get(page);
        assert!(page.text().contains("This site is set up with an IP address."), "{}", page.text());
        assert!(!page.body.contains("passkeys.js"), "{}", page.body);
    }
    let mut visitor = app.browser();
    assert!(!visitor.get("/login").body.contains("passkey"), "the form offers none");
    assert_eq!(visitor.get("/login/passkey").status, 404);
    let fields = [("passkey", "{}"), ("challenge", "x")];
    assert_refuses(&visitor.post_from("/login", "/login", &fields), 401, super::EXPIRED);
}

fn malformed_answers_are_refused(engine: EngineKind) {
    let (app, mut browser, _) = start(engine);
    for answer in ["", "{}", "null", "[]", "{\"id\":1}", "\u{0}", &"[".repeat(4000), &"x".repeat(9000)] {
        let page = browser.get(ADD);
        assert_refuses(&send_new(&mut browser, &page, answer, ""), 401, "The passkey was not accepted.");
    }
    assert_eq!(app.count("passkeys", ""), 1);
}
