//! Keyrack and Express on one database, and browsers that use both.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use keyrack::{clock::Clock, config::Config, sessions::UserId};
use serde_json::{Value, json};

use crate::support::{Answer, Browser, EmbeddedApp, EngineKind, PASSWORD, TestApp, express::Express};

pub const COOKIE: &str = "connect.sid";
pub const EMAIL: &str = "rajat.verma@example.com";

/// Keyrack, embedded in an Actix application that sets data, and Express, on one database.
pub struct Pair {
    pub express: Express,
    pub own: EmbeddedApp,
    pub app: TestApp,
    /// The user with [`EMAIL`].
    pub user: UserId,
}

impl Pair {
    pub fn new() -> Self {
        Self::with(&json!({}))
    }

    /// With these options for Express.
    pub fn with(options: &Value) -> Self {
        Self::with_keyrack(options, |_| ())
    }

    pub fn with_keyrack(options: &Value, change: impl FnOnce(&mut Config)) -> Self {
        let app = TestApp::with(EngineKind::Postgres, |config| {
            config.cookie_name = Some(COOKIE.to_owned());
            config.clock = Clock::System;
            change(config);
        });
        app.database().adopt_peers();
        let user = app.add_user(EMAIL);
        let own = EmbeddedApp::new(&app.keyrack);
        let express = Express::with(app.url(), options);
        Self { express, own, app, user }
    }

    /// A browser without cookies.
    pub fn person(&self) -> Person {
        Person { browser: self.app.browser(), keyrack: self.own.address, express: self.express.address }
    }

    /// A browser that has signed in at Express as this pair's user.
    pub fn signed_in_at_express(&self) -> Person {
        let mut person = self.person();
        person.sign_in_at_express(self.user);
        person
    }

    /// A browser that has signed in at Keyrack as this pair's user.
    pub fn signed_in_at_keyrack(&self) -> Person {
        let mut person = self.person();
        person.sign_in_at_keyrack(EMAIL);
        person
    }

    /// The column `expire` of a sid, as Express's connections read it, in seconds from now.
    pub fn expires_in(&self, sid: &str) -> f64 {
        let sql = format!(
            "SELECT extract(epoch FROM expire::timestamptz - now())::text AS v FROM user_sessions WHERE sid = '{sid}'"
        );
        self.app.text(&sql).parse().unwrap()
    }

    /// One column of the session with this sid.
    pub fn session(&self, sid: &str, column: &str) -> Value {
        let rows = self.app.rows("sessions", &format!("WHERE sid = '{sid}'"));
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows[0][column].clone()
    }

    /// The end reason of the only session in the table.
    pub fn only_end_reason(&self) -> Value {
        let rows = self.app.rows("sessions", "");
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(rows[0]["status"], "logged_out");
        assert!(rows[0]["logged_out_at"].is_string());
        rows[0]["end_reason"].clone()
    }

    /// Runs connect-pg-simple's prune.
    pub fn prune(&self) {
        assert_eq!(Browser::new(self.express.address).post("/prune", &[]).status, 200);
    }

    /// Sends a request to Express that loads its session before `meanwhile` and sets `json` after it. Returns its
    /// response.
    pub fn late_set(&self, person: &Person, json: &Value, meanwhile: impl FnOnce()) -> Answer {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let gate = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
        let (arrived, release) = (format!("/arrived?gate={gate}"), format!("/release?gate={gate}"));
        let (mut slow, mut other) = (person.browser.at(self.express.address), Browser::new(self.express.address));
        thread::scope(|scope| {
            let answer = scope.spawn(move || slow.post("/set", &[("json", &json.to_string()), ("gate", &gate)]));
            assert_eq!(other.get(&arrived).status, 200);
            meanwhile();
            assert_eq!(other.post(&release, &[]).status, 200);
            answer.join().unwrap()
        })
    }
}

/// A browser with one cookie jar for both servers.
#[derive(Clone)]
pub struct Person {
    pub browser: Browser,
    keyrack: SocketAddr,
    express: SocketAddr,
}

impl Person {
    pub fn at_keyrack(&mut self) -> &mut Browser {
        self.browser.visit(self.keyrack)
    }

    pub fn at_express(&mut self) -> &mut Browser {
        self.browser.visit(self.express)
    }

    pub fn sid(&self) -> String {
        self.browser.sid_in(COOKIE)
    }

    /// Signs in even if the browser is signed in: by a form that was opened before that.
    pub fn sign_in_at_keyrack(&mut self, email: &str) {
        let mut before = self.clone();
        before.browser.cookies.remove(COOKIE);
        let token = before.at_keyrack().get("/login").csrf_token();
        before.browser.cookies.extend(self.browser.cookies.clone());
        self.browser.cookies = before.browser.cookies;
        let fields = [("email", email), ("password", PASSWORD), ("csrf_token", &token)];
        let answer = self.at_keyrack().post("/login", &fields);
        assert_eq!((answer.status, answer.location()), (303, "/account/sessions"), "{}", answer.body);
    }

    /// Signs in by a new sid, as Express applications should.
    pub fn sign_in_at_express(&mut self, user: UserId) {
        self.post_to_express("/sign-in", &[("user", &user.to_string()), ("regenerate", "on")]);
    }

    pub fn sign_out_at_express(&mut self, by: &str) {
        self.post_to_express("/sign-out", &[("by", by)]);
    }

    /// Sets the keys of `json`; null removes a key.
    pub fn set_at_express(&mut self, json: &Value) {
        self.post_to_express("/set", &[("json", &json.to_string())]);
    }

    pub fn set_at_keyrack(&mut self, json: &Value) {
        let answer = self.at_keyrack().post("/app/set-json", &[("json", &json.to_string())]);
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    pub fn post_to_express(&mut self, path: &str, fields: &[(&str, &str)]) {
        let answer = self.at_express().post(path, fields);
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// The session as Express reads it, with its sid and cookie.
    pub fn session_at_express(&mut self) -> Value {
        let answer = self.at_express().get("/session");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// The data as a handler of the application around Keyrack reads it.
    pub fn data_at_keyrack(&mut self) -> Value {
        let answer = self.at_keyrack().get("/app/data");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["keys"].clone()
    }

    pub fn is_signed_in_at_express(&mut self) -> bool {
        self.session_at_express().get("userId").is_some()
    }

    pub fn is_signed_in_at_keyrack(&mut self) -> bool {
        self.at_keyrack().is_signed_in()
    }

    #[track_caller]
    pub fn assert_signed_in_at_both(&mut self, user: UserId) {
        assert_eq!(self.session_at_express()["userId"], user.to_string());
        assert!(self.is_signed_in_at_keyrack());
        assert_eq!(self.at_keyrack().get("/api/session").json()["user"]["id"], user.to_string());
    }

    #[track_caller]
    pub fn assert_signed_out_at_both(&mut self) {
        assert!(!self.is_signed_in_at_express());
        assert!(!self.is_signed_in_at_keyrack());
    }
}
