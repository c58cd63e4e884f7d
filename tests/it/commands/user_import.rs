//! `keyrack user import`, and sign-ins with the password hashes of other programs.

use serde_json::{Value, json};

use crate::support::{EngineKind, Finished, PASSWORD, Program, TestDatabase, on_both_engines};

const FILE: &str = "users.jsonl";
const PEPPER: &str = "pepper-of-the-tests";
const SIGNER_KEY: &str = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==";
const BCRYPT: &str = "$2b$04$zF8YCVr09ZUBtHKXDNXMmOei6tqYrYmGauTm8DX7n8nRVdrOgXIKm";
const BCRYPT_PASSWORD: &str = "correct horse battery staple";

/// Hashes that other programs made: the program, the password in JSON, the hash.
const VECTORS: &str = include_str!("../../data/password-hashes.tsv");

on_both_engines!(
    imported_users_sign_in_with_their_passwords,
    imported_fields_are_kept,
    dry_run_writes_nothing,
    existing_addresses_are_skipped_by_a_repeated_import,
    file_with_a_wrong_line_imports_nothing,
    longer_password_than_bcrypt_reads_stays_as_it_is,
    hash_that_another_program_wrote_into_the_table_is_checked,
    imported_hash_is_enough_to_confirm_a_change,
);

/// Writes the lines into the file, and imports it.
fn import(program: &Program<'_>, lines: &[Value], arguments: &[&str]) -> Finished {
    let text = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let arguments = [&["user", "import", FILE], arguments].concat();
    program.clone().with_file(FILE, &text).run(&arguments)
}

fn imported(program: &Program<'_>, lines: &[Value]) -> Value {
    let finished = import(program, lines, &["--json"]);
    assert_eq!((finished.status, finished.err.as_str()), (0, ""), "{finished:?}");
    serde_json::from_str(&finished.out).unwrap()
}

fn hash_of(database: &TestDatabase, email: &str) -> String {
    database.text(&format!("SELECT password_hash AS v FROM users WHERE email = '{email}'"))
}

fn imported_users_sign_in_with_their_passwords(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database).with("KEYRACK_FIREBASE_SIGNER_KEY", SIGNER_KEY);
    // One of each program: the others differ by their passwords only, which the unit tests check.
    let mut vectors: Vec<(&str, String, &str)> = Vec::new();
    for line in VECTORS.lines().filter(|line| !line.starts_with('#') && !line.starts_with("Devise")) {
        let parts: Vec<&str> = line.split('\t').collect();
        let password: String = serde_json::from_str(parts[1]).unwrap();
        if !password.is_empty() && vectors.last().is_none_or(|(program, ..)| *program != parts[0]) {
            vectors.push((parts[0], password, parts[2]));
        }
    }
    assert!(vectors.len() > 25);
    let email = |n: usize| format!("user-{n}@example.com");
    let lines: Vec<Value> =
        (0..vectors.len()).map(|n| json!({ "email": email(n), "password_hash": vectors[n].2 })).collect();
    let report = imported(&program, &lines);
    assert_eq!(report["imported"], vectors.len());
    assert_eq!(report["without_password"], 0);

    let served = program.with("KEYRACK_TRUSTED_PROXIES", "127.0.0.1/32").serve();
    for (n, (other, password, hash)) in vectors.iter().enumerate() {
        let mut browser = served.browser().with_header("X-Forwarded-For", &format!("203.0.{n}.7"));
        assert_eq!(browser.sign_in(&email(n), "not the password at all").status, 401, "{other}");
        assert_eq!(hash_of(&database, &email(n)), *hash, "{other}");
        browser.sign_in(&email(n), password);
        assert!(browser.is_signed_in(), "{other}: {hash}");
        let own = hash_of(&database, &email(n));
        assert!(own.starts_with("$argon2id$v=19$m=8,t=1,p=1$") && own != *hash, "{other}: {own}");
        let mut again = served.browser().with_header("X-Forwarded-For", &format!("203.0.{n}.8"));
        again.sign_in(&email(n), password);
        assert!(again.is_signed_in(), "{other}: by Keyrack's own hash");
    }
}

