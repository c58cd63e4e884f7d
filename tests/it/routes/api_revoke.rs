//! `DELETE /api/sessions/{id}` and `POST /api/sessions/revoke-others`

use serde_json::{Value, json};

use super::snapshot::assert_snapshot;
use crate::support::{Answer, Browser, EngineKind, TestApp, on_both_engines};

on_both_engines!(
    api_delete_signs_the_other_device_out,
    api_delete_of_own_session_signs_out,
    api_delete_of_foreign_or_unknown_session_returns_same_404,
    api_revoke_others_returns_how_many_ended,
    api_change_without_its_token_or_from_another_site_is_refused,
    api_change_without_session_returns_401,
);

const EMAIL: &str = "rajat.verma@example.com";
const OTHER_EMAIL: &str = "ana@example.com";
const UNKNOWN: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
const OTHERS: &str = "/api/sessions/revoke-others";

fn app_with_user(engine: EngineKind) -> TestApp {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    app
}

fn path(id: &str) -> String {
    format!("/api/sessions/{id}")
}

fn token(browser: &mut Browser) -> String {
    browser.get("/api/session").json()["csrf_token"].as_str().unwrap().to_owned()
}

fn delete(browser: &mut Browser, id: &str) -> Answer {
    let token = token(browser);
    browser.send("DELETE", &path(id), None, &[("x-csrf-token", &token)])
}

fn api_delete_signs_the_other_device_out(engine: EngineKind) {
    let app = app_with_user(engine);
    let (mut phone, mut browser) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    let id = phone.session_id();
    let answer = delete(&mut browser, &id);
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert!(!phone.is_signed_in() && browser.is_signed_in());
    let rows = app.rows("sessions", &format!("WHERE id = '{id}'"));
    assert_eq!(rows[0]["end_reason"], "revoked");
    assert_eq!(delete(&mut browser, &id).status, 204, "it may be repeated");
    assert_eq!(app.rows("sessions", &format!("WHERE id = '{id}'")), rows);
}

fn api_delete_of_own_session_signs_out(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = app.signed_in(EMAIL);
    let (id, mut copy) = (browser.session_id(), browser.clone());
    let answer = delete(&mut browser, &id);
    assert_eq!(answer.status, 204);
    assert!(answer.header("clear-site-data").is_some());
    assert!(!browser.cookies.contains_key("keyrack.sid") && !copy.is_signed_in());
    assert_eq!(app.rows("sessions", "")[0]["end_reason"], "signed_out");
}

fn api_delete_of_foreign_or_unknown_session_returns_same_404(engine: EngineKind) {
    let app = app_with_user(engine);
    app.add_user(OTHER_EMAIL);
    let (mut ana, mut ended) = (app.signed_in(OTHER_EMAIL), app.signed_in(OTHER_EMAIL));
    let ids = [ana.session_id(), ended.session_id(), "x".to_owned(), "%00".to_owned()];
    ended.sign_out();
    let mut browser = app.signed_in(EMAIL);
    let unknown = delete(&mut browser, UNKNOWN);
    assert_eq!((unknown.status, unknown.header("content-type")), (404, Some("application/problem+json")));
    for id in ids {
        let answer = delete(&mut browser, &id);
        assert_eq!((answer.status, &answer.body), (404, &unknown.body), "{id}");
    }
    assert!(ana.is_signed_in());
}

fn api_revoke_others_returns_how_many_ended(engine: EngineKind) {
    let app = app_with_user(engine);
    app.add_user(OTHER_EMAIL);
    let mut ana = app.signed_in(OTHER_EMAIL);
    let mut others = [app.signed_in(EMAIL), app.signed_in(EMAIL), app.signed_in(EMAIL)];
    let mut browser = app.signed_in(EMAIL);
    for ended in [3, 0] {
        let token = token(&mut browser);
        let answer = browser.send("POST", OTHERS, None, &[("x-csrf-token", &token)]);
        assert_eq!((answer.status, answer.json()), (200, json!({ "ended": ended })));
    }
    assert!(others.iter_mut().all(|other| !other.is_signed_in()));
    assert!(browser.is_signed_in() && ana.is_signed_in());
}

fn api_change_without_its_token_or_from_another_site_is_refused(engine: EngineKind) {
    let app = app_with_user(engine);
    let (mut phone, mut browser) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    let (token, other_token) = (token(&mut browser), token(&mut phone));
    let phone_path = path(&phone.session_id());
    let token = ("x-csrf-token", token.as_str());
    let refused: [&[(&str, &str)]; 8] = [
        &[],
        &[("x-csrf-token", "")],
        &[("x-csrf-token", "x.y")],
        &[("x-csrf-token", &other_token)],
        &[token, token],
        &[token, ("sec-fetch-site", "cross-site")],
        &[token, ("sec-fetch-site", "same-site")],
        &[token, ("origin", "https://evil.example")],
    ];
    for headers in refused {
        for (method, path) in [("DELETE", phone_path.as_str()), ("POST", OTHERS)] {
            let answer = browser.send(method, path, None, headers);
            assert_eq!(answer.status, 403, "{method} {headers:?}: {}", answer.body);
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
            let is_foreign = headers.len() == 2 && headers[1] != token;
            let title = if is_foreign {
                "The request comes from another origin"
            } else {
                "The header X-CSRF-Token is missing or wrong"
            };
            let json = answer.json();
            assert_eq!((&json["status"], &json["title"]), (&json!(403), &json!(title)), "{headers:?}");
        }
    }
    assert_snapshot("api-403-token", &browser.send("DELETE", &phone_path, None, &[]));
    assert_snapshot("api-403-origin", &browser.send("DELETE", &phone_path, None, refused[7]));
    let refusals = app.rows("security_events", "WHERE kind = 'form_refused' ORDER BY id");
    let causes: Vec<&Value> = refusals.iter().map(|event| &event["detail"]["cause"]).collect();
    assert_eq!(causes, ["wrong_token", "foreign_origin"], "each is recorded once per quarter of an hour");
    // The token of a form counts in a form only.
    assert_eq!(browser.post(OTHERS, &[("csrf_token", token.1)]).status, 403);
    assert!(phone.is_signed_in());
    assert_eq!(browser.send("DELETE", &phone_path, None, &[token, ("sec-fetch-site", "same-origin")]).status, 204);
}

fn api_change_without_session_returns_401(engine: EngineKind) {
    let app = app_with_user(engine);
    for (method, path) in [("DELETE", path(UNKNOWN)), ("POST", OTHERS.to_owned())] {
        let answer = app.browser().send(method, &path, None, &[("x-csrf-token", "x.y")]);
        assert_eq!((answer.status, answer.header("content-type")), (401, Some("application/problem+json")));
    }
}
