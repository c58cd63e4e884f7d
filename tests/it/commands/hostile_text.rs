//! Control and direction characters that other programs have written, or that users are to be called

use crate::support::{Browser, EngineKind, PASSWORD, Program, TestDatabase, on_both_engines};

const EMAIL: &str = "rajat.verma@example.com";
const HOSTILE: &str = "\u{1b}[2Jx\u{202e}y\u{7f}z\u{9b}0m\u{200b}";

on_both_engines!(hostile_text_of_other_programs_is_cleaned, hidden_characters_in_names_are_rejected);

fn is_clean(text: &str) -> bool {
    !text.contains(['\u{1b}', '\u{202e}', '\u{7f}', '\u{9b}', '\u{200b}'])
}

fn hostile_text_of_other_programs_is_cleaned(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let serving = program.serve();
    let mut browser: Browser = serving.signed_in(EMAIL);
    database.execute(&format!(
        "UPDATE sessions SET ip_address = '{HOSTILE}', user_agent = 'curl/8.5.0 {HOSTILE}';
         UPDATE users SET user_name = '{HOSTILE}', first_name = 'a\nb{HOSTILE}', last_name = '{HOSTILE}'"
    ));
    for arguments in [
        &["session", "list"][..],
        &["session", "list", "--json"],
        &["user", "list"],
        &["user", "list", "--json"],
        &["doctor"],
    ] {
        let finished = program.run(arguments);
        assert!(is_clean(&finished.out) && is_clean(&finished.err), "{arguments:?}: {finished:?}");
    }
    assert_eq!(program.done(&["user", "list"]).lines().count(), 2, "a line break makes no row");
    for path in ["/account/sessions", "/api/session"] {
        let answer = browser.get(path);
        assert!(answer.status == 200 && is_clean(&answer.body), "{path}: {}", answer.body);
    }
    database.execute("UPDATE sessions SET status = 'logged_out', end_reason = NULL");
    assert!(is_clean(&program.done(&["session", "list", "--ended"])));
    let unknown = program.run(&["user", "disable", "\u{202e}@example.com"]);
    assert!(unknown.status != 0 && is_clean(&unknown.err), "{unknown:?}");
}

fn hidden_characters_in_names_are_rejected(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    for (flag, field) in [("--user-name", "user name"), ("--first-name", "first name"), ("--last-name", "last name")] {
        for (name, number) in [("pay\u{202e}lap", "U+202E"), ("a\u{1b}[2J", "U+001B"), ("a\u{2066}b", "U+2066")] {
            let added = program.run_with_input(&["user", "add", EMAIL, flag, name], &format!("{PASSWORD}\n"));
            added.assert_refused(1, &[field, number]);
            assert!(is_clean(&added.err), "{added:?}");
        }
    }
    for email in ["a\u{202e}b@example.com", "a\u{200b}@example.com"] {
        let added = program.run_with_input(&["user", "add", email], &format!("{PASSWORD}\n"));
        assert_eq!(added.status, 2, "{added:?}");
        assert!(is_clean(&added.err), "{added:?}");
    }
    assert_eq!(database.count("users", ""), 0);
    let names = ["--first-name", "Zo\u{eb}", "--last-name", "\u{645}\u{6cc}\u{200c}\u{631}"];
    let added = program.run_with_input(&[&["user", "add", EMAIL], &names[..]].concat(), &format!("{PASSWORD}\n"));
    assert_eq!(added.status, 0, "{added:?}");
}
