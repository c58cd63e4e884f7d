//! `keyrack migrate`, and the migration that other commands do first

use crate::support::{EngineKind, Finished, Program, TestDatabase, on_both_engines};

on_both_engines!(
    second_migration_changes_nothing,
    concurrent_migrations_all_succeed_and_one_applies,
    first_command_migrates_the_database,
    database_of_newer_version_is_rejected,
    migrate_creates_no_secrets_and_no_users,
);

fn second_migration_changes_nothing(engine: EngineKind) {
    let database = TestDatabase::blank(engine);
    let program = Program::new(&database);
    let first = program.done(&["migrate"]);
    let versions = database.texts("SELECT version AS v FROM __diesel_schema_migrations ORDER BY version");
    assert!(versions.len() > 2 && first.matches("2026-").count() == versions.len(), "{first}");
    assert!(first.contains("applied 2026-11-24-000001_users, "), "{first}");
    let second = program.done(&["migrate"]);
    assert!(second.ends_with("is up to date.\n"), "{second}");
    assert_eq!(database.count("__diesel_schema_migrations", ""), versions.len());
}

fn concurrent_migrations_all_succeed_and_one_applies(engine: EngineKind) {
    let database = TestDatabase::blank(engine);
    let program = Program::new(&database);
    let children: Vec<_> = (0..6).map(|_| program.start(&["migrate"])).collect();
    let finished: Vec<Finished> = children.into_iter().map(Finished::wait_for).collect();
    assert!(finished.iter().all(|finished| finished.status == 0), "{finished:#?}");
    let up_to_date = finished.iter().filter(|finished| finished.out.ends_with("is up to date.\n")).count();
    assert_eq!(up_to_date, 5, "{finished:#?}");
}

fn first_command_migrates_the_database(engine: EngineKind) {
    let database = TestDatabase::blank(engine);
    let program = Program::new(&database);
    assert_eq!(program.json(&["user", "list", "--json"]), serde_json::json!([]));
    assert!(program.done(&["migrate"]).ends_with("is up to date.\n"));
}

fn database_of_newer_version_is_rejected(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    database.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000001')");
    for command in [&["serve"][..], &["migrate"], &["user", "list"], &["purge"], &["doctor"]] {
        program.run(command).assert_refused(1, &["newer Keyrack", "29990101000001", env!("CARGO_PKG_VERSION")]);
    }
}

fn migrate_creates_no_secrets_and_no_users(engine: EngineKind) {
    let database = TestDatabase::blank(engine);
    Program::new(&database).done(&["migrate"]);
    assert!(!database.folder().join("keyrack.secrets").exists(), "only the server creates secrets");
    assert_eq!(database.count("users", ""), 0);
}
