//! One form of an email address, whichever way it is typed, sent by a browser, or stored by another program.

use keyrack::{accounts::CreateUserError, db::migrate};

use crate::support::{EngineKind, PASSWORD, Program, TestApp, TestDatabase, on_both_engines, wait};

on_both_engines!(
    every_spelling_of_an_email_signs_in,
    email_in_another_spelling_is_taken,
    email_stored_in_another_form_signs_in,
    commands_accept_every_spelling_of_an_email,
    doctor_names_emails_that_sign_in_does_not_find,
);

/// Decomposed and composed, in capitals, with the domain as browsers send it.
const SPELLINGS: [&str; 6] = [
    "müller@bücher.example",
    "müller@xn--bcher-kva.example",
    "MÜLLER@BÜCHER.EXAMPLE",
    "Mu\u{308}ller@XN--BCHER-KVA.Example",
    "mu\u{308}ller@bu\u{308}cher.example",
    " müller@bücher。example ",
];

fn every_spelling_of_an_email_signs_in(engine: EngineKind) {
    for added in [SPELLINGS[0], SPELLINGS[1], SPELLINGS[3]] {
        let app = TestApp::new(engine);
        app.add_user(added);
        for typed in SPELLINGS {
            assert_eq!(app.browser().sign_in(typed, PASSWORD).status, 303, "{added:?} {typed:?}");
        }
        assert_eq!(app.browser().sign_in("muller@bücher.example", PASSWORD).status, 401);
        assert_eq!(app.rows("users", "")[0]["email"], SPELLINGS[0], "readable");
    }
}

fn email_in_another_spelling_is_taken(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(SPELLINGS[0]);
    for spelling in SPELLINGS {
        let user = keyrack::accounts::NewUser {
            email: spelling.parse().unwrap(),
            user_name: None,
            first_name: None,
            last_name: None,
            role: keyrack::accounts::Role::User,
            password: keyrack::accounts::Password::new(PASSWORD),
        };
        let refused = wait(app.keyrack.accounts().create(user));
        assert!(matches!(refused, Err(CreateUserError::EmailTaken)), "{spelling:?}: {refused:?}");
    }
    assert_eq!(app.count("users", ""), 1);
}

fn email_stored_in_another_form_signs_in(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(SPELLINGS[0]);
    for stored in [
        "MÜLLER@BÜCHER.EXAMPLE",
        "müller@xn--bcher-kva.example",
        "Mu\u{308}ller@Bu\u{308}cher.example",
        "MU\u{308}LLER@xn--bcher-kva.EXAMPLE",
    ] {
        app.execute(&format!("UPDATE users SET email = '{stored}'"));
        for typed in SPELLINGS {
            assert_eq!(app.browser().sign_in(typed, PASSWORD).status, 303, "{stored:?} {typed:?}");
        }
    }
    // The form that Keyrack writes comes first.
    app.add_user("anna@bücher.example");
    let other = app.add_user("anna@elsewhere.example");
    app.execute("UPDATE users SET email = 'anna@xn--bcher-kva.example' WHERE email = 'anna@elsewhere.example'");
    let mut browser = app.browser();
    assert_eq!(browser.sign_in("anna@xn--bcher-kva.example", PASSWORD).status, 303);
    assert_ne!(browser.get("/api/session").json()["user"]["id"], other.to_string());
}

fn commands_accept_every_spelling_of_an_email(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(SPELLINGS[1]);
    let set = program.run_with_input(&["user", "set-password", SPELLINGS[4]], &format!("{PASSWORD}\n"));
    assert_eq!(set.status, 0, "{set:?}");
    let serving = program.serve();
    assert_eq!(serving.browser().sign_in(SPELLINGS[2], PASSWORD).status, 303);
    for spelling in SPELLINGS {
        let listed = program.json(&["session", "list", "--user", spelling, "--json"]);
        assert_eq!(listed.as_array().unwrap().len(), 1, "{spelling:?}");
    }
    program.done(&["user", "disable", SPELLINGS[3]]);
    program.done(&["user", "enable", SPELLINGS[2]]);
    assert!(program.done(&["user", "list"]).contains(SPELLINGS[0]));
}

