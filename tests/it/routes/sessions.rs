//! `GET /account/sessions`: the list of signed-in devices.

use std::time::Duration;

use crate::support::{EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    current_device_is_first_and_others_by_last_activity,
    devices_of_other_users_are_not_shown,
    only_device_sees_no_others_and_no_revoke_form,
    times_are_shown_in_words_and_exactly,
    every_signed_in_page_has_sign_out_form,
    sid_outside_a_signed_cookie_does_not_sign_in,
);

const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                     Version/18.5 Mobile/15E148 Safari/604.1";
const MINUTE: Duration = Duration::from_secs(60);

fn current_device_is_first_and_others_by_last_activity(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut ids = Vec::new();
    let mut browsers: Vec<_> = (0..4).map(|_| app.signed_in("rajat.verma@example.com")).collect();
    for browser in &mut browsers {
        app.advance(5 * MINUTE);
        ids.push(browser.session_id());
    }
    app.advance(5 * MINUTE);
    // The least recently active device requests the page, and is still listed first.
    let page = browsers[0].get("/account/sessions");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("4 active sessions"), "{}", page.text());
    let places = ids.iter().map(|id| page.body.find(&format!("/account/sessions/{id}/revoke")));
    let places: Vec<_> = places.collect();
    assert_eq!(places[0], None, "the current device has no Revoke form");
    assert!(page.body.find("This device") < places[3]);
    assert!(places[3] < places[2] && places[2] < places[1], "{places:?}");
}

fn devices_of_other_users_are_not_shown(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    app.add_user("ana@example.com");
    let mut ended = app.browser().with_header("user-agent", PHONE);
    ended.sign_in("rajat.verma@example.com", PASSWORD);
    ended.sign_out();
    let mut phone = app.browser().with_header("user-agent", PHONE);
    phone.sign_in("rajat.verma@example.com", PASSWORD);
    let id = phone.session_id();
    let mut ana = app.signed_in("ana@example.com");
    for path in ["/account/sessions", "/account/sessions?show=ended"] {
        let page = ana.get(path);
        assert_eq!(page.status, 200);
        for text in ["iPhone", id.as_str(), "rajat"] {
            assert!(!page.body.contains(text), "{path}: {text}");
        }
    }
    let mut rajat = app.signed_in("rajat.verma@example.com");
    assert!(rajat.get("/account/sessions").text().contains("Safari 18 on iOS"), "the owner sees both sessions");
    assert!(rajat.get("/account/sessions?show=ended").text().contains("Safari 18 on iOS"));
}

fn only_device_sees_no_others_and_no_revoke_form(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let page = app.signed_in("rajat.verma@example.com").get("/account/sessions");
    let text = page.text();
    assert!(text.contains("1 active session ") && text.contains("No other devices are signed in."), "{text}");
    assert!(!page.body.contains("revoke\"") && !page.body.contains("revoke-others"), "{}", page.body);
}

fn times_are_shown_in_words_and_exactly(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    app.signed_in("rajat.verma@example.com");
    app.advance(5 * MINUTE);
    let mut browser = app.signed_in("rajat.verma@example.com");
    app.advance(50 * MINUTE);
    let page = browser.get("/account/sessions");
    let text = page.text();
    for words in
        ["Active 55 minutes ago", "Signed in 55 minutes ago", "Expires in 23 hours", "28 January 2026, 11:50 UTC"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(page.body.contains("<time datetime=\"2026-01-28T11:50:14.000Z\" title=\"28 January 2026, 11:50 UTC\">"));
    // Activity is recorded once a minute, so anything under three minutes counts as now.
    app.advance(2 * MINUTE);
    assert!(app.signed_in("rajat.verma@example.com").get("/account/sessions").text().contains("Active now"));
}

fn every_signed_in_page_has_sign_out_form(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    for path in ["/account/sessions", "/account/sessions?show=ended", "/account/sessions?show=ended&after=x"] {
        let page = browser.get(path);
        assert_eq!(page.status, 200, "{path}");
        assert!(page.body.contains("method=\"post\" action=\"/logout\""), "{path}");
        let mut leaving = app.signed_in("rajat.verma@example.com");
        let answer = leaving.post_from(path, "/logout", &[]);
        assert_eq!((answer.status, answer.location()), (303, "/login"), "{path}");
    }
}

fn sid_outside_a_signed_cookie_does_not_sign_in(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let sid = app.signed_in("rajat.verma@example.com").sid();
    // A sid in a URL or in a bearer token is ignored (ASVS 7.2.2).
    let mut browser = app.browser();
    for path in [format!("/account/sessions?sid={sid}"), format!("/account/sessions;keyrack.sid={sid}")] {
        let answer = browser.get(&path);
        assert!(answer.status == 303 || answer.status == 404, "{path}: {}", answer.status);
    }
    for value in [format!("Bearer {sid}"), format!("Basic {sid}")] {
        browser.send("GET", "/api/session", None, &[("authorization", &value)]).assert_not_signed_in();
        browser.send("GET", "/account/sessions", None, &[("authorization", &value)]).assert_not_signed_in();
    }
    let mut unsigned = app.browser().with_cookie("keyrack.sid", &sid);
    assert!(!unsigned.is_signed_in());
}
