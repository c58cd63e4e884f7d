//! `POST /account/email/cancel`

use std::time::Duration;

use super::{EMAIL, NEW_EMAIL, PAGE, addresses, ask, mailed_link, press_blindly, start};
use crate::support::{EngineKind, on_both_engines};

const CANCEL: &str = "/account/email/cancel";
const SECURITY: &str = "/account/security";
const BUTTON: &str = "Cancel this change";

on_both_engines!(
    cancelled_change_is_not_made,
    cancelling_needs_a_recent_proof,
    other_account_keeps_its_change,
    nothing_is_cancelled_twice,
);

fn cancelled_change_is_not_made(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let mut browser = app.signed_in(EMAIL);
    assert!(!browser.get(PAGE).text().contains(BUTTON));
    assert_eq!(ask(&app, &mut browser, NEW_EMAIL).status, 303);
    let link = mailed_link(&app, &server, NEW_EMAIL);
    let page = browser.get(PAGE).text();
    assert!(
        page.contains(&format!("A change to {NEW_EMAIL} was asked for just now")) && page.contains(BUTTON),
        "{page}"
    );
    let session = browser.session_id();
    let done = browser.post_from(PAGE, CANCEL, &[]);
    assert_eq!((done.status, done.location()), (303, SECURITY), "{}", done.text());
    let security = browser.get(SECURITY).text();
    assert!(security.contains("The change of your email address is cancelled."), "{security}");
    assert!(!security.contains(NEW_EMAIL), "{security}");
    assert!(!browser.get(PAGE).text().contains(BUTTON));
    assert_eq!(press_blindly(&app, &link).status, 410);
    assert_eq!(addresses(&app), [EMAIL]);
    let event = app.rows("security_events", "WHERE kind = 'link_cancelled'").remove(0);
    assert_eq!(
        (event["session_id"].as_str(), event["detail"]["link"].as_str()),
        (Some(session.as_str()), Some("email_change"))
    );
    assert!(browser.get("/account/activity").text().contains("Change of the email address cancelled"));
    app.assert_sound();
}

fn cancelling_needs_a_recent_proof(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    let mut browser = app.signed_in(EMAIL);
    assert_eq!(ask(&app, &mut browser, NEW_EMAIL).status, 303);
    let token = browser.get(PAGE).csrf_token();
    app.advance(Duration::from_secs(60 * 60));
    let asked = browser.post(CANCEL, &[("csrf_token", &token)]);
    assert_eq!((asked.status, asked.location()), (303, "/reauth?next=%2Faccount%2Femail"), "{}", asked.text());
    assert_eq!(app.browser().get(&mailed_link(&app, &server, NEW_EMAIL)).status, 200);
}

fn other_account_keeps_its_change(engine: EngineKind) {
    let Some((app, server)) = start(engine) else { return };
    app.add_user("ana@example.com");
    assert_eq!(ask(&app, &mut app.signed_in(EMAIL), NEW_EMAIL).status, 303);
    let mut other = app.signed_in("ana@example.com");
    assert_eq!(other.post_from(PAGE, CANCEL, &[]).location(), SECURITY);
    assert_eq!(app.browser().get(&mailed_link(&app, &server, NEW_EMAIL)).status, 200);
}

fn nothing_is_cancelled_twice(engine: EngineKind) {
    let Some((app, _server)) = start(engine) else { return };
    let mut browser = app.signed_in(EMAIL);
    assert_eq!(ask(&app, &mut browser, NEW_EMAIL).status, 303);
    let token = browser.get(PAGE).csrf_token();
    for _ in 0..2 {
        assert_eq!(browser.post(CANCEL, &[("csrf_token", &token)]).location(), SECURITY);
    }
    assert_eq!(app.count("security_events", "WHERE kind = 'link_cancelled'"), 1);
}
