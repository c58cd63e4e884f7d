//! V7.3: idle and absolute timeout

use std::time::Duration;

use super::EMAIL;
use crate::support::{EngineKind, TestApp, on_both_engines, wait_until};

on_both_engines!(
    asvs_7_3_1_session_ends_after_idle_timeout,
    asvs_7_3_2_session_ends_at_absolute_timeout_despite_activity,
    asvs_7_3_2_expired_session_is_neither_listed_nor_revived,
);

const SECOND: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_secs(3600);
const ABSOLUTE: Duration = Duration::from_secs(2 * 3600);

fn app_with_user(engine: EngineKind) -> TestApp {
    let app = TestApp::with(engine, |config| {
        config.policy.timeouts.idle = IDLE;
        config.policy.timeouts.absolute = ABSOLUTE;
    });
    app.add_user(EMAIL);
    app
}

fn asvs_7_3_1_session_ends_after_idle_timeout(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut active = app.signed_in(EMAIL);
    let mut idle = app.signed_in(EMAIL);
    app.advance(IDLE.saturating_sub(SECOND));
    assert!(active.is_signed_in());
    // The activity is written a moment after the answer.
    wait_until(|| app.count("sessions", "WHERE last_seen_at > created_at") == 1);
    app.advance(2 * SECOND);
    assert!(active.is_signed_in(), "activity postponed the idle timeout");
    assert!(!idle.is_signed_in());
    let answer = idle.get("/account/sessions");
    assert_eq!((answer.status, answer.location()), (303, "/login?next=%2Faccount%2Fsessions"));
    assert!(answer.set_cookies().is_empty());
}

fn asvs_7_3_2_session_ends_at_absolute_timeout_despite_activity(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = app.signed_in(EMAIL);
    for _ in 0..119 {
        app.advance(Duration::from_secs(60));
        assert_eq!(browser.get("/api/session").status, 200);
    }
    app.advance(Duration::from_secs(59));
    assert!(browser.is_signed_in());
    app.advance(2 * SECOND);
    assert!(!browser.is_signed_in());
}

fn asvs_7_3_2_expired_session_is_neither_listed_nor_revived(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut old = app.signed_in(EMAIL);
    let old_id = old.session_id();
    app.advance(IDLE + SECOND);
    let mut browser = app.signed_in(EMAIL);
    let page = browser.get("/account/sessions");
    assert!(page.text().contains("1 active session"), "{}", page.text());
    assert!(!page.body.contains(&old_id));
    assert!(!old.is_signed_in());
    let data = app.rows("user_sessions", "ORDER BY expire");
    assert_eq!(data[0]["expire"], "2026-01-28T12:50:14.000000Z", "a late request extends nothing");
}
