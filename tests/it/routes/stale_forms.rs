//! Forms that were opened before their session got a new sid, by a proof, a new password or another sign-in in another
//! tab

use std::time::Duration;

use super::reauth::{EMAIL, WINDOW, reauthenticate};
use crate::support::{Answer, Browser, EngineKind, PASSWORD, SECRETS, TestApp, cookies, on_both_engines};

on_both_engines!(
    sign_out_works_from_pages_of_former_sids,
    sign_out_at_own_device_works_from_pages_of_former_sids,
    sign_out_that_overtakes_a_proof_ends_the_session,
    former_sid_signs_out_for_a_moment_only,
    tokens_of_other_sessions_do_not_sign_out,
    token_of_planted_sid_does_not_sign_out,
    sign_out_of_former_sid_from_another_site_is_refused,
    other_forms_of_former_sids_say_why_and_lead_back,
    api_refuses_tokens_of_former_sids,
);

const DEVICES: &str = "/account/sessions";
const OTHERS: &str = "/account/sessions/revoke-others";
const PASSWORD_PAGE: &str = "/account/password";
const NEW: &str = "five herons by the weir";
const SECOND: Duration = Duration::from_secs(1);

/// What another tab does that gives the session a new sid.
type Renewal = fn(&mut Browser);

const RENEWALS: [(&str, Renewal); 3] = [
    ("a proof", |browser| assert_eq!(reauthenticate(browser, "/reauth", PASSWORD).status, 303)),
    ("a new password", |browser| {
        let fields = [("current_password", PASSWORD), ("password", NEW), ("password_again", NEW)];
        assert_eq!(browser.post_from(PASSWORD_PAGE, PASSWORD_PAGE, &fields).status, 303);
    }),
    ("another sign-in", |browser| {
        let token = browser.get(DEVICES).csrf_token();
        let fields = [("email", EMAIL), ("password", PASSWORD), ("csrf_token", &token)];
        assert_eq!(browser.post("/login", &fields).status, 303);
    }),
];

fn app_with_user(engine: EngineKind) -> TestApp {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    app
}

fn sign_out(browser: &mut Browser, token: &str) -> Answer {
    browser.post("/logout", &[("csrf_token", token)])
}

fn assert_signed_out(app: &TestApp, answer: &Answer, browser: &mut Browser, what: &str) {
    assert_eq!((answer.status, answer.location()), (303, "/login"), "{what}: {}", answer.body);
    assert!(!browser.cookies.contains_key("keyrack.sid") && !browser.is_signed_in(), "{what}");
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 0, "{what}");
    assert_eq!(app.count("sessions", "WHERE end_reason = 'signed_out'"), app.count("sessions", ""), "{what}");
    app.assert_sound();
}

fn sign_out_works_from_pages_of_former_sids(engine: EngineKind) {
    for (what, renew) in RENEWALS {
        for page in [DEVICES, "/logout", "/account/sessions?show=ended", "/nowhere"] {
            let app = app_with_user(engine);
            let mut browser = app.signed_in(EMAIL);
            let token = browser.get(page).csrf_token();
            renew(&mut browser);
            app.advance(Duration::from_secs(25 * 60));
            let answer = sign_out(&mut browser, &token);
            assert_signed_out(&app, &answer, &mut browser, &format!("{what}, {page}"));
            assert_eq!(answer.header("clear-site-data"), Some("\"cache\", \"storage\""));
            assert_eq!(app.count("security_events", "WHERE kind = 'form_refused'"), 0);
        }
    }
    let app = app_with_user(engine);
    let mut browser = app.signed_in(EMAIL);
    let token = browser.get(DEVICES).csrf_token();
    for _ in 0..7 {
        reauthenticate(&mut browser, "/reauth", PASSWORD);
        app.advance(WINDOW + SECOND);
        browser.get(DEVICES);
    }
    let answer = sign_out(&mut browser, &token);
    assert_signed_out(&app, &answer, &mut browser, "seven proofs later");
}

