//! The sign-in with a password that is good for one, and what becomes of the password

use std::{thread, time::Duration};

use keyrack::accounts::{HashCost, Password};

use super::{EMAIL, NEW, ONE_TIME, PAGE, change, is_restricted, restricted, set_one_time_password, start};
use crate::support::{Answer, Browser, EngineKind, PASSWORD, TestApp, on_both_engines, wait};

on_both_engines!(
    of_two_sign_ins_at_once_one_succeeds_and_the_others_are_told,
    sign_in_that_another_one_overtakes_is_told,
    sign_in_that_a_change_overtakes_is_refused_on_its_form,
    used_up_password_is_told_only_to_who_knows_it,
    used_up_password_counts_as_a_failure,
    sign_in_again_in_the_same_browser_goes_on_with_the_change,
    new_one_time_password_replaces_a_used_one,
    lasting_password_ends_the_restriction,
    signing_out_before_the_change_uses_the_password_up,
    one_time_session_on_a_signed_in_browser_is_a_new_one,
    disabled_user_cannot_use_a_one_time_password,
);

fn of_two_sign_ins_at_once_one_succeeds_and_the_others_are_told(engine: EngineKind) {
    for _ in 0..5 {
        let app = start(engine);
        let browsers: Vec<Browser> = (0..6).map(|_| app.browser()).collect();
        let signed_in = thread::scope(|scope| {
            let clicks = browsers.into_iter().map(|mut browser| {
                scope.spawn(move || {
                    let answer = browser.sign_in(EMAIL, ONE_TIME);
                    let is_signed_in = browser.cookies.contains_key("keyrack.sid");
                    if is_signed_in {
                        assert_eq!((answer.status, answer.location()), (303, PAGE), "{answer:?}");
                    } else {
                        assert_told(&answer);
                    }
                    is_signed_in
                })
            });
            let clicks: Vec<_> = clicks.collect();
            clicks.into_iter().map(|click| click.join().unwrap()).filter(|is_signed_in| *is_signed_in).count()
        });
        assert_eq!((signed_in, app.count("sessions", "")), (1, 1));
        let failed = "WHERE kind = 'sign_in_failed' AND CAST(detail AS text) LIKE '%used_up_password%'";
        assert_eq!(app.count("security_events", failed), 5);
        app.assert_sound();
    }
}

/// Asserts that the sign-in form is shown again, with the address that was sent, and says what happened to the password.
#[track_caller]
fn assert_told(answer: &Answer) {
    assert_eq!(answer.status, 401, "{answer:?}");
    let text = answer.text();
    for part in ["This one-time password has already been used.", "ask your administrator for a new one"] {
        assert!(text.contains(part), "{part:?} is missing: {text}");
    }
    assert!(answer.body.contains(&format!("value=\"{EMAIL}\"")) && !answer.body.contains(ONE_TIME), "{}", answer.body);
    assert!(answer.body.contains("name=\"csrf_token\""), "the form can be sent again");
    assert!(!answer.set_cookies().iter().any(|cookie| cookie.starts_with("keyrack.sid=")), "{answer:?}");
}

/// Signs in while `change` is made between the check of the password and the start of the session.
fn sign_in_while(app: &TestApp, password: &str, change: &str) -> Answer {
    // A sign-in with a right password stores its hash anew, by the instance's cost, before its session starts.
    let other_cost = TestApp::over(app.database(), app.clock.clone(), |config| config.hash_cost = HashCost::default());
    app.execute(&match app.database().kind() {
        EngineKind::Sqlite => {
            format!("CREATE TRIGGER test_overtake AFTER UPDATE OF password_hash ON users BEGIN {change}; END")
        }
        EngineKind::Postgres => format!(
            "CREATE FUNCTION test_overtake() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {change}; RETURN NULL; END $$;
             CREATE TRIGGER test_overtake AFTER UPDATE OF password_hash ON users
                 FOR EACH ROW EXECUTE FUNCTION test_overtake()"
        ),
    });
    let answer = other_cost.browser().sign_in(EMAIL, password);
    app.execute(match app.database().kind() {
        EngineKind::Sqlite => "DROP TRIGGER test_overtake",
        EngineKind::Postgres => "DROP TRIGGER test_overtake ON users; DROP FUNCTION test_overtake",
    });
    assert_eq!(app.count("sessions", ""), 0);
    answer
}

fn sign_in_that_another_one_overtakes_is_told(engine: EngineKind) {
    let app = start(engine);
    assert_told(&sign_in_while(&app, ONE_TIME, "UPDATE one_time_passwords SET used_at = password_changed_at"));
    let failed = app.rows("security_events", "WHERE kind = 'sign_in_failed'");
    assert_eq!((failed.len(), &failed[0]["detail"]["cause"]), (1, &"used_up_password".into()));
}

