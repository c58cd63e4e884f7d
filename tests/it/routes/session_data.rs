//! Handlers of an embedding application that use actix-session's `Session` inside Keyrack's session layer.

use serde_json::{Value, json};

use crate::support::{Browser, EmbeddedApp, EngineKind, MemoryStore, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    data_set_by_one_request_is_read_by_the_next,
    concurrent_requests_keep_each_others_keys,
    changed_value_of_existing_key_is_saved,
    reading_data_writes_nothing,
    session_ended_during_request_stays_ended,
    handlers_cannot_write_reserved_keys,
    renew_keeps_session_with_new_sid,
    purge_signs_out,
    setting_data_without_session_returns_500,
    data_is_not_passed_on_to_another_user,
    outer_session_middleware_sees_no_session,
    outer_session_middleware_keeps_its_own_data,
    second_session_layer_does_nothing,
);

/// An embedding application, and a browser that is signed in to it.
fn start_embedded(engine: EngineKind) -> (TestApp, EmbeddedApp, Browser) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let embedded = EmbeddedApp::new(&app.keyrack);
    let browser = app.signed_in("rajat.verma@example.com").at(embedded.address);
    (app, embedded, browser)
}

fn stored_data(app: &TestApp) -> Value {
    app.rows("user_sessions", "")[0]["sess"].clone()
}

fn post(browser: &mut Browser, path: &str) -> u16 {
    let answer = browser.post(path, &[]);
    assert!(answer.status != 200 || answer.set_cookies().is_empty() || path == "/app/renew" || path == "/app/purge");
    answer.status
}

fn data_set_by_one_request_is_read_by_the_next(engine: EngineKind) {
    let (app, embedded, mut browser) = start_embedded(engine);
    let before = stored_data(&app);
    assert_eq!(post(&mut browser, "/app/set/theme/dark"), 200);
    let answer = browser.get("/app/data").json();
    assert_eq!((&answer["user"], &answer["keys"]["theme"]), (&"rajat.verma@example.com".into(), &"dark".into()));
    assert_eq!(answer["keys"]["email"], "rajat.verma@example.com");
    assert_eq!(answer["keys"].get("cookie"), None, "handlers do not see the cookie attributes");
    let mut expected = before;
    expected["theme"] = "dark".into();
    assert_eq!(stored_data(&app), expected, "the value is stored as JSON, and other keys are unchanged");
    assert_eq!(app.browser().at(embedded.address).get("/app/data").status, 303);
}

fn concurrent_requests_keep_each_others_keys(engine: EngineKind) {
    let (app, _embedded, mut browser) = start_embedded(engine);
    for round in 0..5 {
        post(&mut browser, "/app/set/old/1");
        let (mut first, mut second) = (browser.clone(), browser.clone());
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(post(&mut first, &format!("/app/set-together/a/{round}")), 200));
            scope.spawn(|| assert_eq!(post(&mut second, &format!("/app/set-together/b/{round}")), 200));
        });
        let both = stored_data(&app);
        assert_eq!((&both["a"], &both["b"]), (&json!(round.to_string()), &json!(round.to_string())));
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(post(&mut first, "/app/remove-together/old"), 200));
            scope.spawn(|| assert_eq!(post(&mut second, &format!("/app/set-together/c/{round}")), 200));
        });
        let both = stored_data(&app);
        assert_eq!(
            (both.get("old"), &both["c"], &both["a"]),
            (None, &json!(round.to_string()), &json!(round.to_string()))
        );
    }
}

fn changed_value_of_existing_key_is_saved(engine: EngineKind) {
    let (app, _embedded, mut browser) = start_embedded(engine);
    let sid = browser.sid();
    let counted = "UPDATE user_sessions SET sess = ";
    let with_count = stored_data(&app).as_object().cloned().map(|mut map| {
        map.insert("count".to_owned(), 1.into());
        Value::Object(map).to_string()
    });
    app.execute(&format!("{counted}'{}' WHERE sid = '{sid}'", with_count.unwrap()));
    assert_eq!(post(&mut browser, "/app/count"), 200);
    assert_eq!(post(&mut browser, "/app/count"), 200);
    assert_eq!(stored_data(&app)["count"], 3);
}

fn reading_data_writes_nothing(engine: EngineKind) {
    let (app, _embedded, mut browser) = start_embedded(engine);
    post(&mut browser, "/app/set/theme/dark");
    let before = (app.rows("sessions", ""), app.text("SELECT CAST(sess AS text) AS v FROM user_sessions"));
    for _ in 0..3 {
        assert_eq!(browser.get("/app/data").set_cookies(), Vec::<String>::new());
    }
    let after = (app.rows("sessions", ""), app.text("SELECT CAST(sess AS text) AS v FROM user_sessions"));
    assert_eq!(after, before);
}

fn session_ended_during_request_stays_ended(engine: EngineKind) {
    let (app, embedded, mut browser) = start_embedded(engine);
    let mut held = browser.clone();
    let answer = std::thread::scope(|scope| {
        let held = scope.spawn(|| held.post("/app/set-later/late/1", &[]));
        crate::support::wait(embedded.gates.arrived.notified());
        browser.sign_out();
        embedded.gates.released.notify_one();
        held.join().unwrap()
    });
    answer.assert_not_signed_in();
    assert!(answer.set_cookies().is_empty());
    assert_eq!((app.count("user_sessions", ""), app.count("sessions", "WHERE status = 'active'")), (0, 0));
    assert!(!held.is_signed_in());
}

