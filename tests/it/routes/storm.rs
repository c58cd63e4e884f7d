//! Many sign-ins at once.

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

use crate::support::{Answer, EngineKind, PASSWORD, TestApp, on_both_engines, wait, wait_until};

on_both_engines!(
    a_flood_from_one_address_delays_nobody_else,
    past_the_bound_the_one_who_filled_the_queue_is_told_to_wait_and_nobody_else,
    who_hangs_up_is_not_signed_in,
);

const CROWD: &str = "2001:db8::7";
/// In the crowd's network.
const CROWD_TOO: &str = "2001:db8::8";
const SOMEBODY: &str = "2001:db8:0:1::7";
const EMAIL: &str = "rajat.verma@example.com";

/// Behind a proxy, at a cost that lets a queue grow.
fn app(engine: EngineKind) -> TestApp {
    let app = TestApp::with(engine, |config| {
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.hash_cost = "m=19456,t=1,p=1".parse().unwrap();
    });
    app.add_user(EMAIL);
    app
}

/// A sign-in form that was opened once and is sent many times.
struct Form<'a> {
    app: &'a TestApp,
    cookie: (String, String),
    token: String,
}

impl<'a> Form<'a> {
    fn open(app: &'a TestApp) -> Self {
        let page = app.browser().get("/login");
        let cookie = page.set_cookies()[0].split(';').next().unwrap().to_owned();
        let (name, value) = cookie.split_once('=').unwrap();
        Self { app, cookie: (name.to_owned(), value.to_owned()), token: page.csrf_token() }
    }

    fn send(&self, client: &str) -> Answer {
        let (name, value) = &self.cookie;
        let mut browser = self.app.browser().with_cookie(name, value).with_header("x-forwarded-for", client);
        browser.post("/login", &[("email", EMAIL), ("password", PASSWORD), ("csrf_token", &self.token)])
    }

    /// Sends it and hangs up without waiting for the answer.
    fn send_and_hang_up(&self, client: &str) {
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

fn a_flood_from_one_address_delays_nobody_else(engine: EngineKind) {
    const FLOOD: usize = 60;
    let app = app(engine);
    let form = Form::open(&app);
    let answered = AtomicUsize::new(0);
    let (sender, answers) = mpsc::channel();
    let waiting = thread::scope(|scope| {
        for n in 0..FLOOD {
            let (form, answered, sender) = (&form, &answered, sender.clone());
            scope.spawn(move || {
                let status = form.send(if n % 2 == 0 { CROWD } else { CROWD_TOO }).status;
                answered.fetch_add(1, Ordering::SeqCst);
                sender.send(status).unwrap();
            });
        }
        assert_eq!(answers.recv().unwrap(), 303);
        assert_eq!(form.send(SOMEBODY).status, 303);
        FLOOD - answered.load(Ordering::SeqCst)
    });
    assert!(waiting > FLOOD / 2, "all but {waiting} of the flood were served before");
    drop(sender);
    assert!(answers.iter().all(|status| status == 303), "a long queue is no refusal");
    assert_eq!(app.count("sessions", ""), FLOOD + 1, "nobody is signed in twice");
}

/// Proves the password for the crowd again and again; tells when it was refused.
async fn insist(accounts: Accounts, refused: mpsc::Sender<()>) {
    loop {
        match accounts.authenticate(EMAIL, Password::new(PASSWORD), Some(CROWD.parse().unwrap())).await {
            Ok(AuthenticationResult::Accepted(_)) => {}
            Err(Error::Busy { .. }) => drop(refused.send(())),
            other => panic!("{other:?}"),
        }
    }
}

fn past_the_bound_the_one_who_filled_the_queue_is_told_to_wait_and_nobody_else(engine: EngineKind) {
    let app = app(engine);
    let form = Form::open(&app);
    // 128 may wait for each core, one is being checked, and a few come back at once for every place that is free.
    let crowd = 129 * available_parallelism().unwrap().get() + 8;
    let (sender, refused) = mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let accounts = app.keyrack.accounts().clone();
    let storm = thread::spawn(move || {
        wait(async move {
            let mut insisting = JoinSet::new();
            for _ in 0..crowd {
                insisting.spawn(insist(accounts.clone(), sender.clone()));
            }
            let _ = stopped.await;
        });
    });
    refused.recv().unwrap();
    let mut signed_in = 0;
    let mut busy = None;
    wait_until(|| {
        let answer = form.send(CROWD_TOO);
        match answer.status {
            303 => signed_in += 1,
            503 => busy = Some(answer),
            status => panic!("{status}"),
        }
        busy.is_some()
    });
    let busy = busy.unwrap();
    let seconds: u64 = busy.header("retry-after").unwrap().parse().unwrap();
    let sentence = match seconds {
        1 => "Many people are signing in just now. Try again in 1 second.".to_owned(),
        _ => format!("Many people are signing in just now. Try again in {seconds} seconds."),
    };
    assert!(seconds > 0 && busy.text().contains(&sentence), "{}", busy.text());
    assert_eq!(busy.between("name=\"email\" type=\"email\" value=\"", "\""), EMAIL);
    assert!(!busy.body.contains(PASSWORD));
    assert!(!busy.set_cookies().iter().any(|cookie| cookie.starts_with("keyrack.sid=")));

    assert_eq!(form.send(SOMEBODY).status, 303);
    stop.send(()).unwrap();
    storm.join().unwrap();
    assert_eq!(app.count("sessions", ""), signed_in + 1, "who was turned away was not signed in");
}

fn who_hangs_up_is_not_signed_in(engine: EngineKind) {
    let app = app(engine);
    let form = Form::open(&app);
    let accounts = app.keyrack.accounts();
    wait(async {
        let mut ahead = JoinSet::new();
        for _ in 0..20 {
            let accounts = accounts.clone();
            ahead.spawn(async move {
                let client = Some(CROWD.parse().unwrap());
                accounts.authenticate(EMAIL, Password::new(PASSWORD), client).await.unwrap()
            });
        }
        ahead.join_next().await;
        form.send_and_hang_up(CROWD);
        ahead.join_all().await;
    });
    // Its turn comes after that of whoever hung up.
    assert_eq!(form.send(CROWD).status, 303);
    assert_eq!(form.send(CROWD).status, 303);
    assert_eq!(app.count("sessions", ""), 2);
}
