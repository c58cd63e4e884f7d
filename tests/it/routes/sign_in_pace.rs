//! The pace of successful sign-ins.

use std::time::Duration;

use keyrack::accounts::SignInPace;

use crate::support::{EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    eleventh_sign_in_at_once_has_to_wait,
    known_browser_has_a_pace_of_its_own,
    failed_sign_ins_do_not_slow_the_pace,
    used_up_pace_does_not_reveal_the_account,
);

const EMAIL: &str = "rajat.verma@example.com";

fn app_with_user(engine: EngineKind) -> TestApp {
    let app = TestApp::with(engine, |config| config.sign_in_pace = SignInPace::default());
    app.add_user(EMAIL);
    app
}

fn eleventh_sign_in_at_once_has_to_wait(engine: EngineKind) {
    let app = app_with_user(engine);
    app.add_user("asha.verma@example.com");
    for n in 0..10 {
        assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303, "{n}");
    }
    let answer = app.browser().sign_in(EMAIL, PASSWORD);
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("5")));
    assert!(answer.text().contains("Too many attempts. Try again in 5 seconds."), "{}", answer.text());
    assert_eq!(app.browser().sign_in("asha.verma@example.com", PASSWORD).status, 303);
    app.clock.advance(Duration::from_secs(5));
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 429);
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 12);
}

fn known_browser_has_a_pace_of_its_own(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut owner = app.signed_in(EMAIL);
    for _ in 0..9 {
        assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303);
    }
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 429);
    for n in 0..10 {
        owner.sign_out();
        assert_eq!(owner.sign_in(EMAIL, PASSWORD).status, 303, "{n}");
    }
    owner.sign_out();
    assert_eq!(owner.sign_in(EMAIL, PASSWORD).status, 429);
}

fn failed_sign_ins_do_not_slow_the_pace(engine: EngineKind) {
    let app = app_with_user(engine);
    for _ in 0..9 {
        assert_eq!(app.browser().sign_in(EMAIL, "not the password at all").status, 401);
    }
    for n in 0..10 {
        assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303, "{n}");
    }
}

fn used_up_pace_does_not_reveal_the_account(engine: EngineKind) {
    let app = app_with_user(engine);
    for _ in 0..10 {
        assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303);
    }
    for email in [EMAIL, "unknown@example.com"] {
        assert_eq!(app.browser().sign_in(email, "not the password at all").status, 401, "{email}");
    }
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 429);
}
