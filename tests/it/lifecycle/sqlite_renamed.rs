//! The SQLite file is renamed while a server uses it, or a folder or a symbolic link on the way to it, and another file gets
//! its name.

use std::{fs, os::unix::fs::symlink, path::Path};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use tempfile::TempDir;

use crate::support::{Browser, Program, Serving, TestDatabase, wait_until};

const EMAIL: &str = "rajat.verma@example.com";

/// A running server, whose database is in the folder "data".
struct Fixture {
    root: TempDir,
    database: TestDatabase,
    serving: Serving,
}

impl Fixture {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("data")).unwrap();
        let database = TestDatabase::at(&root.path().join("data/keyrack.db"));
        let serving = serve(&database);
        Self { root, database, serving }
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.root.path().join(from), self.root.path().join(to)).unwrap();
    }

    /// Makes a copy of the database, as `VACUUM INTO` does, in a folder of its own.
    fn back_up(&self, folder: &str) {
        let folder = self.root.path().join(folder);
        fs::create_dir(&folder).unwrap();
        back_up(&self.database, &folder.join("keyrack.db"));
    }
}

fn serve(database: &TestDatabase) -> Serving {
    let program = Program::new(database);
    program.add_user(EMAIL);
    program.serve()
}

fn back_up(database: &TestDatabase, to: &Path) {
    database.execute(&format!("VACUUM INTO '{}'", to.display()));
}

fn status(browser: &Browser) -> u16 {
    browser.clone().get("/api/session").status
}

/// A count of its ends alone would not tell it from a later state of the file.
#[test]
fn other_file_with_more_ends_revives_no_session() {
    let mut fixture = Fixture::new();
    let (ended, alive) = (fixture.serving.signed_in(EMAIL), fixture.serving.signed_in(EMAIL));
    fixture.back_up("backup");
    let copy = fixture.root.path().join("backup/keyrack.db");
    SqliteConnection::establish(copy.to_str().unwrap())
        .unwrap()
        .batch_execute("REPLACE INTO keyrack_settings (name, value) VALUES ('committed_ends', '1000000')")
        .unwrap();
    assert_eq!(ended.clone().sign_out().status, 303);
    fixture.rename("data/keyrack.db", "data/former.db");
    fixture.rename("backup/keyrack.db", "data/keyrack.db");
    wait_until(|| {
        let status = status(&ended);
        assert_ne!(status, 200, "its end was acknowledged");
        status == 401
    });
    wait_until(|| status(&alive) == 200);
    fixture.serving.err.wait_for("moved over the database file");
    fixture.serving.err.wait_for("were ended again");
}

#[test]
fn renamed_folder_returns_503_until_it_is_back() {
    let mut fixture = Fixture::new();
    let browser = fixture.serving.signed_in(EMAIL);
    fixture.rename("data", "away");
    assert_eq!(status(&browser), 503);
    assert_eq!(fixture.serving.browser().get("/readyz").status, 503);
    fixture.serving.err.wait_for("was removed or renamed");
    fixture.rename("away", "data");
    wait_until(|| status(&browser) == 200);
    fixture.serving.err.wait_for("the database file is back");
    // The journal of ends was away with it.
    wait_until(|| {
        let answer = browser.clone().try_post_from("/account/sessions", "/logout", &[]);
        answer.is_some_and(|answer| answer.status == 303)
    });
}

#[test]
fn folder_in_place_of_a_renamed_one_is_used_at_once() {
    let mut fixture = Fixture::new();
    let (ended, alive) = (fixture.serving.signed_in(EMAIL), fixture.serving.signed_in(EMAIL));
    fixture.back_up("backup");
    let late = fixture.serving.signed_in(EMAIL);
    assert_eq!(ended.clone().sign_out().status, 303);
    fixture.rename("data", "former");
    fixture.rename("backup", "data");
    for browser in [&ended, &late] {
        wait_until(|| {
            let status = status(browser);
            assert_ne!(status, 200, "it is not alive in the new file");
            status == 401
        });
    }
    wait_until(|| status(&alive) == 200);
    fixture.serving.err.wait_for("moved over the database file");
    let former = TestDatabase::at(&fixture.root.path().join("former/keyrack.db"));
    assert_eq!(former.count("sessions", "WHERE status = 'active'"), 2, "with what was in its journal");
}

/// The journal of the former file stays beside it.
#[test]
fn link_to_another_file_leaves_the_former_one_whole() {
    for is_folder in [false, true] {
        let root = tempfile::tempdir().unwrap();
        let (link, new) = (root.path().join("link"), root.path().join("new"));
        let point_to = |name: &str| {
            let folder = root.path().join(name);
            symlink(if is_folder { folder } else { folder.join("keyrack.db") }, &new).unwrap();
            fs::rename(&new, &link).unwrap();
        };
        for name in ["first", "second"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        drop(TestDatabase::at(&root.path().join("first/keyrack.db")));
        point_to("first");
        let database = TestDatabase::at(&if is_folder { link.join("keyrack.db") } else { link.clone() });
        let mut serving = serve(&database);
        let alive = serving.signed_in(EMAIL);
        back_up(&database, &root.path().join("second/keyrack.db"));
        let late = serving.signed_in(EMAIL);
        point_to("second");
        wait_until(|| {
            let status = status(&late);
            assert_ne!(status, 200, "it is not in the second file");
            status == 401
        });
        wait_until(|| status(&alive) == 200);
        serving.err.wait_for("moved over the database file");
        let former = TestDatabase::at(&root.path().join("first/keyrack.db"));
        assert_eq!(former.count("sessions", "WHERE status = 'active'"), 2, "in its journal, is_folder = {is_folder}");
        assert_eq!(database.count("sessions", "WHERE status = 'active'"), 1);
    }
}
