//! The thief, who has copied the cookies of the owner's telephone.

use std::{collections::BTreeSet, time::Duration};

use proptest::sample::Index;

use super::{
    action::Action,
    owner::{Owner, PASSKEY_PAUSE},
};
use crate::{
    routes::{
        passkeys::{self, ADD, ORIGIN, PASSKEYS, options, send_new},
        second_factor::{CODES, REMOVE, SECOND, SECURITY, SET_UP, STEP},
    },
    support::{Answer, Authenticator, Browser, MailServer, PasskeyDevice, TestApp, wait},
};

const DEVICES: &str = "/account/sessions";
const PASSWORD_PAGE: &str = "/account/password";
const EMAIL_PAGE: &str = "/account/email";
/// The password that the thief sets.
const THIEF_PASSWORD: &str = "seven crows on a copper wire";

fn at_thief(browser: Browser, address: &str) -> Browser {
    browser.with_header("user-agent", "curl/8.5.0").with_header("x-forwarded-for", address)
}

pub struct Thief {
    address: String,
    /// With which the thief signs in: the owner's, or one that the thief has proved.
    email: String,
    /// The addresses of the thief's mailboxes that were asked for.
    mailboxes: Vec<String>,
    owner_email: String,
    /// Never empty: the first one has the copied cookies.
    browsers: Vec<Browser>,
    password: Option<String>,
    /// All that were set up.
    apps: Vec<Authenticator>,
    recovery_codes: Vec<String>,
    /// All that have a passkey which was added.
    devices: Vec<PasskeyDevice>,
    /// The sessions that follow from that of the copied cookies.
    followers: BTreeSet<String>,
    /// The session that has added the last app, and the one that has made the last recovery codes.
    app_added_in: Option<String>,
    codes_made_in: Option<String>,
    /// The session in which each browser was trusted.
    trusted_in: Vec<Option<String>>,
}

impl Thief {
    pub fn new(owner: &Owner, address: &str, knows_password: bool) -> Self {
        Self {
            email: owner.email.clone(),
            mailboxes: Vec::new(),
            owner_email: owner.email.clone(),
            browsers: vec![at_thief(owner.phone.clone(), address)],
            address: address.to_owned(),
            password: knows_password.then(|| owner.password.clone()),
            apps: Vec::new(),
            recovery_codes: Vec::new(),
            devices: Vec::new(),
            followers: [owner.phone_id.clone()].into(),
            app_added_in: None,
            codes_made_in: None,
            trusted_in: vec![None],
        }
    }

    /// Tries an action. Whether it is possible is not the thief's concern.
    pub fn act(&mut self, app: &TestApp, server: &MailServer, action: &Action) {
        match *action {
            Action::AddApp(at) => {
                let page = self.at(at).get(SET_UP);
                if page.status == 200 && page.body.contains("otpauth://") {
                    self.add_app(app, at, SET_UP, &page);
                }
            }
            Action::RemoveApp(at) => drop(self.post(at, SECURITY, REMOVE, &[])),
            Action::MakeRecoveryCodes(at) => {
                let page = self.post(at, SECURITY, CODES, &[]);
                if self.note_recovery_codes(page.as_ref()) {
                    self.codes_made_in = Some(self.at(at).session_id());
                }
            }
            Action::AddPasskey(at) => self.add_passkey(app, at),
            Action::RenamePasskey(at, of) => {
                if let Some(id) = self.passkey_at(at, of) {
                    drop(self.post(at, PASSKEYS, &format!("{PASSKEYS}/{id}/name"), &[("name", "A thief's")]));
                }
            }
            Action::RemovePasskey(at, of) => {
                if let Some(id) = self.passkey_at(at, of) {
                    drop(self.post(at, PASSKEYS, &format!("{PASSKEYS}/{id}/remove"), &[]));
                }
            }
            Action::UsePasskey(of) => self.use_passkey(app, of),
            Action::Rename(at, of) => {
                if let Some(id) = self.session_at(at, of) {
                    drop(self.post(at, DEVICES, &format!("{DEVICES}/{id}/name"), &[("name", "Not a thief")]));
                }
            }
            Action::RevokeOthers(at) => drop(self.post(at, DEVICES, "/account/sessions/revoke-others", &[])),
            Action::Report(at, of) => {
                if let Some(id) = self.session_at(at, of) {
                    drop(self.post(at, DEVICES, &format!("{DEVICES}/{id}/report"), &[]));
                }
            }
            Action::ChangePassword(at) => self.change_password(at),
            Action::SignIn(at) => self.sign_in(app, at),
            Action::SignOut(at) => drop(self.post(at, DEVICES, "/logout", &[])),
            Action::AskForAddress(at) => self.ask_for_address(app, at),
            Action::ProveAddress => self.prove_address(app, server),
            Action::ResetPassword => self.reset_password(app, server),
            Action::Wait(hours) => app.advance(Duration::from_secs(60 * 60) * hours),
        }
    }

