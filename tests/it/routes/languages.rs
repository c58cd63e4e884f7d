//! The language of pages, and `POST /language`.

use keyrack::Language;

use crate::support::{Answer, Browser, EngineKind, TestApp, on_both_engines};

on_both_engines!(
    page_is_in_the_language_that_the_browser_asks_for,
    chosen_language_is_kept_and_leads_back_to_the_page,
    visitor_can_choose_a_language,
    change_of_language_leads_to_own_pages_only,
    language_that_is_not_offered_is_refused,
    messages_after_a_change_follow_the_language,
    single_language_is_no_choice,
    pseudo_languages_are_offered_if_they_are_set,
);

const EMAIL: &str = "rajat.verma@example.com";

fn language(answer: &Answer) -> String {
    let language = answer.between("<html lang=\"", "\"");
    assert_eq!(answer.header("content-language"), Some(language.as_str()));
    assert_eq!(answer.header("vary"), Some("accept-language, cookie"));
    language
}

/// Chooses a language at the end of a page, as a browser does.
fn choose(browser: &mut Browser, app: &TestApp, page: &str, tag: &str) -> Answer {
    let token = browser.get(page).csrf_token();
    let fields = [("csrf_token", token.as_str()), ("language", tag)];
    browser.send("POST", "/language", Some(&fields), &[("referer", &format!("{}{page}", app.origin()))])
}

fn page_is_in_the_language_that_the_browser_asks_for(engine: EngineKind) {
    let app = TestApp::new(engine);
    for (asked_for, tag, title) in [
        ("de-CH, en;q=0.9", "de", "<h1>Bei Keyrack anmelden</h1>"),
        ("fr, en-GB;q=0.9, de;q=0.8", "en", "<h1>Sign in to Keyrack</h1>"),
        ("fr", "en", "<h1>Sign in to Keyrack</h1>"),
    ] {
        let mut browser = app.browser().with_header("accept-language", asked_for);
        let answer = browser.get("/login");
        assert_eq!(language(&answer), tag, "{asked_for}");
        assert!(answer.body.contains(title), "{asked_for}: {}", answer.body);
    }
    let mut german = app.browser().with_header("accept-language", "de");
    let answer = german.get("/nothing/here");
    assert_eq!((answer.status, language(&answer).as_str()), (404, "de"));
    assert!(answer.text().contains("Fehler 404 Nicht gefunden"), "{}", answer.text());
    let wrong = german.sign_in(EMAIL, "not the password");
    assert_eq!((wrong.status, language(&wrong).as_str()), (401, "de"));
    assert!(wrong.text().contains("E-Mail-Adresse oder Passwort ist falsch."), "{}", wrong.text());
    let problem = german.get("/api/session");
    assert_eq!((problem.json()["title"].as_str(), problem.header("vary")), (Some("Not signed in"), None));
}

fn chosen_language_is_kept_and_leads_back_to_the_page(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL).with_header("accept-language", "en");
    let page = "/account/sessions?show=ended";
    assert_eq!(language(&browser.get(page)), "en");
    let answer = choose(&mut browser, &app, page, "de");
    assert_eq!((answer.status, answer.location()), (303, page));
    let cookie = "keyrack.language=de; HttpOnly; SameSite=Lax; Path=/; Max-Age=34560000";
    assert_eq!(answer.set_cookies(), [cookie]);
    let german = browser.get(page);
    assert_eq!(language(&german), "de");
    assert!(german.text().contains("Noch wurde keine Sitzung beendet."), "{}", german.text());
    choose(&mut browser, &app, page, "en");
    assert_eq!(language(&browser.get(page)), "en");
}

fn visitor_can_choose_a_language(engine: EngineKind) {
    let app = TestApp::new(engine);
    let mut browser = app.browser();
    let answer = choose(&mut browser, &app, "/login?next=%2Faccount%2Fpassword", "de");
    assert_eq!((answer.status, answer.location()), (303, "/login?next=%2Faccount%2Fpassword"));
    assert_eq!(language(&browser.get("/login")), "de");
    let without_token = browser.post("/language", &[("language", "en")]);
    assert_eq!((without_token.status, language(&without_token).as_str()), (403, "de"));
}

fn change_of_language_leads_to_own_pages_only(engine: EngineKind) {
    let app = TestApp::new(engine);
    let mut browser = app.browser();
    let origin = app.origin();
    for (referer, location) in [
        (format!("{origin}/reauth?next=%2F"), "/reauth?next=%2F"),
        (format!("{origin}/account/sessions/550e8400-e29b-41d4-a716-446655440000/revoke"), "/account/sessions"),
        (format!("{origin}//elsewhere.example/"), "/account/sessions"),
        (format!("{origin}/\\elsewhere.example/"), "/account/sessions"),
        (format!("{origin}/language"), "/account/sessions"),
        (origin.clone(), "/account/sessions"),
        ("about:blank".to_owned(), "/account/sessions"),
    ] {
        let token = browser.get("/login").csrf_token();
        let fields = [("csrf_token", token.as_str()), ("language", "de")];
        let answer = browser.send("POST", "/language", Some(&fields), &[("referer", &referer)]);
        assert_eq!((answer.status, answer.location()), (303, location), "{referer}");
    }
}

fn language_that_is_not_offered_is_refused(engine: EngineKind) {
    let app = TestApp::new(engine);
    let mut browser = app.browser();
    for tag in ["fr", "", "en-XA", "de; a=b"] {
        let answer = choose(&mut browser, &app, "/login", tag);
        assert_eq!((answer.status, answer.set_cookies()), (400, vec![]), "{tag}");
    }
}

/// The cookie of the message holds no text, so a change of the language in between changes its words.
fn messages_after_a_change_follow_the_language(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    app.signed_in(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let answer = browser.post_from("/account/sessions", "/account/sessions/revoke-others", &[]);
    assert_eq!(answer.status, 303);
    let mut browser = browser.with_header("accept-language", "de");
    let text = browser.get("/account/sessions").text();
    assert!(text.contains("1 anderes Gerät wurde abgemeldet."), "{text}");
    assert!(text.contains("1 aktive Sitzung"), "{text}");
}

fn single_language_is_no_choice(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.languages = vec![Language::De]);
    let answer = app.browser().with_header("accept-language", "en").get("/login");
    assert_eq!(language(&answer), "de");
    assert!(!answer.body.contains("action=\"/language\""), "{}", answer.body);
}

fn pseudo_languages_are_offered_if_they_are_set(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.languages = Language::ALL.to_vec());
    let mut browser = app.browser().with_header("accept-language", "ar-XB");
    let answer = browser.get("/login");
    assert_eq!(language(&answer), "ar-XB");
    assert!(answer.body.contains("<html lang=\"ar-XB\" dir=\"rtl\">"), "{}", answer.body);
    let answer = app.browser().with_header("accept-language", "en-XA").get("/login");
    assert!(answer.body.contains("[Šîĝñ îñ one]"), "{}", answer.body);
}
