//! Expiry: both servers extend sessions, and the limits of each hold at both.

use serde_json::{Value, json};

use super::pair::{COOKIE, Pair};
use crate::support::{cookies::parts, express::with_express, wait};

with_express!(
    touch_at_express_is_recorded_as_activity,
    activity_at_keyrack_extends_expire,
    activity_at_keyrack_respects_idle_timeout_of_express,
    disabled_touch_leaves_expire_fixed,
    browser_session_keeps_expiry_of_express,
    rolling_cookie_works_at_both,
    expired_session_is_rejected_by_both_and_ended_by_prune,
    absolute_expiry_holds_at_express,
);

fn rewind_activity(pair: &Pair, minutes: u32) {
    pair.app.execute(&format!(
        "UPDATE sessions SET created_at = created_at - interval '1 day', last_seen_at = now() -
         interval '{minutes} minutes';
         UPDATE user_sessions SET expire = expire - interval '{minutes} minutes'"
    ));
}

fn touch_at_express_is_recorded_as_activity() {
    let pair = Pair::new();
    // The expiry of a session that Keyrack started can't move: it is the absolute expiry.
    for at_express in [true, false] {
        let mut person = if at_express { pair.signed_in_at_express() } else { pair.signed_in_at_keyrack() };
        let sid = person.sid();
        pair.app.execute(&format!(
            "UPDATE sessions SET created_at = created_at - interval '1 hour', last_seen_at = now() -
             interval '30 minutes'
             WHERE sid = '{sid}'; UPDATE user_sessions SET expire = expire - interval '2 seconds' WHERE sid = '{sid}';
             UPDATE sessions SET expires_at = least(expires_at, (SELECT expire FROM user_sessions WHERE sid = '{sid}'))
             WHERE expires_at < now() + interval '2 days'"
        ));
        person.at_express().get("/ping");
        let seen = format!("SELECT (now() - last_seen_at < '1 minute')::text AS v FROM sessions WHERE sid = '{sid}'");
        assert_eq!(pair.app.text(&seen), "true", "at Express: {at_express}");
        assert!(pair.expires_in(&sid) > 86_300.0);
        // Activity is recorded once a minute: another touch within it writes nothing to `sessions`.
        let row = pair.app.rows("sessions", "");
        person.at_express().get("/ping");
        assert_eq!(pair.app.rows("sessions", ""), row);
        pair.app.assert_sound();
    }
}

fn activity_at_keyrack_extends_expire() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_express();
    rewind_activity(&pair, 30);
    assert!(pair.expires_in(&person.sid()) < 86_400.0 - 1790.0);
    assert!(person.is_signed_in_at_keyrack());
    pair.app.record_activity();
    assert!(pair.expires_in(&person.sid()) > 86_300.0);
    person.assert_signed_in_at_both(pair.user);
    pair.app.assert_sound();
}

fn activity_at_keyrack_respects_idle_timeout_of_express() {
    let pair = Pair::with(&json!({"session": {"cookie": {"maxAge": 1_800_000}}}));
    let mut person = pair.signed_in_at_express();
    rewind_activity(&pair, 20);
    assert!(pair.expires_in(&person.sid()) < 601.0);
    assert!(person.is_signed_in_at_keyrack());
    pair.app.record_activity();
    let left = pair.expires_in(&person.sid());
    assert!((1700.0..1802.0).contains(&left), "half an hour, the idle timeout of Express: {left}");
    person.assert_signed_in_at_both(pair.user);
}

fn disabled_touch_leaves_expire_fixed() {
    let pair = Pair::with(&json!({"store": {"disableTouch": true}, "session": {"cookie": {"maxAge": 3_600_000}}}));
    let mut person = pair.signed_in_at_express();
    rewind_activity(&pair, 30);
    let before = pair.expires_in(&person.sid());
    person.at_express().get("/ping");
    assert!(pair.expires_in(&person.sid()) <= before);
    person.assert_signed_in_at_both(pair.user);
    pair.app.execute("UPDATE user_sessions SET expire = now() - interval '1 second'");
    person.assert_signed_out_at_both();
}

