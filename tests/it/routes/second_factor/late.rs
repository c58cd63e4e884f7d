//! What is given or added a moment before it is taken away

use std::time::Duration;

use keyrack::{
    accounts::{AuthenticationResult, Password},
    error::Error,
    sessions::{BrowserIdHash, CheckedFactor, NewSession, Proof, SecondFactor, WayIn},
};

use super::{
    CODES, EMAIL, Factor, REMOVE, SECOND, SECURITY, SET_UP, add_factor, assert_lets_in, events, give_code,
    give_password, open_set_up, start, waiting,
};
use crate::support::{
    Answer, Browser, EngineKind, PASSWORD, TestApp, change_before, change_rows_before, on_both_engines, wait,
};

on_both_engines!(session_starts_only_with_what_is_still_there,);

const PASSWORD_PAGE: &str = "/account/password";

/// Starts a session for a sign-in whose second factor was checked before.
fn start_with(app: &TestApp, factor: &CheckedFactor) -> Result<(), Error> {
    app.advance(Duration::from_secs(60));
    let outcome = wait(app.keyrack.accounts().authenticate(EMAIL, Password::new(PASSWORD), None)).unwrap();
    let AuthenticationResult::Accepted(found) = outcome else { panic!("{outcome:?}") };
    let proof = Proof {
        user: found.user,
        password_changed_at: found.password_changed_at,
        must_change_password: false,
        way_in: WayIn::Password(Some(factor.kind())),
        passkey: None,
        second_factor: Some(factor.clone()),
    };
    let new = NewSession { proof: Some(proof.clone()), ..NewSession::of(proof.user.id) };
    wait(app.keyrack.sessions().start(new)).map(drop)
}

fn session_starts_only_with_what_is_still_there(engine: EngineKind) {
    let (app, Factor { mut browser, recovery_codes, authenticator }) = start(engine);
    let by_app = CheckedFactor::Totp(app.clock.now());
    assert_eq!(by_app.kind(), SecondFactor::Totp);
    assert_lets_in(&give_code(&mut waiting(&app), &recovery_codes[0]));
    let used = app.text("SELECT code_hash AS v FROM recovery_codes WHERE used_at IS NOT NULL");
    let by_code = CheckedFactor::RecoveryCode(vec![used]);
    let unused = app.texts("SELECT code_hash AS v FROM recovery_codes WHERE used_at IS NULL");
    let mut trusted = waiting(&app);
    app.advance(super::STEP);
    let code = authenticator.code_at(app.clock.now());
    assert_lets_in(&trusted.post_from(SECOND, SECOND, &[("code", &code), ("trust", "on")]));
    let hash = app.text("SELECT id_hash AS v FROM known_browsers WHERE trusted_until IS NOT NULL");
    let by_trust = CheckedFactor::TrustedBrowser(BrowserIdHash::from_trusted(&hash));
    for factor in [&by_app, &by_code, &by_trust] {
        start_with(&app, factor).unwrap();
    }
    let refused = |factor: &CheckedFactor| {
        let sessions = app.count("sessions", "");
        assert!(matches!(start_with(&app, factor), Err(Error::SessionEnded)), "{factor:?}");
        assert_eq!(app.count("sessions", ""), sessions, "{factor:?}");
    };
    refused(&CheckedFactor::RecoveryCode(unused));
    browser.post_from(SECURITY, "/account/security/browsers/forget", &[]);
    refused(&by_trust);
    browser.post_from(SECURITY, CODES, &[]);
    refused(&by_code);
    start_with(&app, &by_app).unwrap();
    // Another app is not the one whose code was given.
    browser.post_from(SECURITY, REMOVE, &[]);
    add_factor(&app, EMAIL);
    refused(&by_app);
}

#[test]
fn code_given_before_the_app_is_removed_starts_nothing() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let (app, factor) = start(EngineKind::Postgres);
    let mut browser = app.browser();
    give_password(&mut browser, EMAIL);
    let code = factor.next_code(&app);
    let sessions = app.count("sessions", "");
    let answer = change_before(&app, "DELETE FROM totp_factors", || give_code(&mut browser, &code));
    assert_eq!((answer.status, answer.location()), (303, "/login?again=on"), "{}", answer.body);
    assert_eq!(app.count("sessions", ""), sessions);
    assert!(!browser.is_signed_in());
}

/// Another app may have the row by the time that a code is used up: it is not that one's code.
#[test]
fn code_uses_up_no_step_of_another_app() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let (app, factor) = start(EngineKind::Postgres);
    let mut browser = waiting(&app);
    let code = factor.next_code(&app);
    let replace = "UPDATE totp_factors SET created_at = created_at + interval '1 second', last_step = 0";
    let update = "UPDATE%totp_factors%";
    let answer = change_rows_before(&app, "totp_factors", update, replace, || give_code(&mut browser, &code));
    assert_eq!(answer.status, 401, "{} {}", answer.location(), answer.text());
    assert_eq!(app.count("totp_factors", "WHERE last_step = 0"), 1);
    assert!(!browser.is_signed_in());
}

/// Sends a request in a session that ends before it changes anything.
#[track_caller]
fn assert_adds_nothing(
    app: &TestApp,
    kind: &str,
    browser: &Browser,
    request: impl FnOnce(&mut Browser) -> Answer + Send,
) {
    let mut browser = browser.clone();
    let end = format!("UPDATE sessions SET status = 'logged_out' WHERE id = '{}'", browser.session_id());
    let before = events(app, kind).len();
    let answer = change_before(app, &end, || request(&mut browser));
    assert!(answer.status == 303 || answer.status == 401, "{} {}", answer.status, answer.text());
    assert_eq!(events(app, kind).len(), before, "{kind}");
    assert!(!browser.is_signed_in());
}

#[test]
fn session_that_ends_meanwhile_changes_no_way_in() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let app = TestApp::new(EngineKind::Postgres);
    app.add_user(EMAIL);
    let mut thief = app.signed_in(EMAIL);
    let (page, authenticator) = open_set_up(&mut thief, SET_UP);
    let code = authenticator.code_at(app.clock.now());
    assert_adds_nothing(&app, "second_factor_added", &thief, |thief| super::send_set_up(thief, SET_UP, &page, &code));
    assert_eq!(app.count("totp_factors", ""), 0);
    let factor = add_factor(&app, EMAIL);
    let sign_in = || {
        let mut thief = waiting(&app);
        assert_lets_in(&give_code(&mut thief, &factor.next_code(&app)));
        let token = thief.get(SECURITY).csrf_token();
        (thief, token)
    };
    for (kind, path) in [("recovery_codes_made", CODES), ("second_factor_removed", REMOVE)] {
        let (thief, token) = sign_in();
        assert_adds_nothing(&app, kind, &thief, |thief| thief.post(path, &[("csrf_token", &token)]));
    }
    let (thief, token) = sign_in();
    let new = "seven crows on a copper wire";
    assert_adds_nothing(&app, "password_changed", &thief, |thief| {
        let fields = [("current_password", PASSWORD), ("password", new), ("password_again", new)];
        let fields: Vec<_> = fields.into_iter().chain([("csrf_token", token.as_str())]).collect();
        thief.post(PASSWORD_PAGE, &fields)
    });
    assert_eq!((app.count("totp_factors", ""), app.count("recovery_codes", "")), (1, 10));
    give_password(&mut app.browser(), EMAIL);
}
