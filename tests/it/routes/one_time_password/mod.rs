//! Passwords that are good for one sign-in, and sessions whose user must change the password first

mod change;
mod peers;
mod sign_in;

use std::time::Duration;

use keyrack::{accounts::Password, sessions::UserId};

use super::reauth::EMAIL;
use crate::support::{Answer, Browser, EngineKind, TestApp, wait};

const PAGE: &str = "/account/password";
const ONE_TIME: &str = "seven otters in a boat";
const NEW: &str = "five herons by the weir";

/// An app with a user whose password is good for one sign-in.
fn start(engine: EngineKind) -> TestApp {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    set_one_time_password(&app, ONE_TIME);
    app.advance(Duration::from_secs(1));
    app
}

fn set_one_time_password(app: &TestApp, password: &str) {
    let accounts = app.keyrack.accounts();
    wait(accounts.set_one_time_password(&EMAIL.parse().unwrap(), Password::new(password))).unwrap().unwrap();
}

/// The only user.
fn user_of(app: &TestApp) -> UserId {
    app.text("SELECT CAST(id AS varchar(36)) AS v FROM users").parse().unwrap()
}

/// A browser that has signed in with the one-time password.
fn restricted(app: &TestApp) -> Browser {
    let mut browser = app.browser();
    let answer = browser.sign_in(EMAIL, ONE_TIME);
    assert_eq!((answer.status, answer.location()), (303, PAGE), "{}", answer.body);
    browser
}

fn change(browser: &mut Browser, current: &str, new: &str, further: &[(&str, &str)]) -> Answer {
    let fields = [&[("current_password", current), ("password", new), ("password_again", new)], further].concat();
    browser.post_from(PAGE, PAGE, &fields)
}

/// Whether the browser has a live session that is good for changing the password only.
fn is_restricted(browser: &mut Browser) -> bool {
    let (api, page, form) = (browser.get("/api/session"), browser.get("/account/sessions"), browser.get(PAGE));
    (api.status, page.status, form.status) == (403, 303, 200) && page.location().starts_with(PAGE)
}
