//! The triggers: rules that hold whichever program writes to the tables.

use std::time::Duration;

use keyrack::clock::{Clock, Timestamp};
use serde_json::Value;

use super::peer::{Peer, USER};
use crate::support::{EngineKind, on_both_engines};

on_both_engines!(
    peer_can_write_data_of_live_session,
    data_for_ended_session_is_skipped,
    data_for_rotated_sid_is_skipped,
    kept_data_of_ended_session_is_read_only,
    ending_by_plain_sql_removes_data_and_sets_time_and_reason,
    end_keeps_supplied_time_and_reason,
    ended_session_cannot_become_active,
    deleting_data_ends_session_as_signed_out,
    pruning_data_ends_session_with_the_timeout_reached,
    deleting_active_session_ends_it,
    deleting_user_deletes_their_sessions,
    unknown_status_role_and_user_are_rejected,
    email_is_unique_ignoring_case,
);

const HOUR: Duration = Duration::from_secs(3600);
const LATE: &str = r#"{"userId":"550e8400-e29b-41d4-a716-446655440000","late":true}"#;

fn now() -> Timestamp {
    Clock::System.now()
}

/// A session that another program has started, which expires in an hour.
fn signed_in(engine: EngineKind) -> Peer {
    let peer = Peer::new(engine);
    peer.sign_in("s1", now() + HOUR, now() + HOUR);
    peer
}

fn assert_at(text: &str, expected: Timestamp) {
    let time = Timestamp::parse(text).unwrap_or_else(|| panic!("not a time: {text}"));
    let apart = time.since(expected).max(expected.since(time));
    assert!(apart < Duration::from_secs(60), "{time:?} is not about {expected:?}");
}

