//! V6.2: passwords

use std::time::Duration;

use keyrack::accounts::{NewUser, Password, Role};

use super::{
    EMAIL, NEW, PASSWORD_PAGE, app_with_user, assert_signs_in, change_password, password_pages, set_up, setup_link,
    two_browsers, users, visible_fields,
};
use crate::support::{EngineKind, PASSWORD, TestApp, on_both_engines, wait};

on_both_engines!(
    asvs_6_2_1_passwords_shorter_than_15_characters_are_refused,
    asvs_6_2_2_users_change_their_password_on_a_page,
    asvs_6_2_3_password_change_requires_the_current_password,
    asvs_6_2_4_common_passwords_are_refused_on_every_way,
    asvs_6_2_5_passwords_of_any_characters_are_accepted,
    asvs_6_2_6_password_fields_hide_what_is_typed,
    asvs_6_2_7_password_fields_suit_password_managers,
    asvs_6_2_8_passwords_are_verified_as_they_were_typed,
    asvs_6_2_9_passwords_of_64_to_256_characters_are_accepted,
    asvs_6_2_10_passwords_do_not_expire,
);

const SHORT: &str = "mvqzkrtwbxjhdf";

fn user(email: &str, password: &str) -> NewUser {
    NewUser {
        email: email.parse().unwrap(),
        user_name: None,
        first_name: None,
        last_name: None,
        role: Role::User,
        password: Password::new(password),
    }
}

/// Tries a new password in every way there is, with an account that has [`PASSWORD`] and a browser that is signed in to
/// it, and asserts that each refuses it for this reason.
fn assert_refused_in_every_way(engine: EngineKind, passwords: &[&str], reason: &str) {
    let (app, mut browser, _) = two_browsers(engine);
    let empty = TestApp::new(engine);
    let (link, accounts, email) = (setup_link(&empty).unwrap(), app.keyrack.accounts(), EMAIL.parse().unwrap());
    let before = users(&app);
    for password in passwords {
        for (way, answer) in [
            ("change", change_password(&mut browser, PASSWORD, password)),
            ("set-up", set_up(&empty, &link, EMAIL, password)),
        ] {
            assert_eq!((answer.status, answer.set_cookies()), (422, vec![]), "{way}: {password:?}");
            assert!(answer.text().contains(reason), "{way}: {password:?}: {}", answer.text());
        }
        // What `keyrack user add` and `user set-password` call, with and without `--must-change`.
        for refused in [
            wait(accounts.create(user("new@example.com", password))).map(drop),
            wait(accounts.create_with_one_time_password(user("new@example.com", password))).map(drop),
            wait(accounts.set_password(&email, Password::new(password))).map(drop),
            wait(accounts.set_one_time_password(&email, Password::new(password))).map(drop),
        ] {
            let message = refused.expect_err(password).to_string();
            assert!(message.contains(reason), "{password:?}: {message}");
        }
    }
    assert_eq!((users(&app), users(&empty).len()), (before, 0));
}

fn asvs_6_2_1_passwords_shorter_than_15_characters_are_refused(engine: EngineKind) {
    assert_refused_in_every_way(engine, &["x", &SHORT[..8], SHORT], "at least 15 characters");
    let (app, mut browser, _) = two_browsers(engine);
    let long_enough = format!("{SHORT}p");
    assert_eq!(change_password(&mut browser, PASSWORD, &long_enough).status, 303);
    assert_signs_in(&app, &long_enough);
}

fn asvs_6_2_2_users_change_their_password_on_a_page(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    let devices = browser.get("/account/sessions").body;
    assert!(devices.contains(&format!("href=\"{PASSWORD_PAGE}\"")), "{devices}");
    assert_eq!(browser.get("/.well-known/change-password").location(), PASSWORD_PAGE);
    assert_eq!(change_password(&mut browser, PASSWORD, NEW).status, 303);
    assert!(browser.is_signed_in());
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 401);
    assert_signs_in(&app, NEW);
}

fn asvs_6_2_3_password_change_requires_the_current_password(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let before = (users(&app), app.rows("sessions", "ORDER BY id"));
    for (current, status, message) in [
        ("", 422, "Enter your current password."),
        ("not the password at all", 401, "This is not your current password."),
    ] {
        let answer = change_password(&mut browser, current, NEW);
        assert_eq!((answer.status, answer.set_cookies()), (status, vec![]), "{current:?}");
        assert!(answer.text().contains(message), "{}", answer.text());
        assert!(answer.body.contains("aria-describedby=\"current_password-error\""), "{}", answer.body);
        assert!(!answer.body.contains(NEW), "no password is repeated");
    }
    let without_field = browser.post_from(PASSWORD_PAGE, PASSWORD_PAGE, &[("password", NEW), ("password_again", NEW)]);
    assert_eq!(without_field.status, 422);
    assert_eq!((users(&app), app.rows("sessions", "ORDER BY id")), before);
    assert!(browser.is_signed_in() && phone.is_signed_in());
}

fn asvs_6_2_4_common_passwords_are_refused_on_every_way(engine: EngineKind) {
    let common = ["passwordpassword", "1q2w3e4r5t6y7u8i", "123456789123456789", "P@ssw0rdP@ssw0rd", "manchesterunited"];
    assert_refused_in_every_way(engine, &common, "too easy to guess");
}

