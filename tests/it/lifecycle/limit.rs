//! The limit of sessions per user.

use std::{num::NonZeroU32, thread};

use crate::support::{EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    sign_in_past_limit_replaces_least_recently_active_session,
    limit_holds_under_a_hundred_concurrent_sign_ins,
);

fn limited(engine: EngineKind, limit: u32) -> TestApp {
    TestApp::with(engine, |config| config.policy.max_sessions = NonZeroU32::new(limit))
}

fn sign_in_past_limit_replaces_least_recently_active_session(engine: EngineKind) {
    let app = limited(engine, 2);
    app.add_user("rajat.verma@example.com");
    let mut browsers: Vec<_> = (0..2)
        .map(|_| {
            app.advance(std::time::Duration::from_secs(600));
            app.signed_in("rajat.verma@example.com")
        })
        .collect();
    app.advance(std::time::Duration::from_secs(600));
    assert!(browsers[0].is_signed_in(), "the older session is the more recently active one");
    app.record_activity();

    let mut third = app.signed_in("rajat.verma@example.com");
    assert!(third.is_signed_in() && browsers[0].is_signed_in() && !browsers[1].is_signed_in());
    assert_eq!(app.texts("SELECT end_reason AS v FROM sessions WHERE status = 'logged_out'"), ["replaced"]);
    assert_eq!(app.count("user_sessions", ""), 2);
}

fn limit_holds_under_a_hundred_concurrent_sign_ins(engine: EngineKind) {
    let app = limited(engine, 3);
    app.add_user("rajat.verma@example.com");
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                let answer = app.browser().sign_in("rajat.verma@example.com", PASSWORD);
                assert_eq!(answer.status, 303, "{}", answer.body);
            });
        }
    });
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 3);
    assert_eq!(app.count("sessions", "WHERE end_reason = 'replaced'"), 97);
    assert_eq!(app.count("user_sessions", ""), 3);
    app.assert_sound();
}
