//! The events of sessions, which triggers write.

use std::net::IpAddr;

use keyrack::{
    clock::Clock,
    events::Source,
    sessions::{Client, EndReason, NewSession},
};
use serde_json::json;

use super::{event, events};
use crate::{
    sessions::session_fixture::{DAY, HOUR, SECOND, SessionFixture},
    support::{EngineKind, on_both_engines, wait},
};

on_both_engines!(
    start_is_recorded_with_address,
    sign_out_is_recorded_with_address,
    revocation_names_the_session_that_revoked,
    plain_sql_end_is_recorded_as_a_peers,
    end_with_an_old_time_by_plain_sql_is_recorded_now,
    deleted_data_is_recorded_as_a_peers_sign_out,
    each_session_of_a_batch_is_recorded,
    timeout_is_recorded_with_its_time,
    replaced_session_is_recorded_as_keyracks_own,
    failed_transaction_leaves_no_event,
);

const ADDRESS: &str = "203.0.113.7";

fn address() -> IpAddr {
    ADDRESS.parse().unwrap()
}

fn start_is_recorded_with_address(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let client = Client::new(Some(address()), Some("curl/8.5.0"));
    let started = fixture.start(NewSession { client, ..fixture.new_session() }).unwrap();
    let event = event(fixture.database(), "signed_in");
    assert_eq!(event["session_id"], started.id.to_string());
    assert_eq!(event["user_id"], fixture.user.to_string());
    assert_eq!(event["ip_address"], ADDRESS);
    assert_eq!(event["at"], fixture.now().to_iso_micros());
    assert_eq!((&event["actor"], &event["detail"]), (&json!("user"), &json!({"authorised_by": "application"})));
    assert_eq!(fixture.session(started.id)["authorised_by"], "application");
}

fn sign_out_is_recorded_with_address(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    let source = Source::user(Some(address())).in_session(started.id);
    wait(fixture.sessions().on_behalf_of(source).sign_out(&started.sid)).unwrap().unwrap();
    let event = event(fixture.database(), "session_ended");
    assert_eq!(event["session_id"], started.id.to_string());
    assert_eq!(event["user_id"], fixture.user.to_string());
    assert_eq!((&event["actor"], &event["ip_address"]), (&json!("user"), &json!(ADDRESS)));
    assert_eq!(event["detail"], json!({"reason": "signed_out", "by_session": started.id.to_string()}));
    assert_eq!(event["at"], fixture.now().to_iso_micros());
}

fn revocation_names_the_session_that_revoked(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let (here, there) = (fixture.sign_in(), fixture.sign_in());
    let source = Source::user(Some(address())).in_session(here.id);
    wait(fixture.sessions().on_behalf_of(source).revoke(fixture.user, there.id)).unwrap().unwrap();
    let event = event(fixture.database(), "session_ended");
    assert_eq!(event["session_id"], there.id.to_string());
    assert_eq!(event["detail"], json!({"reason": "revoked", "by_session": here.id.to_string()}));
}

/// The seed's own statement.
fn plain_sql_end_is_recorded_as_a_peers(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    let now = if engine == EngineKind::Postgres { "NOW()" } else { "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')" };
    fixture.execute(&format!(
        "UPDATE sessions SET status = 'logged_out', updated_at = {now}, logged_out_at = {now} WHERE sid = '{}'",
        started.sid.expose()
    ));
    let event = event(fixture.database(), "session_ended");
    assert_eq!(event["session_id"], started.id.to_string());
    assert_eq!((&event["actor"], &event["detail"]), (&json!("peer"), &json!({"reason": "signed_out"})));
}

/// A time long ago would let the purge delete the event at once.
fn end_with_an_old_time_by_plain_sql_is_recorded_now(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| config.clock = Clock::System);
    let started = fixture.sign_in();
    let before = Clock::System.now() - SECOND;
    fixture.break_with(&format!(
        "UPDATE sessions SET status = 'logged_out', updated_at = '2001-01-01T00:00:00.000000Z',
             logged_out_at = '2001-01-01T00:00:00.000000Z' WHERE id = '{}'",
        started.id
    ));
    let event = event(fixture.database(), "session_ended");
    assert!(event["at"].as_str().unwrap() > before.to_iso_micros().as_str(), "{event}");
    assert_eq!(event["detail"]["ended_at"], "2001-01-01T00:00:00.000000Z");
    wait(fixture.sessions().events().purge(DAY)).unwrap();
    assert_eq!(events(fixture.database(), &["session_ended"]).len(), 1);
}

fn deleted_data_is_recorded_as_a_peers_sign_out(engine: EngineKind) {
    // With the real time: the trigger compares the expiry with it.
    let fixture = SessionFixture::with(engine, |config| config.clock = Clock::System);
    let started = fixture.sign_in();
    fixture.execute(&format!("DELETE FROM user_sessions WHERE sid = '{}'", started.sid.expose()));
    let event = event(fixture.database(), "session_ended");
    assert_eq!(event["session_id"], started.id.to_string());
    assert_eq!((&event["actor"], &event["detail"]), (&json!("peer"), &json!({"reason": "signed_out"})));
}

fn each_session_of_a_batch_is_recorded(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    for _ in 0..5 {
        fixture.sign_in();
    }
    let sessions = fixture.sessions().on_behalf_of(Source::command("alice"));
    assert_eq!(wait(sessions.end_all_of(fixture.user, EndReason::RevokedByAdmin)).unwrap(), 5);
    let ended = events(fixture.database(), &["session_ended"]);
    assert_eq!(ended.len(), 5);
    for event in ended {
        assert_eq!(event["actor"], "command");
        assert_eq!(event["detail"], json!({"reason": "revoked_by_admin", "os_user": "alice"}));
    }
}

fn timeout_is_recorded_with_its_time(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    let expiry = fixture.now() + DAY;
    fixture.advance(DAY + HOUR);
    assert_eq!(fixture.purge().ended, 1);
    let event = event(fixture.database(), "session_ended");
    assert_eq!(event["session_id"], started.id.to_string());
    assert_eq!((&event["actor"], &event["at"]), (&json!("system"), &json!(fixture.now().to_iso_micros())));
    assert_eq!(event["detail"], json!({"reason": "absolute_timeout", "ended_at": expiry.to_iso_micros()}));
}

fn replaced_session_is_recorded_as_keyracks_own(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| config.policy.max_sessions = 1.try_into().ok());
    let first = fixture.sign_in();
    fixture.advance(SECOND);
    fixture.sign_in();
    let event = event(fixture.database(), "session_ended");
    assert_eq!(event["session_id"], first.id.to_string());
    assert_eq!((&event["actor"], &event["detail"]), (&json!("system"), &json!({"reason": "replaced"})));
}

/// A crash between the end and its commit is the same.
fn failed_transaction_leaves_no_event(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    let end = format!("UPDATE sessions SET status = 'logged_out' WHERE id = '{}'", started.id);
    fixture.execute(&format!("BEGIN; {end}; ROLLBACK"));
    assert_eq!(events(fixture.database(), &["session_ended"]), [json!(null); 0]);
    assert!(fixture.is_alive(&started.sid));
}
