//! The unit for systemd

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::support::{EngineKind, Program, TestDatabase, installed_on_some_systems};

const UNIT: &str = include_str!("../../../examples/deploy/keyrack.service");

/// The highest exposure that `systemd-analyze security` may report, in tenths: 0 is none, 100 everything.
const MAX_EXPOSURE: &str = "12";

#[test]
fn unit_is_valid_and_little_exposed() {
    let Some(analyze) = installed_on_some_systems("systemd-analyze", "The unit for systemd") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keyrack.service");
    fs::write(&file, UNIT.replace("/usr/local/bin/keyrack", env!("CARGO_BIN_EXE_keyrack"))).unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(&analyze).args(arguments).arg(&file).output().unwrap();
        let texts = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        (output.status.success(), texts)
    };
    let (is_valid, text) = run(&["verify", "--man=no", "--recursive-errors=no"]);
    assert!(is_valid && !text.contains("keyrack.service"), "{text}");
    let (is_below, text) = run(&["security", "--offline=true", "--threshold", MAX_EXPOSURE]);
    assert!(is_below, "{text}");
}

/// The settings file that the unit names, with paths of this test.
#[test]
fn settings_of_unit_start_without_a_warning() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let settings = include_str!("../../../examples/deploy/keyrack.toml");
    let folder = database.folder().display().to_string();
    assert!(settings.contains("/var/lib/keyrack") && settings.contains(":8080") && settings.contains(":9180"));
    let settings = settings.replace("/var/lib/keyrack", &folder).replace(":8080", ":0").replace(":9180", ":0");
    let program = Program::without_settings(&database).with_file("settings.toml", &settings);
    let serving = program.with("KEYRACK_CONFIG", "settings.toml").serve();
    assert_eq!(serving.listening["public_url"], "https://keys.example.com");
    assert_eq!(serving.browser().get("/readyz").status, 200);
    for name in ["keyrack.db", "keyrack.secrets", "keyrack.ends"] {
        let metadata = fs::metadata(database.folder().join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
    let log = serving.stop().err;
    assert!(!log.contains("\"WARN\"") && !log.contains("\"ERROR\""), "{log}");
}
