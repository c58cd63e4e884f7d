//! The owner of an account, who is signed in at a desk and on a telephone.

use std::time::Duration;

use super::thief::Thief;
use crate::{
    routes::{
        passkeys::{self, ORIGIN, PASSKEYS},
        reauth::reauthenticate,
        second_factor::{SECOND, STEP, add_factor},
    },
    support::{
        Answer, Authenticator, Browser, MailServer, PASSWORD, PasskeyDevice, TestApp, mail_server::ReceivedMail, wait,
    },
};

const DEVICES: &str = "/account/sessions";
const PASSWORD_PAGE: &str = "/account/password";
const NEW: &str = "eleven lamps behind the harbour";
const AFTER_RESET: &str = "nine herons over the old mill";
const DESK: &str = "My desk";
const KEY: &str = "My key";
/// A passkey answers each challenge once, and the clock stands still.
pub const PASSKEY_PAUSE: Duration = Duration::from_secs(1);

/// What the account is like before.
#[derive(Debug, Clone, Copy)]
pub struct Account {
    pub has_app: bool,
    pub has_passkey: bool,
    /// Whether its owner asks an operator for another address, instead of taking the former one back, if a thief has
    /// changed it.
    pub asks_operator: bool,
}

pub struct Owner {
    user_id: String,
    pub email: String,
    pub password: String,
    pub phone: Browser,
    desk: Browser,
    pub phone_id: String,
    desk_id: String,
    reported: Vec<String>,
    app: Option<Authenticator>,
    passkey: Option<PasskeyDevice>,
    asks_operator: bool,
}

fn not_me(id: &str) -> String {
    format!("{DEVICES}/{id}/not-me")
}

impl Owner {
    pub fn new(app: &TestApp, email: &str, account: Account) -> Self {
        app.add_user(email);
        let (own, mut desk) = if account.has_app {
            let factor = add_factor(app, email);
            (Some(factor.authenticator), factor.browser)
        } else {
            (None, app.signed_in(email))
        };
        let desk_id = desk.session_id();
        desk.post_from(DEVICES, &format!("{DEVICES}/{desk_id}/name"), &[("name", DESK)]);
        let mut owner = Self {
            user_id: app.text(&format!("SELECT CAST(id AS varchar(36)) AS v FROM users WHERE email = '{email}'")),
            email: email.to_owned(),
            password: PASSWORD.to_owned(),
            phone: app.browser(),
            desk,
            phone_id: String::new(),
            desk_id,
            reported: Vec::new(),
            app: own,
            passkey: None,
            asks_operator: account.asks_operator,
        };
        if account.has_passkey {
            owner.add_passkey(app);
        }
        owner.phone = owner.sign_in(app, PASSWORD).expect("the owner signs in");
        owner.phone_id = owner.phone.session_id();
        owner
    }

    fn add_passkey(&mut self, app: &TestApp) {
        let mut device = PasskeyDevice::new(ORIGIN);
        let answer = passkeys::add(&mut self.desk, &mut device, KEY);
        assert_eq!(answer.location(), PASSKEYS, "{}", answer.text());
        app.advance(PASSKEY_PAUSE);
        self.passkey = Some(device);
    }

    /// Says of the telephone's session that it was not the owner's, at the desk, or on a new browser if the thief has signed
    /// out the desk.
    pub fn report(&mut self, app: &TestApp, server: &MailServer) {
        if !self.desk.is_signed_in() {
            self.desk = self.get_in_again(app, server);
        }
        self.report_session(&self.phone_id.clone());
    }

    /// Says the same of each session that the page then shows, and that another person has started: who knows the password
    /// needs no other session for that.
    pub fn report_those_since(&mut self) {
        let this = self.desk.session_id();
        loop {
            let page = self.desk.get(&not_me(&self.phone_id));
            let links = page.body.split("href=\"/account/sessions/").skip(1);
            let ids = links.filter_map(|link| link.split_once("/not-me\"")).map(|(id, _)| id.to_owned());
            let is_foreign = |id: &String| *id != this && *id != self.desk_id && !self.reported.contains(id);
            let Some(id) = ids.into_iter().find(is_foreign) else { return };
            self.report_session(&id);
        }
    }

    /// Whether the account has the owner's address.
    pub fn has_address(&self, app: &TestApp) -> Result<(), String> {
        let found = wait(app.keyrack.accounts().find(&self.email.parse().unwrap())).unwrap();
        found.map(drop).ok_or_else(|| "the account has another address".to_owned())
    }

    fn report_session(&mut self, id: &str) {
        let mut answer = self.desk.post_from(DEVICES, &format!("{DEVICES}/{id}/report"), &[]);
        if answer.location().starts_with("/reauth") {
            answer = reauthenticate(&mut self.desk, answer.location(), &self.password);
        }
        assert_eq!(answer.location(), not_me(id), "{}", answer.text());
        self.reported.push(id.to_owned());
    }

    /// What the page after the report leads to.
    pub fn choose_new_password(&mut self) {
        let fields = [("current_password", self.password.as_str()), ("password", NEW), ("password_again", NEW)];
        let answer = self.desk.post_from(PASSWORD_PAGE, PASSWORD_PAGE, &fields);
        assert_eq!(answer.status, 303, "{}", answer.text());
        NEW.clone_into(&mut self.password);
    }

