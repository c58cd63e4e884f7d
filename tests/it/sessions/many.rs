//! Ending many sessions at once, in batches.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use keyrack::{
    accounts::{Email, Password},
    clock::Clock,
    sessions::{EndReason, Sid},
};

use super::session_fixture::{EMAIL, HOUR, MINUTE, SECOND, SessionFixture};
use crate::support::{EngineKind, Faults, TestApp, on_both_engines, wait, wait_until};

on_both_engines!(
    ending_others_ends_thousands_and_spares_this_one,
    ending_kept_data_of_many_sessions_freezes_it,
    ending_others_twice_at_once_ends_each_session_once,
    sign_ins_meanwhile_neither_end_nor_delay_the_end,
    session_started_by_a_fast_clock_ends_with_the_others,
    interrupted_end_keeps_whole_batches_and_can_be_repeated,
    interrupted_disabling_lets_no_session_in,
    enabling_revives_no_session_of_interrupted_disabling,
    purge_finishes_interrupted_disabling,
    interrupted_new_password_can_be_set_again,
    new_password_ends_thousands_of_sessions,
    revoking_everyone_ends_thousands_of_several_users,
);

/// More than five batches, and more than one read.
const MANY: usize = 1_050;

/// A fixture without a limit of sessions.
fn unlimited(engine: EngineKind) -> SessionFixture {
    SessionFixture::with(engine, |config| config.policy.max_sessions = None)
}

fn email() -> Email {
    EMAIL.parse().unwrap()
}

fn ending_others_ends_thousands_and_spares_this_one(engine: EngineKind) {
    let fixture = unlimited(engine);
    let other = fixture.add_user("other@example.com");
    fixture.add_sessions(fixture.user, "old", MANY, HOUR);
    fixture.add_sessions(other, "theirs", 3, HOUR);
    let this = fixture.sign_in();
    assert_eq!(wait(fixture.sessions().revoke_others(fixture.user, this.id)).unwrap(), MANY);
    assert_eq!((fixture.active_of(fixture.user), fixture.active_of(other)), (1, 3));
    assert!(fixture.is_alive(&this.sid) && !fixture.is_alive(&Sid::from_trusted("old-1")));
    assert_eq!(fixture.count("sessions", "WHERE end_reason = 'revoked'"), MANY);
    assert_eq!(fixture.count("user_sessions", ""), 4);
    if engine == EngineKind::Postgres {
        // The `xmin` of a row is the transaction that wrote it.
        let largest = "SELECT CAST(max(rows) AS text) AS v FROM (SELECT count(*) AS rows FROM sessions
                       WHERE status = 'logged_out' GROUP BY xmin::text) AS transactions";
        assert_eq!(fixture.text(largest), "200", "no transaction ends more than a batch");
    }
}

fn ending_kept_data_of_many_sessions_freezes_it(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| {
        config.policy.max_sessions = None;
        config.policy.keep_ended_data = true;
    });
    fixture.add_sessions(fixture.user, "old", 250, HOUR);
    let this = fixture.sign_in();
    assert_eq!(wait(fixture.sessions().revoke_others(fixture.user, this.id)).unwrap(), 250);
    let kept = if engine == EngineKind::Postgres { "sess->>'status'" } else { "json_extract(sess, '$.status')" };
    assert_eq!(fixture.count("user_sessions", &format!("WHERE {kept} = 'logout'")), 250);
    assert!(fixture.is_alive(&this.sid) && !fixture.is_alive(&Sid::from_trusted("old-250")));
}

fn ending_others_twice_at_once_ends_each_session_once(engine: EngineKind) {
    let fixture = unlimited(engine);
    let second_instance = TestApp::over(fixture.database(), fixture.clock.clone(), |_| ());
    fixture.add_sessions(fixture.user, "old", MANY, HOUR);
    let this = fixture.sign_in();
    let barrier = Barrier::new(4);
    let ended: usize = thread::scope(|scope| {
        let presses = [&fixture.keyrack, &fixture.keyrack, &second_instance.keyrack, &second_instance.keyrack];
        let presses = presses.map(|keyrack| {
            let (barrier, user) = (&barrier, fixture.user);
            scope.spawn(move || {
                barrier.wait();
                wait(keyrack.sessions().revoke_others(user, this.id)).unwrap()
            })
        });
        presses.into_iter().map(|press| press.join().unwrap()).sum()
    });
    assert_eq!(ended, MANY, "each session is counted by the press that ended it");
    assert_eq!(fixture.active_of(fixture.user), 1);
}

