//! Rows that Keyrack can't read: SQLite refuses them, and those that are there already hide no others.

use super::session_fixture::{EMAIL, HOUR, SessionFixture};
use crate::support::{EngineKind, PASSWORD, Program, wait};

const OTHER: &str = "priya.sharma@example.com";

/// Changes of rows of one user, SID being the sid of one of their sessions, and the column that can't be read then.
const CHANGES: [(&str, &str); 19] = [
    ("sessions.id", "UPDATE sessions SET id = 'no UUID' WHERE sid = 'SID'"),
    ("sessions.id", "UPDATE sessions SET id = upper(id) WHERE sid = 'SID'"),
    ("sessions.id", "UPDATE sessions SET id = x'00ff' WHERE sid = 'SID'"),
    ("sessions.created_at", "UPDATE sessions SET created_at = 'yesterday' WHERE sid = 'SID'"),
    ("sessions.created_at", "UPDATE sessions SET created_at = '2026-02-30T11:50:14.000000Z' WHERE sid = 'SID'"),
    ("sessions.updated_at", "UPDATE sessions SET updated_at = 17 WHERE sid = 'SID'"),
    ("sessions.last_seen_at", "UPDATE sessions SET last_seen_at = x'' WHERE sid = 'SID'"),
    ("sessions.last_seen_at", "UPDATE sessions SET last_seen_at = '2026-01-29 11:50:14' WHERE sid = 'SID'"),
    ("sessions.expires_at", "UPDATE sessions SET expires_at = '9999-99-99T99:99:99.999999Z' WHERE sid = 'SID'"),
    ("sessions.expires_at", "UPDATE sessions SET expires_at = x'ff' WHERE sid = 'SID'"),
    ("sessions.authenticated_at", "UPDATE sessions SET authenticated_at = 'never' WHERE sid = 'SID'"),
    ("sessions.logged_out_at", "UPDATE sessions SET logged_out_at = 'z' WHERE status = 'logged_out'"),
    ("sessions.id", "UPDATE sessions SET id = 'z' WHERE status = 'logged_out'"),
    ("user_sessions.expire", "UPDATE user_sessions SET expire = 'z' WHERE sid = 'SID'"),
    ("known_browsers.created_at", "UPDATE known_browsers SET created_at = 'z'"),
    ("known_browsers.session_id", "UPDATE known_browsers SET session_id = 'z'"),
    ("users.created_at", "UPDATE users SET created_at = 'z' WHERE email = 'OTHER'"),
    ("users.disabled_at", "UPDATE users SET disabled_at = '2026-01-29 11:50:14' WHERE email = 'OTHER'"),
    ("users.id", "UPDATE users SET id = 'z' WHERE email = 'OTHER'"),
];

/// Runs `check` for each change, with a fixture whose user has that session, another one and an ended one.
fn with_each(check: impl Fn(&SessionFixture, &str, &str)) {
    for (column, change) in CHANGES {
        let fixture = SessionFixture::new(EngineKind::Sqlite);
        fixture.add_user(OTHER);
        let broken = fixture.sign_in();
        let ended = fixture.sign_in();
        wait(fixture.sessions().sign_out(&ended.sid)).unwrap();
        fixture.signed_in(EMAIL);
        let change = change.replace("SID", broken.sid.expose()).replace("OTHER", OTHER);
        fixture.break_unguarded(&change);
        check(&fixture, column, &change);
    }
}

#[test]
fn unreadable_row_hides_no_other_row() {
    with_each(|fixture, column, change| {
        let mut browser = fixture.signed_in(EMAIL);
        for path in ["/account/sessions", "/account/sessions?show=ended", "/api/sessions", "/account/activity"] {
            let answer = browser.get(path);
            assert_eq!(answer.status, 200, "{change}: {path}: {}", answer.body);
        }
        let id = browser.session_id();
        assert!(browser.get("/api/sessions").body.contains(&id), "{change}");
        let program = Program::new(fixture.database());
        assert!(program.done(&["session", "list"]).contains(&id), "{change}");
        assert!(program.done(&["session", "list", "--user", EMAIL, "--json"]).contains(&id), "{change}");
        program.done(&["session", "list", "--ended"]);
        assert!(program.done(&["user", "list"]).contains(EMAIL), "{change}");
        program.done(&["events"]);
        let report = program.run(&["doctor"]);
        let named = format!("unreadable value: {column} is not ");
        assert!(report.status == 1 && report.out.contains(&named), "{change}: {report:?}");
        program.run(&["doctor", "--repair"]);
    });
}

