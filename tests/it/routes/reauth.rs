//! `/reauth`, and the sensitive changes that need a recent proof

use std::time::Duration;

use crate::support::{Answer, Browser, EngineKind, PASSWORD, TestApp, on_both_engines, wait};

on_both_engines!(
    proof_is_recent_until_the_window_ends,
    proof_in_the_far_future_is_not_recent,
    pending_change_is_made_once,
    change_of_language_keeps_the_pending_change,
    pending_change_of_another_session_or_forged_is_not_made,
    pending_change_expires,
    pending_change_is_not_offered_to_forms_of_other_sites,
    pending_revocation_of_foreign_session_returns_404,
    wrong_password_changes_nothing,
    wrong_passwords_are_limited_per_session,
    session_with_used_up_attempts_checks_no_password,
    user_without_password_may_end_own_sessions,
    session_of_a_peer_needs_a_proof,
    proof_by_an_earlier_password_is_not_recent,
    signing_out_needs_no_proof,
    reauthentication_of_an_ended_session_fails,
    reauth_leads_only_to_own_pages,
    cancel_leads_to_a_page_that_needs_no_proof,
    counts_of_ended_sessions_are_purged,
);

pub const EMAIL: &str = "rajat.verma@example.com";
const DEVICES: &str = "/account/sessions";
const OTHERS: &str = "/account/sessions/revoke-others";
pub const WINDOW: Duration = Duration::from_secs(10 * 60);

fn revoke_path(id: &str) -> String {
    format!("/account/sessions/{id}/revoke")
}

/// An app with a user, and two signed-in browsers: the one that acts, and another.
fn two_browsers(engine: EngineKind) -> (TestApp, Browser, Browser) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let (browser, phone) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    (app, browser, phone)
}

/// Lets so much time pass that no proof is recent.
fn let_proofs_grow_old(app: &TestApp) {
    app.advance(WINDOW + Duration::from_secs(1));
}

/// Follows the redirect to the page that asks for the password, and sends its form.
pub fn reauthenticate(browser: &mut Browser, page: &str, password: &str) -> Answer {
    let form = browser.get(page);
    assert_eq!(form.status, 200, "{}", form.body);
    let hidden = |name: &str| {
        let value = form.between(&format!("name=\"{name}\" value=\""), "\"");
        value.replace("&#38;", "&").replace("&amp;", "&")
    };
    let (next, change, token) = (hidden("next"), hidden("change"), form.csrf_token());
    let fields = [("password", password), ("next", &next), ("change", &change), ("csrf_token", &token)];
    browser.post("/reauth", &fields)
}

fn proof_is_recent_until_the_window_ends(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    app.advance(WINDOW);
    assert_eq!(browser.post_from(DEVICES, OTHERS, &[]).location(), DEVICES);
    assert!(!phone.is_signed_in());
    let app = TestApp::with(engine, |config| config.reauth_window = Duration::from_secs(60));
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    app.advance(Duration::from_secs(61));
    assert!(browser.post_from(DEVICES, OTHERS, &[]).location().starts_with("/reauth?"), "the window is a setting");
}

/// A clock that ran fast has written it, and has been corrected since.
fn proof_in_the_far_future_is_not_recent(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    for (time, is_recent) in [("2026-01-28T12:00:14.000000Z", true), ("2026-01-28T12:00:15.000000Z", false)] {
        app.execute(&format!("UPDATE sessions SET authenticated_at = '{time}'"));
        let answer = browser.post_from(DEVICES, OTHERS, &[]);
        assert_eq!(answer.location() == DEVICES, is_recent, "{time}: {}", answer.location());
    }
}

fn pending_change_is_made_once(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    let_proofs_grow_old(&app);
    let asked = browser.post_from(DEVICES, OTHERS, &[]).location().to_owned();
    assert_eq!(reauthenticate(&mut browser, &asked, PASSWORD).status, 303);
    let mut later = app.signed_in(EMAIL);
    let again = reauthenticate(&mut browser, &asked, PASSWORD);
    assert_eq!((again.status, again.location()), (303, DEVICES));
    assert!(browser.get(DEVICES).text().contains("nothing was changed"), "the page says so");
    assert!(later.is_signed_in());
}