/// As if it had come a moment later.
fn sign_in_that_a_change_overtakes_is_refused_on_its_form(engine: EngineKind) {
    for change in ["password_changed_at = '2999-01-01T00:00:00.000000Z'", "disabled_at = '2026-01-01T00:00:00.000000Z'"]
    {
        for (password, one_time) in [(PASSWORD, false), (ONE_TIME, true)] {
            let app = TestApp::new(engine);
            app.add_user(EMAIL);
            if one_time {
                set_one_time_password(&app, ONE_TIME);
            }
            let wrong = app.browser().sign_in(EMAIL, "not the password at all");
            let refused = sign_in_while(&app, password, &format!("UPDATE users SET {change}"));
            assert_eq!((refused.status, refused.header("location")), (401, None), "{change}: {refused:?}");
            assert_eq!(refused.without_tokens(), wrong.without_tokens(), "{change}");
        }
    }
}

fn used_up_password_is_told_only_to_who_knows_it(engine: EngineKind) {
    let app = start(engine);
    let wrong = |email: &str| {
        let answer = app.browser().sign_in(email, "not the password at all");
        (answer.status, answer.without_tokens().replace(email, "ADDRESS"))
    };
    let before = wrong(EMAIL);
    restricted(&app);
    assert_eq!(wrong(EMAIL), before, "a wrong password says nothing about the account");
    assert_eq!(wrong("nobody@example.com"), before);
    assert!(app.browser().sign_in(EMAIL, ONE_TIME).text().contains("has already been used"));
}

/// Otherwise who knows it could forget the failures of others who guess, and try for free.
fn used_up_password_counts_as_a_failure(engine: EngineKind) {
    let app = start(engine);
    restricted(&app);
    for _ in 0..10 {
        assert_eq!(app.browser().sign_in(EMAIL, ONE_TIME).status, 401);
    }
    assert_eq!(app.browser().sign_in(EMAIL, ONE_TIME).status, 429);
}

/// As after a double click, if both responses arrive.
fn sign_in_again_in_the_same_browser_goes_on_with_the_change(engine: EngineKind) {
    let app = start(engine);
    let mut browser = app.browser();
    let token = browser.get("/login").csrf_token();
    let fields = [("email", EMAIL), ("password", ONE_TIME), ("csrf_token", &token)];
    for _ in 0..2 {
        let answer = browser.post("/login", &fields);
        assert_eq!((answer.status, answer.location()), (303, PAGE), "{}", answer.body);
    }
    assert!(is_restricted(&mut browser));
    assert_eq!(app.count("sessions", ""), 1);
}

fn new_one_time_password_replaces_a_used_one(engine: EngineKind) {
    let app = start(engine);
    let mut first = restricted(&app);
    app.advance(Duration::from_secs(1));
    set_one_time_password(&app, "nine geese over the fen");
    assert!(!first.is_signed_in(), "as for any new password, the sessions end");
    assert_eq!(app.browser().sign_in(EMAIL, ONE_TIME).status, 401);
    let mut second = app.browser();
    assert_eq!(second.sign_in(EMAIL, "nine geese over the fen").location(), PAGE);
    assert_eq!(change(&mut second, "nine geese over the fen", NEW, &[]).status, 303);
    assert!(second.is_signed_in());
}

fn lasting_password_ends_the_restriction(engine: EngineKind) {
    let app = start(engine);
    wait(app.keyrack.accounts().set_password(&EMAIL.parse().unwrap(), Password::new(PASSWORD))).unwrap();
    for _ in 0..2 {
        assert!(app.signed_in(EMAIL).is_signed_in());
    }
    assert_eq!(app.count("one_time_passwords", ""), 0);
}

fn signing_out_before_the_change_uses_the_password_up(engine: EngineKind) {
    let app = start(engine);
    let mut browser = restricted(&app);
    let answer = browser.post_from("/logout", "/logout", &[]);
    assert_eq!((answer.status, answer.location()), (303, "/login"));
    assert!(!browser.is_signed_in());
    assert_eq!(browser.sign_in(EMAIL, ONE_TIME).status, 401);
    assert_eq!(app.rows("sessions", "")[0]["end_reason"], "signed_out");
}

/// The session that an application has started in the meantime, which Keyrack would otherwise go on with.
fn one_time_session_on_a_signed_in_browser_is_a_new_one(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let former = browser.session_id();
    let token = browser.get("/account/sessions").csrf_token();
    app.advance(Duration::from_secs(1));
    // As `set_one_time_password`, but the sessions stay.
    app.execute(
        "INSERT INTO one_time_passwords (user_id, password_changed_at) SELECT id, password_changed_at FROM users",
    );
    let fields = [("email", EMAIL), ("password", PASSWORD), ("csrf_token", &token)];
    assert_eq!(browser.post("/login", &fields).location(), PAGE);
    assert!(is_restricted(&mut browser));
    assert_eq!(app.rows("sessions", &format!("WHERE id = '{former}'"))[0]["end_reason"], "signed_out");
    app.assert_sound();
}

fn disabled_user_cannot_use_a_one_time_password(engine: EngineKind) {
    let app = start(engine);
    let email = EMAIL.parse().unwrap();
    wait(app.keyrack.accounts().disable(&email)).unwrap();
    let refused = app.browser().sign_in(EMAIL, ONE_TIME);
    assert!(refused.status == 401 && refused.text().contains("Invalid email or password."), "{}", refused.body);
    wait(app.keyrack.accounts().enable(&email)).unwrap();
    restricted(&app);
}
