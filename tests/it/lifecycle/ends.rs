//! Concurrent ends of one session.

use std::{collections::BTreeSet, sync::Barrier, thread};

use keyrack::{
    accounts::Email,
    sessions::{EndReason, IssuedSession, NewSession, Sessions, UserId},
};

use crate::support::{EngineKind, TestApp, on_both_engines, wait};

on_both_engines!(concurrent_ends_of_one_session_succeed_exactly_once);

const EMAIL: &str = "rajat.verma@example.com";

/// Ends the session and returns whether this call did it.
type End = fn(&TestApp, UserId, &IssuedSession, &IssuedSession) -> bool;

const ENDS: [End; 5] = [
    |app, _, session, _| wait(app.keyrack.sessions().sign_out(&session.sid)).unwrap().is_some(),
    |app, _, session, _| wait(app.keyrack.sessions().revoke_by_admin(session.id)).unwrap(),
    |app, user, _, other| wait(app.keyrack.sessions().revoke_others(user, other.id)).unwrap() > 0,
    |app, user, _, _| wait(app.keyrack.sessions().end_all_of(user, EndReason::RevokedByAdmin)).unwrap() > 0,
    |app, _, _, _| {
        let email: Email = EMAIL.parse().unwrap();
        wait(app.keyrack.accounts().disable(&email)).unwrap().unwrap() > 0
    },
];

fn start(sessions: &Sessions, user_id: UserId) -> IssuedSession {
    wait(sessions.start(NewSession::of(user_id))).unwrap()
}

fn concurrent_ends_of_one_session_succeed_exactly_once(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.database.pool_size = 10);
    let user = app.add_user(EMAIL);
    // `revoke_others` keeps this session, which is another user's, so that there is one session to end.
    let other = start(app.keyrack.sessions(), app.add_user("other@example.com"));
    let mut reasons = BTreeSet::new();
    for _ in 0..10 {
        let session = start(app.keyrack.sessions(), user);
        let barrier = Barrier::new(ENDS.len() * 2);
        let ended: usize = thread::scope(|scope| {
            let call = |end: End| {
                let (app, session, other, barrier) = (&app, &session, &other, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    usize::from(end(app, user, session, other))
                })
            };
            let calls: Vec<_> = ENDS.iter().chain(&ENDS).map(|end| call(*end)).collect();
            calls.into_iter().map(|call| call.join().unwrap()).sum()
        });
        assert_eq!(ended, 1, "only the call that ended the session reports it");
        reasons.insert(app.text(&format!("SELECT end_reason AS v FROM sessions WHERE id = '{}'", session.id)));
        assert_eq!(app.count("user_sessions", ""), 1, "only the other user's session is left");
        app.assert_sound();
        wait(app.keyrack.accounts().enable(&EMAIL.parse().unwrap())).unwrap();
    }
    println!("{reasons:?}");
}
