//! SQLite's REPLACE deletes the rows that have the key of the new one, and fires no trigger for that.

use std::collections::BTreeSet;

use crate::{
    sessions::session_fixture::{EMAIL, SessionFixture},
    support::{EngineKind, wait},
};

const TABLES: [&str; 5] = ["security_events", "sessions", "user_sessions", "users", "keyrack_settings"];

/// Writes the ids out that the statements below abbreviate: `s1` to `s9`.
fn with_ids(sql: &str) -> String {
    (1..10).fold(sql.to_owned(), |sql, n| {
        sql.replace(&format!("'s{n}'"), &format!("'550e8400-e29b-41d4-a716-44665544000{n}'"))
    })
}

/// Two sessions with the ids `s1` and `s2` and the sids `sid-1` and `sid-2`, and another user.
fn fixture() -> SessionFixture {
    let fixture = SessionFixture::new(EngineKind::Sqlite);
    fixture.add_user("other@example.com");
    for number in [1, 2] {
        fixture.execute(&with_ids(&format!(
            "INSERT INTO sessions (id, sid, user_id, expires_at, form_id)
             VALUES ('s{number}', 'sid-{number}', '{user}', '2999-01-01', 'form-{number}');
             INSERT INTO user_sessions (sid, sess, expire)
             VALUES ('sid-{number}', '{{\"userId\":\"{user}\",\"status\":\"login\"}}', '2998-01-01')",
            user = fixture.user
        )));
    }
    fixture.execute("INSERT INTO keyrack_settings (name, value) VALUES ('peers', 'none')");
    fixture
}

fn snapshot(fixture: &SessionFixture) -> Vec<Vec<serde_json::Value>> {
    TABLES.iter().map(|table| fixture.rows(table, "ORDER BY rowid")).collect()
}

/// The statement of each attack, with `$user` for a user's id.
const REFUSED: [&str; 31] = [
    "REPLACE INTO security_events (id, kind, actor) VALUES (1, 'x', 'system')",
    "INSERT OR REPLACE INTO security_events (id, kind, actor) VALUES ('1', 'x', 'system')",
    "INSERT OR REPLACE INTO security_events (rowid, kind, actor) VALUES (1, 'x', 'system')",
    "REPLACE INTO security_events (_rowid_, kind, actor) SELECT oid, 'x', 'system' FROM security_events",
    "REPLACE INTO security_events SELECT id, 0, at, 'x', user_id, session_id, actor, ip_address, detail FROM security_events",
    "INSERT OR IGNORE INTO security_events (id, kind, actor) VALUES (1, 'x', 'system')",
    "INSERT INTO security_events (id, kind, actor) VALUES (-1, 'x', 'system')",
    "INSERT INTO security_events (id, kind, actor) VALUES (0, 'x', 'system')",
    "UPDATE OR REPLACE security_events SET id = 1 WHERE id = 2",
    "UPDATE OR IGNORE security_events SET kind = 'x'",
    "REPLACE INTO sessions (id, sid, user_id, expires_at) VALUES ('s1', 'sid-9', '$user', '2999-01-01')",
    "REPLACE INTO sessions (id, sid, user_id, expires_at) VALUES ('s9', 'sid-1', '$user', '2999-01-01')",
    "REPLACE INTO sessions (rowid, sid, user_id, expires_at) VALUES (1, 'sid-9', '$user', '2999-01-01')",
    "INSERT OR REPLACE INTO sessions (id, sid, user_id, expires_at) VALUES ('s9', 'sid-9', '$user', '2999-01-01'),
         ('s1', 'sid-2', '$user', '2999-01-01')",
    "INSERT OR REPLACE INTO sessions (id, sid, user_id, expires_at) VALUES ('s1', 'sid-9', '$user', '2999-01-01')
         ON CONFLICT (sid) DO NOTHING",
    "INSERT INTO sessions (rowid, sid, user_id, expires_at) VALUES (-1, 'sid-9', '$user', '2999-01-01')",
    "REPLACE INTO sessions (sid, user_id, expires_at, form_id) VALUES ('sid-9', '$user', '2999-01-01', 'form-1')",
    "UPDATE OR REPLACE sessions SET form_id = 'form-2' WHERE id = 's1'",
    "UPDATE OR REPLACE sessions SET sid = 'sid-2' WHERE id = 's1'",
    "UPDATE OR REPLACE sessions SET id = 's2' WHERE id = 's1'",
    "UPDATE OR REPLACE sessions SET _rowid_ = 2 WHERE id = 's1'",
    "REPLACE INTO user_sessions (rowid, sid, sess, expire) VALUES (1, 'sid-9', '{}', '2998-01-01')",
    "REPLACE INTO user_sessions (oid, sid, sess, expire) VALUES (2, 'sid-1', '{}', '2998-01-01')",
    "INSERT INTO user_sessions (rowid, sid, sess, expire) VALUES (-1, 'sid-9', '{}', '2998-01-01')",
    "UPDATE OR REPLACE user_sessions SET sid = 'sid-2' WHERE sid = 'sid-1'",
    "UPDATE OR REPLACE user_sessions SET oid = 2 WHERE sid = 'sid-1'",
    "REPLACE INTO users (id, email, role) SELECT id, email, 'admin' FROM users",
    "REPLACE INTO users (email, role) VALUES ('OTHER@example.com', 'admin')",
    "UPDATE OR REPLACE users SET email = 'Other@Example.com' WHERE id = '$user'",
    "REPLACE INTO keyrack_settings (name, value) VALUES ('peers', 'express')",
    "UPDATE OR REPLACE keyrack_settings SET name = 'peers', value = 'express' WHERE name = 'set_up_at'",
];

