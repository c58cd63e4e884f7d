//! Passkeys: adding, using, naming and removing them.

mod add;
mod at_reset;
mod late;
mod manage;
mod prove;
mod refused;
mod second;
mod sign_in;
mod too_new;

use std::time::Duration;

use serde_json::Value;

use crate::support::{Answer, Browser, EngineKind, PasskeyDevice, TestApp};

const EMAIL: &str = "rajat.verma@example.com";
const OTHER_EMAIL: &str = "ana@example.com";
const HOME: &str = "/account/sessions";
pub const PASSKEYS: &str = "/account/security/passkeys";
pub const ADD: &str = "/account/security/passkeys/add";
/// Where people open the servers of these tests.
pub const ORIGIN: &str = "http://localhost:8080";

/// A server at a URL that passkeys work at.
fn app(engine: EngineKind) -> TestApp {
    TestApp::with(engine, |config| config.public_url = ORIGIN.parse().unwrap())
}

/// One with a user whose device has a passkey, and the browser that has added it.
fn start(engine: EngineKind) -> (TestApp, Browser, PasskeyDevice) {
    let app = app(engine);
    app.add_user(EMAIL);
    let (browser, device) = add_to(&app, EMAIL, PasskeyDevice::new(ORIGIN));
    (app, browser, device)
}

/// Adds a passkey of this device to an account.
fn add_to(app: &TestApp, email: &str, mut device: PasskeyDevice) -> (Browser, PasskeyDevice) {
    let mut browser = app.signed_in(email);
    let answer = add(&mut browser, &mut device, "");
    assert_eq!((answer.status, answer.location()), (303, PASSKEYS), "{}", answer.body);
    // The clock stands still, but a passkey answers each challenge once.
    app.advance(Duration::from_secs(1));
    (browser, device)
}

pub fn add(browser: &mut Browser, device: &mut PasskeyDevice, name: &str) -> Answer {
    let page = browser.get(ADD);
    assert_eq!(page.status, 200, "{} {}", page.location(), page.body);
    let passkey = device.create(&options(&page));
    send_new(browser, &page, &passkey, name)
}

/// Sends the form of a page that adds a passkey.
pub fn send_new(browser: &mut Browser, page: &Answer, passkey: &str, name: &str) -> Answer {
    let challenge = page.between("data-challenge=\"", "\"");
    let fields = [("passkey", passkey), ("challenge", &challenge), ("name", name), ("csrf_token", &page.csrf_token())];
    browser.post(ADD, &fields)
}

/// What a page asks a passkey.
pub fn options(page: &Answer) -> Value {
    let text = page.between("data-options=\"", "\"");
    let text = ["&#34;\"", "&#60;<", "&#62;>", "&#39;'", "&#38;&"].iter().fold(text, |text, escape| {
        let (escaped, character) = escape.split_at(5);
        text.replace(escaped, character)
    });
    serde_json::from_str(&text).unwrap()
}

/// A sign-in page, and what it asks a passkey.
pub struct SignInPage {
    csrf_token: String,
    pub options: Value,
    challenge: String,
}

impl SignInPage {
    pub fn open(browser: &mut Browser) -> Self {
        let csrf_token = browser.get("/login").csrf_token();
        let answer = browser.get("/login/passkey");
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")), "{}", answer.body);
        let json = answer.json();
        Self { csrf_token, options: json["options"].clone(), challenge: json["challenge"].as_str().unwrap().to_owned() }
    }

    pub fn send(&self, browser: &mut Browser, passkey: &str) -> Answer {
        self.send_with(browser, passkey, &[])
    }

    fn send_with(&self, browser: &mut Browser, passkey: &str, more: &[(&str, &str)]) -> Answer {
        let fields = [("passkey", passkey), ("challenge", &self.challenge), ("csrf_token", &self.csrf_token)];
        browser.post("/login", &[&fields[..], more].concat())
    }
}

/// Signs in with the passkey of a device.
pub fn sign_in(browser: &mut Browser, device: &mut PasskeyDevice) -> Answer {
    let page = SignInPage::open(browser);
    let passkey = device.answer(&page.options);
    page.send(browser, &passkey)
}

#[track_caller]
fn assert_lets_in(answer: &Answer) {
    assert_eq!((answer.status, answer.location()), (303, HOME), "{}", answer.body);
}

/// Asserts that a page says this, and that its browser is not let in.
#[track_caller]
fn assert_refuses(answer: &Answer, status: u16, text: &str) {
    assert_eq!(answer.status, status, "{} {}", answer.location(), answer.text());
    assert!(answer.text().contains(text), "{}", answer.text());
}

const REJECTED: &str = "This passkey was not accepted.";
const EXPIRED: &str = "That took too long, or the passkey was used already.";

/// The events of a kind, the oldest first.
fn events(app: &TestApp, kind: &str) -> Vec<Value> {
    app.rows("security_events", &format!("WHERE kind = '{kind}' ORDER BY id"))
}

/// The id of the first passkey on a page.
pub fn first_id(browser: &mut Browser) -> String {
    browser.get(PASSKEYS).between("action=\"/account/security/passkeys/", "/")
}

fn remove(browser: &mut Browser, id: &str) -> Answer {
    browser.post_from(PASSKEYS, &format!("{PASSKEYS}/{id}/remove"), &[])
}
