//! The "Keep me signed in" checkbox.

use std::time::Duration;

use crate::support::{Browser, EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    remembered_session_has_cookie_max_age_and_longer_limits,
    session_cookie_has_no_max_age_unless_remembered,
    remembered_session_ends_after_14_idle_days,
    remembered_session_ends_after_30_days_despite_activity,
);

const DAY: Duration = Duration::from_secs(24 * 3600);
const SECOND: Duration = Duration::from_secs(1);

fn just_before(length: Duration) -> Duration {
    length.saturating_sub(SECOND)
}

fn sign_in_remembered(app: &TestApp) -> Browser {
    app.add_user("rajat.verma@example.com");
    let mut browser = app.browser();
    let fields = [("email", "rajat.verma@example.com"), ("password", PASSWORD), ("remember", "on")];
    let answer = browser.post_from("/login", "/login", &fields);
    let cookies = answer.set_cookies();
    let of_session: Vec<_> = cookies.iter().filter(|cookie| cookie.starts_with("keyrack.sid=")).collect();
    assert_eq!(of_session.len(), 1, "{cookies:?}");
    assert!(of_session[0].ends_with("; Max-Age=2592000"), "{cookies:?}");
    browser
}

fn remembered_session_has_cookie_max_age_and_longer_limits(engine: EngineKind) {
    let app = TestApp::new(engine);
    let mut browser = sign_in_remembered(&app);
    let session = &app.rows("sessions", "")[0];
    assert_eq!(session["remembered"], true);
    assert_eq!(session["expires_at"], "2026-02-27T11:50:14.000000Z");
    let data = &app.rows("user_sessions", "")[0];
    assert_eq!(data["expire"], "2026-02-11T11:50:14.000000Z");
    assert_eq!(data["sess"]["cookie"]["originalMaxAge"], 14 * 86_400_000);
    assert_eq!(data["sess"]["cookie"]["expires"], "2026-02-11T11:50:14.000Z");
    assert!(browser.get("/account/sessions").text().contains("Keep me signed in On"));
}

fn session_cookie_has_no_max_age_unless_remembered(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    // Only the value of the checkbox counts.
    for remember in ["", "off", "true", "ON"] {
        let fields = [("email", "rajat.verma@example.com"), ("password", PASSWORD), ("remember", remember)];
        let answer = app.browser().post_from("/login", "/login", &fields);
        assert_eq!(answer.status, 303);
        assert!(!answer.set_cookies()[0].contains("Max-Age"), "{:?}", answer.set_cookies());
    }
    assert_eq!(app.count("sessions", "WHERE NOT remembered"), 4);
    let session = &app.rows("sessions", "LIMIT 1")[0];
    assert_eq!(session["expires_at"], "2026-01-29T11:50:14.000000Z");
    assert_eq!(app.rows("user_sessions", "LIMIT 1")[0]["sess"]["cookie"]["originalMaxAge"], 86_400_000);
}

fn remembered_session_ends_after_14_idle_days(engine: EngineKind) {
    let app = TestApp::new(engine);
    let mut browser = sign_in_remembered(&app);
    app.advance(just_before(14 * DAY));
    assert!(browser.is_signed_in());
    app.advance(just_before(14 * DAY));
    assert!(browser.is_signed_in(), "activity postpones the idle timeout");
    let app = TestApp::new(engine);
    let mut browser = sign_in_remembered(&app);
    app.advance(14 * DAY + SECOND);
    assert!(!browser.is_signed_in());
}

fn remembered_session_ends_after_30_days_despite_activity(engine: EngineKind) {
    let app = TestApp::new(engine);
    let mut browser = sign_in_remembered(&app);
    for _ in 0..29 {
        app.advance(DAY);
        assert!(browser.is_signed_in());
    }
    app.advance(just_before(DAY));
    assert!(browser.is_signed_in());
    app.advance(2 * SECOND);
    assert!(!browser.is_signed_in());
}
