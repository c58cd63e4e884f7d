//! Rotate: a new sid for the same session.

use keyrack::{error::Error, sessions::NewSession};
use serde_json::json;

use super::session_fixture::{DAY, HOUR, SessionFixture, setting};
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(
    only_the_sid_changes,
    what_a_request_changed_is_written_with_the_new_sid,
    a_remembered_session_keeps_the_rest_of_its_time,
    an_ended_session_has_no_new_sid,
    of_two_rotations_at_once_one_wins,
);

fn only_the_sid_changes(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let first = rack.sign_in();
    let live = rack.resume(&first.sid).unwrap();
    rack.save(&first.sid, setting(&live, &[("cart", json!([1]))])).unwrap();
    let (session, sess) = (rack.session(first.id), rack.sess(&first.sid));
    rack.clock.advance(HOUR);

    let second = rack.rotate(&first.sid).unwrap();
    assert_eq!((second.id, second.max_age), (first.id, None));
    assert_ne!(second.sid, first.sid);
    assert!(!rack.is_alive(&first.sid));
    assert_eq!(rack.sess(&second.sid), sess);
    let mut expected = session;
    expected["sid"] = json!(second.sid.expose());
    expected["updated_at"] = json!(rack.now().to_iso_micros());
    assert_eq!(rack.session(first.id), expected);
    assert_eq!(rack.text("SELECT sid AS v FROM replaced_sids"), first.sid.expose());
    assert_eq!(rack.count("user_sessions", ""), 1);
    assert!(rack.is_alive(&second.sid));
}

fn what_a_request_changed_is_written_with_the_new_sid(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let first = rack.sign_in();
    let live = rack.resume(&first.sid).unwrap();
    rack.save(&first.sid, setting(&live, &[("meanwhile", json!(1))])).unwrap();
    let second = wait(rack.sessions().rotate(&first.sid, setting(&live, &[("step", json!(2))]))).unwrap();
    let sess = rack.data(&second.sid).unwrap()["sess"].clone();
    assert_eq!((&sess["meanwhile"], &sess["step"]), (&json!(1), &json!(2)));
}

fn a_remembered_session_keeps_the_rest_of_its_time(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let first = rack.start(NewSession { remember: true, ..rack.new_session() }).unwrap();
    rack.clock.advance(DAY * 10);
    let second = rack.rotate(&first.sid).unwrap();
    assert_eq!(second.max_age, Some(DAY * 20));
    assert_eq!(rack.data(&second.sid).unwrap()["expire"], (rack.now() + DAY * 14).to_iso_micros());
}

fn an_ended_session_has_no_new_sid(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    wait(rack.sessions().sign_out(&started.sid)).unwrap();
    let before = rack.session(started.id);
    assert!(matches!(rack.rotate(&started.sid), Err(Error::SessionEnded)));
    assert_eq!(rack.session(started.id), before);
    assert_eq!(rack.count("user_sessions", ""), 0);
}

fn of_two_rotations_at_once_one_wins(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    let sessions = rack.sessions();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let rotate = || wait(sessions.rotate(&started.sid, keyrack::sessions::DataPatch::default()));
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(rotate)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    assert!(lost.iter().all(|outcome| matches!(outcome, Err(Error::SessionEnded))), "{lost:?}");
    assert_eq!(rack.session(started.id)["sid"], won[0].as_ref().unwrap().sid.expose());
}