fn doctor_names_emails_that_sign_in_does_not_find(engine: EngineKind) {
    let app = TestApp::new(engine);
    let program = Program::new(app.database());
    let [odd, garbage, first, twin] =
        ["a@x.example", "b@x.example", "anna@bücher.example", "d@x.example"].map(|email| app.add_user(email));
    assert_eq!(program.done(&["doctor"]), "No problems found.\n");
    for (id, email) in [(odd, "çaĞla@x.example"), (garbage, "no address"), (twin, "anna@xn--bcher-kva.example")] {
        app.execute(&format!("UPDATE users SET email = '{email}' WHERE id = '{id}'"));
    }
    let found = program.run(&["doctor"]);
    assert_eq!(found.status, 1, "{found:?}");
    let lines: Vec<&str> = found.out.lines().filter(|line| line.contains("email address: ")).collect();
    assert_eq!(lines.len(), 3, "{found:?}");
    let line_of = |id: &str| lines.iter().find(|line| line.contains(id)).copied().unwrap_or_default();
    assert!(line_of(&odd.to_string()).contains("store it as \"çağla@x.example\""), "{lines:?}");
    assert!(line_of(&garbage.to_string()).contains("is not an email address"), "{lines:?}");
    let twins = format!("{}{}", line_of(&first.to_string()), line_of(&twin.to_string()));
    assert!(twins.contains("the address of another user in another form"), "{lines:?}");
}

/// A database whose collation says that a capital I is a dotless one in lower case.
fn turkish() -> Option<TestApp> {
    let app = EngineKind::Postgres.is_available().then(|| TestApp::new(EngineKind::Postgres))?;
    app.execute("ALTER TABLE users ALTER email TYPE varchar(254) COLLATE \"tr-x-icu\"");
    Some(app)
}

#[test]
fn email_is_found_in_a_turkish_database() {
    let Some(app) = turkish() else { return };
    app.add_user("ILKER@EXAMPLE.COM");
    for stored in ["ilker@example.com", "ILKER@EXAMPLE.COM", "Ilker@Example.COM"] {
        app.execute(&format!("UPDATE users SET email = '{stored}'"));
        for typed in ["ILKER@EXAMPLE.COM", "ilker@example.com", "Ilker@Example.Com"] {
            assert_eq!(app.browser().sign_in(typed, PASSWORD).status, 303, "{stored} {typed}");
        }
        assert_eq!(app.browser().sign_in("ılker@example.com", PASSWORD).status, 401, "{stored}");
    }
    let duplicate = app.try_execute("INSERT INTO users (email) VALUES ('ilker@EXAMPLE.com')");
    assert!(duplicate.is_err(), "the index ignores the case of ASCII letters in every database");
}

/// Two users that the database's collation held apart before: the upgrade does not fail over them.
#[test]
fn upgrade_of_turkish_database_with_two_such_users_succeeds() {
    let Some(app) = turkish() else { return };
    app.execute(include_str!("../../../migrations/postgres/2026-11-26-000010_email_without_collation/down.sql"));
    app.execute("DELETE FROM __diesel_schema_migrations WHERE version = '20261126000010'");
    app.execute("INSERT INTO users (email) VALUES ('ILKER@example.com'), ('ilker@example.com')");
    assert_eq!(migrate(&app.parsed_url()).unwrap(), ["2026-11-26-000010_email_without_collation"]);
    let found = Program::new(app.database()).run(&["doctor"]);
    assert_eq!(found.status, 1, "{found:?}");
    assert!(found.out.contains("the address of another user in another form"), "{found:?}");
    assert!(found.out.contains("users_email_key"), "the index is not unique: {found:?}");
}
