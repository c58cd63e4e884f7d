//! "This wasn't me": `GET /account/sessions/{id}/not-me` and `POST /account/sessions/{id}/report`

use std::time::Duration;

use super::reauth::{WINDOW, reauthenticate};
use crate::support::{Answer, Browser, EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    page_says_what_will_happen_and_changes_nothing,
    report_ends_the_session_and_forgets_its_browser,
    ended_session_can_be_reported,
    outcome_lists_sessions_let_in_by_the_same_password,
    outcome_leads_to_a_new_password_that_signs_out_others,
    report_is_kept_while_a_proof_is_asked_for,
    user_without_password_may_report_a_session,
    current_session_is_not_reported,
    foreign_or_unknown_session_returns_same_404,
    reporting_twice_is_one_event,
    outcome_lists_peer_sessions_that_a_password_confirmed,
    page_names_the_browser_only_if_it_is_forgotten,
);

const EMAIL: &str = "rajat.verma@example.com";
const NEW: &str = "eleven lamps behind the harbour";
const DEVICES: &str = "/account/sessions";
const PASSWORD_PAGE: &str = "/account/password";
const SECOND: Duration = Duration::from_secs(1);

/// The owner's browser, and that of a thief who has the password.
fn owner_and_thief(engine: EngineKind) -> (TestApp, Browser, Browser) {
    let app = TestApp::with(engine, |config| config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    app.add_user(EMAIL);
    let owner = app.signed_in(EMAIL);
    app.advance(SECOND);
    let mut thief =
        app.browser().with_header("user-agent", "curl/8.5.0").with_header("x-forwarded-for", "203.0.113.66");
    assert_eq!(thief.sign_in(EMAIL, PASSWORD).status, 303);
    (app, owner, thief)
}

fn not_me(id: &str) -> String {
    format!("{DEVICES}/{id}/not-me")
}

fn report(browser: &mut Browser, id: &str) -> Answer {
    browser.post_from(DEVICES, &format!("{DEVICES}/{id}/report"), &[])
}

fn page_says_what_will_happen_and_changes_nothing(engine: EngineKind) {
    let (app, mut owner, mut thief) = owner_and_thief(engine);
    let id = thief.session_id();
    let list = owner.get(DEVICES);
    assert!(list.body.contains(&not_me(&id)), "the list leads there");
    assert!(owner.get(&format!("{DEVICES}/{id}")).body.contains(&not_me(&id)), "and so does the session's page");
    let before = (app.rows("sessions", "ORDER BY id"), app.count("security_events", ""));
    let page = owner.get(&not_me(&id));
    assert_eq!(page.status, 200);
    for said in ["Did someone else sign in with curl 8", "The session is signed out immediately.", "It was me"] {
        assert!(page.text().contains(said), "{said}: {}", page.text());
    }
    assert_eq!((app.rows("sessions", "ORDER BY id"), app.count("security_events", "")), before);
}

fn report_ends_the_session_and_forgets_its_browser(engine: EngineKind) {
    let (app, mut owner, mut thief) = owner_and_thief(engine);
    let id = thief.session_id();
    let answer = report(&mut owner, &id);
    assert_eq!((answer.status, answer.location()), (303, not_me(&id).as_str()));
    assert!(!thief.is_signed_in() && owner.is_signed_in());
    assert_eq!(app.rows("sessions", &format!("WHERE id = '{id}'"))[0]["end_reason"], "revoked");
    assert_eq!(app.count("known_browsers", &format!("WHERE session_id = '{id}'")), 0);
    let event = &app.rows("security_events", "WHERE kind = 'session_reported'")[0];
    assert_eq!((&event["session_id"], &event["actor"]), (&id.as_str().into(), &"user".into()));
    let page = owner.get(&not_me(&id)).text();
    for said in ["You reported curl 8", "Signed in with the password", "203.0.113.66", "Choose a new password"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(owner.get("/account/activity").text().contains("Reported: this wasn’t you"));
    app.assert_sound();
}

fn ended_session_can_be_reported(engine: EngineKind) {
    let (app, mut owner, mut thief) = owner_and_thief(engine);
    let id = thief.session_id();
    thief.sign_out();
    assert!(owner.get(&not_me(&id)).text().contains("The session has already ended"));
    assert_eq!(report(&mut owner, &id).status, 303);
    assert!(owner.get(&not_me(&id)).text().contains("This wasn’t you"));
    assert_eq!(app.rows("sessions", &format!("WHERE id = '{id}'"))[0]["end_reason"], "signed_out", "as before");
    assert_eq!(app.count("known_browsers", &format!("WHERE session_id = '{id}'")), 0);
}

fn outcome_lists_sessions_let_in_by_the_same_password(engine: EngineKind) {
    let (app, mut owner, mut thief) = owner_and_thief(engine);
    let id = thief.session_id();
    app.advance(SECOND);
    let mut ended = app.browser().with_header("user-agent", "Wget/1.21");
    assert_eq!(ended.sign_in(EMAIL, PASSWORD).status, 303);
    let ended_id = ended.session_id();
    ended.sign_out();
    let mut alive = app.signed_in(EMAIL);
    let alive_id = alive.session_id();
    report(&mut owner, &id);
    let page = owner.get(&not_me(&id));
    let [alive_at, ended_at] = [&alive_id, &ended_id].map(|id| page.body.find(&not_me(id)).expect(id));
    assert!(alive_at < ended_at, "the active ones come first");
    assert!(page.body.contains(&format!("{DEVICES}/{alive_id}/revoke")));
    assert!(!page.body.contains(&format!("{DEVICES}/{ended_id}/revoke")));
    let earlier = owner.session_id();
    assert!(!page.body.contains(&not_me(&earlier)), "it began before");
    assert!(!page.text().contains("No other session began"), "{}", page.text());
    // What begins after a new password was let in by another one.
    app.advance(SECOND);
    let fields = [("current_password", PASSWORD), ("password", NEW), ("password_again", NEW)];
    assert_eq!(owner.post_from(PASSWORD_PAGE, PASSWORD_PAGE, &fields).status, 303);
    app.advance(SECOND);
    let mut later = app.browser();
    assert_eq!(later.sign_in(EMAIL, NEW).status, 303);
    let later_id = later.session_id();
    let page = owner.get(&not_me(&id));
    assert!(page.body.contains(&not_me(&alive_id)) && !page.body.contains(&not_me(&later_id)), "{}", page.body);
}

fn outcome_leads_to_a_new_password_that_signs_out_others(engine: EngineKind) {
    let (app, mut owner, mut thief) = owner_and_thief(engine);
    let mut other = app.signed_in(EMAIL);
    assert!(!owner.get(PASSWORD_PAGE).text().contains("Someone else knows your password"));
    app.advance(SECOND);
    let id = thief.session_id();
    report(&mut owner, &id);
    assert!(owner.get(&not_me(&id)).body.contains(&format!("href=\"{PASSWORD_PAGE}\"")));
    let page = owner.get(PASSWORD_PAGE);
    assert!(page.text().contains("Someone else knows your password"), "{}", page.text());
    assert!(!page.between("name=\"keep_others\"", ">").contains("checked"));
    app.advance(SECOND);
    let fields = [("current_password", PASSWORD), ("password", NEW), ("password_again", NEW)];
    assert_eq!(owner.post_from(PASSWORD_PAGE, PASSWORD_PAGE, &fields).status, 303);
    assert!(owner.is_signed_in() && !other.is_signed_in());
    assert!(!owner.get(PASSWORD_PAGE).text().contains("Someone else knows your password"), "not the new one");
}

fn report_is_kept_while_a_proof_is_asked_for(engine: EngineKind) {
    let (app, mut owner, mut thief) = owner_and_thief(engine);
    let id = thief.session_id();
    app.advance(WINDOW + SECOND);
    let asked = report(&mut owner, &id);
    assert!(asked.status == 303 && asked.location().starts_with("/reauth?"), "{asked:?}");
    assert!(thief.is_signed_in());
    let done = reauthenticate(&mut owner, asked.location(), PASSWORD);
    assert_eq!((done.status, done.location()), (303, not_me(&id).as_str()));
    assert!(!thief.is_signed_in());
}

fn user_without_password_may_report_a_session(engine: EngineKind) {
    let (app, mut owner, mut thief) = owner_and_thief(engine);
    let id = thief.session_id();
    app.advance(WINDOW + SECOND);
    app.execute("UPDATE users SET password_hash = NULL");
    assert_eq!(report(&mut owner, &id).location(), not_me(&id));
    assert!(!thief.is_signed_in() && owner.is_signed_in());
}

fn current_session_is_not_reported(engine: EngineKind) {
    let (app, mut owner, _thief) = owner_and_thief(engine);
    let id = owner.session_id();
    let page = owner.get(&not_me(&id));
    assert!(page.text().contains("the session that you are using right now"), "{}", page.text());
    assert!(!page.body.contains("/report"));
    assert_eq!(report(&mut owner, &id).location(), not_me(&id));
    assert!(owner.is_signed_in());
    assert_eq!(app.count("security_events", "WHERE kind = 'session_reported'"), 0);
}

fn foreign_or_unknown_session_returns_same_404(engine: EngineKind) {
    let (app, mut owner, _thief) = owner_and_thief(engine);
    app.add_user("ana@example.com");
    let mut ana = app.signed_in("ana@example.com");
    let foreign = ana.session_id();
    let unknown = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let (shown, posted) = (owner.get(&not_me(unknown)), report(&mut owner, unknown));
    assert_eq!((shown.status, posted.status), (404, 404));
    for id in [foreign.as_str(), "0"] {
        let (page, answer) = (owner.get(&not_me(id)), report(&mut owner, id));
        assert_eq!((page.status, page.without_tokens()), (404, shown.without_tokens()), "{id}");
        assert_eq!((answer.status, answer.without_tokens()), (404, posted.without_tokens()), "{id}");
    }
    assert!(ana.is_signed_in());
    assert_eq!(app.count("security_events", "WHERE kind = 'session_reported'"), 0);
}

fn reporting_twice_is_one_event(engine: EngineKind) {
    let (app, mut owner, mut thief) = owner_and_thief(engine);
    let id = thief.session_id();
    for _ in 0..2 {
        assert_eq!(report(&mut owner, &id).status, 303);
    }
    assert_eq!(app.count("security_events", "WHERE kind = 'session_reported'"), 1);
    assert_eq!(owner.get(&format!("{}?before=1", not_me(&id))).status, 200);
}

fn outcome_lists_peer_sessions_that_a_password_confirmed(engine: EngineKind) {
    let (app, mut owner, mut thief) = owner_and_thief(engine);
    let id = thief.session_id();
    app.advance(SECOND);
    let mut peer = app.signed_in(EMAIL);
    let peer_id = peer.session_id();
    app.execute(&format!("UPDATE sessions SET authorised_by = 'peer' WHERE id = '{peer_id}'"));
    report(&mut owner, &id);
    assert!(owner.get(&not_me(&id)).body.contains(&not_me(&peer_id)));
}

fn page_names_the_browser_only_if_it_is_forgotten(engine: EngineKind) {
    let (app, mut owner, mut thief) = owner_and_thief(engine);
    let first = thief.session_id();
    let forgets = "Its browser is no longer known to your account.";
    assert!(owner.get(&not_me(&first)).text().contains(forgets));
    thief.sign_out();
    app.advance(SECOND);
    assert_eq!(thief.sign_in(EMAIL, PASSWORD).status, 303);
    let second = thief.session_id();
    assert!(!owner.get(&not_me(&first)).text().contains(forgets), "the browser has signed in again");
    report(&mut owner, &first);
    let known = format!("WHERE session_id = '{second}'");
    assert_eq!(app.count("known_browsers", &known), 1);
    assert!(owner.get(&not_me(&second)).text().contains(forgets));
}
