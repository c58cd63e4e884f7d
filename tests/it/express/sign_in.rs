//! A sign-in at one server holds at the other.

use serde_json::json;

use super::pair::{EMAIL, Pair};
use crate::support::express::with_express;

with_express!(
    sign_in_at_keyrack_works_at_express,
    sign_in_at_express_works_at_keyrack_and_is_listed,
    sign_in_on_existing_sid_gets_session,
    device_is_read_from_session_data,
    anonymous_data_at_express_gets_no_session,
    sign_in_of_unknown_user_stays_at_express,
    session_row_of_application_is_not_duplicated,
    sign_in_of_other_user_ends_first_session,
    signing_in_again_at_keyrack_keeps_session,
);

fn sign_in_at_keyrack_works_at_express() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_keyrack();
    person.assert_signed_in_at_both(pair.user);
    let session = person.session_at_express();
    assert_eq!(session["sid"], person.sid());
    assert_eq!((&session["email"], &session["role"]), (&json!(EMAIL), &json!("user")));
    assert_eq!(session["status"], "login");
    assert_eq!(pair.app.count("user_sessions", ""), 1);
    pair.app.assert_sound();
}

fn sign_in_at_express_works_at_keyrack_and_is_listed() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_express();
    let row = pair.app.rows("sessions", "").remove(0);
    assert_eq!((&row["sid"], &row["user_id"]), (&json!(person.sid()), &json!(pair.user)));
    assert_eq!((&row["status"], &row["end_reason"]), (&json!("active"), &json!(null)));
    person.assert_signed_in_at_both(pair.user);
    assert_eq!(person.at_keyrack().session_id(), row["id"]);

    let mut other = pair.signed_in_at_keyrack();
    let list = other.at_keyrack().get("/account/sessions");
    assert!(list.body.contains(&format!("/account/sessions/{}/revoke", row["id"].as_str().unwrap())), "{}", list.body);
    assert_eq!(pair.app.count("sessions", ""), 2);
    pair.app.assert_sound();
}

fn sign_in_on_existing_sid_gets_session() {
    let pair = Pair::with(&json!({"session": {"saveUninitialized": true}}));
    let mut person = pair.person();
    person.at_express().get("/ping");
    let sid = person.sid();
    assert_eq!((pair.app.count("user_sessions", ""), pair.app.count("sessions", "")), (1, 0));
    person.post_to_express("/sign-in", &[("user", &pair.user.to_string())]);
    assert_eq!(person.sid(), sid);
    person.assert_signed_in_at_both(pair.user);
    assert_eq!(pair.app.count("sessions", ""), 1);
    pair.app.assert_sound();
}

fn device_is_read_from_session_data() {
    let pair = Pair::new();
    let mut person = pair.person();
    let device = json!({
        "ipAddress": "192.168.1.100",
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    });
    let fields = [("user", pair.user.to_string()), ("regenerate", "on".to_owned()), ("json", device.to_string())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    person.post_to_express("/sign-in", &fields);
    let page = person.at_keyrack().get("/account/sessions").text();
    assert!(page.contains("Firefox 140 on Linux") && page.contains("192.168.1.100"), "{page}");
}

fn anonymous_data_at_express_gets_no_session() {
    let pair = Pair::new();
    let mut person = pair.person();
    person.set_at_express(&json!({"cart": ["a lamp"]}));
    assert_eq!((pair.app.count("user_sessions", ""), pair.app.count("sessions", "")), (1, 0));
    assert!(!person.is_signed_in_at_keyrack());
    assert_eq!(person.session_at_express()["cart"], json!(["a lamp"]), "Keyrack leaves such data alone");
    pair.app.assert_sound();
    // Keyrack starts a session under a new sid, and copies no data from a session that it has not resumed.
    person.sign_in_at_keyrack(EMAIL);
    person.assert_signed_in_at_both(pair.user);
    assert_eq!(person.session_at_express().get("cart"), None);
    assert_eq!(pair.app.count("sessions", ""), 1);
    pair.app.assert_sound();
}

fn sign_in_of_unknown_user_stays_at_express() {
    let pair = Pair::new();
    for user in ["1e8b5b6a-0000-4000-8000-000000000000", "not-a-uuid", "42"] {
        let mut person = pair.person();
        person.post_to_express("/sign-in", &[("user", user), ("regenerate", "on")]);
        assert_eq!(person.session_at_express()["userId"], user, "Express is not affected");
        assert!(!person.is_signed_in_at_keyrack(), "{user}");
    }
    assert_eq!((pair.app.count("user_sessions", ""), pair.app.count("sessions", "")), (3, 0));
}

fn session_row_of_application_is_not_duplicated() {
    let pair = Pair::new();
    for order in ["before", "after"] {
        let mut person = pair.person();
        let fields = [("user", pair.user.to_string()), ("order", order.to_owned())];
        person.post_to_express("/sign-in-by-both", &fields.each_ref().map(|(name, value)| (*name, value.as_str())));
        person.assert_signed_in_at_both(pair.user);
        assert_eq!(pair.session(&person.sid(), "ip_address"), "192.168.1.100", "{order}");
        let page = person.at_keyrack().get("/account/sessions").text();
        assert!(page.contains("192.168.1.100"), "{order}: {page}");
        // It expires when the application has set: touches by Express don't extend its data beyond that.
        pair.app.execute(&format!(
            "UPDATE sessions SET expires_at = now() + interval '1 hour' WHERE sid = '{}'",
            person.sid()
        ));
        person.session_at_express();
        assert!(pair.expires_in(&person.sid()) <= 3600.0, "{order}");
        pair.app.assert_sound();
    }
    assert_eq!((pair.app.count("sessions", ""), pair.app.count("user_sessions", "")), (2, 2));
}

fn sign_in_of_other_user_ends_first_session() {
    let pair = Pair::new();
    let ana = pair.app.add_user("ana@example.com");
    let active = format!("WHERE user_id = '{}' AND status = 'active'", pair.user);
    // At Express by a new sid and on the same sid, then at Keyrack.
    for regenerate in [true, false] {
        let mut person = pair.signed_in_at_keyrack();
        let fields = [("user", ana.to_string()), ("regenerate", "on".to_owned())];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        person.post_to_express("/sign-in", if regenerate { &fields } else { &fields[..1] });
        assert_eq!(pair.app.count("sessions", &active), 0, "{regenerate}");
        person.assert_signed_in_at_both(ana);
    }
    let mut person = pair.signed_in_at_express();
    person.set_at_express(&json!({"cart": "a gift for Ana"}));
    person.sign_in_at_keyrack("ana@example.com");
    assert_eq!(pair.app.count("sessions", &active), 0);
    person.assert_signed_in_at_both(ana);
    assert_eq!(person.session_at_express().get("cart"), None);
    pair.app.assert_sound();
}

fn signing_in_again_at_keyrack_keeps_session() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_express();
    person.set_at_express(&json!({"cart": ["a lamp"]}));
    let (id, old) = (person.at_keyrack().session_id(), person.sid());
    let mut copy = person.clone();
    person.sign_in_at_keyrack(EMAIL);
    assert_ne!(person.sid(), old);
    person.assert_signed_in_at_both(pair.user);
    assert_eq!(
        (person.at_keyrack().session_id(), person.session_at_express()["cart"].clone()),
        (id, json!(["a lamp"]))
    );
    copy.assert_signed_out_at_both();
    assert_eq!((pair.app.count("sessions", ""), pair.app.count("user_sessions", "")), (1, 1));
    pair.app.assert_sound();
}
