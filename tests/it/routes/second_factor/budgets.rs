//! How many wrong codes may be given, and who can't be locked out by them

use std::time::Duration;

use super::{EMAIL, SECOND, assert_lets_in, assert_refuses, events, give_code, give_password, links, start, waiting};
use crate::support::{Browser, EngineKind, TestApp, on_both_engines};

on_both_engines!(
    recovery_code_lets_in_after_a_hundred_wrong_codes,
    wrong_recovery_codes_have_a_budget_that_fills_up_again,
    wrong_recovery_codes_cost_the_app_no_attempt,
    code_on_a_known_browser_ends_the_row_of_strangers,
    repeated_form_does_not_extend_its_window,
);

/// Codes that no one has.
fn unknown_code(number: usize) -> String {
    format!("0000-0000-{number:04}")
}

/// As if so many wrong codes had been given a while ago.
fn set_wrong_codes(app: &TestApp, count: u32) {
    assert_refuses(&give_code(&mut waiting(app), "000000"), 401, "This code is wrong.");
    app.execute(&format!("UPDATE sign_in_failures SET in_a_row = {count} WHERE key LIKE 'codes:%'"));
    app.advance(Duration::from_secs(3600));
}

/// A thief who knows the password has used up the codes. After a reset, no browser of the owner is known any longer.
fn recovery_code_lets_in_after_a_hundred_wrong_codes(engine: EngineKind) {
    let (app, factor) = start(engine);
    set_wrong_codes(&app, 100);
    let path = links::reset_link(&app);
    let mut owner = factor.browser.clone();
    assert_eq!(links::set_password(&mut owner, &path, links::NEW).location(), SECOND);
    assert_eq!(app.count("known_browsers", ""), 0);
    assert_refuses(&give_code(&mut owner, &factor.next_code(&app)), 429, "Use one of your recovery codes");
    assert_lets_in(&give_code(&mut owner, &factor.recovery_codes[0]));
    // The owner is in, so the app is good again, too.
    let mut other = app.browser();
    assert_eq!(other.sign_in(EMAIL, links::NEW).location(), SECOND);
    assert_lets_in(&give_code(&mut other, &factor.next_code(&app)));
}

fn wrong_recovery_codes_have_a_budget_that_fills_up_again(engine: EngineKind) {
    let (app, factor) = start(engine);
    let mut stranger = waiting(&app);
    for number in 0..10 {
        assert_refuses(&give_code(&mut stranger, &unknown_code(number)), 401, "This code is wrong.");
    }
    let refused = give_code(&mut stranger, &unknown_code(10));
    assert_refuses(&refused, 429, "Too many attempts");
    assert_eq!(refused.header("retry-after"), Some("90"));
    assert_eq!(events(&app, "sign_in_failed").len(), 10, "refused ones are summed up");
    let mut known = factor.browser.clone();
    known.sign_out();
    give_password(&mut known, EMAIL);
    assert_lets_in(&give_code(&mut known, &factor.recovery_codes[0]));
    app.advance(Duration::from_secs(90));
    assert_lets_in(&give_code(&mut waiting(&app), &factor.recovery_codes[1]));
    assert_eq!(app.count("sign_in_failures", "WHERE key LIKE 'recovery%'"), 0);
}

fn wrong_recovery_codes_cost_the_app_no_attempt(engine: EngineKind) {
    let (app, factor) = start(engine);
    set_wrong_codes(&app, 98);
    for number in 0..10 {
        assert_refuses(&give_code(&mut waiting(&app), &unknown_code(number)), 401, "This code is wrong.");
    }
    assert_eq!(events(&app, "account_locked").len(), 0);
    assert_lets_in(&give_code(&mut waiting(&app), &factor.code(&app)));
}

fn code_on_a_known_browser_ends_the_row_of_strangers(engine: EngineKind) {
    let (app, factor) = start(engine);
    set_wrong_codes(&app, 100);
    assert_refuses(&give_code(&mut waiting(&app), &factor.code(&app)), 429, "Too many wrong codes");
    let mut known = factor.browser.clone();
    known.sign_out();
    give_password(&mut known, EMAIL);
    assert_lets_in(&give_code(&mut known, &factor.next_code(&app)));
    assert_lets_in(&give_code(&mut waiting(&app), &factor.next_code(&app)));
}

/// The window begins with the first use: else a form could be repeated for ever, by someone who has recorded it.
fn repeated_form_does_not_extend_its_window(engine: EngineKind) {
    let (app, factor) = start(engine);
    for code in [factor.next_code(&app), factor.recovery_codes[0].clone()] {
        let mut browser = waiting(&app);
        let token = browser.get(SECOND).csrf_token();
        let send = |mut browser: Browser| browser.post(SECOND, &[("code", &code), ("csrf_token", &token)]);
        for _ in 0..2 {
            assert_lets_in(&send(browser.clone()));
            app.advance(Duration::from_secs(4));
        }
        assert_eq!(send(browser.clone()).status, 401, "{code} eight seconds after its use");
    }
}
