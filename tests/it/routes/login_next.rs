//! The `next` parameter: where a sign-in redirects to.

use crate::support::{EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    sign_in_redirects_to_next,
    sign_in_never_redirects_to_another_site,
    sign_in_never_redirects_to_what_is_no_page,
    sign_in_keeps_long_query,
);

const LOCAL_PATHS: [&str; 10] = [
    "/account/sessions?show=ended",
    "/",
    "/app/page?q=a%20b&x=1#part",
    "/search?url=https://elsewhere.example/",
    "/caf%C3%A9",
    "/notes?text=first%0Asecond",
    "/notes?text=first%0D%0ALocation:%20https://evil.example",
    "/files?path=C:%5CTemp%5C%5Cx",
    "/files?path=\\\\server\\share",
    "/page?a=//b#%5C%0A",
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

/// Pages that can only be posted, and those that a sign-in has no use for.
const NOT_PAGES: [&str; 7] = [
    "/logout",
    "/logout?x=1#y",
    "/log%6Fut",
    "/login",
    "/setup?token=x",
    "/account/sessions/revoke-others",
    "/account/sessions/0f8fad5b-d9cb-469f-a165-70867728950e/revoke",
];

fn sign_in_never_redirects_to_what_is_no_page(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    for next in NOT_PAGES {
        let mut browser = app.browser();
        let encoded: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let login = format!("/login?next={encoded}");
        let fields = [("email", "rajat.verma@example.com"), ("password", PASSWORD), ("next", next)];
        let answer = browser.post_from(&login, "/login", &fields);
        assert_eq!((answer.status, answer.location()), (303, "/account/sessions"), "{next}");
        assert_eq!(browser.get(&login).location(), "/account/sessions", "{next}, when signed in already");
    }
}

fn sign_in_keeps_long_query(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    // Each of these bytes takes three in a form.
    for (next, kept) in
        [(format!("/search?q={}", "&".repeat(4086)), true), (format!("/search?q={}", "&".repeat(4087)), false)]
    {
        let mut browser = app.browser();
        let fields = [("email", "rajat.verma@example.com"), ("password", PASSWORD), ("next", &next)];
        let answer = browser.post_from("/login", "/login", &fields);
        assert_eq!(answer.status, 303);
        assert_eq!(answer.location(), if kept { next.as_str() } else { "/account/sessions" });
    }
}

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
