//! How long sessions live: to the second, by the server's clock.

use std::time::Duration;

use keyrack::sessions::{NewSession, Timeouts};

use super::session_fixture::{DAY, EMAIL, HOUR, SECOND, SessionFixture, just_before};
use crate::support::{EngineKind, on_both_engines};

on_both_engines!(
    the_absolute_limit_holds_however_active_the_session_is,
    the_idle_limit_counts_from_the_last_activity,
    by_default_only_the_absolute_end_shows,
    the_limits_of_a_remembered_session_are_its_own,
    the_idle_end_never_lies_behind_the_absolute_one,
    a_browser_is_out_when_its_session_has_run_out,
    a_session_that_has_run_out_is_not_saved_or_rotated,
);

fn timeouts(idle: Duration, absolute: Duration) -> Timeouts {
    Timeouts { idle, absolute, remember_idle: DAY * 14, remember_absolute: DAY * 30 }
}

fn the_absolute_limit_holds_however_active_the_session_is(engine: EngineKind) {
    let rack = SessionFixture::with(engine, |config| config.policy.timeouts = timeouts(HOUR, HOUR * 4));
    let started = rack.sign_in();
    for _ in 0..4 {
        rack.clock.advance(just_before(HOUR));
        assert!(rack.is_alive(&started.sid));
    }
    rack.clock.advance(SECOND * 3);
    assert!(rack.is_alive(&started.sid), "a second before the limit");
    rack.clock.advance(SECOND * 2);
    assert!(!rack.is_alive(&started.sid), "a second after the limit");
}

fn the_idle_limit_counts_from_the_last_activity(engine: EngineKind) {
    let rack = SessionFixture::with(engine, |config| config.policy.timeouts = timeouts(HOUR, DAY));
    let (used, unused) = (rack.sign_in(), rack.sign_in());
    rack.clock.advance(just_before(HOUR));
    assert!(rack.is_alive(&used.sid));
    rack.clock.advance(SECOND * 2);
    assert!(!rack.is_alive(&unused.sid), "a second after the limit");
    rack.clock.advance(HOUR.saturating_sub(SECOND * 3));
    assert!(rack.is_alive(&used.sid), "a second before the limit that the activity moved");
    rack.clock.advance(HOUR + SECOND);
    assert!(!rack.is_alive(&used.sid));
}

fn by_default_only_the_absolute_end_shows(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    rack.clock.advance(just_before(DAY));
    let live = rack.resume(&started.sid).unwrap();
    assert_eq!(live.expires_at, rack.now() + SECOND);
    rack.clock.advance(SECOND);
    assert!(!rack.is_alive(&started.sid), "the limit itself is out");
}

fn the_limits_of_a_remembered_session_are_its_own(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let remembered = || rack.start(NewSession { remember: true, ..rack.new_session() }).unwrap();
    let (unused, used) = (remembered(), remembered());
    rack.clock.advance(just_before(DAY * 14));
    assert!(rack.is_alive(&used.sid));
    rack.clock.advance(SECOND * 2);
    assert!(!rack.is_alive(&unused.sid), "14 days without activity");
    rack.clock.advance(DAY * 13);
    assert!(rack.is_alive(&used.sid));
    rack.clock.advance((DAY * 3).saturating_sub(SECOND * 2));
    assert!(rack.is_alive(&used.sid), "a second before 30 days");
    rack.clock.advance(SECOND * 2);
    assert!(!rack.is_alive(&used.sid), "a second after 30 days");
}

fn the_idle_end_never_lies_behind_the_absolute_one(engine: EngineKind) {
    let rack = SessionFixture::with(engine, |config| config.policy.timeouts = timeouts(HOUR * 3, HOUR * 4));
    let started = rack.sign_in();
    let ends = rack.now() + HOUR * 4;
    assert_eq!(rack.data(&started.sid).unwrap()["expire"], (rack.now() + HOUR * 3).to_iso_micros());
    rack.clock.advance(HOUR * 2);
    assert!(rack.is_alive(&started.sid));
    assert_eq!(rack.data(&started.sid).unwrap()["expire"], ends.to_iso_micros());
    let rotated = rack.rotate(&started.sid).unwrap();
    assert_eq!(rack.data(&rotated.sid).unwrap()["expire"], ends.to_iso_micros());
    assert_eq!(rack.session(started.id)["expires_at"], ends.to_iso_micros());
}

fn a_browser_is_out_when_its_session_has_run_out(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let mut browser = rack.signed_in(EMAIL);
    rack.clock.advance(just_before(DAY));
    assert!(browser.is_signed_in());
    rack.clock.advance(SECOND * 2);
    assert!(!browser.is_signed_in());
}

fn a_session_that_has_run_out_is_not_saved_or_rotated(engine: EngineKind) {
    use keyrack::error::Error;

    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    let live = rack.resume(&started.sid).unwrap();
    rack.clock.advance(DAY);
    let before = rack.rows("user_sessions", "");
    let changes = super::session_fixture::setting(&live, &[("late", true.into())]);
    assert!(matches!(rack.save(&started.sid, changes), Err(Error::SessionEnded)));
    assert!(matches!(rack.rotate(&started.sid), Err(Error::SessionEnded)));
    assert_eq!(rack.rows("user_sessions", ""), before);
}
