//! The content of a SQLite file is overwritten in place while a server uses it, as `cp backup.db keyrack.db` does.

use std::{
    fs::{self, File},
    io,
    time::{Duration, Instant, SystemTime},
};

use crate::support::{Browser, EngineKind, PASSWORD, Program, Serving, TestDatabase, wait_until};

const EMAIL: &str = "rajat.verma@example.com";

struct Fixture {
    database: TestDatabase,
    serving: Serving,
}

impl Fixture {
    fn new() -> Self {
        let database = TestDatabase::new(EngineKind::Sqlite);
        let program = Program::new(&database);
        program.add_user(EMAIL);
        let serving = program.serve();
        Self { database, serving }
    }

    fn back_up(&self) {
        let copy = self.database.folder().join("backup.db");
        self.database.execute(&format!("VACUUM INTO '{}'", copy.display()));
    }

    /// Copies the journal into the file, so that the file differs from the backup.
    fn checkpoint(&self) {
        self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    fn overwrite(&self) {
        let folder = self.database.folder();
        fs::copy(folder.join("backup.db"), folder.join("keyrack.db")).unwrap();
    }

    fn status(browser: &Browser) -> u16 {
        let mut status = 503;
        wait_until(|| {
            status = browser.clone().get("/api/session").status;
            status != 503
        });
        status
    }
}

#[test]
fn overwritten_file_is_noticed_and_revives_no_session() {
    let mut fixture = Fixture::new();
    let (ended, alive) = (fixture.serving.signed_in(EMAIL), fixture.serving.signed_in(EMAIL));
    fixture.back_up();
    let late = fixture.serving.signed_in(EMAIL);
    assert_eq!(ended.clone().sign_out().status, 303);
    fixture.checkpoint();
    fixture.overwrite();
    let log = fixture.serving.err.wait_for("was overwritten while Keyrack uses it");
    assert!(log.contains("stop Keyrack before restoring"), "{log}");
    assert_eq!(Fixture::status(&ended), 401, "it had ended");
    assert_eq!(Fixture::status(&late), 401, "it is not in the backup");
    assert_eq!(Fixture::status(&alive), 200);
    wait_until(|| fixture.serving.browser().sign_in(EMAIL, PASSWORD).status == 303);
    assert_eq!(fixture.database.text("SELECT integrity_check AS v FROM pragma_integrity_check"), "ok");
    assert_eq!(Program::new(&fixture.database).run(&["doctor"]).status, 0);
}

/// What only it had is lost. What had been written to the database file, and the ends of the journal beside it, hold.
#[test]
fn emptied_journal_is_noticed_and_revives_no_session() {
    let mut fixture = Fixture::new();
    let (ended, alive) = (fixture.serving.signed_in(EMAIL), fixture.serving.signed_in(EMAIL));
    fixture.checkpoint();
    let late = fixture.serving.signed_in(EMAIL);
    assert_eq!(ended.clone().sign_out().status, 303);
    assert_eq!(Fixture::status(&late), 200);
    File::options().write(true).truncate(true).open(fixture.database.folder().join("keyrack.db-wal")).unwrap();
    let log = fixture.serving.err.wait_for("was overwritten while Keyrack uses it");
    assert!(log.contains("-wal file"), "{log}");
    assert_eq!(Fixture::status(&ended), 401, "it had ended");
    assert_eq!(Fixture::status(&late), 401, "its sign-in is lost");
    assert_eq!(Fixture::status(&alive), 200);
    wait_until(|| fixture.serving.browser().sign_in(EMAIL, PASSWORD).status == 303);
    assert_eq!(fixture.database.text("SELECT integrity_check AS v FROM pragma_integrity_check"), "ok");
    assert_eq!(Program::new(&fixture.database).run(&["doctor"]).status, 0);
}

/// It is not the content of a Keyrack database any longer.
#[test]
fn file_overwritten_with_other_content_answers_503_until_restored() {
    let mut fixture = Fixture::new();
    let browser = fixture.serving.signed_in(EMAIL);
    fixture.checkpoint();
    fixture.back_up();
    // The server has looked at the file since the journal was copied into it.
    let sign_out = fixture.serving.signed_in(EMAIL);
    assert_eq!(sign_out.clone().sign_out().status, 303);
    wait_until(|| {
        fixture.checkpoint();
        fixture.serving.signed_in(EMAIL).sign_out().status == 303
    });
    fs::write(fixture.database.folder().join("keyrack.db"), vec![b'x'; 100_000]).unwrap();
    wait_until(|| browser.clone().get("/api/session").status == 503);
    fixture.overwrite();
    assert_eq!(Fixture::status(&browser), 200);
    assert_eq!(Fixture::status(&sign_out), 401);
    // If the last connection was closed by an error, SQLite has removed the journal, and the server may say that instead.
    fixture.serving.err.wait_for("while Keyrack uses it");
}

/// A program that copies a backup empties the file first. A first page that the server wrote then would replace the one
/// that the program is about to write.
#[test]
fn emptied_file_stays_empty_until_it_is_written() {
    let mut fixture = Fixture::new();
    let browser = fixture.serving.signed_in(EMAIL);
    fixture.checkpoint();
    fixture.back_up();
    // The server has looked at the file since the journal was copied into it.
    wait_until(|| {
        fixture.checkpoint();
        fixture.serving.signed_in(EMAIL).sign_out().status == 303
    });
    let path = fixture.database.folder().join("keyrack.db");
    let mut writer = File::options().write(true).truncate(true).open(&path).unwrap();
    // By then it has tried to open the file: "is empty", or "is not a database" if it was reading.
    fixture.serving.err.wait_for("could not read which ends the database has");
    for _ in 0..3 {
        assert_eq!(browser.clone().get("/api/session").status, 503);
        assert_eq!(fixture.serving.browser().get("/readyz").status, 503);
    }
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    io::copy(&mut File::open(fixture.database.folder().join("backup.db")).unwrap(), &mut writer).unwrap();
    drop(writer);
    assert_eq!(Fixture::status(&browser), 200);
}

/// If a server lost its lock on the file, another program that closes the database would take itself for the last one and
/// remove the journal that the server goes on writing to.
#[test]
fn file_stays_locked_while_a_server_looks_at_its_content() {
    let fixture = Fixture::new();
    let started = Instant::now();
    // Twice as long as a server waits between two looks.
    while started.elapsed() < Duration::from_secs(2) {
        fixture.serving.signed_in(EMAIL).sign_out();
        fixture.checkpoint();
        // Succeeds for the only connection.
        assert!(fixture.database.try_execute("PRAGMA journal_mode = DELETE").is_err(), "the server has no lock");
    }
    assert!(!fixture.serving.stop().err.contains("overwritten"));
}

/// A program that touches the file writes nothing to it.
#[test]
fn file_with_other_times_is_not_taken_for_overwritten() {
    let fixture = Fixture::new();
    let browser = fixture.serving.signed_in(EMAIL);
    for _ in 0..5 {
        File::options()
            .write(true)
            .open(fixture.database.folder().join("keyrack.db"))
            .unwrap()
            .set_modified(SystemTime::now())
            .unwrap();
        assert_eq!(fixture.serving.signed_in(EMAIL).sign_out().status, 303);
    }
    assert!(browser.clone().is_signed_in());
    assert!(!fixture.serving.stop().err.contains("overwritten"));
}

/// Checkpoints, and commands that write, are no other content.
#[test]
fn file_that_is_written_by_keyrack_is_not_taken_for_overwritten() {
    let mut fixture = Fixture::new();
    let mut browser = fixture.serving.signed_in(EMAIL);
    for number in 0..5 {
        fixture.serving.signed_in(EMAIL).sign_out();
        Program::new(&fixture.database).done(&["user", "set-role", EMAIL, ["user", "admin"][number % 2]]);
        fixture.checkpoint();
        assert!(browser.is_signed_in());
    }
    fixture.database.execute("VACUUM");
    fixture.checkpoint();
    // An error that is logged later than a false alarm would be.
    fs::rename(fixture.database.folder().join("keyrack.db"), fixture.database.folder().join("away")).unwrap();
    wait_until(|| browser.get("/api/session").status == 503);
    let log = fixture.serving.err.wait_for("was removed or renamed");
    assert!(!log.contains("overwritten"), "{log}");
}
