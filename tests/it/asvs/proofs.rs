//! V7.5 and V7.6: a new proof of who the user is, and the start of a session

use std::time::Duration;

use serde_json::json;

use super::{
    DEVICES, EMAIL, NEW, PASSWORD_PAGE, REVOKE_OTHERS, WRONG, app_with_user, revoke_path, set_up, setup_link,
    two_browsers, users,
};
use crate::{
    routes::reauth::{WINDOW, reauthenticate},
    support::{Answer, Browser, EngineKind, PASSWORD, TestApp, on_both_engines},
};

on_both_engines!(
    asvs_7_5_1_no_form_changes_an_account_without_its_password,
    asvs_7_5_2_stale_proof_is_asked_before_revoking,
    asvs_7_5_2_stale_proof_is_asked_before_revoking_others,
    asvs_7_5_2_api_requires_a_recent_proof_to_end_others,
    asvs_7_6_2_session_starts_with_a_form_that_its_user_sent,
);

/// The form that sets up an authenticator app. The other forms of its page are there once one is set up.
const SET_UP: &str = "/account/security/authenticator";

/// Lets so much time pass that no proof is recent.
fn let_proofs_grow_old(app: &TestApp) {
    app.advance(WINDOW + Duration::from_secs(1));
}

/// Where the forms of a page lead.
fn actions(page: &Answer) -> Vec<String> {
    page.body.split("action=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0.to_owned()).collect()
}

/// The forms of all pages of a signed-in user, each once.
fn all_actions(browser: &mut Browser, of_another: &[String]) -> Vec<String> {
    let lists = [DEVICES, "/account/sessions?show=ended", "/account/activity", "/account/security"];
    let forms = [PASSWORD_PAGE, SET_UP, "/reauth", "/logout"];
    let mut found: Vec<String> = lists
        .into_iter()
        .chain(forms)
        .chain(of_another.iter().map(String::as_str))
        .flat_map(|path| actions(&browser.get(path)))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The password is the only attribute of an account that can be changed on a page. A second factor can be added and
/// removed, after a recent proof.
fn asvs_7_5_1_no_form_changes_an_account_without_its_password(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let phone_id = phone.session_id();
    let of_another = [format!("{DEVICES}/{phone_id}"), format!("{DEVICES}/{phone_id}/not-me")];
    let found = all_actions(&mut browser, &of_another);
    let revoke = revoke_path(&phone_id);
    let name = format!("{DEVICES}/{phone_id}/name");
    let report = format!("{DEVICES}/{phone_id}/report");
    let revoke_all = format!("{DEVICES}/revoke-all");
    let mut expected =
        [PASSWORD_PAGE, SET_UP, REVOKE_OTHERS, "/language", "/logout", "/reauth", &revoke, &revoke_all, &name, &report]
            .map(str::to_owned);
    expected.sort();
    assert_eq!(found, expected, "a new form belongs into this test");
    let before = users(&app);
    // What a thief of the session would like to change, and a proof that is as new as it can be.
    let wishes = [
        ("email", "thief@example.com"),
        ("role", "admin"),
        ("user_name", "thief"),
        ("password", NEW),
        ("password_again", NEW),
        ("keep_others", "on"),
    ];
    for current in ["", WRONG, NEW] {
        // Signing out comes last.
        for action in [PASSWORD_PAGE, SET_UP, "/reauth", &name, &report, &revoke, REVOKE_OTHERS, &revoke_all] {
            let mut thief = app.signed_in(EMAIL);
            thief.post_from(DEVICES, action, &[&wishes[..], &[("current_password", current)]].concat());
            assert_eq!(users(&app), before, "{action} with {current:?}");
        }
    }
    assert_eq!(app.browser().sign_in(EMAIL, NEW).status, 401);
    app.signed_in(EMAIL);
}

fn asvs_7_5_2_stale_proof_is_asked_before_revoking(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let id = phone.session_id();
    let_proofs_grow_old(&app);
    let before = (app.rows("sessions", "ORDER BY id"), app.rows("user_sessions", "ORDER BY sid"));
    let asked = browser.post_from(DEVICES, &revoke_path(&id), &[]);
    assert_eq!(asked.status, 303);
    assert!(asked.location().starts_with("/reauth?next=%2Faccount%2Fsessions&change=revoke."), "{}", asked.location());
    assert_eq!((app.rows("sessions", "ORDER BY id"), app.rows("user_sessions", "ORDER BY sid")), before);

    let page = browser.get(asked.location());
    assert!(page.body.contains(&format!("value=\"{EMAIL}\" autocomplete=\"username\" readonly")), "{}", page.body);
    assert!(page.text().contains("The other device is signed out after that."), "{}", page.text());
    let refused = reauthenticate(&mut browser, asked.location(), WRONG);
    assert_eq!(refused.status, 401);
    assert!(phone.is_signed_in());
    let done = reauthenticate(&mut browser, asked.location(), PASSWORD);
    assert_eq!((done.status, done.location()), (303, DEVICES));
    assert!(browser.get(DEVICES).text().contains("Signed out Firefox 140 on Linux"), "the change is reported");
    assert!(browser.is_signed_in() && !phone.is_signed_in());
    assert_eq!(app.rows("sessions", &format!("WHERE id = '{id}'"))[0]["end_reason"], "revoked");
    app.assert_sound();
}

fn asvs_7_5_2_stale_proof_is_asked_before_revoking_others(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let_proofs_grow_old(&app);
    let asked = browser.post_from(DEVICES, REVOKE_OTHERS, &[]);
    assert!(asked.status == 303 && asked.location().starts_with("/reauth?"), "{asked:?}");
    assert!(phone.is_signed_in());
    let done = reauthenticate(&mut browser, asked.location(), PASSWORD);
    assert_eq!((done.status, done.location()), (303, DEVICES));
    assert!(browser.get(DEVICES).text().contains("Signed out 1 other device."));
    assert!(browser.is_signed_in() && !phone.is_signed_in());
}

fn asvs_7_5_2_api_requires_a_recent_proof_to_end_others(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let_proofs_grow_old(&app);
    let (id, own) = (phone.session_id(), browser.session_id());
    let token = browser.get("/api/session").json()["csrf_token"].as_str().unwrap().to_owned();
    let header = [("x-csrf-token", token.as_str())];
    let mut send = |method: &str, path: &str| browser.send(method, path, None, &header);
    for refused in [send("DELETE", &format!("/api/sessions/{id}")), send("POST", "/api/sessions/revoke-others")] {
        let problem = refused.json();
        assert_eq!(
            (refused.status, &problem["type"]),
            (403, &json!("urn:keyrack:reauthentication-required")),
            "{problem}"
        );
    }
    assert!(phone.is_signed_in());
    assert_eq!(send("DELETE", &format!("/api/sessions/{own}")).status, 204, "signing out needs no proof");
}

fn asvs_7_6_2_session_starts_with_a_form_that_its_user_sent(engine: EngineKind) {
    let empty = TestApp::new(engine);
    let link = setup_link(&empty).unwrap();
    assert_eq!(empty.browser().get(&format!("{link}&email={EMAIL}&password=x")).status, 200);
    let app = app_with_user(engine);
    let mut visitor = app.browser();
    let query = format!("email={EMAIL}&password={}", PASSWORD.replace(' ', "%20"));
    let token = visitor.get("/login").csrf_token();
    for path in [format!("/login?{query}"), format!("/login?{query}&csrf_token={token}"), format!("/?{query}")] {
        for method in ["GET", "HEAD"] {
            let answer = visitor.send(method, &path, None, &[]);
            assert!(!answer.set_cookies().iter().any(|cookie| cookie.contains("sid=")), "{method} {path}");
        }
    }
    let fields = [("email", EMAIL), ("password", PASSWORD), ("csrf_token", &*token)];
    for header in
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")]
    {
        assert_eq!(visitor.send("POST", "/login", Some(&fields[..]), &[header]).status, 403, "{header:?}");
    }
    assert_eq!(visitor.post("/login", &fields[..2]).status, 403, "without the token of its page");
    assert_eq!((app.count("sessions", ""), empty.count("sessions", "")), (0, 0));
    assert_eq!(visitor.post("/login", &fields).status, 303);
    assert_eq!(set_up(&empty, &link, EMAIL, PASSWORD).status, 303);
    assert_eq!((app.count("sessions", ""), empty.count("sessions", "")), (1, 1));
}