fn imported_fields_are_kept(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database).with("KEYRACK_BCRYPT_PEPPER", PEPPER);
    let id = "7f0c2f0e-8a57-4a0a-9d38-0c4a8d1b7c11";
    let report = imported(
        &program,
        &[
            json!({
                "email": "Rajat.Verma@Example.com", "id": id, "user_name": "rajat", "first_name": "Rajat",
                "last_name": "Verma", "role": "admin", "created_at": "2024-02-29T11:50:14+01:00", "disabled": true,
                "password_hash": "$2a$04$VdzqRsy4DxgSFt16U/k6EuCB7Cz7WHUhR2PcsBweLXNGxTivDKSba",
            }),
            json!({ "email": "new@example.com", "password_hash": null }),
        ],
    );
    let expected = json!({
        "imported": 2, "existing": 0, "password_hashes": { "bcrypt": 1 }, "without_password": 1, "dry_run": false,
    });
    assert_eq!(report, expected);
    let users = program.json(&["user", "list", "--json"]);
    let user = users.as_array().unwrap().iter().find(|user| user["id"] == id).unwrap();
    assert_eq!(user["email"], "rajat.verma@example.com");
    assert_eq!((&user["user_name"], &user["role"]), (&"rajat".into(), &"admin".into()));
    assert!(user["created_at"].as_str().unwrap().starts_with("2024-02-29T10:50:14"), "{user}");
    assert!(!user["disabled_at"].is_null(), "{user}");
    assert!(!users.to_string().contains("$2a$"), "{users}");

    let events = program.done(&["events", "--json"]);
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let created: Vec<Value> = events.filter(|event| event["kind"] == "account_created").collect();
    assert_eq!(created.len(), 2, "{created:?}");
    assert!(created.iter().any(|event| event["detail"]["password_hash"] == "bcrypt"), "{created:?}");
    assert!(created.iter().all(|event| event["detail"]["imported"] == true), "{created:?}");

    program.done(&["user", "enable", "rajat.verma@example.com"]);
    let served = program.serve();
    let mut browser = served.browser();
    browser.sign_in("rajat.verma@example.com", BCRYPT_PASSWORD);
    assert!(browser.is_signed_in(), "with Devise's pepper");
    assert_eq!(served.browser().sign_in("new@example.com", PASSWORD).status, 401);
}

fn dry_run_writes_nothing(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user("old@example.com");
    let lines = [
        json!({ "email": "old@example.com" }),
        json!({ "email": "new@example.com", "password_hash": BCRYPT }),
        json!({ "email": "another@example.com" }),
    ];
    let tried = import(&program, &lines, &["--dry-run"]);
    assert_eq!((tried.status, tried.err.as_str()), (0, ""), "{tried:?}");
    assert_eq!(
        tried.out.trim(),
        "Nothing was written. Users to import: 2; skipped, since the address has an account: 1. Passwords: 1 hashed by \
         bcrypt, 1 without one."
    );
    assert_eq!(program.json(&["user", "list", "--json"]).as_array().unwrap().len(), 1);
    let done = import(&program, &lines, &[]);
    assert!(done.out.starts_with("Users imported: 2; skipped"), "{done:?}");
    assert_eq!(program.json(&["user", "list", "--json"]).as_array().unwrap().len(), 3);
}

fn existing_addresses_are_skipped_by_a_repeated_import(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user("user-3@example.com");
    let before = hash_of(&database, "user-3@example.com");
    // More than one transaction.
    let lines: Vec<Value> =
        (0..1200).map(|n| json!({ "email": format!("USER-{n}@example.com"), "password_hash": BCRYPT })).collect();
    let first = imported(&program, &lines);
    assert_eq!((&first["imported"], &first["existing"]), (&1199.into(), &1.into()));
    let second = imported(&program, &lines);
    assert_eq!((&second["imported"], &second["existing"]), (&0.into(), &1200.into()));
    assert_eq!(hash_of(&database, "user-3@example.com"), before);
    assert_eq!(program.json(&["user", "list", "--json"]).as_array().unwrap().len(), 1200);
}

