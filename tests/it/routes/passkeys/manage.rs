//! Naming and removing passkeys: `/account/security/passkeys`

use std::time::Duration;

use super::{
    EMAIL, ORIGIN, OTHER_EMAIL, PASSKEYS, add_to, assert_lets_in, assert_refuses, events, first_id, remove, sign_in,
    start,
};
use crate::support::{EngineKind, PASSWORD, PasskeyDevice, on_both_engines, wait};

on_both_engines!(
    passkey_is_renamed,
    bad_name_is_refused,
    removed_passkey_leaves_an_event,
    removal_waits_for_a_proof,
    passkey_of_another_user_is_not_found,
    deleted_user_leaves_no_passkey,
    page_is_private,
);

fn passkey_is_renamed(engine: EngineKind) {
    let (app, mut browser, _) = start(engine);
    let id = first_id(&mut browser);
    let path = format!("{PASSKEYS}/{id}/name");
    let former = app.text("SELECT name AS v FROM passkeys");
    let answer = browser.post_from(PASSKEYS, &path, &[("name", "Büro <1>")]);
    assert_eq!((answer.status, answer.location()), (303, PASSKEYS), "{}", answer.body);
    let page = browser.get(PASSKEYS).text();
    assert!(page.contains("The passkey was renamed.") && page.contains("Büro <1>"), "{page}");
    // Neither the same name nor an empty one changes anything.
    for name in ["Büro <1>", " "] {
        assert_eq!(browser.post_from(PASSKEYS, &path, &[("name", name)]).status, 303);
    }
    assert_eq!(app.text("SELECT name AS v FROM passkeys"), "Büro <1>");
    let renamed = events(&app, "passkey_renamed");
    assert_eq!((renamed.len(), &renamed[0]["detail"]["from"]), (1, &former.into()));
}

fn bad_name_is_refused(engine: EngineKind) {
    let (app, mut browser, _) = start(engine);
    let id = first_id(&mut browser);
    let former = app.text("SELECT name AS v FROM passkeys");
    for (name, text) in [("a\u{202E}b".to_owned(), "U+202E"), ("x".repeat(65), "64")] {
        let answer = browser.post_from(PASSKEYS, &format!("{PASSKEYS}/{id}/name"), &[("name", &name)]);
        assert_refuses(&answer, 400, text);
    }
    assert_eq!(app.text("SELECT name AS v FROM passkeys"), former);
}

fn removed_passkey_leaves_an_event(engine: EngineKind) {
    let (app, mut browser, _) = start(engine);
    let session = browser.session_id();
    let id = first_id(&mut browser);
    let answer = remove(&mut browser, &id);
    assert_eq!((answer.status, answer.location()), (303, PASSKEYS), "{}", answer.body);
    assert_eq!(app.count("passkeys", ""), 0);
    let removed = &events(&app, "passkey_removed")[0];
    assert_eq!((removed["session_id"].as_str(), &removed["detail"]["passkey"]), (Some(&*session), &id.as_str().into()));
    let page = browser.get(PASSKEYS);
    assert!(page.text().contains("You have no passkeys."), "{}", page.text());
    assert_eq!(page.between("data-passkeys=\"", "\""), "");
    assert_eq!(remove(&mut browser, &id).status, 404);
}

fn removal_waits_for_a_proof(engine: EngineKind) {
    let (app, mut browser, _) = start(engine);
    let id = first_id(&mut browser);
    app.advance(Duration::from_secs(11 * 60));
    let answer = remove(&mut browser, &id);
    let page = answer.location().to_owned();
    assert!(page.starts_with("/reauth?"), "{} {page}", answer.status);
    assert!(browser.get(&page).text().contains("The passkey is removed after that."));
    assert_eq!(app.count("passkeys", ""), 1);
    let form = browser.get(&page);
    let change = form.between("name=\"change\" value=\"", "\"");
    let fields = [("password", PASSWORD), ("change", &change), ("csrf_token", &form.csrf_token())];
    let answer = browser.post(&page, &fields);
    assert_eq!((answer.status, answer.location()), (303, PASSKEYS), "{}", answer.body);
    assert_eq!(app.count("passkeys", ""), 0);
}

fn passkey_of_another_user_is_not_found(engine: EngineKind) {
    let (app, mut browser, _) = start(engine);
    let id = first_id(&mut browser);
    app.add_user(OTHER_EMAIL);
    let (mut other, _) = add_to(&app, OTHER_EMAIL, PasskeyDevice::new(ORIGIN));
    let unknown = "5b7a1c9e-0f43-4c2d-9f8e-2d6a4b1c7e90";
    let answers = [&*id, unknown, "x"].map(|id| {
        let removed = remove(&mut other, id);
        let named = other.post_from(PASSKEYS, &format!("{PASSKEYS}/{id}/name"), &[("name", "mine")]);
        assert_eq!((removed.status, named.status), (404, 404), "{id}");
        (removed.without_tokens(), named.without_tokens())
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "they differ");
    assert_eq!(app.count("passkeys", "WHERE name <> 'mine'"), 2);
    assert_eq!(events(&app, "passkey_removed").len() + events(&app, "passkey_renamed").len(), 0);
}

fn deleted_user_leaves_no_passkey(engine: EngineKind) {
    let (app, _, mut device) = start(engine);
    assert_lets_in(&sign_in(&mut app.browser(), &mut device));
    wait(app.keyrack.accounts().purge()).unwrap();
    assert_eq!(app.count("passkey_proofs", ""), 1);
    app.execute(&format!("DELETE FROM users WHERE email = '{EMAIL}'"));
    assert_eq!(app.count("passkeys", ""), 0);
    wait(app.keyrack.accounts().purge()).unwrap();
    assert_eq!(app.count("passkey_proofs", ""), 0);
}

fn page_is_private(engine: EngineKind) {
    let (app, mut browser, _) = start(engine);
    for path in [PASSKEYS, super::ADD] {
        app.browser().get(path).assert_not_signed_in();
        assert_eq!(browser.get(path).header("cache-control"), Some("no-store"));
    }
}
