//! The application of `examples/express/`, started as in the guide.

use keyrack::{clock::Clock, config::BoundSessions};

use super::pair::{COOKIE, EMAIL};
use crate::support::{
    Answer, BoundBrowser, Browser, EngineKind, Program, SECRETS, TestApp, TestDatabase,
    express::{Express, with_express},
};

with_express!(
    example_works_without_keyrack,
    example_works_beside_keyrack,
    import_of_example_signs_no_user_out,
    example_refuses_copies_of_bound_sessions,
);

/// The password that the example prints.
const EXAMPLE_PASSWORD: &str = "four birds under one roof";

fn sign_in(browser: &mut Browser, password: &str) -> Answer {
    browser.post("/sign-in", &[("email", EMAIL), ("password", password)])
}

fn example_works_without_keyrack() {
    let database = TestDatabase::blank(EngineKind::Postgres);
    let shop = Express::example(database.url());
    let mut browser = Browser::new(shop.address);
    assert_eq!(browser.get("/").location(), "/sign-in");
    assert_eq!(sign_in(&mut browser, "not the password").status, 401);
    assert_eq!(browser.post("/sign-in", &[("email", "<unknown@example.com>"), ("password", "x")]).status, 401);
    assert_eq!(sign_in(&mut browser, EXAMPLE_PASSWORD).location(), "/");
    browser.post("/cart", &[("item", "a <lamp>")]);
    browser.post("/cart", &[("item", "a chair")]);
    let page = browser.get("/");
    assert!(page.body.contains("In your cart: a &lt;lamp&gt;, a chair."), "{}", page.body);
    assert!(page.body.contains(EMAIL) && page.body.contains("/account/sessions"), "{}", page.body);
    assert_eq!(database.count("sessions", "WHERE status = 'active' AND ip_address = '127.0.0.1'"), 1);
    let mut copy = browser.clone();
    assert_eq!(browser.post("/sign-out", &[]).location(), "/sign-in");
    assert_eq!(copy.get("/").location(), "/sign-in");
    assert_eq!(database.count("sessions", "WHERE status = 'logged_out' AND logged_out_at IS NOT NULL"), 1);
    assert_eq!(database.count("user_sessions", ""), 0);
    // A second start keeps the tables and the user.
    let again = Express::example(database.url());
    assert_eq!(sign_in(&mut Browser::new(again.address), EXAMPLE_PASSWORD).location(), "/");
    assert_eq!(database.count("users", ""), 1);
}

fn example_works_beside_keyrack() {
    let app = TestApp::with(EngineKind::Postgres, |config| {
        config.cookie_name = Some(COOKIE.to_owned());
        config.clock = Clock::System;
    });
    let shop = Express::example(app.url());
    let (mut browser, mut other) = (Browser::new(shop.address), Browser::new(shop.address));
    for browser in [&mut browser, &mut other] {
        assert_eq!(sign_in(browser, EXAMPLE_PASSWORD).location(), "/");
        browser.post("/cart", &[("item", "a lamp")]);
    }
    assert_eq!(app.count("sessions", ""), 2, "the rows that the application wrote, and no others");
    let page = browser.visit(app.address).get("/account/sessions");
    assert!(page.text().contains("Firefox 140 on Linux"), "{}", page.text());
    let id = other.visit(app.address).session_id();
    let path = format!("/account/sessions/{id}/revoke");
    assert_eq!(browser.post_from("/account/sessions", &path, &[]).status, 303);
    assert_eq!(other.visit(shop.address).get("/").location(), "/sign-in");
    assert!(browser.visit(shop.address).get("/").text().contains("a lamp"));

    assert_eq!(browser.post("/sign-out", &[]).location(), "/sign-in");
    let ends = app.texts("SELECT end_reason AS v FROM sessions ORDER BY logged_out_at");
    assert_eq!(ends, ["revoked", "signed_out"]);
    assert!(!browser.visit(app.address).is_signed_in());
    app.assert_sound();
}

