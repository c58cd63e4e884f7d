//! The second step of a sign-in: `/login/second`

use std::{thread, time::Duration};

use keyrack::accounts::Password;

use super::{
    EMAIL, Factor, HOME, OTHER_EMAIL, SECOND, STEP, add_factor, assert_lets_in, assert_refuses, events, give_code,
    give_password, start, waiting,
};
use crate::support::{Browser, EngineKind, PASSWORD, TestApp, on_both_engines, wait, wait_until};

on_both_engines!(
    code_is_asked_for_after_the_password,
    waiting_sign_in_is_no_session,
    asvs_6_5_1_code_is_good_once,
    of_two_sign_ins_at_once_with_one_code_one_succeeds,
    asvs_6_5_5_code_is_accepted_one_step_early_or_late,
    waiting_sign_in_ends_after_five_minutes,
    waiting_sign_in_ends_with_its_password_and_its_account,
    cookie_of_one_user_is_no_use_for_another,
    wrong_codes_are_throttled_apart_from_the_owner,
    hundred_wrong_codes_lock_strangers_until_unlock,
    asvs_6_5_1_recovery_code_is_good_once,
    form_sent_twice_starts_one_session,
    wrong_password_does_not_tell_of_the_second_factor,
    code_after_one_time_password_leads_to_the_change,
    sign_in_leads_to_where_its_user_was_going,
    factor_removed_by_an_administrator_is_not_asked_for,
);

fn code_is_asked_for_after_the_password(engine: EngineKind) {
    let (app, factor) = start(engine);
    let mut browser = app.browser();
    let fields = [("email", EMAIL), ("password", PASSWORD), ("remember", "on")];
    let answer = browser.post_from("/login", "/login", &fields);
    assert_eq!((answer.status, answer.location()), (303, SECOND), "{}", answer.body);
    let cookie = answer.set_cookies().into_iter().find(|cookie| cookie.starts_with("keyrack.second=")).unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Max-Age=300"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let form = browser.get(SECOND);
    for part in ["autocomplete=\"one-time-code\"", "inputmode=\"numeric\""] {
        assert!(form.body.contains(part), "{}", form.body);
    }
    assert_refuses(&give_code(&mut browser, "000000"), 401, "This code is wrong.");
    let code = factor.next_code(&app);
    let answer = give_code(&mut browser, &format!(" {} {} ", &code[..3], &code[3..]));
    assert_lets_in(&answer);
    assert!(!browser.cookies.contains_key("keyrack.second"), "it is gone after its use");
    assert!(browser.is_signed_in());
    assert_eq!(app.count("sessions", "WHERE authorised_by = 'password+totp' AND remembered"), 1);
    let detail = &events(&app, "signed_in")[1]["detail"];
    assert_eq!(detail["authorised_by"], "password+totp");
    assert_eq!(events(&app, "sign_in_failed")[0]["detail"]["cause"], "wrong_code");
    assert!(browser.get("/account/activity").text().contains("Signed in with the password and a code of the app"));
    app.assert_sound();
}

fn waiting_sign_in_is_no_session(engine: EngineKind) {
    let (app, _) = start(engine);
    let rows = || (app.count("sessions", ""), app.count("user_sessions", ""), app.count("known_browsers", ""));
    let before = rows();
    let mut browser = waiting(&app);
    assert!(!browser.is_signed_in());
    for path in [HOME, "/account/security", "/account/activity", "/account/password", "/reauth", "/api/session"] {
        browser.get(path).assert_not_signed_in();
    }
    assert_eq!(browser.get(SECOND).status, 200);
    assert_eq!(browser.get("/login").status, 200);
    assert_eq!(rows(), before);
}

fn asvs_6_5_1_code_is_good_once(engine: EngineKind) {
    let (app, factor) = start(engine);
    let (mut one, mut other, mut third) = (waiting(&app), waiting(&app), waiting(&app));
    assert_refuses(&give_code(&mut one, &factor.code(&app)), 401, "has already been used");
    let code = factor.next_code(&app);
    assert_lets_in(&give_code(&mut one, &code));
    assert_refuses(&give_code(&mut other, &code), 401, "has already been used");
    let earlier = factor.authenticator.code_at(app.clock.now() - STEP);
    assert_refuses(&give_code(&mut other, &earlier), 401, "has already been used");
    assert_eq!(events(&app, "sign_in_failed").last().unwrap()["detail"]["cause"], "used_code");
    assert_lets_in(&give_code(&mut other, &factor.next_code(&app)));
    let early = factor.authenticator.code_at(app.clock.now() + STEP);
    assert_lets_in(&give_code(&mut third, &early));
}