/// A browser names the page that it shows in `Referer`; after a wrong password, that is the address of the form.
fn change_of_language_keeps_the_pending_change(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let_proofs_grow_old(&app);
    let asked = browser.post_from(DEVICES, OTHERS, &[]).location().to_owned();
    let form = browser.get(&asked);
    let action = form.between("class=\"form\" method=\"post\" action=\"", "\"").replace("&#38;", "&");
    let (change, token) = (form.between("name=\"change\" value=\"", "\""), form.csrf_token());
    let fields = [("password", "another password"), ("change", &change), ("csrf_token", &token)];
    let wrong = browser.post(&action, &fields);
    assert_eq!(wrong.status, 401);
    let referer = format!("{}{action}", app.origin());
    let fields = [("csrf_token", wrong.csrf_token()), ("language", "de".to_owned())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let chosen = browser.send("POST", "/language", Some(&fields), &[("referer", &referer)]);
    let german = browser.get(chosen.location());
    assert!(german.text().contains("Danach werden alle anderen Geräte abgemeldet."), "{}", german.text());
    assert_eq!(reauthenticate(&mut browser, chosen.location(), PASSWORD).location(), DEVICES);
    assert!(!phone.is_signed_in());
}

fn pending_change_of_another_session_or_forged_is_not_made(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let id = phone.session_id();
    let_proofs_grow_old(&app);
    let of_phone = phone.post_from(DEVICES, OTHERS, &[]).location().to_owned();
    let of_browser = browser.post_from(DEVICES, &revoke_path(&id), &[]).location().to_owned();
    let own_id = browser.session_id();
    let changed = of_browser.replace(&id, &own_id);
    assert_ne!(changed, of_browser);
    for forged in [of_phone.as_str(), &changed, "/reauth?change=revoke-others..9999999999999999.", "/reauth?change=x"] {
        let answer = reauthenticate(&mut browser, forged, PASSWORD);
        assert_eq!((answer.status, answer.location()), (303, DEVICES), "{forged}");
        assert!(browser.is_signed_in() && phone.is_signed_in(), "{forged}");
    }
}

fn pending_change_expires(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let_proofs_grow_old(&app);
    let asked = browser.post_from(DEVICES, OTHERS, &[]).location().to_owned();
    app.advance(Duration::from_secs(10 * 60));
    assert_eq!(reauthenticate(&mut browser, &asked, PASSWORD).location(), DEVICES);
    assert!(browser.get(DEVICES).text().contains("nothing was changed"));
    assert!(phone.is_signed_in());
}

/// Otherwise a page of another site could have its change made with the user's own password.
fn pending_change_is_not_offered_to_forms_of_other_sites(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let token = browser.get(DEVICES).csrf_token();
    let_proofs_grow_old(&app);
    for (token, headers) in [
        ("", &[][..]),
        (token.as_str(), &[("sec-fetch-site", "cross-site")]),
        (&token, &[("origin", "https://evil.example")]),
    ] {
        let answer = browser.send("POST", OTHERS, Some(&[("csrf_token", token)]), headers);
        assert_eq!((answer.status, answer.location()), (403, ""), "{headers:?}");
    }
    assert!(phone.is_signed_in());
}

fn pending_revocation_of_foreign_session_returns_404(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    app.add_user("ana@example.com");
    let mut ana = app.signed_in("ana@example.com");
    let foreign = ana.session_id();
    for id in [foreign.as_str(), "0f8fad5b-d9cb-469f-a165-70867728950e"] {
        let_proofs_grow_old(&app);
        let asked = browser.post_from(DEVICES, &revoke_path(id), &[]).location().to_owned();
        let answer = reauthenticate(&mut browser, &asked, PASSWORD);
        assert_eq!(answer.status, 404, "{id}");
        assert!(browser.is_signed_in(), "the error page has the cookie of the new sid");
        assert_eq!(browser.post("/logout", &[("csrf_token", &answer.csrf_token())]).status, 303, "and its token");
        browser = app.signed_in(EMAIL);
    }
    assert!(ana.is_signed_in());
}

fn wrong_password_changes_nothing(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let_proofs_grow_old(&app);
    let asked = browser.post_from(DEVICES, OTHERS, &[]).location().to_owned();
    let before = app.rows("sessions", "ORDER BY id");
    for password in ["", "not the password at all", EMAIL] {
        let answer = reauthenticate(&mut browser, &asked, password);
        assert_eq!((answer.status, answer.set_cookies()), (401, vec![]), "{password:?}");
        assert!(answer.text().contains("This is not your password."), "{}", answer.text());
        assert!(answer.body.contains("aria-invalid=\"true\" aria-describedby=\"password-error\""), "{}", answer.body);
        assert!(password.is_empty() || password == EMAIL || !answer.body.contains(password), "it is not repeated");
    }
    assert_eq!(app.rows("sessions", "ORDER BY id"), before);
    assert_eq!(app.count("sign_in_failures", "WHERE in_a_row = 3"), 1);
    assert_eq!(reauthenticate(&mut browser, &asked, PASSWORD).location(), DEVICES);
    assert!(!phone.is_signed_in());
    assert_eq!(app.count("sign_in_failures", ""), 0, "a success forgets them");
}

fn wrong_passwords_are_limited_per_session(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    for _ in 0..10 {
        assert_eq!(reauthenticate(&mut browser, "/reauth", "not the password at all").status, 401);
    }
    let refused = reauthenticate(&mut browser, "/reauth", PASSWORD);
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    assert!(refused.text().contains("Too many attempts. Try again in 1 second."), "{}", refused.text());
    assert!(browser.is_signed_in(), "only the proof is refused");
    assert_eq!(reauthenticate(&mut phone, "/reauth", PASSWORD).status, 303, "another session has its own allowance");
    app.signed_in(EMAIL);
    app.advance(Duration::from_secs(1));
    assert_eq!(reauthenticate(&mut browser, "/reauth", PASSWORD).status, 303);
}

fn session_with_used_up_attempts_checks_no_password(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    reauthenticate(&mut browser, "/reauth", "not the password at all");
    app.execute("UPDATE sign_in_failures SET in_a_row = 100");
    app.advance(Duration::from_secs(24 * 3600 - 60));
    let refused = reauthenticate(&mut browser, "/reauth", PASSWORD);
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("900")));
    assert!(refused.text().contains("Sign out and sign in again."), "{}", refused.text());
    assert_eq!(reauthenticate(&mut phone, "/reauth", PASSWORD).status, 303);
    browser.sign_out();
    browser.sign_in(EMAIL, PASSWORD);
    assert_eq!(reauthenticate(&mut browser, "/reauth", PASSWORD).status, 303);
}

