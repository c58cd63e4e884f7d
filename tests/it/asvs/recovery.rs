//! V6.4: initial passwords, and ways to recover an account

use keyrack::accounts::Password;

use super::{
    DEVICES, EMAIL, NEW, OTHER_EMAIL, PASSWORD_PAGE, app_with_user, change_password, password_pages, set_up,
    setup_link, users, visible_fields,
};
use crate::support::{EngineKind, PASSWORD, TestApp, on_both_engines, wait};

on_both_engines!(
    asvs_6_4_1_setup_link_is_good_for_one_account,
    asvs_6_4_1_initial_password_is_good_for_one_sign_in,
    asvs_6_4_2_no_page_has_a_hint_or_a_secret_question,
    asvs_6_4_6_password_of_an_operator_is_replaced_by_its_user,
);

const OF_OPERATOR: &str = "seven otters in a boat";

/// What `keyrack user set-password --must-change` does.
fn set_one_time_password(app: &TestApp) {
    let accounts = app.keyrack.accounts();
    wait(accounts.set_one_time_password(&EMAIL.parse().unwrap(), Password::new(OF_OPERATOR))).unwrap().unwrap();
}

/// The only activation code that Keyrack makes by itself.
fn asvs_6_4_1_setup_link_is_good_for_one_account(engine: EngineKind) {
    let (app, other) = (TestApp::new(engine), TestApp::new(engine));
    let link = setup_link(&app).unwrap();
    assert_eq!(set_up(&app, &link, EMAIL, "too short").status, 422, "it does not get around the policy");
    assert_eq!(set_up(&app, &link, EMAIL, PASSWORD).status, 303);
    assert_eq!(setup_link(&app), None);
    let mut browser = app.browser();
    assert_eq!(browser.get(&link).status, 404);
    let token = link.rsplit_once('=').unwrap().1;
    let fields = [("token", token), ("email", OTHER_EMAIL), ("first_name", "Ana"), ("password", NEW)];
    let answer = browser.post_from("/login", "/setup", &[&fields[..], &[("password_again", NEW)]].concat());
    assert_eq!((answer.status, users(&app).len()), (404, 1));
    let with_other_secrets =
        TestApp::with(engine, |config| config.secrets = "violet harbour gravel 4711".parse().unwrap());
    assert_eq!(with_other_secrets.browser().get(&link).status, 404, "it depends on the secrets");
    assert!(setup_link(&with_other_secrets) != setup_link(&other));
}

fn asvs_6_4_1_initial_password_is_good_for_one_sign_in(engine: EngineKind) {
    let app = app_with_user(engine);
    set_one_time_password(&app);
    let mut browser = app.browser();
    assert_eq!(browser.sign_in(EMAIL, OF_OPERATOR).location(), PASSWORD_PAGE);
    for _ in 0..2 {
        let mut other = app.browser();
        let refused = other.sign_in(EMAIL, OF_OPERATOR);
        assert_eq!(refused.status, 401);
        let text = refused.text();
        assert!(text.contains("This one-time password has already been used."), "{text}");
        assert!(!other.cookies.contains_key("keyrack.sid"), "{:?}", other.cookies);
    }
    assert_eq!(app.count("sessions", ""), 1);
    // What others try does not end the session, which is good for the change only.
    assert_eq!(
        (browser.get("/api/session").status, browser.get(DEVICES).location().starts_with(PASSWORD_PAGE)),
        (403, true)
    );
    assert_eq!(change_password(&mut browser, OF_OPERATOR, NEW).location(), DEVICES);
    assert!(browser.is_signed_in());
    app.assert_sound();
}

fn asvs_6_4_2_no_page_has_a_hint_or_a_secret_question(engine: EngineKind) {
    for (path, page) in password_pages(engine) {
        let names: Vec<String> = visible_fields(&page).into_iter().map(|(name, ..)| name).collect();
        let expected: &[&str] = match path {
            "/setup" => &["email", "user_name", "first_name", "last_name", "password", "password_again"],
            "/login" => &["email", "password", "remember"],
            "/reauth" => &["", "password"],
            "/reset" => &["", "password", "password_again"],
            // The address is shown for password managers, and not sent.
            _ => &["", "current_password", "password", "password_again", "keep_others"],
        };
        assert_eq!(names, expected, "{path}");
        assert!(!page.text().to_lowercase().contains("question"), "{path}");
    }
    let app = app_with_user(engine);
    let columns: Vec<String> = users(&app)[0].as_object().unwrap().keys().cloned().collect();
    assert!(!columns.iter().any(|column| column.contains("hint") || column.contains("question")), "{columns:?}");
}

fn asvs_6_4_6_password_of_an_operator_is_replaced_by_its_user(engine: EngineKind) {
    let app = app_with_user(engine);
    set_one_time_password(&app);
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 401, "the forgotten one");
    let mut browser = app.browser();
    assert_eq!(browser.sign_in(EMAIL, OF_OPERATOR).location(), PASSWORD_PAGE);
    assert_eq!(change_password(&mut browser, OF_OPERATOR, OF_OPERATOR).status, 422, "it can't become the user's own");
    assert_eq!(change_password(&mut browser, OF_OPERATOR, NEW).status, 303);
    assert!(browser.is_signed_in());
    assert_eq!(app.browser().sign_in(EMAIL, OF_OPERATOR).status, 401);
    assert_eq!(app.browser().sign_in(EMAIL, NEW).status, 303);
}
