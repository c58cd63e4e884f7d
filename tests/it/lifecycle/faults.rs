//! Fails each statement of each operation once: n = 1, 2, 3 … until the operation succeeds. After every fault all
//! invariants hold, the session is in its old state or in its new one, and a retry works.

use std::time::Duration;

use keyrack::{
    accounts::{Email, Password},
    error::Result,
    sessions::{DataPatch, IssuedSession, NewSession, Sessions, Sid, UserId},
};

use crate::support::{EngineKind, Faults, TestApp, on_both_engines, wait};

on_both_engines!(
    sign_in_is_atomic_when_a_statement_fails,
    sign_in_over_a_session_is_atomic_when_a_statement_fails,
    rotation_is_atomic_when_a_statement_fails,
    save_is_atomic_when_a_statement_fails,
    end_is_atomic_when_a_statement_fails,
    end_with_kept_data_is_atomic_when_a_statement_fails,
    revoking_others_is_atomic_when_a_statement_fails,
    disabling_and_new_password_are_atomic_when_a_statement_fails,
    touch_and_purge_can_be_repeated_when_a_statement_fails,
    purge_continues_after_a_failed_step,
    concurrent_purges_end_each_session_once,
);

const EMAIL: &str = "rajat.verma@example.com";

/// An application whose statements can be made to fail.
struct FaultFixture {
    app: TestApp,
    faults: Faults,
    user: UserId,
}

impl FaultFixture {
    fn new(engine: EngineKind, keep_data: bool) -> Self {
        // The pool opens its first connection later, so it is not too late to prepare the faults.
        let app = TestApp::with(engine, |config| {
            config.policy.keep_ended_data = keep_data;
            config.policy.max_sessions = None;
        });
        let faults = Faults::prepare(app.url());
        let user = app.add_user(EMAIL);
        Self { app, faults, user }
    }

    fn sessions(&self) -> &Sessions {
        self.app.keyrack.sessions()
    }

    fn new_session(&self, previous_sid: Option<Sid>) -> NewSession {
        NewSession { previous_sid, ..NewSession::of(self.user) }
    }

    fn start(&self) -> IssuedSession {
        wait(self.sessions().start(self.new_session(None))).unwrap()
    }

    fn is_alive(&self, sid: &Sid) -> bool {
        wait(self.sessions().resume(sid)).unwrap().is_some()
    }

    fn active(&self) -> usize {
        let active = self.app.count("sessions", "WHERE status = 'active'");
        assert_eq!(active, self.app.count("user_sessions", "WHERE sess->>'status' = 'login'"), "both tables agree");
        active
    }

    /// For every statement of the operation: calls `prepare`, runs the operation with this statement failing, and calls
    /// `check` with the result, which is `None` if the operation failed.
    #[expect(clippy::needless_pass_by_value, reason = "a closure behind a reference loses its argument's type")]
    fn each_statement_fails_once<P, T>(
        &self,
        prepare: impl Fn() -> P,
        operation: impl AsyncFn(&P) -> Result<T>,
        check: impl Fn(&P, Option<T>),
    ) {
        let mut failed = 0;
        loop {
            let prepared = prepare();
            self.faults.fail_statement(failed + 1);
            let outcome = wait(operation(&prepared));
            let triggered = self.faults.triggered();
            assert_eq!(outcome.is_err(), triggered, "an operation fails exactly if one of its statements does");
            check(&prepared, outcome.ok());
            self.app.assert_sound();
            if !triggered {
                break;
            }
            failed += 1;
            assert!(wait(operation(&prepared)).is_ok(), "a retry works");
            self.app.assert_sound();
        }
        println!("{failed} statements failed");
        assert!(failed >= 2, "the operation has at least two statements");
    }
}

fn sign_in_is_atomic_when_a_statement_fails(engine: EngineKind) {
    let fixture = FaultFixture::new(engine, false);
    fixture.each_statement_fails_once(
        || fixture.active(),
        async |_| fixture.sessions().start(fixture.new_session(None)).await,
        |before, started| {
            let expected = before + usize::from(started.is_some());
            assert_eq!(fixture.active(), expected);
            assert!(started.is_none_or(|started| fixture.is_alive(&started.sid)));
        },
    );
}

fn sign_in_over_a_session_is_atomic_when_a_statement_fails(engine: EngineKind) {
    let fixture = FaultFixture::new(engine, false);
    fixture.each_statement_fails_once(
        || fixture.start(),
        async |old| fixture.sessions().start(fixture.new_session(Some(old.sid.clone()))).await,
        |old, new| assert_one_sid_works(&fixture, old, new),
    );
}

fn rotation_is_atomic_when_a_statement_fails(engine: EngineKind) {
    let fixture = FaultFixture::new(engine, false);
    fixture.each_statement_fails_once(
        || fixture.start(),
        async |old| fixture.sessions().rotate(&old.sid, DataPatch::default()).await,
        |old, new| assert_one_sid_works(&fixture, old, new),
    );
}

/// Either the old sid works or the new one, and the session is the same.
fn assert_one_sid_works(fixture: &FaultFixture, old: &IssuedSession, new: Option<IssuedSession>) {
    assert_eq!(fixture.is_alive(&old.sid), new.is_none());
    if let Some(new) = new {
        assert!(fixture.is_alive(&new.sid));
        assert_eq!(new.id, old.id);
    }
}

