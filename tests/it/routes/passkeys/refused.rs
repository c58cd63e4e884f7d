//! Answers that let no one in.

use std::time::Duration;

use keyrack::sessions::UserId;
use serde_json::{Value, json};

use super::{
    EMAIL, EXPIRED, ORIGIN, OTHER_EMAIL, PASSKEYS, REJECTED, SignInPage, add_to, app, assert_lets_in, assert_refuses,
    events, first_id, remove, sign_in, start,
};
use crate::support::{Browser, EngineKind, PasskeyDevice, TestApp, on_both_engines, wait};

on_both_engines!(
    replayed_answer_is_refused,
    replay_of_a_counting_passkey_is_no_copy,
    older_challenge_is_refused_after_a_newer_one,
    challenge_is_good_for_five_minutes,
    challenge_is_good_in_its_own_browser_only,
    changed_challenge_is_refused,
    answer_of_another_origin_is_refused,
    answer_for_another_site_is_refused,
    answer_without_user_verification_is_refused,
    answer_from_a_frame_is_refused,
    copied_passkey_is_refused_and_reported,
    answer_with_another_user_handle_is_refused,
    removed_passkey_is_refused_and_signalled,
    disabled_account_is_refused,
    passkey_of_another_host_is_refused,
    malformed_answers_are_refused,
    failures_throttle_the_network_but_no_known_browser,
    failures_of_a_known_browser_leave_one_event,
);

fn replayed_answer_is_refused(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    let mut browser = app.browser();
    let page = SignInPage::open(&mut browser);
    let passkey = device.answer(&page.options);
    let mut replay = browser.at(app.address);
    assert_lets_in(&page.send(&mut browser, &passkey));
    app.advance(Duration::from_secs(6));
    assert_refuses(&page.send(&mut replay, &passkey), 401, EXPIRED);
    let csrf_token = replay.get("/login").csrf_token();
    let other_form = SignInPage { csrf_token, ..page };
    assert_refuses(&other_form.send(&mut replay, &passkey), 401, EXPIRED);
    assert!(!replay.is_signed_in());
    let failed = events(&app, "sign_in_failed");
    assert_eq!((failed.len(), &failed[0]["detail"]["cause"]), (2, &"used_passkey".into()));
}

fn replay_of_a_counting_passkey_is_no_copy(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    let (_, mut device) = add_to(&app, EMAIL, PasskeyDevice::with_counter(ORIGIN));
    let mut browser = app.browser();
    let page = SignInPage::open(&mut browser);
    let passkey = device.answer(&page.options);
    let mut replay = browser.at(app.address);
    assert_lets_in(&page.send(&mut browser, &passkey));
    app.advance(Duration::from_secs(6));
    assert_refuses(&page.send(&mut replay, &passkey), 401, EXPIRED);
    assert_eq!(events(&app, "sign_in_failed")[0]["detail"]["cause"], "used_passkey");
    assert_eq!(app.count("passkeys", "WHERE copied_at IS NOT NULL"), 0);
}

fn older_challenge_is_refused_after_a_newer_one(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    let mut browser = app.browser();
    let older = SignInPage::open(&mut browser);
    app.advance(Duration::from_secs(1));
    assert_lets_in(&sign_in(&mut app.browser(), &mut device));
    let passkey = device.answer(&older.options);
    assert_refuses(&older.send(&mut browser, &passkey), 401, EXPIRED);
    app.advance(Duration::from_secs(1));
    assert_lets_in(&sign_in(&mut browser, &mut device));
}

fn challenge_is_good_for_five_minutes(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    let mut browser = app.browser();
    let page = SignInPage::open(&mut browser);
    let passkey = device.answer(&page.options);
    app.advance(Duration::from_secs(300));
    assert_refuses(&page.send(&mut browser, &passkey), 401, EXPIRED);
    let page = SignInPage::open(&mut browser);
    let passkey = device.answer(&page.options);
    app.advance(Duration::from_secs(299));
    assert_lets_in(&page.send(&mut browser, &passkey));
}

fn challenge_is_good_in_its_own_browser_only(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    let page = SignInPage::open(&mut app.browser());
    let passkey = device.answer(&page.options);
    let mut thief = app.browser();
    let csrf_token = thief.get("/login").csrf_token();
    assert_refuses(&SignInPage { csrf_token, ..page }.send(&mut thief, &passkey), 401, EXPIRED);
}

fn changed_challenge_is_refused(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    let mut browser = app.browser();
    let (page, other) = (SignInPage::open(&mut browser), SignInPage::open(&mut browser));
    let passkey = device.answer(&page.options);
    let with = |challenge: &str| {
        let (csrf_token, options) = (page.csrf_token.clone(), page.options.clone());
        SignInPage { csrf_token, options, challenge: challenge.to_owned() }
    };
    assert_refuses(&with("").send(&mut browser, &passkey), 401, EXPIRED);
    assert_refuses(&with(&page.challenge.replace('.', ".A")).send(&mut browser, &passkey), 401, EXPIRED);
    assert_refuses(&with(&other.challenge).send(&mut browser, &passkey), 401, REJECTED);
    assert_lets_in(&page.send(&mut browser, &passkey));
}

