//! `POST /account/sessions/revoke` and `POST /account/sessions/revoke-all`

use std::time::Duration;

use super::reauth::{WINDOW, reauthenticate};
use crate::support::{Answer, Browser, EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    selected_sessions_end_and_others_stay,
    selection_is_kept_while_a_proof_is_asked_for,
    selection_of_foreign_sessions_ends_none_of_them,
    empty_selection_changes_nothing_and_says_so,
    selection_with_the_current_session_signs_out_last,
    proof_for_the_current_session_among_selected_signs_out,
    foreign_sessions_in_a_selection_are_not_counted,
    selecting_sessions_requires_the_token,
    signing_out_everywhere_ends_all_sessions,
    signing_out_everywhere_asks_for_a_proof_first,
);

const EMAIL: &str = "rajat.verma@example.com";
const DEVICES: &str = "/account/sessions";
const SELECTED: &str = "/account/sessions/revoke";
const ALL: &str = "/account/sessions/revoke-all";

/// A browser, and three others of the same user.
fn four_browsers(engine: EngineKind) -> (TestApp, Browser, [Browser; 3]) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let others = [(); 3].map(|()| app.signed_in(EMAIL));
    let browser = app.signed_in(EMAIL);
    (app, browser, others)
}

fn select(browser: &mut Browser, ids: &[&str]) -> Answer {
    let fields: Vec<(&str, &str)> = ids.iter().map(|id| ("id", *id)).collect();
    browser.post_from(DEVICES, SELECTED, &fields)
}

fn selected_sessions_end_and_others_stay(engine: EngineKind) {
    let (app, mut browser, mut others) = four_browsers(engine);
    let page = browser.get(DEVICES);
    assert_eq!(page.body.matches("form=\"selected\"").count(), 3, "{}", page.body);
    let [first, second] = [others[0].session_id(), others[1].session_id()];
    let answer = select(&mut browser, &[&first, &second, &first]);
    assert_eq!((answer.status, answer.location()), (303, DEVICES));
    assert!(browser.get(DEVICES).text().contains("Signed out 2 devices."));
    assert_eq!(others.each_mut().map(Browser::is_signed_in), [false, false, true]);
    assert_eq!(app.count("sessions", "WHERE end_reason = 'revoked'"), 2);
    let third = others[2].session_id();
    select(&mut browser, &[&third, &first]);
    assert!(browser.get(DEVICES).text().contains("Signed out 2 devices."), "also of those that had ended");
    let mut fifth = app.signed_in(EMAIL);
    let fifth = fifth.session_id();
    select(&mut browser, &[&fifth]);
    assert!(browser.get(DEVICES).text().contains("Signed out Firefox 140 on Linux"), "one is called by its name");
    app.assert_sound();
}

fn selection_is_kept_while_a_proof_is_asked_for(engine: EngineKind) {
    let (app, mut browser, mut others) = four_browsers(engine);
    let ids = others.each_mut().map(Browser::session_id);
    app.advance(WINDOW + Duration::from_secs(1));
    let asked = select(&mut browser, &[&ids[0], &ids[2]]);
    assert!(asked.status == 303 && asked.location().starts_with("/reauth?"), "{asked:?}");
    assert!(others[0].is_signed_in());
    assert!(browser.get(asked.location()).text().contains("The selected devices are signed out after that."));
    let done = reauthenticate(&mut browser, asked.location(), PASSWORD);
    assert_eq!((done.status, done.location()), (303, DEVICES));
    assert_eq!(others.each_mut().map(Browser::is_signed_in), [false, true, false]);
}

fn selection_of_foreign_sessions_ends_none_of_them(engine: EngineKind) {
    let (app, mut browser, mut others) = four_browsers(engine);
    app.add_user("ana@example.com");
    let mut ana = app.signed_in("ana@example.com");
    let foreign = ana.session_id();
    let unknown = select(&mut browser, &["0f8fad5b-d9cb-469f-a165-70867728950e"]);
    let answer = select(&mut browser, &[&foreign]);
    assert_eq!((answer.status, &answer.body), (404, &unknown.body));
    let own = others[0].session_id();
    assert_eq!(select(&mut browser, &[&foreign, &own, "not-an-id"]).status, 303);
    assert!(ana.is_signed_in() && !others[0].is_signed_in());
}

fn empty_selection_changes_nothing_and_says_so(engine: EngineKind) {
    let (app, mut browser, _others) = four_browsers(engine);
    for ids in [&[][..], &["", "not-an-id"]] {
        let answer = select(&mut browser, ids);
        assert_eq!((answer.status, answer.location()), (303, DEVICES));
        assert!(browser.get(DEVICES).text().contains("No device was selected, so nothing was changed."));
    }
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 4);
}

