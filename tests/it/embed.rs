//! Runs `examples/embed.rs`, an application that embeds Keyrack and requires its sign-in.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Once,
};

use crate::{
    routes::reauth::reauthenticate,
    support::{Browser, EngineKind, PASSWORD, Program, TestDatabase, on_both_engines},
};

const EMAIL: &str = "rajat.verma@example.com";

on_both_engines!(embed_example_counts_visits_per_device, embed_example_asks_for_a_recent_proof);

/// A running example. It is killed when the value is dropped.
pub struct Example {
    process: Child,
    pub address: std::net::SocketAddr,
    /// The path of the setup page, if no account exists yet.
    setup: Option<String>,
}

impl Example {
    pub fn start(database: &TestDatabase) -> Self {
        let mut process = Command::new(binary())
            .env("DATABASE_URL", database.url())
            .env("BIND", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let first = lines.next().unwrap();
        let address = first.strip_prefix("Listening on http://").unwrap().strip_suffix("/counter").unwrap();
        let mut example = Self { process, address: address.parse().unwrap(), setup: None };
        if database.count("users", "") > 0 {
            return example;
        }
        let link = lines.next().unwrap();
        example.setup = link.split_once(address).map(|(_, path)| path.to_owned());
        example
    }

    /// Kills the process, as `kill -9` does.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Builds the example, because `cargo test --test it` does not, and returns its path.
fn binary() -> PathBuf {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| {
        let status = Command::new(env!("CARGO")).args(["build", "--quiet", "--example", "embed"]).status().unwrap();
        assert!(status.success());
    });
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().parent().unwrap().join("examples/embed")
}

fn embed_example_counts_visits_per_device(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let example = Example::start(&database);
    let mut first = Browser::new(example.address);
    let redirect = first.get("/counter");
    assert_eq!((redirect.status, redirect.location()), (303, "/login?next=%2Fcounter"));

    let setup = example.setup.clone().unwrap();
    let page = first.get(&setup);
    let token = setup.split_once("token=").unwrap().1.to_owned();
    let fields = [
        ("token", token.as_str()),
        ("csrf_token", &page.csrf_token()),
        ("email", EMAIL),
        ("first_name", "Rajat"),
        ("password", PASSWORD),
        ("password_again", PASSWORD),
    ];
    assert_eq!(first.post("/setup", &fields).status, 303);

    let mut second = Browser::new(example.address);
    second.sign_in(EMAIL, PASSWORD);
    assert_eq!(first.get("/counter").body, "Hello Rajat, this device was here 1 times.\n");
    assert_eq!(first.get("/counter").body, "Hello Rajat, this device was here 2 times.\n");
    assert_eq!(second.get("/counter").body, "Hello Rajat, this device was here 1 times.\n");

    let count = "SELECT CAST(count(*) AS text) AS v FROM user_sessions WHERE CAST(sess->>'count' AS integer) = 2";
    assert_eq!(database.text(count), "1", "the counter is stored as JSON");
    assert!(first.get("/account/sessions").body.contains("2 active sessions"));
    second.sign_out();
    assert_eq!(second.get("/counter").status, 303);
}

fn embed_example_asks_for_a_recent_proof(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    Program::new(&database).add_user(EMAIL);
    let example = Example::start(&database);
    let mut browser = Browser::new(example.address);
    let redirect = browser.get("/recovery-code");
    assert_eq!((redirect.status, redirect.location()), (303, "/login?next=%2Frecovery-code"));
    browser.sign_in(EMAIL, PASSWORD);
    let (code, changed) =
        ("rajat.verma@example.com, your recovery code is 4711.\n", "Your recovery code was changed.\n");
    assert_eq!(browser.get("/recovery-code").body, code);
    assert_eq!(browser.post("/recovery-code", &[]).body, changed);

    // As if the last proof were long ago.
    let let_proof_grow_old = || {
        let old = "2026-01-01T00:00:00.000000Z";
        database.execute(&format!("UPDATE sessions SET authenticated_at = '{old}'"));
    };
    let_proof_grow_old();
    let asked = browser.get("/recovery-code?as=text");
    assert_eq!((asked.status, asked.location()), (303, "/reauth?next=%2Frecovery-code%3Fas%3Dtext"));
    let page = asked.location().to_owned();
    assert_eq!(reauthenticate(&mut browser, &page, "not the password at all").status, 401);
    assert_eq!(browser.get("/recovery-code").status, 303);
    let proved = reauthenticate(&mut browser, &page, PASSWORD);
    assert_eq!((proved.status, proved.location()), (303, "/recovery-code?as=text"), "back to where it was asked");
    assert_eq!(browser.get(proved.location()).body, code);

    let_proof_grow_old();
    let asked = browser.post("/recovery-code", &[("as", "text")]);
    assert_eq!((asked.status, asked.location()), (303, "/reauth?next=%2Faccount%2Fsessions"));
    let page = asked.location().to_owned();
    assert_eq!(reauthenticate(&mut browser, &page, PASSWORD).location(), "/account/sessions");
    assert_eq!(browser.post("/recovery-code", &[("as", "text")]).body, changed, "the form is sent again by hand");

    let events = database.texts("SELECT kind AS v FROM security_events WHERE kind LIKE 'proof_%' ORDER BY id");
    assert_eq!(events, ["proof_requested", "proof_failed", "proof_given", "proof_given"], "requests are bounded");
    assert_eq!(browser.get("/counter").status, 200);
}
