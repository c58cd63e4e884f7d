//! The files of places, as commands read them.

use std::fs;

use serde_json::json;

use crate::support::{EngineKind, Mmdb, Program, TestDatabase};

fn city_file() -> Mmdb {
    Mmdb::new("DBIP-City-Lite").network("192.0.2.0/24", &json!({ "city": "Bern", "country_code": "CH" }))
}

/// A program with two files, the second one with these bytes.
fn with_files<'a>(database: &'a TestDatabase, second: &[u8]) -> Program<'a> {
    fs::write(database.folder().join("city.mmdb"), city_file().to_bytes()).unwrap();
    fs::write(database.folder().join("asn.mmdb"), second).unwrap();
    Program::new(database).with("KEYRACK_GEOIP", " city.mmdb, asn.mmdb,")
}

#[test]
fn start_with_a_file_of_another_kind_is_refused() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let whole = city_file().to_bytes();
    for damaged in [&b"192.0.2.0/24,Bern"[..], b"", &whole[..whole.len() - 40]] {
        let program = with_files(&database, damaged);
        let expected =
            ["--geoip (KEYRACK_GEOIP): asn.mmdb is not a complete file in MaxMind's format (.mmdb)", "again"];
        program.run(&["serve"]).assert_refused(2, &expected);
        assert_eq!(program.run(&["user", "list"]).status, 0, "what shows no page needs no file");
        let doctor = program.run(&["doctor"]);
        assert!(doctor.status == 1 && doctor.out.contains("places: asn.mmdb is not"), "{doctor:?}");
    }
    let program = with_files(&database, &whole);
    fs::remove_file(database.folder().join("asn.mmdb")).unwrap();
    program.run(&["serve"]).assert_refused(2, &["KEYRACK_GEOIP", "cannot read asn.mmdb: No such file"]);
    let folder = Program::new(&database).with("KEYRACK_GEOIP", ".");
    folder.run(&["serve"]).assert_refused(2, &[". is not a file of at most 1 GiB"]);
    Program::new(&database).run(&["serve", "--geoip", ","]).assert_refused(2, &["name at least one file"]);
}

#[test]
fn doctor_warns_of_files_that_are_not_updated() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let old = city_file().with("build_epoch", json!(1_600_000_000)).to_bytes();
    let program = with_files(&database, &old);
    let _ = program.run(&["migrate"]);
    let warnings = program.json(&["doctor", "--json"])["warnings"].to_string();
    assert!(warnings.contains("asn.mmdb was made ") && warnings.contains(" days ago"), "{warnings}");
    let mut damaged = city_file().to_bytes();
    let bern = damaged.windows(4).position(|bytes| bytes == b"Bern").unwrap();
    damaged[bern] = 0xff;
    let doctor = with_files(&database, &damaged).run(&["doctor"]);
    assert!(doctor.status == 1 && doctor.out.contains("asn.mmdb is not a complete file"), "{doctor:?}");
}