fn sign_ins_meanwhile_neither_end_nor_delay_the_end(engine: EngineKind) {
    let fixture = unlimited(engine);
    fixture.add_sessions(fixture.user, "old", MANY, HOUR);
    let this = fixture.sign_in();
    let is_over = AtomicBool::new(false);
    let (started, left_at_the_end) = thread::scope(|scope| {
        let signing_in = scope.spawn(|| {
            let mut started = Vec::new();
            while !is_over.load(Ordering::SeqCst) {
                fixture.clock.advance(SECOND);
                started.push(fixture.sign_in());
            }
            started
        });
        wait_until(|| fixture.count("sessions", "") > MANY + 5);
        // The latest session that the end may find: later ones have another time.
        wait(fixture.sessions().revoke_others(fixture.user, this.id)).unwrap();
        let left = fixture.count("sessions", "WHERE sid LIKE 'old-%' AND status = 'active'");
        is_over.store(true, Ordering::SeqCst);
        (signing_in.join().unwrap(), left)
    });
    assert_eq!(left_at_the_end, 0);
    assert!(fixture.is_alive(&this.sid));
    // Those that had started before the end began are over, and from one of them on all are alive.
    let alive: Vec<bool> = started.iter().map(|started| fixture.is_alive(&started.sid)).collect();
    assert!(!alive[0], "it had started before the end began");
    assert!(alive.is_sorted(), "{alive:?}");
}

fn session_started_by_a_fast_clock_ends_with_the_others(engine: EngineKind) {
    let fixture = unlimited(engine);
    fixture.add_sessions(fixture.user, "old", MANY, HOUR);
    let this = fixture.sign_in();
    let clock = Clock::fixed(fixture.now() + 5 * MINUTE);
    let fast = TestApp::over(fixture.database(), clock, |config| config.policy.max_sessions = None);
    let new = keyrack::sessions::NewSession::of(fixture.user);
    let ahead = wait(fast.keyrack.sessions().start(new)).unwrap();
    assert_eq!(wait(fixture.sessions().revoke_others(fixture.user, this.id)).unwrap(), MANY + 1);
    assert!(!fixture.is_alive(&ahead.sid) && fixture.is_alive(&this.sid));
    // Its end is before its start, by the two clocks: the doctor is right to report it.
    fixture.break_with("SELECT 1");
}

fn with_faults(engine: EngineKind) -> (SessionFixture, Faults) {
    // Connections that are opened before the first call are not counted, so it comes before the fixture's.
    Faults::prepare("");
    let fixture = unlimited(engine);
    let faults = Faults::prepare(fixture.url());
    (fixture, faults)
}

/// Fails statements later and later until the operation has ended some sessions, but not all.
fn interrupt(fixture: &SessionFixture, faults: &Faults, operation: impl AsyncFn() -> bool) {
    for statement in 8..60 {
        faults.fail_statement(statement);
        let is_done = wait(operation());
        assert!(faults.triggered() && !is_done, "statement {statement} fails, and the operation with it");
        let left = fixture.count("sessions", "WHERE sid LIKE 'old-%' AND status = 'active'");
        assert_eq!((MANY - left) % 200, 0, "whole batches have ended");
        assert!(left > 0, "the operation was interrupted");
        if left < MANY - 200 {
            return;
        }
    }
    panic!("no fault came after the second batch");
}