/// An Express application signs them in; Keyrack can't check their password, or they have none.
fn user_without_password_may_end_own_sessions(engine: EngineKind) {
    for hash in ["NULL", "'$2b$10$abcdefghijklmnopqrstuv'"] {
        let (app, mut browser, mut phone) = two_browsers(engine);
        let mut tablet = app.signed_in(EMAIL);
        app.execute(&format!("UPDATE users SET password_hash = {hash}; UPDATE sessions SET authenticated_at = NULL"));
        let id = phone.session_id();
        assert_eq!(browser.post_from(DEVICES, &revoke_path(&id), &[]).location(), DEVICES);
        assert_eq!(browser.post_from(DEVICES, OTHERS, &[]).location(), DEVICES);
        assert!(!phone.is_signed_in() && !tablet.is_signed_in());
        let page = browser.get("/reauth");
        assert!(page.text().contains("have no password here"), "{}", page.text());
        let token = browser.get(DEVICES).csrf_token();
        let answer = browser.post("/reauth", &[("password", PASSWORD), ("csrf_token", &token)]);
        assert_eq!((answer.status, answer.set_cookies()), (401, vec![]));
    }
}

fn session_of_a_peer_needs_a_proof(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    app.execute("UPDATE sessions SET authenticated_at = NULL");
    assert_eq!(browser.get("/api/session").json()["session"]["authenticated_at"], serde_json::Value::Null);
    let asked = browser.post_from(DEVICES, OTHERS, &[]).location().to_owned();
    assert!(asked.starts_with("/reauth?") && phone.is_signed_in(), "{asked}");
    assert_eq!(reauthenticate(&mut browser, &asked, PASSWORD).location(), DEVICES);
    assert!(!phone.is_signed_in());
}

