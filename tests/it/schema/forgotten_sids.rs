//! Sids stay dead after the history of their sessions was deleted, and whichever statement deleted it.

use std::time::Duration;

use keyrack::clock::Clock;

use super::peer::{Peer, USER};
use crate::support::{EngineKind, TestApp, on_both_engines, wait};

on_both_engines!(
    late_upsert_after_purge_of_history_revives_nothing,
    former_sid_stays_dead_after_purge_of_history,
    emptying_the_table_of_data_ends_every_session,
    emptying_the_table_of_sessions_revives_nothing,
    remembered_sid_is_forgotten_when_no_cookie_can_have_it,
    session_of_disabled_user_stays_dead_when_enabled,
);

const HOUR: Duration = Duration::from_secs(3600);

fn sess() -> String {
    format!(r#"{{"cookie":{{}},"userId":"{USER}","status":"login"}}"#)
}

/// An instance that deletes history a second after its session's end.
fn instance(peer: &Peer) -> TestApp {
    TestApp::over(&peer.0, Clock::fixed(Clock::System.now()), |config| {
        config.policy.history_retention = Duration::from_secs(1);
    })
}

/// Deletes the history of all ended sessions.
fn purge(app: &TestApp) {
    app.clock.advance(Duration::from_secs(2));
    wait(app.keyrack.sessions().purge(|_| ())).unwrap();
}

/// Whether a request with this sid is signed in, after a peer has written its data as it remembers it, and extended it.
fn is_revived(peer: &Peer, app: &TestApp, sid: &str) -> bool {
    let expire = app.clock.now() + HOUR;
    peer.set(sid, &sess(), expire);
    peer.touch(sid, expire + HOUR);
    let sid = keyrack::sessions::Sid::from_trusted(sid);
    wait(app.keyrack.sessions().resume(&sid)).unwrap().is_some()
}

fn late_upsert_after_purge_of_history_revives_nothing(engine: EngineKind) {
    let peer = Peer::new(engine);
    let app = instance(&peer);
    let now = app.clock.now();
    peer.sign_in("signed-out", now + HOUR, now + HOUR);
    peer.sign_in("destroyed", now + HOUR, now + HOUR);
    peer.sign_in("without-absolute-expiry", now + HOUR, keyrack::clock::Timestamp::MAX);
    peer.end("signed-out");
    peer.end("without-absolute-expiry");
    peer.destroy("destroyed");
    purge(&app);
    assert_eq!(peer.0.count("sessions", ""), 0);
    for sid in ["signed-out", "destroyed", "without-absolute-expiry"] {
        assert!(!is_revived(&peer, &app, sid), "{sid}");
        assert!(!peer.has_data(sid), "{sid}");
    }
    assert_eq!(peer.0.count("sessions", ""), 0);
    assert!(engine == EngineKind::Sqlite || is_revived(&peer, &app, "a-new-one"), "others are adopted");
}

fn former_sid_stays_dead_after_purge_of_history(engine: EngineKind) {
    let peer = Peer::new(engine);
    let app = instance(&peer);
    let user = USER.parse().unwrap();
    let first = wait(app.keyrack.sessions().start(keyrack::sessions::NewSession::of(user))).unwrap();
    let second = wait(app.keyrack.sessions().rotate(&first.sid, keyrack::sessions::DataPatch::default())).unwrap();
    wait(app.keyrack.sessions().sign_out(&second.sid)).unwrap();
    purge(&app);
    assert_eq!(peer.0.count("sessions", "") + peer.0.count("replaced_sids", ""), 0);
    for sid in [first.sid.expose(), second.sid.expose()] {
        assert!(!is_revived(&peer, &app, sid));
    }
}

fn emptying_the_table_of_data_ends_every_session(engine: EngineKind) {
    let peer = Peer::new(engine);
    let app = instance(&peer);
    let now = app.clock.now();
    peer.sign_in("live", now + HOUR, now + HOUR);
    peer.sign_in("expired", now - Duration::from_secs(5), now + HOUR);
    peer.0.execute("UPDATE sessions SET created_at = '2026-01-28T11:50:14.000000Z'");
    peer.0.execute(match engine {
        EngineKind::Postgres => "TRUNCATE user_sessions",
        EngineKind::Sqlite => "DELETE FROM user_sessions",
    });
    assert_eq!(peer.0.count("user_sessions", ""), 0);
    for (sid, reason) in [("live", "signed_out"), ("expired", "idle_timeout")] {
        assert_eq!(peer.session(sid, "status"), "logged_out");
        assert_eq!(peer.session(sid, "end_reason"), reason);
        assert!(!is_revived(&peer, &app, sid), "{sid}");
    }
    assert!(wait(app.keyrack.sessions().doctor(false)).unwrap().breaches.is_empty());
}

fn emptying_the_table_of_sessions_revives_nothing(engine: EngineKind) {
    let statements: &[&str] = match engine {
        EngineKind::Postgres => &["TRUNCATE sessions CASCADE", "TRUNCATE users CASCADE"],
        EngineKind::Sqlite => &["DELETE FROM sessions; DELETE FROM sessions", "DELETE FROM users"],
    };
    for statement in statements {
        let peer = Peer::new(engine);
        let app = instance(&peer);
        let now = app.clock.now();
        for sid in ["live", "ended", "replacing"] {
            peer.sign_in(sid, now + HOUR, now + HOUR);
        }
        peer.end("ended");
        peer.0.execute(
            "INSERT INTO replaced_sids (sid, session_id) SELECT 'replaced', id FROM sessions WHERE sid = 'replacing'",
        );
        peer.0.execute(statement);
        assert_eq!(peer.0.count("sessions", "") + peer.0.count("user_sessions", ""), 0, "{statement}");
        let user = format!("INSERT INTO users (id, email) VALUES ('{USER}', 'rajat.verma@example.com')");
        peer.0.execute(&format!("{user} ON CONFLICT DO NOTHING"));
        for sid in ["live", "ended", "replacing", "replaced"] {
            assert!(!is_revived(&peer, &app, sid), "{statement}: {sid}");
        }
        assert_eq!(peer.0.count("sessions", ""), 0, "{statement}");
    }
}

fn remembered_sid_is_forgotten_when_no_cookie_can_have_it(engine: EngineKind) {
    let peer = Peer::new(engine);
    let app = instance(&peer);
    let now = app.clock.now();
    peer.sign_in("s", now + HOUR, now + HOUR);
    peer.end("s");
    purge(&app);
    assert_eq!(peer.0.count("ended_sids", ""), 1);
    app.clock.advance(HOUR * 23);
    purge(&app);
    assert_eq!(peer.0.count("ended_sids", ""), 1);
    app.clock.advance(HOUR * 24 * 401);
    purge(&app);
    assert_eq!(peer.0.count("ended_sids", ""), 0);
}

fn session_of_disabled_user_stays_dead_when_enabled(engine: EngineKind) {
    let peer = Peer::new(engine);
    let app = instance(&peer);
    let now = app.clock.now();
    let email = "rajat.verma@example.com".parse().unwrap();
    let accounts = app.keyrack.accounts();
    wait(accounts.disable(&email)).unwrap();
    // A guest's data that gets its user, data of a new sid, and rows of both tables, as plain SQL may write them.
    peer.set("guest", r#"{"cookie":{}}"#, now + HOUR);
    peer.set("guest", &sess(), now + HOUR);
    peer.set("new", &sess(), now + HOUR);
    peer.sign_in("both-rows", now + HOUR, now + HOUR);
    if engine == EngineKind::Postgres {
        assert_eq!(peer.session("new", "end_reason"), "account_disabled");
        assert!(!peer.has_data("new") && !peer.has_data("guest"));
    }
    assert!(wait(app.keyrack.sessions().doctor(false)).unwrap().breaches.is_empty() || engine == EngineKind::Sqlite);
    for enabling in ["by command", "by SQL"] {
        let both_rows = format!("both rows before {enabling}");
        peer.0.execute("UPDATE users SET disabled_at = '2026-11-26T00:00:00.000000Z'");
        peer.sign_in(&both_rows, now + HOUR, now + HOUR);
        if enabling == "by command" {
            wait(accounts.enable(&email)).unwrap();
        } else {
            peer.0.execute("UPDATE users SET disabled_at = NULL");
        }
        for sid in ["guest", "new", "both-rows", &both_rows] {
            // On SQLite, data without a session stays, and signs in no user.
            if engine == EngineKind::Sqlite && matches!(sid, "guest" | "new") {
                continue;
            }
            assert!(!is_revived(&peer, &app, sid), "{enabling}: {sid}");
        }
        assert_eq!(peer.0.count("sessions", "WHERE status = 'active'"), 0, "{enabling}");
        // Enabling a user who is enabled ends nothing.
        let sid = format!("signed in {enabling}");
        peer.sign_in(&sid, now + HOUR, now + HOUR);
        wait(accounts.enable(&email)).unwrap();
        assert!(is_revived(&peer, &app, &sid), "{enabling}");
        peer.end(&sid);
    }
}

/// Data of a disabled user that was written before the triggers, or while sessions of peers were not adopted.
#[test]
fn adopting_ends_data_of_disabled_users() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let peer = Peer::new(EngineKind::Postgres);
    let app = instance(&peer);
    peer.0.execute(&format!(
        "ALTER TABLE user_sessions DISABLE TRIGGER USER;
         INSERT INTO user_sessions VALUES ('touched', '{0}', now() + interval '1 hour'),
             ('untouched', '{0}', now() + interval '1 hour');
         ALTER TABLE user_sessions ENABLE TRIGGER USER;
         UPDATE users SET disabled_at = now()",
        sess()
    ));
    assert!(!peer.touch("touched", Clock::System.now() + HOUR * 2));
    assert!(!peer.has_data("touched"));
    assert_eq!(wait(app.keyrack.sessions().adopt(false, |_| ())).unwrap().disabled, 1);
    assert_eq!(wait(app.keyrack.sessions().adopt(true, |_| ())).unwrap().disabled, 1);
    assert!(!peer.has_data("untouched"));
    peer.0.execute("UPDATE users SET disabled_at = NULL");
    for sid in ["touched", "untouched"] {
        assert!(!is_revived(&peer, &app, sid), "{sid}");
        assert_eq!(peer.session(sid, "end_reason"), "account_disabled");
    }
}

/// A role may be allowed to empty its own table.
#[test]
fn role_that_may_truncate_data_ends_every_session() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let peer = Peer::new(EngineKind::Postgres);
    peer.sign_in("s", Clock::System.now() + HOUR, Clock::System.now() + HOUR);
    let role = format!("keyrack_truncater_{}", std::process::id());
    let schema = peer.0.schema();
    peer.0.execute(&format!(
        "CREATE ROLE {role}; GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT TRUNCATE ON user_sessions TO {role}"
    ));
    let truncated = peer.0.try_execute(&format!("SET ROLE {role}; TRUNCATE user_sessions"));
    peer.0.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    truncated.unwrap();
    assert_eq!(peer.session("s", "status"), "logged_out");
}
