//! Empty settings, lists with blanks, and secrets that contain anything

use std::{fs, os::unix::fs::PermissionsExt};

use crate::support::{EngineKind, PASSWORD, Program, TestDatabase, cookies, on_both_engines};

const EMAIL: &str = "rajat.verma@example.com";

on_both_engines!(empty_variable_is_unset, list_may_have_blanks_and_trailing_comma, secret_may_contain_anything);

/// The variables of all settings, as `--help` lists them.
fn variables(program: &Program<'_>) -> Vec<String> {
    let help = program.done(&["--help"]).split_whitespace().collect::<Vec<_>>().join(" ");
    let names = help.split("[env: ").skip(1).map(|rest| rest.split(['=', ']']).next().unwrap().to_owned());
    names.collect()
}

fn empty_variable_is_unset(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let plain = Program::without_settings(&database);
    let variables = variables(&plain);
    assert!(variables.len() > 20 && variables.contains(&"DATABASE_URL".to_owned()), "{variables:?}");
    for value in ["", "  "] {
        let mut program = plain.clone().with_file("keyrack.toml", "hash_cost = 'm=8,t=1,p=1'\npublic_url = ''\n");
        for variable in &variables {
            program = program.with(variable, value);
        }
        assert_eq!(self::variables(&program), variables, "help lists empty variables, too");
        let flags = ["--database-url", database.url(), "--bind", "127.0.0.1:0"];
        let added = program.run_with_input(&[&["user", "add", EMAIL], &flags[..]].concat(), &format!("{PASSWORD}\n"));
        assert_eq!(added.status, 0, "{added:?}");
        let hash = database.text("SELECT password_hash AS v FROM users");
        assert!(hash.contains("m=8,t=1,p=1"), "the file's value counts: {hash}");
        let serving = program.serve_as(&[&["serve"], &flags[..]].concat());
        assert!(serving.listening["public_url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
        assert_eq!(serving.browser().sign_in(EMAIL, PASSWORD).status, 303);
        assert!(serving.stop().err.lines().any(|line| line.contains("\"POST\"")), "the log's level is info");
        database.execute("DELETE FROM sessions; DELETE FROM users");
    }
}

fn list_may_have_blanks_and_trailing_comma(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    for (file, list) in [
        ("", " 127.0.0.1 ,\t::1/128,10.0.0.0/8, "),
        ("", "127.0.0.1,::ffff:10.0.0.0/104"),
        ("trusted_proxies = ' 127.0.0.1 , 10.0.0.0/8,'\n", ""),
        ("trusted_proxies = [' 127.0.0.1', '10.0.0.0/8 ', '']\n", ""),
        ("trusted_proxies = []\n", "127.0.0.1, 10.0.0.0/8"),
    ] {
        let program = program.clone().with_file("keyrack.toml", file).with("KEYRACK_TRUSTED_PROXIES", list);
        let serving = program.with("KEYRACK_LOG", " info, keyrack::web=debug, ").serve();
        let mut browser = serving.browser().with_header("x-forwarded-for", "203.0.113.9, 10.1.2.3");
        assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
        assert_eq!(database.text("SELECT ip_address AS v FROM sessions"), "203.0.113.9", "{file} {list}");
        database.execute("DELETE FROM user_sessions; DELETE FROM sessions");
    }
    program.clone().with("KEYRACK_LOG", " error , keyrack::web=debug, ").done(&["migrate"]);
    program.clone().with("KEYRACK_HASH_COST", "m=8, t=1, p=1").done(&["migrate"]);
    program.with("KEYRACK_MAX_SESSIONS", " 3 ").with("KEYRACK_IDLE_TIMEOUT", " 1h").done(&["migrate"]);
}

/// An Express application may use any text as its secret, and reads the cookie only if Keyrack signs with the same.
fn secret_may_contain_anything(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let signs_with = |program: &Program<'_>, secret: &str| {
        let serving = program.serve();
        let mut browser = serving.browser();
        let cookie = browser.sign_in(EMAIL, PASSWORD).set_cookies().into_iter().find(|c| c.contains("s%3A")).unwrap();
        assert_eq!(cookies::parts(&cookie).1, cookies::signed(&browser.sid(), secret), "{secret:?}");
    };
    for secret in [
        "a secret, with commas,",
        " blanks at both ends ",
        "quotes \" ' and \\ [brackets]",
        "\u{fc}n\u{ef}code, \u{1f511} is a key",
    ] {
        let older = "an older, other secret";
        let array = serde_json::to_string(&[secret, older]).unwrap();
        signs_with(&program.clone().with("KEYRACK_SECRETS", &array), secret);
        let file = format!("secrets = {}\n", toml_array(&[secret, older]));
        signs_with(&program.clone().with_file("keyrack.toml", &file), secret);
        fs::write(database.folder().join("keyrack.toml"), "").unwrap();
        for text in [format!("{secret}\n{older}\n"), format!("\u{feff}{secret}\r\n\r\n{older}"), format!("\n{secret}")]
        {
            let path = database.folder().join("keyrack.secrets");
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            signs_with(&program, secret);
        }
    }
}

fn toml_array(items: &[&str]) -> String {
    let quoted = items.iter().map(|item| format!("\"{}\"", item.replace('\\', "\\\\").replace('"', "\\\"")));
    format!("[{}]", quoted.collect::<Vec<_>>().join(", "))
}

#[test]
fn ambiguous_or_weak_secrets_are_rejected_unprinted() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let program = Program::new(&database);
    let refused = |program: Program<'_>, parts: &[&str]| {
        let refused = program.run(&["serve"]);
        refused.assert_refused(2, parts);
        for word in ["hidden", "keyboard", "aaaaaaaa"] {
            assert!(!refused.err.contains(word), "{refused:?}");
        }
    };
    for (list, reason) in [
        ("hidden-secret-of-express ", "white space"),
        ("\nhidden-secret-of-express", "white space"),
        ("hidden-secret-of-express\n", "white space"),
        ("[\"hidden-secret-of-express\"", "JSON array"),
        ("[\"hidden-secret-of-express\", 1234567890]", "JSON array"),
        ("aaaaaaaaaaaaaaaa", "can be guessed"),
        ("keyboard cat keyboard cat", "can be guessed"),
        ("change me, change me too, it is hidden", "9 characters"),
    ] {
        refused(program.clone().with("KEYRACK_SECRETS", list), &["KEYRACK_SECRETS", reason]);
        let file = format!("secrets = {}\n", serde_json::to_string(list).unwrap());
        refused(program.clone().with_file("keyrack.toml", &file), &["KEYRACK_SECRETS", reason]);
        fs::remove_file(database.folder().join("keyrack.toml")).unwrap();
    }
    for (file, reason) in [
        ("secrets = ['hidden-secret-of-express', 5]", "a list of strings"),
        ("secrets = 1234567890123456", "a string or a list"),
        ("secrets = ['hidden-secret-of-express'\n", "line 1"),
        ("secrets = 'hidden-secret' of express", "line 1"),
    ] {
        refused(program.clone().with_file("keyrack.toml", file), &["keyrack.toml", reason]);
    }
}
