//! `/reset` and `/invite`

use std::time::Duration;

use keyrack::{
    accounts::{InvitedUser, Password, Role, SecondFactorPolicy},
    clock::Clock,
};

use super::second_factor;
use crate::support::{Browser, EngineKind, PASSWORD, TestApp, change_before, on_both_engines, wait};

const EMAIL: &str = "rajat.verma@example.com";
const NEW: &str = "seven hills, one river";

on_both_engines!(
    reset_link_sets_a_password_signs_in_and_ends_all_sessions,
    reset_link_is_good_once,
    opened_reset_link_stays_unused,
    one_of_several_concurrent_uses_succeeds,
    form_sent_twice_is_signed_in_twice,
    expired_and_unknown_links_are_refused_alike,
    new_password_makes_older_links_void,
    link_of_a_replaced_secret_is_void,
    links_depend_on_no_other_machines_clock,
    password_set_at_the_same_moment_makes_links_void,
    disabled_account_has_no_good_link,
    link_stays_void_when_the_account_is_enabled_again,
    language_changed_after_a_refusal_keeps_the_link,
    second_invitation_changes_role_and_names,
    link_of_one_kind_is_none_of_another,
    link_is_used_on_another_instance,
    weak_password_leaves_the_link_unused,
    invited_user_chooses_a_password_and_signs_in,
    link_page_is_private,
    page_says_what_follows_the_new_password,
);

fn reset_link(app: &TestApp) -> String {
    wait(app.keyrack.accounts().create_reset_link(&EMAIL.parse().unwrap(), None)).unwrap().unwrap().path()
}

fn invitation(app: &TestApp) -> String {
    let user = InvitedUser {
        email: EMAIL.parse().unwrap(),
        user_name: None,
        first_name: Some("Rajat".to_owned()),
        last_name: None,
        role: Some(Role::Admin),
    };
    wait(app.keyrack.accounts().invite(user, None)).unwrap().path()
}

fn token(path: &str) -> &str {
    path.split_once("token=").unwrap().1
}

/// Sends the form of a link's page.
fn set_password(browser: &mut Browser, path: &str, password: &str) -> crate::support::Answer {
    let fields = [("token", token(path)), ("password", password), ("password_again", password)];
    browser.post_from(path, path.split('?').next().unwrap(), &fields)
}

fn app_with_user(engine: EngineKind) -> TestApp {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    app
}

fn reset_link_sets_a_password_signs_in_and_ends_all_sessions(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut phone = app.signed_in(EMAIL);
    app.clock.advance(Duration::from_secs(1));
    let path = reset_link(&app);
    let mut browser = app.browser();
    let page = browser.get(&path);
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains(EMAIL) && page.body.contains("Choose a new password"), "{}", page.body);
    let set = set_password(&mut browser, &path, NEW);
    assert_eq!((set.status, set.location()), (303, "/account/sessions"), "{}", set.body);
    assert!(browser.is_signed_in() && !phone.is_signed_in());
    assert_eq!(app.text("SELECT authorised_by AS v FROM sessions WHERE status = 'active'"), "reset");
    assert_eq!(app.text("SELECT end_reason AS v FROM sessions WHERE status <> 'active'"), "password_changed");
    assert_eq!(app.count("known_browsers", ""), 1, "the one that has used the link, and not the phone");
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 401);
    assert_eq!(app.browser().sign_in(EMAIL, NEW).status, 303);
    let kinds = app.texts("SELECT kind AS v FROM security_events WHERE kind LIKE 'link%' ORDER BY id");
    assert_eq!(kinds, ["link_created", "link_used"]);
    let activity = browser.get("/account/activity").body;
    assert!(activity.contains("Link for a new password used"), "{activity}");
    assert!(activity.contains("Signed in with a link for a new password"), "{activity}");
    app.assert_sound();
}

fn page_says_what_follows_the_new_password(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.second_factor = SecondFactorPolicy::Admins);
    app.add_user(EMAIL);
    let says = |path: &str, text: &str| {
        let page = app.browser().get(path).text();
        assert!(page.contains(text), "{page}");
    };
    says(&reset_link(&app), "and you will be signed in here.");
    second_factor::add_factor(&app, EMAIL);
    says(&reset_link(&app), "Here, you are asked for your second factor after that.");
    let email = EMAIL.parse().unwrap();
    wait(app.keyrack.accounts().remove_lost_second_factor(&email)).unwrap();
    wait(app.keyrack.accounts().set_role(&email, Role::Admin)).unwrap();
    says(&reset_link(&app), "Here, you set up a second factor after that");
    app.execute("DELETE FROM users");
    says(&invitation(&app), "After that, you set up a second factor");
}

