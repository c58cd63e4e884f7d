//! The `next` parameter: where a sign-in redirects to.

use crate::support::{EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(sign_in_redirects_to_next, sign_in_never_redirects_to_another_site);

const LOCAL_PATHS: [&str; 5] = [
    "/account/sessions?show=ended",
    "/",
    "/app/page?q=a%20b&x=1#part",
    "/search?url=https://elsewhere.example/",
    "/caf%C3%A9",
];

const FOREIGN_OR_MALFORMED: [&str; 24] = [
    "https://evil.example/",
    "http://evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/%2f/evil.example",
    "/%2Fevil.example",
    "/%5Cevil.example",
    "/%5cevil.example",
    "/%252Fevil.example",
    "/%25252fevil.example",
    "/%255cevil.example",
    "/\tevil.example",
    "/%09/evil.example",
    "/\r\nLocation: https://evil.example",
    "/%0d%0aLocation:%20https://evil.example",
    "/account//evil.example",
    "javascript:alert(1)",
    "evil.example",
    " /account",
    "@evil.example",
    "/\u{2215}evil.example",
];

fn sign_in_redirects_to_next(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let answer = app.browser().get("/account/sessions?show=ended");
    let expected = "/login?next=%2Faccount%2Fsessions%3Fshow%3Dended";
    assert_eq!((answer.status, answer.location()), (303, expected));
    for next in LOCAL_PATHS {
        let mut browser = app.browser();
        let encoded: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let form = browser.get(&format!("/login?next={encoded}"));
        assert_eq!(form.between("name=\"next\" value=\"", "\"").replace("&#38;", "&"), next, "kept in the form");
        let fields = [
            ("email", "rajat.verma@example.com"),
            ("password", PASSWORD),
            ("next", next),
            ("csrf_token", &form.csrf_token()),
        ];
        let answer = browser.post("/login", &fields);
        assert_eq!((answer.status, answer.location()), (303, next));
    }
}

fn sign_in_never_redirects_to_another_site(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let long = format!("/{}", "a".repeat(3000));
    for next in FOREIGN_OR_MALFORMED.into_iter().chain([long.as_str()]) {
        let mut browser = app.browser();
        let encoded: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let form = browser.get(&format!("/login?next={encoded}"));
        assert_eq!((form.status, form.between("name=\"next\" value=\"", "\"").as_str()), (200, ""), "{next:?}");
        let fields = [
            ("email", "rajat.verma@example.com"),
            ("password", PASSWORD),
            ("next", next),
            ("csrf_token", &form.csrf_token()),
        ];
        let answer = browser.post("/login", &fields);
        assert_eq!((answer.status, answer.location()), (303, "/account/sessions"), "{next:?}");
    }
}
