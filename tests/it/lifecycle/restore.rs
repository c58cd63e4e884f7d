//! A backup restored under a running server, or while it was stopped: what had ended stays ended.
//!
//! `KEYRACK_RESTORE_ROUNDS` sets the number of rounds; `scripts/failover` runs twenty.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use diesel::{Connection, PgConnection, SqliteConnection, connection::SimpleConnection};
use keyrack::{clock::Clock, db::Journal};

use crate::support::{Browser, EngineKind, TestApp, TestDatabase, on_both_engines, wait_until};

const EMAIL: &str = "rajat.verma@example.com";

fn rounds() -> usize {
    std::env::var("KEYRACK_RESTORE_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap())
}

fn instance(database: &TestDatabase) -> TestApp {
    let path = database.folder().join("test.ends");
    TestApp::over(database, Clock::System, |config| config.database.journal = Some(Journal::open(path).unwrap()))
}

/// Checks a cookie, also one that a browser has given up, until there is an answer; returns its status.
fn check(browser: &Browser) -> u16 {
    let mut status = 503;
    wait_until(|| {
        status = browser.clone().get("/api/session").status;
        status != 503
    });
    status
}

/// Takes a backup, ends sessions, restores the backup with `restore`, and checks that the first answers to the ended
/// sessions reject them.
fn restore_under_server(database: &TestDatabase, app: &TestApp, restore: impl Fn(&Path)) {
    for round in 0..rounds() {
        let signed_out = app.signed_in(EMAIL);
        let mut revoked = app.signed_in(EMAIL);
        let mut alive = app.signed_in(EMAIL);
        let mut rotated = app.signed_in(EMAIL);
        let former = rotated.clone();
        let backup = database.folder().join(format!("backup-{round}"));
        back_up(database, &backup);
        let revoked_id = revoked.session_id();
        let path = format!("/account/sessions/{revoked_id}/revoke");
        assert_eq!(alive.post_from("/account/sessions", &path, &[]).status, 303);
        assert_eq!(signed_out.clone().sign_out().status, 303);
        let password = [("email", EMAIL), ("password", crate::support::PASSWORD)];
        assert_eq!(rotated.post_from("/account/sessions", "/login", &password).status, 303);
        assert_ne!(rotated.sid(), former.sid());
        restore(&backup);
        assert_eq!(check(&signed_out), 401, "signed out");
        assert_eq!(check(&revoked), 401, "revoked");
        assert_eq!(check(&former), 401, "a sid that was replaced");
        assert_eq!(check(&alive), 200);
        let reason = format!("SELECT end_reason AS v FROM sessions WHERE id = '{revoked_id}'");
        assert_eq!(database.text(&reason), "revoked");
    }
    println!("{} restores, {} checks of ended sessions, 0 alive", rounds(), 3 * rounds());
}

fn back_up(database: &TestDatabase, file: &Path) {
    match database.kind() {
        EngineKind::Sqlite => database.execute(&format!("VACUUM INTO '{}'", file.display())),
        EngineKind::Postgres => {
            run(postgres_program("pg_dump").args(["-Fc", "-f"]).arg(file).arg(database.url()));
        }
    }
}

fn postgres_program(name: &str) -> Command {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/postgres");
    let found = Command::new(script).arg("find").output().unwrap();
    let folder = String::from_utf8(found.stdout).unwrap();
    Command::new(PathBuf::from(folder.trim()).join(name))
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Runs `test` with an instance over a database of its own, if PostgreSQL is installed.
fn on_postgres(test: impl FnOnce(&TestDatabase, &TestApp)) {
    if EngineKind::Postgres.is_available() {
        let database = TestDatabase::new(EngineKind::Postgres);
        let app = instance(&database);
        app.add_user(EMAIL);
        test(&database, &app);
    }
}

#[test]
fn restoring_dump_over_live_tables_revives_no_session() {
    on_postgres(|database, app| {
        restore_under_server(database, app, |backup| {
            run(postgres_program("pg_restore").args(["--clean", "--if-exists", "-d", database.url()]).arg(backup));
        });
    });
}

#[test]
fn truncating_and_copying_revives_no_session() {
    on_postgres(|database, app| {
        restore_under_server(database, app, |backup| {
            database.execute("TRUNCATE replaced_sids, user_sessions, sessions, users CASCADE");
            let mut restore = postgres_program("pg_restore");
            restore.args(["--data-only", "--disable-triggers", "-t", "users", "-t", "sessions", "-t", "user_sessions"]);
            run(restore.args(["-t", "replaced_sids", "-d", database.url()]).arg(backup));
        });
    });
}

/// The tables are filled in a later transaction than the one that emptied them.
#[test]
fn emptied_tables_are_not_taken_for_the_new_state() {
    on_postgres(|database, app| {
        let signed_out = app.signed_in(EMAIL);
        database.execute("CREATE TABLE kept AS SELECT * FROM sessions; CREATE TABLE kept_data AS TABLE user_sessions");
        assert_eq!(signed_out.clone().sign_out().status, 303);
        database.execute("TRUNCATE replaced_sids, user_sessions, sessions CASCADE");
        assert_eq!(signed_out.clone().get("/api/session").status, 503);
        database.execute(
            "SET session_replication_role = replica; INSERT INTO sessions SELECT * FROM kept; \
             INSERT INTO user_sessions SELECT * FROM kept_data; RESET session_replication_role",
        );
        assert_eq!(check(&signed_out), 401);
    });
}

/// As by a dump of single INSERTs. The session ended before this instance started, so it is not among its latest ends.
#[test]
fn rows_restored_one_by_one_stay_ended() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let database = TestDatabase::new(EngineKind::Postgres);
    let app = instance(&database);
    app.add_user(EMAIL);
    let (mut ended, mut alive) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    let ids = [alive.session_id(), ended.session_id()];
    database.execute("CREATE TABLE kept AS SELECT * FROM sessions; CREATE TABLE kept_data AS TABLE user_sessions");
    assert_eq!(ended.clone().sign_out().status, 303);
    app.stop();
    let app = instance(&database);
    let [ended, alive] = [ended, alive].map(|browser| browser.at(app.address));
    assert_eq!(check(&alive), 200);
    database.execute("TRUNCATE replaced_sids, user_sessions, sessions CASCADE");
    let insert = |id: &String| {
        database.execute(&format!(
            "BEGIN; SET LOCAL session_replication_role = replica; INSERT INTO sessions SELECT * FROM kept WHERE id = '{id}'; \
             INSERT INTO user_sessions SELECT kept_data.* FROM kept_data JOIN kept USING (sid) WHERE id = '{id}'; COMMIT",
        ));
    };
    insert(&ids[0]);
    assert_eq!(check(&alive), 200);
    insert(&ids[1]);
    wait_until(|| check(&ended) == 401);
    assert_eq!(check(&alive), 200);
}

#[test]
fn renaming_restored_database_into_place_revives_no_session() {
    on_postgres(|database, app| {
        let (server, name) = database.url().rsplit_once('/').unwrap();
        let admin = |sql: &str| {
            let mut connection = PgConnection::establish(&format!("{server}/postgres")).unwrap();
            connection.batch_execute(sql).unwrap();
        };
        restore_under_server(database, app, |backup| {
            let (new, old) = (format!("{name}_new"), format!("{name}_old"));
            admin(&format!("CREATE DATABASE {new}"));
            run(postgres_program("pg_restore").args(["-d", &format!("{server}/{new}")]).arg(backup));
            admin(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
            wait_until(|| {
                admin(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"));
                let mut connection = PgConnection::establish(&format!("{server}/postgres")).unwrap();
                connection.batch_execute(&format!("ALTER DATABASE {name} RENAME TO {old}")).is_ok()
            });
            admin(&format!("ALTER DATABASE {new} RENAME TO {name}"));
            admin(&format!("DROP DATABASE {old}"));
        });
    });
}

/// Copies the backup's rows into the file, as the `.restore` of SQLite's shell does with its pages.
#[test]
fn restoring_sqlite_backup_in_place_revives_no_session() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let app = instance(&database);
    app.add_user(EMAIL);
    restore_under_server(&database, &app, |backup| restore_sqlite(&database, backup));
}

fn restore_sqlite(database: &TestDatabase, backup: &Path) {
    let mut connection = SqliteConnection::establish(backup.to_str().unwrap()).unwrap();
    connection.batch_execute("PRAGMA journal_mode = WAL").unwrap();
    drop(connection);
    let triggers = database.texts("SELECT sql AS v FROM sqlite_master WHERE type = 'trigger'").join(";\n");
    let dropped: Vec<String> = database
        .texts("SELECT name AS v FROM sqlite_master WHERE type = 'trigger'")
        .iter()
        .map(|name| format!("DROP TRIGGER {name};"))
        .collect();
    let tables = ["replaced_sids", "user_sessions", "sessions", "users", "keyrack_settings"];
    let copy: String = tables.map(|table| format!("DELETE FROM {table};")).concat()
        + &["users", "sessions", "user_sessions", "replaced_sids", "keyrack_settings"]
            .map(|table| format!("INSERT INTO {table} SELECT * FROM backup.{table};"))
            .concat();
    database.execute(&format!(
        "ATTACH '{}' AS backup; BEGIN IMMEDIATE; {} {copy} {triggers}; COMMIT",
        backup.display(),
        dropped.concat()
    ));
}

on_both_engines!(
    backup_restored_while_stopped_revives_no_session,
    session_revived_by_plain_sql_is_ended_again,
    journal_applied_in_part_is_applied_again,
    old_end_undone_by_plain_sql_is_noticed,
    end_by_command_is_in_the_journal_of_the_server
);

fn backup_restored_while_stopped_revives_no_session(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let app = instance(&database);
    app.add_user(EMAIL);
    let (ended, alive) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    let backup = database.folder().join("backup");
    back_up(&database, &backup);
    assert_eq!(ended.clone().sign_out().status, 303);
    app.stop();
    match engine {
        EngineKind::Sqlite => restore_sqlite(&database, &backup),
        EngineKind::Postgres => {
            run(postgres_program("pg_restore").args(["--clean", "--if-exists", "-d", database.url()]).arg(&backup));
        }
    }
    assert_eq!(database.count("sessions", "WHERE status = 'active'"), 2, "the backup has both");
    let app = instance(&database);
    assert_eq!(check(&ended.at(app.address)), 401);
    assert_eq!(check(&alive.at(app.address)), 200);
}

/// Rows that change one by one leave no other trace than an end that no longer holds.
fn session_revived_by_plain_sql_is_ended_again(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let app = instance(&database);
    app.add_user(EMAIL);
    let (mut ended, alive) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    let rows = "(SELECT sid FROM sessions)";
    database.execute(&format!("CREATE TABLE kept AS SELECT * FROM user_sessions WHERE sid IN {rows}"));
    let (id, sid) = (ended.session_id(), ended.sid());
    assert_eq!(ended.clone().sign_out().status, 303);
    assert_eq!(check(&ended), 401);
    revive(&database, &format!("WHERE id = '{id}'"), &format!("WHERE sid = '{sid}'"));
    wait_until(|| check(&ended) == 401);
    assert_eq!(check(&alive), 200);
    assert_eq!(database.text(&format!("SELECT end_reason AS v FROM sessions WHERE id = '{id}'")), "signed_out");
}

/// Makes ended sessions active by plain SQL, with their data of the table "kept".
fn revive(database: &TestDatabase, sessions: &str, data: &str) {
    let revive = format!(
        "UPDATE sessions SET status = 'active', logged_out_at = NULL, end_reason = NULL {sessions};
         INSERT INTO user_sessions SELECT * FROM kept {data}"
    );
    match database.kind() {
        EngineKind::Postgres => {
            database.execute(&format!("BEGIN; SET LOCAL session_replication_role = replica; {revive}; COMMIT"));
        }
        EngineKind::Sqlite => database.execute(&format!(
            "BEGIN IMMEDIATE; DROP TRIGGER keyrack_refuse_return; DROP TRIGGER keyrack_refuse_data_of_ended; {revive}; COMMIT"
        )),
    }
}

/// Makes ended sessions by plain SQL, with ids below those of all others, and waits until they are in the journal.
fn add_ended(database: &TestDatabase, journal: &Path, count: usize) {
    let id_of_number = match database.kind() {
        EngineKind::Postgres => "CAST('00000000-0000-4000-8000-' || lpad(CAST(n AS text), 12, '0') AS uuid)",
        EngineKind::Sqlite => "printf('00000000-0000-4000-8000-%012d', n)",
    };
    database.execute(&format!(
        "INSERT INTO sessions (id, sid, user_id, ip_address, user_agent, expires_at, created_at, updated_at, last_seen_at)
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
         SELECT {id_of_number}, 'many-' || n, user_id, ip_address, user_agent, expires_at, created_at, updated_at, last_seen_at
         FROM numbers, sessions WHERE status = 'active';
         UPDATE sessions SET status = 'logged_out' WHERE sid LIKE 'many-%'"
    ));
    let lines = || std::fs::read_to_string(journal).unwrap().lines().filter(|line| line.starts_with("ended ")).count();
    wait_until(|| lines() > count);
}

/// The backup is older than the sessions of the latest ends, so none of these comes back.
fn old_end_undone_by_plain_sql_is_noticed(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let earlier = TestApp::over(&database, Clock::fixed(Clock::System.now() - Duration::from_secs(300)), |_| ());
    earlier.add_user(EMAIL);
    let (mut ended, alive) = (earlier.signed_in(EMAIL), earlier.signed_in(EMAIL));
    database.execute("CREATE TABLE kept AS SELECT * FROM user_sessions");
    let (id, sid) = (ended.session_id(), ended.sid());
    assert_eq!(ended.clone().sign_out().status, 303);
    earlier.stop();
    let app = instance(&database);
    let [ended, alive] = [ended, alive].map(|browser| browser.at(app.address));
    assert_eq!(check(&ended), 401);
    add_ended(&database, &database.folder().join("test.ends"), 200);
    revive(&database, &format!("WHERE id = '{id}'"), &format!("WHERE sid = '{sid}'"));
    wait_until(|| check(&ended) == 401);
    assert_eq!(check(&alive), 200);
    assert_eq!(database.count("sessions", "WHERE status = 'active'"), 1);
}

/// The first batch of ends has all those that the watcher looks at once per second, and the second one fails.
fn journal_applied_in_part_is_applied_again(engine: EngineKind) {
    const BATCH: usize = 500;
    let database = TestDatabase::new(engine);
    let journal = database.folder().join("test.ends");
    let app = TestApp::over(&database, Clock::System, |config| {
        config.database.timeout = Duration::from_millis(900);
        config.database.journal = Some(Journal::open(&journal).unwrap());
    });
    app.add_user(EMAIL);
    let (mut ended, alive) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    database.execute("CREATE TABLE kept AS SELECT * FROM user_sessions");
    let id = ended.session_id();
    assert_eq!(ended.clone().sign_out().status, 303);
    add_ended(&database, &journal, BATCH);
    let refusal = match engine {
        EngineKind::Postgres => format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
             CREATE TRIGGER refuse BEFORE UPDATE ON sessions FOR EACH ROW WHEN (OLD.id = '{id}') EXECUTE FUNCTION refuse()"
        ),
        EngineKind::Sqlite => format!(
            "CREATE TRIGGER refuse BEFORE UPDATE ON sessions WHEN OLD.id = '{id}' AND OLD.status = 'active'
             BEGIN SELECT raise(ABORT, 'refused'); END"
        ),
    };
    database.execute(&refusal);
    revive(&database, "WHERE status = 'logged_out'", &format!("WHERE sid = '{}'", ended.sid()));
    wait_until(|| database.count("sessions", "WHERE sid LIKE 'many-%' AND status = 'active'") == 0);
    for _ in 0..3 {
        assert_eq!(ended.clone().get("/api/session").status, 503, "its end was acknowledged");
    }
    assert_eq!(app.browser().get("/readyz").status, 503);
    let table = if engine == EngineKind::Postgres { " ON sessions" } else { "" };
    database.execute(&format!("DROP TRIGGER refuse{table}"));
    assert_eq!(check(&ended), 401);
    assert_eq!(check(&alive), 200);
    assert_eq!(app.browser().get("/readyz").status, 200);
}

fn end_by_command_is_in_the_journal_of_the_server(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let app = instance(&database);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let id = browser.session_id();
    crate::support::Program::new(&database).done(&["session", "revoke", &id]);
    assert_eq!(check(&browser), 401);
    let journal = database.folder().join("test.ends");
    wait_until(|| std::fs::read_to_string(&journal).unwrap().contains(&format!("ended {id} ")));
}
