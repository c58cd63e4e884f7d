//! The file of leaked passwords is damaged, lost or replaced while a server runs

use std::{fs, path::PathBuf};

use super::passwords::{LEAKED, NOTICE, sha1_line, with_breached};
use crate::support::{Answer, Browser, EngineKind, PASSWORD, Program, TestDatabase, on_both_engines};

on_both_engines!(
    damaged_file_refuses_new_passwords_with_503_and_warns_once,
    setup_with_damaged_file_keeps_the_form,
    file_that_was_replaced_is_used_without_a_restart,
);

const EMAIL: &str = "rajat.verma@example.com";
const NEW: &str = "nine purple umbrellas, folded";
const PAGE: &str = "/account/password";
const WARNING: &str = "new passwords are refused";

fn change(browser: &mut Browser, new: &str) -> Answer {
    browser.post_from(PAGE, PAGE, &[("current_password", PASSWORD), ("password", new), ("password_again", new)])
}

fn file_of(database: &TestDatabase) -> PathBuf {
    database.folder().join("list.breached")
}

fn assert_unchecked(answer: &Answer, consequence: &str) {
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("60")), "{}", answer.body);
    let advice = ["Try again later", "tell your administrator"];
    for part in ["New passwords can’t be checked right now.", consequence].into_iter().chain(advice) {
        assert!(answer.text().contains(part), "{part}: {}", answer.text());
    }
    assert!(!answer.body.contains("list.breached") && !answer.body.contains(NEW), "{}", answer.body);
}

fn damaged_file_refuses_new_passwords_with_503_and_warns_once(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    Program::new(&database).add_user(EMAIL);
    let program = with_breached(&database, &[LEAKED]);
    let (serving, path) = (program.serve(), file_of(&database));
    let good = fs::read(&path).unwrap();
    let mut browser = serving.signed_in(EMAIL);
    let damages: [&[u8]; 4] = [&good[..good.len() / 2], &[&good[..80], b"x", &good[81..]].concat(), b"", b"notes"];
    for contents in damages {
        fs::write(&path, contents).unwrap();
        for new in [NEW, LEAKED] {
            assert_unchecked(&change(&mut browser, new), "Your password was not changed.");
        }
        assert!(serving.signed_in(EMAIL).is_signed_in(), "sign-ins go on");
        let doctor = program.run(&["doctor"]);
        assert!(doctor.status == 1 && doctor.out.contains("leaked passwords: list.breached"), "{doctor:?}");
        fs::write(&path, &good).unwrap();
        let refused = change(&mut browser, LEAKED);
        assert!(refused.status == 422 && refused.body.contains(NOTICE), "the file is whole again: {}", refused.body);
    }
    fs::remove_file(&path).unwrap();
    assert_unchecked(&change(&mut browser, NEW), "Your password was not changed.");
    assert!(serving.signed_in(EMAIL).is_signed_in());
    fs::write(&path, &good).unwrap();
    assert_eq!(change(&mut browser, NEW).status, 303);
    assert!(browser.is_signed_in());
    let log = serving.stop().err;
    assert_eq!(log.matches(WARNING).count(), damages.len() + 1, "one warning each: {log}");
    assert!(log.contains("list.breached is damaged or incomplete") && !log.contains("\"level\":\"ERROR\""), "{log}");
}

fn setup_with_damaged_file_keeps_the_form(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = with_breached(&database, &[LEAKED]);
    let (mut serving, path) = (program.serve(), file_of(&database));
    let good = fs::read(&path).unwrap();
    let link = serving.out.wait_for("/setup?token=");
    let token: String = link.split_once("token=").unwrap().1.chars().take_while(|c| !"\" \n".contains(*c)).collect();
    let page = format!("/setup?token={token}");
    let mut browser = serving.browser();
    let fields = [("token", token.as_str()), ("email", EMAIL), ("first_name", "Rajat")];
    let fields = [&fields[..], &[("password", NEW), ("password_again", NEW)]].concat();
    fs::write(&path, &good[..90]).unwrap();
    let refused = browser.post_from(&page, "/setup", &fields);
    assert_unchecked(&refused, "The account was not created.");
    assert!(refused.body.contains(&format!("value=\"{EMAIL}\"")), "what was typed is kept: {}", refused.body);
    assert_eq!(database.count("users", ""), 0);
    fs::write(&path, &good).unwrap();
    assert_eq!(browser.post_from(&page, "/setup", &fields).status, 303);
    assert!(browser.is_signed_in());
}

fn file_that_was_replaced_is_used_without_a_restart(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    Program::new(&database).add_user(EMAIL);
    let program = with_breached(&database, &[LEAKED]);
    let serving = program.serve();
    let mut browser = serving.signed_in(EMAIL);
    assert_eq!(change(&mut browser, LEAKED).status, 422);
    let list: String = [NEW, PASSWORD].map(sha1_line).concat();
    program.clone().with_file("list.txt", &list).done(&["passwords", "build", "list.txt"]);
    let refused = change(&mut browser, NEW);
    assert!(refused.status == 422 && refused.body.contains(NOTICE), "{}", refused.body);
    let page = serving.signed_in(EMAIL).get("/account/sessions");
    assert!(page.body.contains(NOTICE), "a sign-in is compared with the new list, too: {}", page.body);
    assert_eq!(change(&mut browser, LEAKED).status, 303, "the former list is no longer used");
    let log = serving.stop().err;
    assert!(!log.contains(WARNING) && log.contains("the list of leaked passwords was read again"), "{log}");
}