/// An operator disables the account, and enables it again, while the password is being set.
#[test]
fn link_made_void_meanwhile_sets_no_password() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let app = app_with_user(EngineKind::Postgres);
    let (path, mut browser) = (reset_link(&app), app.browser());
    let answer = change_before(app.database(), "UPDATE account_links SET voided_at = now()", || {
        set_password(&mut browser, &path, NEW)
    });
    assert_eq!(answer.status, 410, "{}", answer.location());
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303);
}

fn reset_link_is_good_once(engine: EngineKind) {
    let app = app_with_user(engine);
    let path = reset_link(&app);
    assert_eq!(set_password(&mut app.browser(), &path, NEW).status, 303);
    app.clock.advance(Duration::from_secs(600));
    let mut thief = app.browser();
    let page = thief.get(&path);
    assert_eq!(page.status, 410);
    assert!(page.body.contains("This link has already been used") && !page.body.contains(EMAIL), "{}", page.body);
    let fields =
        [("token", token(&path)), ("password", "another long one 77"), ("password_again", "another long one 77")];
    assert_eq!(thief.post_from("/login", "/reset", &fields).status, 410);
    assert!(!thief.is_signed_in());
    assert_eq!(app.browser().sign_in(EMAIL, NEW).status, 303);
}

/// As scanners of mail servers do.
fn opened_reset_link_stays_unused(engine: EngineKind) {
    let app = app_with_user(engine);
    let path = reset_link(&app);
    for _ in 0..3 {
        assert_eq!(app.browser().get(&path).status, 200);
    }
    assert_eq!(app.count("account_links", "WHERE used_at IS NULL"), 1);
    assert_eq!(set_password(&mut app.browser(), &path, NEW).status, 303);
}

fn one_of_several_concurrent_uses_succeeds(engine: EngineKind) {
    let app = app_with_user(engine);
    let path = reset_link(&app);
    let passwords: Vec<String> = (0..6).map(|number| format!("seven hills, {number} rivers")).collect();
    let answers = std::thread::scope(|scope| {
        let (app, path) = (&app, &path);
        let all: Vec<_> = passwords
            .iter()
            .map(|password| scope.spawn(move || set_password(&mut app.browser(), path, password).status))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(answers.iter().filter(|status| **status == 303).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 410).count(), 5, "{answers:?}");
    let set = answers.iter().position(|status| *status == 303).unwrap();
    assert_eq!(app.browser().sign_in(EMAIL, &passwords[set]).status, 303);
    assert_eq!(app.browser().sign_in(EMAIL, &passwords[(set + 1) % passwords.len()]).status, 401);
    app.assert_sound();
}

fn form_sent_twice_is_signed_in_twice(engine: EngineKind) {
    let app = app_with_user(engine);
    let path = reset_link(&app);
    let mut browser = app.browser();
    browser.get(&path);
    let mut second = browser.clone();
    let first = set_password(&mut browser, &path, NEW);
    let repeated = set_password(&mut second, &path, NEW);
    assert_eq!((first.status, repeated.status), (303, 303), "{}", repeated.body);
    assert!(second.is_signed_in());
    assert_eq!(app.count("security_events", "WHERE kind = 'link_used'"), 1);
    let mut other = app.browser();
    assert_eq!(
        other.post_from("/login", "/reset", &[("token", token(&path)), ("password", "a wrong one here 5")]).status,
        410
    );
}

fn expired_and_unknown_links_are_refused_alike(engine: EngineKind) {
    let app = app_with_user(engine);
    let path = reset_link(&app);
    let other = reset_link(&app);
    app.clock.advance(Duration::from_secs(3599));
    assert_eq!(app.browser().get(&path).status, 200);
    app.clock.advance(Duration::from_secs(1));
    let body = |path: &str| {
        let answer = app.browser().get(path);
        assert_eq!(answer.status, 410, "{path}");
        let (_, main) = answer.body.split_once("<main").unwrap();
        main.split("</main>").next().unwrap().to_owned()
    };
    let expired = body(&path);
    assert!(expired.contains("This link no longer works"), "{expired}");
    // The id of one, and the secret of the other.
    let mixed = format!("/reset?token={}{}", &token(&path)[..32], &token(&other)[32..]);
    for unknown in ["/reset", "/reset?token=", "/reset?token=abc", "/reset?token=%ff%00", mixed.as_str()] {
        assert_eq!(body(unknown), expired, "{unknown}");
    }
    let late = [("token", token(&path)), ("password", NEW), ("password_again", NEW)];
    assert_eq!(app.browser().post_from("/login", "/reset", &late).status, 410);
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303);
}

