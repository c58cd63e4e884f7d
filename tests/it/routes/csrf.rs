//! Forms come from our own pages only.

use crate::support::{Browser, EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    a_form_without_its_own_token_changes_nothing,
    a_form_that_comes_from_elsewhere_changes_nothing,
    a_form_from_our_own_pages_is_accepted,
    the_sign_in_form_needs_its_token_and_its_cookie,
    over_https_the_public_origin_is_ours,
);

/// Posts that would change something, were they let through.
const CHANGES: [&str; 3] = ["/logout", "/account/sessions/revoke-others", "/account/sessions/{other}/revoke"];

struct Scene {
    app: TestApp,
    browser: Browser,
    other: Browser,
    other_id: String,
}

impl Scene {
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

    fn assert_refused(&mut self, token: Option<&str>, headers: &[(&str, &str)]) {
        let tables = |app: &TestApp| (app.rows("sessions", "ORDER BY id"), app.rows("user_sessions", "ORDER BY sid"));
        let before = tables(&self.app);
        let fields: Vec<_> = token.map(|token| ("csrf_token", token)).into_iter().collect();
        for path in CHANGES {
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

fn a_form_without_its_own_token_changes_nothing(engine: EngineKind) {
    let mut scene = Scene::new(engine);
    let own = scene.token();
    let others = scene.other.get("/account/sessions").csrf_token();
    let mut visitor = scene.app.browser();
    let before_sign_in = visitor.get("/login").csrf_token();
    scene.browser.cookies.extend(visitor.cookies);
    let flipped = if own.ends_with('A') { "B" } else { "A" };
    let changed = format!("{flipped}{}", &own[1..]);
    let other_salt = format!("{}.{}", others.split_once('.').unwrap().0, own.split_once('.').unwrap().1);
    let wrong = [None, Some(""), Some("x"), Some("."), Some(others.as_str()), Some(&before_sign_in), Some(&changed)];
    for token in wrong.into_iter().chain([Some(other_salt.as_str()), Some(&own[..own.len() - 1])]) {
        scene.assert_refused(token, &[]);
    }
    // A new sid makes the tokens of the old one worthless.
    let mut again = scene.app.browser();
    let token = again.get("/login").csrf_token();
    scene.browser.cookies.extend(again.cookies);
    let fields = [("email", "rajat.verma@example.com"), ("password", PASSWORD), ("csrf_token", &token)];
    assert_eq!(scene.browser.post("/login", &fields).status, 303);
    scene.assert_refused(Some(&own), &[]);
}

fn a_form_that_comes_from_elsewhere_changes_nothing(engine: EngineKind) {
    let mut scene = Scene::new(engine);
    let token = scene.token();
    let ours = scene.app.origin();
    for headers in [
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
        vec![("sec-fetch-site", "")],
        vec![("sec-fetch-site", "anything")],
        vec![("sec-fetch-site", "cross-site"), ("origin", &ours)],
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("origin", "")],
        vec![("origin", "http://127.0.0.1:1")],
        vec![("origin", &format!("{ours}.evil.example"))],
        vec![("origin", &format!("http://evil.example/{ours}"))],
    ] {
        scene.assert_refused(Some(&token), &headers);
    }
}

fn a_form_from_our_own_pages_is_accepted(engine: EngineKind) {
    let mut scene = Scene::new(engine);
    let ours = scene.app.origin();
    let same = [("sec-fetch-site", "same-origin"), ("origin", ours.as_str())];
    for headers in [&same[..1], &[("sec-fetch-site", "none")], &[("origin", &ours)], &same, &[]] {
        let token = scene.token();
        let fields = [("csrf_token", token.as_str())];
        let answer = scene.browser.send("POST", "/account/sessions/revoke-others", Some(&fields), headers);
        assert_eq!(answer.status, 303, "{headers:?}");
        assert!(!scene.other.is_signed_in());
        scene.other = scene.app.signed_in("rajat.verma@example.com");
    }
    // Tokens differ in every page, and all of them are good: several tabs may be open.
    let (first, second) = (scene.token(), scene.token());
    assert_ne!(first, second);
    assert_eq!(scene.browser.post("/logout", &[("csrf_token", &first)]).status, 303);
}

fn the_sign_in_form_needs_its_token_and_its_cookie(engine: EngineKind) {
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
    assert_eq!(status(&mut browser, &strangers, &[]), 403, "another visitor's");
    let mut forged = browser.clone().with_cookie("keyrack.csrf", "AAAAAAAAAAAAAAAAAAAAAA.AAAA");
    assert_eq!(status(&mut forged, &token, &[]), 403, "a cookie that we did not sign");
    let twice = browser.cookies["keyrack.csrf"].clone() + "; keyrack.csrf=" + &stranger.cookies["keyrack.csrf"];
    let mut planted = browser.clone().with_cookie("keyrack.csrf", &twice);
    assert_eq!(status(&mut planted, &token, &[]), 403, "one of two may be planted");
    assert_eq!(status(&mut browser, &token, &[("sec-fetch-site", "cross-site")]), 403);
    assert_eq!(status(&mut browser, &token, &[("origin", "https://evil.example")]), 403);
    assert_eq!((app.count("sessions", ""), app.count("user_sessions", "")), (0, 0));
    assert_eq!(status(&mut browser, &token, &[]), 303, "and with both it works");
}

fn over_https_the_public_origin_is_ours(engine: EngineKind) {
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