/// The guide's steps, while the application goes on.
fn import_of_example_signs_no_user_out() {
    let database = TestDatabase::blank(EngineKind::Postgres);
    let shop = Express::example(database.url());
    let [mut first, mut second, mut visitor] = [(); 3].map(|()| Browser::new(shop.address));
    for browser in [&mut first, &mut second] {
        assert_eq!(sign_in(browser, EXAMPLE_PASSWORD).location(), "/");
        browser.post("/cart", &[("item", "a lamp")]);
    }
    // As if the application did not write to `sessions`.
    database.execute(&format!("DELETE FROM sessions WHERE sid = '{}'", second.sid_in(COOKIE)));
    visitor.get("/sign-in");

    let program = Program::new(&database).with("KEYRACK_COOKIE_NAME", COOKIE).with("KEYRACK_SECRETS", SECRETS);
    program.done(&["migrate"]);
    let counted = program.json(&["adopt", "--dry-run", "--json"]);
    assert_eq!((&counted["live"], &counted["known"], &counted["adopted"]), (&2.into(), &1.into(), &1.into()));
    let keyrack = program.serve();
    assert!(first.visit(keyrack.address).is_signed_in(), "as soon as Keyrack runs");
    assert_eq!(program.json(&["adopt", "--apply", "--json"])["adopted"], 1);
    assert_eq!(program.done(&["doctor"]), "No problems found.\n");

    for browser in [&mut first, &mut second] {
        assert!(browser.visit(keyrack.address).is_signed_in());
        assert!(browser.visit(shop.address).get("/").text().contains("a lamp"));
    }
    let id = second.visit(keyrack.address).session_id();
    let path = format!("/account/sessions/{id}/revoke");
    assert_eq!(first.visit(keyrack.address).post_from("/account/sessions", &path, &[]).status, 303);
    assert_eq!(second.visit(shop.address).get("/").location(), "/sign-in");
    assert_eq!(sign_in(&mut visitor, EXAMPLE_PASSWORD).location(), "/", "new visitors can sign in");
    assert!(visitor.visit(keyrack.address).is_signed_in());
    assert_eq!(program.done(&["doctor"]), "No problems found.\n");
}

/// The middleware checks the proofs that Keyrack issues, with the same secrets.
fn example_refuses_copies_of_bound_sessions() {
    let database = TestDatabase::new(EngineKind::Postgres);
    let start = |clock: Clock| {
        TestApp::over(&database, clock, |config| {
            config.cookie_name = Some(COOKIE.to_owned());
            config.bound_sessions = BoundSessions::Auto;
            let (_, port) = config.public_url.authority().rsplit_once(':').unwrap();
            config.public_url = format!("http://localhost:{port}").parse().unwrap();
        })
    };
    let app = start(Clock::System);
    app.add_user(EMAIL);
    let shop = Express::example_behind_proxy(database.url());
    let mut bound = BoundBrowser::signed_in(&app, EMAIL);
    let visit = |browser: &Browser| {
        let mut browser = browser.at(shop.address);
        let answer = browser.send("GET", "/", None, &[]);
        (
            answer.status,
            answer.set_cookies().iter().map(|cookie| cookie.split('=').next().unwrap().to_owned()).collect(),
        )
    };
    let removed = |name: &str| vec![name.to_owned()];
    database.execute("UPDATE sessions SET bound_from = now() - interval '1 minute'");
    let is_let_in = |(status, cookies): (u16, Vec<String>)| status == 200 && cookies.iter().all(|name| name != COOKIE);
    assert!(is_let_in(visit(&bound.browser)));

    let data = || database.rows("user_sessions", "");
    let before = data();
    let mut copy = bound.copied();
    copy.cookies.remove(&bound.cookie);
    assert_eq!(visit(&copy), (401, removed(COOKIE)), "without a proof, there is no key");
    let skipped = copy.at(shop.address).send("GET", "/", None, &[("secure-session-skipped", "server_error")]);
    assert!(skipped.status == 503 && skipped.set_cookies().is_empty(), "{skipped:?}");
    let other = BoundBrowser::signed_in(&app, EMAIL);
    copy.cookies.insert(bound.cookie.clone(), other.browser.cookies[&other.cookie].clone());
    assert_eq!(visit(&copy).0, 401, "the proof of another session");

    // A proof of twelve minutes ago.
    let behind = start(Clock::fixed(Clock::System.now() - std::time::Duration::from_secs(12 * 60)));
    bound.browser.visit(behind.address);
    assert_eq!(bound.renew().status, 200);
    assert_eq!(visit(&bound.browser), (401, vec!["__Host-keyrack.bound".to_owned(), "keyrack.bound".to_owned()]));
    let sid = bound.browser.sid_in(COOKIE);
    let of_session = |rows: Vec<serde_json::Value>| rows.into_iter().find(|row| row["sid"] == sid.as_str()).unwrap();
    assert_eq!(of_session(data()), of_session(before), "refused requests change nothing");
    bound.browser.visit(app.address);
    assert_eq!(bound.renew().status, 200);
    assert!(is_let_in(visit(&bound.browser)));
}
