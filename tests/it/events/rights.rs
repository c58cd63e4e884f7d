//! Which roles may do what to the events and to the settings that keep them, and what the doctor says of it.

use crate::{
    sessions::session_fixture::SessionFixture,
    support::{EngineKind, on_both_engines},
};

on_both_engines!(missing_guard_of_the_events_is_reported_and_restored);

/// A role that has the rights of a peer.
struct Peer<'a> {
    fixture: &'a SessionFixture,
    role: String,
}

impl<'a> Peer<'a> {
    fn new(fixture: &'a SessionFixture, name: &str) -> Self {
        let role = format!("keyrack_{name}_{}", std::process::id());
        let schema = fixture.database().schema();
        fixture.execute(&format!(
            "CREATE ROLE {role}; GRANT USAGE ON SCHEMA {schema} TO {role};
             GRANT SELECT, INSERT, UPDATE, DELETE ON user_sessions, sessions TO {role}"
        ));
        Self { fixture, role }
    }

    fn refused(&self, sql: &str) -> String {
        self.fixture.try_execute(&format!("SET ROLE {}; {sql}", self.role)).unwrap_err().to_string()
    }
}

impl Drop for Peer<'_> {
    fn drop(&mut self) {
        let role = &self.role;
        let _ = self.fixture.try_execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
    }
}

fn missing_guard_of_the_events_is_reported_and_restored(engine: EngineKind) {
    let guards: &[(&str, &str)] = match engine {
        EngineKind::Postgres => &[
            ("keyrack_keep_events", "security_events"),
            ("keyrack_keep_recent_events", "security_events"),
            ("keyrack_keep_all_events", "security_events"),
            ("keyrack_record_setting", "keyrack_settings"),
            ("keyrack_record_all_settings", "keyrack_settings"),
        ],
        EngineKind::Sqlite => &[
            ("keyrack_keep_events", ""),
            ("keyrack_keep_recent_events", ""),
            ("keyrack_refuse_replaced_event", ""),
            ("keyrack_refuse_event_id", ""),
            ("keyrack_record_setting_inserted", ""),
            ("keyrack_record_setting_updated", ""),
            ("keyrack_record_setting_deleted", ""),
            ("keyrack_refuse_replaced_setting", ""),
        ],
    };
    let fixture = SessionFixture::new(engine);
    for (trigger, table) in guards {
        let (sql, words) = match engine {
            EngineKind::Postgres => (format!("ALTER TABLE {table} DISABLE TRIGGER {trigger}"), "is disabled"),
            EngineKind::Sqlite => (format!("DROP TRIGGER {trigger}"), "is missing"),
        };
        fixture.break_with(&sql);
        let found = fixture.doctor(true).breaches;
        assert_eq!(found.len(), 1, "{trigger}: {found:?}");
        assert!(found[0].detail.contains(&format!("{trigger} {words}")) && found[0].repaired, "{found:?}");
        assert!(fixture.doctor(false).breaches.is_empty(), "{trigger}");
    }
}

#[test]
fn peers_role_may_neither_change_events_nor_their_retention() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let peer = Peer::new(&fixture, "log_reader");
    for sql in [
        "INSERT INTO security_events (kind, actor) VALUES ('signed_in', 'user')",
        "UPDATE security_events SET kind = 'x'",
        "DELETE FROM security_events",
        "TRUNCATE security_events",
        "ALTER TABLE security_events DISABLE TRIGGER USER",
        "UPDATE keyrack_settings SET value = '0'",
        "INSERT INTO keyrack_settings (name, value) VALUES ('events_retention_seconds', '0')",
        "DELETE FROM keyrack_settings",
        "TRUNCATE keyrack_settings",
        "SELECT keyrack_record_value('peers', 'none', 'express')",
        "SELECT keyrack_retention_of_event(1)",
        "SET session_replication_role = replica",
    ] {
        let message = peer.refused(sql);
        let is_refused = ["permission denied", "must be owner", "keine Berechtigung", "Eigentümer"];
        assert!(is_refused.iter().any(|words| message.contains(words)), "{sql}: {message}");
    }
    assert!(fixture.doctor(false).breaches.is_empty());
}

#[test]
fn rights_of_other_roles_on_the_events_are_reported() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::new(EngineKind::Postgres);
    let peer = Peer::new(&fixture, "log_writer");
    let (role, schema) = (&peer.role, fixture.database().schema());
    for (rights, table, to, words) in [
        ("TRUNCATE", "security_events", role.as_str(), "TRUNCATE"),
        ("SELECT, INSERT, TRIGGER", "security_events", role, "INSERT, TRIGGER"),
        ("UPDATE (value)", "keyrack_settings", role, "UPDATE"),
        ("DELETE", "keyrack_settings", "PUBLIC", "DELETE"),
    ] {
        fixture.break_with(&format!("GRANT {rights} ON {table} TO {to}"));
        let found = fixture.doctor(true).breaches;
        assert_eq!(found.len(), 1, "{rights}: {found:?}");
        let start = format!("{to} has the rights {words} on {schema}.{table}");
        assert!(found[0].detail.starts_with(&start), "{found:?}");
        let revoke = format!("REVOKE {words} ON {schema}.{table} FROM {to}");
        assert!(found[0].detail.contains(&revoke), "{found:?}");
        fixture.execute(&revoke);
        assert!(fixture.doctor(false).breaches.is_empty(), "{revoke}");
    }
    fixture.execute(&format!("GRANT SELECT ON security_events, keyrack_settings TO {role}"));
    assert!(fixture.doctor(false).breaches.is_empty(), "reading is no breach");
    fixture.break_with("CREATE RULE silence AS ON INSERT TO security_events DO INSTEAD NOTHING");
    let found = fixture.doctor(false).breaches;
    assert!(found.len() == 1 && found[0].detail.contains("the rule silence changes"), "{found:?}");
}
