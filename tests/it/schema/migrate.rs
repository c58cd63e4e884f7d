//! Migrations up and down.

use std::{fs, path::PathBuf, thread};

use keyrack::{db::migrate, error::Error};

use super::parity::Description;
use crate::support::{EngineKind, TestDatabase, on_both_engines};

on_both_engines!(
    concurrent_instances_migrate_once,
    second_run_changes_nothing,
    database_of_newer_version_is_rejected,
    down_migrations_leave_nothing_and_can_be_reapplied,
);

/// The folders of an engine's migrations, sorted.
pub fn folders(engine: EngineKind) -> Vec<PathBuf> {
    let name = match engine {
        EngineKind::Sqlite => "sqlite",
        EngineKind::Postgres => "postgres",
    };
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("migrations").join(name);
    let mut folders: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(!folders.is_empty());
    folders
}

fn concurrent_instances_migrate_once(engine: EngineKind) {
    let database = TestDatabase::blank(engine);
    let url = database.parsed_url();
    let mut applied: Vec<Vec<String>> = thread::scope(|scope| {
        let migrating: Vec<_> = (0..8).map(|_| scope.spawn(|| migrate(&url).unwrap())).collect();
        migrating.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    applied.retain(|names| !names.is_empty());
    assert_eq!(applied.len(), 1, "one instance applies all: {applied:?}");
    assert_eq!(applied[0].len(), folders(engine).len());
    assert_eq!(Description::of(&database), Description::of(&TestDatabase::new(engine)));
}

fn second_run_changes_nothing(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    database.execute("INSERT INTO users (email) VALUES ('rajat.verma@example.com')");
    assert!(migrate(&database.parsed_url()).unwrap().is_empty());
    assert_eq!(database.count("users", ""), 1);
}

fn database_of_newer_version_is_rejected(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    database.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')");
    let before = Description::of(&database);
    let Err(Error::Invalid(message)) = migrate(&database.parsed_url()) else { panic!("it was not rejected") };
    for part in ["newer Keyrack", "29991231000000", env!("CARGO_PKG_VERSION"), "run that version, or restore a backup"]
    {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
    assert!(!message.contains('\n'));
    assert_eq!(Description::of(&database), before);
}

fn down_migrations_leave_nothing_and_can_be_reapplied(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let migrated = Description::of(&database);
    for folder in folders(engine).iter().rev() {
        database.execute(&fs::read_to_string(folder.join("down.sql")).unwrap());
    }
    database.execute("DELETE FROM __diesel_schema_migrations");
    let bare = Description::of(&database);
    assert_eq!(bare.tables(), ["__diesel_schema_migrations"]);
    assert!(bare.triggers.is_empty(), "{bare:?}");
    if engine == EngineKind::Postgres {
        let functions = "WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())";
        assert_eq!(database.count("pg_proc", functions), 0);
    }
    assert_eq!(migrate(&database.parsed_url()).unwrap().len(), folders(engine).len());
    assert_eq!(Description::of(&database), migrated);
}

/// The most likely first error: since PostgreSQL 15, only the database's owner may create tables.
#[test]
fn role_without_create_privilege_gets_advice() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let database = TestDatabase::blank(EngineKind::Postgres);
    let role = format!("keyrack_reader_{}", std::process::id());
    let schema = database.schema();
    let reads_only = format!("REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC; GRANT USAGE ON SCHEMA {schema} TO {role}");
    database.execute(&format!("CREATE ROLE {role} LOGIN; {reads_only}"));
    let (_, host) = database.url().split_once('@').expect("a URL with a user");
    let rejected = migrate(&format!("postgres://{role}@{host}").parse().unwrap()).err();
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    let Some(Error::Invalid(message)) = rejected else { panic!("{rejected:?}") };
    assert!(message.starts_with("cannot migrate the database postgres://"), "{message}");
    assert!(message.contains("must be allowed to create tables"), "{message}");
}
