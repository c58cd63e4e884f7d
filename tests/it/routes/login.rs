//! `/login`

use crate::support::{EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(signing_in_leads_to_the_devices, looking_writes_no_row);

fn signing_in_leads_to_the_devices(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.browser();
    let answer = browser.sign_in("Rajat.Verma@Example.com", PASSWORD);
    assert_eq!((answer.status, answer.location()), (303, "/account/sessions"));
    assert!(browser.get("/account/sessions").body.contains("Firefox 140 on Linux"));
    assert!(browser.is_signed_in());
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 1);
    assert_eq!(app.count("user_sessions", ""), 1);
}

fn looking_writes_no_row(engine: EngineKind) {
    let app = TestApp::new(engine);
    let mut browser = app.browser();
    for path in ["/login", "/", "/account/sessions", "/api/session", "/nowhere", "/healthz", "/readyz"] {
        browser.get(path);
    }
    assert_eq!((app.count("sessions", ""), app.count("user_sessions", "")), (0, 0));
}
