//! Names that owners give their sessions.

use keyrack::sessions::{Renaming, SessionId, SessionName, SessionRecord, UserId};
use serde_json::json;

use super::session_fixture::SessionFixture;
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(
    name_is_kept_when_the_session_gets_a_new_sid,
    renaming_writes_one_event_per_change,
    session_of_another_user_is_not_renamed,
    ended_session_can_be_named,
    unsafe_name_in_the_table_is_cleaned,
    sessions_of_one_user_share_the_limit_when_named_at_once,
);

fn rename(fixture: &SessionFixture, user: UserId, id: SessionId, name: &str) -> Option<SessionRecord> {
    match wait(fixture.sessions().rename(user, id, SessionName::parse(name).unwrap())).unwrap() {
        Renaming::Done(record) => Some(*record),
        Renaming::NoSuchSession => None,
        Renaming::TooMany { .. } => panic!("too many names"),
    }
}

fn name_is_kept_when_the_session_gets_a_new_sid(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    let renamed = rename(&fixture, fixture.user, started.id, " My  phone ").unwrap();
    assert_eq!(renamed.name.as_deref(), Some("My phone"));
    fixture.rotate(&started.sid).unwrap();
    assert_eq!(fixture.rows("sessions", "")[0]["name"], "My phone");
    let unnamed = rename(&fixture, fixture.user, started.id, "").unwrap();
    assert_eq!(unnamed.name, None);
    assert_eq!(fixture.rows("sessions", "")[0]["name"], json!(null));
}

/// Each of them is locked by its own request only.
fn sessions_of_one_user_share_the_limit_when_named_at_once(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let ids: Vec<SessionId> = (0..8).map(|_| fixture.sign_in().id).collect();
    for number in 0..28 {
        rename(&fixture, fixture.user, ids[0], &format!("Name {number}")).unwrap();
    }
    let barrier = std::sync::Barrier::new(ids.len());
    let name_at_once = |id: SessionId| {
        barrier.wait();
        wait(fixture.sessions().rename(fixture.user, id, SessionName::parse("At once").unwrap())).unwrap()
    };
    let named = std::thread::scope(|scope| {
        let all: Vec<_> = ids.iter().map(|id| scope.spawn(|| name_at_once(*id))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(named.iter().filter(|renaming| matches!(renaming, Renaming::Done(_))).count(), 2, "{named:?}");
    assert_eq!(fixture.rows("security_events", "WHERE kind = 'session_renamed'").len(), 30);
}

fn renaming_writes_one_event_per_change(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let id = fixture.sign_in().id;
    for name in ["Laptop", "Laptop", "", ""] {
        rename(&fixture, fixture.user, id, name).unwrap();
    }
    let events = fixture.rows("security_events", "WHERE kind = 'session_renamed' ORDER BY id");
    let details: Vec<_> = events.iter().map(|event| event["detail"].clone()).collect();
    assert_eq!(details, [json!({ "name": "Laptop" }), json!({ "name": null, "former": "Laptop" })]);
    assert_eq!(events[0]["session_id"], id.to_string());
}

fn session_of_another_user_is_not_renamed(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let other = fixture.add_user("asha.verma@example.com");
    let id = fixture.sign_in().id;
    assert_eq!(rename(&fixture, other, id, "Mine"), None);
    assert_eq!(rename(&fixture, other, SessionId::random(), "Mine"), None);
    assert_eq!(fixture.rows("sessions", "")[0]["name"], json!(null));
    assert_eq!(fixture.count("security_events", "WHERE kind = 'session_renamed'"), 0);
}

fn ended_session_can_be_named(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    wait(fixture.sessions().sign_out(&started.sid)).unwrap();
    let before = fixture.rows("sessions", "")[0].clone();
    let renamed = rename(&fixture, fixture.user, started.id, "Sold laptop").unwrap();
    assert_eq!(renamed.name.as_deref(), Some("Sold laptop"));
    let after = fixture.rows("sessions", "")[0].clone();
    assert_eq!((&after["status"], &after["logged_out_at"]), (&before["status"], &before["logged_out_at"]));
    assert!(!fixture.is_alive(&started.sid));
}

fn unsafe_name_in_the_table_is_cleaned(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let id = fixture.sign_in().id;
    fixture.execute("UPDATE sessions SET name = 'pay\u{202e}lap'");
    let found = wait(fixture.sessions().find_own(fixture.user, id)).unwrap().unwrap();
    assert_eq!(found.name.as_deref(), Some("paylap"));
}
