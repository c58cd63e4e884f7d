//! A passkey in place of the password: `/reauth`

use std::time::Duration;

use super::{
    EMAIL, EXPIRED, HOME, ORIGIN, OTHER_EMAIL, PASSKEYS, REJECTED, SignInPage, add_to, app, assert_refuses, events,
    first_id, options, remove, sign_in, start,
};
use crate::support::{Answer, Browser, EngineKind, PASSWORD, PasskeyDevice, on_both_engines};

on_both_engines!(
    passkey_renews_the_proof_and_the_sid,
    waiting_change_is_made_after_a_passkey,
    form_sent_twice_is_answered_twice,
    passkey_of_another_user_proves_nothing,
    proof_is_good_in_its_own_session_only,
    replayed_proof_is_refused,
    passkey_continues_no_session_whose_sid_was_renewed,
    sign_in_continues_no_session_whose_sid_was_renewed,
    copied_passkey_proves_nothing,
    user_without_a_password_proves_by_passkey,
    page_offers_no_passkey_to_those_without,
);

/// Sends the form of a page that asks for a proof.
fn send(browser: &mut Browser, page: &Answer, passkey: &str) -> Answer {
    let (challenge, change) = (page.between("data-challenge=\"", "\""), page.between("name=\"change\" value=\"", "\""));
    let fields =
        [("passkey", passkey), ("challenge", &challenge), ("change", &change), ("csrf_token", &page.csrf_token())];
    browser.post("/reauth", &fields)
}

fn passkey_renews_the_proof_and_the_sid(engine: EngineKind) {
    let (app, mut browser, mut device) = start(engine);
    app.advance(Duration::from_secs(11 * 60));
    let (page, old) = (browser.get("/reauth"), browser.sid());
    let asked = options(&page);
    assert_eq!(asked["allowCredentials"][0]["id"], app.rows("passkeys", "")[0]["credential_id"]);
    assert_eq!(asked["userVerification"], "required");
    let mut before = browser.at(app.address);
    let answer = send(&mut browser, &page, &device.answer(&asked));
    assert_eq!((answer.status, answer.location()), (303, HOME), "{}", answer.body);
    assert_ne!(browser.sid(), old);
    assert!(!before.is_signed_in(), "the former sid is dead");
    assert_eq!(browser.get(super::ADD).status, 200, "the proof is recent");
    assert_eq!(events(&app, "proof_given")[0]["detail"]["passkey"], app.rows("passkeys", "")[0]["id"]);
    assert_eq!(app.count("passkey_proofs", ""), 1);
    app.assert_sound();
    // The password takes its place as what has proved the session.
    app.advance(Duration::from_secs(11 * 60));
    assert_eq!(browser.post_from("/reauth", "/reauth", &[("password", PASSWORD)]).status, 303);
    assert_eq!(app.count("passkey_proofs", ""), 0);
}

fn waiting_change_is_made_after_a_passkey(engine: EngineKind) {
    let (app, mut browser, mut device) = start(engine);
    let mut other = app.signed_in(EMAIL);
    app.advance(Duration::from_secs(11 * 60));
    let answer = browser.post_from(HOME, "/account/sessions/revoke-others", &[]);
    let page = browser.get(answer.location());
    let answer = send(&mut browser, &page, &device.answer(&options(&page)));
    assert_eq!((answer.status, answer.location()), (303, HOME), "{}", answer.body);
    assert!(browser.is_signed_in() && !other.is_signed_in());
}

fn form_sent_twice_is_answered_twice(engine: EngineKind) {
    let (app, mut browser, mut device) = start(engine);
    app.advance(Duration::from_secs(11 * 60));
    let page = browser.get("/reauth");
    let passkey = device.answer(&options(&page));
    let mut twin = browser.at(app.address);
    for browser in [&mut browser, &mut twin] {
        let answer = send(browser, &page, &passkey);
        assert_eq!((answer.status, answer.location()), (303, HOME), "{}", answer.body);
    }
    assert_eq!(browser.sid(), twin.sid());
    assert_eq!((events(&app, "proof_given").len(), events(&app, "proof_failed").len()), (1, 0));
}

fn passkey_of_another_user_proves_nothing(engine: EngineKind) {
    let (app, mut browser, _) = start(engine);
    app.add_user(OTHER_EMAIL);
    let (_, mut other) = add_to(&app, OTHER_EMAIL, PasskeyDevice::new(ORIGIN));
    app.advance(Duration::from_secs(11 * 60));
    let page = browser.get("/reauth");
    let mut asked = options(&page);
    asked["allowCredentials"] = serde_json::json!([]);
    assert_refuses(&send(&mut browser, &page, &other.answer(&asked)), 401, REJECTED);
    assert_eq!(events(&app, "proof_given").len(), 0);
}