fn peer_can_write_data_of_live_session(engine: EngineKind) {
    let peer = signed_in(engine);
    assert!(peer.set("s1", LATE, now() + HOUR));
    assert!(peer.touch("s1", now() + HOUR * 2));
    assert!(peer.set("anonymous", r#"{"cookie":{}}"#, now() + HOUR));
    assert_eq!(peer.0.text("SELECT CAST(sess AS text) AS v FROM user_sessions WHERE sid = 's1'"), LATE);
    assert_eq!(peer.session("s1", "status"), "active");
}

fn data_for_ended_session_is_skipped(engine: EngineKind) {
    let peer = signed_in(engine);
    peer.end("s1");
    assert!(!peer.set("s1", LATE, now() + HOUR));
    assert!(!peer.touch("s1", now() + HOUR));
    peer.0.execute("INSERT INTO user_sessions (sid, sess, expire) VALUES ('s1', '{}', '2999-01-01T00:00:00.000Z')");
    assert!(!peer.has_data("s1"));
    // Other sessions are not affected.
    peer.sign_in("s2", now() + HOUR, now() + HOUR);
    assert!(peer.has_data("s2") && peer.set("s2", LATE, now() + HOUR));
}

fn data_for_rotated_sid_is_skipped(engine: EngineKind) {
    let peer = signed_in(engine);
    peer.0.execute(
        "UPDATE sessions SET sid = 's2' WHERE sid = 's1';
         INSERT INTO replaced_sids (sid, session_id) SELECT 's1', id FROM sessions WHERE sid = 's2';
         UPDATE user_sessions SET sid = 's2' WHERE sid = 's1'",
    );
    assert_eq!(peer.session("s2", "status"), "active");
    assert!(!peer.set("s1", LATE, now() + HOUR));
    assert!(!peer.has_data("s1") && peer.has_data("s2"));
    assert!(peer.set("s2", LATE, now() + HOUR));
}

fn kept_data_of_ended_session_is_read_only(engine: EngineKind) {
    let peer = signed_in(engine);
    peer.0.execute("UPDATE sessions SET status = 'logged_out', data_kept = true WHERE sid = 's1'");
    let before = peer.0.rows("user_sessions", "");
    assert_eq!(before.len(), 1);
    assert!(!peer.set("s1", LATE, now() + HOUR * 5));
    assert!(!peer.touch("s1", now() + HOUR * 5));
    peer.0.execute("UPDATE user_sessions SET sid = 'free' WHERE sid = 's1'");
    assert_eq!(peer.0.rows("user_sessions", ""), before);

    // Other data can't be moved to the sid of an ended session either.
    assert!(peer.set("other", "{}", now() + HOUR));
    peer.destroy("s1");
    peer.0.execute("UPDATE user_sessions SET sid = 's1' WHERE sid = 'other'");
    assert!(!peer.has_data("s1") && peer.has_data("other"));
}

fn ending_by_plain_sql_removes_data_and_sets_time_and_reason(engine: EngineKind) {
    let peer = signed_in(engine);
    peer.sign_in("s2", now() + HOUR, now() + HOUR);
    peer.end("s1");
    assert!(!peer.has_data("s1"));
    assert_at(&peer.session("s1", "logged_out_at"), now());
    assert_eq!(peer.session("s1", "end_reason"), "signed_out");
    assert_eq!(peer.session("s2", "status"), "active");
    assert!(peer.has_data("s2"));
}

fn end_keeps_supplied_time_and_reason(engine: EngineKind) {
    let peer = signed_in(engine);
    peer.0.execute(
        "UPDATE sessions SET status = 'logged_out', logged_out_at = '2026-01-28T12:30:45.000Z', end_reason = 'revoked'",
    );
    assert_eq!(peer.session("s1", "logged_out_at"), "2026-01-28T12:30:45.000000Z");
    assert_eq!(peer.session("s1", "end_reason"), "revoked");
    assert!(!peer.has_data("s1"));
}

fn ended_session_cannot_become_active(engine: EngineKind) {
    let peer = signed_in(engine);
    peer.end("s1");
    let before = peer.0.rows("sessions", "");
    let refused = peer.0.try_execute("UPDATE sessions SET status = 'active', logged_out_at = NULL").unwrap_err();
    assert!(refused.to_string().contains("has ended"), "{refused}");
    assert_eq!(peer.0.rows("sessions", ""), before);
    // Ending it again is no error, and changes neither time nor reason.
    peer.end("s1");
    assert_eq!(peer.0.rows("sessions", ""), before);
}

fn deleting_data_ends_session_as_signed_out(engine: EngineKind) {
    let peer = signed_in(engine);
    peer.sign_in("s2", now() + HOUR, now() + HOUR);
    peer.destroy("s1");
    assert_eq!(peer.session("s1", "status"), "logged_out");
    assert_eq!(peer.session("s1", "end_reason"), "signed_out");
    assert_at(&peer.session("s1", "logged_out_at"), now());
    assert_at(&peer.session("s1", "updated_at"), now());
    assert_eq!(peer.session("s2", "status"), "active");
    assert!(!peer.set("s1", LATE, now() + HOUR));
}

fn pruning_data_ends_session_with_the_timeout_reached(engine: EngineKind) {
    let peer = Peer::new(engine);
    let (then, soon) = (now() - HOUR, now() + HOUR);
    peer.sign_in("idle", then, soon);
    peer.sign_in("absolute", then, then);
    peer.sign_in("both", then, then - HOUR);
    peer.sign_in("alive", soon, soon);
    peer.prune(now());
    let reason = |sid| peer.session(sid, "end_reason");
    assert_eq!(
        [reason("idle"), reason("absolute"), reason("both")],
        ["idle_timeout", "absolute_timeout", "absolute_timeout"]
    );
    let second = |at: Timestamp| Timestamp::from_micros(at.as_micros() / 1_000_000 * 1_000_000);
    for (sid, at) in [("idle", then), ("absolute", then), ("both", then - HOUR)] {
        let ended = Timestamp::parse(&peer.session(sid, "logged_out_at")).unwrap();
        assert_eq!(second(ended), second(at), "{sid} ended at its timeout, not when it was pruned");
    }
    assert_eq!(peer.session("alive", "status"), "active");
    assert!(peer.has_data("alive"));
}

fn deleting_active_session_ends_it(engine: EngineKind) {
    let peer = signed_in(engine);
    // An application may delete the row in its own sign-out.
    peer.0.execute("DELETE FROM sessions");
    assert_eq!([peer.session("s1", "status"), peer.session("s1", "end_reason")], ["logged_out", "signed_out"]);
    assert_at(&peer.session("s1", "logged_out_at"), now());
    assert!(!peer.has_data("s1") && !peer.set("s1", LATE, now() + HOUR));
    peer.0.execute("DELETE FROM sessions");
    assert_eq!(peer.0.count("sessions", ""), 0);
}

fn deleting_user_deletes_their_sessions(engine: EngineKind) {
    let peer = signed_in(engine);
    peer.sign_in("s2", now() + HOUR, now() + HOUR);
    peer.end("s2");
    let other = "650e8400-e29b-41d4-a716-446655440000";
    peer.0.execute(&format!("INSERT INTO users (id, email) VALUES ('{other}', 'other@example.com')"));
    peer.0.execute(&format!(
        "INSERT INTO sessions (sid, user_id, expires_at) VALUES ('s3', '{other}', {})",
        peer.time(now() + HOUR)
    ));
    peer.0.execute(&format!("DELETE FROM users WHERE id = '{USER}'"));
    assert_eq!(peer.0.texts("SELECT sid AS v FROM sessions"), ["s3"]);
    assert_eq!(peer.0.count("users", "") + peer.0.count("user_sessions", ""), 1);
}

fn unknown_status_role_and_user_are_rejected(engine: EngineKind) {
    let peer = signed_in(engine);
    for sql in ["UPDATE sessions SET status = 'gone'", "UPDATE users SET role = 'root'"] {
        assert!(peer.0.try_execute(sql).is_err(), "{sql}");
    }
    let foreign = format!("UPDATE sessions SET user_id = '{}'", USER.replace("550e", "650e"));
    assert!(peer.0.try_execute(&foreign).is_err(), "a session without its user");
    assert_eq!(peer.0.rows("users", "")[0]["role"], Value::from("user"));
}

fn email_is_unique_ignoring_case(engine: EngineKind) {
    let peer = Peer::new(engine);
    assert!(peer.0.try_execute("INSERT INTO users (email) VALUES ('Rajat.Verma@Example.COM')").is_err());
}

/// As an application with an ORM may do.
#[test]
fn touch_and_sign_out_in_one_transaction_ends_session() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let peer = signed_in(EngineKind::Postgres);
    let id = peer.session("s1", "id");
    peer.0.execute("UPDATE sessions SET last_seen_at = now() - interval '1 hour'");
    let set = peer.set_statement("s1", r#"{"cart":[1]}"#, now() + HOUR);
    peer.0.execute(&format!("BEGIN; UPDATE user_sessions SET expire = expire + interval '1 minute'; {set}; COMMIT"));
    let session = &peer.0.rows("sessions", &format!("WHERE id = '{id}'"))[0];
    assert_eq!((&session["status"], &session["end_reason"]), (&"logged_out".into(), &"signed_out".into()));
    assert!(peer.has_data("s1"), "the sid stays in use, without a user");
}
