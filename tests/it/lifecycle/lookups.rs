//! Lookups that are done together: each caller gets their own answer, none gets an older one, and whatever breaks mends itself.

use std::{
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use keyrack::{
    accounts::{AuthenticatedUser, AuthenticationResult, Password},
    clock::Clock,
};
use tokio::task::JoinSet;

use crate::support::{
    Browser, CLOCK_START, Cluster, EngineKind, PASSWORD, TestApp, TestDatabase, on_both_engines, wait, wait_until,
};

on_both_engines!(
    many_requests_at_once_get_each_their_own_session,
    sign_ins_at_once_find_each_their_own_user,
    an_acknowledged_end_holds_on_the_other_instance_under_a_flood_of_lookups,
);

const EMAIL: &str = "rajat.verma@example.com";
const OTHER: &str = "asha.verma@example.com";

fn many_requests_at_once_get_each_their_own_session(engine: EngineKind) {
    let app = TestApp::new(engine);
    for email in [EMAIL, OTHER] {
        app.add_user(email);
    }
    thread::scope(|scope| {
        for number in 0..40 {
            let email = if number % 2 == 0 { EMAIL } else { OTHER };
            let mut browser = app.signed_in(email);
            let id = browser.session_id();
            let mut ended = app.signed_in(email);
            let copy = ended.clone();
            ended.sign_out();
            scope.spawn(move || {
                let mut ended = copy;
                for _ in 0..25 {
                    let answer = browser.get("/api/session").json();
                    assert_eq!(
                        (&answer["session"]["id"], &answer["user"]["email"]),
                        (&id.as_str().into(), &email.into())
                    );
                    assert_eq!(ended.get("/api/session").status, 401);
                }
            });
        }
    });
}

fn an_acknowledged_end_holds_on_the_other_instance_under_a_flood_of_lookups(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let clock = Clock::fixed(CLOCK_START);
    let (one, two) = (TestApp::over(&database, clock.clone(), |_| ()), TestApp::over(&database, clock, |_| ()));
    one.add_user(EMAIL);
    let signed_in = one.signed_in(EMAIL);
    let done = &AtomicBool::new(false);
    thread::scope(|scope| {
        for number in 0..24 {
            let mut browser = signed_in.at(if number % 2 == 0 { one.address } else { two.address });
            scope.spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    assert_eq!(browser.get("/api/session").status, 200);
                }
            });
        }
        let _stop = SetOnDrop(done);
        for _ in 0..12 {
            let mut here = one.signed_in(EMAIL);
            let mut there = here.at(two.address);
            let mut copy = here.clone();
            assert_eq!(there.get("/api/session").status, 200);
            assert_eq!(here.sign_out().status, 303);
            assert_eq!(there.get("/api/session").status, 401, "on the instance that did not hear of it");
            assert_eq!(copy.get("/api/session").status, 401);
        }
    });
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn sign_ins_at_once_find_each_their_own_user(engine: EngineKind) {
    let app = TestApp::new(engine);
    let ids: Vec<_> = (0..8).map(|number| app.add_user(&format!("user{number}@example.com"))).collect();
    app.execute("UPDATE users SET email = 'User3@Example.com' WHERE email = 'user3@example.com'");
    let found = wait(async {
        let mut asking = JoinSet::new();
        for place in 0..96 {
            let accounts = app.keyrack.accounts().clone();
            let number = place * 7 % 12;
            let email =
                if place % 2 == 0 { format!("user{number}@example.com") } else { format!("USER{number}@Example.COM") };
            let password = Password::new(if place < 90 { PASSWORD } else { "of somebody else's" });
            asking.spawn(async move { (place, accounts.authenticate(&email, password, None).await.unwrap()) });
        }
        asking.join_all().await
    });
    assert_eq!(found.len(), 96);
    for (place, outcome) in found {
        let expected = ids.get(place * 7 % 12).filter(|_| place < 90);
        match outcome {
            AuthenticationResult::Accepted(AuthenticatedUser { user, .. }) => {
                assert_eq!(Some(&user.id), expected, "{place}");
            }
            other => assert_eq!((other, expected), (AuthenticationResult::Rejected, None), "{place}"),
        }
    }
}

