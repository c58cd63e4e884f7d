//! Idle and absolute timeouts, to the second, by Keyrack's clock.

use std::time::Duration;

use keyrack::sessions::{NewSession, Timeouts};

use super::session_fixture::{DAY, EMAIL, HOUR, SECOND, SessionFixture, just_before};
use crate::support::{EngineKind, on_both_engines};

on_both_engines!(
    absolute_limit_applies_to_active_sessions,
    idle_limit_counts_from_last_activity,
    default_session_expires_a_day_after_sign_in,
    remembered_session_has_its_own_limits,
    idle_expiry_is_capped_by_absolute_expiry,
    browser_is_signed_out_when_its_session_expires,
    expired_session_cannot_be_saved_or_rotated,
);

fn timeouts(idle: Duration, absolute: Duration) -> Timeouts {
    Timeouts { idle, absolute, remember_idle: DAY * 14, remember_absolute: DAY * 30 }
}

fn absolute_limit_applies_to_active_sessions(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| config.policy.timeouts = timeouts(HOUR, HOUR * 4));
    let started = fixture.sign_in();
    for _ in 0..4 {
        fixture.clock.advance(just_before(HOUR));
        assert!(fixture.is_alive(&started.sid));
    }
    fixture.clock.advance(SECOND * 3);
    assert!(fixture.is_alive(&started.sid), "a second before the limit");
    fixture.clock.advance(SECOND * 2);
    assert!(!fixture.is_alive(&started.sid), "a second after the limit");
}

fn idle_limit_counts_from_last_activity(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| config.policy.timeouts = timeouts(HOUR, DAY));
    let (used, unused) = (fixture.sign_in(), fixture.sign_in());
    fixture.clock.advance(just_before(HOUR));
    assert!(fixture.is_alive(&used.sid));
    fixture.clock.advance(SECOND * 2);
    assert!(!fixture.is_alive(&unused.sid), "a second after the limit");
    fixture.clock.advance(HOUR.saturating_sub(SECOND * 3));
    assert!(fixture.is_alive(&used.sid), "a second before the extended limit");
    fixture.clock.advance(HOUR + SECOND);
    assert!(!fixture.is_alive(&used.sid));
}

fn default_session_expires_a_day_after_sign_in(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    fixture.clock.advance(just_before(DAY));
    let live = fixture.resume(&started.sid).unwrap();
    assert_eq!(live.expires_at, fixture.now() + SECOND);
    fixture.clock.advance(SECOND);
    assert!(!fixture.is_alive(&started.sid), "a session is expired at the limit itself");
}

fn remembered_session_has_its_own_limits(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let remembered = || fixture.start(NewSession { remember: true, ..fixture.new_session() }).unwrap();
    let (unused, used) = (remembered(), remembered());
    fixture.clock.advance(just_before(DAY * 14));
    assert!(fixture.is_alive(&used.sid));
    fixture.clock.advance(SECOND * 2);
    assert!(!fixture.is_alive(&unused.sid), "14 days without activity");
    fixture.clock.advance(DAY * 13);
    assert!(fixture.is_alive(&used.sid));
    fixture.clock.advance((DAY * 3).saturating_sub(SECOND * 2));
    assert!(fixture.is_alive(&used.sid), "a second before 30 days");
    fixture.clock.advance(SECOND * 2);
    assert!(!fixture.is_alive(&used.sid), "a second after 30 days");
}

fn idle_expiry_is_capped_by_absolute_expiry(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| config.policy.timeouts = timeouts(HOUR * 3, HOUR * 4));
    let started = fixture.sign_in();
    let ends = fixture.now() + HOUR * 4;
    assert_eq!(fixture.data(&started.sid).unwrap()["expire"], (fixture.now() + HOUR * 3).to_iso_micros());
    fixture.clock.advance(HOUR * 2);
    assert!(fixture.is_alive(&started.sid));
    assert_eq!(fixture.data(&started.sid).unwrap()["expire"], ends.to_iso_micros());
    let rotated = fixture.rotate(&started.sid).unwrap();
    assert_eq!(fixture.data(&rotated.sid).unwrap()["expire"], ends.to_iso_micros());
    assert_eq!(fixture.session(started.id)["expires_at"], ends.to_iso_micros());
}

fn browser_is_signed_out_when_its_session_expires(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let mut browser = fixture.signed_in(EMAIL);
    fixture.clock.advance(just_before(DAY));
    assert!(browser.is_signed_in());
    fixture.clock.advance(SECOND * 2);
    assert!(!browser.is_signed_in());
}

fn expired_session_cannot_be_saved_or_rotated(engine: EngineKind) {
    use keyrack::error::Error;

    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    let live = fixture.resume(&started.sid).unwrap();
    fixture.clock.advance(DAY);
    let before = fixture.rows("user_sessions", "");
    let patch = super::session_fixture::setting(&live, &[("late", true.into())]);
    assert!(matches!(fixture.save(&started.sid, patch), Err(Error::SessionEnded)));
    assert!(matches!(fixture.rotate(&started.sid), Err(Error::SessionEnded)));
    assert_eq!(fixture.rows("user_sessions", ""), before);
}
