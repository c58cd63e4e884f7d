//! Changes of a user and their effect on the user's sessions.

use keyrack::{
    accounts::{AuthenticatedUser, AuthenticationResult, Email, Password},
    error::Error,
    sessions::{NewSession, PasskeyId, Proof, SecondFactor, UsedPasskey, WayIn},
};

use super::session_fixture::{EMAIL, MINUTE, SessionFixture};
use crate::support::{EngineKind, PASSWORD, on_both_engines, wait};

on_both_engines!(
    disabling_a_user_ends_only_their_sessions,
    new_password_ends_only_that_users_sessions,
    user_disabled_by_plain_sql_is_signed_out_at_once,
    sign_in_is_rejected_if_user_was_disabled_after_proof,
    sign_in_is_rejected_if_its_passkey_was_removed_after_proof,
    sign_in_is_rejected_if_password_changed_after_proof,
    sign_in_uses_role_and_email_changed_after_proof,
);

const NEW_PASSWORD: &str = "a new leaf, turned over";

fn email() -> Email {
    EMAIL.parse().unwrap()
}

fn authenticated(fixture: &SessionFixture, password: &str) -> AuthenticatedUser {
    match wait(fixture.keyrack.accounts().authenticate(EMAIL, Password::new(password), None)).unwrap() {
        AuthenticationResult::Accepted(who) => who,
        other => panic!("{other:?}"),
    }
}

fn session_of(fixture: &SessionFixture, authenticated: AuthenticatedUser) -> NewSession {
    let AuthenticatedUser { user, password_changed_at, .. } = authenticated;
    NewSession {
        proof: Some(Proof {
            user,
            password_changed_at,
            must_change_password: false,
            way_in: WayIn::Password(None),
            passkey: None,
            second_factor: None,
        }),
        ..fixture.new_session()
    }
}

fn disabling_a_user_ends_only_their_sessions(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let theirs = fixture.sign_in_as(fixture.add_user("other@example.com"));
    let own = [fixture.sign_in(), fixture.sign_in()];
    let mut browser = fixture.signed_in(EMAIL);
    fixture.clock.advance(MINUTE);
    assert_eq!(wait(fixture.keyrack.accounts().disable(&email())).unwrap(), Some(3));
    for ended in &own {
        fixture.assert_ended(ended, "account_disabled", fixture.now());
    }
    assert!(!browser.is_signed_in());
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 401);
    assert!(fixture.is_alive(&theirs.sid));

    assert!(wait(fixture.keyrack.accounts().enable(&email())).unwrap());
    assert!(own.iter().all(|ended| !fixture.is_alive(&ended.sid)), "what has ended stays ended");
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
}

fn new_password_ends_only_that_users_sessions(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let theirs = fixture.sign_in_as(fixture.add_user("other@example.com"));
    let own = fixture.sign_in();
    let mut browser = fixture.signed_in(EMAIL);
    fixture.clock.advance(MINUTE);
    let ended = wait(fixture.keyrack.accounts().set_password(&email(), Password::new(NEW_PASSWORD))).unwrap();
    assert_eq!(ended, Some(2));
    fixture.assert_ended(&own, "password_changed", fixture.now());
    assert!(!browser.is_signed_in() && fixture.is_alive(&theirs.sid));
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 401);
    assert_eq!(browser.sign_in(EMAIL, NEW_PASSWORD).status, 303);
}

fn user_disabled_by_plain_sql_is_signed_out_at_once(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let mut browser = fixture.signed_in(EMAIL);
    fixture.execute("UPDATE users SET disabled_at = '2026-01-28T11:50:14.000000Z'");
    assert!(!browser.is_signed_in());
    assert!(matches!(fixture.start(fixture.new_session()), Err(Error::SessionEnded)));
}

fn sign_in_is_rejected_if_user_was_disabled_after_proof(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let user = authenticated(&fixture, PASSWORD);
    wait(fixture.keyrack.accounts().disable(&email())).unwrap();
    let refused = fixture.start(session_of(&fixture, user));
    assert!(matches!(refused, Err(Error::SessionEnded)), "{refused:?}");
    assert_eq!(fixture.count("sessions", "") + fixture.count("user_sessions", ""), 0);
}

fn sign_in_is_rejected_if_password_changed_after_proof(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let user = authenticated(&fixture, PASSWORD);
    fixture.clock.advance(MINUTE);
    wait(fixture.keyrack.accounts().set_password(&email(), Password::new(NEW_PASSWORD))).unwrap();
    let refused = fixture.start(session_of(&fixture, user));
    assert!(matches!(refused, Err(Error::SessionEnded)), "{refused:?}");
    assert_eq!(fixture.count("sessions", "") + fixture.count("user_sessions", ""), 0);
    let user = authenticated(&fixture, NEW_PASSWORD);
    assert!(fixture.start(session_of(&fixture, user)).is_ok());
}

fn sign_in_is_rejected_if_its_passkey_was_removed_after_proof(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let removed = UsedPasskey { id: PasskeyId::random(), added_at: fixture.now() };
    for way_in in [WayIn::Passkey, WayIn::Password(Some(SecondFactor::Passkey))] {
        let mut new = session_of(&fixture, authenticated(&fixture, PASSWORD));
        let proof = new.proof.as_mut().unwrap();
        (proof.way_in, proof.passkey) = (way_in, Some(removed));
        let refused = fixture.start(new);
        assert!(matches!(refused, Err(Error::SessionEnded)), "{refused:?}");
    }
    assert_eq!(fixture.count("sessions", "") + fixture.count("user_sessions", ""), 0);
}

fn sign_in_uses_role_and_email_changed_after_proof(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let user = authenticated(&fixture, PASSWORD);
    let unchanged = fixture.start(session_of(&fixture, user.clone())).unwrap();
    assert_eq!(fixture.data(&unchanged.sid).unwrap()["sess"]["role"], "user");
    fixture.execute("UPDATE users SET role = 'admin', email = 'new@example.com'");
    let started = fixture.start(session_of(&fixture, user)).unwrap();
    let sess = &fixture.data(&started.sid).unwrap()["sess"];
    assert_eq!((&sess["role"], &sess["email"]), (&"admin".into(), &"new@example.com".into()));
    assert_eq!(fixture.resume(&started.sid).unwrap().user.role, "admin");
}
