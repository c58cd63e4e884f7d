//! `keep_ended_data`: data that is kept after the session's end. It signs no request in.

use keyrack::{error::Error, sessions::NewSession};
use serde_json::json;

use super::session_fixture::{DAY, EMAIL, HOUR, MINUTE, SECOND, SessionFixture, just_before, setting};
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(
    kept_data_is_marked_logout_and_else_unchanged,
    kept_data_signs_no_request_in,
    kept_data_marked_login_signs_no_request_in,
    kept_data_is_purged_when_it_expires,
    revoking_others_keeps_data_of_each,
    http_sign_out_keeps_the_data,
);

fn keeping(engine: EngineKind) -> SessionFixture {
    SessionFixture::with(engine, |config| config.policy.keep_ended_data = true)
}

fn kept_data_is_marked_logout_and_else_unchanged(engine: EngineKind) {
    let fixture = keeping(engine);
    let started = fixture.sign_in();
    let live = fixture.resume(&started.sid).unwrap();
    fixture.save(&started.sid, setting(&live, &[("cart", json!([1]))])).unwrap();
    let (sess, data) = (fixture.sess(&started.sid), fixture.data(&started.sid).unwrap());
    fixture.clock.advance(MINUTE);
    assert_eq!(wait(fixture.sessions().sign_out(&started.sid)).unwrap(), Some(started.id));
    let session = fixture.session(started.id);
    assert_eq!((&session["status"], &session["data_kept"]), (&json!("logged_out"), &json!(true)));
    assert_eq!(session["end_reason"], "signed_out");
    assert_eq!(session["logged_out_at"], fixture.now().to_iso_micros());
    assert_eq!(fixture.sess(&started.sid), sess.replace(r#""status":"login""#, r#""status":"logout""#));
    assert_eq!(fixture.data(&started.sid).unwrap()["expire"], data["expire"]);
}

fn kept_data_signs_no_request_in(engine: EngineKind) {
    let fixture = keeping(engine);
    let started = fixture.sign_in();
    let live = fixture.resume(&started.sid).unwrap();
    wait(fixture.sessions().revoke(fixture.user, started.id)).unwrap();
    let before = (fixture.session(started.id), fixture.data(&started.sid).unwrap());
    assert!(!fixture.is_alive(&started.sid));
    assert!(matches!(fixture.save(&started.sid, setting(&live, &[("late", json!(1))])), Err(Error::SessionEnded)));
    assert!(matches!(fixture.rotate(&started.sid), Err(Error::SessionEnded)));
    assert_eq!(wait(fixture.sessions().sign_out(&started.sid)).unwrap(), None);
    fixture.clock.advance(HOUR);
    assert!(!fixture.is_alive(&started.sid));
    assert_eq!((fixture.session(started.id), fixture.data(&started.sid).unwrap()), before);
    assert!(wait(fixture.sessions().live_of(fixture.user, None)).unwrap().records.is_empty());
}

/// An administrator's SQL can end a session without marking its data.
fn kept_data_marked_login_signs_no_request_in(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.sign_in();
    let live = fixture.resume(&started.sid).unwrap();
    fixture.execute("UPDATE sessions SET status = 'logged_out', data_kept = true");
    let before = (fixture.session(started.id), fixture.data(&started.sid).unwrap());
    assert_eq!(before.1["sess"]["status"], "login");
    assert!(!fixture.is_alive(&started.sid));
    assert!(matches!(fixture.save(&started.sid, setting(&live, &[("late", json!(1))])), Err(Error::SessionEnded)));
    assert!(matches!(fixture.rotate(&started.sid), Err(Error::SessionEnded)));
    let again = fixture.start(NewSession { previous_sid: Some(started.sid.clone()), ..fixture.new_session() }).unwrap();
    assert_ne!(again.id, started.id);
    assert_eq!((fixture.session(started.id), fixture.data(&started.sid).unwrap()), before);
}

fn kept_data_is_purged_when_it_expires(engine: EngineKind) {
    let fixture = keeping(engine);
    let started = fixture.sign_in();
    wait(fixture.sessions().sign_out(&started.sid)).unwrap();
    fixture.clock.advance(just_before(DAY));
    assert!(fixture.purge().is_empty());
    assert!(fixture.data(&started.sid).is_some());
    fixture.clock.advance(SECOND);
    assert_eq!(fixture.purge().data_removed, 1);
    assert_eq!(fixture.data(&started.sid), None);
    assert_eq!(fixture.session(started.id)["end_reason"], "signed_out");
}

fn revoking_others_keeps_data_of_each(engine: EngineKind) {
    let fixture = keeping(engine);
    let this = fixture.sign_in();
    let others = [fixture.sign_in(), fixture.sign_in(), fixture.sign_in()];
    assert_eq!(wait(fixture.sessions().revoke_others(fixture.user, this.id)).unwrap(), 3);
    for ended in &others {
        assert_eq!(fixture.data(&ended.sid).unwrap()["sess"]["status"], "logout");
        assert!(!fixture.is_alive(&ended.sid));
    }
    assert_eq!(fixture.data(&this.sid).unwrap()["sess"]["status"], "login");
    fixture.clock.advance(DAY);
    // An expired session keeps no data: it has expired too, and is deleted with the end.
    let purged = fixture.purge();
    assert_eq!((purged.ended, purged.data_removed), (1, 3));
}

fn http_sign_out_keeps_the_data(engine: EngineKind) {
    let fixture = keeping(engine);
    let mut browser = fixture.signed_in(EMAIL);
    let mut copy = browser.clone();
    assert_eq!(browser.sign_out().status, 303);
    assert!(!copy.is_signed_in());
    assert_eq!(fixture.rows("user_sessions", "")[0]["sess"]["status"], "logout");
}
