//! Finds the programs that some tests run beside Keyrack.

use std::{
    collections::BTreeSet,
    env,
    io::{self, Write as _},
    path::PathBuf,
    sync::Mutex,
};

/// Finds a program on the PATH or in `/usr/sbin`, where Debian installs servers and which is not on every user's PATH.
///
/// Where it is not installed, prints once that `subject` is not tested, and which of Debian's packages has it.
///
/// # Panics
///
/// In CI, where nothing may be skipped (`KEYRACK_TEST_REQUIRE_POSTGRES=1`), if it is not installed.
pub fn installed(program: &str, subject: &str, package: &str) -> Option<PathBuf> {
    let found = find(program);
    if found.is_none() {
        let advice = format!("{subject} NOT TESTED: it is not installed (Debian: apt-get install {package})");
        assert!(env::var_os("KEYRACK_TEST_REQUIRE_POSTGRES").is_none_or(|value| value != "1"), "{advice}");
        print_once(advice);
    }
    found
}

/// Like [`installed`], for a program that belongs to some systems only: its tests are skipped elsewhere, in CI as well.
pub fn installed_on_some_systems(program: &str, subject: &str) -> Option<PathBuf> {
    let found = find(program);
    if found.is_none() {
        print_once(format!("{subject} NOT TESTED: this system has no {program}"));
    }
    found
}

fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|program| program.is_file())
}

fn print_once(advice: String) {
    static PRINTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut printed = PRINTED.lock().unwrap();
    if !printed.contains(&advice) {
        // Not by eprintln!, which the test harness hides when the test passes.
        let _ = writeln!(io::stderr(), "{advice}");
        printed.insert(advice);
    }
}
