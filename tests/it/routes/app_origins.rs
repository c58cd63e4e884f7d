//! `GET /account/events` for pages of applications at other origins (`KEYRACK_APP_ORIGINS`).

use serde_json::json;

use crate::support::{Browser, EngineKind, EventStream, Program, SECRETS, Serving, TestDatabase, on_both_engines};

const EMAIL: &str = "rajat.verma@example.com";

/// Another port of the same host: another origin of the same site, to which browsers send the cookie.
const SHOP: &str = "http://127.0.0.1:3000";

on_both_engines!(
    named_origin_is_told_of_its_session_only,
    end_is_readable_by_the_named_origin,
    other_origins_of_the_site_get_nothing,
    refused_pages_use_up_no_streams,
    rest_is_not_readable_by_the_named_origin,
    named_origin_changes_nothing,
    preflight_allows_the_named_origin_only,
    no_origin_is_allowed_by_default,
    request_for_the_first_events_ends_after_them,
    event_tokens_are_the_same_on_all_instances_and_hide_ids,
);

fn start(engine: EngineKind) -> (TestDatabase, Serving) {
    let database = TestDatabase::new(engine);
    Program::new(&database).add_user(EMAIL);
    let origins = format!("http://127.0.0.1:4000 , {SHOP},");
    let serving = Program::new(&database).with("KEYRACK_APP_ORIGINS", &origins).serve();
    (database, serving)
}

/// A browser whose requests are those of a page of another origin.
fn page_of(browser: &Browser, origin: &str) -> Browser {
    browser.clone().with_header("origin", origin).with_header("sec-fetch-site", "same-site")
}

fn named_origin_is_told_of_its_session_only(engine: EngineKind) {
    let (_database, serving) = start(engine);
    let mut own = serving.signed_in(EMAIL);
    let mut stream = EventStream::open_from(&own, SHOP);
    let allowed = ["access-control-allow-credentials: true", "vary: origin", "content-type: text/event-stream"];
    for header in allowed.into_iter().chain([format!("access-control-allow-origin: {SHOP}").as_str()]) {
        assert!(stream.head.contains(header), "{header} in {}", stream.head);
    }
    let opened = stream.expect("open");
    assert_eq!(opened.data["session"], json!(own.session_id()));
    // That another device has signed in is told to Keyrack's own pages only.
    let mut other = serving.signed_in(EMAIL);
    let mut again = EventStream::open_with(&own, &format!("Origin: {SHOP}\r\nLast-Event-ID: {}\r\n", opened.id));
    again.expect("open");
    let path = format!("/account/sessions/{}/revoke", own.session_id());
    assert_eq!(other.post_from("/account/sessions", &path, &[]).status, 303);
    for mut stream in [stream, again] {
        assert_eq!(stream.expect("session-ended").data["reason"], json!("revoked"));
        assert_eq!(stream.next(), None);
    }
}

/// Without this header, the page could not tell the end from a lost connection.
fn end_is_readable_by_the_named_origin(engine: EngineKind) {
    let (_database, serving) = start(engine);
    let mut own = serving.signed_in(EMAIL);
    let ended = own.clone();
    own.sign_out();
    let answer = page_of(&ended, SHOP).get("/account/events");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, Some(SHOP)));
    assert!(!answer.body.contains("signed_out") && answer.header("set-cookie").is_none(), "{}", answer.body);
}

fn other_origins_of_the_site_get_nothing(engine: EngineKind) {
    let (_database, serving) = start(engine);
    let own = serving.signed_in(EMAIL);
    let refuse = |headers: &str| {
        let stream = EventStream::open_with(&own, headers);
        assert_eq!(stream.status(), 403, "{headers}");
        assert!(!stream.head.contains("access-control"), "{headers}: {}", stream.head);
        assert!(stream.head.contains("vary: origin"), "{headers}: {}", stream.head);
    };
    for origin in
        ["http://127.0.0.1:3001", "http://127.0.0.1", "https://127.0.0.1:3000", "http://127.0.0.1:30000", "null"]
    {
        refuse(&format!("Origin: {origin}\r\n"));
        refuse(&format!("Origin: {origin}\r\nSec-Fetch-Site: same-site\r\n"));
        refuse(&format!("Origin: {SHOP}, {origin}\r\n"));
    }
    // An image or a script is requested without an origin.
    refuse("Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\n");
    refuse("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n");
}