fn asvs_6_2_5_passwords_of_any_characters_are_accepted(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    let mut current = PASSWORD;
    for new in [
        "lamp otter violin gravel",
        "TEMVQZKRTWBXJHDFP",
        "830517492260991",
        "почтовый ящик у моста",
        "九州の夏はとても暑いですね本当に",
        "🦊🌋🎻🧭🍋🚲🐙🌵🎲🪐🧵🛶🍄🔭🎈",
        "<b>'; DROP TABLE users; --\\ \"%00&",
        "  blanks at both ends, too  ",
    ] {
        let answer = change_password(&mut browser, current, new);
        assert_eq!((answer.status, answer.location()), (303, "/account/sessions"), "{new}: {}", answer.text());
        assert_signs_in(&app, new);
        current = new;
    }
}

fn asvs_6_2_6_password_fields_hide_what_is_typed(engine: EngineKind) {
    for (path, page) in password_pages(engine) {
        let fields = visible_fields(&page);
        let passwords: Vec<_> = fields.iter().filter(|(name, ..)| name.contains("password")).collect();
        assert!(!passwords.is_empty(), "{path}: {fields:?}");
        assert!(passwords.iter().all(|(_, kind, _)| kind == "password"), "{path}: {passwords:?}");
    }
}

fn asvs_6_2_7_password_fields_suit_password_managers(engine: EngineKind) {
    for (path, page) in password_pages(engine) {
        let fields = visible_fields(&page);
        for (name, _, complete) in fields.iter().filter(|(name, ..)| name.contains("password")) {
            let is_new = ["/setup", "/reset"].contains(&path) || (path == PASSWORD_PAGE && name != "current_password");
            assert_eq!(complete, if is_new { "new-password" } else { "current-password" }, "{path}: {name}");
        }
        assert!(page.body.contains("autocomplete=\"username\""), "{path} names the account: {}", page.body);
        for obstacle in ["onpaste", "oncopy", "maxlength", "autocomplete=\"off\"", "readonly name=\"password"] {
            assert!(!page.body.contains(obstacle), "{path}: {obstacle}");
        }
    }
    let app = TestApp::new(engine);
    let script = app.browser().get(&app.browser().get("/login").between("<script src=\"", "\"")).body;
    assert!(script.contains("addEventListener"), "{script}");
    for event in ["paste", "beforeinput", "keydown", "keypress", "clipboard"] {
        assert!(!script.contains(event), "{event}");
    }
}

/// But for one thing: both ways to write an accented letter in Unicode are the same password, see `SECURITY.md`.
fn asvs_6_2_8_passwords_are_verified_as_they_were_typed(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    let long = format!("Caf\u{e9} {}", "mit Würfelzucker ".repeat(14));
    let long = long.trim_end();
    assert!(long.chars().count() > 200);
    assert_eq!(change_password(&mut browser, PASSWORD, long).status, 303);
    let all_but_last = &long[..long.len() - 1];
    let first = |chars: usize| long.chars().take(chars).collect::<String>();
    for other in [
        all_but_last,
        // As some hashes and forms cut them off.
        &first(64),
        &first(70),
        &first(128),
        &long.to_lowercase(),
        &long.to_uppercase(),
        &format!("{long} "),
        &format!(" {long}"),
        &format!("{long}\u{0}"),
        &long.replace(' ', ""),
        &long.replace("  ", " ").replacen(' ', "  ", 1),
        &long.replace('\u{e9}', "e"),
        // Compatibility forms are other characters.
        &long.replace('C', "\u{ff23}"),
    ] {
        assert_eq!(app.browser().sign_in(EMAIL, other).status, 401, "{other:?}");
        wait(app.keyrack.accounts().unlock(&EMAIL.parse().unwrap())).unwrap();
    }
    assert_signs_in(&app, long);
    assert_signs_in(&app, &long.replace('\u{e9}', "e\u{301}"));
}

fn asvs_6_2_9_passwords_of_64_to_256_characters_are_accepted(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    let text = "Nine herons stood in the shallow water while a barge full of gravel went by, and none of them moved. \
                Later, when the lock keeper had eaten his soup, he wrote down the number of the barge, the weather, \
                the height of the water and the name of his dog: Kartoffel, who slept there.";
    let mut current = PASSWORD.to_owned();
    for length in [64, 128, 256] {
        let new: String = text.chars().take(length).collect();
        assert_eq!(new.chars().count(), length);
        assert_eq!(change_password(&mut browser, &current, &new).status, 303, "{length}");
        assert_signs_in(&app, &new);
        current = new;
    }
    let too_long: String = text.chars().take(257).collect();
    let refused = change_password(&mut browser, &current, &too_long);
    assert!(refused.status == 422 && refused.text().contains("at most 256 characters"), "{}", refused.text());
}

fn asvs_6_2_10_passwords_do_not_expire(engine: EngineKind) {
    let app = app_with_user(engine);
    for _ in 0..10 {
        app.advance(Duration::from_secs(365 * 24 * 3600));
        wait(app.keyrack.accounts().purge()).unwrap();
        let mut browser = app.signed_in(EMAIL);
        assert!(browser.is_signed_in());
        let devices = browser.get("/account/sessions").body;
        assert!(!devices.contains("role=\"alert\""), "no page asks for another password: {devices}");
    }
    let columns = &users(&app)[0];
    let expiry = columns.as_object().unwrap().keys().find(|column| column.contains("expire"));
    assert_eq!(expiry, None);
}
