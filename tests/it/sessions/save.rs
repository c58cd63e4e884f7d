//! Save: writing what a request changed in the data.

use std::thread;

use keyrack::{error::Error, sessions::DataPatch};
use serde_json::json;

use super::session_fixture::{MINUTE, SessionFixture, removing, setting};
use crate::support::{EngineKind, on_both_engines};

on_both_engines!(
    requests_that_change_different_keys_both_win,
    many_requests_at_once_lose_nothing,
    of_two_that_change_the_same_key_the_later_one_wins,
    removing_a_key_is_a_change_that_leaves_the_others_alone,
    unchanged_data_is_not_written,
    a_save_moves_no_time,
    values_keep_their_types_and_their_order,
    an_unknown_sid_is_over,
);

fn requests_that_change_different_keys_both_win(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    let (one, other) = (rack.resume(&started.sid).unwrap(), rack.resume(&started.sid).unwrap());
    rack.save(&started.sid, setting(&one, &[("theme", json!("dark"))])).unwrap();
    rack.save(&started.sid, setting(&other, &[("cart", json!([1, 2]))])).unwrap();
    let sess = rack.data(&started.sid).unwrap()["sess"].clone();
    assert_eq!((&sess["theme"], &sess["cart"]), (&json!("dark"), &json!([1, 2])));
    assert_eq!((&sess["userId"], &sess["status"]), (&json!(rack.user), &json!("login")));
}

fn many_requests_at_once_lose_nothing(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    let live = rack.resume(&started.sid).unwrap();
    let (sessions, sid) = (rack.sessions(), &started.sid);
    thread::scope(|scope| {
        for thread in 0..8 {
            let live = &live;
            scope.spawn(move || {
                for round in 0..5 {
                    let changes = setting(live, &[(&format!("key-{thread}-{round}"), json!(round))]);
                    crate::support::wait(sessions.save(sid, changes)).unwrap();
                }
            });
        }
    });
    let sess = rack.data(sid).unwrap()["sess"].clone();
    let written = sess.as_object().unwrap().keys().filter(|key| key.starts_with("key-")).count();
    assert_eq!(written, 40);
}

fn of_two_that_change_the_same_key_the_later_one_wins(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    let (one, other) = (rack.resume(&started.sid).unwrap(), rack.resume(&started.sid).unwrap());
    rack.save(&started.sid, setting(&one, &[("theme", json!("dark"))])).unwrap();
    rack.save(&started.sid, setting(&other, &[("theme", json!("light"))])).unwrap();
    assert_eq!(rack.data(&started.sid).unwrap()["sess"]["theme"], "light");
}

fn removing_a_key_is_a_change_that_leaves_the_others_alone(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    let live = rack.resume(&started.sid).unwrap();
    rack.save(&started.sid, setting(&live, &[("theme", json!("dark")), ("cart", json!([]))])).unwrap();
    let (one, other) = (rack.resume(&started.sid).unwrap(), rack.resume(&started.sid).unwrap());
    rack.save(&started.sid, setting(&one, &[("cart", json!([3]))])).unwrap();
    rack.save(&started.sid, removing(&other, "theme")).unwrap();
    let sess = rack.data(&started.sid).unwrap()["sess"].clone();
    assert_eq!((sess.get("theme"), &sess["cart"]), (None, &json!([3])));
}

fn unchanged_data_is_not_written(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    let live = rack.resume(&started.sid).unwrap();
    rack.save(&started.sid, setting(&live, &[("theme", json!("dark"))])).unwrap();
    let live = rack.resume(&started.sid).unwrap();
    rack.forbid_writes();
    rack.save(&started.sid, DataPatch::default()).unwrap();
    rack.save(&started.sid, setting(&live, &[("theme", json!("dark"))])).unwrap();
    let written = rack.save(&started.sid, setting(&live, &[("theme", json!("light"))]));
    assert!(matches!(written, Err(Error::Internal(_))), "the trap would have caught a write: {written:?}");
}

fn a_save_moves_no_time(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    let live = rack.resume(&started.sid).unwrap();
    let before = (rack.session(started.id), rack.data(&started.sid).unwrap()["expire"].clone());
    rack.clock.advance(MINUTE / 2);
    rack.save(&started.sid, setting(&live, &[("theme", json!("dark"))])).unwrap();
    assert_eq!((rack.session(started.id), rack.data(&started.sid).unwrap()["expire"].clone()), before);
}

fn values_keep_their_types_and_their_order(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    let before = rack.sess(&started.sid);
    let live = rack.resume(&started.sid).unwrap();
    let values = [
        ("text", json!("'; DROP TABLE sessions; -- \u{1F511} \"\\ ü")),
        ("number", json!(0.1)),
        ("big", json!(9_007_199_254_740_993_i64)),
        ("nothing", json!(null)),
        ("nested", json!({"b": [true, {"a": ""}], "a": {}})),
        ("", json!(false)),
    ];
    rack.save(&started.sid, setting(&live, &values)).unwrap();
    let added: Vec<String> = values.iter().map(|(key, value)| format!("{}:{value}", json!(key))).collect();
    assert_eq!(rack.sess(&started.sid), format!("{},{}}}", before.strip_suffix('}').unwrap(), added.join(",")));
    let live = rack.resume(&started.sid).unwrap();
    for (key, value) in values {
        assert!(live.data.entries().any(|entry| entry == (key, value.to_string().as_str())), "{key:?}");
    }
}

fn an_unknown_sid_is_over(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let live = rack.resume(&rack.sign_in().sid).unwrap();
    let unknown = keyrack::sessions::Sid::random().unwrap();
    let before = rack.rows("user_sessions", "");
    assert!(matches!(rack.save(&unknown, setting(&live, &[("theme", json!("dark"))])), Err(Error::SessionEnded)));
    assert!(matches!(rack.rotate(&unknown), Err(Error::SessionEnded)));
    assert!(!rack.is_alive(&unknown));
    assert_eq!(rack.rows("user_sessions", ""), before);
}
