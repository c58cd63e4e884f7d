//! Sessions that an Express peer started: they have no absolute expiry, and the peer's idle timeout applies. Keyrack
//! never writes a cookie that would break the peer.

use std::time::Duration;

use keyrack::sessions::{IssuedSession, Sid, Timeouts};
use serde_json::json;

use super::session_fixture::{DAY, HOUR, MINUTE, SECOND, SessionFixture, just_before, setting};
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(
    peer_session_expires_by_the_peers_idle_limit_only,
    peer_session_without_limit_expires_after_a_day,
    expired_peer_session_ends_with_idle_timeout,
    rotated_peer_session_keeps_its_idle_limit,
    list_shows_idle_expiry_of_peer_session,
    broken_cookie_is_repaired_on_save_and_rotate,
    cookie_that_a_peer_accepts_is_unchanged,
    string_encoded_data_is_saved_as_an_object,
);

/// Keyrack's limits are shorter than the peer's.
fn fixture_with_short_timeouts(engine: EngineKind) -> SessionFixture {
    let timeouts = Timeouts { idle: MINUTE * 5, absolute: HOUR, ..Timeouts::default() };
    SessionFixture::with(engine, |config| config.policy.timeouts = timeouts)
}

/// Makes a session as a peer writes it, with this `cookie`, and with data that expires after `life`.
fn peer_session(fixture: &SessionFixture, cookie: &str, life: Duration) -> IssuedSession {
    let started = fixture.sign_in();
    let (sid, expire) = (started.sid.expose(), (fixture.now() + life).to_iso_micros());
    let sess = format!(r#"{{"cookie":{cookie},"userId":"{}","cart":[1]}}"#, fixture.user);
    fixture.break_unguarded(&format!(
        "UPDATE sessions SET expires_at = '9999-12-31T23:59:59.999999Z' WHERE sid = '{sid}';
         UPDATE user_sessions SET sess = '{sess}', expire = '{expire}' WHERE sid = '{sid}'"
    ));
    started
}

const HALF_AN_HOUR: &str = r#"{"originalMaxAge":1800000,"expires":"2026-01-28T12:20:14.000Z","path":"/"}"#;

fn expire(fixture: &SessionFixture, sid: &Sid) -> String {
    fixture.data(sid).unwrap()["expire"].as_str().unwrap().to_owned()
}

fn peer_session_expires_by_the_peers_idle_limit_only(engine: EngineKind) {
    let fixture = fixture_with_short_timeouts(engine);
    let started = peer_session(&fixture, HALF_AN_HOUR, HOUR / 2);
    for _ in 0..60 {
        fixture.clock.advance(just_before(HOUR / 2));
        let live = fixture.resume(&started.sid).unwrap();
        assert_eq!(live.expires_at, fixture.now() + HOUR / 2);
        assert_eq!(expire(&fixture, &started.sid), live.expires_at.to_iso_micros());
        assert_eq!(fixture.session(started.id)["expires_at"], "9999-12-31T23:59:59.999999Z");
    }
    fixture.clock.advance(HOUR / 2 + SECOND);
    assert!(!fixture.is_alive(&started.sid));
}

fn peer_session_without_limit_expires_after_a_day(engine: EngineKind) {
    for cookie in [r#"{"originalMaxAge":null,"expires":null}"#, "17", r#"{"originalMaxAge":"1"}"#] {
        let fixture = fixture_with_short_timeouts(engine);
        let started = peer_session(&fixture, cookie, HOUR);
        fixture.clock.advance(MINUTE * 2);
        assert!(fixture.is_alive(&started.sid));
        assert_eq!(expire(&fixture, &started.sid), (fixture.now() + DAY).to_iso_micros(), "{cookie}");
    }
}

fn expired_peer_session_ends_with_idle_timeout(engine: EngineKind) {
    let fixture = fixture_with_short_timeouts(engine);
    let started = peer_session(&fixture, HALF_AN_HOUR, HOUR / 2);
    let end = fixture.now() + HOUR / 2;
    fixture.clock.advance(DAY * 3);
    assert_eq!(fixture.purge().ended, 1);
    fixture.assert_ended(&started, "idle_timeout", end);
}

fn rotated_peer_session_keeps_its_idle_limit(engine: EngineKind) {
    let fixture = fixture_with_short_timeouts(engine);
    let started = peer_session(&fixture, HALF_AN_HOUR, HOUR / 2);
    fixture.clock.advance(MINUTE * 10);
    let rotated = fixture.rotate(&started.sid).unwrap();
    assert_eq!(expire(&fixture, &rotated.sid), (fixture.now() + HOUR / 2).to_iso_micros());
    assert!(!fixture.is_alive(&started.sid) && fixture.is_alive(&rotated.sid));
}

fn list_shows_idle_expiry_of_peer_session(engine: EngineKind) {
    let fixture = fixture_with_short_timeouts(engine);
    peer_session(&fixture, HALF_AN_HOUR, HOUR / 2);
    let active = wait(fixture.sessions().live_of(fixture.user, None)).unwrap().records;
    let listed = fixture.list_all();
    for record in active.iter().chain(&listed) {
        assert_eq!((record.expires_at, record.has_absolute_expiry), (fixture.now() + HOUR / 2, false));
    }
    let own = fixture.sign_in();
    let active = wait(fixture.sessions().live_of(fixture.user, None)).unwrap().records;
    let record = active.iter().find(|record| record.id == own.id).unwrap();
    assert_eq!((record.expires_at, record.has_absolute_expiry), (fixture.now() + HOUR, true));
}

fn broken_cookie_is_repaired_on_save_and_rotate(engine: EngineKind) {
    for broken in ["null", "\"x\"", "[]", r#"{"originalMaxAge":"86400000","path":"/"}"#, r#"{"expires":"soon"}"#] {
        for rotating in [false, true] {
            let fixture = fixture_with_short_timeouts(engine);
            let started = peer_session(&fixture, broken, HOUR);
            let live = fixture.resume(&started.sid).expect(broken);
            let sid = if rotating {
                fixture.rotate(&started.sid).unwrap().sid
            } else {
                fixture.save(&started.sid, setting(&live, &[("theme", json!("dark"))])).unwrap();
                started.sid
            };
            let sess = fixture.data(&sid).unwrap()["sess"].clone();
            let cookie = sess["cookie"].as_object().expect(broken);
            assert!(cookie.get("originalMaxAge").is_none_or(serde_json::Value::is_number), "{cookie:?}");
            let expires = (fixture.now() + DAY).to_iso_millis();
            assert!(cookie.get("expires").is_none_or(|at| *at == expires), "{cookie:?}");
            assert_eq!((&sess["cart"], &sess["userId"]), (&json!([1]), &json!(fixture.user)), "{broken}");
        }
    }
}

fn cookie_that_a_peer_accepts_is_unchanged(engine: EngineKind) {
    for cookie in ["{}", HALF_AN_HOUR, r#"{"sameSite":"none","originalMaxAge":null,"own":1.0,"expires":null}"#] {
        let fixture = fixture_with_short_timeouts(engine);
        let started = peer_session(&fixture, cookie, HOUR);
        let live = fixture.resume(&started.sid).unwrap();
        let before = fixture.sess(&started.sid);
        fixture.save(&started.sid, setting(&live, &[("theme", json!("dark"))])).unwrap();
        assert_eq!(fixture.sess(&started.sid), format!(r#"{},"theme":"dark"}}"#, before.strip_suffix('}').unwrap()));
    }
}

fn string_encoded_data_is_saved_as_an_object(engine: EngineKind) {
    let fixture = fixture_with_short_timeouts(engine);
    let started = fixture.sign_in();
    let inner = fixture.sess(&started.sid);
    fixture.break_unguarded(&format!("UPDATE user_sessions SET sess = '{}'", json!(inner)));
    let live = fixture.resume(&started.sid).unwrap();
    fixture.save(&started.sid, setting(&live, &[("theme", json!("dark"))])).unwrap();
    assert_eq!(fixture.sess(&started.sid), format!(r#"{},"theme":"dark"}}"#, inner.strip_suffix('}').unwrap()));
}