/// Who has the secret and a copy of the database can make the tokens of all links.
fn link_of_a_replaced_secret_is_void(engine: EngineKind) {
    let app = app_with_user(engine);
    let path = reset_link(&app);
    let replaced = TestApp::over(app.database(), app.clock.clone(), |config| {
        config.secrets = "another secret after the first one leaked".parse().unwrap();
    });
    assert_eq!(replaced.browser().get(&path).status, 410);
    assert_eq!(set_password(&mut app.browser(), &path, NEW).status, 303);
}

fn new_password_makes_older_links_void(engine: EngineKind) {
    let app = app_with_user(engine);
    let (first, second) = (reset_link(&app), reset_link(&app));
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(set_password(&mut app.browser(), &first, NEW).status, 303);
    assert_eq!(app.browser().get(&second).status, 410);
    let third = reset_link(&app);
    app.clock.advance(Duration::from_secs(1));
    let changed = Password::new(PASSWORD);
    wait(app.keyrack.accounts().set_password(&EMAIL.parse().unwrap(), changed)).unwrap();
    assert_eq!(app.browser().get(&third).status, 410);
}

fn disabled_account_has_no_good_link(engine: EngineKind) {
    let app = app_with_user(engine);
    let path = reset_link(&app);
    let email = EMAIL.parse().unwrap();
    wait(app.keyrack.accounts().disable(&email)).unwrap();
    assert!(wait(app.keyrack.accounts().create_reset_link(&email, None)).unwrap().is_none());
    assert_eq!(app.browser().get(&path).status, 410);
}

/// Another machine, whose clock is an hour ahead, has set the password.
fn links_depend_on_no_other_machines_clock(engine: EngineKind) {
    let app = app_with_user(engine);
    let ahead = Clock::fixed(app.clock.now() + Duration::from_secs(3600));
    let other = TestApp::over(app.database(), ahead, |_| ());
    let set = |app: &TestApp, password: &str| {
        wait(app.keyrack.accounts().set_password(&EMAIL.parse().unwrap(), Password::new(password))).unwrap();
    };
    let before = reset_link(&app);
    set(&other, "three hills and a river");
    let path = reset_link(&app);
    assert_eq!(app.browser().get(&before).status, 410);
    assert_eq!(app.browser().get(&path).status, 200);
    set(&app, PASSWORD);
    assert_eq!(app.browser().get(&path).status, 410, "the clock that is behind has set another password");
    let last = reset_link(&app);
    assert_eq!(set_password(&mut app.browser(), &last, NEW).status, 303);
    assert_eq!(app.browser().sign_in(EMAIL, NEW).status, 303);
}

fn password_set_at_the_same_moment_makes_links_void(engine: EngineKind) {
    let app = app_with_user(engine);
    let path = reset_link(&app);
    wait(app.keyrack.accounts().set_password(&EMAIL.parse().unwrap(), Password::new(PASSWORD))).unwrap();
    assert_eq!(app.browser().get(&path).status, 410);
}

fn link_stays_void_when_the_account_is_enabled_again(engine: EngineKind) {
    let app = app_with_user(engine);
    let path = reset_link(&app);
    let email = EMAIL.parse().unwrap();
    wait(app.keyrack.accounts().disable(&email)).unwrap();
    wait(app.keyrack.accounts().enable(&email)).unwrap();
    assert_eq!(app.browser().get(&path).status, 410);
    assert_eq!(app.browser().get(&reset_link(&app)).status, 200);
}

fn language_changed_after_a_refusal_keeps_the_link(engine: EngineKind) {
    let app = app_with_user(engine);
    let path = reset_link(&app);
    let mut browser = app.browser();
    let form = browser.get(&path).between("<form class=\"form\"", ">");
    assert!(!form.contains("action"), "the form goes to the page's own address: {form}");
    let fields = [("token", token(&path)), ("password", NEW), ("password_again", "another one")];
    let refused = browser.post_from(&path, &path, &fields);
    assert_eq!(refused.status, 422, "{}", refused.body);
    let csrf_token = refused.csrf_token();
    let fields = [("language", "de"), ("csrf_token", csrf_token.as_str())];
    let referer = format!("{}{path}", app.origin());
    let changed = browser.send("POST", "/language", Some(&fields), &[("referer", &referer)]);
    assert_eq!((changed.status, changed.location()), (303, path.as_str()));
    assert!(browser.get(&path).body.contains("Neues Passwort"));
}

