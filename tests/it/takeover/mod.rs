//! A thief with a copied cookie does what comes to mind; its owner then reports the session once. Nothing of the thief's may
//! let in after that, and the owner must still get in.
//!
//! Each run is a random program of actions; one that fails is shortened and printed. `KEYRACK_TEST_TAKEOVER_RUNS` sets the
//! number of runs, which is small within the suite.

mod action;
mod owner;
mod thief;

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner},
};

use crate::{
    mail::settings,
    routes::passkeys::ORIGIN,
    support::{EngineKind, MailServer, TestApp, mail_server, on_both_engines},
};
use action::{Action, any_action};
use owner::{Account, Owner};
use thief::Thief;

on_both_engines!(nothing_of_a_thief_lets_in_after_the_report,);

/// Runs within the suite.
const RUNS: u32 = 25;

/// Runs with one server, whose tables and mails would otherwise make each run slower than the last.
const RUNS_PER_SERVER: u32 = 100;

/// What at least one thief must have done, or the programs test nothing.
const KINDS: [&str; 4] = ["second_factor_added", "passkey_added", "session_renamed", "email_changed"];

/// The longest program.
const MAX_ACTIONS: usize = 20;

/// What a thief does, and what the account was like before.
#[derive(Debug, Clone)]
struct Program {
    account: Account,
    knows_password: bool,
    actions: Vec<Action>,
}

fn any_program() -> impl Strategy<Value = Program> {
    let account = any::<[bool; 3]>().prop_map(|[has_app, has_passkey, asks_operator]| Account {
        has_app,
        has_passkey,
        asks_operator,
    });
    let program = (account, any::<bool>(), vec(any_action(), 1..=MAX_ACTIONS));
    program.prop_map(|(account, knows_password, actions)| Program { account, knows_password, actions })
}

fn nothing_of_a_thief_lets_in_after_the_report(engine: EngineKind) {
    let runs = std::env::var("KEYRACK_TEST_TAKEOVER_RUNS").map_or(RUNS, |runs| runs.parse().unwrap());
    if !mail_server::is_available() {
        return;
    }
    let mut done = [0; KINDS.len()];
    for first in (0..runs).step_by(RUNS_PER_SERVER as usize) {
        let found = run_on_new_server(engine, RUNS_PER_SERVER.min(runs - first));
        done.iter_mut().zip(found).for_each(|(done, found)| *done += found);
    }
    assert!(!done.contains(&0), "the programs test too little: {KINDS:?} {done:?}");
}

/// Returns how many events of each kind the thieves have caused.
fn run_on_new_server(engine: EngineKind, runs: u32) -> [usize; KINDS.len()] {
    let server = MailServer::start();
    let app = TestApp::with(engine, |config| {
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.mail = Some(settings(&server.url()));
        config.public_url = ORIGIN.parse().unwrap();
    });
    let config =
        Config { cases: runs, failure_persistence: Some(Box::new(FileFailurePersistence::Off)), ..Config::default() };
    let number = std::cell::Cell::new(0_u32);
    let run = TestRunner::new(config).run(&any_program(), |program| {
        number.set(number.get() + 1);
        take_over(&app, &server, number.get(), &program).map_err(TestCaseError::fail)
    });
    if let Err(problem) = run {
        panic!("{problem}");
    }
    app.assert_sound();
    KINDS.map(|kind| app.count("security_events", &format!("WHERE kind = '{kind}' AND ip_address LIKE '10.%'")))
}

/// One run with a new account.
fn take_over(app: &TestApp, server: &MailServer, number: u32, program: &Program) -> Result<(), String> {
    let mut owner = Owner::new(app, &format!("user{number}@example.com"), program.account);
    // Wrong passwords and codes of one run must not delay the next one.
    let [_, second, third, fourth] = number.to_be_bytes();
    let address = format!("10.{second}.{third}.{fourth}");
    let mut thief = Thief::new(&owner, &address, program.knows_password);
    for action in &program.actions {
        thief.act(app, server, action);
    }
    owner.report(app, server);
    thief.has_lost_followers(app)?;
    if thief.knows_password() {
        owner.report_those_since();
        owner.choose_new_password();
    }
    owner.has_address(app)?;
    thief.try_mails(app, server);
    owner.has_address(app)?;
    thief.is_out(app, &owner.email)?;
    owner.gets_in(app, &thief)
}