fn of_two_sign_ins_at_once_with_one_code_one_succeeds(engine: EngineKind) {
    let (app, factor) = start(engine);
    // Another instance has connections of its own.
    let other = TestApp::over(app.database(), app.clock.clone(), |_| ());
    let code = factor.next_code(&app);
    let browsers: Vec<Browser> =
        (0..6).map(|number| if number % 2 == 0 { waiting(&app) } else { waiting(&app).at(other.address) }).collect();
    let let_in = thread::scope(|scope| {
        let attempts = browsers.into_iter().map(|mut browser| {
            let code = &code;
            scope.spawn(move || give_code(&mut browser, code).status)
        });
        let attempts: Vec<_> = attempts.collect();
        attempts.into_iter().map(|attempt| attempt.join().unwrap()).filter(|status| *status == 303).count()
    });
    assert_eq!((let_in, app.count("sessions", "WHERE authorised_by = 'password+totp'")), (1, 1));
}

fn asvs_6_5_5_code_is_accepted_one_step_early_or_late(engine: EngineKind) {
    let (app, factor) = start(engine);
    app.advance(STEP * 10);
    let at = |steps: i32| {
        let now = app.clock.now();
        factor.authenticator.code_at(if steps < 0 {
            now - STEP * steps.unsigned_abs()
        } else {
            now + STEP * steps.unsigned_abs()
        })
    };
    for steps in [-2, 2] {
        assert_refuses(&give_code(&mut waiting(&app), &at(steps)), 401, "This code is wrong.");
    }
    for steps in [-1, 0, 1] {
        assert_lets_in(&give_code(&mut waiting(&app), &at(steps)));
    }
}

fn waiting_sign_in_ends_after_five_minutes(engine: EngineKind) {
    let (app, factor) = start(engine);
    let (mut in_time, mut late) = (waiting(&app), waiting(&app));
    let token = late.get(SECOND).csrf_token();
    app.advance(Duration::from_secs(5 * 60 - 31));
    assert_lets_in(&give_code(&mut in_time, &factor.next_code(&app)));
    let code = factor.next_code(&app);
    let answer = late.post(SECOND, &[("code", &code), ("csrf_token", &token)]);
    assert_eq!((answer.status, answer.location()), (303, "/login?again=on"));
    assert!(late.get(answer.location()).text().contains("The code came too late"));
    assert!(!late.is_signed_in());
    assert_eq!(app.browser().get(SECOND).location(), "/login?again=on", "as without a sign-in");
}

fn waiting_sign_in_ends_with_its_password_and_its_account(engine: EngineKind) {
    let (app, factor) = start(engine);
    let accounts = app.keyrack.accounts();
    let email = EMAIL.parse().unwrap();
    let is_over = |mut browser: Browser, token: String, code: &str| {
        let answer = browser.post(SECOND, &[("code", code), ("csrf_token", &token)]);
        assert_eq!((answer.status, answer.location()), (303, "/login?again=on"));
        assert!(!browser.is_signed_in());
    };
    let mut browser = waiting(&app);
    let token = browser.get(SECOND).csrf_token();
    app.advance(Duration::from_secs(1));
    wait(accounts.set_password(&email, Password::new(PASSWORD))).unwrap();
    is_over(browser, token, &factor.next_code(&app));
    let mut browser = waiting(&app);
    let token = browser.get(SECOND).csrf_token();
    wait(accounts.disable(&email)).unwrap();
    is_over(browser, token, &factor.next_code(&app));
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 0);
}

fn cookie_of_one_user_is_no_use_for_another(engine: EngineKind) {
    let (app, factor) = start(engine);
    app.add_user(OTHER_EMAIL);
    let other = add_factor(&app, OTHER_EMAIL);
    let mut browser = waiting(&app);
    assert_refuses(&give_code(&mut browser, &other.next_code(&app)), 401, "This code is wrong.");
    assert_refuses(&give_code(&mut browser, &other.recovery_codes[0]), 401, "This code is wrong.");
    // As if it were the other user's: the signature is that of the first.
    let value = browser.cookies["keyrack.second"].clone();
    let ids = app.texts("SELECT CAST(id AS varchar(36)) AS v FROM users");
    let (own, other_id) = if value.starts_with(&ids[0]) { (&ids[0], &ids[1]) } else { (&ids[1], &ids[0]) };
    let forged = value.replace(own.as_str(), other_id);
    let mut thief = app.browser().with_cookie("keyrack.second", &forged);
    assert_eq!(thief.get(SECOND).location(), "/login?again=on");
    assert_lets_in(&give_code(&mut browser, &factor.code(&app)));
}

