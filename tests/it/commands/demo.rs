//! `keyrack demo`

use std::path::PathBuf;

use crate::support::{EngineKind, Program, TestDatabase};

/// The demos' folders under the temporary folder that the program was given.
fn folders(database: &TestDatabase) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(database.folder()).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}

#[test]
fn demo_prints_sign_in_and_deletes_its_folder() {
    use std::os::unix::fs::PermissionsExt;

    let database = TestDatabase::blank(EngineKind::Sqlite);
    let program = Program::new(&database);
    // The demo must not open the configured database: this one can't be opened.
    let mut demo = program.with("DATABASE_URL", "sqlite:/nowhere/keyrack.db").serve_as(&["demo"]);
    let login = demo.out.wait_for("/login");
    assert_eq!(login.trim(), format!("http://{}/login", demo.address));
    let last_word = |line: String| line.split_whitespace().last().unwrap().to_owned();
    let (email, password) = (last_word(demo.out.wait_for("email")), last_word(demo.out.wait_for("password")));
    let [folder] = folders(&database).try_into().unwrap();
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);

    let mut browser = demo.browser();
    assert_eq!(browser.sign_in(&email, &password).status, 303);
    let page = browser.get("/account/sessions").body;
    assert!(page.contains("5 active sessions"), "four sample sessions and this one: {page}");
    let history = browser.get("/account/sessions?show=ended").body;
    assert!(history.contains("Signed out") && history.contains("Revoked by an administrator"), "{history}");

    let stopped = demo.stop();
    assert_eq!(stopped.status, 0, "{stopped:?}");
    assert!(!stopped.err.contains(&password), "{stopped:?}");
    assert_eq!(folders(&database), <[PathBuf; 0]>::default());
}

#[test]
fn demo_that_cannot_listen_deletes_its_folder() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = Program::new(&database).run(&["demo", "--bind", &address]);
    refused.assert_refused(1, &["cannot listen on", &address, "--bind"]);
    assert_eq!(folders(&database), <[PathBuf; 0]>::default());
}
