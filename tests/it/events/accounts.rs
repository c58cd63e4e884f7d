//! The events of accounts.

use keyrack::{
    accounts::{Password, Role},
    events::Source,
};
use serde_json::json;

use super::{event, events};
use crate::{
    sessions::session_fixture::{EMAIL, HOUR, SessionFixture},
    support::{EngineKind, on_both_engines, wait},
};

on_both_engines!(
    changes_of_accounts_are_recorded_with_their_source,
    command_that_changes_nothing_records_no_change,
    deleted_account_keeps_its_events,
);

fn changes_of_accounts_are_recorded_with_their_source(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let email = EMAIL.parse().unwrap();
    let accounts = fixture.keyrack.accounts().on_behalf_of(Source::command("alice"));
    let started = fixture.sign_in();
    // A password is set later than the one before, even if the clock stands still.
    fixture.advance(HOUR);
    wait(accounts.set_role(&email, Role::Admin)).unwrap();
    wait(accounts.set_password(&email, Password::new("another password, this one"))).unwrap();
    wait(accounts.disable(&email)).unwrap();
    wait(accounts.enable(&email)).unwrap();
    wait(accounts.unlock(&email)).unwrap();
    let kinds = ["role_changed", "password_changed", "account_disabled", "account_enabled", "account_unlocked"];
    let found = events(fixture.database(), &kinds);
    assert_eq!(found.iter().map(|event| event["kind"].as_str().unwrap()).collect::<Vec<_>>(), kinds);
    for event in &found {
        assert_eq!((&event["actor"], &event["detail"]["os_user"]), (&json!("command"), &json!("alice")));
        assert_eq!((&event["user_id"], &event["at"]), (&json!(fixture.user), &json!(fixture.now().to_iso_micros())));
    }
    assert_eq!(found[0]["detail"], json!({"os_user": "alice", "from": "user", "to": "admin"}));
    let ended = event(fixture.database(), "session_ended");
    assert_eq!((&ended["session_id"], &ended["actor"]), (&json!(started.id), &json!("command")));
    let created = event(fixture.database(), "account_created");
    assert_eq!((&created["actor"], &created["detail"]), (&json!("admin"), &json!({"role": "user"})));
}

/// The account is disabled since the first time, and by who did it then.
fn command_that_changes_nothing_records_no_change(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let email = EMAIL.parse().unwrap();
    let accounts = fixture.keyrack.accounts();
    wait(accounts.set_role(&email, Role::User)).unwrap();
    wait(accounts.enable(&email)).unwrap();
    let kinds = ["role_changed", "account_disabled", "account_enabled", "account_unlocked"];
    let found = events(fixture.database(), &kinds);
    assert_eq!(found.iter().map(|event| &event["kind"]).collect::<Vec<_>>(), ["account_unlocked"], "{found:#?}");
    assert_eq!(found[0]["detail"], json!({"failures": 0}));

    wait(accounts.disable(&email)).unwrap();
    let disabled = fixture.database().rows("users", "");
    fixture.advance(HOUR);
    assert_eq!(wait(accounts.disable(&email)).unwrap(), Some(0));
    assert_eq!(fixture.database().rows("users", ""), disabled);
    assert_eq!(events(fixture.database(), &["account_disabled"]).len(), 1);
}

/// What happened to an account must not vanish with it.
fn deleted_account_keeps_its_events(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    fixture.execute(&format!("DELETE FROM users WHERE id = '{}'", fixture.user));
    assert_eq!(fixture.count("sessions", ""), 0);
    let kinds = ["account_created", "signed_in", "session_ended", "account_deleted"];
    let found = events(fixture.database(), &kinds);
    assert_eq!(found.iter().map(|event| event["kind"].as_str().unwrap()).collect::<Vec<_>>(), kinds);
    assert!(found.iter().all(|event| event["user_id"] == json!(fixture.user)), "{found:#?}");
    assert_eq!((&found[2]["session_id"], &found[2]["actor"]), (&json!(started.id), &json!("peer")));
}