#[test]
fn unreadable_session_does_not_keep_the_others_from_ending() {
    with_each(|fixture, _, change| {
        let mut browser = fixture.signed_in(EMAIL);
        let other = fixture.sign_in();
        let revoked = browser.post_from("/account/sessions", "/account/sessions/revoke-others", &[]);
        assert_eq!(revoked.status, 303, "{change}: {}", revoked.body);
        assert!(!fixture.is_alive(&other.sid), "{change}");
        assert!(browser.is_signed_in(), "{change}");
        fixture.clock.advance(HOUR);
        fixture.purge();
        assert!(browser.is_signed_in(), "{change}");
        fixture.clock.advance(HOUR * 24);
        fixture.purge();
        assert_eq!(fixture.browser().sign_in(EMAIL, PASSWORD).status, 303, "{change}");
        Program::new(fixture.database()).done(&["user", "disable", EMAIL]);
        let left = "WHERE status = 'active' AND id IN (SELECT session_id FROM security_events WHERE kind = 'signed_in')
                    AND length(id) = 36 AND id = lower(id)";
        assert_eq!(fixture.count("sessions", left), 0, "{change}");
    });
}

/// The value of a column that a statement leaves alone is no reason to refuse the statement.
#[test]
fn session_with_an_unreadable_time_can_be_ended() {
    for column in ["created_at", "updated_at", "last_seen_at", "expires_at", "authenticated_at"] {
        let fixture = SessionFixture::new(EngineKind::Sqlite);
        let started = fixture.sign_in();
        let (id, sid) = (started.id, started.sid.expose());
        fixture.break_unguarded(&format!("UPDATE sessions SET {column} = 'yesterday' WHERE id = '{id}'"));
        let program = Program::new(fixture.database());
        program.done(&["session", "revoke", &id.to_string()]);
        let status = fixture.text(&format!("SELECT status AS v FROM sessions WHERE id = '{id}'"));
        assert_eq!(status, "logged_out", "{column}");
        assert_eq!(fixture.count("user_sessions", &format!("WHERE sid = '{sid}'")), 0, "{column}");
        assert_eq!(fixture.count("security_events", "WHERE kind = 'session_ended'"), 1, "{column}");
    }
}

/// One without a readable id can be ended by the seed's own statement.
#[test]
fn session_with_an_unreadable_id_can_be_ended_by_plain_sql() {
    let fixture = SessionFixture::new(EngineKind::Sqlite);
    let started = fixture.sign_in();
    let sid = started.sid.expose();
    fixture.break_unguarded(&format!("UPDATE sessions SET id = 'no UUID' WHERE sid = '{sid}'"));
    fixture.execute(&format!("UPDATE sessions SET status = 'logged_out' WHERE sid = '{sid}'"));
    assert_eq!(fixture.count("user_sessions", &format!("WHERE sid = '{sid}'")), 0);
    let ended = fixture.rows("security_events", "WHERE kind = 'session_ended'");
    assert_eq!((ended.len(), &ended[0]["session_id"]), (1, &serde_json::Value::Null));
}

#[test]
fn unreadable_values_are_refused() {
    let fixture = SessionFixture::new(EngineKind::Sqlite);
    let started = fixture.sign_in();
    let before = fixture.rows("sessions", "");
    for value in ["'yesterday'", "''", "x'00'", "17000000000000", "'2026-01-29T25:00:00.000000Z'"] {
        for column in ["expires_at", "created_at", "updated_at", "last_seen_at"] {
            let change = format!("UPDATE sessions SET {column} = {value} WHERE id = '{}'", started.id);
            assert!(fixture.try_execute(&change).is_err(), "{change}");
        }
        assert!(fixture.try_execute(&format!("UPDATE user_sessions SET expire = {value}")).is_err(), "{value}");
        for column in ["created_at", "password_changed_at", "disabled_at"] {
            assert!(fixture.try_execute(&format!("UPDATE users SET {column} = {value}")).is_err(), "{column} {value}");
        }
    }
    for id in ["'no UUID'", "x'00'", "upper(id)", "replace(id, '-', '')", "'{' || id || '}'"] {
        assert!(fixture.try_execute(&format!("UPDATE sessions SET id = {id}")).is_err(), "{id}");
        let inserted = format!(
            "INSERT INTO sessions (id, sid, user_id, expires_at) SELECT {id}, 'another', user_id, expires_at FROM sessions"
        );
        assert!(fixture.try_execute(&inserted).is_err(), "{id}");
        let user = format!("INSERT INTO users (id, email) SELECT {id}, 'b@example.com' FROM sessions");
        assert!(fixture.try_execute(&user).is_err(), "{id}");
    }
    assert_eq!(fixture.rows("sessions", ""), before);
}

/// As PostgreSQL reads them.
#[test]
fn times_of_users_in_other_formats_are_rewritten() {
    let fixture = SessionFixture::new(EngineKind::Sqlite);
    for value in ["datetime('2026-01-29 11:50:14')", "'2026-01-29T12:50:14+01:00'", "'2026-01-29 11:50:14.0000000'"] {
        fixture.execute(&format!("UPDATE users SET disabled_at = {value}"));
        assert_eq!(fixture.text("SELECT disabled_at AS v FROM users"), "2026-01-29T11:50:14.000000Z", "{value}");
        assert_eq!(fixture.browser().sign_in(EMAIL, PASSWORD).status, 401);
        fixture.execute("UPDATE users SET disabled_at = NULL");
    }
    fixture.execute("UPDATE sessions SET created_at = '2026-02-30T11:50:14.000000Z'");
    assert_eq!(fixture.browser().sign_in(EMAIL, PASSWORD).status, 303);
}