fn interrupted_end_keeps_whole_batches_and_can_be_repeated(engine: EngineKind) {
    let (fixture, faults) = with_faults(engine);
    fixture.add_sessions(fixture.user, "old", MANY, HOUR);
    let this = fixture.sign_in();
    let revoke = async || fixture.sessions().revoke_others(fixture.user, this.id).await.is_ok();
    interrupt(&fixture, &faults, revoke);
    let left = fixture.active_of(fixture.user) - 1;
    assert_eq!(wait(fixture.sessions().revoke_others(fixture.user, this.id)).unwrap(), left);
    assert_eq!(fixture.active_of(fixture.user), 1);
    assert!(fixture.is_alive(&this.sid));
}

fn interrupted_disabling(engine: EngineKind) -> SessionFixture {
    let (fixture, faults) = with_faults(engine);
    fixture.add_sessions(fixture.user, "old", MANY, HOUR);
    interrupt(&fixture, &faults, async || fixture.keyrack.accounts().disable(&email()).await.is_ok());
    let left = fixture.texts("SELECT sid AS v FROM sessions WHERE status = 'active'");
    assert!(!left.is_empty());
    assert!(left.iter().take(10).all(|sid| !fixture.is_alive(&Sid::from_trusted(sid))), "the user is disabled");
    fixture
}

fn interrupted_disabling_lets_no_session_in(engine: EngineKind) {
    let fixture = interrupted_disabling(engine);
    assert!(wait(fixture.keyrack.accounts().disable(&email())).unwrap().is_some_and(|ended| ended > 0));
    assert_eq!(fixture.active_of(fixture.user), 0);
}

fn enabling_revives_no_session_of_interrupted_disabling(engine: EngineKind) {
    let fixture = interrupted_disabling(engine);
    assert!(wait(fixture.keyrack.accounts().enable(&email())).unwrap());
    assert_eq!(fixture.active_of(fixture.user), 0);
    assert_eq!(fixture.count("sessions", "WHERE end_reason = 'account_disabled'"), MANY);
    assert!(fixture.is_alive(&fixture.sign_in().sid));
}

fn purge_finishes_interrupted_disabling(engine: EngineKind) {
    let fixture = interrupted_disabling(engine);
    let left = fixture.active_of(fixture.user);
    assert_eq!(fixture.purge().ended, left);
    assert_eq!(fixture.active_of(fixture.user), 0);
}

fn interrupted_new_password_can_be_set_again(engine: EngineKind) {
    let (fixture, faults) = with_faults(engine);
    fixture.add_sessions(fixture.user, "old", MANY, HOUR);
    let set = async || {
        let password = Password::new("another long enough password");
        fixture.keyrack.accounts().set_password(&email(), password).await.is_ok()
    };
    interrupt(&fixture, &faults, set);
    assert!(wait(set()));
    assert_eq!(fixture.active_of(fixture.user), 0);
    assert_eq!(fixture.count("sessions", "WHERE end_reason = 'password_changed'"), MANY);
}

fn new_password_ends_thousands_of_sessions(engine: EngineKind) {
    let fixture = unlimited(engine);
    fixture.add_sessions(fixture.user, "old", MANY, HOUR);
    let (email, password) = (email(), Password::new("another long enough password"));
    assert_eq!(wait(fixture.keyrack.accounts().set_password(&email, password)).unwrap(), Some(MANY));
    assert_eq!(fixture.active_of(fixture.user), 0);
    assert_eq!(wait(fixture.sessions().end_all_of(fixture.user, EndReason::RevokedByAdmin)).unwrap(), 0);
}

fn revoking_everyone_ends_thousands_of_several_users(engine: EngineKind) {
    let fixture = unlimited(engine);
    let other = fixture.add_user("other@example.com");
    fixture.add_sessions(fixture.user, "one", MANY, HOUR);
    fixture.add_sessions(other, "two", 300, HOUR);
    assert_eq!(wait(fixture.sessions().revoke_everyone()).unwrap(), MANY + 300);
    assert_eq!((fixture.count("user_sessions", ""), fixture.active_of(other)), (0, 0));
    assert_eq!(wait(fixture.sessions().revoke_everyone()).unwrap(), 0);
}
