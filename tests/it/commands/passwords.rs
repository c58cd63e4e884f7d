//! `keyrack passwords build`, and `KEYRACK_BREACHED_PASSWORDS`

use std::fmt::Write;

use sha1::{Digest, Sha1};

use crate::support::{EngineKind, PASSWORD, Program, TestDatabase, on_both_engines};

const EMAIL: &str = "rajat.verma@example.com";
pub const LEAKED: &str = "a leaked, but long password";
pub const NOTICE: &str = "appears in a list of leaked passwords";

on_both_engines!(
    asvs_6_2_12_leaked_password_is_refused_by_commands,
    sign_in_with_leaked_password_asks_for_another,
    asvs_6_2_12_leaked_password_is_refused_in_a_change,
    asvs_6_2_12_leaked_password_is_refused_at_setup,
);

pub fn sha1_line(password: &str) -> String {
    let mut line = String::new();
    for byte in Sha1::digest(password.as_bytes()) {
        write!(line, "{byte:02X}").unwrap();
    }
    line + ":37359195\r\n"
}

/// The program with a file of these passwords.
pub fn with_breached<'a>(database: &'a TestDatabase, passwords: &[&str]) -> Program<'a> {
    let list: String = passwords.iter().map(|password| sha1_line(password)).collect();
    let program = Program::new(database).with_file("list.txt", &list);
    program.done(&["passwords", "build", "list.txt"]);
    program.with("KEYRACK_BREACHED_PASSWORDS", "list.breached")
}

fn asvs_6_2_12_leaked_password_is_refused_by_commands(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = with_breached(&database, &[LEAKED]);
    let input = format!("{LEAKED}\n");
    let added = program.run_with_input(&["user", "add", EMAIL], &input);
    added.assert_refused(1, &["cannot add rajat.verma@example.com", NOTICE, "Choose another one"]);
    assert_eq!(database.count("users", ""), 0);
    program.add_user(EMAIL);
    let before = database.text("SELECT password_hash AS v FROM users");
    program.run_with_input(&["user", "set-password", EMAIL], &input).assert_refused(1, &[NOTICE]);
    assert_eq!(database.text("SELECT password_hash AS v FROM users"), before);
    assert!(program.serve().signed_in(EMAIL).is_signed_in());
}

fn sign_in_with_leaked_password_asks_for_another(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    Program::new(&database).add_user(EMAIL);
    let program = with_breached(&database, &[LEAKED, PASSWORD]);
    let serving = program.serve();
    let mut browser = serving.signed_in(EMAIL);
    for _ in 0..2 {
        let page = browser.get("/account/sessions");
        assert!(page.body.contains(NOTICE) && page.body.contains("href=\"/account/password\""), "{}", page.body);
    }
    assert_eq!(browser.get("/api/session").status, 200, "nothing else changes");
    // As a change of the password that keeps this session.
    let set_at = database.text("SELECT cast(password_changed_at AS varchar(40)) AS v FROM users");
    database.execute("UPDATE users SET password_changed_at = (SELECT max(created_at) FROM sessions)");
    assert!(!browser.get("/account/sessions").body.contains(NOTICE), "the password is another one");
    database.execute(&format!("UPDATE users SET password_changed_at = '{set_at}'"));
    assert!(browser.get("/account/sessions").body.contains(NOTICE));
    let new = "nine purple umbrellas, folded";
    let set = program.run_with_input(&["user", "set-password", EMAIL], &format!("{new}\n"));
    assert_eq!(set.status, 0, "{set:?}");
    assert!(!browser.is_signed_in());
    assert_eq!(browser.sign_in(EMAIL, new).status, 303);
    assert!(!browser.get("/account/sessions").body.contains(NOTICE));
}

fn asvs_6_2_12_leaked_password_is_refused_in_a_change(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let added =
        Program::new(&database).run_with_input(&["user", "add", EMAIL, "--must-change"], &format!("{LEAKED}\n"));
    assert_eq!(added.status, 0, "{added:?}");
    let program = with_breached(&database, &[LEAKED, PASSWORD]);
    let serving = program.serve();
    let mut browser = serving.browser();
    let page = "/account/password";
    assert_eq!(browser.sign_in(EMAIL, LEAKED).location(), page);
    let mut change = |new: &str| {
        let fields = [("current_password", LEAKED), ("password", new), ("password_again", new)];
        browser.post_from(page, page, &fields)
    };
    let refused = change(PASSWORD);
    assert!(refused.status == 422 && refused.body.contains(NOTICE), "{}", refused.body);
    assert_eq!(change("nine purple umbrellas, folded").location(), "/account/sessions");
    assert!(!browser.get("/account/sessions").body.contains(NOTICE), "the new password has not leaked");
}

