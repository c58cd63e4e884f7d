//! Rotate: a new sid for the same session.

use keyrack::{error::Error, sessions::NewSession};
use serde_json::json;

use super::session_fixture::{DAY, HOUR, SessionFixture, setting};
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(
    rotation_changes_only_the_sid,
    rotation_saves_data_changes,
    rotated_remembered_session_keeps_its_absolute_expiry,
    ended_session_cannot_be_rotated,
    only_one_of_concurrent_rotations_succeeds,
);

fn rotation_changes_only_the_sid(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let first = fixture.sign_in();
    let live = fixture.resume(&first.sid).unwrap();
    fixture.save(&first.sid, setting(&live, &[("cart", json!([1]))])).unwrap();
    let (session, sess) = (fixture.session(first.id), fixture.sess(&first.sid));
    fixture.clock.advance(HOUR);

    let second = fixture.rotate(&first.sid).unwrap();
    assert_eq!((second.id, second.max_age), (first.id, None));
    assert_ne!(second.sid, first.sid);
    assert!(!fixture.is_alive(&first.sid));
    assert_eq!(fixture.sess(&second.sid), sess);
    let mut expected = session;
    expected["sid"] = json!(second.sid.expose());
    expected["updated_at"] = json!(fixture.now().to_iso_micros());
    assert_eq!(fixture.session(first.id), expected);
    assert_eq!(fixture.text("SELECT sid AS v FROM replaced_sids"), first.sid.expose());
    assert_eq!(fixture.count("user_sessions", ""), 1);
    assert!(fixture.is_alive(&second.sid));
}

fn rotation_saves_data_changes(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let first = fixture.sign_in();
    let live = fixture.resume(&first.sid).unwrap();
    fixture.save(&first.sid, setting(&live, &[("meanwhile", json!(1))])).unwrap();
    let second = wait(fixture.sessions().rotate(&first.sid, setting(&live, &[("step", json!(2))]))).unwrap();
    let sess = fixture.data(&second.sid).unwrap()["sess"].clone();
    assert_eq!((&sess["meanwhile"], &sess["step"]), (&json!(1), &json!(2)));
}

fn rotated_remembered_session_keeps_its_absolute_expiry(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let first = fixture.start(NewSession { remember: true, ..fixture.new_session() }).unwrap();
    fixture.clock.advance(DAY * 10);
    let second = fixture.rotate(&first.sid).unwrap();
    assert_eq!(second.max_age, Some(DAY * 20));
    assert_eq!(fixture.data(&second.sid).unwrap()["expire"], (fixture.now() + DAY * 14).to_iso_micros());
}

fn ended_session_cannot_be_rotated(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    wait(fixture.sessions().sign_out(&started.sid)).unwrap();
    let before = fixture.session(started.id);
    assert!(matches!(fixture.rotate(&started.sid), Err(Error::SessionEnded)));
    assert_eq!(fixture.session(started.id), before);
    assert_eq!(fixture.count("user_sessions", ""), 0);
}

fn only_one_of_concurrent_rotations_succeeds(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    let sessions = fixture.sessions();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let rotate = || wait(sessions.rotate(&started.sid, keyrack::sessions::DataPatch::default()));
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(rotate)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    assert!(lost.iter().all(|outcome| matches!(outcome, Err(Error::SessionEnded))), "{lost:?}");
    assert_eq!(fixture.session(started.id)["sid"], won[0].as_ref().unwrap().sid.expose());
}
