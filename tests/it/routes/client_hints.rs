//! Client hints: asked for on the form that signs in, stored with the session, shown as far as they agree with the user
//! agent.

use crate::support::{Browser, EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    sign_in_form_asks_for_client_hints,
    client_hints_are_stored_and_shown,
    client_hints_survive_a_new_sid,
    next_sign_in_replaces_the_client_hints,
    hostile_client_hints_are_bounded,
);

const EMAIL: &str = "rajat.verma@example.com";
const PHONE: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Mobile \
                     Safari/537.36";
const STORED: &str = r#"platform="Android", platform-version="16.0.0", model="Pixel 9 Pro", mobile=?1, form-factors=("Mobile"), brands=("Chromium";v="148.0.7778.96" "Google Chrome";v="148.0.7778.96")"#;

/// A phone that sends the hints.
fn pixel(app: &TestApp) -> Browser {
    let full = r#""Chromium";v="148.0.7778.96", "Google Chrome";v="148.0.7778.96", "Not/A)Brand";v="99.0.0.0""#;
    app.browser()
        .with_header("user-agent", PHONE)
        .with_header("sec-ch-ua", r#""Chromium";v="148", "Google Chrome";v="148", "Not/A)Brand";v="99""#)
        .with_header("sec-ch-ua-full-version-list", full)
        .with_header("sec-ch-ua-mobile", "?1")
        .with_header("sec-ch-ua-platform", "\"Android\"")
        .with_header("sec-ch-ua-platform-version", "\"16.0.0\"")
        .with_header("sec-ch-ua-model", "\"Pixel 9 Pro\"")
        .with_header("sec-ch-ua-form-factors", "\"Mobile\"")
}

fn stored(app: &TestApp) -> String {
    app.text("SELECT COALESCE(client_hints, '-') AS v FROM sessions WHERE user_agent LIKE '%Android%'")
}

fn sign_in_form_asks_for_client_hints(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut browser = app.browser();
    let asks = |answer: &crate::support::Answer| {
        let asked = answer.headers.get("accept-ch").map(|value| value.to_str().unwrap().to_owned());
        asked.is_some_and(|asked| asked.contains("Sec-CH-UA-Platform-Version") && asked.contains("Sec-CH-UA-Model"))
    };
    assert!(asks(&browser.get("/login")));
    assert!(asks(&browser.sign_in(EMAIL, "not the password at all")));
    assert!(!asks(&browser.sign_in(EMAIL, PASSWORD)));
    assert!(!asks(&browser.get("/account/sessions")));
}

fn client_hints_are_stored_and_shown(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut phone = pixel(&app);
    assert_eq!(phone.sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(stored(&app), STORED);

    let list = phone.get("/account/sessions").body;
    assert!(list.contains("Chrome 148 on Android 16 (Pixel 9 Pro)"), "{list}");
    let id = app.text("SELECT CAST(id AS text) AS v FROM sessions");
    let page = phone.get(&format!("/account/sessions/{id}")).body;
    for fact in ["<dt>Model</dt><dd>Pixel 9 Pro</dd>", "<dd>148.0.7778.96</dd>", "<dd>16.0.0</dd>"] {
        assert!(page.contains(fact), "{fact} in {page}");
    }
    let listed: serde_json::Value = serde_json::from_str(&phone.get("/api/sessions").body).unwrap();
    let session = &listed["sessions"][0];
    assert_eq!((session["kind"].as_str(), session["model"].as_str()), (Some("phone"), Some("Pixel 9 Pro")));

    // A browser that lies about one of the two.
    app.execute(r#"UPDATE sessions SET client_hints = 'platform="Windows", platform-version="19.0.0"'"#);
    let list = phone.get("/account/sessions").body;
    assert!(list.contains("Chrome 148 on Android") && !list.contains("Windows"), "{list}");
}

fn client_hints_survive_a_new_sid(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut phone = pixel(&app);
    phone.sign_in(EMAIL, PASSWORD);
    let sid = || app.text("SELECT sid AS v FROM sessions WHERE status = 'active'");
    let before = sid();
    let fields = [("password", PASSWORD), ("next", "/account/sessions")];
    let proved = phone.post_from("/reauth", "/reauth", &fields);
    assert_eq!(proved.status, 303, "{}", proved.body);
    assert_ne!(sid(), before);
    assert_eq!(stored(&app), STORED);
}

fn next_sign_in_replaces_the_client_hints(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut phone = pixel(&app);
    phone.sign_in(EMAIL, PASSWORD);
    let form = phone.get("/login");
    assert_eq!(form.status, 303, "the browser is signed in");
    // The browser has lost its session's cookie; its account still knows it.
    phone.cookies.retain(|name, _| !name.contains("sid"));
    // Not at the same moment, as in another tab.
    app.advance(std::time::Duration::from_secs(6));
    let mut updated = phone.with_header("sec-ch-ua-platform-version", "\"17.0.0\"");
    assert_eq!(updated.sign_in(EMAIL, PASSWORD).status, 303);
    let texts = app.text("SELECT MAX(client_hints) AS v FROM sessions WHERE status = 'active'");
    assert_eq!(texts, STORED.replace("16.0.0", "17.0.0"));
}

fn hostile_client_hints_are_bounded(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let long = format!("\"{}\"", "\\\"".repeat(64));
    let mut phone = pixel(&app)
        .with_header("sec-ch-ua-model", &long)
        .with_header("sec-ch-ua-platform-version", &long)
        .with_header("sec-ch-ua-form-factors", &[long.as_str(); 3].join(", "))
        .with_header("sec-ch-ua-full-version-list", &"\"<script>\";v=\"1\", ".repeat(20));
    assert_eq!(phone.sign_in(EMAIL, PASSWORD).status, 303);
    let text = stored(&app);
    assert!(text.len() <= 512 && text.starts_with("platform=\"Android\""), "{text}");
    let list = phone.get("/account/sessions").body;
    assert!(list.contains("Chrome 148 on Android<") && !list.contains("<script>\""), "{list}");

    let mut other = pixel(&app).with_header("sec-ch-ua-platform", "\"Android").with_header("user-agent", "curl/8.5.0");
    assert_eq!(other.sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(app.count("sessions", "WHERE client_hints IS NULL"), 1);
}
