//! `/account/password` and `/.well-known/change-password`

use std::{thread, time::Duration};

use keyrack::{
    accounts::{AuthenticationResult, Password},
    error::Error,
    sessions::{NewSession, Proof, WayIn},
};

use super::reauth::EMAIL;
use crate::support::{Answer, Browser, EngineKind, PASSWORD, TestApp, on_both_engines, wait};

on_both_engines!(
    password_change_can_keep_other_devices,
    new_password_is_refused_with_the_reason_at_its_field,
    form_says_everything_that_is_wrong_at_once,
    current_password_in_a_refused_form_is_counted,
    old_password_is_refused_after_the_change,
    sign_in_checked_before_the_change_is_refused,
    wrong_current_passwords_are_limited,
    of_two_changes_at_once_one_wins,
    password_change_forgets_failed_sign_ins,
    password_change_needs_no_other_proof,
    well_known_url_leads_to_the_form,
    user_without_password_is_told_why,
    password_change_of_many_sessions_ends_all_of_them,
);

const PAGE: &str = "/account/password";
const NEW: &str = "five herons by the weir";

fn change(browser: &mut Browser, current: &str, new: &str, further: &[(&str, &str)]) -> Answer {
    let fields = [&[("current_password", current), ("password", new), ("password_again", new)], further].concat();
    browser.post_from(PAGE, PAGE, &fields)
}

fn two_browsers(engine: EngineKind) -> (TestApp, Browser, Browser) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let (browser, phone) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    app.advance(Duration::from_secs(5));
    (app, browser, phone)
}

fn password_change_can_keep_other_devices(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let mut copy = browser.clone();
    assert_eq!(change(&mut browser, PASSWORD, NEW, &[("keep_others", "on")]).status, 303);
    let text = browser.get("/account/sessions").text();
    assert!(text.contains("Your other devices are still signed in."), "{text}");
    assert!(browser.is_signed_in() && phone.is_signed_in() && !copy.is_signed_in());
    assert_eq!(change(&mut browser, NEW, PASSWORD, &[("keep_others", "off")]).status, 303);
    assert!(!phone.is_signed_in());
    app.assert_sound();
}

fn new_password_is_refused_with_the_reason_at_its_field(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let before = app.rows("users", "");
    for (new, reason) in [
        ("", "Enter a new password."),
        ("fourteen chars", "Use at least 15 characters"),
        (&"long enough ".repeat(22), "Use at most 256 characters."),
        ("passwordpassword", "too easy to guess"),
        ("Rajat Verma 1987", "your own name"),
        (PASSWORD, "This is your current password."),
    ] {
        let answer = change(&mut browser, PASSWORD, new, &[]);
        assert_eq!((answer.status, answer.set_cookies()), (422, vec![]), "{new:?}");
        assert!(answer.text().contains(reason), "{reason}: {}", answer.text());
        assert!(answer.body.contains("aria-describedby=\"password-error\""), "{}", answer.body);
    }
    let fields = [("current_password", PASSWORD), ("password", NEW), ("password_again", "five herons by the wier")];
    let answer = browser.post_from(PAGE, PAGE, &fields);
    assert!(answer.status == 422 && answer.text().contains("not the same"), "{}", answer.text());
    assert_eq!(app.rows("users", ""), before);
    assert!(phone.is_signed_in());
}

fn form_says_everything_that_is_wrong_at_once(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    let before = app.rows("users", "");
    let (wrong, short, unequal) =
        ("This is not your current password.", "Use at least 15 characters", "The two passwords are not the same.");
    let same = "This is your current password.";
    for (current, new, again, expected) in [
        ("wrong", "too short", "too, short", &[wrong, short, unequal][..]),
        ("wrong", "too short", "too short", &[wrong, short]),
        ("wrong", NEW, "five herons by the wier", &[wrong, unequal]),
        ("wrong", "", "", &[wrong, "Enter a new password."]),
        ("", "too short", "too, short", &["Enter your current password.", short, unequal]),
        (PASSWORD, "too short", "too, short", &[short, unequal]),
        (PASSWORD, PASSWORD, NEW, &[same, unequal]),
        (PASSWORD, NEW, "five herons by the wier", &[unequal]),
    ] {
        let fields = [("current_password", current), ("password", new), ("password_again", again)];
        let answer = browser.post_from(PAGE, PAGE, &fields);
        assert_eq!((answer.status, answer.set_cookies()), (422, vec![]), "{fields:?}");
        let text = answer.text();
        for problem in [wrong, short, unequal, same, "Enter a new password.", "Enter your current password."] {
            assert_eq!(text.contains(problem), expected.contains(&problem), "{problem} for {fields:?}: {text}");
        }
    }
    assert_eq!(app.rows("users", ""), before);
    assert!(browser.is_signed_in());
}

/// Otherwise such forms could be used to guess it.
fn current_password_in_a_refused_form_is_counted(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    for _ in 0..10 {
        assert_eq!(change(&mut browser, "not the password at all", "short", &[]).status, 422);
    }
    assert_eq!(app.count("security_events", "WHERE kind = 'proof_failed'"), 10);
    let refused = change(&mut browser, PASSWORD, "short", &[]);
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    let text = refused.text();
    assert!(text.contains("Too many attempts.") && text.contains("Use at least 15 characters"), "{text}");
    assert!(!text.contains("This is not your current password."), "{text}");
}

