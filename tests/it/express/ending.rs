//! A session that ends at one server has ended at the other, and stays ended.

use std::thread;

use serde_json::json;

use super::pair::{EMAIL, Pair, Person};
use crate::support::{express::with_express, wait};

with_express!(
    destroy_at_express_ends_session,
    regenerate_at_express_ends_old_session,
    deleting_user_id_at_express_ends_session_but_keeps_sid,
    setting_status_to_logout_ends_session,
    sign_out_at_keyrack_works_at_express,
    revoked_session_is_signed_out_at_express,
    late_set_does_not_revive_ended_session,
    late_set_does_not_revive_rotated_sid,
    late_touch_does_not_revive_ended_session,
    concurrent_ends_at_both_end_session_once,
    logged_out_at_is_not_before_created_at,
);

fn destroy_at_express_ends_session() {
    for by in ["destroy", "null"] {
        let pair = Pair::with(&json!({"session": {"unset": "destroy"}}));
        for mut person in [pair.signed_in_at_express(), pair.signed_in_at_keyrack()] {
            let sid = person.sid();
            person.sign_out_at_express(by);
            assert_eq!(pair.session(&sid, "status"), "logged_out", "{by}");
            assert_eq!(pair.session(&sid, "end_reason"), "signed_out", "{by}");
            person.assert_signed_out_at_both();
        }
        pair.app.assert_sound();
    }
}

fn regenerate_at_express_ends_old_session() {
    let pair = Pair::new();
    for mut person in [pair.signed_in_at_express(), pair.signed_in_at_keyrack()] {
        let (sid, mut copy) = (person.sid(), person.clone());
        person.sign_out_at_express("regenerate");
        assert_eq!(pair.session(&sid, "end_reason"), "signed_out");
        person.assert_signed_out_at_both();
        copy.assert_signed_out_at_both();
        // Signing in again by a new sid each time leaves one active session and the history of the others.
        person.sign_in_at_express(pair.user);
        let second = person.sid();
        person.sign_in_at_express(pair.user);
        assert_eq!(pair.session(&second, "end_reason"), "signed_out");
        person.assert_signed_in_at_both(pair.user);
    }
    assert_eq!(pair.app.count("sessions", "WHERE status = 'active'"), 2);
    pair.app.assert_sound();
}

fn deleting_user_id_at_express_ends_session_but_keeps_sid() {
    let pair = Pair::new();
    for mut person in [pair.signed_in_at_express(), pair.signed_in_at_keyrack()] {
        let id = person.at_keyrack().session_id();
        person.set_at_express(&json!({"cart": ["a lamp"]}));
        let sid = person.sid();
        person.sign_out_at_express("deleting userId");
        let row = pair.app.rows("sessions", &format!("WHERE id = '{id}'")).remove(0);
        assert_eq!((&row["status"], &row["end_reason"]), (&json!("logged_out"), &json!("signed_out")));
        person.assert_signed_out_at_both();
        let session = person.session_at_express();
        assert_eq!(
            (&session["sid"], &session["cart"]),
            (&json!(sid), &json!(["a lamp"])),
            "Express keeps the sid and its data"
        );

        // The next sign-in on that sid starts another session.
        person.post_to_express("/sign-in", &[("user", &pair.user.to_string())]);
        assert_eq!(person.sid(), sid);
        person.assert_signed_in_at_both(pair.user);
        assert_ne!(person.at_keyrack().session_id(), id);
        let history = person.at_keyrack().get("/account/sessions?show=ended");
        assert_eq!(history.status, 200);
        assert!(!history.body.contains(&sid), "the page does not show the sid");
    }
    pair.app.assert_sound();
}

fn setting_status_to_logout_ends_session() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_express();
    person.sign_out_at_express("status");
    assert_eq!(pair.app.rows("sessions", "")[0]["end_reason"], "signed_out");
    assert!(!person.is_signed_in_at_keyrack());
    pair.app.execute(&format!(
        "DO $$ BEGIN ASSERT (SELECT sess ->> 'status' = 'logout' FROM user_sessions WHERE sid = '{}'); END $$",
        person.sid()
    ));
    pair.app.assert_sound();
}

fn sign_out_at_keyrack_works_at_express() {
    let pair = Pair::new();
    for at_express in [true, false] {
        let mut person = if at_express { pair.signed_in_at_express() } else { pair.signed_in_at_keyrack() };
        let (sid, mut copy) = (person.sid(), person.clone());
        assert_eq!(person.at_keyrack().sign_out().status, 303);
        assert_eq!(pair.session(&sid, "end_reason"), "signed_out");
        copy.assert_signed_out_at_both();
        person.assert_signed_out_at_both();
        assert_eq!(pair.app.count("user_sessions", ""), 0);
    }
    pair.app.assert_sound();
}

/// A description of how a session is ended, and the function that ends it.
type EndMethod<'a> = (&'static str, Box<dyn FnOnce() + 'a>);

/// The methods by which Keyrack, or plain SQL, ends this browser's session.
fn end_methods<'a>(pair: &'a Pair, person: &Person) -> [EndMethod<'a>; 5] {
    let (sid, id) = (person.sid(), person.clone().at_keyrack().session_id());
    let other = || pair.signed_in_at_keyrack();
    let parsed = id.parse().unwrap();
    [
        (
            "by the page",
            Box::new(move || {
                let path = format!("/account/sessions/{id}/revoke");
                assert_eq!(other().at_keyrack().post_from("/account/sessions", &path, &[]).status, 303);
            }),
        ),
        (
            "by the page, with all others",
            Box::new(move || {
                let path = "/account/sessions/revoke-others";
                assert_eq!(other().at_keyrack().post_from("/account/sessions", path, &[]).status, 303);
            }),
        ),
        (
            "by the library",
            Box::new(move || {
                assert!(wait(pair.app.keyrack.sessions().revoke_by_admin(parsed)).unwrap());
            }),
        ),
        (
            "by disabling the user",
            Box::new(move || {
                let email = EMAIL.parse().unwrap();
                wait(pair.app.keyrack.accounts().disable(&email)).unwrap();
                wait(pair.app.keyrack.accounts().enable(&email)).unwrap();
            }),
        ),
        (
            "by plain SQL",
            Box::new(move || {
                pair.app.execute(&format!(
                    "UPDATE sessions SET status = 'logged_out', updated_at = NOW(), logged_out_at = NOW()
                     WHERE sid = '{sid}'"
                ));
            }),
        ),
    ]
}

