//! Each statement of each verb fails once: n = 1, 2, 3 … until the verb gets through. After every fault, all rules hold, the
//! session is in its old state or in its new one, and trying again works.

use std::time::Duration;

use keyrack::{
    accounts::{Email, Password},
    error::Result,
    sessions::{DataPatch, NewSession, Sessions, Sid, Started, UserId},
};

use crate::support::{EngineKind, Faults, TestApp, on_both_engines, wait};

on_both_engines!(
    a_sign_in_happens_wholly_or_not_at_all,
    a_sign_in_over_a_session_leaves_the_old_sid_or_the_new_one,
    a_rotation_leaves_the_old_sid_or_the_new_one,
    saved_data_is_the_old_or_the_new,
    an_end_happens_wholly_or_not_at_all,
    an_end_that_keeps_its_data_happens_wholly_or_not_at_all,
    revoking_the_others_happens_wholly_or_not_at_all,
    disabling_a_user_and_a_new_password_end_all_sessions_or_none,
    activity_and_purge_survive_every_fault,
    a_purge_goes_on_after_a_step_that_failed,
    of_two_purges_at_once_each_does_its_part_and_nothing_twice,
);

const EMAIL: &str = "rajat.verma@example.com";

/// An application that faults can be made in.
struct Bench {
    app: TestApp,
    faults: Faults,
    user: UserId,
}

impl Bench {
    fn new(engine: EngineKind, keep_data: bool) -> Self {
        // The pool opens its connections when they are first needed, so the faults can be prepared for them here.
        let app = TestApp::with(engine, |config| config.policy.keep_ended_data = keep_data);
        let faults = Faults::prepare(app.url());
        let user = app.add_user(EMAIL);
        Self { app, faults, user }
    }

    fn sessions(&self) -> &Sessions {
        self.app.keyrack.sessions()
    }

    fn new_session(&self, presented: Option<Sid>) -> NewSession {
        NewSession { presented, ..NewSession::of(self.user) }
    }

    fn start(&self) -> Started {
        wait(self.sessions().start(self.new_session(None))).unwrap()
    }

    fn is_alive(&self, sid: &Sid) -> bool {
        wait(self.sessions().resume(sid)).unwrap().is_some()
    }

    fn active(&self) -> usize {
        let active = self.app.count("sessions", "WHERE status = 'active'");
        assert_eq!(active, self.app.count("user_sessions", "WHERE sess->>'status' = 'login'"), "two tables, one truth");
        active
    }

    /// Prepares, lets the n-th statement of the operation fail, and looks at the outcome; for every n that the operation has.
    /// `look` learns whether the operation reported success.
    #[expect(clippy::needless_pass_by_value, reason = "a closure behind a reference loses its argument's type")]
    fn each_statement_fails_once<P, T>(
        &self,
        prepare: impl Fn() -> P,
        operation: impl AsyncFn(&P) -> Result<T>,
        look: impl Fn(&P, Option<T>),
    ) {
        let mut struck = 0;
        loop {
            let prepared = prepare();
            self.faults.fail_statement(struck + 1);
            let outcome = wait(operation(&prepared));
            let triggered = self.faults.triggered();
            assert_eq!(outcome.is_err(), triggered, "an operation fails if, and only if, a statement of it does");
            look(&prepared, outcome.ok());
            self.app.assert_sound();
            if !triggered {
                break;
            }
            struck += 1;
            assert!(wait(operation(&prepared)).is_ok(), "trying again works");
            self.app.assert_sound();
        }
        println!("{struck} faults");
        assert!(struck >= 2, "the operation has statements to fail");
    }
}

fn a_sign_in_happens_wholly_or_not_at_all(engine: EngineKind) {
    let bench = Bench::new(engine, false);
    bench.each_statement_fails_once(
        || bench.active(),
        async |_| bench.sessions().start(bench.new_session(None)).await,
        |before, started| {
            let expected = before + usize::from(started.is_some());
            assert_eq!(bench.active(), expected);
            assert!(started.is_none_or(|started| bench.is_alive(&started.sid)));
        },
    );
}

fn a_sign_in_over_a_session_leaves_the_old_sid_or_the_new_one(engine: EngineKind) {
    let bench = Bench::new(engine, false);
    bench.each_statement_fails_once(
        || bench.start(),
        async |old| bench.sessions().start(bench.new_session(Some(old.sid.clone()))).await,
        |old, new| assert_one_of(&bench, old, new),
    );
}

fn a_rotation_leaves_the_old_sid_or_the_new_one(engine: EngineKind) {
    let bench = Bench::new(engine, false);
    bench.each_statement_fails_once(
        || bench.start(),
        async |old| bench.sessions().rotate(&old.sid, DataPatch::default()).await,
        |old, new| assert_one_of(&bench, old, new),
    );
}

/// Never both, never none, and the session is the same one.
fn assert_one_of(bench: &Bench, old: &Started, new: Option<Started>) {
    assert_eq!(bench.is_alive(&old.sid), new.is_none());
    if let Some(new) = new {
        assert!(bench.is_alive(&new.sid));
        assert_eq!(new.id, old.id);
    }
}

