//! The triggers and functions as the migrations define them: what must exist, and how to restore it.

use std::collections::BTreeMap;

/// The PostgreSQL migrations that define triggers or functions, in their order. A test finds one that is missing here.
const POSTGRES: [&str; 14] = [
    include_str!("../../../migrations/postgres/2026-11-26-000003_triggers/up.sql"),
    include_str!("../../../migrations/postgres/2026-11-26-000004_sign_in_protection/up.sql"),
    include_str!("../../../migrations/postgres/2026-11-26-000005_settings/up.sql"),
    include_str!("../../../migrations/postgres/2026-11-26-000006_ended_sids/up.sql"),
    include_str!("../../../migrations/postgres/2026-11-26-000007_rules_of_users_and_times/up.sql"),
    include_str!("../../../migrations/postgres/2026-11-27-000011_security_events/up.sql"),
    include_str!("../../../migrations/postgres/2026-11-27-000013_qualified_names/up.sql"),
    include_str!("../../../migrations/postgres/2026-11-27-000014_ends_for_journal/up.sql"),
    include_str!("../../../migrations/postgres/2026-11-27-000015_changes_of_roles/up.sql"),
    include_str!("../../../migrations/postgres/2026-11-27-000020_one_time_passwords/up.sql"),
    include_str!("../../../migrations/postgres/2026-11-27-000030_exact_calls/up.sql"),
    include_str!("../../../migrations/postgres/2026-11-27-000031_events_are_kept/up.sql"),
    include_str!("../../../migrations/postgres/2026-11-27-000061_callers_of_functions/up.sql"),
    include_str!("../../../migrations/postgres/2026-11-27-000084_announced_events/up.sql"),
];

/// The same for SQLite.
const SQLITE: [&str; 12] = [
    include_str!("../../../migrations/sqlite/2026-11-26-000003_triggers/up.sql"),
    include_str!("../../../migrations/sqlite/2026-11-26-000004_sign_in_protection/up.sql"),
    include_str!("../../../migrations/sqlite/2026-11-26-000005_settings/up.sql"),
    include_str!("../../../migrations/sqlite/2026-11-26-000006_ended_sids/up.sql"),
    include_str!("../../../migrations/sqlite/2026-11-26-000007_rules_of_users_and_times/up.sql"),
    include_str!("../../../migrations/sqlite/2026-11-27-000011_security_events/up.sql"),
    include_str!("../../../migrations/sqlite/2026-11-27-000012_proofs/up.sql"),
    include_str!("../../../migrations/sqlite/2026-11-27-000014_ends_for_journal/up.sql"),
    include_str!("../../../migrations/sqlite/2026-11-27-000015_changes_of_roles/up.sql"),
    include_str!("../../../migrations/sqlite/2026-11-27-000031_events_are_kept/up.sql"),
    include_str!("../../../migrations/sqlite/2026-11-27-000071_readable_rows/up.sql"),
    include_str!("../../../migrations/sqlite/2026-11-27-000076_form_ids/up.sql"),
];

/// A trigger.
pub(super) struct Trigger {
    pub table: &'static str,
    /// The statement that creates it, without a semicolon.
    pub statement: &'static str,
}

/// A function of PostgreSQL.
pub(super) struct Function {
    /// What the catalog calls its source.
    pub body: &'static str,
    /// The statement that creates or replaces it, without a semicolon.
    pub statement: String,
}

/// The triggers of PostgreSQL by name, each by its latest definition. Each has the name of its function.
pub(super) fn postgres_triggers() -> BTreeMap<&'static str, Trigger> {
    triggers(&POSTGRES, ";")
}

/// The triggers of SQLite by name, each by its latest definition.
pub(super) fn sqlite_triggers() -> BTreeMap<&'static str, Trigger> {
    triggers(&SQLITE, "\nEND;")
}

