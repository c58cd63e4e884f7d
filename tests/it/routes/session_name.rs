//! `POST /account/sessions/{id}/name`

use std::time::Duration;

use crate::support::{Answer, Browser, EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    name_is_shown_first_then_the_device,
    message_says_which_session_has_which_name,
    unacceptable_name_is_said_at_the_field,
    naming_foreign_or_unknown_session_returns_same_404,
    name_is_escaped_and_stays_across_sign_ins,
    naming_requires_the_token_of_the_session,
    equal_names_have_buttons_with_different_names,
    name_stands_with_its_device_in_other_lists,
    hidden_characters_make_no_other_name,
    form_of_a_former_sid_names_no_session,
    thirty_names_an_hour_are_given_on_all_instances,
);

const EMAIL: &str = "rajat.verma@example.com";
const DEVICES: &str = "/account/sessions";

fn two_browsers(engine: EngineKind) -> (TestApp, Browser, Browser) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let (browser, phone) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    (app, browser, phone)
}

fn name(browser: &mut Browser, id: &str, name: &str) -> Answer {
    browser.post_from(DEVICES, &format!("{DEVICES}/{id}/name"), &[("name", name)])
}

fn name_is_shown_first_then_the_device(engine: EngineKind) {
    let (_app, mut browser, mut phone) = two_browsers(engine);
    let id = phone.session_id();
    let answer = name(&mut browser, &id, " My  old phone ");
    assert_eq!((answer.status, answer.location()), (303, format!("{DEVICES}/{id}").as_str()));
    let list = browser.get(DEVICES);
    assert!(list.text().contains("My old phone New Firefox 140 on Linux"), "{}", list.text());
    assert!(list.text().contains("Revoke My old phone (Firefox 140 on Linux), Active now"), "{}", list.text());
    let page = browser.get(&format!("{DEVICES}/{id}"));
    assert!(page.body.contains("<title>My old phone · Keyrack</title>"), "{}", page.body);
    assert!(page.text().contains("Device Firefox 140 on Linux") && page.body.contains("value=\"My old phone\""));
    let listed = browser.get("/api/sessions").json();
    assert_eq!((&listed["sessions"][0]["name"], &listed["sessions"][1]["name"]), (&().into(), &"My old phone".into()));
    phone.sign_out();
    let history = browser.get("/account/sessions?show=ended").text();
    assert!(history.contains("My old phone Firefox 140 on Linux"), "{history}");
}

/// Only what ends the session itself may come under an older sid.
fn form_of_a_former_sid_names_no_session(engine: EngineKind) {
    let (_app, mut browser, _) = two_browsers(engine);
    let path = format!("{DEVICES}/{}", browser.session_id());
    let token = browser.get(DEVICES).csrf_token();
    assert_eq!(browser.post_from("/reauth", "/reauth", &[("password", PASSWORD)]).status, 303);
    let sent = [("name", "Mine"), ("csrf_token", token.as_str())];
    assert_eq!(browser.post(&format!("{path}/name"), &sent).status, 403);
    assert_eq!(browser.post(&format!("{path}/revoke"), &sent[1..]).status, 303);
    assert!(!browser.is_signed_in());
}

fn message_says_which_session_has_which_name(engine: EngineKind) {
    let (_app, mut browser, mut phone) = two_browsers(engine);
    let id = phone.session_id();
    let page = format!("{DEVICES}/{id}");
    name(&mut browser, &id, "Phone");
    assert!(browser.get(&page).text().contains("Firefox 140 on Linux is now called “Phone”."));
    assert!(!browser.get(&page).text().contains("is now called"), "once");
    name(&mut browser, &id, "");
    assert!(browser.get(&page).text().contains("Firefox 140 on Linux no longer has a name of its own."));
    name(&mut browser, &id, "Phone");
    let revoke = format!("{DEVICES}/{id}/revoke");
    assert_eq!(browser.post_from(DEVICES, &revoke, &[]).status, 303);
    assert!(browser.get(DEVICES).text().contains("Signed out Phone (Firefox 140 on Linux)."), "and the device");
}

fn unacceptable_name_is_said_at_the_field(engine: EngineKind) {
    let (app, mut browser, _phone) = two_browsers(engine);
    let id = browser.session_id();
    name(&mut browser, &id, "Laptop");
    for (typed, said) in
        [("n".repeat(65), "Use at most 64 characters."), ("pay\u{202e}lap".to_owned(), "Remove the character U+202E")]
    {
        let answer = name(&mut browser, &id, &typed);
        assert_eq!(answer.status, 422, "{typed}");
        assert!(answer.text().contains(said), "{}", answer.text());
        assert!(answer.between("<input id=\"name\"", ">").contains("aria-invalid=\"true\""));
    }
    let typed = "\u{1f4bb}".repeat(3000);
    assert_eq!(browser.post_from(DEVICES, &format!("{DEVICES}/{id}/name"), &[("name", &typed)]).status, 413);
    assert_eq!(app.rows("sessions", &format!("WHERE id = '{id}'"))[0]["name"], "Laptop");
}

