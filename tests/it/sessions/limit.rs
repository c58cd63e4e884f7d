//! The limit of sessions per user, for any number of sessions and whoever started them.

use std::{num::NonZeroU32, thread};

use keyrack::sessions::{IssuedSession, PageCursor, Sid};

use super::session_fixture::{HOUR, MINUTE, SECOND, SessionFixture};
use crate::support::{EngineKind, TestApp, on_both_engines, wait, wait_until};

on_both_engines!(
    default_limit_keeps_the_hundred_most_recently_active,
    sign_in_among_thousands_succeeds_and_trims_the_rest,
    sign_in_with_slow_clock_keeps_its_own_session,
    concurrent_sign_ins_of_two_instances_keep_the_limit,
    expired_sessions_do_not_count_towards_the_limit,
    expired_sessions_more_active_than_living_ones_replace_none,
    hundreds_of_expired_sessions_replace_no_living_one,
    purge_enforces_the_limit_for_sessions_of_peers,
    listing_devices_enforces_the_limit_and_spares_this_one,
    no_limit_keeps_all_sessions,
    list_pages_show_each_session_once_in_order,
    long_list_shows_each_session_once_without_order,
    list_counts_live_sessions,
);

fn limited(engine: EngineKind, limit: u32) -> SessionFixture {
    SessionFixture::with(engine, |config| config.policy.max_sessions = NonZeroU32::new(limit))
}

fn ended_as_replaced(fixture: &SessionFixture) -> usize {
    fixture.count("sessions", "WHERE end_reason = 'replaced'")
}

fn default_limit_keeps_the_hundred_most_recently_active(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    fixture.add_sessions(fixture.user, "old", 1, 2 * HOUR);
    fixture.add_sessions(fixture.user, "new", 99, HOUR);
    fixture.sign_in();
    assert_eq!((fixture.active_of(fixture.user), ended_as_replaced(&fixture)), (100, 1));
    assert!(!fixture.is_alive(&Sid::from_trusted("old-1")));
    let other = fixture.add_user("other@example.com");
    fixture.sign_in_as(other);
    assert_eq!(ended_as_replaced(&fixture), 1, "the limit is per user");
}

fn sign_in_among_thousands_succeeds_and_trims_the_rest(engine: EngineKind) {
    let fixture = limited(engine, 10);
    fixture.add_sessions(fixture.user, "old", 1_050, 2 * HOUR);
    fixture.add_sessions(fixture.user, "new", 9, HOUR);
    let mut browser = fixture.signed_in(super::session_fixture::EMAIL);
    assert!(browser.is_signed_in());
    wait_until(|| fixture.count("user_sessions", "") == 10);
    assert_eq!(fixture.active_of(fixture.user), 10);
    assert!(browser.is_signed_in() && fixture.is_alive(&Sid::from_trusted("new-9")));
    assert_eq!(ended_as_replaced(&fixture), 1_050);
}

fn sign_in_with_slow_clock_keeps_its_own_session(engine: EngineKind) {
    let fixture = limited(engine, 2);
    fixture.add_sessions(fixture.user, "old", 2, MINUTE);
    let slow = TestApp::over(fixture.database(), keyrack::clock::Clock::fixed(fixture.now() - HOUR), |config| {
        config.policy.max_sessions = NonZeroU32::new(2);
    });
    let new = keyrack::sessions::NewSession::of(fixture.user);
    let started: IssuedSession = wait(slow.keyrack.sessions().start(new)).unwrap();
    assert!(fixture.is_alive(&started.sid), "the clock of its server is an hour slow");
    assert_eq!(fixture.active_of(fixture.user), 2);
    fixture.break_with("SELECT 1");
}

fn concurrent_sign_ins_of_two_instances_keep_the_limit(engine: EngineKind) {
    let fixture = limited(engine, 5);
    let other = TestApp::over(fixture.database(), fixture.clock.clone(), |config| {
        config.policy.max_sessions = NonZeroU32::new(5);
    });
    thread::scope(|scope| {
        for app in [&*fixture, &other] {
            for _ in 0..20 {
                scope.spawn(|| app.signed_in(super::session_fixture::EMAIL));
            }
        }
    });
    assert_eq!((fixture.active_of(fixture.user), ended_as_replaced(&fixture)), (5, 35));
}

