//! Protection against cross-site request forgery: only forms of Keyrack's own pages change anything.

use crate::support::{Browser, EngineKind, PASSWORD, Program, TestApp, TestDatabase, on_both_engines};

on_both_engines!(
    csrf_token_missing_or_wrong_is_rejected,
    csrf_post_from_another_origin_is_rejected,
    csrf_post_with_token_and_same_origin_is_accepted,
    csrf_sign_in_requires_token_and_cookie,
    csrf_over_https_accepts_only_the_public_origin,
    refused_form_says_why_and_where_it_would_work,
    refused_form_is_logged_with_its_reason,
);

/// Forms with the three kinds of effects. `src/app/tests.rs` sends every POST that there is.
const CHANGING_FORMS: [&str; 3] = ["/logout", "/account/sessions/revoke-others", "/account/sessions/{other}/revoke"];

struct CsrfFixture {
    app: TestApp,
    browser: Browser,
    other: Browser,
    other_id: String,
}

impl CsrfFixture {
    fn new(engine: EngineKind) -> Self {
        let app = TestApp::new(engine);
        app.add_user("rajat.verma@example.com");
        let mut other = app.signed_in("rajat.verma@example.com");
        let (browser, other_id) = (app.signed_in("rajat.verma@example.com"), other.session_id());
        Self { app, browser, other, other_id }
    }

    fn token(&mut self) -> String {
        self.browser.get("/account/sessions").csrf_token()
    }

    fn assert_rejected(&mut self, token: Option<&str>, headers: &[(&str, &str)]) {
        self.assert_rejected_at(&CHANGING_FORMS, token, headers);
    }

    fn assert_rejected_at(&mut self, paths: &[&str], token: Option<&str>, headers: &[(&str, &str)]) {
        let tables = |app: &TestApp| (app.rows("sessions", "ORDER BY id"), app.rows("user_sessions", "ORDER BY sid"));
        let before = tables(&self.app);
        let fields: Vec<_> = token.map(|token| ("csrf_token", token)).into_iter().collect();
        for path in paths {
            let path = path.replace("{other}", &self.other_id);
            let answer = self.browser.send("POST", &path, Some(&fields), headers);
            assert_eq!(answer.status, 403, "{path} {token:?} {headers:?}");
            assert!(answer.text().contains("This form is no longer valid"), "{}", answer.text());
            assert_eq!((answer.set_cookies(), answer.header("clear-site-data")), (vec![], None));
        }
        assert_eq!(tables(&self.app), before, "{token:?} {headers:?}");
        assert!(self.browser.is_signed_in() && self.other.is_signed_in());
    }
}

fn csrf_token_missing_or_wrong_is_rejected(engine: EngineKind) {
    let mut fixture = CsrfFixture::new(engine);
    let own_token = fixture.token();
    let token_of_other = fixture.other.get("/account/sessions").csrf_token();
    let mut visitor = fixture.app.browser();
    let before_sign_in = visitor.get("/login").csrf_token();
    fixture.browser.cookies.extend(visitor.cookies);
    let flipped = if own_token.ends_with('A') { "B" } else { "A" };
    let changed = format!("{flipped}{}", &own_token[1..]);
    let other_salt = format!("{}.{}", token_of_other.split_once('.').unwrap().0, own_token.split_once('.').unwrap().1);
    let wrong =
        [None, Some(""), Some("x"), Some("."), Some(token_of_other.as_str()), Some(&before_sign_in), Some(&changed)];
    for token in wrong.into_iter().chain([Some(other_salt.as_str()), Some(&own_token[..own_token.len() - 1])]) {
        fixture.assert_rejected(token, &[]);
    }
    // A token is not valid for a new sid of the same session, except for signing out: see `stale_forms.rs`.
    let mut again = fixture.app.browser();
    let token = again.get("/login").csrf_token();
    fixture.browser.cookies.extend(again.cookies);
    let fields = [("email", "rajat.verma@example.com"), ("password", PASSWORD), ("csrf_token", &token)];
    assert_eq!(fixture.browser.post("/login", &fields).status, 303);
    fixture.assert_rejected_at(&CHANGING_FORMS[1..], Some(&own_token), &[]);
}

