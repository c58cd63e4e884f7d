//! `keyrack user …`

use serde_json::json;

use crate::support::{EngineKind, PASSWORD, Program, TestDatabase, on_both_engines};

const EMAIL: &str = "rajat.verma@example.com";
const NEW_PASSWORD: &str = "black coffee, once a day";

on_both_engines!(
    added_user_is_listed_and_can_sign_in,
    adding_invalid_user_fails_with_the_reason,
    disabled_user_cannot_sign_in_until_enabled,
    setting_password_ends_sessions_and_replaces_the_old_one,
    unknown_user_is_an_error,
    unlocking_forgets_failures_and_is_listed,
    one_time_password_is_listed_until_it_is_changed,
    set_email_changes_the_address_and_keeps_sessions,
);

fn added_user_is_listed_and_can_sign_in(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    let arguments = ["user", "add", "Rajat.Verma@Example.com", "--user-name", "rajat.verma", "--first-name", "Rajat"];
    let arguments = [arguments.as_slice(), &["--last-name", "Verma", "--role", "admin"]].concat();
    let added = program.run_with_input(&arguments, &format!("{PASSWORD}\r\n"));
    assert_eq!((added.status, added.err.as_str()), (0, ""), "{added:?}");

    let users = program.json(&["user", "list", "--json"]);
    let user = &users[0];
    assert_eq!(users.as_array().unwrap().len(), 1);
    assert_eq!(
        (&user["email"], &user["role"], &user["disabled_at"]),
        (&EMAIL.into(), &"admin".into(), &None::<u8>.into())
    );
    assert_eq!((&user["user_name"], &user["first_name"]), (&"rajat.verma".into(), &"Rajat".into()));
    assert!(added.out.contains(user["id"].as_str().unwrap()), "{added:?}");
    assert!(!users.to_string().contains("argon2"), "{users}");

    let list = program.done(&["user", "list"]);
    let mut lines = list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(lines.next().unwrap(), ["EMAIL", "NAME", "ROLE", "STATE", "SECOND", "FACTOR", "ID"]);
    assert_eq!(lines.next().unwrap(), [EMAIL, "Rajat", "Verma", "admin", "enabled", "-", user["id"].as_str().unwrap()]);
    assert_eq!(lines.next(), None);

    // The line break is not part of the password.
    assert!(program.serve().signed_in(EMAIL).is_signed_in());
}

fn adding_invalid_user_fails_with_the_reason(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let line = format!("{PASSWORD}\n");
    let add = |email: &str, input: &str| program.run_with_input(&["user", "add", email], input);

    add("RAJAT.VERMA@example.com", &line).assert_refused(1, &["A user with this email address already exists"]);
    add("new@example.com", "short\n").assert_refused(1, &["at least"]);
    add("new@example.com", "").assert_refused(2, &["no password on standard input"]);
    let bad_email = add("new.example.com", &line);
    bad_email.assert_refused(2, &["\"new.example.com\" for EMAIL", "like name@example.com"]);
    let bad_name = program.run_with_input(&["user", "add", "new@example.com", "--first-name", &"x".repeat(65)], &line);
    bad_name.assert_refused(1, &["64 characters"]);
    let bad_role = program.run_with_input(&["user", "add", "new@example.com", "--role", "emperor"], &line);
    bad_role.assert_refused(2, &["\"emperor\" for --role", "user, admin"]);
    assert_eq!(database.count("users", ""), 1);
}

fn disabled_user_cannot_sign_in_until_enabled(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    program.add_user("other@example.com");
    let serving = program.serve();
    let (mut phone, mut laptop) = (serving.signed_in(EMAIL), serving.signed_in(EMAIL));
    let mut other = serving.signed_in("other@example.com");

    let out = program.done(&["user", "disable", EMAIL]);
    assert!(out.contains(EMAIL) && out.contains("ended 2 sessions"), "{out}");
    assert_eq!((phone.is_signed_in(), laptop.is_signed_in(), other.is_signed_in()), (false, false, true));
    assert_eq!(database.count("sessions", "WHERE end_reason = 'account_disabled'"), 2);
    assert_eq!(serving.browser().sign_in(EMAIL, PASSWORD).status, 401);
    assert!(program.done(&["user", "list"]).contains("disabled"));

    program.done(&["user", "enable", EMAIL]);
    assert!(serving.signed_in(EMAIL).is_signed_in());
    assert!(!phone.is_signed_in(), "ended sessions stay ended");
}

fn setting_password_ends_sessions_and_replaces_the_old_one(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let serving = program.serve();
    let mut browser = serving.signed_in(EMAIL);

    let set = |input: &str| program.run_with_input(&["user", "set-password", EMAIL], input);
    set("short\n").assert_refused(1, &["at least"]);
    assert!(browser.is_signed_in(), "a rejected password changes nothing");

    let changed = set(&format!("{NEW_PASSWORD}\n"));
    assert_eq!(changed.status, 0, "{changed:?}");
    assert!(changed.out.contains("ended 1 session.") && !changed.out.contains(NEW_PASSWORD), "{changed:?}");
    assert!(!browser.is_signed_in());
    assert_eq!(database.text("SELECT end_reason AS v FROM sessions"), "password_changed");
    assert_eq!(serving.browser().sign_in(EMAIL, PASSWORD).status, 401);
    assert_eq!(serving.browser().sign_in(EMAIL, NEW_PASSWORD).status, 303);
}

