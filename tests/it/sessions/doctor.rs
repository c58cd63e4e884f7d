//! Doctor: it finds what breaks a rule, mends what has one safe answer, and is silent else. (That it is silent after every
//! other test of the verbs is what [`SessionFixture`] looks at when it is dropped.)

use keyrack::sessions::{Report, SessionId};

use super::session_fixture::{MINUTE, SessionFixture};
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(
    an_active_session_without_data_is_found_and_ended,
    data_of_an_ended_session_is_found_and_removed,
    an_end_without_time_or_reason_is_found_and_completed,
    an_active_session_with_an_end_is_found_and_left,
    contradictory_times_are_found_and_left,
    data_of_an_unknown_session_is_found_and_left,
    data_of_a_peers_own_is_nobodys_breach,
    unreadable_data_and_data_of_another_user_are_found_and_left,
    every_missing_trigger_and_index_is_found,
    a_peers_session_without_a_user_is_no_breach,
    the_doctor_looks_at_more_rows_than_one_query_reads,
);

fn found(report: &Report) -> Vec<(&str, Option<SessionId>, bool)> {
    report.breaches.iter().map(|breach| (breach.rule, breach.session_id, breach.repaired)).collect()
}

/// Finds exactly this breach without mending it, then mends it.
fn assert_mended(rack: &SessionFixture, rule: &str, id: SessionId) {
    let before = (rack.rows("sessions", ""), rack.rows("user_sessions", ""));
    let report = rack.doctor(false);
    assert_eq!(found(&report), [(rule, Some(id), false)]);
    assert!(!report.is_sound());
    assert_eq!((rack.rows("sessions", ""), rack.rows("user_sessions", "")), before, "looking changes nothing");
    let report = rack.doctor(true);
    assert_eq!(found(&report), [(rule, Some(id), true)]);
    assert!(report.is_sound());
    assert_eq!(found(&rack.doctor(false)), []);
}

/// Finds exactly this breach, and does not pretend to know better.
fn assert_left(rack: &SessionFixture, rule: &str, id: Option<SessionId>) {
    let before = (rack.rows("sessions", ""), rack.rows("user_sessions", ""));
    for repair in [false, true] {
        let report = rack.doctor(repair);
        assert_eq!(found(&report), [(rule, id, false)]);
        assert!(!report.is_sound());
        assert_eq!((rack.rows("sessions", ""), rack.rows("user_sessions", "")), before);
    }
}

fn an_active_session_without_data_is_found_and_ended(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let (broken, sound) = (rack.sign_in(), rack.sign_in());
    rack.break_unguarded(&format!("DELETE FROM user_sessions WHERE sid = '{}'", broken.sid.expose()));
    rack.clock.advance(MINUTE);
    assert_mended(&rack, "active without data", broken.id);
    rack.assert_ended(&broken, "signed_out", rack.now());
    assert!(rack.is_alive(&sound.sid));
}

fn data_of_an_ended_session_is_found_and_removed(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let (broken, sound) = (rack.sign_in(), rack.sign_in());
    let at = rack.now().to_iso_micros();
    rack.break_unguarded(&format!(
        "UPDATE sessions SET status = 'logged_out', end_reason = 'revoked', logged_out_at = '{at}' WHERE id = '{}'",
        broken.id
    ));
    assert!(rack.data(&broken.sid).is_some() && !rack.is_alive(&broken.sid));
    assert_mended(&rack, "data of an ended session", broken.id);
    rack.assert_ended(&broken, "revoked", rack.now());
    assert!(rack.is_alive(&sound.sid));
}

fn an_end_without_time_or_reason_is_found_and_completed(engine: EngineKind) {
    for gap in ["logged_out_at = NULL", "end_reason = NULL", "logged_out_at = NULL, end_reason = NULL"] {
        let rack = SessionFixture::new(engine);
        let started = rack.sign_in();
        rack.clock.advance(MINUTE);
        wait(rack.sessions().sign_out(&started.sid)).unwrap();
        rack.break_with(&format!("UPDATE sessions SET {gap}"));
        assert_mended(&rack, "end without time or reason", started.id);
        rack.assert_ended(&started, "signed_out", rack.now());
    }
}

fn an_active_session_with_an_end_is_found_and_left(engine: EngineKind) {
    for mark in ["logged_out_at = expires_at", "end_reason = 'revoked'"] {
        let rack = SessionFixture::new(engine);
        let started = rack.sign_in();
        rack.break_with(&format!("UPDATE sessions SET {mark}"));
        assert_left(&rack, "active with an end", Some(started.id));
    }
}

fn contradictory_times_are_found_and_left(engine: EngineKind) {
    for column in ["expires_at", "last_seen_at", "logged_out_at"] {
        let rack = SessionFixture::new(engine);
        let started = rack.sign_in();
        wait(rack.sessions().sign_out(&started.sid)).unwrap();
        rack.break_with(&format!("UPDATE sessions SET {column} = '2026-01-28T11:50:13.999999Z'"));
        assert_left(&rack, "contradictory times", Some(started.id));
    }
}

