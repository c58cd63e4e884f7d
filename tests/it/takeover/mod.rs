//! A thief with a copied cookie does what comes to mind; its owner then reports the session once. Nothing of the thief's may
//! let in after that, and the owner must still get in.
//!
//! Each run is a random program of actions; one that fails is shortened and printed. `KEYRACK_TEST_TAKEOVER_RUNS` sets the
//! number of runs, which is small within the suite.

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
use owner::{Account, Owner};
use thief::{Action, Thief, any_action};

on_both_engines!(nothing_of_a_thief_lets_in_after_the_report,);

/// Runs within the suite.
const RUNS: u32 = 25;

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
    let account = (any::<bool>(), any::<bool>()).prop_map(|(has_app, has_passkey)| Account { has_app, has_passkey });
    let program = (account, any::<bool>(), vec(any_action(), 1..=MAX_ACTIONS));
    program.prop_map(|(account, knows_password, actions)| Program { account, knows_password, actions })
}

fn nothing_of_a_thief_lets_in_after_the_report(engine: EngineKind) {
    let runs = std::env::var("KEYRACK_TEST_TAKEOVER_RUNS").map_or(RUNS, |runs| runs.parse().unwrap());
    if !mail_server::is_available() {
        return;
    }
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
    // Or the programs test nothing.
    for kind in ["second_factor_added", "passkey_added", "session_renamed"] {
        assert!(
            app.count("security_events", &format!("WHERE kind = '{kind}' AND ip_address LIKE '10.%'")) > 0,
            "{kind}"
        );
    }
    app.assert_sound();
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
    thief.is_out(app)?;
    owner.gets_in(app, &thief)
}