fn proof_by_an_earlier_password_is_not_recent(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    app.advance(Duration::from_secs(5));
    let new = "five herons by the weir";
    let fields = [("current_password", PASSWORD), ("password", new), ("password_again", new), ("keep_others", "on")];
    assert_eq!(phone.post_from("/account/password", "/account/password", &fields).status, 303);
    let asked = browser.post_from(DEVICES, OTHERS, &[]).location().to_owned();
    assert!(asked.starts_with("/reauth?") && phone.is_signed_in(), "{asked}");
    assert_eq!(reauthenticate(&mut browser, &asked, PASSWORD).status, 401);
    assert_eq!(reauthenticate(&mut browser, &asked, new).location(), DEVICES);
    assert!(!phone.is_signed_in());
}

fn signing_out_needs_no_proof(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let_proofs_grow_old(&app);
    let id = browser.session_id();
    assert_eq!(browser.post_from(DEVICES, &revoke_path(&id), &[]).location(), "/login");
    assert_eq!(phone.sign_out().location(), "/login");
    assert_eq!(app.count("user_sessions", ""), 0);
}

fn reauthentication_of_an_ended_session_fails(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let token = browser.get("/reauth").csrf_token();
    let id = browser.session_id();
    assert_eq!(phone.post_from(DEVICES, &revoke_path(&id), &[]).location(), DEVICES);
    let answer = browser.post("/reauth", &[("password", PASSWORD), ("csrf_token", &token)]);
    assert_eq!((answer.status, answer.location()), (303, "/login?next=%2Faccount%2Fsessions"));
    assert!(!browser.is_signed_in());
    assert_eq!(app.count("user_sessions", ""), 1);
}

/// A page of an embedding application that requires a proof would lead straight back to the form.
fn cancel_leads_to_a_page_that_needs_no_proof(engine: EngineKind) {
    let (_app, mut browser, _) = two_browsers(engine);
    for page in ["/reauth", "/reauth?next=%2Frecovery-code", "/reauth?next=%2Faccount%2Fsessions"] {
        let form = browser.get(page);
        assert_eq!(form.between("<a class=\"button\" href=\"", "\">Cancel"), DEVICES, "{page}");
    }
}

fn reauth_leads_only_to_own_pages(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    for next in
        ["https://evil.example/", "//evil.example", "/logout", "/reauth", "/login", "/account/sessions/1/revoke"]
    {
        let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let answer = reauthenticate(&mut browser, &format!("/reauth?next={next}"), PASSWORD);
        assert_eq!((answer.status, answer.location()), (303, DEVICES), "{next}");
    }
    let mut stranger = app.browser();
    assert_eq!(stranger.get("/reauth?next=%2F").location(), "/login?next=%2Freauth%3Fnext%3D%252F");
    let token = stranger.get("/login?next=%2Freauth").csrf_token();
    let fields = [("email", EMAIL), ("password", PASSWORD), ("next", "/reauth"), ("csrf_token", &token)];
    assert_eq!(stranger.post("/login", &fields).location(), DEVICES, "a sign-in is a proof");
}

fn counts_of_ended_sessions_are_purged(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    for browser in [&mut browser, &mut phone] {
        assert_eq!(reauthenticate(browser, "/reauth", "not the password at all").status, 401);
    }
    phone.sign_out();
    wait(app.keyrack.accounts().purge()).unwrap();
    let key = format!("session:{}", browser.session_id());
    assert_eq!(app.texts("SELECT key AS v FROM sign_in_failures"), [key]);
}