fn browser_session_keeps_expiry_of_express() {
    let pair = Pair::with(&json!({"session": {"cookie": {"maxAge": null}}}));
    let mut person = pair.signed_in_at_express();
    let cookie = &pair.app.rows("user_sessions", "")[0]["sess"]["cookie"];
    assert_eq!((&cookie["originalMaxAge"], &cookie["expires"]), (&Value::Null, &Value::Null));
    let left = pair.expires_in(&person.sid());
    assert!((86_300.0..86_402.0).contains(&left), "one day, the default of connect-pg-simple: {left}");
    assert_eq!(pair.session(&person.sid(), "remembered"), false);
    person.assert_signed_in_at_both(pair.user);
    person.set_at_keyrack(&json!({"theme": "dark"}));
    let cookie = &pair.app.rows("user_sessions", "")[0]["sess"]["cookie"];
    assert_eq!((&cookie["originalMaxAge"], &cookie["expires"]), (&Value::Null, &Value::Null));
    assert_eq!(person.session_at_express()["theme"], "dark");
    person.assert_signed_in_at_both(pair.user);
}

fn rolling_cookie_works_at_both() {
    let pair = Pair::with(&json!({"session": {"rolling": true, "cookie": {"maxAge": 3_600_000}}}));
    let mut person = pair.signed_in_at_keyrack();
    let answer = person.at_express().get("/ping");
    let (name, value, attributes) = parts(&answer.set_cookies()[0]);
    assert_eq!((name.as_str(), &value), (COOKIE, &person.browser.cookies[COOKIE]));
    assert!(attributes.iter().any(|attribute| attribute.starts_with("Expires=")), "{attributes:?}");
    person.assert_signed_in_at_both(pair.user);
    let mut person = pair.signed_in_at_express();
    for _ in 0..3 {
        person.assert_signed_in_at_both(pair.user);
    }
    pair.app.assert_sound();
}

fn expired_session_is_rejected_by_both_and_ended_by_prune() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_express();
    let mut other = pair.signed_in_at_keyrack();
    let expire = format!(
        "UPDATE sessions SET created_at = now() - interval '3 days', last_seen_at = now() - interval '2 days';
         UPDATE user_sessions SET expire = now() - interval '1 day' WHERE sid = '{}'",
        person.sid()
    );
    pair.app.execute(&expire);
    let sid = person.sid();
    assert!(!person.is_signed_in_at_keyrack());
    assert!(!person.clone().is_signed_in_at_express());
    assert_eq!(pair.session(&sid, "status"), "active", "nothing has ended it yet");
    pair.prune();
    assert_eq!(
        (pair.session(&sid, "status"), pair.session(&sid, "end_reason")),
        (json!("logged_out"), json!("idle_timeout"))
    );
    let ago = "SELECT round(extract(epoch FROM now() - logged_out_at) / 3600)::text AS v
               FROM sessions WHERE status = 'logged_out'";
    assert_eq!(pair.app.text(ago), "24", "it ended when it expired, not when it was pruned");
    other.assert_signed_in_at_both(pair.user);
    pair.app.assert_sound();
}

fn absolute_expiry_holds_at_express() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_keyrack();
    pair.app.execute("UPDATE sessions SET expires_at = now() + interval '10 minutes'");
    // Express extends the data by a day with each request, but not beyond the absolute expiry.
    for json in [json!({"cart": 1}), json!({"cart": 2})] {
        person.set_at_express(&json);
        person.at_express().get("/ping");
        assert!(pair.expires_in(&person.sid()) <= 600.0);
    }
    person.assert_signed_in_at_both(pair.user);
    pair.app.execute(
        "UPDATE sessions SET created_at = now() - interval '2 days', last_seen_at = now() - interval '2 days',
             expires_at = now() - interval '1 second';
         UPDATE user_sessions SET expire = now()",
    );
    person.assert_signed_out_at_both();
    pair.prune();
    wait(pair.app.keyrack.sessions().purge(|_| ())).unwrap();
    assert_eq!(pair.only_end_reason(), "absolute_timeout");
}