fn expired_sessions_do_not_count_towards_the_limit(engine: EngineKind) {
    let fixture = limited(engine, 3);
    let alive = [fixture.sign_in(), fixture.sign_in()];
    fixture.add_sessions(fixture.user, "expired", 3, 2 * HOUR);
    fixture.execute("UPDATE user_sessions SET expire = '2026-01-28T11:00:00.000000Z' WHERE sid LIKE 'expired-%'");
    let third = fixture.sign_in();
    assert!(alive.iter().chain([&third]).all(|session| fixture.is_alive(&session.sid)));
    assert_eq!(ended_as_replaced(&fixture), 0);
    fixture.purge();
    assert_eq!(fixture.count("sessions", "WHERE end_reason = 'idle_timeout'"), 3);
}

/// Sessions that expired for want of activity may have been active later than one that is remembered for longer.
fn add_expired_and_older_living(fixture: &SessionFixture, expired: usize, living: usize) -> Vec<Sid> {
    fixture.add_sessions(fixture.user, "expired", expired, 2 * HOUR);
    fixture.execute("UPDATE user_sessions SET expire = '2026-01-28T11:00:00.000000Z' WHERE sid LIKE 'expired-%'");
    fixture.add_sessions(fixture.user, "living", living, 5 * HOUR);
    (1..=living).map(|number| Sid::from_trusted(&format!("living-{number}"))).collect()
}

fn expired_sessions_more_active_than_living_ones_replace_none(engine: EngineKind) {
    let fixture = limited(engine, 4);
    let living = add_expired_and_older_living(&fixture, 3, 3);
    let fourth = fixture.sign_in();
    assert!(living.iter().chain([&fourth.sid]).all(|sid| fixture.is_alive(sid)));
    assert_eq!(ended_as_replaced(&fixture), 0);
    let fifth = fixture.sign_in();
    let before = living.iter().chain([&fourth.sid]);
    assert_eq!(before.filter(|sid| fixture.is_alive(sid)).count(), 3, "one of them gives way");
    assert!(fixture.is_alive(&fifth.sid));
}

/// So many sessions beyond the limit are put in order by a task of the server.
fn hundreds_of_expired_sessions_replace_no_living_one(engine: EngineKind) {
    let fixture = limited(engine, 10);
    let living = add_expired_and_older_living(&fixture, 520, 8);
    for _ in 0..2 {
        let mut browser = fixture.signed_in(super::session_fixture::EMAIL);
        for _ in 0..20 {
            assert!(browser.is_signed_in());
        }
    }
    fixture.purge();
    assert!(living.iter().all(|sid| fixture.is_alive(sid)));
    assert_eq!(ended_as_replaced(&fixture), 0);
    assert_eq!(fixture.count("sessions", "WHERE end_reason = 'idle_timeout'"), 520);
}

fn purge_enforces_the_limit_for_sessions_of_peers(engine: EngineKind) {
    let fixture = limited(engine, 10);
    let other = fixture.add_user("other@example.com");
    // As a peer's statements do, these know no limit.
    fixture.add_sessions(fixture.user, "peer", 450, HOUR);
    fixture.add_sessions(other, "theirs", 10, HOUR);
    assert_eq!(fixture.purge().ended, 440);
    assert_eq!((fixture.active_of(fixture.user), fixture.active_of(other)), (10, 10));
    assert_eq!(ended_as_replaced(&fixture), 440);
    assert_eq!(wait(fixture.sessions().purge_step()).unwrap().ended, 0);
}