/// Sends what a device answers that was changed in this way, after these changes of the options.
fn send_changed(browser: &mut Browser, device: &mut PasskeyDevice, options: impl Fn(&mut Value)) -> super::Answer {
    let page = SignInPage::open(browser);
    let mut changed = page.options.clone();
    options(&mut changed);
    let passkey = device.answer(&changed);
    page.send(browser, &passkey)
}

fn answer_of_another_origin_is_refused(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    for origin in ["http://localhost:8081", "https://localhost:8080", "http://evil.localhost:8080"] {
        origin.clone_into(&mut device.origin);
        assert_refuses(&sign_in(&mut app.browser(), &mut device), 401, REJECTED);
    }
    assert_eq!(events(&app, "sign_in_failed")[0]["detail"]["cause"], "wrong_passkey");
}

fn answer_for_another_site_is_refused(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    "https://evil.example".clone_into(&mut device.origin);
    let answer = send_changed(&mut app.browser(), &mut device, |options| options["rpId"] = "evil.example".into());
    assert_refuses(&answer, 401, REJECTED);
}

fn answer_without_user_verification_is_refused(engine: EngineKind) {
    let (app, _, device) = start(engine);
    let discourage = |options: &mut Value| options["userVerification"] = "discouraged".into();
    let answer = send_changed(&mut app.browser(), &mut device.without_verification(), discourage);
    assert_refuses(&answer, 401, REJECTED);
    assert_eq!(app.count("sessions", ""), 1);
}

/// Changes a part of an answer that is JSON in base64url.
fn with_client_data(passkey: &str, change: impl FnOnce(&mut Value)) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
    let mut answer: Value = serde_json::from_str(passkey).unwrap();
    let text = answer["response"]["clientDataJSON"].as_str().unwrap();
    let mut data: Value = serde_json::from_slice(&BASE64.decode(text).unwrap()).unwrap();
    change(&mut data);
    answer["response"]["clientDataJSON"] = BASE64.encode(data.to_string()).into();
    answer.to_string()
}

fn answer_from_a_frame_is_refused(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    let mut browser = app.browser();
    let page = SignInPage::open(&mut browser);
    let passkey = device.answer(&page.options);
    let framed = with_client_data(&passkey, |data| data["crossOrigin"] = true.into());
    assert_refuses(&page.send(&mut browser, &framed), 401, REJECTED);
    // Whatever is changed voids the signature.
    let changed = with_client_data(&passkey, |data| data["extra"] = 1.into());
    assert_refuses(&page.send(&mut browser, &changed), 401, REJECTED);
    assert_lets_in(&page.send(&mut browser, &passkey));
}

fn copied_passkey_is_refused_and_reported(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    let (mut browser, mut device) = add_to(&app, EMAIL, PasskeyDevice::with_counter(ORIGIN));
    let mut copy = device.copy();
    app.advance(Duration::from_secs(1));
    assert_lets_in(&sign_in(&mut app.browser(), &mut device));
    app.advance(Duration::from_secs(1));
    assert_refuses(&sign_in(&mut app.browser(), &mut copy), 401, REJECTED);
    assert_eq!(events(&app, "sign_in_failed")[0]["detail"]["cause"], "copied_passkey");
    let page = browser.get(PASSKEYS).text();
    assert!(page.contains("Refused just now: another device seems to have a copy of this passkey."), "{page}");
    // The device that is ahead goes on.
    assert_lets_in(&sign_in(&mut app.browser(), &mut device));
}

fn answer_with_another_user_handle_is_refused(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    let other = app.add_user(OTHER_EMAIL);
    add_to(&app, OTHER_EMAIL, PasskeyDevice::new(ORIGIN));
    for handle in [Value::Null, handle(other).into(), "AAAA".into()] {
        let mut browser = app.browser();
        let page = SignInPage::open(&mut browser);
        let mut answer: Value = serde_json::from_str(&device.answer(&page.options)).unwrap();
        answer["response"]["userHandle"] = handle;
        assert_refuses(&page.send(&mut browser, &answer.to_string()), 401, REJECTED);
    }
    assert_lets_in(&sign_in(&mut app.browser(), &mut device));
}

fn handle(user: UserId) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
    BASE64.encode(user.to_string().parse::<uuid::Uuid>().unwrap())
}

