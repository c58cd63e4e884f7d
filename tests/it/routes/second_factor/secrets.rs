//! What the keys of second factors protect, and what becomes of these when the secrets change

use super::{EMAIL, SECURITY, assert_lets_in, assert_refuses, events, give_code, start, waiting};
use crate::support::{EngineKind, PASSWORD, Program, SECRETS, TestApp, on_both_engines};

on_both_engines!(
    asvs_6_5_2_database_alone_gives_no_code,
    older_secret_reads_factors_and_the_newest_seals_them_again,
    factor_of_a_removed_secret_says_so,
    doctor_reports_unreadable_and_missing_factors,
    asvs_6_4_4_operator_removes_a_lost_factor,
);

const NEWER: &str = "violet harbour gravel 4711";

/// Another instance with these secrets.
fn with_secrets(app: &TestApp, secrets: &str) -> TestApp {
    TestApp::over(app.database(), app.clock.clone(), |config| config.secrets = secrets.parse().unwrap())
}

fn asvs_6_5_2_database_alone_gives_no_code(engine: EngineKind) {
    let (app, factor) = start(engine);
    let rows = format!("{:?}{:?}", app.rows("totp_factors", ""), app.rows("recovery_codes", ""));
    for code in &factor.recovery_codes {
        assert!(!rows.contains(code) && !rows.contains(&code.replace('-', "")), "{rows}");
    }
    let sealed = app.text("SELECT sealed_secret AS v FROM totp_factors");
    // 12 bytes of nonce, 20 of the secret, 16 that authenticate both, in base64.
    assert_eq!(sealed.len(), 64, "{sealed}");
    // In the row of another user, the secret can't be read.
    app.add_user("ana@example.com");
    app.execute(
        "UPDATE totp_factors SET user_id = (SELECT id FROM users WHERE email = 'ana@example.com');
         UPDATE recovery_codes SET user_id = (SELECT id FROM users WHERE email = 'ana@example.com')",
    );
    let mut browser = app.browser();
    browser.sign_in("ana@example.com", PASSWORD);
    assert_refuses(&give_code(&mut browser, &factor.next_code(&app)), 503, "can’t be checked");
    assert_refuses(&give_code(&mut browser, &factor.recovery_codes[0]), 401, "This code is wrong.");
}

fn older_secret_reads_factors_and_the_newest_seals_them_again(engine: EngineKind) {
    let (app, factor) = start(engine);
    let sealed = || app.text("SELECT sealed_secret AS v FROM totp_factors");
    let first = sealed();
    let both = with_secrets(&app, &format!("{NEWER},{SECRETS}"));
    assert_lets_in(&give_code(&mut waiting(&both), &factor.recovery_codes[0]));
    assert_eq!(sealed(), first, "a recovery code does not read it");
    assert_lets_in(&give_code(&mut waiting(&both), &factor.next_code(&app)));
    assert_ne!(sealed(), first);
    let newer = with_secrets(&app, NEWER);
    assert_lets_in(&give_code(&mut waiting(&newer), &factor.next_code(&app)));
    let mut browser = waiting(&newer);
    assert_refuses(&give_code(&mut browser, &factor.recovery_codes[1]), 401, "This code is wrong.");
    assert_lets_in(&give_code(&mut browser, &factor.next_code(&app)));
    assert!(browser.get(SECURITY).text().contains("No code is left."), "those of a removed secret don't count");
}

fn factor_of_a_removed_secret_says_so(engine: EngineKind) {
    let (app, factor) = start(engine);
    let other = with_secrets(&app, NEWER);
    let mut browser = waiting(&other);
    // However often it is tried: it is not the user's fault, so it does not count.
    for _ in 0..12 {
        assert_refuses(&give_code(&mut browser, &factor.code(&app)), 503, "Ask your administrator");
        assert_refuses(&give_code(&mut browser, &factor.recovery_codes[0]), 503, "KEYRACK_SECRETS");
    }
    assert_eq!(app.count("sign_in_failures", ""), 0);
    let failed = events(&app, "sign_in_failed");
    assert_eq!((failed.len(), &failed[0]["detail"]["cause"]), (1, &"unreadable_factor".into()));
    assert!(!browser.is_signed_in());
    assert_lets_in(&give_code(&mut waiting(&app), &factor.next_code(&app)));
}

fn doctor_reports_unreadable_and_missing_factors(engine: EngineKind) {
    let (app, _) = start(engine);
    let program = Program::new(app.database());
    let readable = program.clone().with("KEYRACK_SECRETS", SECRETS);
    assert_eq!(readable.run(&["doctor"]).status, 0);
    let unreadable = program.with("KEYRACK_SECRETS", NEWER).run(&["doctor"]);
    assert_eq!(unreadable.status, 1, "{unreadable:?}");
    assert!(unreadable.out.contains("can read the second factor of the user"), "{unreadable:?}");
    app.add_user("ana@example.com");
    let demanded = readable.with("KEYRACK_SECOND_FACTOR", "everyone").run(&["doctor"]);
    demanded.assert_stderr_contains(&["users who must have a second factor and have none yet: 1"]);
}

fn asvs_6_4_4_operator_removes_a_lost_factor(engine: EngineKind) {
    let (app, _) = start(engine);
    let program = Program::new(app.database());
    assert_eq!(program.json(&["user", "list", "--json"])[0]["second_factor"], true);
    assert!(program.done(&["user", "list"]).contains("SECOND FACTOR"));
    let removed = program.done(&["user", "remove-second-factor", EMAIL]);
    assert!(removed.contains("Removed the second factor and the passkeys of rajat.verma@example.com"), "{removed}");
    assert_eq!(program.json(&["user", "list", "--json"])[0]["second_factor"], false);
    let event = &events(&app, "second_factor_removed")[0];
    assert_eq!(event["actor"], "command");
    program.run(&["user", "remove-second-factor", EMAIL]).assert_refused(1, &["has no second factor"]);
    program.run(&["user", "remove-second-factor", "nobody@example.com"]).assert_refused(1, &["no user"]);
}
