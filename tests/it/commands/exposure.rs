//! What others can read or reach, which is warned about at the start or refused

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::support::{EngineKind, Program, SECRETS, TestDatabase};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The warnings of a start that contain this text.
fn warnings(program: &Program<'_>, part: &str) -> Vec<String> {
    let log = program.serve().stop().err;
    log.lines().filter(|line| line.contains("\"WARN\"") && line.contains(part)).map(str::to_owned).collect()
}

#[test]
fn accessible_database_file_is_warned_about() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let program = Program::new(&database);
    assert_eq!(warnings(&program, "").len(), 0);
    let path = database.folder().join("keyrack.db");
    for mode in [0o644, 0o660, 0o666] {
        set_mode(&path, mode);
        let found = warnings(&program, "other users can access the database");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(&format!("mode {mode:o}")) && found[0].contains("chmod 600"), "{found:?}");
        assert!(found[0].contains("keyrack.db"), "{found:?}");
    }
    set_mode(&path, 0o600);
    assert_eq!(warnings(&program, "").len(), 0);
}

#[test]
fn readable_settings_file_with_secrets_is_warned_about() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let path = database.folder().join("keyrack.toml");
    let url = format!("database_url = 'sqlite:{}'\n", path.with_file_name("keyrack.db").display());
    for (text, mode, expected) in [
        (format!("secrets = ['{SECRETS}']\n"), 0o644, 1),
        (format!("secrets = ['{SECRETS}']\n"), 0o640, 1),
        (format!("secrets = ['{SECRETS}']\n"), 0o600, 0),
        (url, 0o644, 0),
        ("secrets = []\nidle_timeout = '1h'\n".to_owned(), 0o644, 0),
    ] {
        let program = Program::new(&database).with_file("keyrack.toml", &text);
        set_mode(&path, mode);
        let found = warnings(&program, "keyrack.toml");
        assert_eq!(found.len(), expected, "{text} {mode:o}: {found:?}");
        assert!(found.iter().all(|line| line.contains("chmod 600") && !line.contains(SECRETS)), "{found:?}");
    }
}

#[test]
fn readable_settings_file_with_password_is_warned_about() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let file = "database_url = 'postgres://app:hunter2-hidden@127.0.0.1/keyrack'\n";
    // The variable overrides the file, which holds the password all the same.
    let program = Program::new(&database).with_file("keyrack.toml", file);
    set_mode(&database.folder().join("keyrack.toml"), 0o644);
    let found = warnings(&program, "keyrack.toml");
    assert!(found.len() == 1 && !found[0].contains("hunter2"), "{found:?}");
}

#[test]
fn unencrypted_access_from_other_machines_is_warned_about() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let program = Program::new(&database);
    let open = program.clone().with("KEYRACK_BIND", "0.0.0.0:0");
    for open in [open.clone(), open.clone().with("KEYRACK_PUBLIC_URL", "http://keys.example.com")] {
        let found = warnings(&open, "unencrypted");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("KEYRACK_PUBLIC_URL"), "{found:?}");
    }
    assert_eq!(warnings(&open.with("KEYRACK_PUBLIC_URL", "https://keys.example.com"), "").len(), 0);
    assert_eq!(warnings(&program.with("KEYRACK_PUBLIC_URL", "http://keys.example.com"), "").len(), 0);
}

#[test]
fn trusting_every_address_is_rejected() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let program = |list: &str| Program::new(&database).with("KEYRACK_TRUSTED_PROXIES", list);
    for list in ["0.0.0.0/0", "::/0", "10.0.0.0/8, ::/0", "0.0.0.0/1,128.0.0.0/1", "::ffff:0.0.0.0/96"] {
        program(list).run(&["serve"]).assert_refused(2, &["KEYRACK_TRUSTED_PROXIES", "every address", "10.0.0.0/8"]);
    }
    let database = TestDatabase::new(EngineKind::Sqlite);
    let program = |list: &str| Program::new(&database).with("KEYRACK_TRUSTED_PROXIES", list);
    assert_eq!(warnings(&program("0.0.0.0/1"), "KEYRACK_TRUSTED_PROXIES contains 0.0.0.0/1").len(), 1);
    assert_eq!(warnings(&program("10.0.0.0/8,fc00::/7,192.0.2.1"), "").len(), 0);
}

#[test]
fn secrets_file_of_another_user_is_rejected() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let program = Program::new(&database);
    let (path, other) = (database.folder().join("keyrack.secrets"), database.folder().join("planted"));
    fs::write(&other, "the secret of another user\n").unwrap();
    set_mode(&other, 0o600);
    std::os::unix::fs::symlink(&other, &path).unwrap();
    program.serve();
    if std::os::unix::fs::chown(&other, Some(12_345), None).is_err() {
        // Only root can give a file away.
        return;
    }
    program.run(&["serve"]).assert_refused(2, &["keyrack.secrets", "belongs to another user", "12345", "chown"]);
    fs::remove_file(&path).unwrap();
    fs::rename(&other, &path).unwrap();
    program.run(&["serve"]).assert_refused(2, &["keyrack.secrets", "belongs to another user"]);
}

#[test]
fn weak_older_secret_is_warned_about() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let program = Program::new(&database).with("KEYRACK_SECRETS", &format!("{SECRETS},keyboard cat keyboard cat"));
    let found = warnings(&program, "older secrets can be guessed");
    assert!(found.len() == 1 && !found[0].contains("keyboard"), "{found:?}");
}

#[test]
fn new_secrets_on_postgres_are_warned_about_once() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let database = TestDatabase::new(EngineKind::Postgres);
    let program = Program::new(&database);
    let found = warnings(&program, "only this instance has");
    assert!(found.len() == 1 && found[0].contains("KEYRACK_SECRETS"), "{found:?}");
    assert_eq!(warnings(&program, "only this instance has").len(), 0, "the file exists");
    fs::remove_file(database.folder().join("keyrack.secrets")).unwrap();
    assert_eq!(warnings(&program.with("KEYRACK_SECRETS", SECRETS), "only this instance has").len(), 0);
}