fn triggers(migrations: &[&'static str], end: &str) -> BTreeMap<&'static str, Trigger> {
    let mut triggers = BTreeMap::new();
    for text in migrations {
        for (start, prefix) in text.match_indices("CREATE TRIGGER ") {
            let statement = up_to(&text[start..], end).trim_end_matches(';');
            let name = first_word(&statement[prefix.len()..]);
            let table = statement.split_once(" ON ").map_or("", |(_, rest)| first_word(rest));
            triggers.insert(name, Trigger { table, statement });
        }
    }
    triggers
}

/// The functions of PostgreSQL by name, each by its latest definition.
pub(super) fn functions() -> BTreeMap<&'static str, Function> {
    const END: &str = "\n$$;";
    let mut functions = BTreeMap::new();
    for text in POSTGRES {
        for start in text.match_indices("FUNCTION keyrack_").map(|(start, _)| start) {
            if !text[..start].ends_with("CREATE ") && !text[..start].ends_with("CREATE OR REPLACE ") {
                continue;
            }
            let definition = up_to(&text[start..], END).trim_end_matches(';');
            let name = definition["FUNCTION ".len()..].split('(').next().unwrap_or_default();
            let body = definition.split_once("AS $$").map_or("", |(_, rest)| rest.trim_end_matches("$$"));
            functions.insert(name, Function { body, statement: format!("CREATE OR REPLACE {definition}") });
        }
    }
    functions
}

/// The text up to and including `end`.
fn up_to<'a>(text: &'a str, end: &str) -> &'a str {
    text.find(end).map_or(text, |at| &text[..at + end.len()])
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;
    use crate::db::schema_check::qualified_names::{BEFORE_TABLE, TABLES};

    /// The names after `prefix` in all migrations of an engine.
    fn names(engine: &str, prefix: &str) -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
        let texts = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path().join("up.sql")));
        texts
            .flat_map(|text| {
                let text = text.unwrap();
                let found = text.match_indices(prefix).map(|(at, _)| &text[at + prefix.len()..]);
                found.map(|rest| rest.split(['(', ' ', '\n']).next().unwrap().to_owned()).collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn every_trigger_and_function_of_the_migrations_is_known() {
        let known = |keys: Vec<&str>| keys.into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(known(postgres_triggers().into_keys().collect()), names("postgres", "CREATE TRIGGER "));
        assert_eq!(known(sqlite_triggers().into_keys().collect()), names("sqlite", "CREATE TRIGGER "));
        let mut functions_in_migrations = names("postgres", "CREATE FUNCTION ");
        functions_in_migrations.extend(names("postgres", "CREATE OR REPLACE FUNCTION "));
        assert_eq!(known(functions().into_keys().collect()), functions_in_migrations);
    }

    /// Otherwise such a function would fail where it uses the table: its `search_path` has no schema of tables.
    #[test]
    fn functions_name_only_tables_that_are_qualified() {
        /// Variables, subqueries and transition tables; words of SQL that follow UPDATE and IS DISTINCT FROM.
        const LOCAL: [&str; 14] = [
            "SET",
            "NEW",
            "session",
            "owner",
            "made",
            "disabled",
            "changed",
            "known",
            "started",
            "deleted",
            "remembered",
            "json_each",
            "SKIP",
            "unnest",
        ];
        let secure = &functions()["keyrack_secure_functions"];
        for table in TABLES {
            assert!(secure.body.contains(&format!("'{table}'")), "{table} is not in keyrack_secure_functions");
        }
        // The function that qualifies the others reads only the catalog, and its texts hold parts of statements.
        for (name, function) in functions().into_iter().filter(|(name, _)| *name != "keyrack_secure_functions") {
            let code: Vec<&str> = function.body.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
            let words: Vec<String> = code.join(" ").split_whitespace().map(str::to_owned).collect();
            for pair in words.windows(2).filter(|pair| BEFORE_TABLE.contains(&pair[0].trim_start_matches('('))) {
                let word = pair[1].split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap();
                let is_known =
                    word.is_empty() || word.starts_with("pg_") || [&TABLES[..], &LOCAL[..]].concat().contains(&word);
                assert!(is_known, "{name}: {pair:?}: add the table to keyrack_secure_functions");
            }
        }
    }

    #[test]
    fn definitions_are_whole_statements() {
        for (name, trigger) in postgres_triggers() {
            let tables =
                ["users", "sessions", "user_sessions", "known_browsers", "security_events", "keyrack_settings"];
            assert!(tables.contains(&trigger.table), "{name}: {}", trigger.table);
            assert!(trigger.statement.ends_with(&format!("EXECUTE FUNCTION {name}()")), "{}", trigger.statement);
        }
        for (name, trigger) in sqlite_triggers() {
            assert!(trigger.statement.ends_with("END"), "{name}: {}", trigger.statement);
        }
        for (name, function) in functions() {
            assert!(function.statement.ends_with("END\n$$"), "{name}: {}", function.statement);
            assert!(function.body.starts_with('\n') && function.body.ends_with("END\n"), "{name}: {}", function.body);
        }
    }
}
