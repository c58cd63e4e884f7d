//! A database that can be read, but not written: a server does not start on it.

use std::{
    fs::{self, Permissions},
    io::Write as _,
    os::unix::{
        fs::{PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::Path,
};

use crate::support::{
    EngineKind, Finished, PASSWORD, Program, ReplicatedPair, SECRETS, Serving, TestDatabase, wait_until,
};

const EMAIL: &str = "rajat.verma@example.com";

/// Not by eprintln!, which the test harness hides when the test passes.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A folder mounted read-only, unmounted when the value is dropped.
struct ReadOnly<'a>(&'a Path);

impl<'a> ReadOnly<'a> {
    /// `None` without the right to mount.
    fn mount(folder: &'a Path) -> Option<Self> {
        let mount = |arguments: &[&str]| {
            let done = std::process::Command::new("mount").args(arguments).arg(folder).output();
            done.is_ok_and(|output| output.status.success())
        };
        let path = folder.to_str().unwrap();
        if !mount(&["--bind", path]) {
            note("READ-ONLY FOLDER NOT TESTED: needs root");
            return None;
        }
        let mounted = Self(folder);
        mount(&["-o", "remount,bind,ro"]).then_some(mounted)
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        std::process::Command::new("umount").arg("-l").arg(self.0).status().unwrap();
    }
}

#[test]
fn server_refuses_to_start_in_a_read_only_folder() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    Program::new(&database).add_user(EMAIL);
    let elsewhere = tempfile::tempdir().unwrap();
    let program_folder = TestDatabase::at(&elsewhere.path().join("unused.db"));
    let Some(_mounted) = ReadOnly::mount(database.folder()) else { return };
    let refused = Program::new(&program_folder)
        .with("DATABASE_URL", database.url())
        .with("KEYRACK_SECRETS", SECRETS)
        .run(&["serve"]);
    refused.assert_refused(1, &["database"]);
}

/// The user and group "nobody" of most systems: any that owns nothing will do.
const OTHER_USER: u32 = 65534;

/// Runs a command as another user; `None` without the right to do that.
fn run_as_other_user(program: &Program<'_>, arguments: &[&str]) -> Option<Finished> {
    let child = program.command(arguments).uid(OTHER_USER).gid(OTHER_USER).spawn();
    child.ok().map(Finished::wait_for)
}

/// The file can be opened for reading, and its folder even be written.
#[test]
fn server_refuses_to_start_with_a_file_of_another_user() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let program = Program::new(&database).with("KEYRACK_SECRETS", SECRETS);
    program.add_user(EMAIL);
    fs::set_permissions(database.folder(), Permissions::from_mode(0o777)).unwrap();
    if run_as_other_user(&program, &["--version"]).is_none_or(|finished| finished.status != 0) {
        note("FILE OF ANOTHER USER NOT TESTED: needs root, and a program that others may run");
        return;
    }
    fs::set_permissions(database.folder().join("keyrack.db"), Permissions::from_mode(0o644)).unwrap();
    let refused = run_as_other_user(&program, &["serve"]).unwrap();
    refused.assert_refused(1, &["cannot open the database", "must own, or be allowed to write"]);
}

/// SQLite keeps what it found when it first opened the files, also after they are another user's no longer.
#[test]
fn files_given_back_to_their_user_are_written_again() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let program = Program::new(&database).with("KEYRACK_SECRETS", SECRETS);
    program.add_user(EMAIL);
    if run_as_other_user(&program, &["--version"]).is_none_or(|finished| finished.status != 0) {
        note("FILES GIVEN BACK NOT TESTED: needs root, and a program that others may run");
        return;
    }
    let folder = database.folder();
    chown(folder, Some(OTHER_USER), Some(OTHER_USER)).unwrap();
    let give_back = || {
        for file in fs::read_dir(folder).unwrap() {
            chown(file.unwrap().path(), Some(OTHER_USER), Some(OTHER_USER)).unwrap();
        }
    };
    give_back();
    let child = program.command(&["serve"]).uid(OTHER_USER).gid(OTHER_USER).spawn();
    let serving = Serving::await_start(child.unwrap());
    let mut browser = serving.signed_in(EMAIL);
    // A backup that root has made, and moves into place. The server may notice the first of its files before the others are
    // there, and then sets the journal aside, so that nothing may be in the journal only.
    wait_until(|| {
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
        fs::metadata(folder.join("keyrack.db-wal")).unwrap().len() == 0
    });
    for name in ["keyrack.db", "keyrack.db-wal", "keyrack.db-shm"] {
        let (file, copy) = (folder.join(name), folder.join(format!("{name}.copy")));
        fs::copy(&file, &copy).unwrap();
        fs::set_permissions(&copy, Permissions::from_mode(0o644)).unwrap();
        fs::rename(&copy, &file).unwrap();
    }
    wait_until(|| serving.browser().get("/readyz").status == 503);
    assert_eq!(serving.browser().sign_in(EMAIL, PASSWORD).status, 503);
    give_back();
    wait_until(|| serving.browser().get("/readyz").status == 200);
    assert_eq!(serving.browser().sign_in(EMAIL, PASSWORD).status, 303);
    assert!(browser.is_signed_in());
    assert_eq!(database.text("SELECT integrity_check AS v FROM pragma_integrity_check"), "ok");
}

#[test]
fn server_refuses_to_start_on_a_standby() {
    let Some(pair) = ReplicatedPair::start() else { return };
    let standby = pair.standby();
    let refused = Program::new(&standby).run(&["serve"]);
    refused.assert_refused(1, &["name the primary in DATABASE_URL"]);
    // With both servers in the URL, the primary is found.
    let both = pair.database();
    let program = Program::new(&both);
    program.add_user(EMAIL);
    program.serve().signed_in(EMAIL);
}