fn revoked_session_is_signed_out_at_express() {
    let pair = Pair::new();
    for method in 0..5 {
        for at_express in [true, false] {
            let mut person = if at_express { pair.signed_in_at_express() } else { pair.signed_in_at_keyrack() };
            let (sid, mut untouched) = (person.sid(), person.clone());
            let (how, end) = end_methods(&pair, &person).into_iter().nth(method).unwrap();
            end();
            assert!(!untouched.is_signed_in_at_express(), "{how}");
            person.assert_signed_out_at_both();
            assert_eq!(pair.session(&sid, "status"), "logged_out", "{how}");
            assert_eq!(pair.app.count("user_sessions", &format!("WHERE sid = '{sid}'")), 0, "{how}");
        }
    }
    pair.app.assert_sound();
}

fn late_set_does_not_revive_ended_session() {
    let pair = Pair::new();
    for method in 0..5 {
        let mut person = if method % 2 == 0 { pair.signed_in_at_express() } else { pair.signed_in_at_keyrack() };
        let (how, end) = end_methods(&pair, &person).into_iter().nth(method).unwrap();
        let answer = pair.late_set(&person, &json!({"late": method}), end);
        assert_eq!(answer.status, 200, "the peer gets no error, {how}: {}", answer.body);
        assert_eq!(pair.app.count("user_sessions", &format!("WHERE sid = '{}'", person.sid())), 0, "{how}");
        person.assert_signed_out_at_both();
        pair.app.assert_sound();
    }
}

fn late_set_does_not_revive_rotated_sid() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_express();
    let mut stale = person.clone();
    let answer = pair.late_set(&stale, &json!({"late": true}), || {
        assert_eq!(person.at_keyrack().post("/app/renew", &[]).status, 200);
    });
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_ne!(person.sid(), stale.sid());
    stale.assert_signed_out_at_both();
    person.assert_signed_in_at_both(pair.user);
    assert_eq!(
        person.session_at_express().get("late"),
        None,
        "data set under the old sid is lost, and not stored under the new one"
    );
    assert_eq!((pair.app.count("sessions", ""), pair.app.count("user_sessions", "")), (1, 1));
    // A later request with the old sid does not revive it either.
    stale = person.clone();
    assert_eq!(person.at_keyrack().post("/app/renew", &[]).status, 200);
    stale.set_at_express(&json!({"late": true}));
    assert!(!stale.is_signed_in_at_keyrack() && !stale.is_signed_in_at_express());
    person.assert_signed_in_at_both(pair.user);
    pair.app.assert_sound();
}

fn late_touch_does_not_revive_ended_session() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_express();
    let id = person.at_keyrack().session_id().parse().unwrap();
    let answer = pair.late_set(&person, &json!({}), || {
        assert!(wait(pair.app.keyrack.sessions().revoke_by_admin(id)).unwrap());
    });
    assert_eq!(answer.status, 200, "{}", answer.body);
    person.assert_signed_out_at_both();
    assert_eq!(pair.only_end_reason(), "revoked_by_admin");
}

fn concurrent_ends_at_both_end_session_once() {
    let pair = Pair::new();
    for _ in 0..20 {
        let mut person = pair.signed_in_at_express();
        let id = person.at_keyrack().session_id().parse().unwrap();
        let mut setting = person.clone();
        let mut destroying = person.clone();
        thread::scope(|scope| {
            scope.spawn(|| wait(pair.app.keyrack.sessions().revoke_by_admin(id)).unwrap());
            scope.spawn(|| setting.set_at_express(&json!({"late": true})));
            scope.spawn(|| destroying.sign_out_at_express("destroy"));
        });
        person.assert_signed_out_at_both();
        let row = pair.app.rows("sessions", &format!("WHERE id = '{id}'")).remove(0);
        // If the data was deleted while the session was locked, only its sid was disabled, and the purge ends it.
        wait(pair.app.keyrack.sessions().purge(|_| ())).unwrap();
        assert!(
            ["signed_out", "revoked_by_admin", "NULL"].contains(&row["end_reason"].as_str().unwrap_or("NULL")),
            "{row}"
        );
        assert_eq!(pair.app.count("sessions", "WHERE status = 'active'"), 0);
    }
    pair.app.assert_sound();
}

/// A transaction's time is its start, and the clocks of two machines differ.
fn logged_out_at_is_not_before_created_at() {
    let pair = Pair::new();
    for how in ["created_at - interval '2 seconds'", "NULL"] {
        let sid = pair.signed_in_at_express().sid();
        pair.app.execute(&format!(
            "UPDATE sessions SET created_at = now() + interval '3 seconds', last_seen_at = now() + interval '3 seconds'
             WHERE sid = '{sid}';
             UPDATE sessions SET status = 'logged_out', logged_out_at = {how} WHERE sid = '{sid}'"
        ));
        assert_eq!(pair.session(&sid, "logged_out_at"), pair.session(&sid, "created_at"), "{how}");
    }
    pair.app.assert_sound();
}