fn file_with_a_wrong_line_imports_nothing(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user("old@example.com");
    let old = program.json(&["user", "list", "--json"])[0]["id"].as_str().unwrap().to_owned();
    let right = json!({ "email": "right@example.com" }).to_string();
    let line_of = |fields: Value| fields.to_string();
    let secret = "$2y$99$zF8YCVr09ZUBtHKXDNXMmOei6tqYrYmGauTm8DX7n8nRVdrOgXIKm";
    for (wrong, reason) in [
        ("not JSON".to_owned(), "line 2: it is not JSON"),
        ("[1, 2]".to_owned(), "line 2: it is not a JSON object"),
        (line_of(json!({ "name": "Rajat" })), "line 2: unknown field name; the fields are email, "),
        (line_of(json!({ "user_name": "rajat" })), "line 2: the field email is missing"),
        (line_of(json!({ "email": "no-address" })), "line 2: email: "),
        (line_of(json!({ "email": 7 })), "line 2: email: use a text"),
        (line_of(json!({ "email": "x@example.com", "role": 7 })), "line 2: role: use a text or null"),
        (line_of(json!({ "email": "x@example.com", "disabled": BCRYPT })), "line 2: disabled: use true or false"),
        (line_of(json!({ "email": "x@example.com", BCRYPT: true })), "line 2: unknown field; the fields are"),
        (json!(BCRYPT).to_string(), "line 2: it is not a JSON object"),
        (line_of(json!({ "email": "x@example.com", "id": "7" })), "line 2: id: use a UUID"),
        (line_of(json!({ "email": "x@example.com", "id": old })), "line 2: another user has the id"),
        (line_of(json!({ "email": "RIGHT@example.com" })), "line 2: line 1 has the same address"),
        (line_of(json!({ "email": "x@example.com", "role": "root" })), "line 2: role: use user or admin"),
        (line_of(json!({ "email": "x@example.com", "first_name": "\u{202e}R" })), "line 2: first_name: Remove"),
        (line_of(json!({ "email": "x@example.com", "created_at": "yesterday" })), "line 2: created_at: "),
        (line_of(json!({ "email": "x@example.com", "created_at": "2999-01-01T00:00:00Z" })), "line 2: created_at: "),
        (line_of(json!({ "email": "x@example.com", "password_hash": "hunter2" })), "line 2: password_hash: its format"),
        (line_of(json!({ "email": "x@example.com", "password_hash": secret })), "line 2: password_hash: checking it"),
        (
            line_of(json!({ "email": "x@example.com", "password_hash": format!("$wp{BCRYPT}") })),
            "line 2: password_hash: it is one of WordPress",
        ),
        (format!("{{\"email\": \"{}@example.com\"}}", "x".repeat(70_000)), "longer than 64 kB"),
    ] {
        let program = program.clone().with_file(FILE, &format!("{right}\n{wrong}\n"));
        let refused = program.run(&["user", "import", FILE]);
        assert_eq!((refused.status, refused.out.as_str()), (1, ""), "{wrong:.200}: {refused:?}");
        assert!(refused.err.contains(reason), "{wrong:.200}: {refused:?}");
        assert!(!refused.err.contains("zF8YCVr09") && !refused.err.contains("hunter2"), "{refused:?}");
        assert_eq!(program.json(&["user", "list", "--json"]).as_array().unwrap().len(), 1, "{wrong:.200}");
    }
    let many = format!("{right}\n{}", "{}\n".repeat(100));
    let refused = program.clone().with_file(FILE, &many).run(&["user", "import", FILE]);
    assert!(refused.err.contains("100 lines are wrong (80 more are not shown)"), "{refused:?}");
    program.run(&["user", "import", "no-such-file.jsonl"]).assert_refused(1, &["cannot read no-such-file.jsonl"]);
    program.run(&["user", "import", "."]).assert_refused(1, &["cannot read . as a file"]);
    let key = program.with("KEYRACK_FIREBASE_SIGNER_KEY", "a-wrong-key").run(&["user", "list"]);
    key.assert_refused(2, &["KEYRACK_FIREBASE_SIGNER_KEY", "64 bytes in base64"]);
    assert!(!key.err.contains("a-wrong-key"), "{key:?}");
}

fn longer_password_than_bcrypt_reads_stays_as_it_is(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    let row = VECTORS.lines().find(|line| line.starts_with("npm bcrypt ") && line.contains("tail")).unwrap();
    let parts: Vec<&str> = row.split('\t').collect();
    let password: String = serde_json::from_str(parts[1]).unwrap();
    imported(&program, &[json!({ "email": "rajat@example.com", "password_hash": parts[2] })]);
    let served = program.serve();
    for end in ["tail", "another tail"] {
        let typed = format!("{}{end}", &password[..72]);
        let mut browser = served.browser();
        browser.sign_in("rajat@example.com", &typed);
        assert!(browser.is_signed_in(), "{end}: bcrypt reads 72 bytes");
        assert_eq!(hash_of(&database, "rajat@example.com"), parts[2], "{end}");
    }
}

fn hash_that_another_program_wrote_into_the_table_is_checked(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user("rajat@example.com");
    let served = program.serve();
    database.execute(&format!("UPDATE users SET password_hash = '{BCRYPT}'"));
    let mut browser = served.browser();
    assert_eq!(browser.sign_in("rajat@example.com", PASSWORD).status, 401);
    browser.sign_in("rajat@example.com", BCRYPT_PASSWORD);
    assert!(browser.is_signed_in());
    assert!(hash_of(&database, "rajat@example.com").starts_with("$argon2id$"));
}

fn imported_hash_is_enough_to_confirm_a_change(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user("rajat@example.com");
    let served = program.serve();
    let mut browser = served.signed_in("rajat@example.com");
    database.execute(&format!("UPDATE users SET password_hash = '{BCRYPT}'"));
    let change = |browser: &mut crate::support::Browser, current: &str| {
        let fields = [
            ("current_password", current),
            ("password", "four birds under one roof"),
            ("password_again", "four birds under one roof"),
        ];
        browser.post_from("/account/password", "/account/password", &fields)
    };
    assert_eq!(change(&mut browser, PASSWORD).status, 401);
    assert_eq!(change(&mut browser, BCRYPT_PASSWORD).status, 303);
}
