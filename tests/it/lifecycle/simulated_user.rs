//! A user with several devices, who remembers what the server acknowledged.

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

/// A log of acknowledged operations, each line synced to disk before the user acts again.
pub struct AcknowledgedLog {
    file: Mutex<File>,
    lines: AtomicUsize,
}

impl AcknowledgedLog {
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

/// The expected state of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// Signed in, with this many acknowledged visits.
    SignedIn(u32),
    /// The end of its session was acknowledged.
    Ended,
    /// A request was not answered, so it may be signed in or not.
    Unknown,
}

struct Device {
    browser: Browser,
    expected: Expected,
}

/// See the module.
pub struct SimulatedUser {
    email: String,
    devices: Vec<Device>,
    /// The state of a xorshift generator, which chooses the next action.
    random: u64,
}

impl SimulatedUser {
    pub fn new(database: &TestDatabase, number: u8) -> Self {
        let email = format!("user{number}@example.com");
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

    /// Performs one random action and remembers its answer. No answer, 429 and 503 acknowledge nothing.
    pub fn act(&mut self, address: SocketAddr, log: &AcknowledgedLog) {
        let is_alive = |index: &usize| matches!(self.devices[*index].expected, Expected::SignedIn(_));
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

    fn sign_in(&mut self, address: SocketAddr, log: &AcknowledgedLog) {
        let mut browser = Browser::new(address);
        if is_acknowledged(browser.try_post_from("/login", "/login", &[("email", &self.email), ("password", PASSWORD)]))
        {
            log.acknowledge(&format!("{} signed in", self.email));
            self.devices.push(Device { browser, expected: Expected::SignedIn(0) });
        }
    }

    /// Signing in over a session gives it a new sid. Without an answer, the browser may hold the old one.
    fn sign_in_again(&mut self, device: usize, log: &AcknowledgedLog) {
        let (email, device) = (self.email.clone(), &mut self.devices[device]);
        let before = device.browser.clone();
        let fields = [("email", email.as_str()), ("password", PASSWORD)];
        // The sign-in page redirects a signed-in browser, so the token comes from another page's form.
        if is_acknowledged(device.browser.try_post_from("/account/sessions", "/login", &fields)) {
            log.acknowledge(&format!("{email} signed in again"));
            self.devices.push(Device { browser: before, expected: Expected::Ended });
        } else {
            device.expected = Expected::Unknown;
        }
    }

    fn sign_out(&mut self, device: usize, log: &AcknowledgedLog) {
        let device = &mut self.devices[device];
        let cookies = device.browser.cookies.clone();
        let done = is_acknowledged(device.browser.try_post_from("/account/sessions", "/logout", &[]));
        // A copy of the cookie must not work after the sign-out.
        device.browser.cookies = cookies;
        device.expected = if done { Expected::Ended } else { Expected::Unknown };
        if done {
            log.acknowledge(&format!("{} signed out", self.email));
        }
    }

    fn revoke_others(&mut self, device: usize, log: &AcknowledgedLog) {
        let done = is_acknowledged(self.devices[device].browser.try_post_from(
            "/account/sessions",
            "/account/sessions/revoke-others",
            &[],
        ));
        if done {
            log.acknowledge(&format!("{} revoked the others", self.email));
        }
        let others = self.devices.iter_mut().enumerate().filter(|(index, _)| *index != device);
        for (_, other) in others {
            other.expected = match (other.expected, done) {
                (Expected::Ended, _) | (_, true) => Expected::Ended,
                _ => Expected::Unknown,
            };
        }
    }

    /// Writes to the session's data: the example counts visits.
    fn count(&mut self, device: usize, log: &AcknowledgedLog) {
        let device = &mut self.devices[device];
        let Some(answer) = device.browser.try_get("/counter").filter(|answer| answer.status != 503) else { return };
        assert_eq!(answer.status, 200, "a session that was not ended works");
        device.expected = Expected::SignedIn(visits(&answer));
        log.acknowledge(&format!("{} counted", self.email));
    }

    /// Compares the state of every device with what was acknowledged.
    pub fn verify(&mut self, address: SocketAddr) {
        for device in &mut self.devices {
            device.browser = device.browser.at(address);
            let cookies = device.browser.cookies.clone();
            let answer = device.browser.get("/counter");
            let found = (answer.status == 200).then(|| visits(&answer));
            match (device.expected, found) {
                (Expected::SignedIn(acknowledged), Some(found)) => {
                    assert!(found > acknowledged, "{found} visits, but {acknowledged} were acknowledged");
                }
                (Expected::Ended, None) | (Expected::Unknown, _) => {}
                (expected, found) => panic!("{}: expected {expected:?}, found {found:?}", self.email),
            }
            device.expected = found.map_or(Expected::Ended, Expected::SignedIn);
            device.browser.cookies = cookies;
        }
        // Ended devices are verified in each later round; a limit keeps the rounds short.
        let surplus = self.devices.len().saturating_sub(40);
        self.devices.drain(..surplus);
    }
}

fn is_acknowledged(answer: Option<Answer>) -> bool {
    let is_refusal = |answer: &Answer| [429, 503].contains(&answer.status);
    let Some(answer) = answer.filter(|answer| !is_refusal(answer)) else { return false };
    assert_eq!(answer.status, 303, "{}", answer.body);
    true
}

fn visits(answer: &Answer) -> u32 {
    answer.between("was here ", " times").parse().unwrap()
}