fn unknown_user_is_an_error(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    for command in ["disable", "enable", "set-password", "unlock"] {
        let line = format!("{PASSWORD}\n");
        let answer = program.run_with_input(&["user", command, "nobody@example.com"], &line);
        answer.assert_refused(1, &["no user nobody@example.com", "keyrack user list"]);
    }
}

fn unlocking_forgets_failures_and_is_listed(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let json = program.json(&["user", "unlock", EMAIL, "--json"]);
    assert_eq!(json, json!({ "by_unknown_browsers": 0, "by_known_browsers": 0, "was_locked": false }));
    let mut serving = program.serve();
    let mut browser = serving.browser();
    assert_eq!(browser.sign_in(EMAIL, "not the password at all").status, 401);
    assert_eq!(browser.sign_in(EMAIL, "not the password at all").status, 401);
    let out = program.done(&["user", "unlock", "Rajat.Verma@Example.com"]);
    let expected = format!("Forgot 2 failed sign-ins of {EMAIL}: 2 on unknown browsers, 0 on known ones.\n");
    assert_eq!(out, expected);

    // One failure before the last.
    assert_eq!(browser.sign_in(EMAIL, "not the password at all").status, 401);
    database.execute("UPDATE sign_in_failures SET in_a_row = 99 WHERE key LIKE 'account:%'");
    assert_eq!(program.json(&["user", "list", "--json"])[0]["locked_for_unknown_browsers"], false);
    assert_eq!(browser.sign_in(EMAIL, "not the password at all").status, 401);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 429);
    let logged = serving.err.wait_for("100 wrong passwords in a row");
    let id = database.text("SELECT CAST(id AS text) AS v FROM users");
    assert!(logged.contains(&id) && logged.contains("keyrack user unlock") && !logged.contains('@'), "{logged}");
    assert_eq!(program.json(&["user", "list", "--json"])[0]["locked_for_unknown_browsers"], true);
    assert!(program.done(&["user", "list"]).contains(" locked "));
    let out = program.done(&["user", "unlock", EMAIL]);
    assert!(out.contains("Forgot 100 failed sign-ins") && out.contains("may try again"), "{out}");
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    let stopped = serving.stop();
    assert_eq!(stopped.err.matches("wrong passwords in a row").count(), 1, "{stopped:?}");
}

fn one_time_password_is_listed_until_it_is_changed(engine: EngineKind) {
    const ONE_TIME: &str = "seven otters in a boat";
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    let listed = || program.json(&["user", "list", "--json"])[0]["password"].clone();
    let states = || program.done(&["user", "list"]).lines().nth(1).unwrap().to_owned();
    let added = program.run_with_input(&["user", "add", EMAIL, "--must-change"], &format!("{ONE_TIME}\n"));
    assert!(added.status == 0 && added.out.contains("good for one sign-in"), "{added:?}");
    assert_eq!(listed(), "one_time");
    assert!(states().contains("  one-time password  "), "{}", states());

    let serving = program.serve();
    let mut browser = serving.browser();
    assert_eq!(browser.sign_in(EMAIL, ONE_TIME).location(), "/account/password");
    assert_eq!(listed(), "used_up");
    assert!(states().contains("  one-time password used  "), "{}", states());
    assert_eq!(serving.browser().sign_in(EMAIL, ONE_TIME).status, 401);

    // The user's connection broke before they changed it: the operator sets another one.
    let set = program.run_with_input(&["user", "set-password", EMAIL, "--must-change"], &format!("{NEW_PASSWORD}\n"));
    assert!(set.status == 0 && set.out.contains("ended 1 session. The password is good for one sign-in"), "{set:?}");
    assert_eq!(listed(), "one_time");
    assert_eq!(browser.sign_in(EMAIL, NEW_PASSWORD).location(), "/account/password");
    let fields = [("current_password", NEW_PASSWORD), ("password", PASSWORD), ("password_again", PASSWORD)];
    assert_eq!(browser.post_from("/account/password", "/account/password", &fields).location(), "/account/sessions");
    assert!(browser.is_signed_in());
    assert_eq!(listed(), "lasting");
    assert!(states().contains("  enabled  "), "{}", states());
    assert!(serving.signed_in(EMAIL).is_signed_in());
}

fn set_email_changes_the_address_and_keeps_sessions(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    program.add_user("ana@example.com");
    let server = program.serve();
    let mut browser = server.signed_in(EMAIL);
    let set = |from: &str, to: &str| program.run(&["user", "set-email", from, to]);
    set(EMAIL, "ANA@example.com").assert_refused(1, &["ana@example.com is the address of another account"]);
    set("nobody@example.com", "new@example.com").assert_refused(1, &["nobody@example.com"]);
    set(EMAIL, "rajat").assert_refused(2, &["like name@example.com"]);
    let done = program.done(&["user", "set-email", EMAIL, "Rajat@Example.net"]);
    assert_eq!(done, format!("The address of {EMAIL} is now rajat@example.net.\n"));
    assert!(browser.is_signed_in());
    assert!(server.signed_in("rajat@example.net").is_signed_in());
    let actor = database.text("SELECT actor AS v FROM security_events WHERE kind = 'email_changed'");
    assert_eq!(actor, "command");
    assert_eq!(database.count("mails", ""), 0, "mail is not set up");
}
