//! Somebody who uses the server, and remembers what it acknowledged.

use std::{
    fs::File,
    io::Write,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use keyrack::{
    accounts::{Accounts, HashCost, NewUser, Password, Role},
    clock::Clock,
    db::{Database, DatabaseOptions},
    sessions::{Policy, Sessions},
};

use crate::support::{Answer, Browser, PASSWORD, TestDatabase, wait};

/// What was acknowledged, each line on the disk before anything else happens.
pub struct Log {
    file: Mutex<File>,
    lines: AtomicUsize,
}

impl Log {
    pub fn new(file: File) -> Self {
        Self { file: Mutex::new(file), lines: AtomicUsize::new(0) }
    }

    pub fn lines(&self) -> usize {
        self.lines.load(Ordering::SeqCst)
    }

    fn acknowledge(&self, line: &str) {
        let mut file = self.file.lock().unwrap();
        writeln!(file, "{line}").unwrap();
        file.sync_data().unwrap();
        self.lines.fetch_add(1, Ordering::SeqCst);
    }
}

/// What is known of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It was signed in, and nothing was asked that could have ended it. So many visits were counted.
    SignedIn(u32),
    /// Its end was acknowledged.
    Ended,
    /// A request was not answered, so it may be signed in or not.
    Unclear,
}

struct Device {
    browser: Browser,
    known: Known,
}

/// A user with several devices.
pub struct Person {
    email: String,
    devices: Vec<Device>,
    /// Decides what to do next; each person has a sequence of their own.
    random: u64,
}

impl Person {
    pub fn new(database: &TestDatabase, number: u8) -> Self {
        let email = format!("person{number}@example.com");
        let handle = Database::open(DatabaseOptions::for_command(database.parsed_url()));
        let sessions = Sessions::new(handle.clone(), Clock::System, Policy::default());
        let user = NewUser {
            email: email.parse().unwrap(),
            user_name: None,
            first_name: None,
            last_name: None,
            role: Role::User,
            password: Password::new(PASSWORD),
        };
        wait(Accounts::new(handle, Clock::System, sessions, HashCost::minimal()).create(user)).unwrap();
        Self { email, devices: Vec::new(), random: 0x9E37_79B9_7F4A_7C15 ^ u64::from(number + 1) }
    }

    fn choose(&mut self, among: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % among as u64).unwrap()
    }

    /// Does one thing, and remembers what was answered. No answer, and "try again" (503), promise nothing.
    pub fn act(&mut self, address: SocketAddr, log: &Log) {
        let is_alive = |index: &usize| matches!(self.devices[*index].known, Known::SignedIn(_));
        let alive: Vec<usize> = (0..self.devices.len()).filter(is_alive).collect();
        if alive.len() < 2 || self.choose(8) == 0 {
            return self.sign_in(address, log);
        }
        let device = alive[self.choose(alive.len())];
        self.devices[device].browser = self.devices[device].browser.at(address);
        match self.choose(8) {
            0 => self.sign_in_again(device, log),
            1 | 2 => self.sign_out(device, log),
            3 => self.revoke_others(device, log),
            _ => self.count(device, log),
        }
    }

    fn sign_in(&mut self, address: SocketAddr, log: &Log) {
        let mut browser = Browser::new(address);
        if sent(browser.try_post_from("/login", "/login", &[("email", &self.email), ("password", PASSWORD)])) {
            log.acknowledge(&format!("{} signed in", self.email));
            self.devices.push(Device { browser, known: Known::SignedIn(0) });
        }
    }

    /// Signing in over a session gives it a new sid. Without an answer, the browser may hold the old one.
    fn sign_in_again(&mut self, device: usize, log: &Log) {
        let (email, device) = (self.email.clone(), &mut self.devices[device]);
        let before = device.browser.clone();
        let fields = [("email", email.as_str()), ("password", PASSWORD)];
        // The sign-in page sends a signed-in browser on, so the form's token comes from another one.
        if sent(device.browser.try_post_from("/account/sessions", "/login", &fields)) {
            log.acknowledge(&format!("{email} signed in again"));
            self.devices.push(Device { browser: before, known: Known::Ended });
        } else {
            device.known = Known::Unclear;
        }
    }

    fn sign_out(&mut self, device: usize, log: &Log) {
        let device = &mut self.devices[device];
        let cookies = device.browser.cookies.clone();
        let done = sent(device.browser.try_post_from("/account/sessions", "/logout", &[]));
        // Whoever kept a copy of the cookie must not get in with it.
        device.browser.cookies = cookies;
        device.known = if done { Known::Ended } else { Known::Unclear };
        if done {
            log.acknowledge(&format!("{} signed out", self.email));
        }
    }

    fn revoke_others(&mut self, device: usize, log: &Log) {
        let done = sent(self.devices[device].browser.try_post_from(
            "/account/sessions",
            "/account/sessions/revoke-others",
            &[],
        ));
        if done {
            log.acknowledge(&format!("{} revoked the others", self.email));
        }
        let others = self.devices.iter_mut().enumerate().filter(|(index, _)| *index != device);
        for (_, other) in others {
            other.known = match (other.known, done) {
                (Known::Ended, _) | (_, true) => Known::Ended,
                _ => Known::Unclear,
            };
        }
    }

    /// Writes to the session's data.
    fn count(&mut self, device: usize, log: &Log) {
        let device = &mut self.devices[device];
        let Some(answer) = device.browser.try_get("/counter").filter(|answer| answer.status != 503) else { return };
        assert_eq!(answer.status, 200, "a session that nobody ended lets in");
        device.known = Known::SignedIn(visits(&answer));
        log.acknowledge(&format!("{} counted", self.email));
    }

    /// Compares what is true with what was acknowledged.
    pub fn verify(&mut self, address: SocketAddr) {
        for device in &mut self.devices {
            device.browser = device.browser.at(address);
            let cookies = device.browser.cookies.clone();
            let answer = device.browser.get("/counter");
            let found = (answer.status == 200).then(|| visits(&answer));
            match (device.known, found) {
                (Known::SignedIn(acknowledged), Some(found)) => {
                    assert!(found > acknowledged, "{found} visits, but {acknowledged} were acknowledged");
                }
                (Known::Ended, None) | (Known::Unclear, _) => {}
                (known, found) => panic!("{}: acknowledged {known:?}, found {found:?}", self.email),
            }
            device.known = found.map_or(Known::Ended, Known::SignedIn);
            device.browser.cookies = cookies;
        }
        // The dead are asked after once more each round, but not for ever.
        let surplus = self.devices.len().saturating_sub(40);
        self.devices.drain(..surplus);
    }
}

fn sent(answer: Option<Answer>) -> bool {
    let Some(answer) = answer.filter(|answer| answer.status != 503) else { return false };
    assert_eq!(answer.status, 303, "{}", answer.body);
    true
}

fn visits(answer: &Answer) -> u32 {
    answer.between("was here ", " times").parse().unwrap()
}
