//! A Keyrack server in the test's process.

use std::{net::SocketAddr, ops::Deref, sync::mpsc, thread::JoinHandle, time::Duration};

use actix_web::dev::ServerHandle;
use keyrack::{
    Keyrack,
    accounts::{HashCost, NewUser, Password, Role, SignInPace},
    clock::{Clock, Timestamp},
    config::{Config, PublicUrl},
    sessions::UserId,
};

use super::{
    PASSWORD,
    browser::Browser,
    database::{EngineKind, TestDatabase},
};

/// The start of the tests' clocks: the time of the seed's sign-in, 2026-01-28T11:50:14Z.
pub const CLOCK_START: Timestamp = Timestamp::from_micros(1_769_601_014_000_000);

/// The secrets that the tests sign with.
pub const SECRETS: &str = "the newest secret of the tests";

/// A server on a free port, over a database of its own, with a clock that the test moves.
pub struct TestApp {
    pub keyrack: Keyrack,
    pub clock: Clock,
    pub address: SocketAddr,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
    database: Option<TestDatabase>,
}

impl TestApp {
    /// Starts a server with the default settings, except for the clock and the cheapest hashes.
    pub fn new(kind: EngineKind) -> Self {
        Self::with(kind, |_| ())
    }

    /// Starts a server whose settings `change` has edited.
    pub fn with(kind: EngineKind, change: impl FnOnce(&mut Config)) -> Self {
        let database = TestDatabase::new(kind);
        let mut app = Self::over(&database, Clock::fixed(CLOCK_START), change);
        app.database = Some(database);
        app
    }

    /// Starts an instance over an existing database.
    pub fn over(database: &TestDatabase, clock: Clock, change: impl FnOnce(&mut Config)) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut config = Config::new(database.parsed_url(), SECRETS.parse().unwrap());
        config.public_url = PublicUrl::plain(address);
        config.clock = clock.clone();
        config.hash_cost = HashCost::minimal();
        // Tests sign in as one user more often than people do, while the clock stands still.
        config.sign_in_pace = SignInPace::UNLIMITED;
        // Many servers run at once, so a slow answer is no failure.
        config.database.timeout = Duration::from_secs(20);
        config.database.pool_size = 4;
        change(&mut config);
        let keyrack = Keyrack::new(config).unwrap();
        let (sender, receiver) = mpsc::channel();
        let serving = keyrack.clone();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = serving.server(listener, 2).unwrap();
                sender.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        let server = receiver.recv().unwrap();
        Self { keyrack, clock, address, server, thread: Some(thread), database: None }
    }

    pub fn database(&self) -> &TestDatabase {
        self.database.as_ref().expect("this instance was started over a database of the test")
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A browser without cookies.
    pub fn browser(&self) -> Browser {
        Browser::new(self.address)
    }

    /// Creates a user with [`PASSWORD`].
    pub fn add_user(&self, email: &str) -> UserId {
        let user = NewUser {
            email: email.parse().unwrap(),
            user_name: None,
            first_name: Some("Rajat".to_owned()),
            last_name: Some("Verma".to_owned()),
            role: Role::User,
            password: Password::new(PASSWORD),
        };
        wait(self.keyrack.accounts().create(user)).unwrap()
    }

    /// A browser that is signed in as this user, who must exist.
    pub fn signed_in(&self, email: &str) -> Browser {
        let mut browser = self.browser();
        let answer = browser.sign_in(email, PASSWORD);
        assert_eq!((answer.status, answer.location()), (303, "/account/sessions"), "{}", answer.body);
        browser
    }

    /// Writes the activity of past requests now, instead of in the background.
    pub fn record_activity(&self) {
        wait(self.keyrack.sessions().record_activity()).unwrap();
    }

    /// Writes the activity of past requests, then moves the clock forward.
    pub fn advance(&self, length: Duration) {
        self.record_activity();
        self.clock.advance(length);
    }

    /// Asserts that the doctor finds no problem.
    pub fn assert_sound(&self) {
        let report = wait(self.keyrack.sessions().doctor(false)).unwrap();
        assert!(report.breaches.is_empty(), "{:#?}", report.breaches);
    }

    /// Stops the server at once, without waiting for open requests.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        if let Some(thread) = self.thread.take() {
            drop(self.server.stop(false));
            let _ = thread.join();
        }
    }
}

/// Gives direct access to the tables.
impl Deref for TestApp {
    type Target = TestDatabase;

    fn deref(&self) -> &TestDatabase {
        self.database()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// Runs a future to completion, outside the server.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    actix_web::rt::System::new().block_on(future)
}