fn handlers_cannot_write_reserved_keys(engine: EngineKind) {
    let (app, _embedded, mut browser) = start_embedded(engine);
    let before = stored_data(&app);
    for key in ["role", "email", "status", "userId", "cookie"] {
        let answer = browser.post(&format!("/app/set/{key}/admin"), &[]);
        assert_eq!((answer.status, answer.set_cookies()), (500, vec![]), "{key}");
    }
    assert_eq!(stored_data(&app), before);
    assert!(browser.is_signed_in());
}

fn renew_keeps_session_with_new_sid(engine: EngineKind) {
    let (app, _embedded, mut browser) = start_embedded(engine);
    post(&mut browser, "/app/set/theme/dark");
    let (mut old, id) = (browser.clone(), browser.session_id());
    assert_eq!(post(&mut browser, "/app/renew"), 200);
    assert_ne!(browser.sid(), old.sid());
    assert_eq!(browser.session_id(), id);
    assert!(!old.is_signed_in() && browser.is_signed_in());
    assert_eq!(browser.get("/app/data").json()["keys"]["theme"], "dark");
    assert_eq!((app.count("sessions", ""), app.count("user_sessions", "")), (1, 1));
}

fn purge_signs_out(engine: EngineKind) {
    let (app, _embedded, mut browser) = start_embedded(engine);
    let mut copy = browser.clone();
    assert_eq!(post(&mut browser, "/app/purge"), 200);
    assert!(!browser.cookies.contains_key("keyrack.sid"));
    assert!(!copy.is_signed_in());
    assert_eq!(app.rows("sessions", "")[0]["end_reason"], "signed_out");
    assert_eq!(app.count("user_sessions", ""), 0);
}

fn setting_data_without_session_returns_500(engine: EngineKind) {
    let (app, embedded, mut browser) = start_embedded(engine);
    let answer = app.browser().at(embedded.address).post("/open/theme/dark", &[]);
    assert_eq!((answer.status, answer.set_cookies()), (500, vec![]));
    assert_eq!((app.count("sessions", ""), app.count("user_sessions", "")), (1, 1));
    assert_eq!(post(&mut browser, "/open/theme/dark"), 200, "the same request with a session");
    assert_eq!(stored_data(&app)["theme"], "dark");
}

fn data_is_not_passed_on_to_another_user(engine: EngineKind) {
    let (app, _embedded, mut browser) = start_embedded(engine);
    app.add_user("ana@example.com");
    post(&mut browser, "/app/set/cart/a-gift-for-ana");
    let mut visitor = browser.clone();
    visitor.cookies.remove("keyrack.sid");
    let token = visitor.get("/login").csrf_token();
    browser.cookies.extend(visitor.cookies);
    let fields = [("email", "ana@example.com"), ("password", PASSWORD), ("csrf_token", token.as_str())];
    assert_eq!(browser.post("/login", &fields).status, 303);
    let data = browser.get("/app/data").json();
    assert_eq!((&data["user"], data["keys"].get("cart")), (&"ana@example.com".into(), None));
    assert_eq!(stored_data(&app).get("cart"), None);
    // Signing in again as the same user keeps the data.
    post(&mut browser, "/app/set/cart/mine");
    assert_eq!(browser.post("/login", &fields).status, 303);
    assert_eq!(browser.get("/app/data").json()["keys"]["cart"], "mine");
}

fn outer_session_middleware_sees_no_session(engine: EngineKind) {
    let (app, store) = (TestApp::new(engine), MemoryStore::default());
    app.add_user("rajat.verma@example.com");
    let embedded = EmbeddedApp::in_session_middleware(&app.keyrack, store.clone());
    let mut browser = app.browser().at(embedded.address);
    browser.sign_in("rajat.verma@example.com", PASSWORD);
    assert_eq!(post(&mut browser, "/app/set/theme/dark"), 200);
    assert_eq!(browser.get("/app/data").json()["keys"]["theme"], "dark");
    assert!(!store.text().contains("dark") && !store.text().contains("userId"), "{}", store.text());

    app.execute("UPDATE sessions SET status = 'logged_out'");
    browser.get("/app/data").assert_not_signed_in();
    browser.get("/account/sessions").assert_not_signed_in();
    assert_eq!(app.count("sessions", ""), 1, "no session starts from a copy of an ended one");
}

fn outer_session_middleware_keeps_its_own_data(engine: EngineKind) {
    let (app, store) = (TestApp::new(engine), MemoryStore::default());
    app.add_user("rajat.verma@example.com");
    let embedded = EmbeddedApp::in_session_middleware(&app.keyrack, store.clone());
    let mut browser = app.browser().at(embedded.address);
    assert_eq!(browser.post("/outer/basket/lamp", &[]).status, 200);
    browser.get("/account/sessions").assert_not_signed_in();
    browser.sign_in("rajat.verma@example.com", PASSWORD);
    assert_eq!(browser.get("/app/data").json()["keys"].get("basket"), None);
    assert!(store.text().contains("lamp"), "{}", store.text());
    assert_eq!(stored_data(&app).get("basket"), None);
}

fn second_session_layer_does_nothing(engine: EngineKind) {
    let (app, _embedded, mut browser) = start_embedded(engine);
    assert_eq!(post(&mut browser, "/app/twice/theme/dark"), 200);
    assert_eq!(browser.get("/app/data").json()["keys"]["theme"], "dark");
    assert_eq!(app.count("sessions", ""), 1);
}
