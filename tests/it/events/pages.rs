//! `/account/activity` and `/account/sessions/{id}`.

use crate::support::{EngineKind, PASSWORD, TestApp, on_both_engines, wait};

on_both_engines!(
    activity_shows_own_events_in_words,
    activity_has_pages_of_fifty,
    session_page_shows_facts_and_events,
    session_page_revokes_another_device,
    page_of_foreign_or_unknown_session_is_not_found,
    adopted_session_was_let_in_by_another_application,
);

const EMAIL: &str = "rajat.verma@example.com";
const OTHER: &str = "priya.sharma@example.com";

fn app(engine: EngineKind) -> TestApp {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    app
}

fn activity_shows_own_events_in_words(engine: EngineKind) {
    let app = app(engine);
    app.add_user(OTHER);
    app.browser().sign_in(OTHER, "not the password at all");
    let mut first = app.signed_in(EMAIL);
    first.sign_out();
    let mut browser = app.browser().with_header("user-agent", "curl/8.5.0");
    browser.sign_in(EMAIL, PASSWORD);
    let page = browser.get("/account/activity");
    assert_eq!(page.status, 200);
    let text = page.text();
    for words in
        ["Account created", "By an administrator", "Signed in with the password", "Signed out", "curl", "127.0.0.1"]
    {
        assert!(text.contains(words), "{words:?} is missing: {text}");
    }
    assert!(!text.contains("Sign-in failed"), "another user's: {text}");
    let mut anonymous = app.browser();
    assert_eq!(anonymous.get("/account/activity").location(), "/login?next=%2Faccount%2Factivity");
}

fn activity_has_pages_of_fifty(engine: EngineKind) {
    let app = app(engine);
    let mut browser = app.signed_in(EMAIL);
    let user = app.text("SELECT CAST(user_id AS text) AS v FROM sessions");
    for number in 0..60 {
        app.execute(&format!(
            "INSERT INTO security_events (kind, actor, user_id, ip_address)
             VALUES ('browser_remembered', 'user', '{user}', '192.0.2.{number}')"
        ));
    }
    let first = browser.get("/account/activity");
    assert_eq!(first.body.matches("class=\"event").count() - 1, 50, "the list, and fifty events");
    let older = first.between("rel=\"next\" href=\"", "\"");
    let second = browser.get(&older);
    assert!(second.text().contains("Account created"));
    assert!(second.body.contains("href=\"/account/activity\">"), "a link back to the newest");
    assert_eq!(browser.get("/account/activity?before=nonsense").status, 200);
    assert!(browser.get("/account/activity?before=1").text().contains("No older activity."));
}

fn session_page_shows_facts_and_events(engine: EngineKind) {
    let app = app(engine);
    let mut browser = app.browser().with_header("user-agent", "curl/8.5.0");
    browser.sign_in(EMAIL, PASSWORD);
    let id = browser.session_id();
    let page = browser.get(&format!("/account/sessions/{id}"));
    let text = page.text();
    for words in
        ["This device", "Signed in by", "Password", "curl/8.5.0", &id, "Signed in with the password", "Sign out"]
    {
        assert!(text.contains(words), "{words:?} is missing: {text}");
    }
    let mut other = app.signed_in(EMAIL);
    browser.sign_out();
    let ended = other.get(&format!("/account/sessions/{id}"));
    assert!(ended.text().contains("Signed out,"), "{}", ended.text());
    assert!(!ended.body.contains("/revoke"), "an ended session has no button");
    let listed = other.get("/account/sessions?show=ended");
    assert!(listed.body.contains(&format!("href=\"/account/sessions/{id}\"")));
}

fn session_page_revokes_another_device(engine: EngineKind) {
    let app = app(engine);
    let (mut browser, mut other) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    let path = format!("/account/sessions/{}", other.session_id());
    assert!(browser.get("/account/sessions").body.contains(&format!("href=\"{path}\"")));
    assert_eq!(browser.post_from(&path, &format!("{path}/revoke"), &[]).status, 303);
    assert!(!other.is_signed_in());
    assert!(browser.get(&path).text().contains("Revoked from another device"));
}

fn page_of_foreign_or_unknown_session_is_not_found(engine: EngineKind) {
    let app = app(engine);
    app.add_user(OTHER);
    let (mut browser, mut foreign) = (app.signed_in(EMAIL), app.signed_in(OTHER));
    let foreign = format!("/account/sessions/{}", foreign.session_id());
    let unknown = "/account/sessions/a1b2c3d4-e5f6-4890-abcd-ef1234567890";
    let answers = [&foreign, unknown, "/account/sessions/1"].map(|path| browser.get(path));
    assert!(answers.iter().all(|answer| answer.status == 404));
    assert_eq!(answers[0].without_tokens(), answers[1].without_tokens());
}

fn adopted_session_was_let_in_by_another_application(engine: EngineKind) {
    let app = app(engine);
    let mut browser = app.signed_in(EMAIL);
    let user = app.text("SELECT CAST(user_id AS text) AS v FROM sessions");
    let expiry = (app.clock.now() + std::time::Duration::from_secs(3600)).to_iso_micros();
    let id = "a1b2c3d4-e5f6-4890-abcd-ef1234567890";
    // The seed's own INSERT.
    app.execute(&format!(
        "INSERT INTO sessions (id, sid, user_id, status, ip_address, user_agent, expires_at)
         VALUES ('{id}', 'sess:abc', '{user}', 'active', '192.0.2.1', 'curl/8.5.0', '{expiry}')"
    ));
    let text = browser.get(&format!("/account/sessions/{id}")).text();
    assert!(text.contains("Another application") && text.contains("Signed in through another application"), "{text}");
    let found = wait(app.keyrack.sessions().find_own(user.parse().unwrap(), id.parse().unwrap())).unwrap().unwrap();
    assert_eq!(found.authorised_by, "peer");
}
