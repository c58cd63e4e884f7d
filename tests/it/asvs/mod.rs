//! The requirements of OWASP ASVS 5.0 on authentication (V6) and sessions (V7): one file per section, each test named
//! by the number of its requirement, so that `cargo test asvs_6_2` runs those of passwords.
//!
//! A few tests with such a name are beside the code that they need. `SECURITY.md` lists all of them, and
//! `architecture/security_rows.rs` compares its tables with the standard and with the tests.

mod documents;
mod ends;
mod passwords;
mod proofs;
mod recovery;
mod sign_in;
mod timeouts;
mod tokens;

use std::time::Duration;

use crate::support::{Answer, Browser, EngineKind, TestApp, wait};

const EMAIL: &str = "rajat.verma@example.com";
const OTHER_EMAIL: &str = "ana@example.com";
const WRONG: &str = "not the password at all";
const NEW: &str = "five herons by the weir";

const DEVICES: &str = "/account/sessions";
const REVOKE_OTHERS: &str = "/account/sessions/revoke-others";
const PASSWORD_PAGE: &str = "/account/password";

/// An app with a user.
fn app_with_user(engine: EngineKind) -> TestApp {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    app
}

/// An app with a user, and two browsers that are signed in as this user.
fn two_browsers(engine: EngineKind) -> (TestApp, Browser, Browser) {
    let app = app_with_user(engine);
    let (browser, phone) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    app.advance(Duration::from_secs(5));
    (app, browser, phone)
}

/// Sends the form that changes the password.
fn change_password(browser: &mut Browser, current: &str, new: &str) -> Answer {
    let fields = [("current_password", current), ("password", new), ("password_again", new)];
    browser.post_from(PASSWORD_PAGE, PASSWORD_PAGE, &fields)
}

/// The path and query of the link that creates the first account.
fn setup_link(app: &TestApp) -> Option<String> {
    let link = wait(app.keyrack.setup_link()).unwrap()?;
    Some(link.strip_prefix(&app.keyrack.public_url().to_string()).unwrap().to_owned())
}

/// Sends the form that creates the first account, as Rajat Verma.
fn set_up(app: &TestApp, link: &str, email: &str, password: &str) -> Answer {
    let token = link.rsplit_once('=').unwrap().1;
    let names = [("user_name", "rajat"), ("first_name", "Rajat"), ("last_name", "Verma")];
    let fields = [("token", token), ("email", email), ("password", password), ("password_again", password)];
    app.browser().post_from(link, "/setup", &[&fields[..], &names].concat())
}

fn revoke_path(id: &str) -> String {
    format!("{DEVICES}/{id}/revoke")
}

/// The fields of a page's forms, without the hidden ones: their names, types and `autocomplete`.
fn visible_fields(page: &Answer) -> Vec<(String, String, String)> {
    let inputs = page.body.split("<input ").skip(1).map(|rest| rest.split_once('>').unwrap().0);
    let attribute = |input: &str, name: &str| {
        let (_, value) = input.split_once(&format!("{name}=\"")).unwrap_or_default();
        value.split('"').next().unwrap().to_owned()
    };
    let fields = inputs.map(|input| ["name", "type", "autocomplete"].map(|name| attribute(input, name)));
    fields.map(|[name, kind, complete]| (name, kind, complete)).filter(|(_, kind, _)| kind != "hidden").collect()
}

/// The pages on which a password is typed, each as a visitor or a signed-in user sees it.
fn password_pages(engine: EngineKind) -> Vec<(&'static str, Answer)> {
    let empty = TestApp::new(engine);
    let setup = empty.browser().get(&setup_link(&empty).unwrap());
    let app = app_with_user(engine);
    let mut browser = app.signed_in(EMAIL);
    let link = wait(app.keyrack.accounts().create_reset_link(&EMAIL.parse().unwrap(), None)).unwrap().unwrap();
    let pages = vec![
        ("/setup", setup),
        ("/login", app.browser().get("/login")),
        ("/reset", app.browser().get(&link.path())),
        ("/reauth", browser.get("/reauth")),
        (PASSWORD_PAGE, browser.get(PASSWORD_PAGE)),
    ];
    assert!(pages.iter().all(|(_, page)| page.status == 200), "{pages:?}");
    pages
}

/// Signs in, which has to succeed.
fn assert_signs_in(app: &TestApp, password: &str) {
    let answer = app.browser().sign_in(EMAIL, password);
    assert_eq!((answer.status, answer.location()), (303, DEVICES), "{password:?}: {}", answer.text());
}

/// The user as the table has it.
fn users(app: &TestApp) -> Vec<serde_json::Value> {
    app.rows("users", "ORDER BY id")
}
