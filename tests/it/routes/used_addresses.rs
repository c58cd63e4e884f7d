//! The addresses that a session was used from.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Browser, EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    move_to_another_network_is_recorded_with_both_times,
    activity_within_a_network_records_no_address,
    many_sessions_move_in_one_batch,
    open_page_in_the_background_is_no_use,
    continued_session_keeps_the_address_before,
    event_tells_of_another_device_with_the_same_cookie,
    unreadable_addresses_hide_nothing_else,
);

const EMAIL: &str = "rajat.verma@example.com";
const LIST: &str = "/account/sessions";
const MINUTE: Duration = Duration::from_secs(60);
const PHONE: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 \
                     Mobile Safari/537.36";
const LAPTOP: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const NEWER_LAPTOP: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0";

fn app_with_user(engine: EngineKind) -> TestApp {
    let app = TestApp::with(engine, |config| config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    app.add_user(EMAIL);
    app
}

fn go_to(browser: &mut Browser, address: &str) {
    browser.headers.retain(|(name, _)| name != "x-forwarded-for");
    browser.headers.push(("x-forwarded-for".to_owned(), address.to_owned()));
}

fn signed_in_from(app: &TestApp, address: &str) -> Browser {
    let mut browser = app.browser();
    go_to(&mut browser, address);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    browser
}

/// Uses the session from this address, five minutes later.
fn use_from(app: &TestApp, browser: &mut Browser, address: &str) {
    app.advance(5 * MINUTE);
    go_to(browser, address);
    assert!(browser.is_signed_in());
    app.record_activity();
}

fn addresses(app: &TestApp, browser: &mut Browser) -> Value {
    let row = &app.rows("sessions", &format!("WHERE id = '{}'", browser.session_id()))[0];
    row["addresses"].as_str().map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

fn at(minute: u8) -> String {
    format!("2026-01-28T11:{minute}:14.000000Z")
}

fn move_to_another_network_is_recorded_with_both_times(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = signed_in_from(&app, "192.0.2.7");
    use_from(&app, &mut browser, "198.51.100.9");
    let expected = json!([
        { "ip_address": "198.51.100.9", "first_seen_at": at(55), "last_seen_at": at(55) },
        { "ip_address": "192.0.2.7", "first_seen_at": at(50), "last_seen_at": at(50) },
    ]);
    assert_eq!(addresses(&app, &mut browser), expected);
    let row = &app.rows("sessions", "")[0];
    assert_eq!((&row["ip_address"], &row["last_ip_address"]), (&json!("192.0.2.7"), &json!("198.51.100.9")));
    let listed = &browser.get("/api/sessions").json()["sessions"][0];
    assert_eq!((&listed["ip_address"], &listed["last_ip_address"]), (&json!("192.0.2.7"), &json!("198.51.100.9")));

    let mut other = app.signed_in(EMAIL);
    let row = other.get(LIST).between("id=\"other-devices\"", "<details");
    assert!(row.contains("Active now") && row.contains("198.51.100.9") && row.contains("192.0.2.7"), "{row}");
    let id = browser.session_id();
    let page = other.get(&format!("{LIST}/{id}")).between("id=\"addresses\"", "</section>");
    assert_eq!(page.matches("<li").count(), 2);
    assert!(page.contains("28 January 2026, 11:55 UTC"), "{page}");

    use_from(&app, &mut browser, "192.0.2.7");
    let used = addresses(&app, &mut browser);
    assert_eq!(
        used[0],
        json!({ "ip_address": "192.0.2.7", "first_seen_at": at(50), "last_seen_at": "2026-01-28T12:00:14.000000Z" })
    );
    assert_eq!(used.as_array().unwrap().len(), 2);
    let answer = other.post_from(LIST, &format!("{LIST}/{id}/report"), &[]);
    assert_eq!(answer.status, 303);
    let reported = other.get(answer.location()).between("id=\"addresses\"", "</section>");
    assert!(reported.contains("198.51.100.9"), "the owner sees where a stranger was: {reported}");
}

fn activity_within_a_network_records_no_address(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = signed_in_from(&app, "2001:db8:1:2::1");
    use_from(&app, &mut browser, "2001:db8:1:2:ffff::2");
    use_from(&app, &mut browser, "2001:db8:1:2::1");
    assert_eq!(addresses(&app, &mut browser), Value::Null);
    assert_eq!(app.rows("sessions", "")[0]["last_ip_address"], Value::Null);
    let page = browser.get(LIST);
    assert!(!page.body.contains("ffff::2"), "{}", page.body);
    let id = browser.session_id();
    assert!(!browser.get(&format!("{LIST}/{id}")).body.contains("id=\"addresses\""), "one address needs no list");
    use_from(&app, &mut browser, "2001:db8:1:3::1");
    assert_eq!(addresses(&app, &mut browser)[0]["ip_address"], "2001:db8:1:3::1");
}

fn many_sessions_move_in_one_batch(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browsers: Vec<Browser> = (0..6).map(|_| signed_in_from(&app, "192.0.2.7")).collect();
    app.advance(5 * MINUTE);
    for (number, browser) in browsers.iter_mut().enumerate() {
        if number % 2 == 1 {
            go_to(browser, &format!("198.51.100.{number}"));
        }
        assert!(browser.is_signed_in());
    }
    app.record_activity();
    for (number, browser) in browsers.iter_mut().enumerate() {
        let used = addresses(&app, browser);
        if number % 2 == 1 {
            assert_eq!(used[0]["ip_address"], format!("198.51.100.{number}"));
        } else {
            assert_eq!(used, Value::Null);
        }
    }
    assert_eq!(app.count("sessions", &format!("WHERE last_seen_at >= '{}'", at(55))), 6);
}

fn open_page_in_the_background_is_no_use(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = signed_in_from(&app, "192.0.2.7");
    app.advance(5 * MINUTE);
    let mut background = browser.clone().with_header("keyrack-background", "1");
    go_to(&mut background, "198.51.100.9");
    assert_eq!(background.get(LIST).status, 200);
    app.record_activity();
    assert_eq!(addresses(&app, &mut browser), Value::Null);
}

/// The same browser, closed and opened again, signs in.
fn continued(browser: &Browser, address: &str, user_agent: &str) -> Browser {
    let mut browser = browser.clone();
    browser.cookies.remove("keyrack.sid").expect("it was signed in");
    browser.headers.retain(|(name, _)| name != "user-agent");
    browser = browser.with_header("user-agent", user_agent);
    go_to(&mut browser, address);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    browser
}

fn latest_sign_in(app: &TestApp) -> Value {
    app.rows("security_events", "WHERE kind = 'signed_in' ORDER BY id DESC")[0]["detail"].clone()
}

fn continued_session_keeps_the_address_before(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = app.browser().with_header("user-agent", LAPTOP);
    go_to(&mut browser, "192.0.2.7");
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    use_from(&app, &mut browser, "192.0.2.7");
    let id = browser.session_id();
    app.advance(4 * MINUTE);
    let mut thief = continued(&browser, "203.0.113.66", LAPTOP);
    assert_eq!(thief.session_id(), id);
    let expected = json!([
        { "ip_address": "203.0.113.66", "first_seen_at": at(59), "last_seen_at": at(59) },
        { "ip_address": "192.0.2.7", "first_seen_at": at(50), "last_seen_at": at(55) },
    ]);
    assert_eq!(addresses(&app, &mut thief), expected);
    let row = &app.rows("sessions", "")[0];
    assert_eq!((&row["ip_address"], &row["last_ip_address"]), (&json!("203.0.113.66"), &Value::Null));
    let detail = latest_sign_in(&app);
    assert_eq!((&detail["device"], &detail["elsewhere"]), (&json!("Firefox 140 on Linux"), &json!("address")));
    let activity = thief.get("/account/activity");
    assert!(activity.body.contains("Signed in again, from another address than before"), "{}", activity.body);
    assert!(!activity.body.contains("event-alert"), "commuters change their network each day");
    continued(&thief, "203.0.113.66", NEWER_LAPTOP);
    let detail = latest_sign_in(&app);
    assert_eq!(detail, json!({ "authorised_by": "password", "again": true, "device": "Firefox 142 on Linux" }));
}

/// The browser's own cookie counts on one device only; that of the session continues it anywhere.
fn event_tells_of_another_device_with_the_same_cookie(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = app.browser().with_header("user-agent", LAPTOP);
    go_to(&mut browser, "192.0.2.7");
    let token = browser.get("/login").csrf_token();
    let fields = [("email", EMAIL), ("password", PASSWORD), ("csrf_token", &*token)];
    assert_eq!(browser.post("/login", &fields).status, 303);
    let id = browser.session_id();
    app.advance(MINUTE);
    let mut thief = browser.with_header("user-agent", PHONE);
    assert_eq!(thief.post("/login", &fields).status, 303);
    assert_eq!(thief.session_id(), id);
    assert_eq!(latest_sign_in(&app)["elsewhere"], "device");
    let activity = thief.get("/account/activity");
    let text = "Signed in again, on another device than before: Chrome 148 on Android";
    assert!(activity.body.contains(text) && activity.body.contains("event-alert"), "{}", activity.body);
}

fn unreadable_addresses_hide_nothing_else(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = signed_in_from(&app, "192.0.2.7");
    let id = browser.session_id();
    app.execute("UPDATE sessions SET addresses = '{\"not\": \"ours\"', last_ip_address = 'somewhere'");
    let page = browser.get(&format!("{LIST}/{id}"));
    assert!(page.status == 200 && page.body.contains("192.0.2.7"), "{}", page.body);
    assert!(browser.get(LIST).body.contains("<bdi dir=\"ltr\">somewhere</bdi>"));
    use_from(&app, &mut browser, "198.51.100.9");
    assert_eq!(addresses(&app, &mut browser)[0]["ip_address"], "198.51.100.9");
}