fn wrong_codes_are_throttled_apart_from_the_owner(engine: EngineKind) {
    let (app, mut factor) = start(engine);
    let mut stranger = waiting(&app);
    for _ in 0..10 {
        assert_refuses(&give_code(&mut stranger, "000000"), 401, "This code is wrong.");
    }
    let refused = give_code(&mut stranger, "000000");
    assert_refuses(&refused, 429, "Too many attempts");
    assert_eq!(refused.header("retry-after"), Some("1"));
    // The next code, which the right app shows in a moment: the clock stands still.
    let code = factor.authenticator.code_at(app.clock.now() + STEP);
    assert_refuses(&give_code(&mut waiting(&app), &code), 429, "Too many attempts");
    // The browser that has signed in before has its own attempts.
    factor.browser.sign_out();
    give_password(&mut factor.browser, EMAIL);
    assert_lets_in(&give_code(&mut factor.browser, &code));
    // It is stored after the answer.
    wait_until(|| !events(&app, "sign_in_throttled").is_empty());
}

fn hundred_wrong_codes_lock_strangers_until_unlock(engine: EngineKind) {
    let (app, factor) = start(engine);
    let mut stranger = waiting(&app);
    assert_refuses(&give_code(&mut stranger, "000000"), 401, "This code is wrong.");
    app.execute("UPDATE sign_in_failures SET in_a_row = 99 WHERE key LIKE 'codes:%'");
    assert_refuses(&give_code(&mut stranger, "000000"), 401, "This code is wrong.");
    assert_eq!(events(&app, "account_locked")[0]["detail"]["second_factor"], true);
    app.advance(Duration::from_secs(3600));
    let mut stranger = waiting(&app);
    assert_refuses(&give_code(&mut stranger, &factor.code(&app)), 429, "Too many wrong codes");
    // A new password does not help those who can set one to guess on.
    wait(app.keyrack.accounts().set_password(&EMAIL.parse().unwrap(), Password::new(PASSWORD))).unwrap();
    assert_refuses(&give_code(&mut waiting(&app), &factor.next_code(&app)), 429, "Too many wrong codes");
    wait(app.keyrack.accounts().unlock(&EMAIL.parse().unwrap())).unwrap();
    assert_lets_in(&give_code(&mut waiting(&app), &factor.next_code(&app)));
}

fn asvs_6_5_1_recovery_code_is_good_once(engine: EngineKind) {
    let (app, factor) = start(engine);
    let mut browser = waiting(&app);
    let form = browser.get("/login/second?with=recovery");
    assert!(form.body.contains("inputmode=\"text\"") && form.body.contains("autocomplete=\"off\""), "{}", form.body);
    let typed = factor.recovery_codes[3].to_uppercase().replace('-', " ");
    assert_lets_in(&give_code(&mut browser, &typed));
    assert_eq!(app.count("sessions", "WHERE authorised_by = 'password+recovery_code'"), 1);
    assert!(browser.get("/account/security").text().contains("9 codes are left."));
    let mut other = waiting(&app);
    let fields = [("code", factor.recovery_codes[3].as_str()), ("with", "recovery")];
    assert_refuses(&other.post_from(SECOND, SECOND, &fields), 401, "This recovery code has already been used.");
    let unknown = [("code", "0000-0000-0000"), ("with", "recovery")];
    assert_refuses(&other.post_from(SECOND, SECOND, &unknown), 401, "This is not one of your recovery codes.");
    assert_lets_in(&give_code(&mut other, &factor.recovery_codes[4]));
}

