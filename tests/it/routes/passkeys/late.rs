//! A passkey that is removed, and a session that ends, while a request waits. On PostgreSQL, which shows who waits.

use super::{EMAIL, HOME, PASSKEYS, SignInPage, app, events, options, send_new, start};
use crate::support::{EngineKind, PasskeyDevice, change_before};

#[test]
fn passkey_removed_before_the_session_starts_lets_no_one_in() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let (app, _, mut device) = start(EngineKind::Postgres);
    let mut thief = app.browser();
    let page = SignInPage::open(&mut thief);
    let passkey = device.answer(&page.options);
    let sessions = app.count("sessions", "");
    let answer = change_before(app.database(), "DELETE FROM passkeys", || page.send(&mut thief, &passkey));
    assert_ne!(answer.location(), HOME, "{}", answer.body);
    assert!(!thief.is_signed_in());
    assert_eq!(app.count("sessions", ""), sessions);
}

#[test]
fn session_that_ends_meanwhile_adds_no_passkey() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let app = app(EngineKind::Postgres);
    app.add_user(EMAIL);
    let (mut thief, mut device) = (app.signed_in(EMAIL), PasskeyDevice::new(super::ORIGIN));
    let page = thief.get(super::ADD);
    let passkey = device.create(&options(&page));
    let end = format!("UPDATE sessions SET status = 'logged_out' WHERE id = '{}'", thief.session_id());
    let answer = change_before(app.database(), &end, || send_new(&mut thief, &page, &passkey, ""));
    assert_ne!(answer.location(), PASSKEYS, "{}", answer.body);
    assert_eq!((app.count("passkeys", ""), events(&app, "passkey_added").len()), (0, 0));
}