fn removed_passkey_is_refused_and_signalled(engine: EngineKind) {
    let (app, mut browser, mut device) = start(engine);
    let credential = app.text("SELECT credential_id AS v FROM passkeys");
    let id = first_id(&mut browser);
    assert_eq!(remove(&mut browser, &id).location(), PASSKEYS);
    let before = events(&app, "sign_in_failed").len();
    let answer = sign_in(&mut app.browser(), &mut device);
    assert_refuses(&answer, 401, REJECTED);
    assert_eq!(answer.between("data-unknown=\"", "\""), credential, "the browser can hide it");
    assert_eq!(answer.between("data-site=\"", "\""), "localhost");
    assert_eq!(events(&app, "sign_in_failed").len(), before, "it is of no account");
}

fn disabled_account_is_refused(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    wait(app.keyrack.accounts().disable(&EMAIL.parse().unwrap())).unwrap();
    assert_refuses(&sign_in(&mut app.browser(), &mut device), 401, REJECTED);
    assert_eq!(events(&app, "sign_in_failed")[0]["detail"]["cause"], "disabled");
    app.assert_sound();
}

fn passkey_of_another_host_is_refused(engine: EngineKind) {
    let (app, mut browser, mut device) = start(engine);
    app.execute("UPDATE passkeys SET rp_id = 'login.example.com'");
    assert_refuses(&sign_in(&mut app.browser(), &mut device), 401, REJECTED);
    let page = browser.get(PASSKEYS);
    assert!(page.text().contains("was made for login.example.com and does not work here"), "{}", page.text());
    assert_eq!(page.between("data-passkeys=\"", "\""), "", "its id is not signalled as one that works");
}

fn malformed_answers_are_refused(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    let good = device.answer(&SignInPage::open(&mut app.browser()).options);
    let without = |part: &str| {
        let mut answer: Value = serde_json::from_str(&good).unwrap();
        answer["response"].as_object_mut().unwrap().remove(part);
        answer.to_string()
    };
    let mut answers: Vec<String> = ["{}", "null", "[]", "1", "{", "{\"rawId\":\"\"}"].map(str::to_owned).into();
    answers.extend(["signature", "clientDataJSON", "authenticatorData"].map(without));
    answers.extend([json!({ "x": "y".repeat(9000) }).to_string(), "[".repeat(4000)]);
    for answer in answers {
        let mut browser = app.browser();
        let page = SignInPage::open(&mut browser);
        assert_refuses(&page.send(&mut browser, &answer), 401, REJECTED);
    }
}

fn failures_throttle_the_network_but_no_known_browser(engine: EngineKind) {
    let app = TestApp::with(engine, |config| {
        config.public_url = ORIGIN.parse().unwrap();
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    });
    app.add_user(EMAIL);
    let (mut known, mut device) = add_to(&app, EMAIL, PasskeyDevice::new(ORIGIN));
    let from_network = |browser: Browser| browser.with_header("x-forwarded-for", "198.51.100.7");
    let (mut stranger, mut unknown) =
        (from_network(app.browser()), device.answer(&SignInPage::open(&mut app.browser()).options));
    unknown = unknown.replace(&app.text("SELECT credential_id AS v FROM passkeys"), "AAAAAAAAAAAAAAAAAAAAAA");
    let page = SignInPage::open(&mut stranger);
    for attempt in 0..50 {
        assert_eq!(page.send(&mut stranger, &unknown).status, 401, "attempt {attempt}");
    }
    let answer = page.send(&mut stranger, &unknown);
    assert_eq!(answer.status, 429, "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    assert_eq!(sign_in(&mut stranger, &mut device).status, 429);
    // The owner's browser, from the same network, is not kept out; nor is a stranger from another one.
    known.sign_out();
    assert_lets_in(&sign_in(&mut from_network(known), &mut device));
    app.advance(Duration::from_secs(1));
    assert_lets_in(&sign_in(&mut app.browser(), &mut device));
}

/// Nothing delays it, so that a stranger can't keep the owner out; its events must not fill the table.
fn failures_of_a_known_browser_leave_one_event(engine: EngineKind) {
    let (app, mut known, mut device) = start(engine);
    known.sign_out();
    let page = SignInPage::open(&mut known);
    let mut answer: Value = serde_json::from_str(&device.answer(&page.options)).unwrap();
    answer["response"]["signature"] = "AAAA".into();
    for _ in 0..5 {
        assert_refuses(&page.send(&mut known, &answer.to_string()), 401, REJECTED);
    }
    assert_eq!(events(&app, "sign_in_failed").len(), 1);
    app.advance(Duration::from_secs(16 * 60));
    let page = SignInPage::open(&mut known);
    assert_refuses(&page.send(&mut known, &answer.to_string()), 401, REJECTED);
    let failed = events(&app, "sign_in_failed");
    assert_eq!((failed.len(), &failed[1]["detail"]["count"]), (2, &5.into()));
}
