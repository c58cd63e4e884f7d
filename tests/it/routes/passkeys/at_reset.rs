//! Passkeys at a new password that is set by a link: `/reset`

use std::time::Duration;

use keyrack::accounts::SecondFactorPolicy;

use super::{EMAIL, ORIGIN, PASSKEYS, add, app, assert_lets_in, events, options, sign_in, start};
use crate::support::{Answer, Browser, EngineKind, PasskeyDevice, TestApp, on_both_engines, wait};

on_both_engines!(
    new_password_removes_the_passkeys_whose_boxes_are_ticked,
    passkey_added_since_the_page_was_opened_is_removed,
    form_with_an_error_keeps_the_boxes,
    passkey_that_the_sign_in_asks_for_stays,
);

const NEW: &str = "seven hills, one river";

fn reset_link(app: &TestApp) -> String {
    wait(app.keyrack.accounts().create_reset_link(&EMAIL.parse().unwrap(), None)).unwrap().unwrap().path()
}

/// The names of the boxes on a page, with whether each is ticked.
fn boxes(page: &Answer) -> Vec<(String, bool)> {
    let boxes = page.body.split("name=\"remove_").skip(1).filter_map(|rest| rest.split_once('>'));
    boxes.map(|(tag, _)| (format!("remove_{}", tag.split('"').next().unwrap()), tag.contains(" checked"))).collect()
}

/// Sends the form of a page with these boxes ticked.
fn send(browser: &mut Browser, page: &Answer, ticked: &[&str], passwords: [&str; 2]) -> Answer {
    let (token, csrf) = (page.between("name=\"token\" value=\"", "\""), page.csrf_token());
    let shown = if page.body.contains("name=\"passkeys\"") {
        page.between("name=\"passkeys\" value=\"", "\"")
    } else {
        String::new()
    };
    let fields = [
        ("token", token.as_str()),
        ("csrf_token", &csrf),
        ("passkeys", &shown),
        ("password", passwords[0]),
        ("password_again", passwords[1]),
    ];
    let ticked = ticked.iter().map(|name| (*name, "on"));
    browser.post("/reset", &fields.into_iter().chain(ticked).collect::<Vec<_>>())
}

fn add_second(app: &TestApp, browser: &mut Browser) -> PasskeyDevice {
    let mut device = PasskeyDevice::new(ORIGIN);
    assert_eq!(add(browser, &mut device, "Second key").location(), PASSKEYS);
    app.advance(Duration::from_secs(1));
    device
}

fn new_password_removes_the_passkeys_whose_boxes_are_ticked(engine: EngineKind) {
    let (app, mut signed_in, mut own) = start(engine);
    let mut foreign = add_second(&app, &mut signed_in);
    let (path, mut browser) = (reset_link(&app), app.browser());
    let page = browser.get(&path);
    let shown = boxes(&page);
    assert!(shown.len() == 2 && shown.iter().all(|(_, is_ticked)| *is_ticked), "{shown:?}");
    assert!(page.text().contains("Remove these passkeys") && page.text().contains("Second key"), "{}", page.text());
    assert_lets_in(&send(&mut browser, &page, &[&shown[1].0], [NEW; 2]));
    let refused = sign_in(&mut app.browser(), &mut foreign);
    assert_eq!(refused.status, 401, "{}", refused.text());
    assert_lets_in(&sign_in(&mut app.browser(), &mut own));
    let removed = events(&app, "passkey_removed");
    assert_eq!((removed.len(), &removed[0]["detail"]["name"]), (1, &"Second key".into()));
    app.assert_sound();
}

fn passkey_added_since_the_page_was_opened_is_removed(engine: EngineKind) {
    let (app, mut signed_in, mut own) = start(engine);
    let (path, mut browser) = (reset_link(&app), app.browser());
    let page = browser.get(&path);
    add_second(&app, &mut signed_in);
    assert_lets_in(&send(&mut browser, &page, &[], [NEW; 2]));
    assert_eq!(app.count("passkeys", ""), 1, "the one that was shown and kept");
    assert_lets_in(&sign_in(&mut app.browser(), &mut own));
    // A program that knows no boxes.
    let (path, mut program) = (reset_link(&app), app.browser());
    let fields = [("password", "two lamps and a door"), ("password_again", "two lamps and a door")];
    let token = path.split_once("token=").unwrap().1;
    let fields: Vec<_> = fields.into_iter().chain([("token", token)]).collect();
    assert_lets_in(&program.post_from(&path, "/reset", &fields));
    assert_eq!(app.count("passkeys", ""), 0);
}

fn form_with_an_error_keeps_the_boxes(engine: EngineKind) {
    let (app, mut signed_in, _) = start(engine);
    add_second(&app, &mut signed_in);
    let (path, mut browser) = (reset_link(&app), app.browser());
    let page = browser.get(&path);
    let ticked = boxes(&page)[1].0.clone();
    let again = send(&mut browser, &page, &[&ticked], [NEW, "another one"]);
    assert_eq!(again.status, 422, "{}", again.text());
    let expected: Vec<_> = boxes(&page).into_iter().map(|(name, _)| (name.clone(), name == ticked)).collect();
    assert_eq!(boxes(&again), expected);
    assert_eq!(app.count("passkeys", ""), 2);
}

/// Who reads a user's mails must not be able to remove the second factor.
fn passkey_that_the_sign_in_asks_for_stays(engine: EngineKind) {
    let optional = app(engine);
    optional.add_user(EMAIL);
    let mut device = PasskeyDevice::new(ORIGIN);
    assert_eq!(add(&mut optional.signed_in(EMAIL), &mut device, "My key").location(), PASSKEYS);
    optional.advance(Duration::from_secs(1));
    let app = TestApp::over(optional.database(), optional.clock.clone(), |config| {
        config.public_url = ORIGIN.parse().unwrap();
        config.second_factor = SecondFactorPolicy::Everyone;
    });
    let (path, mut browser) = (reset_link(&app), app.browser());
    let page = browser.get(&path);
    assert!(boxes(&page).is_empty() && page.text().contains("My key"), "{}", page.text());
    let answer = send(&mut browser, &page, &[], [NEW; 2]);
    assert_eq!(answer.location(), "/login/second", "{}", answer.text());
    let page = browser.get("/login/second");
    let passkey = device.answer(&options(&page));
    let (challenge, token) = (page.between("data-challenge=\"", "\""), page.csrf_token());
    let fields = [("passkey", passkey.as_str()), ("challenge", &challenge), ("csrf_token", &token)];
    assert_lets_in(&browser.post("/login/second", &fields));
    assert_eq!(optional.count("passkeys", ""), 1);
}
