//! Forms of signed-in pages that are sent once the session is over: the sign-in leads back to them

use std::time::Duration;

use super::reauth::EMAIL;
use crate::support::{Answer, Browser, EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    form_sent_after_expiry_leads_back_to_its_page,
    page_after_sign_in_says_that_nothing_was_changed,
    notice_needs_no_session_cookie,
    notice_is_left_out_where_no_form_was_lost,
    notice_expires,
    nothing_that_was_typed_is_repeated,
);

const DEVICES: &str = "/account/sessions";
const PASSWORD_PAGE: &str = "/account/password";
const DAY: Duration = Duration::from_secs(24 * 3600);
const SAID_AT_SIGN_IN: &str = "You were no longer signed in when you sent the form, so nothing was changed.";
const SAID_AFTER: &str = "You were no longer signed in when you sent the last form, so nothing was changed.";

/// A browser whose session has expired while a form was open, with the form's token.
fn expired(engine: EngineKind) -> (TestApp, Browser, String) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let token = browser.get(PASSWORD_PAGE).csrf_token();
    app.advance(2 * DAY);
    (app, browser, token)
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Follows the redirect to the sign-in form, and sends it as a person would.
fn sign_in_from(browser: &mut Browser, answer: &Answer) -> Answer {
    let form = browser.get(answer.location());
    assert_eq!(form.status, 200, "{}", form.body);
    let next = form.between("name=\"next\" value=\"", "\"").replace("&#38;", "&");
    let fields = [("email", EMAIL), ("password", PASSWORD), ("next", &next), ("csrf_token", &form.csrf_token())];
    browser.post("/login", &fields)
}

fn form_sent_after_expiry_leads_back_to_its_page(engine: EngineKind) {
    let (app, browser, token) = expired(engine);
    let long = "x".repeat(5000);
    for (path, page) in [
        (PASSWORD_PAGE, PASSWORD_PAGE),
        ("/account/password?next=%2Faccount%2Factivity", "/account/password?next=%2Faccount%2Factivity"),
        ("/reauth", DEVICES),
        ("/reauth?next=%2Faccount%2Factivity", "/account/activity"),
        ("/reauth?next=%2F%2Fevil.example", DEVICES),
        ("/reauth?next=%2Flogout", DEVICES),
        ("/account/sessions/revoke-others", DEVICES),
        ("/account/sessions/0f8fad5b-d9cb-469f-a165-70867728950e/revoke", DEVICES),
    ] {
        for fields in [&[("csrf_token", token.as_str())][..], &[], &[("password", long.as_str())]] {
            let mut browser = browser.clone();
            let answer = browser.post(path, fields);
            assert_eq!((answer.status, answer.location()), (303, format!("/login?next={}", encoded(page)).as_str()));
            let signed_in = sign_in_from(&mut browser, &answer);
            assert_eq!((signed_in.status, signed_in.location()), (303, page), "{path}");
            assert_eq!(browser.get(page).status, 200, "{page}");
        }
    }
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303, "the password is the same");
}

fn page_after_sign_in_says_that_nothing_was_changed(engine: EngineKind) {
    let new = "five herons by the weir";
    for path in [PASSWORD_PAGE, "/reauth", "/account/sessions/revoke-others"] {
        let (app, mut browser, token) = expired(engine);
        let fields = [("current_password", PASSWORD), ("password", new), ("password_again", new)];
        let answer = browser.post(path, &[&fields[..], &[("csrf_token", &token)]].concat());
        let form = browser.get(answer.location());
        let text = form.text();
        assert!(text.contains("Nothing that was done on it after that has taken effect."), "{path}: {text}");
        let page = sign_in_from(&mut browser, &answer).location().to_owned();
        let shown = browser.get(&page);
        assert!(shown.text().contains(SAID_AFTER), "{path}: {}", shown.text());
        assert!(shown.body.contains("class=\"message message-error\" role=\"alert\""), "it is no success");
        assert!(!browser.get(&page).text().contains(SAID_AFTER), "it is said once");
        assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303);
    }
}

/// The browser has deleted the cookie, as its time was over.
fn notice_needs_no_session_cookie(engine: EngineKind) {
    let (_app, mut browser, token) = expired(engine);
    browser.cookies.remove("keyrack.sid");
    let answer = browser.post(PASSWORD_PAGE, &[("csrf_token", &token)]);
    assert_eq!(answer.location(), "/login?next=%2Faccount%2Fpassword");
    assert!(browser.get(answer.location()).text().contains(SAID_AT_SIGN_IN));
    assert_eq!(sign_in_from(&mut browser, &answer).location(), PASSWORD_PAGE);
    assert!(browser.get(PASSWORD_PAGE).text().contains(SAID_AFTER));
}

fn notice_is_left_out_where_no_form_was_lost(engine: EngineKind) {
    let (app, browser, token) = expired(engine);
    let form: &[(&str, &str)] = &[("csrf_token", &token)];
    let from_elsewhere = [("sec-fetch-site", "cross-site")];
    let from_evil = [("origin", "https://evil.example")];
    let cases = [
        ("POST", PASSWORD_PAGE, &from_elsewhere[..]),
        ("POST", PASSWORD_PAGE, &from_evil),
        ("POST", "/logout", &[]),
        ("POST", "/api/sessions/revoke-others", &[]),
        ("DELETE", "/api/sessions/0f8fad5b-d9cb-469f-a165-70867728950e", &[]),
        ("GET", PASSWORD_PAGE, &[]),
        ("GET", "/account/activity", &[]),
    ];
    for (method, path, headers) in cases {
        let answer = browser.clone().send(method, path, (method == "POST").then_some(form), headers);
        assert!([303, 401].contains(&answer.status), "{method} {path}: {}", answer.status);
        assert_eq!(answer.set_cookies(), [""; 0], "{method} {path} {headers:?}");
    }
    let mut signed_in = app.signed_in(EMAIL);
    assert!(!signed_in.get(PASSWORD_PAGE).text().contains(SAID_AFTER));
}

fn notice_expires(engine: EngineKind) {
    let (app, mut browser, token) = expired(engine);
    let answer = browser.post(PASSWORD_PAGE, &[("csrf_token", &token)]);
    app.advance(Duration::from_secs(10 * 60));
    sign_in_from(&mut browser, &answer);
    assert!(!browser.get(PASSWORD_PAGE).text().contains(SAID_AFTER));
    let forged = app.signed_in(EMAIL).with_cookie("keyrack.done", "unmade.99999999999999999.AAAA").get(PASSWORD_PAGE);
    assert!(!forged.text().contains(SAID_AFTER));
}

fn nothing_that_was_typed_is_repeated(engine: EngineKind) {
    let (_app, mut browser, token) = expired(engine);
    let typed = "seventeen green typed teapots";
    for path in [PASSWORD_PAGE, "/reauth", "/account/sessions/revoke-others"] {
        let fields = [("password", typed), ("next", typed), ("change", typed), ("csrf_token", &token)];
        let answer = browser.post(path, &fields);
        let page = browser.get(answer.location());
        for text in [answer.location(), &answer.body, &page.body, &answer.set_cookies().concat()] {
            assert!(!text.contains("teapots") && !text.contains(&token), "{path}: {text}");
        }
    }
}
