//! Random steps at both servers, compared with a model of which browser is signed in as which user.

use std::collections::BTreeMap;

use keyrack::sessions::UserId;
use serde_json::{Value, json};

use super::{
    pair::{Pair, Person},
    seeded_random::{Random, seed},
};
use crate::{
    routes::reauth::reauthenticate,
    support::{Answer, Browser, PASSWORD, Program, express::with_express, wait},
};

with_express!(random_steps_match_model_at_both);

const STEPS: u32 = 1000;
const USERS: [&str; 3] = ["rajat.verma@example.com", "ana@example.com", "kim@example.com"];
const BROWSERS: usize = 5;

/// Gives the password if a change asks for it: Express has started the session, or rotated it some time ago.
fn prove(browser: &mut Browser, answer: &Answer) {
    assert_eq!(answer.status, 303, "{}", answer.body);
    if answer.location().starts_with("/reauth?") {
        let done = reauthenticate(browser, answer.location(), PASSWORD);
        assert_eq!((done.status, done.location()), (303, "/account/sessions"), "{}", done.body);
    }
}

/// The expected state of a browser.
#[derive(Debug, Clone, Default, PartialEq)]
struct Expected {
    user: Option<UserId>,
    /// The application's keys, also without a user.
    data: BTreeMap<String, Value>,
}

struct World {
    pair: Pair,
    random: Random,
    users: Vec<UserId>,
    people: Vec<Person>,
    model: Vec<Expected>,
    /// Browsers that have kept the cookie of an ended session.
    stale: Vec<Person>,
}

fn random_steps_match_model_at_both() {
    let mut world = World::new(seed());
    for step in 0..STEPS {
        let browser = world.random.below(BROWSERS);
        let what = world.take_step(browser);
        println!("{step}: browser {browser}: {what}");
        world.compare(browser);
        if step % 50 == 49 {
            world.compare_all();
        }
    }
    world.compare_all();
    world.pair.prune();
    wait(world.pair.app.keyrack.sessions().purge(|_| ())).unwrap();
    world.compare_all();
    let report = Program::new(world.pair.app.database()).json(&["doctor", "--json"]);
    assert_eq!(report["breaches"], json!([]), "{report:#}");
    // As many sessions are active as browsers are signed in.
    let signed_in = world.model.iter().filter(|expected| expected.user.is_some()).count();
    assert_eq!(world.pair.app.count("sessions", "WHERE status = 'active'"), signed_in);
}

impl World {
    fn new(seed: u64) -> Self {
        let pair = Pair::new();
        let others = USERS[1..].iter().map(|email| pair.app.add_user(email));
        let users = [pair.user].into_iter().chain(others).collect();
        let people = (0..BROWSERS).map(|_| pair.person()).collect();
        Self {
            pair,
            random: Random::new(seed),
            users,
            people,
            model: vec![Expected::default(); BROWSERS],
            stale: vec![],
        }
    }

    /// Takes one random step with this browser. Returns a description.
    fn take_step(&mut self, browser: usize) -> String {
        match self.random.below(20) {
            0..=2 => self.sign_in_at_express(browser),
            3 => self.sign_in_by_both(browser),
            4..=5 => self.sign_in_at_keyrack(browser),
            6 => self.sign_out_at_express(browser),
            7 => self.sign_out_at_keyrack(browser),
            8..=11 => self.set(browser),
            12 => self.rotate(browser),
            13 => self.revoke_from(browser),
            14 => self.revoke_others(browser),
            15 => self.end_by_sql(browser),
            16 => self.expire(browser),
            17 => self.set_late(browser),
            18 => self.pause(browser),
            _ => self.clean_up(),
        }
    }

    /// Expects the session of this browser to have ended.
    fn expect_ended(&mut self, browser: usize) {
        self.model[browser] = Expected::default();
        self.stale.push(self.people[browser].clone());
    }

    fn sign_in_at_express(&mut self, browser: usize) -> String {
        let user = self.random.below(USERS.len());
        let regenerate = self.random.below(2) == 0;
        let person = &mut self.people[browser];
        if regenerate {
            self.stale.push(person.clone());
            person.sign_in_at_express(self.users[user]);
            self.model[browser].data.clear();
        } else {
            person.post_to_express("/sign-in", &[("user", &self.users[user].to_string())]);
        }
        self.model[browser].user = Some(self.users[user]);
        format!("signs in at Express as {user}, on a new sid: {regenerate}")
    }