fn second_invitation_changes_role_and_names(engine: EngineKind) {
    let app = TestApp::new(engine);
    invitation(&app);
    let invite = |role, last_name: Option<&str>| {
        let user = InvitedUser {
            email: EMAIL.parse().unwrap(),
            user_name: None,
            first_name: None,
            last_name: last_name.map(str::to_owned),
            role,
        };
        wait(app.keyrack.accounts().invite(user, None)).unwrap().path()
    };
    let state = || app.text("SELECT role || ' ' || first_name || ' ' || coalesce(last_name, '-') AS v FROM users");
    invite(None, None);
    assert_eq!(state(), "admin Rajat -", "what is not given stays");
    let path = invite(Some(Role::User), Some("Verma"));
    assert_eq!(state(), "user Rajat Verma");
    assert_eq!(app.count("security_events", "WHERE kind = 'role_changed'"), 1);
    assert_eq!(set_password(&mut app.browser(), &path, NEW).status, 303);
    app.assert_sound();
}

fn link_of_one_kind_is_none_of_another(engine: EngineKind) {
    let app = app_with_user(engine);
    let path = reset_link(&app);
    assert_eq!(app.browser().get(&format!("/invite?token={}", token(&path))).status, 410);
}

fn link_is_used_on_another_instance(engine: EngineKind) {
    let app = app_with_user(engine);
    let path = reset_link(&app);
    let other = TestApp::over(app.database(), app.clock.clone(), |_| ());
    assert_eq!(set_password(&mut other.browser(), &path, NEW).status, 303);
    assert_eq!(app.browser().get(&path).status, 410);
}

fn weak_password_leaves_the_link_unused(engine: EngineKind) {
    let app = app_with_user(engine);
    let path = reset_link(&app);
    let mut browser = app.browser();
    for (password, again, text) in [
        ("short", "short", "at least 15"),
        ("rajat.verma-2026", "rajat.verma-2026", "href=\"#password\""),
        (NEW, "another long one 77", "href=\"#password_again\""),
    ] {
        let fields = [("token", token(&path)), ("password", password), ("password_again", again)];
        let refused = browser.post_from(&path, "/reset", &fields);
        assert_eq!(refused.status, 422, "{}", refused.body);
        assert!(refused.body.contains(text) && refused.body.contains(token(&path)), "{}", refused.body);
    }
    assert_eq!(set_password(&mut browser, &path, NEW).status, 303);
}

fn invited_user_chooses_a_password_and_signs_in(engine: EngineKind) {
    let app = TestApp::new(engine);
    let void = invitation(&app);
    assert_eq!(app.browser().sign_in(EMAIL, NEW).status, 401, "there is no password yet");
    // Another one, since the first mail was lost.
    let path = invitation(&app);
    assert_eq!(app.count("users", ""), 1);
    app.clock.advance(Duration::from_secs(6 * 24 * 3600));
    let mut browser = app.browser();
    assert!(browser.get(&path).body.contains("Welcome to Keyrack"));
    assert_eq!(set_password(&mut browser, &path, NEW).status, 303);
    assert!(browser.is_signed_in());
    assert_eq!(app.text("SELECT authorised_by AS v FROM sessions"), "invitation");
    assert_eq!(app.text("SELECT role AS v FROM users"), "admin");
    assert_eq!(app.browser().get(&void).status, 410);
    let user =
        InvitedUser { email: EMAIL.parse().unwrap(), user_name: None, first_name: None, last_name: None, role: None };
    let taken = wait(app.keyrack.accounts().invite(user, None)).unwrap_err();
    assert!(matches!(taken, keyrack::accounts::CreateUserError::EmailTaken), "{taken:?}");
    app.assert_sound();
}

fn link_page_is_private(engine: EngineKind) {
    let app = app_with_user(engine);
    let path = reset_link(&app);
    let page = app.browser().get(&path);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("same-origin"));
    let without_token =
        app.browser().post("/reset", &[("token", token(&path)), ("password", NEW), ("password_again", NEW)]);
    assert_eq!(without_token.status, 403);
    assert_eq!(app.count("account_links", "WHERE used_at IS NULL"), 1);
}
