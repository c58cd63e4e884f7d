//! The file that holds the signing secrets when no setting does

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::support::{EngineKind, Program, SECRETS, TestDatabase, on_both_engines};

const EMAIL: &str = "rajat.verma@example.com";

on_both_engines!(
    secrets_file_is_created_once_and_private,
    secrets_file_accessible_to_others_is_rejected,
    secrets_file_without_valid_secret_is_rejected,
    configured_secrets_need_no_file,
    new_secrets_for_a_shared_cookie_are_warned_about,
);

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn secrets_file_is_created_once_and_private(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let file = database.folder().join("keyrack.secrets");
    assert!(!file.exists());
    let first = program.serve();
    let browser = first.signed_in(EMAIL);
    assert_eq!(mode(&file), 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.trim_end().len(), 43, "256 bits in base64");
    first.stop();

    let second = program.serve();
    assert!(browser.at(second.address).is_signed_in(), "the cookie's signature still holds");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    let names = fs::read_dir(database.folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let secrets = names.filter(|name| name.to_string_lossy().contains("secrets")).count();
    assert_eq!(secrets, 1, "no draft is left");
}

fn secrets_file_accessible_to_others_is_rejected(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database).with_file("keyrack.secrets", "a secret that is long enough\n");
    let file = database.folder().join("keyrack.secrets");
    for (bits, refused) in [(0o644, true), (0o640, true), (0o602, true), (0o600, false), (0o400, false)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(bits)).unwrap();
        if refused {
            let answer = program.run(&["serve"]);
            answer.assert_refused(2, &["keyrack.secrets", &format!("mode {bits:o}"), "chmod 600"]);
            assert!(!answer.err.contains("long enough"), "{answer:?}");
        } else {
            program.serve();
        }
    }
}

fn secrets_file_without_valid_secret_is_rejected(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let path = database.folder().join("own.secrets");
    let program = Program::new(&database).with("KEYRACK_SECRETS_FILE", path.to_str().unwrap());
    let file = || database.folder().join("own.secrets");
    let write = |text: &[u8]| {
        fs::write(file(), text).unwrap();
        fs::set_permissions(file(), fs::Permissions::from_mode(0o600)).unwrap();
    };
    write(b"too-short-1234\n");
    let answer = program.run(&["serve"]);
    answer.assert_refused(2, &["own.secrets", "14 characters", "openssl rand -base64 32"]);
    assert!(!answer.err.contains("too-short-1234"), "{answer:?}");
    write(b"\n\n");
    program.run(&["serve"]).assert_refused(2, &["own.secrets", "no secret"]);
    write(b"\xff\xfe not text at all \xff\n");
    program.run(&["serve"]).assert_refused(2, &["cannot read the secrets file", "own.secrets"]);

    // Not even root can read a folder as a file.
    fs::remove_file(file()).unwrap();
    fs::create_dir(file()).unwrap();
    fs::set_permissions(file(), fs::Permissions::from_mode(0o700)).unwrap();
    program.run(&["serve"]).assert_refused(2, &["not a regular file", "own.secrets"]);

    let nowhere = program.with("KEYRACK_SECRETS_FILE", "no/such/folder/own.secrets").run(&["serve"]);
    nowhere.assert_refused(1, &["cannot create the secrets file", "no/such/folder/own.secrets"]);
}

fn configured_secrets_need_no_file(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database).with("KEYRACK_SECRETS", SECRETS);
    program.add_user(EMAIL);
    let old = program.serve();
    let mut browser = old.signed_in(EMAIL);
    assert!(!database.folder().join("keyrack.secrets").exists());

    // With a newer secret in front, the old one still verifies. Without the old one, the cookie is invalid.
    let newer = program.clone().with("KEYRACK_SECRETS", &format!("a newer secret than all others, {SECRETS}")).serve();
    assert!(browser.at(newer.address).is_signed_in());
    let other = program.clone().with("KEYRACK_SECRETS", "a secret of another operator").serve();
    assert!(!browser.at(other.address).is_signed_in());
    assert!(browser.is_signed_in());

    let short = program.with("KEYRACK_SECRETS", &format!("{SECRETS},short")).run(&["serve"]);
    short.assert_refused(2, &["KEYRACK_SECRETS", "5 characters", "openssl rand -base64 32"]);
}

fn new_secrets_for_a_shared_cookie_are_warned_about(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let plain = Program::new(&database);
    let shared = plain.clone().with("KEYRACK_COOKIE_NAME", "connect.sid");
    let warns = |program: &Program<'_>| {
        program.serve().stop().err.contains("set KEYRACK_SECRETS to that application's secrets")
    };
    assert!(!warns(&shared.clone().with("KEYRACK_SECRETS", SECRETS)));
    let file = database.folder().join("keyrack.secrets");
    assert!(!warns(&plain), "Keyrack's own cookie name");
    fs::remove_file(&file).unwrap();
    assert!(warns(&shared));
    assert!(!warns(&shared), "the file exists, and may contain the shared secrets");
}

#[test]
fn sqlite_files_are_accessible_only_to_their_owner() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let serving = program.serve();
    serving.signed_in(EMAIL);
    for name in ["keyrack.db", "keyrack.db-wal", "keyrack.db-shm", "keyrack.secrets"] {
        assert_eq!(mode(&database.folder().join(name)), 0o600, "{name}");
    }
}