fn selection_with_the_current_session_signs_out_last(engine: EngineKind) {
    let (app, mut browser, mut others) = four_browsers(engine);
    let ids = [browser.session_id(), others[0].session_id()];
    let answer = select(&mut browser, &[&ids[0], &ids[1]]);
    assert_eq!((answer.status, answer.location()), (303, "/login"));
    assert!(!others[0].is_signed_in() && others[1].is_signed_in());
    assert_eq!(app.rows("sessions", &format!("WHERE id = '{}'", ids[0]))[0]["end_reason"], "signed_out");
}

fn proof_for_the_current_session_among_selected_signs_out(engine: EngineKind) {
    let (app, mut browser, mut others) = four_browsers(engine);
    let (own, other) = (browser.session_id(), others[0].session_id());
    app.advance(WINDOW + Duration::from_secs(1));
    let asked = select(&mut browser, &[&other, &own]);
    assert!(asked.location().starts_with("/reauth?"), "{asked:?}");
    assert!(browser.is_signed_in());
    let done = reauthenticate(&mut browser, asked.location(), PASSWORD);
    assert_eq!((done.status, done.location()), (303, "/login"));
    assert!(!browser.is_signed_in() && !others[0].is_signed_in() && others[1].is_signed_in());
    assert_eq!(app.rows("sessions", &format!("WHERE id = '{own}'"))[0]["end_reason"], "signed_out");
    app.assert_sound();
}

fn foreign_sessions_in_a_selection_are_not_counted(engine: EngineKind) {
    let (app, mut browser, mut others) = four_browsers(engine);
    app.add_user("ana@example.com");
    let mut ana = app.signed_in("ana@example.com");
    let (foreign, [first, second, third]) = (ana.session_id(), others.each_mut().map(Browser::session_id));
    let unknown = "0f8fad5b-d9cb-469f-a165-70867728950e";
    assert_eq!(select(&mut browser, &[&first]).status, 303);
    app.advance(Duration::from_secs(60));
    assert_eq!(select(&mut browser, &[&foreign, unknown, &first, &second, &third]).status, 303);
    assert!(browser.get(DEVICES).text().contains("Signed out 2 devices."), "not those that had ended, either");
    assert!(ana.is_signed_in());
    let events = app.rows("security_events", "WHERE kind = 'access_refused'");
    let own = browser.session_id();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["session_id"], own.as_str());
}

fn selecting_sessions_requires_the_token(engine: EngineKind) {
    let (app, mut browser, mut others) = four_browsers(engine);
    let id = others[0].session_id();
    let foreign = others[1].get(DEVICES).csrf_token();
    for token in ["", &foreign] {
        assert_eq!(browser.post(SELECTED, &[("id", &id), ("csrf_token", token)]).status, 403);
        assert_eq!(browser.post(ALL, &[("csrf_token", token)]).status, 403);
    }
    assert_eq!((browser.get(SELECTED).status, browser.get(ALL).status), (405, 405));
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 4);
}

fn signing_out_everywhere_ends_all_sessions(engine: EngineKind) {
    let (app, mut browser, mut others) = four_browsers(engine);
    app.add_user("ana@example.com");
    let mut ana = app.signed_in("ana@example.com");
    let mut copy = browser.clone();
    let answer = browser.post_from(DEVICES, ALL, &[]);
    assert_eq!((answer.status, answer.location()), (303, "/login"));
    assert_eq!(answer.header("clear-site-data"), Some("\"cache\", \"storage\""));
    assert!(!browser.cookies.contains_key("keyrack.sid") && !copy.is_signed_in() && ana.is_signed_in());
    assert_eq!(others.each_mut().map(Browser::is_signed_in), [false; 3]);
    assert_eq!(app.count("sessions", "WHERE end_reason = 'revoked'"), 3);
    assert_eq!(app.count("sessions", "WHERE end_reason = 'signed_out'"), 1);
    app.assert_sound();
}

fn signing_out_everywhere_asks_for_a_proof_first(engine: EngineKind) {
    let (app, mut browser, mut others) = four_browsers(engine);
    app.advance(WINDOW + Duration::from_secs(1));
    let asked = browser.post_from(DEVICES, ALL, &[]);
    assert!(asked.status == 303 && asked.location().starts_with("/reauth?"), "{asked:?}");
    assert!(others[0].is_signed_in());
    let done = reauthenticate(&mut browser, asked.location(), PASSWORD);
    assert_eq!((done.status, done.location()), (303, "/login"));
    assert!(!browser.cookies.contains_key("keyrack.sid"));
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 0);
    app.assert_sound();
}