fn old_password_is_refused_after_the_change(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    change(&mut browser, PASSWORD, NEW, &[]);
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 401);
    assert_eq!(app.browser().sign_in(EMAIL, NEW).status, 303);
}

/// Its password was right when it was checked, and is no longer the user's when the session would start.
fn sign_in_checked_before_the_change_is_refused(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    let checked = wait(app.keyrack.accounts().authenticate(EMAIL, Password::new(PASSWORD), None)).unwrap();
    let AuthenticationResult::Accepted(checked) = checked else { panic!("{checked:?}") };
    change(&mut browser, PASSWORD, NEW, &[]);
    let proof = Proof {
        user: checked.user.clone(),
        password_changed_at: checked.password_changed_at,
        must_change_password: false,
        way_in: WayIn::Password(None),
        passkey: None,
        second_factor: None,
    };
    let new = NewSession { proof: Some(proof), ..NewSession::of(checked.user.id) };
    let started = wait(app.keyrack.sessions().start(new));
    assert!(matches!(started, Err(Error::SessionEnded)), "{started:?}");
}

fn wrong_current_passwords_are_limited(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    for _ in 0..10 {
        assert_eq!(change(&mut browser, "not the password at all", NEW, &[]).status, 401);
    }
    let refused = change(&mut browser, PASSWORD, NEW, &[]);
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    assert!(refused.text().contains("Too many attempts."), "{}", refused.text());
    app.signed_in(EMAIL);
    assert_eq!(change(&mut phone, PASSWORD, NEW, &[]).status, 303, "another session has its own allowance");
}

fn of_two_changes_at_once_one_wins(engine: EngineKind) {
    let (app, browser, phone) = two_browsers(engine);
    let changes = [(browser, NEW), (phone, "seven swans on the pond")];
    let answers = thread::scope(|scope| {
        let clicks = changes.map(|(mut browser, new)| {
            let click = move || (change(&mut browser, PASSWORD, new, &[]).status, browser.is_signed_in(), new);
            scope.spawn(click)
        });
        clicks.map(|click| click.join().unwrap())
    });
    let won: Vec<_> = answers.iter().filter(|(status, ..)| *status == 303).filter(|(_, alive, _)| *alive).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    for (_, _, new) in answers {
        let status = app.browser().sign_in(EMAIL, new).status;
        assert_eq!(status == 303, new == won[0].2, "{new}");
    }
    app.assert_sound();
}

fn password_change_forgets_failed_sign_ins(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    for _ in 0..10 {
        app.browser().sign_in(EMAIL, "not the password at all");
    }
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 429);
    change(&mut browser, PASSWORD, NEW, &[]);
    assert_eq!(app.count("sign_in_failures", "WHERE key LIKE 'account:%'"), 0);
    assert_eq!(app.browser().sign_in(EMAIL, NEW).status, 303);
}

fn password_change_needs_no_other_proof(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    app.advance(Duration::from_secs(3600));
    assert_eq!(change(&mut browser, PASSWORD, NEW, &[]).location(), "/account/sessions");
    assert!(!phone.is_signed_in());
}

fn well_known_url_leads_to_the_form(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    for browser in [&mut app.browser(), &mut browser] {
        let answer = browser.get("/.well-known/change-password");
        assert_eq!((answer.status, answer.location()), (303, PAGE));
    }
    assert_eq!(app.browser().get(PAGE).location(), "/login?next=%2Faccount%2Fpassword");
    assert_eq!(browser.get(PAGE).status, 200);
    let missing = "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200";
    assert_eq!(browser.get(missing).status, 404);
    assert!(browser.get("/account/sessions").body.contains("href=\"/account/password\""));
}

fn user_without_password_is_told_why(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    app.execute("UPDATE users SET password_hash = NULL");
    let page = browser.get(PAGE);
    assert!(page.text().contains("have no password here. Change it where you signed in"), "{}", page.text());
    assert!(!page.body.contains("name=\"current_password\""));
    let token = browser.get("/account/sessions").csrf_token();
    let fields = [("current_password", PASSWORD), ("password", NEW), ("password_again", NEW), ("csrf_token", &token)];
    assert_eq!(browser.post(PAGE, &fields).status, 401);
    assert_eq!(app.count("users", "WHERE password_hash IS NULL"), 1);
}

fn password_change_of_many_sessions_ends_all_of_them(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.policy.max_sessions = None);
    let user = app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    for _ in 0..450 {
        wait(app.keyrack.sessions().start(NewSession::of(user))).unwrap();
    }
    app.advance(Duration::from_secs(1));
    assert_eq!(
        change(&mut browser, PASSWORD, NEW, &[]).location(),
        "/account/sessions",
        "answered when all have ended"
    );
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 1);
    assert_eq!(app.count("sessions", "WHERE end_reason = 'password_changed'"), 450);
    assert!(browser.is_signed_in());
}
