//! More sign-ins than the server can hash at once.

use std::{
    io::Write,
    net::TcpStream,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::{self, available_parallelism},
};

use keyrack::{
    accounts::{Accounts, AuthenticationResult, Password},
    error::Error,
};
use tokio::task::JoinSet;

use super::snapshot::assert_snapshot;
use crate::support::{Answer, EngineKind, PASSWORD, TestApp, on_both_engines, wait, wait_until};

on_both_engines!(
    flood_from_one_network_does_not_delay_other_clients,
    full_queue_rejects_only_clients_that_filled_it,
    client_that_disconnects_is_not_signed_in,
    owner_signs_in_while_six_hundred_addresses_do,
);

const FLOODING: &str = "2001:db8::7";
/// In the same /64 network as [`FLOODING`].
const FLOODING_NEIGHBOUR: &str = "2001:db8::8";
const OTHER_CLIENT: &str = "2001:db8:ffff::7";
const EMAIL: &str = "rajat.verma@example.com";

/// A server behind a proxy, with hashes slow enough that a queue forms.
fn app_with_user(engine: EngineKind) -> TestApp {
    let app = TestApp::with(engine, |config| {
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.hash_cost = "m=19456,t=1,p=1".parse().unwrap();
    });
    app.add_user(EMAIL);
    app
}

/// Adds users with the password of the first one.
fn add_users(app: &TestApp, count: usize) {
    app.execute(&format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {count})
         INSERT INTO users (email, password_hash)
         SELECT 'user' || n || '@example.com', (SELECT password_hash FROM users WHERE email = '{EMAIL}') FROM numbers"
    ));
}

fn email(number: usize) -> String {
    format!("user{number}@example.com")
}

/// A sign-in form that is opened once and submitted many times.
struct SignInForm<'a> {
    app: &'a TestApp,
    cookie: (String, String),
    token: String,
}

impl<'a> SignInForm<'a> {
    fn open(app: &'a TestApp) -> Self {
        let page = app.browser().get("/login");
        let cookie = page.set_cookies()[0].split(';').next().unwrap().to_owned();
        let (name, value) = cookie.split_once('=').unwrap();
        Self { app, cookie: (name.to_owned(), value.to_owned()), token: page.csrf_token() }
    }

    fn submit(&self, client: &str) -> Answer {
        self.submit_as(EMAIL, client)
    }

    fn submit_as(&self, email: &str, client: &str) -> Answer {
        let (name, value) = &self.cookie;
        let mut browser = self.app.browser().with_cookie(name, value).with_header("x-forwarded-for", client);
        browser.post("/login", &[("email", email), ("password", PASSWORD), ("csrf_token", &self.token)])
    }

    /// Submits the form and closes the connection without waiting for the answer.
    fn submit_and_disconnect(&self, client: &str) {
        let fields = [("email", EMAIL), ("password", PASSWORD), ("csrf_token", &self.token)];
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = format!(
            "POST /login HTTP/1.1\r\nHost: {}\r\nCookie: {}={}\r\nX-Forwarded-For: {client}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.app.address,
            self.cookie.0,
            self.cookie.1,
            body.len()
        );
        TcpStream::connect(self.app.address).unwrap().write_all(request.as_bytes()).unwrap();
    }
}

fn flood_from_one_network_does_not_delay_other_clients(engine: EngineKind) {
    const FLOOD: usize = 40;
    let app = app_with_user(engine);
    add_users(&app, FLOOD);
    let form = SignInForm::open(&app);
    let answered = AtomicUsize::new(0);
    let (sender, answers) = mpsc::channel();
    let waiting = thread::scope(|scope| {
        for n in 0..FLOOD {
            let (form, answered, sender) = (&form, &answered, sender.clone());
            scope.spawn(move || {
                let client = if n % 2 == 0 { FLOODING } else { FLOODING_NEIGHBOUR };
                let status = form.submit_as(&email(n), client).status;
                answered.fetch_add(1, Ordering::SeqCst);
                sender.send(status).unwrap();
            });
        }
        assert_eq!(answers.recv().unwrap(), 303);
        assert_eq!(form.submit(OTHER_CLIENT).status, 303);
        FLOOD - answered.load(Ordering::SeqCst)
    });
    assert!(waiting > FLOOD / 2, "only {waiting} sign-ins of the flood were still waiting");
    drop(sender);
    assert!(answers.iter().all(|status| status == 303), "every sign-in of the flood succeeds");
    assert_eq!(app.count("sessions", ""), FLOOD + 1, "one session per sign-in");
}