fn csrf_post_from_another_origin_is_rejected(engine: EngineKind) {
    let mut fixture = CsrfFixture::new(engine);
    let token = fixture.token();
    let own_origin = fixture.app.origin();
    for headers in [
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
        vec![("sec-fetch-site", "")],
        vec![("sec-fetch-site", "anything")],
        vec![("sec-fetch-site", "cross-site"), ("origin", &own_origin)],
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("origin", "")],
        vec![("origin", "http://127.0.0.1:1")],
        vec![("origin", &format!("{own_origin}.evil.example"))],
        vec![("origin", &format!("http://evil.example/{own_origin}"))],
    ] {
        fixture.assert_rejected(Some(&token), &headers);
    }
}

fn csrf_post_with_token_and_same_origin_is_accepted(engine: EngineKind) {
    let mut fixture = CsrfFixture::new(engine);
    let own_origin = fixture.app.origin();
    let same = [("sec-fetch-site", "same-origin"), ("origin", own_origin.as_str())];
    for headers in [&same[..1], &[("sec-fetch-site", "none")], &[("origin", &own_origin)], &same, &[]] {
        let token = fixture.token();
        let fields = [("csrf_token", token.as_str())];
        let answer = fixture.browser.send("POST", "/account/sessions/revoke-others", Some(&fields), headers);
        assert_eq!(answer.status, 303, "{headers:?}");
        assert!(!fixture.other.is_signed_in());
        fixture.other = fixture.app.signed_in("rajat.verma@example.com");
    }
    // Each page has its own token and all of them stay valid, because several tabs may be open.
    let (first, second) = (fixture.token(), fixture.token());
    assert_ne!(first, second);
    assert_eq!(fixture.browser.post("/logout", &[("csrf_token", &first)]).status, 303);
}