    /// Whether the thief knows a password that may be the account's.
    pub fn knows_password(&self) -> bool {
        self.password.is_some()
    }

    fn ask_for_address(&mut self, app: &TestApp, at: Index) {
        app.clock.advance(Duration::from_secs(61));
        let mailbox = format!("crow{}of{}", self.mailboxes.len(), self.owner_email);
        if self.post(at, EMAIL_PAGE, EMAIL_PAGE, &[("email", &mailbox)]).is_some_and(|answer| answer.status == 303) {
            self.mailboxes.push(mailbox);
        }
        wait(app.keyrack.accounts().requests_done(Duration::from_secs(60))).unwrap();
    }

    /// Uses every link that has come, of new addresses and of those that were changed again.
    fn prove_address(&mut self, app: &TestApp, server: &MailServer) {
        for (mailbox, link) in self.mails(app, server, "/verify?") {
            let mut browser = self.browser(app);
            let page = browser.get(&link);
            if page.status != 200 {
                continue;
            }
            let (token, csrf_token) = (link.split_once("token=").unwrap().1, page.csrf_token());
            let answer = browser.post("/verify", &[("token", token), ("csrf_token", &csrf_token)]);
            if answer.location() == "/verify?done=on" {
                self.email = mailbox;
            } else if answer.location().starts_with("/reset?") {
                self.email = mailbox;
                self.set_password(browser, answer.location());
            }
        }
    }

    fn reset_password(&mut self, app: &TestApp, server: &MailServer) {
        let mut browser = self.browser(app);
        browser.post_from("/forgot", "/forgot", &[("email", &self.email)]);
        wait(app.keyrack.accounts().requests_done(Duration::from_secs(60))).unwrap();
        for (_, link) in self.mails(app, server, "/reset?") {
            let browser = self.browser(app);
            self.set_password(browser, &link);
        }
    }

    /// Sets a password by a link, and goes on with the sign-in that follows.
    fn set_password(&mut self, mut browser: Browser, link: &str) {
        let page = browser.get(link);
        if page.status != 200 {
            return;
        }
        let (token, csrf_token) = (link.split_once("token=").unwrap().1, page.csrf_token());
        let fields = [("token", token), ("password", THIEF_PASSWORD), ("password_again", THIEF_PASSWORD)];
        let fields: Vec<_> = fields.into_iter().chain([("csrf_token", csrf_token.as_str())]).collect();
        if browser.post("/reset", &fields).status == 303 {
            self.password = Some(THIEF_PASSWORD.to_owned());
            self.browsers.push(browser);
            self.trusted_in.push(None);
        }
    }

    /// The links that have come to the thief's mailboxes, with the mailbox of each.
    fn mails(&self, app: &TestApp, server: &MailServer, path: &str) -> Vec<(String, String)> {
        wait(app.keyrack.send_due_mails()).unwrap();
        let mails = server.mails().into_iter().filter(|mail| self.mailboxes.contains(&mail.to[0]));
        mails.filter(|mail| mail.content.contains(path)).map(|mail| (mail.to[0].clone(), mail.link())).collect()
    }

    /// Uses what is left in the mailboxes, after the report.
    pub fn try_mails(&mut self, app: &TestApp, server: &MailServer) {
        self.prove_address(app, server);
        self.reset_password(app, server);
    }

    /// Whether the sessions are over that follow from the one of the copied cookies, as soon as that is reported.
    pub fn has_lost_followers(&self, app: &TestApp) -> Result<(), String> {
        let followers: Vec<_> = self.followers.iter().map(|id| format!("'{id}'")).collect();
        let are_active = format!("WHERE status = 'active' AND id IN ({})", followers.join(", "));
        let left = app.texts(&format!("SELECT CAST(id AS varchar(36)) AS v FROM sessions {are_active}"));
        if left.is_empty() { Ok(()) } else { Err(format!("sessions that follow are still signed in: {left:?}")) }
    }

