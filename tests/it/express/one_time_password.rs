//! A session whose user must change the password first is a guest's session at Express.

use keyrack::accounts::Password;
use serde_json::json;

use super::pair::{EMAIL, Pair, Person};
use crate::support::{express::with_express, wait};

with_express!(
    session_is_a_guests_until_the_password_is_changed,
    data_of_express_does_not_end_the_session,
    express_may_destroy_the_session,
    sign_in_of_express_itself_does_not_lift_the_restriction,
);

const PAGE: &str = "/account/password";
const ONE_TIME: &str = "seven otters in a boat";
const NEW: &str = "five herons by the weir";

/// A browser that has signed in at Keyrack with a password that is good for one sign-in.
fn restricted(pair: &Pair) -> Person {
    let email = EMAIL.parse().unwrap();
    wait(pair.app.keyrack.accounts().set_one_time_password(&email, Password::new(ONE_TIME))).unwrap().unwrap();
    let mut person = pair.person();
    assert_eq!(person.at_keyrack().sign_in(EMAIL, ONE_TIME).location(), PAGE);
    person
}

fn is_restricted(person: &mut Person) -> bool {
    person.at_keyrack().get("/api/session").status == 403
}

fn change(person: &mut Person) {
    let fields = [("current_password", ONE_TIME), ("password", NEW), ("password_again", NEW)];
    assert_eq!(person.at_keyrack().post_from(PAGE, PAGE, &fields).location(), "/account/sessions");
}

fn session_is_a_guests_until_the_password_is_changed() {
    let pair = Pair::new();
    let mut person = restricted(&pair);
    let session = person.session_at_express();
    assert_eq!(session["sid"], person.sid());
    for key in ["userId", "email", "role", "status"] {
        assert_eq!(session.get(key), None, "{session}");
    }
    assert!(is_restricted(&mut person));
    change(&mut person);
    person.assert_signed_in_at_both(pair.user);
    let session = person.session_at_express();
    assert_eq!((&session["email"], &session["role"]), (&json!(EMAIL), &json!("user")));
    pair.app.assert_sound();
}

fn data_of_express_does_not_end_the_session() {
    for options in [json!({}), json!({"session": {"resave": true, "rolling": true}})] {
        let pair = Pair::with(&options);
        let mut person = restricted(&pair);
        let sid = person.sid();
        for count in 0..3 {
            person.set_at_express(&json!({"cart": ["a lamp"], "count": count}));
            person.session_at_express();
        }
        assert_eq!(person.sid(), sid);
        assert!(is_restricted(&mut person));
        pair.app.assert_sound();
        change(&mut person);
        person.assert_signed_in_at_both(pair.user);
        assert_eq!(person.session_at_express()["cart"], json!(["a lamp"]));
    }
}

fn express_may_destroy_the_session() {
    let pair = Pair::new();
    let mut person = restricted(&pair);
    person.sign_out_at_express("destroy");
    assert_eq!(person.at_keyrack().get("/api/session").status, 401);
    assert_eq!(pair.only_end_reason(), "signed_out");
}

/// What a peer's own sign-in lets in is the peer's decision; at Keyrack the password must still be changed.
fn sign_in_of_express_itself_does_not_lift_the_restriction() {
    let pair = Pair::new();
    let mut person = restricted(&pair);
    person.post_to_express("/sign-in", &[("user", &pair.user.to_string())]);
    assert!(person.is_signed_in_at_express());
    assert!(is_restricted(&mut person));
    pair.app.assert_sound();
    change(&mut person);
    person.assert_signed_in_at_both(pair.user);
}