fn sign_out_at_own_device_works_from_pages_of_former_sids(engine: EngineKind) {
    for (what, renew) in RENEWALS {
        let app = app_with_user(engine);
        let mut browser = app.signed_in(EMAIL);
        let (id, token) = (browser.session_id(), browser.get(DEVICES).csrf_token());
        renew(&mut browser);
        app.advance(6 * SECOND);
        let answer = browser.post(&format!("/account/sessions/{id}/revoke"), &[("csrf_token", &token)]);
        assert_signed_out(&app, &answer, &mut browser, what);
    }
}

/// The browser sends the form before it has the answer to the proof, which carries the new sid, and takes that
/// afterwards.
fn sign_out_that_overtakes_a_proof_ends_the_session(engine: EngineKind) {
    for (what, renew) in RENEWALS {
        let app = app_with_user(engine);
        let mut browser = app.signed_in(EMAIL);
        app.advance(SECOND);
        let token = browser.get(DEVICES).csrf_token();
        let mut other_tab = browser.clone();
        renew(&mut browser);
        app.advance(SECOND);
        let answer = sign_out(&mut other_tab, &token);
        assert_signed_out(&app, &answer, &mut other_tab, what);
        assert!(!browser.is_signed_in(), "{what}: the new sid is worth nothing either");
    }
}

fn former_sid_signs_out_for_a_moment_only(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = app.signed_in(EMAIL);
    app.advance(SECOND);
    let (token, mut copy) = (browser.get(DEVICES).csrf_token(), browser.clone());
    reauthenticate(&mut browser, "/reauth", PASSWORD);
    for wrong in ["", "x.y", &app.browser().get("/login").csrf_token()] {
        assert_eq!(sign_out(&mut copy.clone(), wrong).status, 403, "{wrong}");
    }
    assert!(browser.is_signed_in());
    app.clock.advance(5 * SECOND + Duration::from_micros(1));
    let answer = sign_out(&mut copy, &token);
    assert_eq!((answer.status, answer.location()), (303, "/login"));
    assert!(browser.is_signed_in(), "a copy of a former cookie ends nothing");
}

fn tokens_of_other_sessions_do_not_sign_out(engine: EngineKind) {
    let app = app_with_user(engine);
    app.add_user("ana@example.com");
    let mut browser = app.signed_in(EMAIL);
    let former = browser.get(DEVICES).csrf_token();
    let mut phone = app.signed_in(EMAIL);
    let mut ana = app.signed_in("ana@example.com");
    let of_others = [phone.get(DEVICES).csrf_token(), ana.get(DEVICES).csrf_token()];
    for browser in [&mut browser, &mut phone, &mut ana] {
        reauthenticate(browser, "/reauth", PASSWORD);
    }
    let flipped = if former.ends_with('A') { "B" } else { "A" };
    let changed = format!("{}{flipped}", &former[..former.len() - 1]);
    for token in of_others.iter().map(String::as_str).chain(["", ".", "unsalted.", &changed]) {
        let answer = sign_out(&mut browser, token);
        assert_eq!((answer.status, answer.set_cookies()), (403, vec![]), "{token}");
        assert!(answer.text().contains("It was opened before you signed in or out"), "{}", answer.text());
    }
    // The browser has another session since: of another user, or of the same one after a sign-out.
    let fields = [("email", "ana@example.com"), ("password", PASSWORD)];
    let token = browser.get(DEVICES).csrf_token();
    assert_eq!(browser.post("/login", &[&fields[..], &[("csrf_token", &token)]].concat()).status, 303);
    assert_eq!(sign_out(&mut browser, &former).status, 403);
    browser.sign_out();
    browser.sign_in(EMAIL, PASSWORD);
    assert_eq!(sign_out(&mut browser, &former).status, 403);
    assert!(browser.is_signed_in() && phone.is_signed_in() && ana.is_signed_in());
}

/// Another site of the domain has planted a cookie of a session whose pages it knows.
fn token_of_planted_sid_does_not_sign_out(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut attacker = app.signed_in(EMAIL);
    let (sid, token) = (attacker.sid(), attacker.get(DEVICES).csrf_token());
    attacker.sign_out();
    app.execute("DELETE FROM sessions");
    let mut browser = app.browser().with_cookie("keyrack.sid", &cookies::signed(&sid, SECRETS));
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(app.text("SELECT sid AS v FROM replaced_sids"), sid, "it must not be used in the session");
    app.advance(SECOND);
    for _ in 0..2 {
        assert_eq!(sign_out(&mut browser, &token).status, 403);
        assert!(browser.is_signed_in());
        reauthenticate(&mut browser, "/reauth", PASSWORD);
    }
}

