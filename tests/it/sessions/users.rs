//! What happens to a user happens to their sessions.

use keyrack::{
    accounts::{AuthenticatedUser, AuthenticationResult, Email, Password},
    error::Error,
    sessions::{NewSession, Proof},
};

use super::session_fixture::{EMAIL, MINUTE, SessionFixture};
use crate::support::{EngineKind, PASSWORD, on_both_engines, wait};

on_both_engines!(
    disabling_a_user_ends_their_sessions_and_nobody_elses,
    a_new_password_ends_their_sessions_and_nobody_elses,
    a_user_who_was_disabled_by_plain_sql_is_out_at_once,
    a_user_who_is_disabled_after_the_proof_does_not_come_in,
    a_password_that_is_changed_after_the_proof_does_not_come_in,
    a_user_who_changed_after_the_proof_comes_in_as_they_are_now,
);

const NEW_PASSWORD: &str = "a new leaf, turned over";

fn email() -> Email {
    EMAIL.parse().unwrap()
}

fn authenticated(rack: &SessionFixture, password: &str) -> AuthenticatedUser {
    match wait(rack.keyrack.accounts().authenticate(EMAIL, Password::new(password), None)).unwrap() {
        AuthenticationResult::Accepted(who) => who,
        other => panic!("{other:?}"),
    }
}

fn session_of(rack: &SessionFixture, who: AuthenticatedUser) -> NewSession {
    let AuthenticatedUser { user, password_changed_at } = who;
    NewSession { proof: Some(Proof { user, password_changed_at }), ..rack.new_session() }
}

fn disabling_a_user_ends_their_sessions_and_nobody_elses(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let theirs = rack.sign_in_as(rack.add_user("other@example.com"));
    let own = [rack.sign_in(), rack.sign_in()];
    let mut browser = rack.signed_in(EMAIL);
    rack.clock.advance(MINUTE);
    assert_eq!(wait(rack.keyrack.accounts().disable(&email())).unwrap(), Some(3));
    for ended in &own {
        rack.assert_ended(ended, "account_disabled", rack.now());
    }
    assert!(!browser.is_signed_in());
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 401);
    assert!(rack.is_alive(&theirs.sid));

    assert!(wait(rack.keyrack.accounts().enable(&email())).unwrap());
    assert!(own.iter().all(|ended| !rack.is_alive(&ended.sid)), "what has ended stays ended");
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
}

fn a_new_password_ends_their_sessions_and_nobody_elses(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let theirs = rack.sign_in_as(rack.add_user("other@example.com"));
    let own = rack.sign_in();
    let mut browser = rack.signed_in(EMAIL);
    rack.clock.advance(MINUTE);
    let ended = wait(rack.keyrack.accounts().set_password(&email(), Password::new(NEW_PASSWORD))).unwrap();
    assert_eq!(ended, Some(2));
    rack.assert_ended(&own, "password_changed", rack.now());
    assert!(!browser.is_signed_in() && rack.is_alive(&theirs.sid));
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 401);
    assert_eq!(browser.sign_in(EMAIL, NEW_PASSWORD).status, 303);
}

fn a_user_who_was_disabled_by_plain_sql_is_out_at_once(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let mut browser = rack.signed_in(EMAIL);
    rack.execute("UPDATE users SET disabled_at = '2026-01-28T11:50:14.000000Z'");
    assert!(!browser.is_signed_in());
    assert!(matches!(rack.start(rack.new_session()), Err(Error::SessionEnded)));
}

fn a_user_who_is_disabled_after_the_proof_does_not_come_in(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let who = authenticated(&rack, PASSWORD);
    wait(rack.keyrack.accounts().disable(&email())).unwrap();
    let refused = rack.start(session_of(&rack, who));
    assert!(matches!(refused, Err(Error::SessionEnded)), "{refused:?}");
    assert_eq!(rack.count("sessions", "") + rack.count("user_sessions", ""), 0);
}

fn a_password_that_is_changed_after_the_proof_does_not_come_in(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let who = authenticated(&rack, PASSWORD);
    rack.clock.advance(MINUTE);
    wait(rack.keyrack.accounts().set_password(&email(), Password::new(NEW_PASSWORD))).unwrap();
    let refused = rack.start(session_of(&rack, who));
    assert!(matches!(refused, Err(Error::SessionEnded)), "{refused:?}");
    assert_eq!(rack.count("sessions", "") + rack.count("user_sessions", ""), 0);
    let who = authenticated(&rack, NEW_PASSWORD);
    assert!(rack.start(session_of(&rack, who)).is_ok());
}

fn a_user_who_changed_after_the_proof_comes_in_as_they_are_now(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let who = authenticated(&rack, PASSWORD);
    let unchanged = rack.start(session_of(&rack, who.clone())).unwrap();
    assert_eq!(rack.data(&unchanged.sid).unwrap()["sess"]["role"], "user");
    rack.execute("UPDATE users SET role = 'admin', email = 'new@example.com'");
    let started = rack.start(session_of(&rack, who)).unwrap();
    let sess = &rack.data(&started.sid).unwrap()["sess"];
    assert_eq!((&sess["role"], &sess["email"]), (&"admin".into(), &"new@example.com".into()));
    assert_eq!(rack.resume(&started.sid).unwrap().user.role, "admin");
}
