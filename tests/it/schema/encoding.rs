//! Encodings of PostgreSQL databases

use crate::support::{EngineKind, PASSWORD, Program, TestDatabase};

const EMAIL: &str = "rajat.verma@example.com";

#[test]
fn encoding_that_cannot_store_every_name_is_rejected() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    for encoding in ["LATIN1", "LATIN9", "WIN1252"] {
        let database = TestDatabase::blank_postgres(&format!("TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"));
        let program = Program::new(&database);
        for command in [&["serve"][..], &["migrate"], &["user", "list"]] {
            program.run(command).assert_refused(1, &[encoding, "Keyrack needs UTF8", "createdb"]);
        }
        assert_eq!(database.count("pg_class", "WHERE relname = 'sessions'"), 0, "nothing was created");
    }
}

#[test]
fn encoding_that_stores_every_name_is_accepted() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    for encoding in ["SQL_ASCII", "UTF8"] {
        let database = TestDatabase::blank_postgres(&format!("TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"));
        let program = Program::new(&database);
        let name = "\u{141}ukasz \u{738b}";
        let arguments = ["user", "add", EMAIL, "--first-name", name];
        assert_eq!(program.run_with_input(&arguments, &format!("{PASSWORD}\n")).status, 0);
        let serving = program.serve();
        let mut browser = serving.signed_in(EMAIL);
        assert!(browser.get("/account/sessions").body.contains(name), "{encoding}");
    }
}
