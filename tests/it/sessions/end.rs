//! End: signing out, being revoked. Once, for one reason, for good.

use keyrack::{
    accounts::Password,
    sessions::{EndReason, SessionId, Started},
};

use super::session_fixture::{DAY, EMAIL, HOUR, MINUTE, SessionFixture};
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(
    every_end_says_when_and_why_and_removes_the_data,
    a_second_end_changes_nothing,
    only_the_session_that_is_meant_ends,
    anothers_session_looks_like_one_that_does_not_exist,
    revoking_the_others_leaves_this_one_and_other_users_alone,
    everybody_can_be_revoked_at_once,
    a_browser_that_signs_out_is_out_everywhere,
);

type End = fn(&SessionFixture, &Started);

/// Every way in which a session ends, with the reason that it leaves.
const ENDS: [(&str, End); 10] = [
    ("signed_out", |rack, started| {
        wait(rack.sessions().sign_out(&started.sid)).unwrap();
    }),
    ("revoked", |rack, started| {
        wait(rack.sessions().revoke(rack.user, started.id)).unwrap();
    }),
    ("revoked", |rack, _| {
        wait(rack.sessions().revoke_others(rack.user, SessionId::random())).unwrap();
    }),
    ("revoked_by_admin", |rack, started| {
        wait(rack.sessions().revoke_by_admin(started.id)).unwrap();
    }),
    ("revoked_by_admin", |rack, _| {
        wait(rack.sessions().revoke_everyone()).unwrap();
    }),
    ("replaced", |rack, _| {
        wait(rack.sessions().end_all_of(rack.user, EndReason::Replaced)).unwrap();
    }),
    ("account_disabled", |rack, _| {
        let accounts = rack.keyrack.accounts();
        wait(accounts.disable(&EMAIL.parse().unwrap())).unwrap();
        wait(accounts.enable(&EMAIL.parse().unwrap())).unwrap();
    }),
    ("password_changed", |rack, _| {
        let password = Password::new("a new leaf, turned over");
        wait(rack.keyrack.accounts().set_password(&EMAIL.parse().unwrap(), password)).unwrap();
    }),
    ("signed_out", |rack, started| {
        // A person with a SQL prompt: the tables complete what the statement leaves out, by the database's clock.
        rack.execute(&format!(
            "UPDATE sessions SET status = 'logged_out', logged_out_at = '{}' WHERE id = '{}'",
            rack.now().to_iso_micros(),
            started.id
        ));
    }),
    ("absolute_timeout", |rack, _| {
        rack.clock.advance(DAY.saturating_sub(MINUTE));
        rack.purge();
    }),
];

fn every_end_says_when_and_why_and_removes_the_data(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    for (reason, end) in ENDS {
        let started = rack.sign_in();
        rack.clock.advance(MINUTE);
        end(&rack, &started);
        rack.assert_ended(&started, reason, rack.now());
        assert_eq!(rack.rows("user_sessions", "").len(), 0);
    }
}

fn a_second_end_changes_nothing(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    for (reason, end) in ENDS {
        let started = rack.sign_in();
        rack.clock.advance(MINUTE);
        end(&rack, &started);
        let before = rack.session(started.id);
        for (again, second) in &ENDS[..8] {
            rack.clock.advance(MINUTE);
            second(&rack, &started);
            assert_eq!(rack.session(started.id), before, "{again} after {reason}");
        }
        assert_eq!(wait(rack.sessions().sign_out(&started.sid)).unwrap(), None);
        assert!(!wait(rack.sessions().revoke_by_admin(started.id)).unwrap());
        let revoked = wait(rack.sessions().revoke(rack.user, started.id)).unwrap().unwrap();
        assert_eq!(revoked.end_reason.as_deref(), Some(reason), "it is told as it ended");
    }
}

fn only_the_session_that_is_meant_ends(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    for (_, end) in [ENDS[0], ENDS[1], ENDS[3]] {
        let (meant, other) = (rack.sign_in(), rack.sign_in());
        let before = (rack.session(other.id), rack.data(&other.sid));
        end(&rack, &meant);
        assert!(!rack.is_alive(&meant.sid));
        assert_eq!((rack.session(other.id), rack.data(&other.sid)), before);
        assert!(rack.is_alive(&other.sid));
    }
}

fn anothers_session_looks_like_one_that_does_not_exist(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let other = rack.add_user("other@example.com");
    let theirs = rack.sign_in_as(other);
    for id in [theirs.id, SessionId::random()] {
        assert_eq!(wait(rack.sessions().revoke(rack.user, id)).unwrap(), None);
        assert_eq!(wait(rack.sessions().find_own(rack.user, id)).unwrap(), None);
    }
    assert!(rack.is_alive(&theirs.sid));
}

fn revoking_the_others_leaves_this_one_and_other_users_alone(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let other = rack.add_user("other@example.com");
    let theirs = rack.sign_in_as(other);
    let (this, one, two) = (rack.sign_in(), rack.sign_in(), rack.sign_in());
    rack.clock.advance(MINUTE);
    assert_eq!(wait(rack.sessions().revoke_others(rack.user, this.id)).unwrap(), 2);
    for ended in [one, two] {
        rack.assert_ended(&ended, "revoked", rack.now());
    }
    assert!(rack.is_alive(&this.sid) && rack.is_alive(&theirs.sid));
    assert_eq!(wait(rack.sessions().revoke_others(rack.user, this.id)).unwrap(), 0);
    // Another's session is no "this one" of mine: naming it spares nothing of mine, and harms nothing of theirs.
    assert_eq!(wait(rack.sessions().revoke_others(rack.user, theirs.id)).unwrap(), 1);
    assert!(!rack.is_alive(&this.sid) && rack.is_alive(&theirs.sid));
}

fn everybody_can_be_revoked_at_once(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let other = rack.add_user("other@example.com");
    let all = [rack.sign_in(), rack.sign_in(), rack.sign_in_as(other)];
    rack.clock.advance(HOUR);
    assert_eq!(wait(rack.sessions().revoke_everyone()).unwrap(), 3);
    for ended in &all {
        rack.assert_ended(ended, "revoked_by_admin", rack.now());
    }
}

fn a_browser_that_signs_out_is_out_everywhere(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let mut browser = rack.signed_in(EMAIL);
    let mut copy = browser.clone();
    rack.clock.advance(MINUTE);
    let answer = browser.sign_out();
    assert_eq!((answer.status, answer.location()), (303, "/login"));
    assert!(!browser.is_signed_in() && !copy.is_signed_in());
    let session = &rack.rows("sessions", "")[0];
    assert_eq!((&session["status"], &session["end_reason"]), (&"logged_out".into(), &"signed_out".into()));
    assert_eq!(session["logged_out_at"], rack.now().to_iso_micros());
    assert_eq!(rack.count("user_sessions", ""), 0);
}