fn sign_out_of_former_sid_from_another_site_is_refused(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = app.signed_in(EMAIL);
    let token = browser.get(DEVICES).csrf_token();
    reauthenticate(&mut browser, "/reauth", PASSWORD);
    let elsewhere = ("origin", "https://evil.example");
    for header in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), elsewhere] {
        let answer = browser.send("POST", "/logout", Some(&[("csrf_token", &token)]), &[header]);
        assert_eq!(answer.status, 403, "{header:?}");
    }
    assert!(browser.is_signed_in());
}

fn other_forms_of_former_sids_say_why_and_lead_back(engine: EngineKind) {
    let app = app_with_user(engine);
    let (mut browser, mut phone) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    let id = phone.session_id();
    let token = browser.get(DEVICES).csrf_token();
    app.advance(SECOND);
    reauthenticate(&mut browser, "/reauth", PASSWORD);
    app.advance(6 * SECOND);
    let new = [("current_password", PASSWORD), ("password", NEW), ("password_again", NEW)];
    let proof = [("password", PASSWORD)];
    let activity = "%2Faccount%2Factivity";
    for (path, fields, back) in [
        (format!("/account/sessions/{id}/revoke"), &[][..], DEVICES.to_owned()),
        (OTHERS.to_owned(), &[], DEVICES.to_owned()),
        (PASSWORD_PAGE.to_owned(), &new, PASSWORD_PAGE.to_owned()),
        (format!("{PASSWORD_PAGE}?next={activity}"), &new, format!("{PASSWORD_PAGE}?next={activity}")),
        ("/reauth".to_owned(), &proof, DEVICES.to_owned()),
        (format!("/reauth?next={activity}"), &proof, "/account/activity".to_owned()),
        ("/reauth?next=https%3A%2F%2Fevil.example".to_owned(), &proof, DEVICES.to_owned()),
    ] {
        let answer = browser.post(&path, &[fields, &[("csrf_token", token.as_str())]].concat());
        assert_eq!((answer.status, answer.set_cookies()), (403, vec![]), "{path}");
        let text = answer.text();
        for part in [
            "This form is no longer valid",
            "before this browser confirmed or changed your password, or signed in again",
            "You are still signed in, and nothing was changed",
            "Rajat Verma Sign out",
        ] {
            assert!(text.contains(part), "{path}: {part}: {text}");
        }
        let link = format!("<a class=\"button button-primary\" href=\"{back}\">Open the page again</a>");
        assert!(answer.body.contains(&link), "{path}: {}", answer.body);
        assert_eq!(browser.get(&back).status, 200, "{back}");
    }
    assert!(browser.is_signed_in() && phone.is_signed_in());
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303, "the password is the same");
    let causes = app.rows("security_events", "WHERE kind = 'form_refused'");
    assert!(causes.iter().all(|event| event["detail"]["cause"] == "former_sid"), "{causes:?}");
    assert_eq!(causes.len(), 1, "once per session and quarter of an hour");
    assert_eq!(browser.post_from(DEVICES, OTHERS, &[]).location(), DEVICES, "the page that was opened again works");
}

fn api_refuses_tokens_of_former_sids(engine: EngineKind) {
    let app = app_with_user(engine);
    let (mut browser, mut phone) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    let token = browser.get("/api/session").json()["csrf_token"].as_str().unwrap().to_owned();
    reauthenticate(&mut browser, "/reauth", PASSWORD);
    let refused = browser.send("POST", "/api/sessions/revoke-others", None, &[("x-csrf-token", &token)]);
    assert_eq!(refused.status, 403);
    assert!(refused.json()["detail"].as_str().unwrap().contains("It changes whenever the session’s cookie does."));
    assert!(phone.is_signed_in());
    assert_eq!(sign_out(&mut browser, &token).status, 303, "a program may sign out by the form, too");
    assert!(!browser.is_signed_in());
}
