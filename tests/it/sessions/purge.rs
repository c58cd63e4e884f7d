//! Purge: giving run-out sessions their end, and removing what nobody needs any more.

use keyrack::sessions::{NewSession, Purged, Timeouts};

use super::session_fixture::{DAY, HOUR, MINUTE, SECOND, SessionFixture, just_before};
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(
    what_ran_out_gets_its_reason_and_the_time_at_which_it_did,
    the_absolute_end_holds_although_a_peer_moved_the_idle_one,
    live_sessions_are_left_alone,
    a_peers_expired_data_is_removed,
    history_goes_after_its_retention,
    a_large_purge_goes_in_batches_and_says_so,
    a_session_whose_data_vanished_is_ended,
);

fn purged(ended: usize, data_removed: usize, history_removed: usize) -> Purged {
    Purged { ended, data_removed, history_removed }
}

fn what_ran_out_gets_its_reason_and_the_time_at_which_it_did(engine: EngineKind) {
    let timeouts = Timeouts { idle: HOUR, absolute: HOUR * 3, ..Timeouts::default() };
    let rack = SessionFixture::with(engine, |config| config.policy.timeouts = timeouts);
    let (unused, used) = (rack.sign_in(), rack.sign_in());
    let start = rack.now();
    for _ in 0..4 {
        rack.clock.advance(MINUTE * 40);
        assert!(rack.is_alive(&used.sid));
    }
    rack.clock.advance(HOUR);
    assert_eq!(rack.purge(), purged(2, 0, 0));
    rack.assert_ended(&unused, "idle_timeout", start + HOUR);
    rack.assert_ended(&used, "absolute_timeout", start + HOUR * 3);
    assert!(rack.purge().is_empty());
}

/// A peer's `touch` moves `expire` on at every request, as far as it likes.
fn the_absolute_end_holds_although_a_peer_moved_the_idle_one(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    let end = rack.now() + DAY;
    rack.execute("UPDATE user_sessions SET expire = '2999-01-01T00:00:00.000000Z'");
    rack.clock.advance(just_before(DAY));
    assert!(rack.is_alive(&started.sid) && rack.purge().is_empty());
    rack.clock.advance(SECOND * 2);
    assert!(!rack.is_alive(&started.sid));
    assert_eq!(rack.purge(), purged(1, 0, 0));
    rack.assert_ended(&started, "absolute_timeout", end);
}

fn live_sessions_are_left_alone(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.start(NewSession { remember: true, ..rack.new_session() }).unwrap();
    let before = (rack.session(started.id), rack.data(&started.sid));
    rack.clock.advance(just_before(DAY * 14));
    assert!(rack.purge().is_empty());
    assert_eq!((rack.session(started.id), rack.data(&started.sid)), before);
}

fn a_peers_expired_data_is_removed(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let insert = |sid: &str, at: keyrack::clock::Timestamp| {
        let expire = at.to_iso_micros();
        rack.execute(&format!("INSERT INTO user_sessions VALUES ('{sid}', '{{\"cookie\":{{}}}}', '{expire}')"));
    };
    insert("past", rack.now());
    insert("ahead", rack.now() + SECOND);
    assert_eq!(rack.purge(), purged(0, 1, 0));
    assert_eq!(rack.texts("SELECT sid AS v FROM user_sessions"), ["ahead"]);
}

fn history_goes_after_its_retention(engine: EngineKind) {
    let rack = SessionFixture::with(engine, |config| config.policy.history_retention = DAY * 30);
    let ended = rack.sign_in();
    wait(rack.sessions().sign_out(&ended.sid)).unwrap();
    rack.clock.advance(DAY * 30);
    let alive = rack.sign_in();
    assert!(rack.purge().is_empty(), "to the day it is still history");
    rack.clock.advance(SECOND);
    assert_eq!(rack.purge(), purged(0, 0, 1));
    assert_eq!(rack.texts("SELECT CAST(id AS text) AS v FROM sessions"), [alive.id.to_string()]);
}

fn a_large_purge_goes_in_batches_and_says_so(engine: EngineKind) {
    const MANY: usize = 1201;
    let rack = SessionFixture::new(engine);
    let (user, end) = (rack.user, (rack.now() + HOUR).to_iso_micros());
    let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})");
    let created = rack.now().to_iso_micros();
    rack.execute(&format!(
        "{numbers} INSERT INTO sessions (sid, user_id, expires_at, created_at, last_seen_at)
         SELECT 's' || i, CAST('{user}' AS {id}), CAST('{end}' AS {time}), CAST('{created}' AS {time}),
         CAST('{created}' AS {time}) FROM n;
         {numbers} INSERT INTO user_sessions (sid, sess, expire)
         SELECT 's' || i, CAST('{{\"userId\":\"{user}\"}}' AS {json}), CAST('{end}' AS {time}) FROM n",
        id = if engine == EngineKind::Postgres { "uuid" } else { "text" },
        time = if engine == EngineKind::Postgres { "timestamptz" } else { "text" },
        json = if engine == EngineKind::Postgres { "json" } else { "text" },
    ));
    rack.clock.advance(HOUR);
    let mut steps = Vec::new();
    let sum = wait(rack.sessions().purge(|so_far| steps.push(so_far.ended))).unwrap();
    assert_eq!(sum, purged(MANY, 0, 0));
    assert!(steps.len() > 2 && steps.is_sorted(), "{steps:?}");
    assert_eq!(steps.last(), Some(&MANY));
    assert_eq!(rack.count("sessions", "WHERE status = 'logged_out' AND end_reason = 'absolute_timeout'"), MANY);
    assert_eq!(rack.count("user_sessions", ""), 0);

    rack.clock.advance(DAY * 91);
    assert_eq!(rack.purge(), purged(0, 0, MANY));
    assert_eq!(rack.count("sessions", ""), 0);
}

fn a_session_whose_data_vanished_is_ended(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    rack.break_unguarded("DELETE FROM user_sessions");
    assert!(!rack.is_alive(&started.sid));
    assert!(rack.purge().is_empty(), "an Express application may be about to write it");
    rack.clock.advance(MINUTE);
    assert_eq!(rack.purge(), purged(1, 0, 0));
    rack.assert_ended(&started, "signed_out", rack.now());
    assert!(rack.doctor(false).is_sound());
}
