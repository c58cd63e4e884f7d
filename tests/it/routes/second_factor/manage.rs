//! `/account/security`: removing an app, and new recovery codes

use std::time::Duration;

use super::{
    CODES, EMAIL, Factor, OTHER_EMAIL, REMOVE, SECURITY, SET_UP, assert_lets_in, assert_refuses, events, give_code,
    recovery_codes, start, waiting,
};
use crate::{
    routes::reauth::{WINDOW, reauthenticate},
    support::{EngineKind, PASSWORD, on_both_engines},
};

on_both_engines!(
    changes_wait_for_a_recent_proof,
    removed_app_is_not_asked_for,
    new_recovery_codes_replace_the_earlier_ones,
    codes_made_by_a_form_sent_twice_are_the_same,
    old_form_does_not_bring_former_recovery_codes_back,
    page_shows_nothing_of_another_user,
);

fn changes_wait_for_a_recent_proof(engine: EngineKind) {
    let (app, Factor { mut browser, .. }) = start(engine);
    app.advance(WINDOW + Duration::from_secs(1));
    assert!(browser.get(SET_UP).location().starts_with("/reauth?next="));
    let set_up = browser.post_from(SECURITY, SET_UP, &[("code", "000000"), ("set_up", "x")]);
    assert_eq!(set_up.location(), "/reauth?next=%2Faccount%2Fsecurity%2Fauthenticator");
    let asked = browser.post_from(SECURITY, CODES, &[]);
    let page = browser.get(asked.location());
    assert!(page.text().contains("You get new recovery codes after that."), "{}", page.text());
    let renewed = reauthenticate(&mut browser, asked.location(), PASSWORD);
    assert_eq!(recovery_codes(&renewed).len(), 10);
    app.advance(WINDOW + Duration::from_secs(1));
    let asked = browser.post_from(SECURITY, REMOVE, &[]);
    assert_eq!(app.count("totp_factors", ""), 1);
    let removed = reauthenticate(&mut browser, asked.location(), PASSWORD);
    assert_eq!((removed.status, removed.location()), (303, SECURITY), "{}", removed.body);
    assert_eq!(app.count("totp_factors", ""), 0);
    assert!(browser.get(SECURITY).text().contains("Your authenticator app and your recovery codes were removed."));
}

fn removed_app_is_not_asked_for(engine: EngineKind) {
    let (app, Factor { mut browser, .. }) = start(engine);
    let answer = browser.post_from(SECURITY, REMOVE, &[]);
    assert_eq!((answer.status, answer.location()), (303, SECURITY), "{}", answer.body);
    assert_eq!((app.count("totp_factors", ""), app.count("recovery_codes", "")), (0, 0));
    assert!(app.signed_in(EMAIL).is_signed_in());
    let removed = events(&app, "second_factor_removed");
    assert_eq!((removed.len(), removed[0]["session_id"].as_str()), (1, Some(browser.session_id().as_str())));
    assert_eq!(browser.post_from(SECURITY, CODES, &[]).location(), SECURITY, "there are no codes without an app");
    assert_eq!(app.count("recovery_codes", ""), 0);
}

fn new_recovery_codes_replace_the_earlier_ones(engine: EngineKind) {
    let (app, Factor { mut browser, recovery_codes: earlier, .. }) = start(engine);
    let page = browser.post_from(SECURITY, CODES, &[]);
    assert!(page.text().contains("Your earlier codes are no longer valid."), "{}", page.text());
    let new = recovery_codes(&page);
    assert!(new.iter().all(|code| !earlier.contains(code)));
    assert_eq!((app.count("recovery_codes", ""), events(&app, "recovery_codes_made").len()), (10, 1));
    let mut other = waiting(&app);
    assert_refuses(&give_code(&mut other, &earlier[0]), 401, "This code is wrong.");
    assert_lets_in(&give_code(&mut other, &new[0]));
    for code in &new[1..8] {
        assert_lets_in(&give_code(&mut waiting(&app), code));
    }
    assert!(browser.get(SECURITY).text().contains("2 codes are left. Make new ones before you need them."));
}

/// With the browser's back button, a form may be sent again: a code that was used meanwhile stays used.
fn codes_made_by_a_form_sent_twice_are_the_same(engine: EngineKind) {
    let (app, Factor { mut browser, .. }) = start(engine);
    let token = browser.get(SECURITY).csrf_token();
    let codes = recovery_codes(&browser.post(CODES, &[("csrf_token", &token)]));
    assert_lets_in(&give_code(&mut waiting(&app), &codes[0]));
    app.advance(Duration::from_secs(60));
    assert_eq!(recovery_codes(&browser.post(CODES, &[("csrf_token", &token)])), codes);
    assert_refuses(&give_code(&mut waiting(&app), &codes[0]), 401, "has already been used");
    assert_eq!(events(&app, "recovery_codes_made").len(), 1);
}

fn old_form_does_not_bring_former_recovery_codes_back(engine: EngineKind) {
    let (app, Factor { mut browser, .. }) = start(engine);
    let token = browser.get(SECURITY).csrf_token();
    let former = recovery_codes(&browser.post(CODES, &[("csrf_token", &token)]));
    assert_lets_in(&give_code(&mut waiting(&app), &former[0]));
    let others = recovery_codes(&browser.post_from(SECURITY, CODES, &[]));
    app.advance(Duration::from_secs(60));
    let again = recovery_codes(&browser.post(CODES, &[("csrf_token", &token)]));
    assert!(again.iter().all(|code| !former.contains(code) && !others.contains(code)));
    for code in [&former[0], &former[1], &others[0]] {
        assert_refuses(&give_code(&mut waiting(&app), code), 401, "This code is wrong.");
    }
    assert_lets_in(&give_code(&mut waiting(&app), &again[0]));
    assert_eq!(events(&app, "recovery_codes_made").len(), 3);
}

fn page_shows_nothing_of_another_user(engine: EngineKind) {
    let (app, _) = start(engine);
    app.add_user(OTHER_EMAIL);
    let mut other = app.signed_in(OTHER_EMAIL);
    assert!(other.get(SECURITY).text().contains("Not set up."));
    assert_eq!(other.post_from(SECURITY, REMOVE, &[]).location(), SECURITY);
    assert_eq!((app.count("totp_factors", ""), events(&app, "second_factor_removed").len()), (1, 0));
}
