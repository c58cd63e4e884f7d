//! Save: writes what a request changed in the data.

use std::thread;

use keyrack::{error::Error, sessions::DataPatch};
use serde_json::json;

use super::session_fixture::{MINUTE, SessionFixture, removing, setting};
use crate::support::{EngineKind, on_both_engines};

on_both_engines!(
    saves_of_different_keys_both_succeed,
    concurrent_saves_lose_nothing,
    later_save_of_the_same_key_wins,
    removing_a_key_keeps_other_saves,
    unchanged_data_is_not_written,
    save_changes_no_times,
    saved_values_keep_type_and_order,
    unknown_sid_cannot_be_saved_or_rotated,
);

fn saves_of_different_keys_both_succeed(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    let (one, other) = (fixture.resume(&started.sid).unwrap(), fixture.resume(&started.sid).unwrap());
    fixture.save(&started.sid, setting(&one, &[("theme", json!("dark"))])).unwrap();
    fixture.save(&started.sid, setting(&other, &[("cart", json!([1, 2]))])).unwrap();
    let sess = fixture.data(&started.sid).unwrap()["sess"].clone();
    assert_eq!((&sess["theme"], &sess["cart"]), (&json!("dark"), &json!([1, 2])));
    assert_eq!((&sess["userId"], &sess["status"]), (&json!(fixture.user), &json!("login")));
}

fn concurrent_saves_lose_nothing(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    let live = fixture.resume(&started.sid).unwrap();
    let (sessions, sid) = (fixture.sessions(), &started.sid);
    thread::scope(|scope| {
        for thread in 0..8 {
            let live = &live;
            scope.spawn(move || {
                for round in 0..5 {
                    let patch = setting(live, &[(&format!("key-{thread}-{round}"), json!(round))]);
                    crate::support::wait(sessions.save(sid, patch)).unwrap();
                }
            });
        }
    });
    let sess = fixture.data(sid).unwrap()["sess"].clone();
    let written = sess.as_object().unwrap().keys().filter(|key| key.starts_with("key-")).count();
    assert_eq!(written, 40);
}

fn later_save_of_the_same_key_wins(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    let (one, other) = (fixture.resume(&started.sid).unwrap(), fixture.resume(&started.sid).unwrap());
    fixture.save(&started.sid, setting(&one, &[("theme", json!("dark"))])).unwrap();
    fixture.save(&started.sid, setting(&other, &[("theme", json!("light"))])).unwrap();
    assert_eq!(fixture.data(&started.sid).unwrap()["sess"]["theme"], "light");
}

fn removing_a_key_keeps_other_saves(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    let live = fixture.resume(&started.sid).unwrap();
    fixture.save(&started.sid, setting(&live, &[("theme", json!("dark")), ("cart", json!([]))])).unwrap();
    let (one, other) = (fixture.resume(&started.sid).unwrap(), fixture.resume(&started.sid).unwrap());
    fixture.save(&started.sid, setting(&one, &[("cart", json!([3]))])).unwrap();
    fixture.save(&started.sid, removing(&other, "theme")).unwrap();
    let sess = fixture.data(&started.sid).unwrap()["sess"].clone();
    assert_eq!((sess.get("theme"), &sess["cart"]), (None, &json!([3])));
}

fn unchanged_data_is_not_written(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    let live = fixture.resume(&started.sid).unwrap();
    fixture.save(&started.sid, setting(&live, &[("theme", json!("dark"))])).unwrap();
    let live = fixture.resume(&started.sid).unwrap();
    fixture.forbid_writes();
    fixture.save(&started.sid, DataPatch::default()).unwrap();
    fixture.save(&started.sid, setting(&live, &[("theme", json!("dark"))])).unwrap();
    let written = fixture.save(&started.sid, setting(&live, &[("theme", json!("light"))]));
    assert!(matches!(written, Err(Error::Unavailable(_))), "a write would have failed: {written:?}");
}

fn save_changes_no_times(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    let live = fixture.resume(&started.sid).unwrap();
    let before = (fixture.session(started.id), fixture.data(&started.sid).unwrap()["expire"].clone());
    fixture.clock.advance(MINUTE / 2);
    fixture.save(&started.sid, setting(&live, &[("theme", json!("dark"))])).unwrap();
    assert_eq!((fixture.session(started.id), fixture.data(&started.sid).unwrap()["expire"].clone()), before);
}

fn saved_values_keep_type_and_order(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    let before = fixture.sess(&started.sid);
    let live = fixture.resume(&started.sid).unwrap();
    let values = [
        ("text", json!("'; DROP TABLE sessions; -- \u{1F511} \"\\ ü")),
        ("number", json!(0.1)),
        ("big", json!(9_007_199_254_740_993_i64)),
        ("nothing", json!(null)),
        ("nested", json!({"b": [true, {"a": ""}], "a": {}})),
        ("", json!(false)),
    ];
    fixture.save(&started.sid, setting(&live, &values)).unwrap();
    let added: Vec<String> = values.iter().map(|(key, value)| format!("{}:{value}", json!(key))).collect();
    assert_eq!(fixture.sess(&started.sid), format!("{},{}}}", before.strip_suffix('}').unwrap(), added.join(",")));
    let live = fixture.resume(&started.sid).unwrap();
    for (key, value) in values {
        assert!(live.data.entries().any(|entry| entry == (key, value.to_string().as_str())), "{key:?}");
    }
}

fn unknown_sid_cannot_be_saved_or_rotated(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let live = fixture.resume(&fixture.sign_in().sid).unwrap();
    let unknown = keyrack::sessions::Sid::random().unwrap();
    let before = fixture.rows("user_sessions", "");
    assert!(matches!(fixture.save(&unknown, setting(&live, &[("theme", json!("dark"))])), Err(Error::SessionEnded)));
    assert!(matches!(fixture.rotate(&unknown), Err(Error::SessionEnded)));
    assert!(!fixture.is_alive(&unknown));
    assert_eq!(fixture.rows("user_sessions", ""), before);
}