#[test]
fn replace_that_would_pass_by_a_rule_is_refused() {
    let fixture = fixture();
    let before = snapshot(&fixture);
    for recursive in ["", "PRAGMA recursive_triggers = ON; ", "PRAGMA foreign_keys = OFF; "] {
        for attack in REFUSED {
            let sql = with_ids(&format!("{recursive}{}", attack.replace("$user", &fixture.user.to_string())));
            assert!(fixture.try_execute(&sql).is_err(), "{sql}");
            assert_eq!(snapshot(&fixture), before, "{sql}");
        }
    }
    assert!(wait(fixture.sessions().doctor(false)).unwrap().is_sound());
}

#[test]
fn statements_that_replace_no_row_work_as_before() {
    let fixture = fixture();
    let user = fixture.user;
    let before = snapshot(&fixture);
    let values = format!("(id, sid, user_id, expires_at) VALUES ('s1', 'sid-1', '{user}', '2999-01-01')");
    for sql in [
        format!("INSERT OR IGNORE INTO sessions {values}"),
        format!("INSERT INTO sessions {values} ON CONFLICT DO NOTHING"),
        format!("INSERT INTO sessions {values} ON CONFLICT (sid) DO UPDATE SET ip_address = ip_address"),
        format!("INSERT OR IGNORE INTO users (email) VALUES ('{EMAIL}'), ('OTHER@example.com')"),
        format!("INSERT INTO users (id, email) VALUES ('{user}', 'x') ON CONFLICT (id) DO UPDATE SET email = email"),
        "INSERT OR IGNORE INTO keyrack_settings (name, value) VALUES ('peers', 'express')".to_owned(),
        "UPDATE sessions SET sid = sid, id = id; UPDATE users SET email = email".to_owned(),
    ] {
        fixture.execute(&with_ids(&sql));
        assert_eq!(snapshot(&fixture), before, "{sql}");
    }
    // A conflict that was passed over does not count against the next row.
    fixture.execute(&with_ids(&format!(
        "INSERT OR IGNORE INTO sessions {values};
         INSERT OR REPLACE INTO sessions (id, sid, user_id, expires_at) VALUES ('s3', 'sid-3', '{user}', '2999-01-01');
         INSERT INTO user_sessions (sid, sess, expire)
         VALUES ('sid-3', '{{\"userId\":\"{user}\",\"status\":\"login\"}}', '2998-01-01');
         INSERT INTO keyrack_settings (name, value) VALUES ('peers', 'express')
         ON CONFLICT (name) DO UPDATE SET value = 'express'"
    )));
    assert_eq!(fixture.count("sessions", "WHERE status = 'active'"), 3);
    assert_eq!(fixture.count("conflicting_inserts", "WHERE table_name = 'sessions'"), 0);
}

/// As an upsert does, which is what connect-pg-simple sends.
#[test]
fn replaced_data_obeys_the_rules_of_changed_data() {
    let fixture = fixture();
    let user = fixture.user;
    let sess = format!("{{\"userId\":\"{user}\",\"status\":\"login\",\"step\":2}}");
    let replace = |sid: &str| {
        fixture.execute(&format!(
            "REPLACE INTO user_sessions (sid, sess, expire) VALUES ('{sid}', '{sess}', '3999-01-01')"
        ));
    };
    replace("sid-1");
    let data = fixture.rows("user_sessions", "WHERE sid = 'sid-1'").remove(0);
    assert_eq!((&data["sess"]["step"], &data["expire"]), (&2.into(), &"2999-01-01T00:00:00.000000Z".into()));
    assert_eq!(fixture.count("sessions", "WHERE status = 'active'"), 2);
    fixture.execute("UPDATE sessions SET status = 'logged_out' WHERE sid = 'sid-2'");
    replace("sid-2");
    assert_eq!(fixture.count("user_sessions", "WHERE sid = 'sid-2'"), 0);
}

/// A rule that is added to another table needs the same guard.
#[test]
fn every_table_with_rules_for_deletions_or_changes_refuses_replace() {
    let fixture = fixture();
    let tables = |condition: &str| -> BTreeSet<String> {
        let query =
            format!("SELECT DISTINCT tbl_name AS v FROM sqlite_master WHERE type = 'trigger' AND ({condition})");
        fixture.texts(&query).into_iter().collect()
    };
    let with_rules = tables("sql LIKE '%BEFORE DELETE%' OR sql LIKE '%AFTER DELETE%' OR sql LIKE '%BEFORE UPDATE%'");
    assert_eq!(with_rules, TABLES.map(str::to_owned).into());
    assert_eq!(tables("name LIKE 'keyrack_refuse_replaced_%'"), with_rules);
}