    fn sign_in_by_both(&mut self, browser: usize) -> String {
        let user = self.random.below(USERS.len());
        let order = self.random.one_of(&["before", "after"]);
        self.stale.push(self.people[browser].clone());
        let fields = [("user", self.users[user].to_string()), ("order", order.to_owned())];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        self.people[browser].post_to_express("/sign-in-by-both", &fields);
        self.model[browser] = Expected { user: Some(self.users[user]), data: BTreeMap::new() };
        format!("signs in at Express as {user}, with a row of its own {order} the data")
    }

    fn sign_in_at_keyrack(&mut self, browser: usize) -> String {
        let user = self.random.below(USERS.len());
        if self.model[browser].user.is_some() {
            self.stale.push(self.people[browser].clone());
        }
        self.people[browser].sign_in_at_keyrack(USERS[user]);
        let expected = &mut self.model[browser];
        // Only the same user's data is kept.
        if expected.user.replace(self.users[user]) != Some(self.users[user]) {
            expected.data.clear();
        }
        format!("signs in at Keyrack as {user}")
    }

    fn sign_out_at_express(&mut self, browser: usize) -> String {
        let by = self.random.one_of(&["destroy", "regenerate", "deleting userId"]);
        if by == "deleting userId" {
            self.model[browser].user = None;
        } else {
            self.expect_ended(browser);
        }
        self.people[browser].sign_out_at_express(by);
        format!("signs out at Express by {by}")
    }

    fn sign_out_at_keyrack(&mut self, browser: usize) -> String {
        if self.model[browser].user.is_some() {
            self.expect_ended(browser);
            assert_eq!(self.people[browser].at_keyrack().sign_out().status, 303);
        }
        "signs out at Keyrack".to_owned()
    }

    fn set(&mut self, browser: usize) -> String {
        let (key, value) = (format!("key{}", self.random.below(4)), self.random.below(5));
        let value = if value == 0 { Value::Null } else { json!({"value": value}) };
        let at_express = self.random.below(2) == 0 || self.model[browser].user.is_none();
        let keys = json!({&key: value});
        if at_express {
            self.people[browser].set_at_express(&keys);
        } else {
            self.people[browser].set_at_keyrack(&keys);
        }
        let data = &mut self.model[browser].data;
        if value.is_null() {
            data.remove(&key)
        } else {
            data.insert(key, value)
        };
        format!("sets {keys} at {}", if at_express { "Express" } else { "Keyrack" })
    }

    fn rotate(&mut self, browser: usize) -> String {
        if self.model[browser].user.is_some() {
            self.stale.push(self.people[browser].clone());
            assert_eq!(self.people[browser].at_keyrack().post("/app/renew", &[]).status, 200);
        }
        "gets a new sid at Keyrack".to_owned()
    }

    /// Ends another session of the same user on the page, if one exists.
    fn revoke_from(&mut self, browser: usize) -> String {
        let user = self.model[browser].user;
        let other = (0..BROWSERS).find(|other| *other != browser && self.model[*other].user == user);
        let (Some(_), Some(other)) = (user, other) else { return "has nothing to revoke".to_owned() };
        let path = format!("/account/sessions/{}/revoke", self.people[other].at_keyrack().session_id());
        let keyrack = self.people[browser].at_keyrack();
        let answer = keyrack.post_from("/account/sessions", &path, &[]);
        prove(keyrack, &answer);
        self.expect_ended(other);
        format!("revokes {other}")
    }

    fn revoke_others(&mut self, browser: usize) -> String {
        let Some(user) = self.model[browser].user else { return "has no others to revoke".to_owned() };
        let keyrack = self.people[browser].at_keyrack();
        // The page has the button only if other sessions exist, but its other forms carry the same token.
        let token = keyrack.get("/account/sessions").csrf_token();
        let answer = keyrack.post("/account/sessions/revoke-others", &[("csrf_token", &token)]);
        prove(keyrack, &answer);
        for other in 0..BROWSERS {
            if other != browser && self.model[other].user == Some(user) {
                self.expect_ended(other);
            }
        }
        "revokes all others".to_owned()
    }