fn asvs_6_2_12_leaked_password_is_refused_at_setup(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = with_breached(&database, &[LEAKED]);
    let mut serving = program.serve();
    let link = serving.out.wait_for("/setup?token=");
    let token: String = link.split_once("token=").unwrap().1.chars().take_while(|c| !"\" \n".contains(*c)).collect();
    let page = format!("/setup?token={token}");
    let mut browser = serving.browser();
    let mut set_up = |password: &str| {
        let fields = [("token", token.as_str()), ("email", EMAIL), ("first_name", "Rajat"), ("password", password)];
        browser.post_from(&page, "/setup", &[&fields[..], &[("password_again", password)]].concat())
    };
    let refused = set_up(LEAKED);
    assert!(refused.status == 422 && refused.body.contains(NOTICE), "{}", refused.body);
    assert_eq!(database.count("users", ""), 0);
    assert_eq!(set_up(PASSWORD).status, 303);
    assert!(browser.is_signed_in());
}

#[test]
fn signing_in_again_with_another_password_removes_the_notice() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    Program::new(&database).add_user(EMAIL);
    let program = with_breached(&database, &[PASSWORD]);
    let serving = program.serve();
    let mut browser = serving.signed_in(EMAIL);
    assert!(browser.get("/account/sessions").body.contains(NOTICE));
    // A server without the list stands for a list that no longer contains the password.
    let other = Program::new(&database).serve();
    let token = browser.get("/account/sessions").csrf_token();
    browser.visit(other.address);
    let fields = [("email", EMAIL), ("password", PASSWORD), ("csrf_token", &token)];
    assert_eq!(browser.post("/login", &fields).status, 303);
    assert!(!browser.get("/account/sessions").body.contains(NOTICE));
}

#[test]
fn build_prints_what_it_wrote() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let list = [sha1_line("one"), sha1_line("two"), sha1_line("one"), "\n".to_owned()].concat();
    let program = Program::without_settings(&database).with_file("list.txt", &list);
    let report = program.json(&["passwords", "build", "list.txt", "--output", "leaked.bin", "--json"]);
    let length = std::fs::metadata(database.folder().join("leaked.bin")).unwrap().len();
    assert_eq!(report, serde_json::json!({ "lines": 4, "skipped": 1, "entries": 2, "bytes": length }));
    let text = program.done(&["passwords", "build", "list.txt", "-o", "leaked.bin"]);
    assert!(
        text.starts_with("Wrote leaked.bin. Passwords: 2;") && text.contains("KEYRACK_BREACHED_PASSWORDS"),
        "{text}"
    );
    let piped = program.run_with_input(&["passwords", "build", "-", "--output", "piped.bin", "--plain"], "one\ntwo\n");
    assert_eq!(piped.status, 0, "{piped:?}");
    let files = ["leaked.bin", "piped.bin"].map(|name| std::fs::read(database.folder().join(name)).unwrap());
    assert_eq!(files[0], files[1]);
}

#[test]
fn build_refuses_other_files_and_unknown_lists() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let program = Program::without_settings(&database)
        .with_file("list.txt", "password\n")
        .with_file("hashes.txt", &sha1_line("one"))
        .with_file("notes.txt", "something else");
    program.run(&["passwords", "build", "list.txt"]).assert_refused(1, &["line 1", "--plain"]);
    program.run(&["passwords", "build", "missing.txt"]).assert_refused(1, &["cannot read the list missing.txt"]);
    program.run(&["passwords", "build", "-"]).assert_refused(2, &["--output"]);
    let other = program.run(&["passwords", "build", "hashes.txt", "-o", "notes.txt"]);
    other.assert_refused(2, &["notes.txt exists and is not a breach file"]);
    let nowhere = program.run(&["passwords", "build", "hashes.txt", "-o", "no/such/folder.bin"]);
    nowhere.assert_refused(1, &["cannot write no/such/folder.bin"]);
    assert_eq!(std::fs::read_to_string(database.folder().join("notes.txt")).unwrap(), "something else");
    assert!(!database.folder().join("list.breached").exists());
}

#[test]
fn start_with_damaged_or_foreign_file_is_refused() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let program = with_breached(&database, &[LEAKED]);
    let path = database.folder().join("list.breached");
    let good = std::fs::read(&path).unwrap();
    let mut altered = good.clone();
    *altered.last_mut().unwrap() ^= 1;
    for (contents, message) in [
        (altered.as_slice(), "is damaged or incomplete"),
        (&good[..good.len() - 1], "is damaged or incomplete"),
        (b"password\n", "is not a breach file"),
    ] {
        std::fs::write(&path, contents).unwrap();
        for arguments in [&["serve"][..], &["user", "add", EMAIL], &["user", "set-password", EMAIL]] {
            let expected = ["KEYRACK_BREACHED_PASSWORDS", "list.breached", message];
            program.run(arguments).assert_refused(2, &expected);
        }
        assert_eq!(program.run(&["user", "list"]).status, 0, "what sets no password needs no file");
        let doctor = program.run(&["doctor"]);
        assert!(doctor.status == 1 && doctor.out.contains("leaked passwords: list.breached"), "{doctor:?}");
        assert!(doctor.out.contains(message) && doctor.out.contains("KEYRACK_BREACHED_PASSWORDS"), "{doctor:?}");
    }
    std::fs::write(&path, good).unwrap();
    assert!(program.done(&["doctor"]).contains("No problems found."));
    std::fs::remove_file(&path).unwrap();
    program.run(&["serve"]).assert_refused(2, &["cannot read list.breached"]);
}
