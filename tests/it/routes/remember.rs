//! "Keep me signed in".

use std::time::Duration;

use crate::support::{Browser, EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    keeping_signed_in_gives_the_cookie_an_age_and_the_session_longer_limits,
    without_it_the_cookie_goes_with_the_browser,
    a_kept_session_ends_after_fourteen_idle_days,
    a_kept_session_ends_after_thirty_days_however_busy,
);

const DAY: Duration = Duration::from_secs(24 * 3600);
const SECOND: Duration = Duration::from_secs(1);

fn just_before(length: Duration) -> Duration {
    length.saturating_sub(SECOND)
}

fn keep_signed_in(app: &TestApp) -> Browser {
    app.add_user("rajat.verma@example.com");
    let mut browser = app.browser();
    let fields = [("email", "rajat.verma@example.com"), ("password", PASSWORD), ("remember", "on")];
    let answer = browser.post_from("/login", "/login", &fields);
    let cookies = answer.set_cookies();
    assert_eq!(cookies.len(), 1);
    assert!(cookies[0].ends_with("; Max-Age=2592000"), "{cookies:?}");
    browser
}

fn keeping_signed_in_gives_the_cookie_an_age_and_the_session_longer_limits(engine: EngineKind) {
    let app = TestApp::new(engine);
    let mut browser = keep_signed_in(&app);
    let session = &app.rows("sessions", "")[0];
    assert_eq!(session["remembered"], true);
    assert_eq!(session["expires_at"], "2026-02-27T11:50:14.000000Z");
    let data = &app.rows("user_sessions", "")[0];
    assert_eq!(data["expire"], "2026-02-11T11:50:14.000000Z");
    assert_eq!(data["sess"]["cookie"]["originalMaxAge"], 14 * 86_400_000);
    assert_eq!(data["sess"]["cookie"]["expires"], "2026-02-11T11:50:14.000Z");
    assert!(browser.get("/account/sessions").text().contains("Keep me signed in On"));
}

fn without_it_the_cookie_goes_with_the_browser(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    // Anything but the box's own value is not a wish.
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

fn a_kept_session_ends_after_fourteen_idle_days(engine: EngineKind) {
    let app = TestApp::new(engine);
    let mut browser = keep_signed_in(&app);
    app.advance(just_before(14 * DAY));
    assert!(browser.is_signed_in());
    app.advance(just_before(14 * DAY));
    assert!(browser.is_signed_in(), "activity moves the idle end on");
    let app = TestApp::new(engine);
    let mut browser = keep_signed_in(&app);
    app.advance(14 * DAY + SECOND);
    assert!(!browser.is_signed_in());
}

fn a_kept_session_ends_after_thirty_days_however_busy(engine: EngineKind) {
    let app = TestApp::new(engine);
    let mut browser = keep_signed_in(&app);
    for _ in 0..29 {
        app.advance(DAY);
        assert!(browser.is_signed_in());
    }
    app.advance(just_before(DAY));
    assert!(browser.is_signed_in());
    app.advance(2 * SECOND);
    assert!(!browser.is_signed_in());
}