fn proof_is_good_in_its_own_session_only(engine: EngineKind) {
    let (app, mut browser, mut device) = start(engine);
    let mut other = app.signed_in(EMAIL);
    let page = browser.get("/reauth");
    let passkey = device.answer(&options(&page));
    let own = other.get("/reauth");
    assert_refuses(&send(&mut other, &own, &passkey), 401, REJECTED);
    let fields = [
        ("passkey", passkey.as_str()),
        ("challenge", &page.between("data-challenge=\"", "\"")),
        ("csrf_token", &own.csrf_token()),
    ];
    assert_refuses(&other.post("/reauth", &fields), 401, EXPIRED);
    assert_eq!(events(&app, "proof_failed").len(), 1);
}

/// A thief with a copied cookie and a passkey of their own waits for the owner's next proof, which renews the sid.
fn passkey_continues_no_session_whose_sid_was_renewed(engine: EngineKind) {
    let (app, mut owner, mut device) = start(engine);
    let mut thief = owner.at(app.address);
    let page = thief.get("/reauth");
    let passkey = device.answer(&options(&page));
    assert_eq!(owner.post_from("/reauth", "/reauth", &[("password", PASSWORD)]).status, 303);
    let answer = send(&mut thief, &page, &passkey);
    assert!(!thief.is_signed_in(), "{} {}", answer.status, answer.location());
    assert!(owner.is_signed_in());
}

/// The same at the sign-in page, with all cookies of the owner's browser.
fn sign_in_continues_no_session_whose_sid_was_renewed(engine: EngineKind) {
    let (app, mut owner, mut device) = start(engine);
    let mut thief = owner.at(app.address);
    let cookie = thief.cookies.remove("keyrack.sid");
    let page = SignInPage::open(&mut thief);
    let passkey = device.answer(&page.options);
    thief.cookies.extend(cookie.map(|sid| ("keyrack.sid".to_owned(), sid)));
    assert_eq!(owner.post_from("/reauth", "/reauth", &[("password", PASSWORD)]).status, 303);
    page.send(&mut thief, &passkey);
    assert_ne!(thief.cookies.get("keyrack.sid"), owner.cookies.get("keyrack.sid"));
}

fn replayed_proof_is_refused(engine: EngineKind) {
    let (app, mut browser, mut device) = start(engine);
    let page = browser.get("/reauth");
    let passkey = device.answer(&options(&page));
    assert_eq!(send(&mut browser, &page, &passkey).status, 303);
    app.advance(Duration::from_secs(6));
    let next = browser.get("/reauth");
    let fields = [
        ("passkey", passkey.as_str()),
        ("challenge", &page.between("data-challenge=\"", "\"")),
        ("csrf_token", &next.csrf_token()),
    ];
    assert_refuses(&browser.post("/reauth", &fields), 401, EXPIRED);
    assert_eq!(events(&app, "proof_failed")[0]["detail"]["passkey_cause"], "used_passkey");
}

fn copied_passkey_proves_nothing(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    let (mut browser, mut device) = add_to(&app, EMAIL, PasskeyDevice::with_counter(ORIGIN));
    let mut copy = device.copy();
    app.advance(Duration::from_secs(1));
    assert_eq!(sign_in(&mut app.browser(), &mut device).status, 303);
    app.advance(Duration::from_secs(1));
    let page = browser.get("/reauth");
    assert_refuses(&send(&mut browser, &page, &copy.answer(&options(&page))), 401, REJECTED);
    assert!(browser.get(PASSKEYS).text().contains("another device seems to have a copy"));
}

fn user_without_a_password_proves_by_passkey(engine: EngineKind) {
    let (app, mut browser, mut device) = start(engine);
    app.execute("UPDATE users SET password_hash = NULL");
    browser = {
        let mut signed_in = app.browser();
        app.advance(Duration::from_secs(1));
        assert_eq!(sign_in(&mut signed_in, &mut device).status, 303, "{}", browser.get(HOME).status);
        signed_in
    };
    app.advance(Duration::from_secs(25 * 60 * 60 / 2));
    let id = first_id(&mut browser);
    let page = remove(&mut browser, &id).location().to_owned();
    let page = browser.get(&page);
    assert!(!page.body.contains("type=\"password\"") && page.text().contains("Use a passkey"), "{}", page.text());
    let answer = send(&mut browser, &page, &device.answer(&options(&page)));
    assert_eq!((answer.status, answer.location()), (303, PASSKEYS), "{}", answer.text());
    assert_eq!(app.count("passkeys", ""), 0);
}

fn page_offers_no_passkey_to_those_without(engine: EngineKind) {
    let app = app(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let page = browser.get("/reauth");
    assert!(!page.body.contains("passkey"), "{}", page.body);
}