fn listing_devices_enforces_the_limit_and_spares_this_one(engine: EngineKind) {
    let fixture = limited(engine, 60);
    let this = fixture.sign_in();
    fixture.clock.advance(MINUTE);
    fixture.add_sessions(fixture.user, "peer", 70, SECOND);
    let page = wait(fixture.sessions().devices_of(fixture.user, this.id, None)).unwrap();
    assert_eq!((page.others.len(), page.count), (50, 60));
    assert_eq!(page.this.map(|record| record.id), Some(this.id));
    assert!(fixture.is_alive(&this.sid), "the least recently active one is the one that looks");
    assert_eq!(fixture.active_of(fixture.user), 60);
    let small = limited(engine, 3);
    let this = small.sign_in();
    small.add_sessions(small.user, "peer", 5, SECOND);
    let page = wait(small.sessions().devices_of(small.user, this.id, None)).unwrap();
    assert_eq!((page.others.len(), page.count, small.active_of(small.user)), (2, 3, 3));
}

fn no_limit_keeps_all_sessions(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| config.policy.max_sessions = None);
    fixture.add_sessions(fixture.user, "old", 150, HOUR);
    let this = fixture.sign_in();
    let page = wait(fixture.sessions().devices_of(fixture.user, this.id, None)).unwrap();
    assert_eq!((page.count, fixture.purge().ended, fixture.active_of(fixture.user)), (151, 0, 151));
}

fn list_pages_show_each_session_once_in_order(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| config.policy.max_sessions = None);
    let this = fixture.sign_in();
    fixture.clock.advance(HOUR);
    // Many have the same time of activity.
    fixture.add_sessions(fixture.user, "later", 70, MINUTE);
    fixture.add_sessions(fixture.user, "earlier", 60, 2 * MINUTE);
    let (mut listed, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = wait(fixture.sessions().devices_of(fixture.user, this.id, after)).unwrap();
        assert_eq!(page.count, 131);
        assert_eq!(page.this.is_some(), pages == 0, "this one is on the first page only");
        listed.extend(page.others);
        pages += 1;
        let Some(next) = page.next else { break };
        let text = next.to_string();
        assert_eq!(text.parse::<PageCursor>(), Ok(next));
        assert!(!text.contains("later") && !text.contains("earlier"), "the cursor contains no sid: {text}");
        after = Some(next);
    }
    assert_eq!((listed.len(), pages), (130, 3));
    assert!(listed.is_sorted_by_key(|record| std::cmp::Reverse((record.last_seen_at, record.id))));
    let mut ids: Vec<_> = listed.iter().map(|record| record.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 130);
}

fn long_list_shows_each_session_once_without_order(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| config.policy.max_sessions = None);
    let this = fixture.sign_in();
    fixture.add_sessions(fixture.user, "many", 620, MINUTE);
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let page = wait(fixture.sessions().devices_of(fixture.user, this.id, after)).unwrap();
        assert_eq!((page.is_sorted, page.count), (false, 621));
        assert_eq!(page.this.is_some(), after.is_none(), "this one is on the first page only");
        assert!(page.others.len() <= 50);
        ids.extend(page.others.iter().map(|record| record.id));
        let Some(next) = page.next else { break };
        after = Some(next.to_string().parse::<PageCursor>().unwrap());
    }
    assert_eq!(ids.len(), 620);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 620);
    // A place in the sorted list is one in the longer list, too.
    let sorted = "1769597354000000.0f8fad5b-d9cb-469f-a165-70867728950e".parse::<PageCursor>().unwrap();
    assert!(wait(fixture.sessions().live_of(fixture.user, Some(sorted))).unwrap().count.is_none());
}

fn list_counts_live_sessions(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| config.policy.max_sessions = None);
    fixture.add_sessions(fixture.user, "few", 60, MINUTE);
    fixture.execute("UPDATE user_sessions SET expire = '2026-01-28T11:00:00.000000Z' WHERE sid = 'few-1'");
    assert_eq!(wait(fixture.sessions().count_live_of(fixture.user)).unwrap(), 59);
    fixture.add_sessions(fixture.user, "more", 1_000, MINUTE);
    assert_eq!(wait(fixture.sessions().count_live_of(fixture.user)).unwrap(), 1_060, "and one that has expired");
}