fn refused_pages_use_up_no_streams(engine: EngineKind) {
    let (_database, serving) = start(engine);
    let own = serving.signed_in(EMAIL);
    let refused: Vec<_> = (0..25).map(|_| EventStream::open_from(&own, "http://127.0.0.1:3001")).collect();
    EventStream::open(&own).expect("open");
    assert!(refused.iter().all(|stream| stream.status() == 403));
}

fn rest_is_not_readable_by_the_named_origin(engine: EngineKind) {
    let (_database, serving) = start(engine);
    let mut shop = page_of(&serving.signed_in(EMAIL), SHOP);
    for path in
        ["/api/session", "/api/sessions", "/account/sessions", "/account/activity", "/login", "/static/keyrack.js"]
    {
        let answer = shop.get(path);
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
        let policy = if path == "/static/keyrack.js" { "cross-origin" } else { "same-origin" };
        assert_eq!(answer.header("cross-origin-resource-policy"), Some(policy), "{path}");
    }
}

fn named_origin_changes_nothing(engine: EngineKind) {
    let (_database, serving) = start(engine);
    let mut own = serving.signed_in(EMAIL);
    let token = own.get("/api/session").json()["csrf_token"].as_str().unwrap().to_owned();
    for path in ["/logout", "/account/sessions/revoke-others"] {
        assert_eq!(page_of(&own, SHOP).post(path, &[("csrf_token", &token)]).status, 403, "{path}");
    }
    assert!(own.is_signed_in());
}

fn preflight_allows_the_named_origin_only(engine: EngineKind) {
    let (_database, serving) = start(engine);
    let ask = |origin: &str, path: &str| {
        let mut page = page_of(&serving.browser(), origin);
        page.send("OPTIONS", path, None, &[("access-control-request-method", "GET")])
    };
    let allowed = ask(SHOP, "/account/events");
    assert_eq!((allowed.status, allowed.header("access-control-allow-methods")), (204, Some("GET")));
    assert_eq!(allowed.header("access-control-allow-origin"), Some(SHOP));
    assert_eq!(allowed.header("access-control-allow-credentials"), Some("true"));
    for (origin, path) in [("http://127.0.0.1:3001", "/account/events"), (SHOP, "/api/session"), (SHOP, "/login")] {
        let refused = ask(origin, path);
        assert!([401, 403, 405].contains(&refused.status), "{origin} {path}: {}", refused.status);
        assert_eq!(refused.header("access-control-allow-origin"), None, "{origin} {path}");
    }
}

fn no_origin_is_allowed_by_default(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    Program::new(&database).add_user(EMAIL);
    let serving = Program::new(&database).serve();
    let own = serving.signed_in(EMAIL);
    assert_eq!(EventStream::open_from(&own, SHOP).status(), 403);
    let itself = format!("http://{}", serving.address);
    assert_eq!(EventStream::open_with(&own, &format!("Origin: {itself}\r\n")).expect("open").name, "open");
}

/// A page asks so whether its session is alive.
fn request_for_the_first_events_ends_after_them(engine: EngineKind) {
    let (database, serving) = start(engine);
    let mut own = serving.signed_in(EMAIL);
    let id = own.session_id();
    for mut page in [own.clone(), page_of(&own, SHOP)] {
        let answer = page.get("/account/events?once");
        assert_eq!(answer.status, 200);
        let data = answer.body.split_once("event: open\ndata: ").unwrap().1;
        assert_eq!(serde_json::from_str::<serde_json::Value>(data).unwrap()["session"], json!(id));
        assert!(!answer.body.contains("csrf"), "{}", answer.body);
    }
    database.execute("UPDATE sessions SET status = 'logged_out'");
    assert_eq!(own.get("/account/events?once").status, 401);
}

fn event_tokens_are_the_same_on_all_instances_and_hide_ids(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    Program::new(&database).add_user(EMAIL);
    let serve = |secrets: &str| Program::new(&database).with("KEYRACK_SECRETS", secrets).serve();
    let (serving, there) = (serve(SECRETS), serve(SECRETS));
    let mut own = serving.signed_in(EMAIL);
    let token = EventStream::open(&own).expect("open").id;
    assert_eq!(EventStream::open(&own.at(there.address)).expect("open").id, token);
    assert_eq!(own.get("/account/sessions").between("data-event=\"", "\""), token);
    let newest = database.text("SELECT CAST(MAX(id) AS text) AS v FROM security_events");
    assert!(token.len() == 16 && token != newest, "{token}");
    let renewed = serve(&format!("a newer secret than that,{SECRETS}"));
    let other = EventStream::open(&own.at(renewed.address)).expect("open").id;
    assert_ne!(other, token);
}
