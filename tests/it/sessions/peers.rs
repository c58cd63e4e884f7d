//! Sessions that an Express peer started: they have no absolute end, and live on by the peer's own limit. And what the peer
//! could not work with never leaves us.

use std::time::Duration;

use keyrack::sessions::{Sid, Started, Timeouts};
use serde_json::json;

use super::session_fixture::{DAY, HOUR, MINUTE, SECOND, SessionFixture, just_before, setting};
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(
    a_peers_session_lives_on_by_the_peers_limit_and_has_no_other,
    a_peers_session_without_a_limit_has_a_days,
    a_peers_session_that_runs_out_was_idle,
    a_peers_session_keeps_its_limit_under_a_new_sid,
    a_list_says_when_a_peers_session_would_end,
    a_cookie_that_would_break_a_peer_is_mended_when_we_write,
    a_cookie_that_nobody_minds_is_left_as_it_is,
    data_in_a_string_is_read_and_written_as_an_object,
);

/// Ours are shorter than the peer's.
fn rack(engine: EngineKind) -> SessionFixture {
    let timeouts = Timeouts { idle: MINUTE * 5, absolute: HOUR, ..Timeouts::default() };
    SessionFixture::with(engine, |config| config.policy.timeouts = timeouts)
}

/// A session as the peer leaves it: `cookie` as given, alive for so long from now.
fn peers(rack: &SessionFixture, cookie: &str, life: Duration) -> Started {
    let started = rack.sign_in();
    let (sid, expire) = (started.sid.expose(), (rack.now() + life).to_iso_micros());
    let sess = format!(r#"{{"cookie":{cookie},"userId":"{}","cart":[1]}}"#, rack.user);
    rack.break_unguarded(&format!(
        "UPDATE sessions SET expires_at = '9999-12-31T23:59:59.999999Z' WHERE sid = '{sid}';
         UPDATE user_sessions SET sess = '{sess}', expire = '{expire}' WHERE sid = '{sid}'"
    ));
    started
}

const HALF_AN_HOUR: &str = r#"{"originalMaxAge":1800000,"expires":"2026-01-28T12:20:14.000Z","path":"/"}"#;

fn expire(rack: &SessionFixture, sid: &Sid) -> String {
    rack.data(sid).unwrap()["expire"].as_str().unwrap().to_owned()
}

fn a_peers_session_lives_on_by_the_peers_limit_and_has_no_other(engine: EngineKind) {
    let rack = rack(engine);
    let started = peers(&rack, HALF_AN_HOUR, HOUR / 2);
    for _ in 0..60 {
        rack.clock.advance(just_before(HOUR / 2));
        let live = rack.resume(&started.sid).unwrap();
        assert_eq!(live.expires_at, rack.now() + HOUR / 2);
        assert_eq!(expire(&rack, &started.sid), live.expires_at.to_iso_micros());
        assert_eq!(rack.session(started.id)["expires_at"], "9999-12-31T23:59:59.999999Z");
    }
    rack.clock.advance(HOUR / 2 + SECOND);
    assert!(!rack.is_alive(&started.sid));
}

fn a_peers_session_without_a_limit_has_a_days(engine: EngineKind) {
    for cookie in [r#"{"originalMaxAge":null,"expires":null}"#, "17", r#"{"originalMaxAge":"1"}"#] {
        let rack = rack(engine);
        let started = peers(&rack, cookie, HOUR);
        rack.clock.advance(MINUTE * 2);
        assert!(rack.is_alive(&started.sid));
        assert_eq!(expire(&rack, &started.sid), (rack.now() + DAY).to_iso_micros(), "{cookie}");
    }
}

fn a_peers_session_that_runs_out_was_idle(engine: EngineKind) {
    let rack = rack(engine);
    let started = peers(&rack, HALF_AN_HOUR, HOUR / 2);
    let end = rack.now() + HOUR / 2;
    rack.clock.advance(DAY * 3);
    assert_eq!(rack.purge().ended, 1);
    rack.assert_ended(&started, "idle_timeout", end);
}

fn a_peers_session_keeps_its_limit_under_a_new_sid(engine: EngineKind) {
    let rack = rack(engine);
    let started = peers(&rack, HALF_AN_HOUR, HOUR / 2);
    rack.clock.advance(MINUTE * 10);
    let rotated = rack.rotate(&started.sid).unwrap();
    assert_eq!(expire(&rack, &rotated.sid), (rack.now() + HOUR / 2).to_iso_micros());
    assert!(!rack.is_alive(&started.sid) && rack.is_alive(&rotated.sid));
}

fn a_list_says_when_a_peers_session_would_end(engine: EngineKind) {
    let rack = rack(engine);
    peers(&rack, HALF_AN_HOUR, HOUR / 2);
    let active = wait(rack.sessions().active_of(rack.user)).unwrap();
    let listed = wait(rack.sessions().list(None, false)).unwrap();
    for record in active.iter().chain(&listed) {
        assert_eq!((record.expires_at, record.has_absolute_expiry), (rack.now() + HOUR / 2, false));
    }
    let own = rack.sign_in();
    let active = wait(rack.sessions().active_of(rack.user)).unwrap();
    let record = active.iter().find(|record| record.id == own.id).unwrap();
    assert_eq!((record.expires_at, record.has_absolute_expiry), (rack.now() + HOUR, true));
}

fn a_cookie_that_would_break_a_peer_is_mended_when_we_write(engine: EngineKind) {
    for broken in ["null", "\"x\"", "[]", r#"{"originalMaxAge":"86400000","path":"/"}"#, r#"{"expires":"soon"}"#] {
        for rotating in [false, true] {
            let rack = rack(engine);
            let started = peers(&rack, broken, HOUR);
            let live = rack.resume(&started.sid).expect(broken);
            let sid = if rotating {
                rack.rotate(&started.sid).unwrap().sid
            } else {
                rack.save(&started.sid, setting(&live, &[("theme", json!("dark"))])).unwrap();
                started.sid
            };
            let sess = rack.data(&sid).unwrap()["sess"].clone();
            let cookie = sess["cookie"].as_object().expect(broken);
            assert!(cookie.get("originalMaxAge").is_none_or(serde_json::Value::is_number), "{cookie:?}");
            let expires = (rack.now() + DAY).to_iso_millis();
            assert!(cookie.get("expires").is_none_or(|at| *at == expires), "{cookie:?}");
            assert_eq!((&sess["cart"], &sess["userId"]), (&json!([1]), &json!(rack.user)), "{broken}");
        }
    }
}

fn a_cookie_that_nobody_minds_is_left_as_it_is(engine: EngineKind) {
    for cookie in ["{}", HALF_AN_HOUR, r#"{"sameSite":"none","originalMaxAge":null,"own":1.0,"expires":null}"#] {
        let rack = rack(engine);
        let started = peers(&rack, cookie, HOUR);
        let live = rack.resume(&started.sid).unwrap();
        let before = rack.sess(&started.sid);
        rack.save(&started.sid, setting(&live, &[("theme", json!("dark"))])).unwrap();
        assert_eq!(rack.sess(&started.sid), format!(r#"{},"theme":"dark"}}"#, before.strip_suffix('}').unwrap()));
    }
}

fn data_in_a_string_is_read_and_written_as_an_object(engine: EngineKind) {
    let rack = rack(engine);
    let started = rack.sign_in();
    let inner = rack.sess(&started.sid);
    rack.break_unguarded(&format!("UPDATE user_sessions SET sess = '{}'", json!(inner)));
    let live = rack.resume(&started.sid).unwrap();
    rack.save(&started.sid, setting(&live, &[("theme", json!("dark"))])).unwrap();
    assert_eq!(rack.sess(&started.sid), format!(r#"{},"theme":"dark"}}"#, inner.strip_suffix('}').unwrap()));
}
