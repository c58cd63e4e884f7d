//! `keep_ended_data`: data that stays after the end as a record. It lets nobody in.

use keyrack::{error::Error, sessions::NewSession};
use serde_json::json;

use super::session_fixture::{DAY, EMAIL, HOUR, MINUTE, SECOND, SessionFixture, just_before, setting};
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(
    kept_data_says_logout_and_is_else_unchanged,
    kept_data_lets_nobody_in,
    kept_data_that_still_says_login_lets_nobody_in,
    kept_data_goes_when_it_would_have_expired,
    many_ends_at_once_keep_all_their_data,
    signing_out_in_a_browser_keeps_the_data,
);

fn keeping(engine: EngineKind) -> SessionFixture {
    SessionFixture::with(engine, |config| config.policy.keep_ended_data = true)
}

fn kept_data_says_logout_and_is_else_unchanged(engine: EngineKind) {
    let rack = keeping(engine);
    let started = rack.sign_in();
    let live = rack.resume(&started.sid).unwrap();
    rack.save(&started.sid, setting(&live, &[("cart", json!([1]))])).unwrap();
    let (sess, data) = (rack.sess(&started.sid), rack.data(&started.sid).unwrap());
    rack.clock.advance(MINUTE);
    assert_eq!(wait(rack.sessions().sign_out(&started.sid)).unwrap(), Some(started.id));
    let session = rack.session(started.id);
    assert_eq!((&session["status"], &session["data_kept"]), (&json!("logged_out"), &json!(true)));
    assert_eq!(session["end_reason"], "signed_out");
    assert_eq!(session["logged_out_at"], rack.now().to_iso_micros());
    assert_eq!(rack.sess(&started.sid), sess.replace(r#""status":"login""#, r#""status":"logout""#));
    assert_eq!(rack.data(&started.sid).unwrap()["expire"], data["expire"]);
}

fn kept_data_lets_nobody_in(engine: EngineKind) {
    let rack = keeping(engine);
    let started = rack.sign_in();
    let live = rack.resume(&started.sid).unwrap();
    wait(rack.sessions().revoke(rack.user, started.id)).unwrap();
    let before = (rack.session(started.id), rack.data(&started.sid).unwrap());
    assert!(!rack.is_alive(&started.sid));
    assert!(matches!(rack.save(&started.sid, setting(&live, &[("late", json!(1))])), Err(Error::SessionEnded)));
    assert!(matches!(rack.rotate(&started.sid), Err(Error::SessionEnded)));
    assert_eq!(wait(rack.sessions().sign_out(&started.sid)).unwrap(), None);
    rack.clock.advance(HOUR);
    assert!(!rack.is_alive(&started.sid));
    assert_eq!((rack.session(started.id), rack.data(&started.sid).unwrap()), before);
    assert!(wait(rack.sessions().active_of(rack.user)).unwrap().is_empty());
}

/// As a person with a SQL prompt keeps it, who knows of no mark.
fn kept_data_that_still_says_login_lets_nobody_in(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.sign_in();
    let live = rack.resume(&started.sid).unwrap();
    rack.execute("UPDATE sessions SET status = 'logged_out', data_kept = true");
    let before = (rack.session(started.id), rack.data(&started.sid).unwrap());
    assert_eq!(before.1["sess"]["status"], "login");
    assert!(!rack.is_alive(&started.sid));
    assert!(matches!(rack.save(&started.sid, setting(&live, &[("late", json!(1))])), Err(Error::SessionEnded)));
    assert!(matches!(rack.rotate(&started.sid), Err(Error::SessionEnded)));
    let again = rack.start(NewSession { presented: Some(started.sid.clone()), ..rack.new_session() }).unwrap();
    assert_ne!(again.id, started.id);
    assert_eq!((rack.session(started.id), rack.data(&started.sid).unwrap()), before);
}

fn kept_data_goes_when_it_would_have_expired(engine: EngineKind) {
    let rack = keeping(engine);
    let started = rack.sign_in();
    wait(rack.sessions().sign_out(&started.sid)).unwrap();
    rack.clock.advance(just_before(DAY));
    assert!(rack.purge().is_empty());
    assert!(rack.data(&started.sid).is_some());
    rack.clock.advance(SECOND);
    assert_eq!(rack.purge().data_removed, 1);
    assert_eq!(rack.data(&started.sid), None);
    assert_eq!(rack.session(started.id)["end_reason"], "signed_out");
}

fn many_ends_at_once_keep_all_their_data(engine: EngineKind) {
    let rack = keeping(engine);
    let this = rack.sign_in();
    let others = [rack.sign_in(), rack.sign_in(), rack.sign_in()];
    assert_eq!(wait(rack.sessions().revoke_others(rack.user, this.id)).unwrap(), 3);
    for ended in &others {
        assert_eq!(rack.data(&ended.sid).unwrap()["sess"]["status"], "logout");
        assert!(!rack.is_alive(&ended.sid));
    }
    assert_eq!(rack.data(&this.sid).unwrap()["sess"]["status"], "login");
    rack.clock.advance(DAY);
    // What runs out has nothing to keep: its data has expired, and goes with its end.
    let purged = rack.purge();
    assert_eq!((purged.ended, purged.data_removed), (1, 3));
}

fn signing_out_in_a_browser_keeps_the_data(engine: EngineKind) {
    let rack = keeping(engine);
    let mut browser = rack.signed_in(EMAIL);
    let mut copy = browser.clone();
    assert_eq!(browser.sign_out().status, 303);
    assert!(!copy.is_signed_in());
    assert_eq!(rack.rows("user_sessions", "")[0]["sess"]["status"], "logout");
}
