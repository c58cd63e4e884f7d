//! How long it lasts: Express moves the end on, Keyrack does, and either's limits hold at both.

use serde_json::{Value, json};

use super::pair::{COOKIE, Pair};
use crate::support::{cookies::parts, express::with_express, wait};

with_express!(
    a_touch_at_express_is_activity,
    activity_at_keyrack_is_a_touch_for_express,
    activity_at_keyrack_goes_no_further_than_express_s_own_idle_limit,
    a_fixed_end_is_left_where_it_is_by_express,
    a_browser_session_lasts_as_express_has_it,
    a_rolling_cookie_is_kept_at_both,
    what_has_run_out_is_out_at_both_and_a_prune_records_it,
    an_absolute_end_holds_at_express_too,
);

fn rewind_activity(pair: &Pair, minutes: u32) {
    pair.app.execute(&format!(
        "UPDATE sessions SET created_at = created_at - interval '1 day', last_seen_at = now() - interval '{minutes} minutes';
         UPDATE user_sessions SET expire = expire - interval '{minutes} minutes'"
    ));
}

fn a_touch_at_express_is_activity() {
    let pair = Pair::new();
    // The end of what Keyrack starts is where it can't move: as far as the sign-in allows.
    for at_express in [true, false] {
        let mut person = if at_express { pair.signed_in_at_express() } else { pair.signed_in_at_keyrack() };
        let sid = person.sid();
        pair.app.execute(&format!(
            "UPDATE sessions SET created_at = created_at - interval '1 hour', last_seen_at = now() - interval '30 minutes'
             WHERE sid = '{sid}'; UPDATE user_sessions SET expire = expire - interval '2 seconds' WHERE sid = '{sid}';
             UPDATE sessions SET expires_at = least(expires_at, (SELECT expire FROM user_sessions WHERE sid = '{sid}'))
             WHERE expires_at < now() + interval '2 days'"
        ));
        person.at_express().get("/ping");
        let seen = format!("SELECT (now() - last_seen_at < '1 minute')::text AS v FROM sessions WHERE sid = '{sid}'");
        assert_eq!(pair.app.text(&seen), "true", "at Express: {at_express}");
        assert!(pair.expires_in(&sid) > 86_300.0);
        // Once a minute does: within it, a touch writes nothing to `sessions`.
        let row = pair.app.rows("sessions", "");
        person.at_express().get("/ping");
        assert_eq!(pair.app.rows("sessions", ""), row);
        pair.app.assert_sound();
    }
}

fn activity_at_keyrack_is_a_touch_for_express() {
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

fn activity_at_keyrack_goes_no_further_than_express_s_own_idle_limit() {
    let pair = Pair::with(&json!({"session": {"cookie": {"maxAge": 1_800_000}}}));
    let mut person = pair.signed_in_at_express();
    rewind_activity(&pair, 20);
    assert!(pair.expires_in(&person.sid()) < 601.0);
    assert!(person.is_signed_in_at_keyrack());
    pair.app.record_activity();
    let left = pair.expires_in(&person.sid());
    assert!((1700.0..1802.0).contains(&left), "half an hour, as Express has it: {left}");
    person.assert_signed_in_at_both(pair.user);
}

fn a_fixed_end_is_left_where_it_is_by_express() {
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

fn a_browser_session_lasts_as_express_has_it() {
    let pair = Pair::with(&json!({"session": {"cookie": {"maxAge": null}}}));
    let mut person = pair.signed_in_at_express();
    let cookie = &pair.app.rows("user_sessions", "")[0]["sess"]["cookie"];
    assert_eq!((&cookie["originalMaxAge"], &cookie["expires"]), (&Value::Null, &Value::Null));
    let left = pair.expires_in(&person.sid());
    assert!((86_300.0..86_402.0).contains(&left), "connect-pg-simple's own day: {left}");
    assert_eq!(pair.session(&person.sid(), "remembered"), false);
    person.assert_signed_in_at_both(pair.user);
    person.set_at_keyrack(&json!({"theme": "dark"}));
    let cookie = &pair.app.rows("user_sessions", "")[0]["sess"]["cookie"];
    assert_eq!((&cookie["originalMaxAge"], &cookie["expires"]), (&Value::Null, &Value::Null));
    assert_eq!(person.session_at_express()["theme"], "dark");
    person.assert_signed_in_at_both(pair.user);
}

fn a_rolling_cookie_is_kept_at_both() {
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

fn what_has_run_out_is_out_at_both_and_a_prune_records_it() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_express();
    let mut other = pair.signed_in_at_keyrack();
    let run_out = format!(
        "UPDATE sessions SET created_at = now() - interval '3 days', last_seen_at = now() - interval '2 days';
         UPDATE user_sessions SET expire = now() - interval '1 day' WHERE sid = '{}'",
        person.sid()
    );
    pair.app.execute(&run_out);
    let sid = person.sid();
    assert!(!person.is_signed_in_at_keyrack());
    assert!(!person.clone().is_signed_in_at_express());
    assert_eq!(pair.session(&sid, "status"), "active", "nobody has cleaned up yet");
    pair.prune();
    assert_eq!(
        (pair.session(&sid, "status"), pair.session(&sid, "end_reason")),
        (json!("logged_out"), json!("idle_timeout"))
    );
    let ago = "SELECT round(extract(epoch FROM now() - logged_out_at) / 3600)::text AS v FROM sessions WHERE status = 'logged_out'";
    assert_eq!(pair.app.text(ago), "24", "it ended when it ran out, not when that was noticed");
    other.assert_signed_in_at_both(pair.user);
    pair.app.assert_sound();
}

fn an_absolute_end_holds_at_express_too() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_keyrack();
    pair.app.execute("UPDATE sessions SET expires_at = now() + interval '10 minutes'");
    // Express moves the end on by a day with each request, and does not get past it.
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
    assert_eq!(pair.only_end(), "absolute_timeout");
}
