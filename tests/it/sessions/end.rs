//! End: sign-out and revocation.

use keyrack::{
    accounts::Password,
    sessions::{EndReason, IssuedSession, SessionId},
};

use super::session_fixture::{DAY, EMAIL, HOUR, MINUTE, SessionFixture};
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(
    ending_records_reason_and_time_and_deletes_data,
    ending_an_ended_session_changes_nothing,
    ending_one_session_leaves_others_alive,
    revoking_foreign_or_unknown_session_returns_none,
    revoking_others_spares_this_session_and_other_users,
    revoking_everyone_ends_all_sessions,
    signing_out_also_ends_copies_of_the_cookie,
);

type End = fn(&SessionFixture, &IssuedSession);

/// All ways to end a session, with the reason that each records.
const ENDS: [(&str, End); 10] = [
    ("signed_out", |fixture, started| {
        wait(fixture.sessions().sign_out(&started.sid)).unwrap();
    }),
    ("revoked", |fixture, started| {
        wait(fixture.sessions().revoke(fixture.user, started.id)).unwrap();
    }),
    ("revoked", |fixture, _| {
        wait(fixture.sessions().revoke_others(fixture.user, SessionId::random())).unwrap();
    }),
    ("revoked_by_admin", |fixture, started| {
        wait(fixture.sessions().revoke_by_admin(started.id)).unwrap();
    }),
    ("revoked_by_admin", |fixture, _| {
        wait(fixture.sessions().revoke_everyone()).unwrap();
    }),
    ("replaced", |fixture, _| {
        wait(fixture.sessions().end_all_of(fixture.user, EndReason::Replaced)).unwrap();
    }),
    ("account_disabled", |fixture, _| {
        let accounts = fixture.keyrack.accounts();
        wait(accounts.disable(&EMAIL.parse().unwrap())).unwrap();
        wait(accounts.enable(&EMAIL.parse().unwrap())).unwrap();
    }),
    ("password_changed", |fixture, _| {
        let password = Password::new("a new leaf, turned over");
        wait(fixture.keyrack.accounts().set_password(&EMAIL.parse().unwrap(), password)).unwrap();
    }),
    ("signed_out", |fixture, started| {
        // An administrator's SQL: the triggers complete what the statement leaves out, by the database's clock.
        fixture.execute(&format!(
            "UPDATE sessions SET status = 'logged_out', logged_out_at = '{}' WHERE id = '{}'",
            fixture.now().to_iso_micros(),
            started.id
        ));
    }),
    ("absolute_timeout", |fixture, _| {
        fixture.clock.advance(DAY.saturating_sub(MINUTE));
        fixture.purge();
    }),
];

fn ending_records_reason_and_time_and_deletes_data(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    for (reason, end) in ENDS {
        let started = fixture.sign_in();
        fixture.clock.advance(MINUTE);
        end(&fixture, &started);
        fixture.assert_ended(&started, reason, fixture.now());
        assert_eq!(fixture.rows("user_sessions", "").len(), 0);
    }
}

fn ending_an_ended_session_changes_nothing(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    for (reason, end) in ENDS {
        let started = fixture.sign_in();
        fixture.clock.advance(MINUTE);
        end(&fixture, &started);
        let before = fixture.session(started.id);
        for (again, second) in &ENDS[..8] {
            fixture.clock.advance(MINUTE);
            second(&fixture, &started);
            assert_eq!(fixture.session(started.id), before, "{again} after {reason}");
        }
        assert_eq!(wait(fixture.sessions().sign_out(&started.sid)).unwrap(), None);
        assert!(!wait(fixture.sessions().revoke_by_admin(started.id)).unwrap());
        let revoked = wait(fixture.sessions().revoke(fixture.user, started.id)).unwrap().unwrap();
        assert_eq!(revoked.end_reason.as_deref(), Some(reason), "it is returned as it ended");
    }
}

fn ending_one_session_leaves_others_alive(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    for (_, end) in [ENDS[0], ENDS[1], ENDS[3]] {
        let (meant, other) = (fixture.sign_in(), fixture.sign_in());
        let before = (fixture.session(other.id), fixture.data(&other.sid));
        end(&fixture, &meant);
        assert!(!fixture.is_alive(&meant.sid));
        assert_eq!((fixture.session(other.id), fixture.data(&other.sid)), before);
        assert!(fixture.is_alive(&other.sid));
    }
}

fn revoking_foreign_or_unknown_session_returns_none(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let other = fixture.add_user("other@example.com");
    let theirs = fixture.sign_in_as(other);
    for id in [theirs.id, SessionId::random()] {
        assert_eq!(wait(fixture.sessions().revoke(fixture.user, id)).unwrap(), None);
        assert_eq!(wait(fixture.sessions().find_own(fixture.user, id)).unwrap(), None);
    }
    assert!(fixture.is_alive(&theirs.sid));
}

fn revoking_others_spares_this_session_and_other_users(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let other = fixture.add_user("other@example.com");
    let theirs = fixture.sign_in_as(other);
    let (this, one, two) = (fixture.sign_in(), fixture.sign_in(), fixture.sign_in());
    fixture.clock.advance(MINUTE);
    assert_eq!(wait(fixture.sessions().revoke_others(fixture.user, this.id)).unwrap(), 2);
    for ended in [one, two] {
        fixture.assert_ended(&ended, "revoked", fixture.now());
    }
    assert!(fixture.is_alive(&this.sid) && fixture.is_alive(&theirs.sid));
    assert_eq!(wait(fixture.sessions().revoke_others(fixture.user, this.id)).unwrap(), 0);
    // Passing another user's session as "this one" spares none of the user's own, and does not end the other user's.
    assert_eq!(wait(fixture.sessions().revoke_others(fixture.user, theirs.id)).unwrap(), 1);
    assert!(!fixture.is_alive(&this.sid) && fixture.is_alive(&theirs.sid));
}

fn revoking_everyone_ends_all_sessions(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let other = fixture.add_user("other@example.com");
    let all = [fixture.sign_in(), fixture.sign_in(), fixture.sign_in_as(other)];
    fixture.clock.advance(HOUR);
    assert_eq!(wait(fixture.sessions().revoke_everyone()).unwrap(), 3);
    for ended in &all {
        fixture.assert_ended(ended, "revoked_by_admin", fixture.now());
    }
}

fn signing_out_also_ends_copies_of_the_cookie(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let mut browser = fixture.signed_in(EMAIL);
    let mut copy = browser.clone();
    fixture.clock.advance(MINUTE);
    let answer = browser.sign_out();
    assert_eq!((answer.status, answer.location()), (303, "/login"));
    assert!(!browser.is_signed_in() && !copy.is_signed_in());
    let session = &fixture.rows("sessions", "")[0];
    assert_eq!((&session["status"], &session["end_reason"]), (&"logged_out".into(), &"signed_out".into()));
    assert_eq!(session["logged_out_at"], fixture.now().to_iso_micros());
    assert_eq!(fixture.count("user_sessions", ""), 0);
}