    fn end_by_sql(&mut self, browser: usize) -> String {
        if self.model[browser].user.is_some() {
            let sid = self.people[browser].sid();
            self.pair.app.execute(&format!(
                "UPDATE sessions SET status = 'logged_out', updated_at = NOW(), logged_out_at = NOW()
                 WHERE sid = '{sid}'"
            ));
            self.expect_ended(browser);
        }
        "is signed out by plain SQL".to_owned()
    }

    /// The data expires, as after a day without requests. No prune or purge has run yet.
    fn expire(&mut self, browser: usize) -> String {
        if self.model[browser].user.is_some() {
            let sid = self.people[browser].sid();
            self.pair.app.execute(&format!(
                "UPDATE sessions SET created_at = now() - interval '3 days', last_seen_at = now() - interval '2 days'
                 WHERE sid = '{sid}';
                 UPDATE user_sessions SET expire = now() - interval '1 day' WHERE sid = '{sid}'"
            ));
            self.expect_ended(browser);
        }
        "expires".to_owned()
    }

    /// A request at Express that loads the session before it ends or gets another sid, and sets a key after that.
    fn set_late(&mut self, browser: usize) -> String {
        if self.model[browser].user.is_none() {
            return "has no session for a late request".to_owned();
        }
        let stale = self.people[browser].clone();
        let ends = self.random.below(2) == 0;
        let person = &mut self.people[browser];
        let answer = self.pair.late_set(&stale, &json!({"key0": "late"}), || {
            let path = if ends { "/app/purge" } else { "/app/renew" };
            assert_eq!(person.at_keyrack().post(path, &[]).status, 200);
        });
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.stale.push(stale);
        if ends {
            self.expect_ended(browser);
        }
        format!("sets a key too late, ended: {ends}")
    }

    /// Five minutes pass, so that the next request is recorded as activity.
    fn pause(&mut self, browser: usize) -> String {
        self.pair.app.record_activity();
        if self.model[browser].user.is_some() {
            let sid = self.people[browser].sid();
            self.pair.app.execute(&format!(
                "UPDATE sessions SET created_at = created_at - interval '5 minutes',
                     last_seen_at = last_seen_at - interval '5 minutes' WHERE sid = '{sid}';
                 UPDATE user_sessions SET expire = expire - interval '5 minutes' WHERE sid = '{sid}'"
            ));
        }
        "is away for five minutes".to_owned()
    }

    fn clean_up(&mut self) -> String {
        if self.random.below(2) == 0 {
            self.pair.prune();
            "watches Express prune".to_owned()
        } else {
            wait(self.pair.app.keyrack.sessions().purge(|_| ())).unwrap();
            "watches Keyrack purge".to_owned()
        }
    }

    /// Compares both servers with the model, and sends requests with one stale cookie.
    fn compare(&mut self, browser: usize) {
        let expected = self.model[browser].clone();
        let session = self.people[browser].session_at_express();
        assert_eq!(self.found(&session), expected, "at Express");
        let answer = self.people[browser].at_keyrack().get("/app/data");
        match expected.user {
            Some(_) => assert_eq!(self.found(&answer.json()["keys"]), expected, "at Keyrack"),
            None => answer.assert_not_signed_in(),
        }
        if !self.stale.is_empty() {
            let index = self.random.below(self.stale.len());
            let mut stale = self.stale.swap_remove(index);
            let session = stale.session_at_express();
            assert_eq!((session.get("userId"), session.get("key0")), (None, None), "a stale cookie at Express");
            stale.set_at_express(&json!({"key0": "stale"}));
            stale.at_keyrack().get("/api/session").assert_not_signed_in();
        }
    }

    fn compare_all(&mut self) {
        for browser in 0..BROWSERS {
            self.compare(browser);
            let signed_in = self.model[browser].user.is_some();
            assert_eq!(self.people[browser].is_signed_in_at_keyrack(), signed_in);
        }
    }

    fn found(&self, keys: &Value) -> Expected {
        let user =
            keys.get("userId").map(|id| self.users.iter().find(|user| *id == user.to_string()).copied().unwrap());
        let data = keys.as_object().unwrap().iter().filter(|(key, _)| key.starts_with("key"));
        Expected { user, data: data.map(|(key, value)| (key.clone(), value.clone())).collect() }
    }
}
