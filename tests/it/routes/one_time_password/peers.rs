//! What applications beside Keyrack see of a session whose user must change the password, and what they write

use serde_json::{Value, json};

use super::{EMAIL, NEW, ONE_TIME, PAGE, change, is_restricted, restricted, start, user_of};
use crate::support::{EmbeddedApp, EngineKind, on_both_engines, wait};

on_both_engines!(
    data_names_no_user_before_the_change,
    embedding_application_refuses_the_session,
    embedding_application_may_renew_the_session,
    mark_of_an_earlier_password_has_no_effect,
    one_time_passwords_of_deleted_users_are_purged,
);

fn data_names_no_user_before_the_change(engine: EngineKind) {
    let app = start(engine);
    let mut browser = restricted(&app);
    let data = || app.rows("user_sessions", "")[0]["sess"].clone();
    let keys = |data: &Value| data.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&data()), ["cookie"]);
    assert_eq!(change(&mut browser, ONE_TIME, NEW, &[]).status, 303);
    let data = data();
    assert_eq!((&data["userId"], &data["email"]), (&json!(user_of(&app)), &json!(EMAIL)));
    assert_eq!((&data["role"], &data["status"]), (&json!("user"), &json!("login")));
}

fn embedding_application_refuses_the_session(engine: EngineKind) {
    let app = start(engine);
    let embedded = EmbeddedApp::new(&app.keyrack);
    let mut browser = restricted(&app).at(embedded.address);
    let refused = browser.get("/app/data");
    assert_eq!((refused.status, refused.location()), (303, "/account/password?next=%2Fapp%2Fdata"));
    let refused = browser.post("/app/set/theme/dark", &[]);
    assert_eq!((refused.status, refused.location()), (303, PAGE));
    assert_eq!(browser.get("/visitor/user").body, "null", "a handler without the middleware finds no user");
    assert_eq!(browser.get("/visitor/signed-in").status, 403, "nor does one that requires a user by its argument");
    assert_eq!(change(&mut browser, ONE_TIME, NEW, &[("next", "/app/data")]).status, 303);
    assert_eq!(browser.get("/app/data").json()["user"], EMAIL);
    assert_eq!(browser.get("/visitor/user").body, format!("\"{EMAIL}\""));
    assert_eq!(browser.get("/visitor/signed-in").status, 200);
}

fn embedding_application_may_renew_the_session(engine: EngineKind) {
    let app = start(engine);
    let embedded = EmbeddedApp::new(&app.keyrack);
    let mut browser = restricted(&app).at(embedded.address);
    let sid = browser.sid();
    assert_eq!(browser.post("/open/theme/dark", &[]).status, 200);
    assert_eq!(browser.post("/visitor/renew", &[]).status, 200);
    assert_ne!(browser.sid(), sid);
    assert!(is_restricted(&mut browser), "it is good for no more than before");
    assert_eq!(change(&mut browser, ONE_TIME, NEW, &[]).status, 303);
    assert_eq!(app.rows("user_sessions", "")[0]["sess"]["theme"], "dark");
    app.assert_sound();
}

/// An application may write its own users' passwords.
fn mark_of_an_earlier_password_has_no_effect(engine: EngineKind) {
    let app = start(engine);
    app.execute("UPDATE users SET password_changed_at = '2026-01-28T11:50:16.000000Z'");
    for _ in 0..2 {
        let mut browser = app.browser();
        assert_eq!(browser.sign_in(EMAIL, ONE_TIME).location(), "/account/sessions");
        assert!(browser.is_signed_in());
    }
}

fn one_time_passwords_of_deleted_users_are_purged(engine: EngineKind) {
    let app = start(engine);
    app.add_user("ana@example.com");
    app.execute("DELETE FROM users WHERE email <> 'ana@example.com'");
    assert_eq!(app.count("one_time_passwords", ""), 0, "the foreign key deletes them");
    // As where `users` is a view, which can have no foreign key.
    let without_key = match engine {
        EngineKind::Postgres => "ALTER TABLE one_time_passwords DROP CONSTRAINT one_time_passwords_user_id_fkey",
        EngineKind::Sqlite => "PRAGMA foreign_keys = OFF",
    };
    let orphan = "'550e8400-e29b-41d4-a716-446655440000'";
    app.execute(&format!(
        "{without_key};
         INSERT INTO one_time_passwords (user_id, password_changed_at) VALUES ({orphan}, '2026-01-28T11:50:16.000000Z');
         INSERT INTO one_time_passwords (user_id, password_changed_at) SELECT id, password_changed_at FROM users"
    ));
    wait(app.keyrack.accounts().purge()).unwrap();
    assert_eq!(app.count("one_time_passwords", ""), 1);
    assert_eq!(app.count("one_time_passwords", &format!("WHERE user_id = {orphan}")), 0);
}
