//! The events of requests for sessions that are not the user's own.

use std::time::Duration;

use serde_json::json;

use super::{event, events};
use crate::{
    routes::reauth::{EMAIL, WINDOW, reauthenticate},
    support::{Answer, Browser, EngineKind, PASSWORD, TestApp, log, on_both_engines},
};

on_both_engines!(
    asvs_16_3_2_requests_for_foreign_sessions_are_recorded,
    asvs_16_3_2_foreign_and_unknown_sessions_leave_equal_events,
    asvs_16_3_2_foreign_session_after_a_proof_is_recorded,
    refused_requests_are_stored_once_per_quarter_of_an_hour,
    owner_reads_of_refused_requests_in_words,
    requests_for_own_sessions_leave_no_refusal,
);

const OTHER: &str = "priya.sharma@example.com";
const UNKNOWN: &str = "a1b2c3d4-e5f6-4890-abcd-ef1234567890";
const DEVICES: &str = "/account/sessions";
const QUARTER: Duration = Duration::from_secs(15 * 60);

/// An app with two users, a browser of the first one, and the id of a session of the second one.
fn start(engine: EngineKind) -> (TestApp, Browser, String) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    app.add_user(OTHER);
    let browser = app.signed_in(EMAIL);
    let foreign = app.signed_in(OTHER).session_id();
    (app, browser, foreign)
}

/// The three ways to name a session in a request.
fn request(browser: &mut Browser, way: &str, id: &str) -> Answer {
    match way {
        "page" => browser.get(&format!("{DEVICES}/{id}")),
        "form" => browser.post_from(DEVICES, &format!("{DEVICES}/{id}/revoke"), &[]),
        _ => {
            let token = browser.get("/api/session").json()["csrf_token"].as_str().unwrap().to_owned();
            browser.send("DELETE", &format!("/api/sessions/{id}"), None, &[("x-csrf-token", &token)])
        }
    }
}

const WAYS: [&str; 3] = ["page", "form", "api"];

fn asvs_16_3_2_requests_for_foreign_sessions_are_recorded(engine: EngineKind) {
    log::capture();
    for way in WAYS {
        let (app, mut browser, foreign) = start(engine);
        let own = browser.session_id();
        assert_eq!(request(&mut browser, way, &foreign).status, 404, "{way}");
        let refused = event(&app, "access_refused");
        assert_eq!(refused["detail"], json!({"requested_session": foreign, "count": 1}), "{way}");
        assert_eq!(
            (&refused["session_id"], &refused["actor"], &refused["ip_address"]),
            (&json!(own), &json!("user"), &json!("127.0.0.1"))
        );
        let of_user = app.text(&format!("SELECT CAST(user_id AS varchar(36)) AS v FROM sessions WHERE id = '{own}'"));
        assert_eq!(refused["user_id"], of_user, "the user who requested it");
        let log = log::captured();
        let lines = log.lines().filter(|line| line.contains(&foreign) && line.contains(&own));
        let lines: Vec<&str> = lines.filter(|line| !line.contains("\"message\":\"request\"")).collect();
        let of_event = lines.iter().filter(|line| line.contains("\"security event\"")).count();
        assert_eq!((lines.len(), of_event), (2, 1), "besides the line of the request: {lines:#?}");
    }
}

/// Otherwise the user's own activity would tell which ids exist.
fn asvs_16_3_2_foreign_and_unknown_sessions_leave_equal_events(engine: EngineKind) {
    for way in WAYS {
        let (app, mut browser, foreign) = start(engine);
        let mut later = app.signed_in(EMAIL);
        request(&mut browser, way, &foreign);
        request(&mut later, way, UNKNOWN);
        let details: Vec<_> = events(&app, &["access_refused"]).iter().map(|event| event["detail"].clone()).collect();
        let expected = [&*foreign, UNKNOWN].map(|id| json!({"requested_session": id, "count": 1}));
        assert_eq!(details, expected, "{way}");
        let page = |browser: &mut Browser| browser.get("/account/activity").without_tokens();
        assert_eq!(page(&mut browser).matches("not one of your sessions").count(), 2, "{way}");
        assert!(!page(&mut browser).contains(&foreign), "{way}");
    }
}

fn asvs_16_3_2_foreign_session_after_a_proof_is_recorded(engine: EngineKind) {
    let (app, mut browser, foreign) = start(engine);
    app.advance(WINDOW + Duration::from_secs(1));
    let asked = request(&mut browser, "form", &foreign).location().to_owned();
    assert_eq!(events(&app, &["access_refused"]), [json!(null); 0], "nothing is looked up before the proof");
    assert_eq!(reauthenticate(&mut browser, &asked, PASSWORD).status, 404);
    assert_eq!(event(&app, "access_refused")["detail"]["requested_session"], foreign);
}

fn refused_requests_are_stored_once_per_quarter_of_an_hour(engine: EngineKind) {
    let (app, mut browser, foreign) = start(engine);
    let mut other_session = app.signed_in(EMAIL);
    for id in [&*foreign, UNKNOWN, UNKNOWN] {
        assert_eq!(request(&mut browser, "page", id).status, 404);
    }
    assert_eq!(event(&app, "access_refused")["detail"]["count"], 1);
    request(&mut other_session, "page", UNKNOWN);
    assert_eq!(events(&app, &["access_refused"]).len(), 2, "each session has its own event");
    app.advance(QUARTER);
    request(&mut browser, "page", UNKNOWN);
    let stored = events(&app, &["access_refused"]);
    assert_eq!(stored[2]["detail"], json!({"requested_session": UNKNOWN, "count": 3}), "two more, and this one");
}

fn owner_reads_of_refused_requests_in_words(engine: EngineKind) {
    let (app, mut browser, foreign) = start(engine);
    request(&mut browser, "page", &foreign);
    request(&mut browser, "page", &foreign);
    app.advance(QUARTER);
    request(&mut browser, "page", &foreign);
    let text = browser.get("/account/activity").text();
    assert!(text.contains("Request refused: not one of your sessions"), "{text}");
    assert!(text.contains("2 requests refused: not one of your sessions"), "{text}");
    let text = app.signed_in(OTHER).get("/account/activity").text();
    assert!(!text.contains("refused"), "the other user learns nothing of it: {text}");
}

fn requests_for_own_sessions_leave_no_refusal(engine: EngineKind) {
    let (app, mut browser, _) = start(engine);
    let (mut phone, mut tablet) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    let (phone_id, tablet_id) = (phone.session_id(), tablet.session_id());
    assert_eq!(request(&mut browser, "page", &phone_id).status, 200);
    assert_eq!(request(&mut browser, "form", &phone_id).status, 303);
    assert_eq!(request(&mut browser, "form", &phone_id).status, 303, "it has ended already");
    assert_eq!(request(&mut browser, "api", &tablet_id).status, 204);
    assert_eq!(request(&mut browser, "page", "1").status, 404, "no id at all");
    assert!(!phone.is_signed_in() && !tablet.is_signed_in());
    assert_eq!(events(&app, &["access_refused"]), [json!(null); 0]);
}