    /// Whether the owner gets in on a new browser, with their own second factor if there is one, and finds the names that
    /// they gave.
    pub fn gets_in(&mut self, app: &TestApp, thief: &Thief) -> Result<(), String> {
        // The thief's last attempts delay those of other browsers that the account does not know.
        app.clock.advance(Duration::from_secs(60 * 60));
        let mut waiting = thief.browser(app);
        let answer = waiting.sign_in(&self.email, &self.password);
        if answer.location() == SECOND {
            for code in thief.codes(app).iter().rev().take(2) {
                let answer = waiting.post_from(SECOND, SECOND, &[("code", code)]);
                if answer.status == 303 {
                    return Err(format!("a code of the thief leads to {}", answer.location()));
                }
            }
        }
        let mut browser = self.sign_in(app, &self.password).map_err(|text| format!("no way in: {text}"))?;
        let page = browser.get(&format!("{DEVICES}/{}", self.desk_id)).text();
        if !page.contains(DESK) {
            return Err(format!("the name of the desk is gone: {page}"));
        }
        self.uses_passkey(app, &mut browser)
    }

    /// Whether the owner's passkey has its name and lets in, unless it was removed: what was added with an older password
    /// can be removed by those who have that.
    fn uses_passkey(&mut self, app: &TestApp, browser: &mut Browser) -> Result<(), String> {
        let (page, Some(device)) = (browser.get(PASSKEYS).text(), &mut self.passkey) else { return Ok(()) };
        let is_there = app.count("passkeys", &format!("WHERE user_id = '{}'", self.user_id));
        if is_there == 0 {
            return Ok(());
        }
        if is_there > 1 || !page.contains(KEY) {
            return Err(format!("passkeys of the thief, or another name: {page}"));
        }
        let answer = passkeys::sign_in(&mut app.browser(), device);
        if answer.location() == DEVICES {
            Ok(())
        } else {
            Err(format!("the passkey does not let in: {}", answer.text()))
        }
    }

    /// Signs in on a new browser.
    fn sign_in(&self, app: &TestApp, password: &str) -> Result<Browser, String> {
        let mut browser = app.browser();
        let answer = browser.sign_in(&self.email, password);
        self.finish(app, browser, answer)
    }

    /// Gives the code that a sign-in waits for, if it does.
    fn finish(&self, app: &TestApp, mut browser: Browser, mut answer: Answer) -> Result<Browser, String> {
        if let (SECOND, Some(own)) = (answer.location(), &self.app) {
            app.clock.advance(STEP);
            answer = browser.post_from(SECOND, SECOND, &[("code", &own.code_at(app.clock.now()))]);
        }
        if answer.status == 303 && answer.location() == DEVICES { Ok(browser) } else { Err(answer.text()) }
    }

    /// Gets in although the thief may have changed the address, which the first link that came takes back, or an operator; or
    /// set another password, by a link of an operator; or another second factor, which an operator removes.
    fn get_in_again(&mut self, app: &TestApp, server: &MailServer) -> Browser {
        if self.has_address(app).is_err() {
            let taken_back = if self.asks_operator { None } else { self.take_address_back(app, server) };
            return taken_back.unwrap_or_else(|| self.get_address_from_operator(app));
        }
        if let Ok(browser) = self.sign_in(app, &self.password) {
            return browser;
        }
        wait(app.keyrack.accounts().remove_lost_second_factor(&self.email.parse().unwrap())).unwrap();
        if let Ok(browser) = self.sign_in(app, &self.password) {
            return browser;
        }
        app.clock.advance(STEP);
        self.get_link_from_operator(app)
    }

    /// `None` if the link is too old.
    fn take_address_back(&mut self, app: &TestApp, server: &MailServer) -> Option<Browser> {
        wait(app.keyrack.send_due_mails()).unwrap();
        let is_own = |mail: &ReceivedMail| mail.to == [self.email.as_str()] && mail.content.contains("/verify?");
        let link = server.mails().into_iter().find(is_own)?.link();
        let mut browser = app.browser();
        let answer = browser.post_from(&link, "/verify", &[("token", link.split_once("token=").unwrap().1)]);
        if answer.status != 303 {
            return None;
        }
        wait(app.keyrack.accounts().remove_lost_second_factor(&self.email.parse().unwrap())).unwrap();
        Some(self.use_reset_link(app, browser, answer.location()))
    }

    /// Has an operator set the address of the account, and remove its second factor.
    fn get_address_from_operator(&mut self, app: &TestApp) -> Browser {
        let now = app.text(&format!("SELECT email AS v FROM users WHERE id = '{}'", self.user_id));
        if self.asks_operator {
            self.email = format!("other.{}", self.email);
        }
        let email = self.email.parse().unwrap();
        wait(app.keyrack.accounts().set_email(&now.parse().unwrap(), &email)).unwrap();
        wait(app.keyrack.accounts().remove_lost_second_factor(&email)).unwrap();
        self.get_link_from_operator(app)
    }

    fn get_link_from_operator(&mut self, app: &TestApp) -> Browser {
        let link = wait(app.keyrack.accounts().create_reset_link(&self.email.parse().unwrap(), None)).unwrap().unwrap();
        self.use_reset_link(app, app.browser(), &link.path())
    }

    fn use_reset_link(&mut self, app: &TestApp, mut browser: Browser, path: &str) -> Browser {
        let fields = [("password", AFTER_RESET), ("password_again", AFTER_RESET)];
        let token = browser.get(path).between("name=\"token\" value=\"", "\"");
        let fields: Vec<_> = fields.into_iter().chain([("token", token.as_str())]).collect();
        let answer = browser.post_from(path, "/reset", &fields);
        AFTER_RESET.clone_into(&mut self.password);
        self.finish(app, browser, answer).unwrap_or_else(|text| panic!("{text}"))
    }
}