fn form_sent_twice_starts_one_session(engine: EngineKind) {
    let (app, factor) = start(engine);
    for code in [factor.next_code(&app), factor.recovery_codes[0].clone()] {
        let before = app.count("sessions", "");
        let mut browser = waiting(&app);
        let token = browser.get(SECOND).csrf_token();
        let fields = [("code", code.as_str()), ("csrf_token", &token)];
        let (mut first, mut second) = (browser.clone(), browser.clone());
        thread::scope(|scope| {
            let sent = scope.spawn(|| assert_lets_in(&first.post(SECOND, &fields)));
            assert_lets_in(&second.post(SECOND, &fields));
            sent.join().unwrap();
        });
        assert!(first.is_signed_in() && second.is_signed_in());
        assert_eq!(app.count("sessions", ""), before + 1);
        // Another form with the same code is another sign-in.
        assert_eq!(give_code(&mut waiting(&app), &code).status, 401);
        app.advance(Duration::from_secs(6));
        browser.cookies.remove("keyrack.sid");
        assert_eq!(browser.post(SECOND, &fields).status, 401, "it is not sent by mistake any more");
    }
}

fn wrong_password_does_not_tell_of_the_second_factor(engine: EngineKind) {
    let (app, _) = start(engine);
    app.add_user(OTHER_EMAIL);
    let wrong = |email: &str| {
        let answer = app.browser().sign_in(email, "not the password at all");
        assert!(answer.set_cookies().iter().all(|cookie| !cookie.contains("second")), "{answer:?}");
        (answer.status, answer.without_tokens().replace(email, "ADDRESS"))
    };
    assert_eq!(wrong(EMAIL), wrong(OTHER_EMAIL));
    assert_eq!(wrong(EMAIL), wrong("nobody@example.com"));
}

fn code_after_one_time_password_leads_to_the_change(engine: EngineKind) {
    let (app, factor) = start(engine);
    app.advance(Duration::from_secs(1));
    let one_time = "seven otters in a boat";
    wait(app.keyrack.accounts().set_one_time_password(&EMAIL.parse().unwrap(), Password::new(one_time))).unwrap();
    let (mut browser, mut other) = (app.browser(), app.browser());
    for browser in [&mut browser, &mut other] {
        assert_eq!(browser.sign_in(EMAIL, one_time).location(), SECOND);
    }
    let answer = give_code(&mut browser, &factor.next_code(&app));
    assert_eq!((answer.status, answer.location()), (303, "/account/password"), "{}", answer.body);
    assert_eq!(browser.get("/api/session").status, 403);
    assert_eq!(app.count("sessions", "WHERE authorised_by = 'one_time_password+totp' AND must_change_password"), 1);
    assert_eq!(other.get(SECOND).location(), "/login?again=on", "the password is used up");
}

fn sign_in_leads_to_where_its_user_was_going(engine: EngineKind) {
    let (app, factor) = start(engine);
    let mut browser = app.browser();
    let next = "/account/sessions?show=ended";
    let fields = [("email", EMAIL), ("password", PASSWORD), ("next", next)];
    let answer = browser.post_from("/login", "/login", &fields);
    assert_eq!(answer.location(), "/login/second?next=%2Faccount%2Fsessions%3Fshow%3Dended");
    let form = browser.get(answer.location());
    let shown = form.between("name=\"next\" value=\"", "\"").replace("&#38;", "&");
    assert_eq!(shown, next);
    let fields = [("code", factor.next_code(&app)), ("next", shown)];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(browser.post_from(SECOND, SECOND, &fields).location(), next);
    let mut browser = waiting(&app);
    let fields = [("code", factor.next_code(&app)), ("next", "https://evil.example/".to_owned())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(browser.post_from(SECOND, SECOND, &fields).location(), HOME);
}

fn factor_removed_by_an_administrator_is_not_asked_for(engine: EngineKind) {
    let (app, Factor { mut browser, .. }) = start(engine);
    let mut pending = waiting(&app);
    let email = EMAIL.parse().unwrap();
    assert_eq!(wait(app.keyrack.accounts().remove_lost_second_factor(&email)).unwrap(), Some(true));
    assert_eq!(wait(app.keyrack.accounts().remove_lost_second_factor(&email)).unwrap(), Some(false));
    assert_eq!(pending.get(SECOND).location(), "/login?again=on");
    assert!(app.signed_in(EMAIL).is_signed_in());
    assert_eq!((app.count("totp_factors", ""), app.count("recovery_codes", "")), (0, 0));
    let removed = events(&app, "second_factor_removed");
    assert_eq!((removed.len(), &removed[0]["actor"]), (1, &"admin".into()));
    let activity = browser.get("/account/activity").text();
    assert!(activity.contains("Authenticator app removed") && activity.contains("By an administrator"), "{activity}");
}