/// The server processes that look such a thing up.
fn looking_up(what: &str) -> String {
    format!("datname = current_database() AND query LIKE 'SELECT batch.slot%{what} = batch.key%'")
}

const SESSION: &str = "\"sid\"";
const LIST: &str = "\"user_id\"";
const USER: &str = "lower(%)";

#[test]
fn a_lookup_whose_connection_was_cut_is_answered_all_the_same() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let app = TestApp::new(EngineKind::Postgres);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    for _ in 0..5 {
        assert_eq!(browser.get("/account/sessions").status, 200);
        for what in [SESSION, LIST, USER] {
            let which = looking_up(what);
            let cut = app.texts(&format!(
                "SELECT pg_terminate_backend(pid, 10000)::text AS v FROM pg_stat_activity WHERE {which}"
            ));
            assert_eq!(cut, ["true"], "one connection is enough for one browser: {what}");
        }
        app.signed_in(EMAIL);
    }
    assert_eq!(browser.get("/api/session").status, 200);
}

/// Lets a process go on with the value.
struct Stopped(String);

impl Stopped {
    fn new(process: String) -> Self {
        assert!(Command::new("kill").args(["-STOP", &process]).status().unwrap().success());
        Self(process)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-CONT", &self.0]).status();
    }
}

#[test]
fn a_connection_that_hangs_fails_its_own_lookups_and_no_others() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let Some(cluster) = Cluster::start() else { return };
    let database = cluster.database();
    let app = TestApp::over(&database, Clock::fixed(CLOCK_START), |config| {
        config.database.timeout = Duration::from_secs(2);
    });
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    assert_eq!(browser.get("/api/session").status, 200);
    assert_eq!(browser.get("/account/sessions").status, 200);
    let stop = |what| {
        let which = looking_up(what);
        Stopped::new(database.text(&format!("SELECT pid::text AS v FROM pg_stat_activity WHERE {which}")))
    };
    let stopped = stop(SESSION);
    assert_eq!(browser.get("/api/session").status, 503);
    for _ in 0..20 {
        assert_eq!(browser.get("/api/session").status, 200, "others go another way");
    }
    drop(stopped);
    assert!(browser.is_signed_in());

    let stopped = stop(LIST);
    let page = browser.get("/account/sessions");
    assert!(page.status == 503 && page.set_cookies().is_empty(), "no page without the devices: {}", page.body);
    assert_eq!(browser.get("/api/session").status, 200);
    for _ in 0..20 {
        assert_eq!(browser.get("/account/sessions").status, 200);
    }
    drop(stopped);

    let stopped = stop(USER);
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 503);
    assert_eq!(browser.get("/account/sessions").status, 200);
    for _ in 0..5 {
        assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303);
    }
    drop(stopped);
}

#[test]
fn a_sqlite_file_that_nobody_may_read_makes_requests_wait_and_then_says_so() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let first = TestApp::over(&database, Clock::fixed(CLOCK_START), |_| ());
    first.add_user(EMAIL);
    let browser = first.signed_in(EMAIL);
    first.stop();
    let mut other = SqliteConnection::establish(database.url().strip_prefix("sqlite:").unwrap()).unwrap();
    other.batch_execute("PRAGMA locking_mode = EXCLUSIVE").unwrap();
    wait_until(|| other.batch_execute("BEGIN EXCLUSIVE").is_ok());

    let patient = TestApp::over(&database, Clock::fixed(CLOCK_START), |_| ());
    let impatient = TestApp::over(&database, Clock::fixed(CLOCK_START), |config| {
        config.database.timeout = Duration::from_millis(500);
    });
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let mut browser = browser.at(patient.address);
                scope.spawn(move || browser.get("/api/session").status)
            })
            .collect();
        let mut refused: Browser = browser.at(impatient.address);
        assert_eq!(refused.get("/api/session").status, 503);
        // No worker waits: those that have a lookup to do answer others meanwhile.
        for _ in 0..4 {
            assert_eq!(patient.browser().get("/healthz").status, 200);
        }
        assert!(waiting.iter().all(|request| !request.is_finished()));
        other.batch_execute("COMMIT").unwrap();
        drop(other);
        for request in waiting {
            assert_eq!(request.join().unwrap(), 200);
        }
        assert_eq!(refused.get("/api/session").status, 200);
    });
}
