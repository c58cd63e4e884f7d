//! Doctor: finds rows that break a rule, repairs them where a repair is safe, and reports nothing else. (After every
//! other test, [`SessionFixture`] checks that it reports nothing.)

use keyrack::sessions::{Report, SessionId};

use super::session_fixture::{MINUTE, SessionFixture};
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(
    active_session_without_data_is_ended,
    data_of_ended_session_is_deleted,
    end_without_time_or_reason_is_completed,
    active_session_with_an_end_is_only_reported,
    contradictory_times_are_only_reported,
    data_of_unknown_session_is_only_reported,
    peer_data_without_live_known_user_is_no_breach,
    unreadable_or_foreign_data_is_only_reported,
    missing_triggers_and_indexes_are_reported,
    peer_session_without_known_user_is_no_breach,
    doctor_reads_more_rows_than_one_page,
);

fn found(report: &Report) -> Vec<(&str, Option<SessionId>, bool)> {
    report.breaches.iter().map(|breach| (breach.rule, breach.session_id, breach.repaired)).collect()
}

/// Asserts that exactly this breach is reported, and repaired on request.
fn assert_repaired(fixture: &SessionFixture, rule: &str, id: SessionId) {
    let before = (fixture.rows("sessions", ""), fixture.rows("user_sessions", ""));
    let report = fixture.doctor(false);
    assert_eq!(found(&report), [(rule, Some(id), false)]);
    assert!(!report.is_sound());
    assert_eq!((fixture.rows("sessions", ""), fixture.rows("user_sessions", "")), before, "checking changes nothing");
    let report = fixture.doctor(true);
    assert_eq!(found(&report), [(rule, Some(id), true)]);
    assert!(report.is_sound());
    assert_eq!(found(&fixture.doctor(false)), []);
}

/// Asserts that exactly this breach is reported, and never repaired.
fn assert_only_reported(fixture: &SessionFixture, rule: &str, id: Option<SessionId>) {
    let before = (fixture.rows("sessions", ""), fixture.rows("user_sessions", ""));
    for repair in [false, true] {
        let report = fixture.doctor(repair);
        assert_eq!(found(&report), [(rule, id, false)]);
        assert!(!report.is_sound());
        assert_eq!((fixture.rows("sessions", ""), fixture.rows("user_sessions", "")), before);
    }
}

fn active_session_without_data_is_ended(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let (broken, sound) = (fixture.sign_in(), fixture.sign_in());
    fixture.break_unguarded(&format!("DELETE FROM user_sessions WHERE sid = '{}'", broken.sid.expose()));
    fixture.clock.advance(MINUTE);
    assert_repaired(&fixture, "active without data", broken.id);
    fixture.assert_ended(&broken, "signed_out", fixture.now());
    assert!(fixture.is_alive(&sound.sid));
}

fn data_of_ended_session_is_deleted(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let (broken, sound) = (fixture.sign_in(), fixture.sign_in());
    let at = fixture.now().to_iso_micros();
    fixture.break_unguarded(&format!(
        "UPDATE sessions SET status = 'logged_out', end_reason = 'revoked', logged_out_at = '{at}' WHERE id = '{}'",
        broken.id
    ));
    assert!(fixture.data(&broken.sid).is_some() && !fixture.is_alive(&broken.sid));
    assert_repaired(&fixture, "data of an ended session", broken.id);
    fixture.assert_ended(&broken, "revoked", fixture.now());
    assert!(fixture.is_alive(&sound.sid));
}

fn end_without_time_or_reason_is_completed(engine: EngineKind) {
    for gap in ["logged_out_at = NULL", "end_reason = NULL", "logged_out_at = NULL, end_reason = NULL"] {
        let fixture = SessionFixture::new(engine);
        let started = fixture.sign_in();
        fixture.clock.advance(MINUTE);
        wait(fixture.sessions().sign_out(&started.sid)).unwrap();
        fixture.break_with(&format!("UPDATE sessions SET {gap}"));
        assert_repaired(&fixture, "end without time or reason", started.id);
        fixture.assert_ended(&started, "signed_out", fixture.now());
    }
}

fn active_session_with_an_end_is_only_reported(engine: EngineKind) {
    for mark in ["logged_out_at = expires_at", "end_reason = 'revoked'"] {
        let fixture = SessionFixture::new(engine);
        let started = fixture.sign_in();
        fixture.break_with(&format!("UPDATE sessions SET {mark}"));
        assert_only_reported(&fixture, "active with an end", Some(started.id));
    }
}

fn contradictory_times_are_only_reported(engine: EngineKind) {
    for column in ["expires_at", "last_seen_at", "logged_out_at"] {
        let fixture = SessionFixture::new(engine);
        let started = fixture.sign_in();
        wait(fixture.sessions().sign_out(&started.sid)).unwrap();
        fixture.break_with(&format!("UPDATE sessions SET {column} = '2026-01-28T11:50:13.999999Z'"));
        assert_only_reported(&fixture, "contradictory times", Some(started.id));
    }
}

fn data_of_unknown_session_is_only_reported(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    fixture.database().adopt_peers();
    let sess = format!(r#"{{"cookie":{{}},"userId":"{}","status":"login"}}"#, fixture.user);
    fixture.break_unguarded(&format!(
        "INSERT INTO user_sessions VALUES ('foreign', '{sess}', '2999-01-01T00:00:00.000000Z')"
    ));
    assert_only_reported(&fixture, "data of an unknown session", None);
}

fn peer_data_without_live_known_user_is_no_breach(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let (user, later, stranger) = (fixture.user, "2999-01-01", "1e8b5b6a-0000-4000-8000-000000000000");
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
        fixture.break_unguarded(&format!(
            "INSERT INTO user_sessions VALUES ('foreign {index}', '{sess}', '{day}T00:00:00.000000Z')"
        ));
    }
    let report = wait(fixture.sessions().doctor(false)).unwrap();
    assert!(report.breaches.is_empty(), "{:?}", report.breaches);
}

