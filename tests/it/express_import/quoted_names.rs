//! Roles and schemas whose names need quotes in SQL.

use std::sync::atomic::{AtomicU32, Ordering};

use super::fixture::{SESSIONS, USER, USERS, insert_data, sess};
use crate::{
    schema::parity::CONNECT_PG_SIMPLE_TABLE,
    support::{EngineKind, Program, TestDatabase},
};

/// Capitals, a dot, a space, quotes, a backslash, other scripts, a keyword, and what looks like a regular name.
const NAMES: [&str; 8] = ["MyApp", "app.user", "My App", "o\"ne'two", "back\\slash", "Schlüssel", "select", "plain_1"];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02X}"))
}

/// A database with one schema of this name, owned by a role of this name, which is dropped with the value.
struct Named {
    database: TestDatabase,
    role: String,
    url: String,
}

impl Named {
    fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let database = TestDatabase::blank(EngineKind::Postgres);
        // Roles belong to the server, which other tests share.
        let role = format!("{name}{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let (quoted_role, schema) = (quoted(&role), quoted(name));
        database.execute(&format!(
            "CREATE ROLE {quoted_role} LOGIN; CREATE SCHEMA {schema} AUTHORIZATION {quoted_role};
             DO $$ BEGIN EXECUTE format('GRANT CREATE, CONNECT ON DATABASE %I TO %I', current_database(), '{}'); END $$",
            role.replace('\'', "''")
        ));
        let (_, rest) = database.url().split_once('@').expect("a URL with a user");
        // A blank and a backslash in `options` are escaped by a backslash.
        let path = format!("-csearch_path={}", schema.replace('\\', "\\\\").replace(' ', "\\ "));
        let separator = if rest.contains('?') { '&' } else { '?' };
        let user = percent_encoded(&role);
        let url = format!("postgres://{user}@{rest}{separator}options={}", percent_encoded(&path));
        Self { database, role, url }
    }

    fn program(&self) -> Program<'_> {
        Program::new(&self.database).with("DATABASE_URL", &self.url)
    }

    /// Runs SQL with the role's rights, on its schema.
    fn execute(&self, sql: &str, schema: &str) {
        let role = quoted(&self.role);
        self.database.execute(&format!("SET search_path = {}; SET ROLE {role}; {sql}", quoted(schema)));
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let role = quoted(&self.role);
        let _ = self.database.try_execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
    }
}

fn all_commands_work(program: &Program<'_>, email: &str) {
    assert!(program.done(&["migrate"]).contains("up to date"));
    program.add_user(email);
    let serving = program.serve();
    let mut browser = serving.signed_in(email);
    assert!(browser.is_signed_in());
    browser.sign_out();
    program.done(&["purge"]);
    program.done(&["user", "disable", email]);
    program.done(&["session", "list", "--json"]);
    assert_eq!(program.done(&["doctor"]), "No problems found.\n");
}

#[test]
fn every_command_works_with_names_that_need_quotes() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    for name in NAMES {
        let named = Named::new(name);
        let program = named.program();
        let migrated = program.run(&["migrate"]);
        assert_eq!(migrated.status, 0, "{name}: {migrated:?}");
        all_commands_work(&program, "asha.verma@example.com");
        assert_eq!(named.database.count("information_schema.tables", "WHERE table_schema = 'public'"), 0);
    }
}

#[test]
fn import_works_with_names_that_need_quotes() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    for name in NAMES {
        let named = Named::new(name);
        named.execute(&format!("{USERS} {SESSIONS} {CONNECT_PG_SIMPLE_TABLE}"), name);
        named.execute(
            &format!("INSERT INTO user_sessions VALUES ('express', '{}', now() + interval '1 day')", sess(USER)),
            name,
        );
        let program = named.program();
        let migrated = program.run(&["migrate"]);
        assert_eq!(migrated.status, 0, "{name}: {migrated:?}");
        let adopted = program.json(&["adopt", "--apply", "--json"]);
        assert_eq!(adopted["adopted"], 1, "{name}: {adopted}");
        all_commands_work(&program, "asha.verma@example.com");
        let listed = program.json(&["session", "list", "--user", "rajat.verma@example.com", "--json"]);
        assert_eq!(listed.as_array().unwrap().len(), 1, "{name}");
    }
}

/// Settings of the database that change how SQL is read or printed.
#[test]
fn migrations_and_rules_do_not_depend_on_string_and_quote_settings() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    for setting in ["standard_conforming_strings = off", "quote_all_identifiers = on", "backslash_quote = off"] {
        let database = TestDatabase::blank(EngineKind::Postgres);
        let name = database.text("SELECT current_database()::text AS v");
        database.execute(&format!("{USERS} {SESSIONS} {CONNECT_PG_SIMPLE_TABLE}"));
        database.execute(&format!("ALTER DATABASE {name} SET {setting}"));
        let program = Program::new(&database);
        let migrated = program.run(&["migrate"]);
        assert_eq!(migrated.status, 0, "{setting}: {migrated:?}");
        all_commands_work(&program, "asha.verma@example.com");
        // An escape that PostgreSQL's operators reject, and a JSON string: the triggers read both.
        let escaped = r#"{"cookie":{},"userId":"USER","note":"\u0000 \ud800"}"#.replace("USER", USER);
        let encoded = serde_json::to_string(&sess(USER)).unwrap();
        for (sid, text) in [("plain", sess(USER)), ("escaped", escaped), ("encoded", encoded)] {
            insert_data(
                &database,
                sid,
                100,
                &text.replace('\\', if setting.starts_with("standard") { "\\\\" } else { "\\" }),
            );
            assert_eq!(database.count("sessions", &format!("WHERE sid = '{sid}'")), 1, "{setting}: {sid}");
        }
        database.execute("DELETE FROM user_sessions");
        assert_eq!(database.count("sessions", "WHERE status = 'active'"), 0);
    }
}