fn saved_data_is_the_old_or_the_new(engine: EngineKind) {
    let bench = Bench::new(engine, false);
    let changes = || DataPatch::beside_sign_in([("theme", r#""dark""#)]).unwrap();
    bench.each_statement_fails_once(
        || bench.start(),
        async |started| bench.sessions().save(&started.sid, changes()).await,
        |started, saved| {
            let live = wait(bench.sessions().resume(&started.sid)).unwrap().unwrap();
            assert_eq!(live.data.entries().any(|(key, _)| key == "theme"), saved.is_some());
        },
    );
}

fn an_end_happens_wholly_or_not_at_all(engine: EngineKind) {
    assert_ends_wholly(&Bench::new(engine, false));
}

fn an_end_that_keeps_its_data_happens_wholly_or_not_at_all(engine: EngineKind) {
    assert_ends_wholly(&Bench::new(engine, true));
}

fn assert_ends_wholly(bench: &Bench) {
    bench.each_statement_fails_once(
        || bench.start(),
        async |started| bench.sessions().sign_out(&started.sid).await,
        |started, ended| {
            bench.active();
            assert_eq!(bench.is_alive(&started.sid), ended.is_none());
        },
    );
}

fn revoking_the_others_happens_wholly_or_not_at_all(engine: EngineKind) {
    let bench = Bench::new(engine, false);
    bench.each_statement_fails_once(
        || [bench.start(), bench.start(), bench.start()],
        async |[this, ..]| bench.sessions().revoke_others(bench.user, this.id).await,
        |[this, others @ ..], ended| {
            assert!(bench.is_alive(&this.sid));
            for other in others {
                assert_eq!(bench.is_alive(&other.sid), ended.is_none());
            }
        },
    );
}

fn disabling_a_user_and_a_new_password_end_all_sessions_or_none(engine: EngineKind) {
    let bench = Bench::new(engine, false);
    let email: Email = EMAIL.parse().unwrap();
    let accounts = bench.app.keyrack.accounts();
    bench.each_statement_fails_once(
        || {
            wait(accounts.enable(&email)).unwrap();
            [bench.start(), bench.start()]
        },
        async |_| accounts.disable(&email).await,
        |_, disabled| {
            let active = bench.active();
            assert_eq!(active == 0, disabled.is_some(), "{active} left");
        },
    );
    wait(accounts.enable(&email)).unwrap();
    bench.each_statement_fails_once(
        || [bench.start(), bench.start()],
        async |_| {
            let set = accounts.set_password(&email, Password::new("another long enough password")).await;
            set.map_err(keyrack::error::Error::internal)
        },
        |_, set| assert_eq!(bench.active() == 0, set.is_some()),
    );
}

fn activity_and_purge_survive_every_fault(engine: EngineKind) {
    let bench = Bench::new(engine, false);
    bench.each_statement_fails_once(
        || {
            let started = bench.start();
            bench.app.clock.advance(Duration::from_secs(120));
            assert!(bench.is_alive(&started.sid), "the activity is noted");
            started
        },
        async |_| bench.sessions().record_activity().await,
        |started, _| assert!(bench.is_alive(&started.sid)),
    );
    bench.each_statement_fails_once(
        || {
            let started = bench.start();
            bench.app.clock.advance(Duration::from_secs(25 * 3600));
            started
        },
        async |_| bench.sessions().purge(|_| ()).await,
        |started, _| assert!(!bench.is_alive(&started.sid), "what has run out is refused, purged or not"),
    );
    assert_eq!(bench.active(), 0);
    assert_eq!(bench.app.count("sessions", "WHERE end_reason <> 'absolute_timeout'"), 0);
}

fn a_purge_goes_on_after_a_step_that_failed(engine: EngineKind) {
    let bench = Bench::new(engine, false);
    let old = bench.start();
    wait(bench.sessions().sign_out(&old.sid)).unwrap();
    bench.app.clock.advance(Duration::from_secs(91 * 24 * 3600));
    let run_out = bench.start();
    bench.app.clock.advance(Duration::from_secs(25 * 3600));
    bench.faults.fail_statement(1);
    assert!(wait(bench.sessions().purge(|_| ())).is_err(), "the first step looks for what has run out");
    assert!(bench.faults.triggered());
    let ids = bench.app.texts("SELECT CAST(id AS text) AS v FROM sessions");
    assert_eq!(ids, [run_out.id.to_string()], "the last one has removed the old history all the same");
    assert_eq!(bench.active(), 1);
    assert!(bench.sessions().metrics().contains("keyrack_purge_failures_total 1\n"));
    assert_eq!(wait(bench.sessions().purge(|_| ())).unwrap().ended, 1);
}

fn of_two_purges_at_once_each_does_its_part_and_nothing_twice(engine: EngineKind) {
    let bench = Bench::new(engine, false);
    let other = TestApp::over(bench.app.database(), bench.app.clock.clone(), |_| ());
    for _ in 0..250 {
        bench.start();
    }
    bench.app.clock.advance(Duration::from_secs(25 * 3600));
    let ended: usize = std::thread::scope(|scope| {
        let purges = [bench.sessions(), other.keyrack.sessions()]
            .map(|sessions| scope.spawn(move || wait(sessions.purge(|_| ())).unwrap().ended));
        purges.into_iter().map(|purge| purge.join().unwrap()).sum()
    });
    assert_eq!(ended, 250);
    assert_eq!(bench.app.count("sessions", "WHERE end_reason = 'absolute_timeout'"), 250);
    bench.app.assert_sound();
}