fn unreadable_or_foreign_data_is_only_reported(engine: EngineKind) {
    for (sess, rule) in [
        ("[]", "unreadable data"),
        ("17", "unreadable data"),
        (r#"{"userId":"650e8400-e29b-41d4-a716-446655440000"}"#, "data of another user"),
        ("{}", "data of another user"),
    ] {
        let fixture = SessionFixture::new(engine);
        let started = fixture.sign_in();
        fixture.break_with(&format!("UPDATE user_sessions SET sess = '{sess}'"));
        assert_only_reported(&fixture, rule, Some(started.id));
    }
}

fn missing_triggers_and_indexes_are_reported(engine: EngineKind) {
    // Name, statement that drops it, and statement that restores it, separated by `|`.
    let objects = match engine {
        EngineKind::Sqlite => {
            "SELECT name || '|DROP ' || type || ' \"' || name || '\"|' || sql AS v FROM sqlite_master
             WHERE type IN ('trigger', 'index') AND sql IS NOT NULL"
        }
        EngineKind::Postgres => {
            "SELECT format('%s|DROP INDEX %I|%s', relname, relname, pg_get_indexdef(i.oid)) AS v
             FROM pg_index JOIN pg_class i ON i.oid = indexrelid WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
             AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.oid)
             UNION ALL SELECT format('%s|DROP TRIGGER %I ON %s|%s', tgname, tgname, tgrelid::regclass,
             pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
             UNION ALL SELECT format('%s|ALTER TABLE %s DISABLE TRIGGER %I|ALTER TABLE %2$s ENABLE TRIGGER %1$I', tgname,
             tgrelid::regclass, tgname) FROM pg_trigger WHERE NOT tgisinternal"
        }
    };
    let fixture = SessionFixture::new(engine);
    let objects = fixture.texts(objects);
    assert!(objects.len() > 10, "{objects:?}");
    for object in objects {
        let [name, drop, restore] = object.splitn(3, '|').collect::<Vec<_>>().try_into().unwrap();
        fixture.break_with(drop);
        let is_trigger = drop.to_uppercase().contains("TRIGGER");
        assert_eq!(found(&fixture.doctor(false)), [("missing trigger or index", None, false)], "{drop}");
        let report = fixture.doctor(true);
        assert_eq!(found(&report), [("missing trigger or index", None, is_trigger)], "{drop}");
        assert!(report.breaches[0].detail.starts_with(&format!("{name} is ")), "{report:?}");
        if !is_trigger {
            fixture.execute(restore);
        }
        assert!(fixture.doctor(false).breaches.is_empty(), "{restore}");
    }
}

fn peer_session_without_known_user_is_no_breach(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let (user, stranger) = (fixture.user.to_string(), "650e8400-e29b-41d4-a716-446655440000");
    for (sid, sess, year) in [
        ("visitor", "{\"cookie\":{}}".to_owned(), 2999),
        ("stranger", format!("{{\"userId\":\"{stranger}\"}}"), 2999),
        ("number", "{\"userId\":17}".to_owned(), 2999),
        ("over", format!("{{\"userId\":\"{user}\",\"status\":\"logout\"}}"), 2999),
        ("expired", format!("{{\"userId\":\"{user}\"}}"), 1999),
    ] {
        fixture.break_unguarded(&format!(
            "INSERT INTO user_sessions VALUES ('{sid}', '{sess}', '{year}-01-01T00:00:00.000000Z')"
        ));
    }
    assert_eq!(found(&fixture.doctor(false)), []);
}

fn doctor_reads_more_rows_than_one_page(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    fixture.database().adopt_peers();
    let json = if engine == EngineKind::Postgres { "json" } else { "text" };
    let time = if engine == EngineKind::Postgres { "timestamp" } else { "text" };
    let user = fixture.user;
    fixture.break_unguarded(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2100)
         INSERT INTO user_sessions SELECT 'peer-' || (10000 + i), CAST('{{\"userId\":\"{user}\"}}' AS {json}),
         CAST('2999-01-01T00:00:00.000000Z' AS {time}) FROM n"
    ));
    assert_eq!(fixture.doctor(false).breaches.len(), 2100);
}

/// PostgreSQL only: SQLite cannot drop the unique index.
#[test]
fn shared_sid_is_only_reported() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let (first, second) = (fixture.sign_in(), fixture.sign_in());
    let (one, other) = (first.sid.expose(), second.sid.expose());
    fixture.break_unguarded(&format!(
        "ALTER TABLE sessions DROP CONSTRAINT sessions_sid_key; DELETE FROM user_sessions WHERE sid = '{other}';
         UPDATE sessions SET sid = '{one}' WHERE sid = '{other}'"
    ));
    let report = fixture.doctor(true);
    let shared: Vec<_> = report.breaches.iter().filter(|breach| breach.rule == "shared sid").collect();
    let mut ids: Vec<_> = shared.iter().filter_map(|breach| breach.session_id).collect();
    ids.sort_unstable();
    let mut expected = [first.id, second.id];
    expected.sort_unstable();
    assert_eq!(ids, expected);
    assert!(report.breaches.iter().any(|breach| breach.detail.starts_with("sessions_sid_key is missing")));
    assert!(!report.is_sound());
}
