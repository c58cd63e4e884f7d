//! A SQLite file that is replaced or removed, or its journal, while a server uses it.

use std::{fs, path::PathBuf};

use crate::support::{Browser, EngineKind, PASSWORD, Program, Serving, TestDatabase, wait_until};

const EMAIL: &str = "rajat.verma@example.com";

/// A running server with one signed-in browser.
struct Fixture {
    database: TestDatabase,
    serving: Serving,
    browser: Browser,
}

impl Fixture {
    fn new() -> Self {
        let database = TestDatabase::new(EngineKind::Sqlite);
        let program = Program::new(&database);
        program.add_user(EMAIL);
        let serving = program.serve();
        let mut browser = serving.signed_in(EMAIL);
        assert!(browser.is_signed_in());
        Self { database, serving, browser }
    }

    fn path(&self) -> PathBuf {
        self.database.folder().join("keyrack.db")
    }

    fn file(&self, suffix: &str) -> PathBuf {
        PathBuf::from(format!("{}{suffix}", self.path().display()))
    }

    fn program(&self) -> Program<'_> {
        Program::new(&self.database)
    }

    /// A consistent copy, as `VACUUM INTO` makes it.
    fn backup(&self) -> PathBuf {
        let copy = self.database.folder().join("backup.db");
        self.database.execute(&format!("VACUUM INTO '{}'", copy.display()));
        copy
    }

    fn count_active(&self) -> usize {
        self.database.count("sessions", "WHERE status = 'active'")
    }
}

/// The states of what the file may be moved over: a copy from before the sign-out, and from before the sign-in.
#[test]
fn file_moved_over_is_used_from_the_next_request_on() {
    let mut fixture = Fixture::new();
    let mut early = fixture.serving.signed_in(EMAIL);
    let backup = fixture.backup();
    let mut late = fixture.serving.signed_in(EMAIL);
    assert!(late.is_signed_in() && early.is_signed_in());
    fs::rename(&backup, fixture.path()).unwrap();
    assert!(!late.is_signed_in(), "its session is not in the file");
    assert!(early.is_signed_in());
    let log = fixture.serving.err.wait_for("moved over the database file");
    assert!(log.contains("stop Keyrack before restoring"), "{log}");
    // What another program ends there holds here, and the other way round.
    fixture.program().done(&["session", "revoke", &early.session_id()]);
    assert!(!early.is_signed_in());
    let before = fixture.count_active();
    fixture.serving.signed_in(EMAIL);
    assert_eq!(fixture.count_active(), before + 1);
    assert!(fixture.browser.is_signed_in());
    assert_eq!(fixture.program().run(&["doctor"]).status, 0);
    assert_eq!(fixture.database.text("SELECT integrity_check AS v FROM pragma_integrity_check"), "ok");
    let log = fixture.serving.stop().err;
    assert!(!log.contains("overwritten"), "it is another file, not the same one with other content: {log}");
}

#[test]
fn sign_in_after_the_file_was_replaced_survives_a_kill() {
    let fixture = Fixture::new();
    let backup = fixture.backup();
    fs::rename(&backup, fixture.path()).unwrap();
    let mut browser = fixture.serving.browser();
    wait_until(|| browser.sign_in(EMAIL, PASSWORD).status == 303);
    let Fixture { database, serving, .. } = fixture;
    drop(serving); // kills it
    let again = Program::new(&database).serve();
    assert!(browser.at(again.address).is_signed_in());
}

#[test]
fn removed_file_returns_503_until_it_is_back() {
    let mut fixture = Fixture::new();
    let away = fixture.file(".away");
    fs::rename(fixture.path(), &away).unwrap();
    for path in ["/api/session", "/account/sessions", "/readyz"] {
        let answer = fixture.browser.get(path);
        assert_eq!((answer.status, answer.set_cookies()), (503, vec![]), "{path}");
    }
    assert_eq!(fixture.serving.browser().sign_in(EMAIL, PASSWORD).status, 503);
    fixture.serving.err.wait_for("was removed or renamed");
    fs::rename(&away, fixture.path()).unwrap();
    wait_until(|| fixture.browser.get("/api/session").status == 200);
    wait_until(|| fixture.serving.browser().get("/readyz").status == 200);
    fixture.serving.signed_in(EMAIL);
    fixture.serving.err.wait_for("the database file is back");
}

#[test]
fn backup_in_place_of_a_removed_file_gets_no_old_journal() {
    let mut fixture = Fixture::new();
    let backup = fixture.backup();
    for _ in 0..5 {
        fixture.serving.signed_in(EMAIL);
    }
    fs::remove_file(fixture.path()).unwrap();
    assert_eq!(fixture.browser.get("/api/session").status, 503);
    fs::copy(&backup, fixture.path()).unwrap();
    wait_until(|| fixture.browser.get("/api/session").status == 200);
    assert_eq!(fixture.count_active(), 1);
    assert_eq!(fixture.database.text("SELECT integrity_check AS v FROM pragma_integrity_check"), "ok");
    fixture.serving.err.wait_for("was moved to");
}

fn remove_journal(fixture: &Fixture) {
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(fixture.file(suffix)).unwrap();
    }
}

#[test]
fn removed_journal_loses_nothing() {
    let mut fixture = Fixture::new();
    let sign_ins: Vec<Browser> = (0..3).map(|_| fixture.serving.signed_in(EMAIL)).collect();
    remove_journal(&fixture);
    wait_until(|| fixture.browser.get("/api/session").status == 200);
    fixture.serving.err.wait_for("nothing is lost");
    wait_until(|| fixture.serving.browser().sign_in(EMAIL, PASSWORD).status == 303);
    assert_eq!(fixture.count_active(), 5);
    for id in sign_ins.into_iter().map(|mut browser| browser.session_id()) {
        fixture.program().done(&["session", "revoke", &id]);
    }
    assert_eq!(fixture.count_active(), 2);
    assert_eq!(fixture.database.text("SELECT integrity_check AS v FROM pragma_integrity_check"), "ok");
}

/// A command begins a new journal before the server notices that its own is gone.
#[test]
fn revocation_after_the_journal_was_removed_holds() {
    let mut fixture = Fixture::new();
    // Written to the database file, so that the command finds the session without the journal.
    fixture.database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    let mut revoked = fixture.browser.clone();
    let id = revoked.session_id();
    let paused = fixture.serving.pause();
    remove_journal(&fixture);
    let printed = fixture.program().done(&["session", "revoke", &id]);
    assert!(printed.starts_with("Revoked"), "{printed}");
    drop(paused);
    let statuses: Vec<u16> = (0..3).map(|_| revoked.get("/api/session").status).collect();
    assert!(statuses.iter().all(|status| matches!(status, 401 | 503)), "{statuses:?}");
    wait_until(|| revoked.get("/api/session").status == 401);
    fixture.serving.err.wait_for("run keyrack doctor");
    wait_until(|| fixture.serving.browser().sign_in(EMAIL, PASSWORD).status == 303);
    assert!(!fixture.browser.is_signed_in());
    assert_eq!(fixture.database.text("SELECT integrity_check AS v FROM pragma_integrity_check"), "ok");
    let Fixture { database, serving, .. } = fixture;
    drop(serving);
    assert!(!revoked.at(Program::new(&database).serve().address).is_signed_in());
}
