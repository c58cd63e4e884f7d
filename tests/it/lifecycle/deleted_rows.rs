//! Ends whose rows were deleted before a server could read them survive a restored backup.

use std::{fs, path::Path};

use keyrack::{clock::Clock, db::Journal};

use crate::support::{Browser, EngineKind, TestApp, TestDatabase, on_both_engines, wait_until};

on_both_engines!(
    end_survives_when_its_row_is_deleted_and_restored,
    end_by_an_expiry_in_the_past_survives_a_restore,
    end_survives_when_its_user_is_deleted_and_restored,
    ends_kept_for_the_journal_are_forgotten_after_their_expiry,
);

const EMAIL: &str = "rajat.verma@example.com";

/// A server with two signed-in browsers, and a copy of the tables from that time.
struct Fixture {
    database: TestDatabase,
    app: TestApp,
    ended: Browser,
    alive: Browser,
    ended_id: String,
}

impl Fixture {
    fn new(engine: EngineKind) -> Self {
        let database = TestDatabase::new(engine);
        let app = instance(&database);
        app.add_user(EMAIL);
        let (mut ended, alive) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
        for table in ["users", "sessions", "user_sessions"] {
            database.execute(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"));
        }
        let ended_id = ended.session_id();
        Self { database, app, ended, alive, ended_id }
    }

    /// Runs statements while no server runs, so that none reads an end in between, and starts one.
    fn run_while_stopped(self, sql: &str) -> Self {
        let Self { database, app, ended, alive, ended_id } = self;
        app.stop();
        database.execute(&sql.replace("{ID}", &ended_id));
        let app = instance(&database);
        let (ended, alive) = (ended.at(app.address), alive.at(app.address));
        Self { database, app, ended, alive, ended_id }
    }

    /// Restores the copy, with the triggers off, as a restore of a backup does.
    fn restore(&self) {
        let tables = ["users", "sessions", "user_sessions"];
        let delete = tables.iter().rev().map(|table| format!("DELETE FROM {table};")).collect::<Vec<_>>().concat();
        let insert = tables.map(|table| format!("INSERT INTO {table} SELECT * FROM kept_{table};")).concat();
        let restore = format!("DELETE FROM ended_sids; DELETE FROM ends_for_journal; {delete} {insert}");
        match self.database.kind() {
            EngineKind::Postgres => {
                let off = "SET LOCAL session_replication_role = replica";
                self.database.execute(&format!("BEGIN; {off}; {restore} COMMIT"));
            }
            EngineKind::Sqlite => {
                let triggers = "FROM sqlite_master WHERE type = 'trigger'";
                let drop = self.database.texts(&format!("SELECT 'DROP TRIGGER ' || name || ';' AS v {triggers}"));
                let create = self.database.texts(&format!("SELECT sql || ';' AS v {triggers}"));
                self.database.execute(&format!(
                    "BEGIN IMMEDIATE; {} {restore} {} COMMIT",
                    drop.concat(),
                    create.join("\n")
                ));
            }
        }
    }

    fn has_journaled(&self, id: &str) -> bool {
        fs::read_to_string(journal_of(&self.database)).is_ok_and(|text| text.contains(&format!("ended {id} ")))
    }

    /// Restores the copy, and asserts that only the one session is ended.
    fn assert_ended_again(&self) {
        wait_until(|| self.has_journaled(&self.ended_id));
        self.restore();
        wait_until(|| self.ended.clone().get("/api/session").status == 401);
        let of_ended = format!("WHERE id = '{}' AND status = 'logged_out'", self.ended_id);
        wait_until(|| self.database.count("sessions", &of_ended) == 1);
    }
}

fn journal_of(database: &TestDatabase) -> std::path::PathBuf {
    Path::new(database.folder()).join("test.ends")
}

fn instance(database: &TestDatabase) -> TestApp {
    let path = journal_of(database);
    TestApp::over(database, Clock::System, |config| config.database.journal = Some(Journal::open(path).unwrap()))
}

fn end_survives_when_its_row_is_deleted_and_restored(engine: EngineKind) {
    // The first statement ends the session.
    let delete = "DELETE FROM sessions WHERE id = '{ID}'; DELETE FROM sessions WHERE id = '{ID}'";
    let fixture = Fixture::new(engine).run_while_stopped(delete);
    assert_eq!(fixture.database.count("sessions", ""), 1);
    fixture.assert_ended_again();
    wait_until(|| fixture.alive.clone().get("/api/session").status == 200);
}

fn end_by_an_expiry_in_the_past_survives_a_restore(engine: EngineKind) {
    let fixture = Fixture::new(engine)
        .run_while_stopped("UPDATE sessions SET expires_at = '2020-01-01T00:00:00.000000Z' WHERE id = '{ID}'");
    fixture.assert_ended_again();
    wait_until(|| fixture.alive.clone().get("/api/session").status == 200);
}

fn end_survives_when_its_user_is_deleted_and_restored(engine: EngineKind) {
    let fixture = Fixture::new(engine).run_while_stopped("DELETE FROM users");
    assert_eq!(fixture.database.count("sessions", ""), 0);
    fixture.assert_ended_again();
    wait_until(|| fixture.alive.clone().get("/api/session").status == 401);
}

fn ends_kept_for_the_journal_are_forgotten_after_their_expiry(engine: EngineKind) {
    let delete = "DELETE FROM sessions WHERE id = '{ID}'; DELETE FROM sessions WHERE id = '{ID}'";
    let fixture = Fixture::new(engine).run_while_stopped(delete);
    crate::support::wait(fixture.app.keyrack.sessions().purge(|_| ())).unwrap();
    assert_eq!(fixture.database.count("ends_for_journal", ""), 1);
    fixture.database.execute("UPDATE ends_for_journal SET expires_at = '2020-01-01T00:00:00.000000Z'");
    crate::support::wait(fixture.app.keyrack.sessions().purge(|_| ())).unwrap();
    assert_eq!(fixture.database.count("ends_for_journal", ""), 0);
}

/// TRUNCATE may be part of a restore: what is alive a minute later has not ended.
#[test]
fn truncated_sessions_end_unless_they_are_restored() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    for restores in [false, true] {
        let fixture = Fixture::new(EngineKind::Postgres).run_while_stopped("TRUNCATE sessions CASCADE");
        assert_eq!(fixture.database.count("ends_for_journal", "WHERE is_truncated"), 2);
        if restores {
            fixture.database.execute(
                "BEGIN; SET LOCAL session_replication_role = replica; DELETE FROM ended_sids;
                 INSERT INTO sessions SELECT * FROM kept_sessions; INSERT INTO user_sessions SELECT * FROM kept_user_sessions;
                 COMMIT",
            );
        }
        let later = "gen_random_uuid(), 'revoked', now(), now() + interval '1 hour', now()";
        let marker = fixture.database.text(&format!(
            "WITH settled AS (UPDATE ends_for_journal SET settles_at = now() - interval '1 second')
             INSERT INTO ends_for_journal VALUES ({later}) RETURNING session_id::text AS v"
        ));
        // A pass reads the ends in the order in which they settle.
        wait_until(|| fixture.has_journaled(&marker));
        assert_eq!(fixture.has_journaled(&fixture.ended_id), !restores);
        if restores {
            wait_until(|| fixture.alive.clone().get("/api/session").status == 200);
        } else {
            fixture.restore();
            wait_until(|| fixture.ended.clone().get("/api/session").status == 401);
        }
    }
}
