//! The second factor: codes of an authenticator app, recovery codes, and browsers that need neither.

mod budgets;
mod demanded;
mod late;
mod links;
mod manage;
mod secrets;
mod set_up;
mod sign_in;
mod trust;

use std::time::Duration;

use crate::support::{Answer, Authenticator, Browser, EngineKind, PASSWORD, TestApp};

const EMAIL: &str = "rajat.verma@example.com";
const OTHER_EMAIL: &str = "ana@example.com";
const HOME: &str = "/account/sessions";
pub const SECOND: &str = "/login/second";
pub const SECURITY: &str = "/account/security";
pub const SET_UP: &str = "/account/security/authenticator";
pub const REMOVE: &str = "/account/security/authenticator/remove";
pub const CODES: &str = "/account/security/recovery-codes";
/// How long a code is shown.
pub const STEP: Duration = Duration::from_secs(30);

/// A user with an authenticator app, and the browser on which it was set up.
pub struct Factor {
    pub browser: Browser,
    pub authenticator: Authenticator,
    recovery_codes: Vec<String>,
}

/// An app with a user, who has set up an authenticator app.
fn start(engine: EngineKind) -> (TestApp, Factor) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let factor = add_factor(&app, EMAIL);
    (app, factor)
}

pub fn add_factor(app: &TestApp, email: &str) -> Factor {
    let mut browser = app.signed_in(email);
    let (authenticator, recovery_codes) = set_up(app, &mut browser);
    Factor { browser, authenticator, recovery_codes }
}

/// Adds an authenticator app in this browser.
pub fn add_app(app: &TestApp, browser: &mut Browser) -> Authenticator {
    set_up(app, browser).0
}

fn set_up(app: &TestApp, browser: &mut Browser) -> (Authenticator, Vec<String>) {
    let (page, authenticator) = open_set_up(browser, SET_UP);
    let answer = send_set_up(browser, SET_UP, &page, &authenticator.code_at(app.clock.now()));
    (authenticator, recovery_codes(&answer))
}

/// Opens the page that sets up an app, and scans its code.
fn open_set_up(browser: &mut Browser, page: &str) -> (Answer, Authenticator) {
    let page = browser.get(page);
    assert_eq!(page.status, 200, "{} {}", page.location(), page.body);
    let authenticator = Authenticator::scan(&page);
    (page, authenticator)
}

fn send_set_up(browser: &mut Browser, path: &str, page: &Answer, code: &str) -> Answer {
    let set_up = page.between("name=\"set_up\" value=\"", "\"");
    browser.post(path, &[("code", code), ("set_up", &set_up), ("csrf_token", &page.csrf_token())])
}

/// The codes that the page shows.
#[track_caller]
pub fn recovery_codes(page: &Answer) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.body);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let codes: Vec<String> =
        page.body.split("<code>").skip(1).map(|rest| rest.split_once('<').unwrap().0.to_owned()).collect();
    assert_eq!(codes.len(), 10, "{}", page.body);
    codes
}

impl Factor {
    /// The next code, thirty seconds later.
    fn next_code(&self, app: &TestApp) -> String {
        app.advance(STEP);
        self.code(app)
    }

    pub fn code(&self, app: &TestApp) -> String {
        self.authenticator.code_at(app.clock.now())
    }
}

/// Gives the password in this browser, which has to lead to the second step.
#[track_caller]
fn give_password(browser: &mut Browser, email: &str) {
    let answer = browser.sign_in(email, PASSWORD);
    assert_eq!((answer.status, answer.location()), (303, SECOND), "{}", answer.body);
}

/// A browser in which the password was given.
fn waiting(app: &TestApp) -> Browser {
    let mut browser = app.browser();
    give_password(&mut browser, EMAIL);
    browser
}

fn give_code(browser: &mut Browser, code: &str) -> Answer {
    browser.post_from(SECOND, SECOND, &[("code", code)])
}

#[track_caller]
fn assert_lets_in(answer: &Answer) {
    assert_eq!((answer.status, answer.location()), (303, HOME), "{}", answer.text());
}

#[track_caller]
fn assert_refuses(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{} {}", answer.location(), answer.text());
    assert!(answer.text().contains(words), "{}", answer.text());
    assert!(!answer.set_cookies().iter().any(|cookie| cookie.starts_with("keyrack.sid=")), "{answer:?}");
}

/// The events of a kind, the oldest first.
fn events(app: &TestApp, kind: &str) -> Vec<serde_json::Value> {
    app.rows("security_events", &format!("WHERE kind = '{kind}' ORDER BY id"))
}
