//! Session data that one server sets and the other reads.

use serde_json::{Value, json};

use super::pair::{EMAIL, Pair};
use crate::support::express::with_express;

with_express!(
    keyrack_reads_and_keeps_data_of_express,
    express_reads_and_keeps_data_of_keyrack,
    cookie_object_keeps_keys_order_and_types,
    alternating_writes_of_different_keys_are_all_kept,
);

/// Values of every JSON type, in unsorted order.
fn everything() -> Value {
    json!({
        "zebra": "zürich \u{1F511} \"quoted\" \\ \n",
        "alpha": {"nested": {"deep": [1, [2, {"three": null}]]}, "b": 1, "a": 2},
        "number": 12.5,
        "integer": 9_007_199_254_740_991_i64,
        "negative": -1,
        "tiny": 1e-7,
        "true": true,
        "false": false,
        "empty": {"object": {}, "array": [], "text": ""},
        "__proto": "an ordinary key",
    })
}

fn sess(pair: &Pair) -> String {
    pair.app.text("SELECT sess::text AS v FROM user_sessions")
}

fn keyrack_reads_and_keeps_data_of_express() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_express();
    person.set_at_express(&everything());
    let written = sess(&pair);
    let data = person.data_at_keyrack();
    for (key, value) in everything().as_object().unwrap() {
        assert_eq!(&data[key], value, "{key}");
    }
    assert_eq!(sess(&pair), written, "reading changes nothing");

    // Changing one key keeps the others and their order.
    person.set_at_keyrack(&json!({"theme": "dark"}));
    let expected = format!("{},\"theme\":\"dark\"}}", written.strip_suffix('}').unwrap());
    assert_eq!(sess(&pair), expected);
    assert_eq!(person.session_at_express()["theme"], "dark");
    person.set_at_keyrack(&json!({"theme": null}));
    assert_eq!(sess(&pair), written);
    person.assert_signed_in_at_both(pair.user);
}

fn express_reads_and_keeps_data_of_keyrack() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_keyrack();
    person.set_at_keyrack(&everything());
    let session = person.session_at_express();
    for (key, value) in everything().as_object().unwrap() {
        assert_eq!(&session[key], value, "{key}");
    }
    // Express writes the whole document again: only the key that was set changes.
    person.set_at_express(&json!({"cart": [1]}));
    let mut expected: Value = serde_json::from_value(session).unwrap();
    let after = person.session_at_express();
    expected["cart"] = json!([1]);
    expected["cookie"] = after["cookie"].clone();
    assert_eq!(after, expected);
    let data = person.data_at_keyrack();
    assert_eq!((&data["cart"], &data["email"]), (&json!([1]), &json!(EMAIL)));
    person.assert_signed_in_at_both(pair.user);
    pair.app.assert_sound();
}

fn cookie_object_keeps_keys_order_and_types() {
    let pair = Pair::with(&json!({"session": {"cookie": {
        "maxAge": 3_600_000, "priority": "high", "partitioned": false, "sameSite": "strict", "path": "/",
    }}}));
    let mut person = pair.signed_in_at_express();
    let cookie = |pair: &Pair| pair.app.text("SELECT (sess -> 'cookie')::text AS v FROM user_sessions");
    let before = cookie(&pair);
    let found: Value = serde_json::from_str(&before).unwrap();
    assert_eq!((&found["priority"], &found["partitioned"]), (&json!("high"), &json!(false)), "{before}");
    // express-session computes it from two readings of the clock, so some milliseconds may be missing.
    assert!((3_590_000..=3_600_000).contains(&found["originalMaxAge"].as_i64().unwrap()), "{before}");
    person.set_at_keyrack(&json!({"theme": "dark"}));
    person.data_at_keyrack();
    assert_eq!(cookie(&pair), before);

    // Keyrack writes a new `cookie` with the keys of express-session, in the same order.
    let pair = Pair::new();
    let order = |text: &str| {
        serde_json::from_str::<Value>(text).unwrap().as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let mut keyrack = pair.signed_in_at_keyrack();
    let by_keyrack = cookie(&pair);
    keyrack.set_at_express(&json!({"cart": 1}));
    let by_express = cookie(&pair);
    assert_eq!(order(&by_keyrack), order(&by_express));
    let expires = serde_json::from_str::<Value>(&by_keyrack).unwrap()["expires"].as_str().unwrap().to_owned();
    assert_eq!((expires.len(), expires.ends_with('Z')), (24, true), "as toISOString() writes it: {expires}");
}

fn alternating_writes_of_different_keys_are_all_kept() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_express();
    for round in 0..5 {
        person.set_at_express(&json!({"cart": round}));
        person.set_at_keyrack(&json!({"theme": round}));
    }
    let (session, data) = (person.session_at_express(), person.data_at_keyrack());
    for found in [session, data] {
        assert_eq!((&found["cart"], &found["theme"]), (&json!(4), &json!(4)));
    }
}
