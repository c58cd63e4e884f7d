//! The idle and the absolute end.

use std::time::Duration;

use crate::support::{EngineKind, TestApp, on_both_engines};

on_both_engines!(
    a_session_ends_when_idle_for_too_long,
    a_session_ends_at_its_absolute_end_however_busy,
    a_session_that_ran_out_is_neither_listed_nor_revived,
);

const SECOND: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_secs(3600);
const ABSOLUTE: Duration = Duration::from_secs(2 * 3600);

fn app(engine: EngineKind) -> TestApp {
    let app = TestApp::with(engine, |config| {
        config.policy.timeouts.idle = IDLE;
        config.policy.timeouts.absolute = ABSOLUTE;
    });
    app.add_user("rajat.verma@example.com");
    app
}

fn a_session_ends_when_idle_for_too_long(engine: EngineKind) {
    let app = app(engine);
    let mut lucky = app.signed_in("rajat.verma@example.com");
    let mut late = app.signed_in("rajat.verma@example.com");
    app.advance(IDLE.saturating_sub(SECOND));
    assert!(lucky.is_signed_in());
    app.advance(2 * SECOND);
    assert!(lucky.is_signed_in(), "its activity has moved the idle end on");
    assert!(!late.is_signed_in());
    let answer = late.get("/account/sessions");
    assert_eq!((answer.status, answer.location()), (303, "/login?next=%2Faccount%2Fsessions"));
    assert!(answer.set_cookies().is_empty());
}

fn a_session_ends_at_its_absolute_end_however_busy(engine: EngineKind) {
    let app = app(engine);
    let mut browser = app.signed_in("rajat.verma@example.com");
    for _ in 0..119 {
        app.advance(Duration::from_secs(60));
        assert_eq!(browser.get("/api/session").status, 200);
    }
    app.advance(Duration::from_secs(59));
    assert!(browser.is_signed_in());
    app.advance(2 * SECOND);
    assert!(!browser.is_signed_in());
}

fn a_session_that_ran_out_is_neither_listed_nor_revived(engine: EngineKind) {
    let app = app(engine);
    let mut old = app.signed_in("rajat.verma@example.com");
    let old_id = old.session_id();
    app.advance(IDLE + SECOND);
    let mut browser = app.signed_in("rajat.verma@example.com");
    let page = browser.get("/account/sessions");
    assert!(page.text().contains("1 active session"), "{}", page.text());
    assert!(!page.body.contains(&old_id));
    assert!(!old.is_signed_in());
    let data = app.rows("user_sessions", "ORDER BY expire");
    assert_eq!(data[0]["expire"], "2026-01-28T12:50:14.000000Z", "asking does not move its end");
}