fn csrf_sign_in_requires_token_and_cookie(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.browser();
    let token = browser.get("/login").csrf_token();
    let mut stranger = app.browser();
    let strangers = stranger.get("/login").csrf_token();
    let form = |token: &str| {
        let fields = [("email", "rajat.verma@example.com"), ("password", PASSWORD), ("csrf_token", token)];
        fields.map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let status = |browser: &mut Browser, token: &str, headers: &[(&str, &str)]| {
        let form = form(token);
        let fields = form.each_ref().map(|(name, value)| (name.as_str(), value.as_str()));
        browser.send("POST", "/login", Some(&fields), headers).status
    };
    let mut bare = app.browser();
    assert_eq!(status(&mut bare, &token, &[]), 403, "no cookie");
    assert_eq!(status(&mut browser, "", &[]), 403, "no token");
    assert_eq!(status(&mut browser, &strangers, &[]), 403, "the token of another visitor");
    let mut forged = browser.clone().with_cookie("keyrack.csrf", "AAAAAAAAAAAAAAAAAAAAAA.AAAA");
    assert_eq!(status(&mut forged, &token, &[]), 403, "a cookie with a forged signature");
    let twice = browser.cookies["keyrack.csrf"].clone() + "; keyrack.csrf=" + &stranger.cookies["keyrack.csrf"];
    let mut planted = browser.clone().with_cookie("keyrack.csrf", &twice);
    assert_eq!(status(&mut planted, &token, &[]), 403, "two cookies, one of which may be planted");
    assert_eq!(status(&mut browser, &token, &[("sec-fetch-site", "cross-site")]), 403);
    assert_eq!(status(&mut browser, &token, &[("origin", "https://evil.example")]), 403);
    assert_eq!((app.count("sessions", ""), app.count("user_sessions", "")), (0, 0));
    assert_eq!(status(&mut browser, &token, &[]), 303, "the right token and cookie");
}

fn refused_form_says_why_and_where_it_would_work(engine: EngineKind) {
    const COOKIE: &str = "__Host-keyrack.csrf";
    let app = TestApp::with(engine, |config| config.public_url = "https://keyrack.example".parse().unwrap());
    let stranger = TestApp::over(app.database(), app.clock.clone(), |config| {
        config.public_url = "https://keyrack.example".parse().unwrap();
        config.secrets = "the secret of another instance".parse().unwrap();
    });
    let mut browser = app.browser();
    let token = browser.get("/login").csrf_token();
    let own = browser.cookies[COOKIE].clone();
    let mut elsewhere = stranger.browser();
    elsewhere.get("/login");
    let foreign = elsewhere.cookies[COOKIE].clone();
    let mut second = app.browser();
    second.get("/login");
    let twins = format!("{own}; {COOKIE}={}", second.cookies[COOKIE]);
    let refused = |cookie: Option<&str>, token: &str, headers: &[(&str, &str)]| {
        let mut browser = app.browser();
        browser.cookies.extend(cookie.map(|value| (COOKIE.to_owned(), value.to_owned())));
        let answer = browser.send("POST", "/login", Some(&[("csrf_token", token)]), headers);
        assert_eq!(answer.status, 403, "{cookie:?} {headers:?}");
        assert!(answer.text().contains("Nothing was changed."), "{}", answer.text());
        answer
    };
    let over_http = [("origin", "http://127.0.0.1:1234"), ("host", "127.0.0.1:1234")];
    for (answer, title, at_public_url) in [
        (refused(None, &token, &[]), "No cookie came back", true),
        (refused(Some(&foreign), &token, &[]), "The form’s cookie can’t be verified", true),
        (refused(Some("garbage"), &token, &[]), "The form’s cookie can’t be verified", true),
        (refused(Some(&twins), &token, &[]), "Two cookies came back", true),
        (refused(Some(&own), &token, &over_http), "This address can’t sign you in", true),
        (refused(Some(&own), "", &[]), "This form is no longer valid", false),
        (refused(None, &token, &[("sec-fetch-site", "cross-site")]), "This form is no longer valid", false),
    ] {
        assert!(answer.text().contains(&format!("Error 403 {title}")), "{title}: {}", answer.text());
        assert_eq!(answer.body.contains("href=\"https://keyrack.example/login\""), at_public_url, "{title}");
    }
    // Garbage beside the visitor's own cookie does no harm.
    let mut beside = browser.clone().with_cookie(COOKIE, &format!("garbage; {COOKIE}={own}; {COOKIE}={foreign}"));
    assert_eq!(beside.post("/login", &[("csrf_token", &token)]).status, 401);
}

fn refused_form_is_logged_with_its_reason(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let serving = Program::new(&database).serve();
    serving.browser().post("/login", &[]);
    serving.browser().with_cookie("keyrack.csrf", "x.y").post("/setup", &[]);
    serving.browser().send("POST", "/login", Some(&[]), &[("origin", "https://evil.example")]);
    let log = serving.stop().err;
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let refusals: Vec<_> = lines.filter(|line| line["message"] == "form refused").collect();
    let reasons = ["no cookie came back", "was signed with other secrets", "comes from another origin"];
    assert_eq!(refusals.len(), reasons.len(), "{log}");
    for (refusal, reason) in refusals.iter().zip(reasons) {
        assert!(refusal["reason"].as_str().unwrap().contains(reason), "{refusal}");
        assert_eq!((&refusal["level"], &refusal["client"]), (&"INFO".into(), &"127.0.0.1".into()), "{refusal}");
        assert!(refusal["request_id"].is_string(), "{refusal}");
    }
    assert_eq!(refusals[2]["origin"], "\"https://evil.example\"");
}

fn csrf_over_https_accepts_only_the_public_origin(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.public_url = "https://keyrack.example".parse().unwrap());
    app.add_user("rajat.verma@example.com");
    let mut browser = app.browser();
    let token = browser.get("/login").csrf_token();
    let fields = [("email", "rajat.verma@example.com"), ("password", PASSWORD), ("csrf_token", &token)];
    for (origin, status) in [
        ("https://evil.example", 403),
        ("http://keyrack.example", 403),
        ("https://keyrack.example.evil.example", 403),
        ("https://keyrack.example", 303),
    ] {
        assert_eq!(browser.send("POST", "/login", Some(&fields), &[("origin", origin)]).status, status, "{origin}");
    }
}