fn data_of_an_unknown_session_is_found_and_left(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let sess = format!(r#"{{"cookie":{{}},"userId":"{}","status":"login"}}"#, rack.user);
    rack.break_unguarded(&format!(
        "INSERT INTO user_sessions VALUES ('foreign', '{sess}', '2999-01-01T00:00:00.000000Z')"
    ));
    assert_left(&rack, "data of an unknown session", None);
}

fn data_of_a_peers_own_is_nobodys_breach(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let (user, later, stranger) = (rack.user, "2999-01-01", "1e8b5b6a-0000-4000-8000-000000000000");
    for (index, (sess, day)) in [
        (r#"{"cart":[]}"#.to_owned(), later),
        (r#"{"userId":17}"#.to_owned(), later),
        (format!(r#"{{"userId":"{stranger}"}}"#), later),
        (format!(r#"{{"userId":"{user}","status":"logout"}}"#), later),
        (format!(r#"{{"userId":"{user}"}}"#), "2026-01-01"),
        ("[]".to_owned(), later),
    ]
    .into_iter()
    .enumerate()
    {
        rack.break_unguarded(&format!(
            "INSERT INTO user_sessions VALUES ('foreign {index}', '{sess}', '{day}T00:00:00.000000Z')"
        ));
    }
    let report = wait(rack.sessions().doctor(false)).unwrap();
    assert!(report.breaches.is_empty(), "{:?}", report.breaches);
}

fn unreadable_data_and_data_of_another_user_are_found_and_left(engine: EngineKind) {
    for (sess, rule) in [
        ("[]", "unreadable data"),
        ("17", "unreadable data"),
        (r#"{"userId":"650e8400-e29b-41d4-a716-446655440000"}"#, "data of another user"),
        ("{}", "data of another user"),
    ] {
        let rack = SessionFixture::new(engine);
        let started = rack.sign_in();
        rack.break_with(&format!("UPDATE user_sessions SET sess = '{sess}'"));
        assert_left(&rack, rule, Some(started.id));
    }
}

fn every_missing_trigger_and_index_is_found(engine: EngineKind) {
    // Each with what takes it away and what brings it back.
    let objects = match engine {
        EngineKind::Sqlite => {
            "SELECT name || '|DROP ' || type || ' \"' || name || '\"|' || sql AS v FROM sqlite_master
             WHERE type IN ('trigger', 'index') AND sql IS NOT NULL"
        }
        EngineKind::Postgres => {
            "SELECT format('%s|DROP INDEX %I|%s', relname, relname, pg_get_indexdef(i.oid)) AS v
             FROM pg_index JOIN pg_class i ON i.oid = indexrelid WHERE relnamespace = 'public'::regnamespace
             AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.oid)
             UNION ALL SELECT format('%s|DROP TRIGGER %I ON %s|%s', tgname, tgname, tgrelid::regclass,
             pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
             UNION ALL SELECT format('%s|ALTER TABLE %s DISABLE TRIGGER %I|ALTER TABLE %2$s ENABLE TRIGGER %1$I', tgname,
             tgrelid::regclass, tgname) FROM pg_trigger WHERE NOT tgisinternal"
        }
    };
    let rack = SessionFixture::new(engine);
    let objects = rack.texts(objects);
    assert!(objects.len() > 10, "{objects:?}");
    for object in objects {
        let [name, take, bring] = object.splitn(3, '|').collect::<Vec<_>>().try_into().unwrap();
        rack.break_with(take);
        let report = rack.doctor(true);
        assert_eq!(found(&report), [("missing trigger or index", None, false)], "{take}");
        assert!(report.breaches[0].detail.starts_with(&format!("{name} is missing")), "{report:?}");
        rack.execute(bring);
        assert!(rack.doctor(false).breaches.is_empty(), "{bring}");
    }
}

fn a_peers_session_without_a_user_is_no_breach(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let (user, stranger) = (rack.user.to_string(), "650e8400-e29b-41d4-a716-446655440000");
    for (sid, sess, year) in [
        ("visitor", "{\"cookie\":{}}".to_owned(), 2999),
        ("stranger", format!("{{\"userId\":\"{stranger}\"}}"), 2999),
        ("number", "{\"userId\":17}".to_owned(), 2999),
        ("over", format!("{{\"userId\":\"{user}\",\"status\":\"logout\"}}"), 2999),
        ("run out", format!("{{\"userId\":\"{user}\"}}"), 1999),
    ] {
        rack.break_unguarded(&format!(
            "INSERT INTO user_sessions VALUES ('{sid}', '{sess}', '{year}-01-01T00:00:00.000000Z')"
        ));
    }
    assert_eq!(found(&rack.doctor(false)), []);
}

fn the_doctor_looks_at_more_rows_than_one_query_reads(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let json = if engine == EngineKind::Postgres { "json" } else { "text" };
    let time = if engine == EngineKind::Postgres { "timestamp" } else { "text" };
    let user = rack.user;
    rack.break_unguarded(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2100)
         INSERT INTO user_sessions SELECT 'peer-' || (10000 + i), CAST('{{\"userId\":\"{user}\"}}' AS {json}),
         CAST('2999-01-01T00:00:00.000000Z' AS {time}) FROM n"
    ));
    assert_eq!(rack.doctor(false).breaches.len(), 2100);
}

/// SQLite has no way to take its unique index away.
#[test]
fn a_sid_that_is_there_twice_is_found_and_left() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let rack = SessionFixture::new(EngineKind::Postgres);
    let (first, second) = (rack.sign_in(), rack.sign_in());
    let (one, other) = (first.sid.expose(), second.sid.expose());
    rack.break_unguarded(&format!(
        "ALTER TABLE sessions DROP CONSTRAINT sessions_sid_key; DELETE FROM user_sessions WHERE sid = '{other}';
         UPDATE sessions SET sid = '{one}' WHERE sid = '{other}'"
    ));
    let report = rack.doctor(true);
    let shared: Vec<_> = report.breaches.iter().filter(|breach| breach.rule == "shared sid").collect();
    let mut ids: Vec<_> = shared.iter().filter_map(|breach| breach.session_id).collect();
    ids.sort_unstable();
    let mut expected = [first.id, second.id];
    expected.sort_unstable();
    assert_eq!(ids, expected);
    assert!(report.breaches.iter().any(|breach| breach.detail.starts_with("sessions_sid_key is missing")));
    assert!(!report.is_sound());
}