    /// Whether nothing of the thief's lets in any longer, at the account's address or at one of the thief's.
    pub fn is_out(&mut self, app: &TestApp, email: &str) -> Result<(), String> {
        for (number, browser) in self.browsers.iter_mut().enumerate() {
            if browser.is_signed_in() {
                return Err(format!("the thief's browser {number} is still signed in"));
            }
        }
        // The last attempts delay those of other browsers that the account does not know.
        app.clock.advance(Duration::from_secs(60 * 60));
        for number in 0..self.devices.len() {
            let mut browser = self.browser(app);
            let answer = passkeys::sign_in(&mut browser, &mut self.devices[number]);
            if browser.is_signed_in() || answer.status != 401 {
                return Err(format!("the thief's passkey {number} leads to {} {}", answer.location(), answer.text()));
            }
        }
        let Some(password) = self.password.clone() else { return Ok(()) };
        for mut browser in self.browsers.clone().into_iter().chain([self.browser(app)]) {
            for email in BTreeSet::from([email, &self.email]) {
                let answer = browser.sign_in(email, &password);
                if answer.status == 303 {
                    return Err(format!("the thief's password leads to {}", answer.location()));
                }
            }
        }
        Ok(())
    }

    /// A code of an app that the thief has set up, or a recovery code, may not be the owner's second factor.
    pub fn codes(&self, app: &TestApp) -> Vec<String> {
        let now = app.clock.now();
        self.apps.iter().map(|own| own.code_at(now)).chain(self.recovery_codes.iter().cloned()).collect()
    }

    /// A new browser.
    pub fn browser(&self, app: &TestApp) -> Browser {
        at_thief(app.browser(), &self.address)
    }

    fn at(&mut self, index: Index) -> &mut Browser {
        let at = index.index(self.browsers.len());
        &mut self.browsers[at]
    }

    /// Sends a form of a page; `None` if the page has none.
    fn post(&mut self, at: Index, page: &str, path: &str, fields: &[(&str, &str)]) -> Option<Answer> {
        let browser = self.at(at);
        let page = browser.get(page);
        if page.status != 200 || !page.body.contains("csrf_token") {
            return None;
        }
        let token = page.csrf_token();
        let fields: Vec<_> = fields.iter().copied().chain([("csrf_token", token.as_str())]).collect();
        Some(browser.post(path, &fields))
    }

    /// The id of one of the account's active sessions.
    fn session_at(&mut self, at: Index, of: Index) -> Option<String> {
        let answer = self.at(at).get("/api/sessions");
        if answer.status != 200 {
            return None;
        }
        let sessions = answer.json()["sessions"].as_array().cloned().unwrap_or_default();
        let ids: Vec<_> = sessions.iter().filter_map(|session| session["id"].as_str().map(str::to_owned)).collect();
        (!ids.is_empty()).then(|| ids[of.index(ids.len())].clone())
    }

    fn add_app(&mut self, app: &TestApp, at: Index, path: &str, page: &Answer) {
        let (own, set_up) = (Authenticator::scan(page), page.between("name=\"set_up\" value=\"", "\""));
        let (code, token) = (own.code_at(app.clock.now()), page.csrf_token());
        let fields = [("code", code.as_str()), ("set_up", &set_up), ("csrf_token", &token)];
        let answer = self.at(at).post(path, &fields);
        if self.note_recovery_codes(Some(&answer)) {
            self.apps.push(own);
            let id = self.at(at).session_id();
            (self.app_added_in, self.codes_made_in) = (Some(id.clone()), Some(id));
        }
    }

    fn add_passkey(&mut self, app: &TestApp, at: Index) {
        let (page, mut device) = (self.at(at).get(ADD), PasskeyDevice::new(ORIGIN));
        if page.status != 200 || !page.body.contains("data-options=") {
            return;
        }
        let passkey = device.create(&options(&page));
        if send_new(self.at(at), &page, &passkey, "").location() == PASSKEYS {
            app.advance(PASSKEY_PAUSE);
            self.devices.push(device);
        }
    }

    /// Signs in with a passkey, on a new browser.
    fn use_passkey(&mut self, app: &TestApp, of: Index) {
        if self.devices.is_empty() {
            return;
        }
        let (mut browser, of) = (self.browser(app), of.index(self.devices.len()));
        let answer = passkeys::sign_in(&mut browser, &mut self.devices[of]);
        app.advance(PASSKEY_PAUSE);
        if answer.status == 303 {
            self.browsers.push(browser);
            self.trusted_in.push(None);
        }
    }

