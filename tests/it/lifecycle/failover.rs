//! A failover to a standby that lagged: what had ended stays ended, on every instance.
//!
//! `KEYRACK_FAILOVER_ROUNDS` sets the number of rounds; `scripts/failover` runs a hundred.

use std::time::Instant;

use keyrack::{clock::Clock, db::Journal};

use crate::support::{Browser, PASSWORD, ReplicatedPair, TestApp, TestDatabase, wait, wait_until};

const EMAIL: &str = "rajat.verma@example.com";

/// The answers of a check that were given while servers changed.
#[derive(Default)]
struct Checks {
    unavailable: usize,
}

impl Checks {
    /// Checks a cookie at an instance, also one that a browser has given up, until there is an answer; returns its
    /// status.
    fn check(&mut self, browser: &Browser, app: &TestApp) -> u16 {
        let mut status = 503;
        wait_until(|| {
            let answer = browser.at(app.address).get("/api/session");
            assert!(answer.status != 503 || answer.set_cookies().is_empty());
            status = answer.status;
            self.unavailable += usize::from(status == 503);
            status != 503
        });
        status
    }
}

/// An instance with a journal of its own.
fn instance(database: &TestDatabase, journal: &str) -> TestApp {
    let path = database.folder().join(journal);
    TestApp::over(database, Clock::System, |config| {
        config.database.timeout = std::time::Duration::from_millis(900);
        config.database.journal = Some(Journal::open(path).unwrap());
    })
}

fn rounds() -> usize {
    std::env::var("KEYRACK_FAILOVER_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap())
}

/// Ends sessions in every way on both instances; returns the browsers whose sessions have ended, and one that is alive.
fn end_sessions(
    primary: &TestDatabase,
    database: &TestDatabase,
    one: &TestApp,
    two: &TestApp,
    sessions: Vec<Browser>,
) -> (Vec<Browser>, Browser) {
    let [signed_out, mut revoked, elsewhere, mut by_sql, mut alive] = sessions.try_into().ok().unwrap();
    let revoked_id = revoked.session_id();
    let by_sql_id = by_sql.session_id();
    assert_eq!(signed_out.clone().sign_out().status, 303);
    let path = format!("/account/sessions/{revoked_id}/revoke");
    assert_eq!(alive.post_from("/account/sessions", &path, &[]).status, 303);
    assert_eq!(elsewhere.at(two.address).sign_out().status, 303);
    primary.execute(&format!("UPDATE sessions SET status = 'logged_out' WHERE id = '{by_sql_id}'"));
    // The end by plain SQL is no answer of an instance: it is promised once an instance has seen it.
    let seen = |journal| std::fs::read_to_string(journal).unwrap().contains(&by_sql_id);
    wait_until(|| seen(database.folder().join("two.ends")));
    assert!(revoked.at(one.address).get("/api/session").status == 401);
    (vec![signed_out, revoked, elsewhere, by_sql], alive)
}

#[test]
fn ended_sessions_stay_ended_after_failover_to_lagging_standby() {
    let Some(mut pair) = ReplicatedPair::start() else { return };
    let database = pair.database();
    let (one, two) = (instance(&database, "one.ends"), instance(&database, "two.ends"));
    one.add_user(EMAIL);
    let (mut checked, mut unavailable, started) = (0, 0, Instant::now());
    for round in 0..rounds() {
        let sessions: Vec<Browser> = (0..5).map(|_| one.signed_in(EMAIL)).collect();
        pair.wait_for_standby();
        pair.cut_stream();
        let (ended, alive) = end_sessions(&pair.primary(), &database, &one, &two, sessions);
        pair.kill_primary();
        pair.promote();
        let ids: Vec<&TestApp> = if round % 2 == 0 { vec![&one, &two] } else { vec![&two, &one] };
        let mut checks = Checks::default();
        for browser in &ended {
            for app in &ids {
                assert_eq!(checks.check(browser, app), 401, "round {round}: an ended session is alive");
                checked += 1;
            }
        }
        for app in &ids {
            assert_eq!(checks.check(&alive, app), 200);
        }
        unavailable += checks.unavailable;
        pair.rebuild_standby();
    }
    println!(
        "{} failovers, {checked} checks of ended sessions, 0 alive, {unavailable} answers 503, {:?} per round",
        rounds(),
        started.elapsed() / u32::try_from(rounds()).unwrap()
    );
}

/// The instances keep their connections to the former primary, which answers reads for as long as it lives.
#[test]
fn former_primary_that_became_read_only_is_left() {
    let Some(mut pair) = ReplicatedPair::start() else { return };
    let database = pair.database();
    let (one, two) = (instance(&database, "one.ends"), instance(&database, "two.ends"));
    one.add_user(EMAIL);
    for _ in 0..rounds() {
        let ended: Vec<Browser> = (0..3).map(|_| one.signed_in(EMAIL)).collect();
        let alive = two.signed_in(EMAIL);
        for browser in &ended {
            assert!(browser.at(two.address).is_signed_in());
        }
        pair.wait_for_standby();
        let former = pair.primary();
        former.execute("ALTER SYSTEM SET default_transaction_read_only = on");
        former.execute("SELECT pg_reload_conf()");
        pair.promote();
        let mut checks = Checks::default();
        assert_eq!(checks.check(&alive, &two), 200);
        for browser in &ended {
            wait_until(|| {
                let answer = browser.clone().try_post_from("/account/sessions", "/logout", &[]);
                answer.is_some_and(|answer| answer.status == 303)
            });
        }
        for browser in &ended {
            for app in [&one, &two] {
                assert_eq!(checks.check(browser, app), 401);
            }
        }
        let mut new = two.browser();
        wait_until(|| new.sign_in(EMAIL, PASSWORD).status == 303);
        assert_eq!(checks.check(&new, &one), 200);
        assert_eq!(checks.check(&alive, &one), 200);
        pair.rebuild_standby();
    }
}

#[test]
fn write_without_required_synchronous_standby_is_refused() {
    let Some(pair) = ReplicatedPair::start() else { return };
    let database = pair.database();
    instance(&database, "one.ends").add_user(EMAIL);
    let app = TestApp::over(&database, Clock::System, |config| {
        config.database.requires_synchronous_standby = true;
    });
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 503, "synchronous_standby_names is empty");
    assert_eq!(database.count("sessions", ""), 0);
    pair.make_synchronous();
    let mut browser = app.signed_in(EMAIL);
    wait_until(|| pair.standby().count("sessions", "WHERE status = 'active'") == 1);
    let replication = wait(app.keyrack.sessions().doctor(false)).unwrap().replication.unwrap();
    assert_eq!((replication.is_required, replication.synchronous_standbys), (true, 1));
    let id = browser.session_id();
    pair.stop_standby();
    assert_eq!(browser.sign_out().status, 503, "no standby is connected");
    assert_eq!(pair.primary().count("sessions", "WHERE status = 'active'"), 1, "nothing was written");
    assert!(browser.is_signed_in());
    pair.start_standby_again();
    assert_eq!(browser.sign_out().status, 303);
    let status = format!("SELECT status AS v FROM sessions WHERE id = '{id}'");
    wait_until(|| pair.standby().text(&status) == "logged_out");
}