/// Authenticates in an endless loop from the flooding networks, with 30 users in each, and reports each rejection.
async fn keep_authenticating(accounts: Accounts, number: usize, rejected: mpsc::Sender<()>) {
    let client = if number < 30 { FLOODING.to_owned() } else { format!("2001:db8:{:x}::7", number / 30) };
    loop {
        match accounts.authenticate(&email(number), Password::new(PASSWORD), Some(client.parse().unwrap())).await {
            Ok(AuthenticationResult::Accepted(_)) => {}
            Err(Error::Busy { .. }) => drop(rejected.send(())),
            other => panic!("{other:?}"),
        }
    }
}

fn full_queue_rejects_only_clients_that_filled_it(engine: EngineKind) {
    let app = app_with_user(engine);
    // Per core, 128 may wait and one is being hashed; a few more fill each place that becomes free.
    let count = 129 * available_parallelism().unwrap().get() + 8;
    add_users(&app, count);
    let (sender, rejected) = mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let accounts = app.keyrack.accounts().clone();
    let flood = thread::spawn(move || {
        wait(async move {
            let mut tasks = JoinSet::new();
            for number in 0..count {
                tasks.spawn(keep_authenticating(accounts.clone(), number, sender.clone()));
            }
            let _ = stopped.await;
        });
    });
    rejected.recv().unwrap();
    let mut signed_in = 0;
    let mut busy = None;
    wait_until(|| {
        // A form of its own each time: one that is sent again at once continues its session.
        let answer = SignInForm::open(&app).submit(FLOODING_NEIGHBOUR);
        match answer.status {
            303 => signed_in += 1,
            503 => busy = Some(answer),
            status => panic!("{status}"),
        }
        busy.is_some()
    });
    let mut busy = busy.unwrap();
    let seconds: u64 = busy.header("retry-after").unwrap().parse().unwrap();
    let message = match seconds {
        1 => "Many people are signing in right now. Try again in 1 second.".to_owned(),
        _ => format!("Many people are signing in right now. Try again in {seconds} seconds."),
    };
    assert!(seconds > 0 && busy.text().contains(&message), "{}", busy.text());
    assert_eq!(busy.between("name=\"email\" type=\"text\" value=\"", "\""), EMAIL);
    assert!(!busy.body.contains(PASSWORD));
    assert!(!busy.set_cookies().iter().any(|cookie| cookie.starts_with("keyrack.sid=")));
    busy.headers.remove("retry-after");
    assert_snapshot("login-busy", &busy);

    assert_eq!(SignInForm::open(&app).submit(OTHER_CLIENT).status, 303);
    stop.send(()).unwrap();
    flood.join().unwrap();
    assert_eq!(app.count("sessions", ""), signed_in + 1, "a rejected sign-in starts no session");
}

fn client_that_disconnects_is_not_signed_in(engine: EngineKind) {
    let app = app_with_user(engine);
    add_users(&app, 20);
    let form = SignInForm::open(&app);
    let accounts = app.keyrack.accounts();
    wait(async {
        let mut ahead = JoinSet::new();
        for number in 0..20 {
            let accounts = accounts.clone();
            ahead.spawn(async move {
                let client = Some(FLOODING.parse().unwrap());
                accounts.authenticate(&email(number), Password::new(PASSWORD), client).await.unwrap()
            });
        }
        ahead.join_next().await;
        form.submit_and_disconnect(FLOODING);
        ahead.join_all().await;
    });
    // These wait in the queue behind the sign-in whose client has disconnected.
    for _ in 0..2 {
        assert_eq!(SignInForm::open(&app).submit(FLOODING).status, 303);
    }
    assert_eq!(app.count("sessions", ""), 2);
}

fn owner_signs_in_while_six_hundred_addresses_do(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut owner = app.signed_in(EMAIL);
    let accounts = app.keyrack.accounts().clone();
    let (sender, rejected) = mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let flood = thread::spawn(move || {
        wait(async move {
            let mut tasks = JoinSet::new();
            for number in 0..600_u16 {
                let (accounts, sender) = (accounts.clone(), sender.clone());
                let [high, low] = number.to_be_bytes();
                tasks.spawn(async move {
                    let client = Some([100, 64 + high, low, 1].into());
                    loop {
                        match accounts.authenticate(&email(number.into()), Password::new(PASSWORD), client).await {
                            Ok(_) => tokio::task::yield_now().await,
                            Err(Error::Busy { retry_after }) => {
                                let _ = sender.send(());
                                tokio::time::sleep(retry_after).await;
                            }
                            Err(error) => panic!("{error}"),
                        }
                    }
                });
            }
            let _ = stopped.await;
        });
    });
    rejected.recv().unwrap();
    for attempt in 1..=10 {
        owner.sign_out();
        assert_eq!(owner.sign_in(EMAIL, PASSWORD).status, 303, "attempt {attempt}");
    }
    stop.send(()).unwrap();
    flood.join().unwrap();
}
