//! `GET /account/sessions`: the list of signed-in devices.

use std::time::Duration;

use crate::support::{Answer, EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    api_lists_pages_of_own_sessions,
    device_pages_have_fifty_each_and_this_device_first,
    device_page_with_invalid_cursor_is_the_first,
    equal_devices_have_buttons_with_different_names,
    sign_out_of_all_others_is_on_top_of_two_or_more,
    current_device_is_first_and_others_by_last_activity,
    devices_of_other_users_are_not_shown,
    only_device_sees_no_others_and_no_revoke_form,
    times_are_shown_in_words_and_exactly,
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

/// Adds `count` live sessions of this user, with the addresses 10.0.0.1, 10.0.0.2, …, the later the more recently active.
fn add_devices(app: &TestApp, user: &str, count: u32) {
    let sess = format!(r#"{{"cookie":{{}},"userId":"{user}","status":"login"}}"#);
    for number in 1..=count {
        let (at, end) = (app.clock.now() - MINUTE * (count - number + 10), app.clock.now() + MINUTE * 1000);
        app.execute(&format!(
            "INSERT INTO sessions (sid, user_id, ip_address, user_agent, expires_at, created_at, last_seen_at)
             VALUES ('device {number}', '{user}', '10.0.0.{number}', '{PHONE}', '{1}', '{0}', '{0}');
             INSERT INTO user_sessions (sid, sess, expire) VALUES ('device {number}', '{sess}', '{1}')",
            at.to_iso_micros(),
            end.to_iso_micros(),
        ));
    }
}

fn addresses(page: &Answer) -> Vec<u32> {
    let after = page.body.split("<bdi dir=\"ltr\">10.0.0.").skip(1);
    after.map(|text| text.split_once('<').unwrap().0.parse().unwrap()).collect()
}

fn link(page: &Answer, rel: &str) -> Option<String> {
    let (_, after) = page.body.split_once(&format!("rel=\"{rel}\" href=\""))?;
    Some(after.split_once('"').unwrap().0.replace("&#38;", "&"))
}

fn device_pages_have_fifty_each_and_this_device_first(engine: EngineKind) {
    let app = TestApp::new(engine);
    let user = app.add_user("rajat.verma@example.com").to_string();
    let mut browser = app.signed_in("rajat.verma@example.com");
    add_devices(&app, &user, 97);
    let first = browser.get("/account/sessions");
    assert!(first.text().contains("98 active sessions") && first.body.contains("id=\"this-device\""));
    // This device is the most recently active one, and one of the fifty.
    assert_eq!(addresses(&first), (49..=97).rev().collect::<Vec<_>>());
    assert_eq!(link(&first, "prev"), None);
    let second = browser.get(&link(&first, "next").unwrap());
    assert_eq!(addresses(&second), (1..=48).rev().collect::<Vec<_>>());
    assert!(!second.body.contains("id=\"this-device\""), "it is on the first page only");
    assert!(second.text().contains("98 active sessions") && second.text().contains("All 97 other devices"));
    assert_eq!((link(&second, "next"), link(&second, "prev")), (None, Some("/account/sessions".to_owned())));
}

fn device_page_with_invalid_cursor_is_the_first(engine: EngineKind) {
    let app = TestApp::new(engine);
    let user = app.add_user("rajat.verma@example.com").to_string();
    let mut browser = app.signed_in("rajat.verma@example.com");
    add_devices(&app, &user, 3);
    let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
    for after in ["", "x", "1.x", ".", "'%20OR%201=1", "%00", &format!("-1.{id}"), &format!("{}.{id}", i64::MAX)] {
        let page = browser.get(&format!("/account/sessions?after={after}"));
        assert_eq!((page.status, addresses(&page)), (200, vec![3, 2, 1]), "{after}");
        assert!(page.body.contains("This device"), "{after}");
    }
    // A valid place after which there is nothing.
    let page = browser.get(&format!("/account/sessions?after=0.{id}"));
    assert_eq!((page.status, addresses(&page)), (200, vec![]));
    assert!(page.text().contains("No more devices are signed in."), "{}", page.text());
    assert!(link(&page, "prev").is_some());
}

/// The id of the first session of the list that has a button.
fn first_revocable(page: &Answer) -> String {
    page.body.split_once("/revoke\"").unwrap().0.rsplit_once('/').unwrap().1.to_owned()
}

fn equal_devices_have_buttons_with_different_names(engine: EngineKind) {
    let app = TestApp::new(engine);
    let user = app.add_user("rajat.verma@example.com").to_string();
    let mut browser = app.signed_in("rajat.verma@example.com");
    add_devices(&app, &user, 3);
    let page = browser.get("/account/sessions");
    let names = |page: &Answer| {
        let buttons = page.body.split("type=\"submit\">Revoke<span class=\"visually-hidden\">").skip(1);
        buttons.map(|text| text.split_once('<').unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    for (name, number) in names(&page).iter().zip([3, 2, 1]) {
        assert!(name.starts_with(&format!(" Safari 18 on iOS 18.5, 10.0.0.{number}, ")), "{name}");
    }
    let path = first_revocable(&page);
    browser.post_from("/account/sessions", &format!("/account/sessions/{path}/revoke"), &[]);
    let page = browser.get("/account/sessions");
    let message = "Signed out Safari 18 on iOS 18.5 (10.0.0.3, signed in 10 minutes ago).";
    assert!(page.text().contains(message), "{}", page.text());
    // The name alone is enough for the last of them, and for its message.
    for _ in 0..2 {
        let path = first_revocable(&browser.get("/account/sessions"));
        browser.post_from("/account/sessions", &format!("/account/sessions/{path}/revoke"), &[]);
    }
    let page = browser.get("/account/sessions");
    assert!(page.text().contains("Signed out Safari 18 on iOS 18.5. "), "{}", page.text());
}

fn sign_out_of_all_others_is_on_top_of_two_or_more(engine: EngineKind) {
    let app = TestApp::new(engine);
    let user = app.add_user("rajat.verma@example.com").to_string();
    let mut browser = app.signed_in("rajat.verma@example.com");
    add_devices(&app, &user, 1);
    let button = "Sign out all other devices";
    let count = |page: &Answer| page.body.matches(button).count();
    assert_eq!(count(&browser.get("/account/sessions")), 1);
    app.execute("UPDATE sessions SET user_agent = 'curl/8.5.0' WHERE sid = 'device 1'");
    let other = app.signed_in("rajat.verma@example.com");
    let page = browser.get("/account/sessions");
    assert_eq!(count(&page), 2);
    assert!(page.body.find(button) < page.body.find("This device"), "one is above the list");
    drop(other);
}

fn api_lists_pages_of_own_sessions(engine: EngineKind) {
    let app = TestApp::new(engine);
    let user = app.add_user("rajat.verma@example.com").to_string();
    app.add_user("ana@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let id = browser.session_id();
    add_devices(&app, &user, 60);
    let mut ana = app.signed_in("ana@example.com");
    assert_eq!(ana.get("/api/sessions").json()["sessions"].as_array().unwrap().len(), 1);
    app.browser().get("/api/sessions").assert_not_signed_in();

    let first = browser.get("/api/sessions").json();
    let listed = first["sessions"].as_array().unwrap();
    assert_eq!((listed.len(), &first["count"]), (50, &61.into()));
    assert_eq!((&listed[0]["id"], &listed[0]["current"]), (&id.into(), &true.into()));
    assert_eq!(listed[0]["device"], "Firefox 140 on Linux");
    assert_eq!((&listed[1]["ip_address"], &listed[1]["current"]), (&"10.0.0.60".into(), &false.into()));
    assert_eq!((&listed[1]["kind"], &listed[1]["remembered"]), (&"phone".into(), &false.into()));
    let second = browser.get(first["next"].as_str().unwrap());
    assert!(!second.body.contains(&browser.sid()) && !second.body.contains("device 1"), "no sid is shown");
    let second = second.json();
    assert_eq!((second["sessions"].as_array().unwrap().len(), &second["next"]), (11, &serde_json::Value::Null));
    let invalid = browser.get("/api/sessions?after=1.x");
    assert_eq!((invalid.status, invalid.header("content-type")), (400, Some("application/problem+json")));
}