fn naming_foreign_or_unknown_session_returns_same_404(engine: EngineKind) {
    let (app, mut browser, _phone) = two_browsers(engine);
    app.add_user("ana@example.com");
    let foreign = app.signed_in("ana@example.com").session_id();
    for typed in ["Mine", "", "pay\u{202e}lap"] {
        let unknown = name(&mut browser, "0f8fad5b-d9cb-469f-a165-70867728950e", typed);
        assert_eq!(unknown.status, 404);
        assert!(unknown.text().contains("This session does not exist"), "{}", unknown.text());
        for id in [foreign.as_str(), "0", "%00"] {
            let answer = name(&mut browser, id, typed);
            assert_eq!((answer.status, &answer.body), (404, &unknown.body), "{id} {typed:?}");
        }
    }
    assert_eq!(app.count("sessions", "WHERE name IS NOT NULL"), 0);
}

fn name_is_escaped_and_stays_across_sign_ins(engine: EngineKind) {
    let (_app, mut browser, _phone) = two_browsers(engine);
    let id = browser.session_id();
    name(&mut browser, &id, "<b>\"Tom & Zoe's\"</b>");
    for path in [DEVICES.to_owned(), format!("{DEVICES}/{id}"), "/account/activity".to_owned()] {
        let page = browser.get(&path);
        assert!(!page.body.contains("<b>") && page.text().contains("\"Tom & Zoe"), "{path}: {}", page.body);
    }
    browser.cookies.remove("keyrack.sid");
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    assert!(browser.get(DEVICES).text().contains("Tom & Zoe"), "the continued session keeps its name");
}

/// Each name leaves an event, so thousands would hide all others.
fn thirty_names_an_hour_are_given_on_all_instances(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let second = TestApp::over(app.database(), app.clock.clone(), |_| ());
    let ids = [browser.session_id(), phone.session_id()];
    let mut elsewhere = browser.at(second.address);
    for number in 0..30 {
        app.clock.advance(Duration::from_secs(10));
        let browser = if number % 2 == 0 { &mut browser } else { &mut elsewhere };
        assert_eq!(name(browser, &ids[number % 2], &format!("Name {number}")).status, 303, "{number}");
    }
    for browser in [&mut browser, &mut elsewhere] {
        let answer = name(browser, &ids[0], "One more");
        // The first one was given 290 seconds ago.
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("3310")));
        let text = answer.text();
        assert!(text.contains("The name was not changed.") && text.contains("in 55 minutes"), "{text}");
        assert!(answer.between("<input id=\"name\"", ">").contains("value=\"One more\""), "what was typed is not lost");
    }
    assert_eq!(name(&mut browser, &ids[0], "Name 28").status, 303, "the name that it has changes nothing");
    assert_eq!(app.count("security_events", "WHERE kind = 'session_renamed'"), 30);
    app.add_user("ana@example.com");
    let mut other = app.signed_in("ana@example.com");
    let id = other.session_id();
    assert_eq!(name(&mut other, &id, "Mine").status, 303, "another user has names of their own");
    app.clock.advance(Duration::from_secs(3310));
    assert_eq!(name(&mut browser, &ids[0], "One more").status, 303);
    assert_eq!(name(&mut browser, &ids[0], "Two more").status, 429, "only the first one is an hour ago");
}

fn naming_requires_the_token_of_the_session(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let path = format!("{DEVICES}/{}/name", browser.session_id());
    let others = phone.get(DEVICES).csrf_token();
    for token in ["", "x", &others] {
        assert_eq!(browser.post(&path, &[("name", "X"), ("csrf_token", token)]).status, 403, "{token}");
    }
    assert_eq!(browser.get(&path).status, 405);
    assert_eq!(app.count("sessions", "WHERE name IS NOT NULL"), 0);
}

fn equal_names_have_buttons_with_different_names(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let mut other = app.signed_in(EMAIL);
    for id in [phone.session_id(), other.session_id()] {
        name(&mut browser, &id, "Phone");
    }
    let text = browser.get(DEVICES).text();
    assert!(text.contains("number 1") && text.contains("number 2"), "{text}");
}

fn name_stands_with_its_device_in_other_lists(engine: EngineKind) {
    let (_app, mut browser, mut phone) = two_browsers(engine);
    let id = phone.session_id();
    name(&mut browser, &id, "My laptop");
    let named = "My laptop (Firefox 140 on Linux)";
    for page in ["/account/activity".to_owned(), format!("{DEVICES}/{id}/not-me")] {
        let text = browser.get(&page).text();
        assert!(text.contains(named), "{page}: {text}");
    }
    assert_eq!(browser.post_from(DEVICES, &format!("{DEVICES}/{id}/report"), &[]).status, 303);
    let text = browser.get(&format!("{DEVICES}/{id}/not-me")).text();
    assert!(text.contains(&format!("You reported {named}")), "{text}");
}

fn hidden_characters_make_no_other_name(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let ids = [browser.session_id(), phone.session_id()];
    name(&mut browser, &ids[0], "Chrome");
    name(&mut browser, &ids[1], "Chrome\u{200d}\u{fe0f}");
    assert_eq!(app.count("sessions", "WHERE name = 'Chrome'"), 2);
    let answer = name(&mut browser, &ids[1], "Chrome\u{34f}");
    assert!(answer.status == 422 && answer.text().contains("Remove the character U+034F"), "{}", answer.text());
}