fn save_is_atomic_when_a_statement_fails(engine: EngineKind) {
    let fixture = FaultFixture::new(engine, false);
    let changes = || DataPatch::beside_sign_in([("theme", r#""dark""#)]).unwrap();
    fixture.each_statement_fails_once(
        || fixture.start(),
        async |started| fixture.sessions().save(&started.sid, changes()).await,
        |started, saved| {
            let live = wait(fixture.sessions().resume(&started.sid)).unwrap().unwrap();
            assert_eq!(live.data.entries().any(|(key, _)| key == "theme"), saved.is_some());
        },
    );
}

fn end_is_atomic_when_a_statement_fails(engine: EngineKind) {
    assert_end_is_atomic(&FaultFixture::new(engine, false));
}

fn end_with_kept_data_is_atomic_when_a_statement_fails(engine: EngineKind) {
    assert_end_is_atomic(&FaultFixture::new(engine, true));
}

fn assert_end_is_atomic(fixture: &FaultFixture) {
    fixture.each_statement_fails_once(
        || fixture.start(),
        async |started| fixture.sessions().sign_out(&started.sid).await,
        |started, ended| {
            fixture.active();
            assert_eq!(fixture.is_alive(&started.sid), ended.is_none());
        },
    );
}

fn revoking_others_is_atomic_when_a_statement_fails(engine: EngineKind) {
    let fixture = FaultFixture::new(engine, false);
    fixture.each_statement_fails_once(
        || [fixture.start(), fixture.start(), fixture.start()],
        async |[this, ..]| fixture.sessions().revoke_others(fixture.user, this.id).await,
        |[this, others @ ..], ended| {
            assert!(fixture.is_alive(&this.sid));
            for other in others {
                assert_eq!(fixture.is_alive(&other.sid), ended.is_none());
            }
        },
    );
}

fn disabling_and_new_password_are_atomic_when_a_statement_fails(engine: EngineKind) {
    let fixture = FaultFixture::new(engine, false);
    let email: Email = EMAIL.parse().unwrap();
    let accounts = fixture.app.keyrack.accounts();
    fixture.each_statement_fails_once(
        || {
            wait(accounts.enable(&email)).unwrap();
            [fixture.start(), fixture.start()]
        },
        async |_| accounts.disable(&email).await,
        |_, disabled| {
            let active = fixture.active();
            assert_eq!(active == 0, disabled.is_some(), "{active} sessions left");
        },
    );
    wait(accounts.enable(&email)).unwrap();
    fixture.each_statement_fails_once(
        || [fixture.start(), fixture.start()],
        async |_| {
            let set = accounts.set_password(&email, Password::new("another long enough password")).await;
            set.map_err(keyrack::error::Error::internal)
        },
        |_, set| assert_eq!(fixture.active() == 0, set.is_some()),
    );
}

fn touch_and_purge_can_be_repeated_when_a_statement_fails(engine: EngineKind) {
    let fixture = FaultFixture::new(engine, false);
    fixture.each_statement_fails_once(
        || {
            let started = fixture.start();
            fixture.app.clock.advance(Duration::from_secs(120));
            assert!(fixture.is_alive(&started.sid), "this resume is recorded as activity");
            started
        },
        async |_| fixture.sessions().record_activity().await,
        |started, _| assert!(fixture.is_alive(&started.sid)),
    );
    fixture.each_statement_fails_once(
        || {
            let started = fixture.start();
            fixture.app.clock.advance(Duration::from_secs(25 * 3600));
            started
        },
        async |_| fixture.sessions().purge(|_| ()).await,
        |started, _| assert!(!fixture.is_alive(&started.sid), "an expired session is refused, purged or not"),
    );
    assert_eq!(fixture.active(), 0);
    assert_eq!(fixture.app.count("sessions", "WHERE end_reason <> 'absolute_timeout'"), 0);
}

fn purge_continues_after_a_failed_step(engine: EngineKind) {
    let fixture = FaultFixture::new(engine, false);
    let old = fixture.start();
    wait(fixture.sessions().sign_out(&old.sid)).unwrap();
    fixture.app.clock.advance(Duration::from_secs(91 * 24 * 3600));
    let expired = fixture.start();
    fixture.app.clock.advance(Duration::from_secs(25 * 3600));
    fixture.faults.fail_statement(1);
    assert!(wait(fixture.sessions().purge(|_| ())).is_err(), "the first step looks for expired sessions");
    assert!(fixture.faults.triggered());
    let ids = fixture.app.texts("SELECT CAST(id AS text) AS v FROM sessions");
    assert_eq!(ids, [expired.id.to_string()], "the last step has deleted the old history");
    assert_eq!(fixture.active(), 1);
    assert!(fixture.sessions().metrics().contains("keyrack_purge_failures_total 1\n"));
    assert_eq!(wait(fixture.sessions().purge(|_| ())).unwrap().ended, 1);
}

fn concurrent_purges_end_each_session_once(engine: EngineKind) {
    let fixture = FaultFixture::new(engine, false);
    let other = TestApp::over(fixture.app.database(), fixture.app.clock.clone(), |_| ());
    for _ in 0..250 {
        fixture.start();
    }
    fixture.app.clock.advance(Duration::from_secs(25 * 3600));
    let ended: usize = std::thread::scope(|scope| {
        let purges = [fixture.sessions(), other.keyrack.sessions()]
            .map(|sessions| scope.spawn(move || wait(sessions.purge(|_| ())).unwrap().ended));
        purges.into_iter().map(|purge| purge.join().unwrap()).sum()
    });
    assert_eq!(ended, 250);
    assert_eq!(fixture.app.count("sessions", "WHERE end_reason = 'absolute_timeout'"), 250);
    fixture.app.assert_sound();
}