    /// The id of one of the account's passkeys.
    fn passkey_at(&mut self, at: Index, of: Index) -> Option<String> {
        let page = self.at(at).get(PASSKEYS);
        let links = page.body.split("action=\"/account/security/passkeys/").skip(1);
        let ids: Vec<_> = links.filter_map(|link| link.split_once("/remove\"")).map(|(id, _)| id.to_owned()).collect();
        let ids: Vec<_> = ids.into_iter().filter(|id| id.len() == 36).collect();
        (!ids.is_empty()).then(|| ids[of.index(ids.len())].clone())
    }

    fn note_recovery_codes(&mut self, page: Option<&Answer>) -> bool {
        let Some(page) = page.filter(|page| page.status == 200) else { return false };
        let shown = page.body.split("<code>").skip(1).filter_map(|rest| rest.split_once('<'));
        let shown: Vec<String> = shown.map(|(code, _)| code.to_owned()).collect();
        let has_codes = shown.len() == 10;
        if has_codes {
            self.recovery_codes = shown;
        }
        has_codes
    }

    /// Uses a passkey as the second factor, if the sign-in still waits for one.
    fn give_passkey(&mut self, app: &TestApp, browser: &mut Browser) {
        for device in self.devices.iter_mut().rev() {
            let page = browser.get(SECOND);
            if page.status != 200 || !page.body.contains("data-options=") {
                return;
            }
            let Ok(passkey) = device.try_answer(&options(&page)) else { continue };
            let (challenge, token) = (page.between("data-challenge=\"", "\""), page.csrf_token());
            browser.post(SECOND, &[("passkey", &passkey), ("challenge", &challenge), ("csrf_token", &token)]);
            app.advance(PASSKEY_PAUSE);
        }
    }

    fn change_password(&mut self, at: Index) {
        let Some(current) = self.password.clone() else { return };
        let fields =
            [("current_password", current.as_str()), ("password", THIEF_PASSWORD), ("password_again", THIEF_PASSWORD)];
        if self.post(at, PASSWORD_PAGE, PASSWORD_PAGE, &fields).is_some_and(|answer| answer.status == 303) {
            self.password = Some(THIEF_PASSWORD.to_owned());
        }
    }

    fn sign_in(&mut self, app: &TestApp, at: Option<Index>) {
        let Some(password) = self.password.clone() else { return };
        let mut browser = match at {
            Some(at) => self.at(at).clone(),
            None => self.browser(app),
        };
        browser.cookies.remove("keyrack.sid");
        let answer = browser.sign_in(&self.email, &password);
        if answer.location() == SECOND {
            app.clock.advance(STEP);
            let codes = self.codes(app).into_iter().next_back().into_iter().chain(self.codes(app));
            for code in codes.take(2) {
                let page = browser.get(SECOND);
                if page.status != 200 {
                    break;
                }
                let token = page.csrf_token();
                browser.post(SECOND, &[("code", &code), ("trust", "on"), ("csrf_token", &token)]);
            }
            self.give_passkey(app, &mut browser);
        }
        let trusted = at.and_then(|at| self.trusted_in[at.index(self.browsers.len())].clone());
        let trusted = self.note_follower(app, &mut browser, trusted);
        self.browsers.push(browser);
        self.trusted_in.push(trusted);
    }

    /// Notes whether the session of a sign-in follows from the one of the copied cookies. Returns in which session the browser
    /// is trusted now.
    fn note_follower(&mut self, app: &TestApp, browser: &mut Browser, trusted: Option<String>) -> Option<String> {
        if !browser.is_signed_in() {
            return trusted;
        }
        let id = browser.session_id();
        let way_in = app.text(&format!("SELECT authorised_by AS v FROM sessions WHERE id = '{id}'"));
        let (added_in, trusted) = match way_in.as_str() {
            "password+totp" => (self.app_added_in.clone(), Some(id.clone())),
            "password+recovery_code" => (self.codes_made_in.clone(), Some(id.clone())),
            "password+trusted_browser" => (trusted.clone(), trusted),
            _ => (None, trusted),
        };
        if added_in.is_some_and(|added_in| self.followers.contains(&added_in)) {
            self.followers.insert(id);
        }
        trusted
    }
}
