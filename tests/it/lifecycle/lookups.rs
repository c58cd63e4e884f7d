//! Batched lookups: each caller gets its own and current result, and a broken connection is replaced.

use std::{
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

use super::SetOnDrop;
use crate::support::{
    Browser, CLOCK_START, Cluster, EngineKind, PASSWORD, Stopped, TestApp, TestDatabase, on_both_engines, wait,
    wait_until,
};

on_both_engines!(
    concurrent_requests_each_get_their_own_session,
    concurrent_sign_ins_each_find_their_own_user,
    acknowledged_end_holds_on_other_instance_under_load,
);

const EMAIL: &str = "rajat.verma@example.com";
const OTHER: &str = "asha.verma@example.com";

fn concurrent_requests_each_get_their_own_session(engine: EngineKind) {
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

fn acknowledged_end_holds_on_other_instance_under_load(engine: EngineKind) {
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
            assert_eq!(there.get("/api/session").status, 401, "on the instance that did not handle the sign-out");
            assert_eq!(copy.get("/api/session").status, 401);
        }
    });
}

fn concurrent_sign_ins_each_find_their_own_user(engine: EngineKind) {
    let app = TestApp::new(engine);
    let ids: Vec<_> = (0..8).map(|number| app.add_user(&format!("user{number}@example.com"))).collect();
    app.execute("UPDATE users SET email = 'User3@Example.com' WHERE email = 'user3@example.com'");
    let found = wait(async {
        let mut attempts = JoinSet::new();
        for place in 0..96 {
            let accounts = app.keyrack.accounts().clone();
            let number = place * 7 % 12;
            let email =
                if place % 2 == 0 { format!("user{number}@example.com") } else { format!("USER{number}@Example.COM") };
            let password = Password::new(if place < 90 { PASSWORD } else { "a wrong password" });
            attempts.spawn(async move { (place, accounts.authenticate(&email, password, None).await.unwrap()) });
        }
        attempts.join_all().await
    });
    assert_eq!(found.len(), 96);
    for (place, outcome) in found {
        let expected = ids.get(place * 7 % 12).filter(|_| place < 90);
        match outcome {
            AuthenticationResult::Accepted(AuthenticatedUser { user, .. }) => {
                assert_eq!(Some(&user.id), expected, "{place}");
            }
            // Eight failures in a row may already be delayed.
            AuthenticationResult::Rejected | AuthenticationResult::Throttled { .. } => {
                assert_eq!(None, expected, "{place}");
            }
            AuthenticationResult::StrangersLocked { .. } | AuthenticationResult::UsedUp { .. } => panic!("{place}"),
        }
    }
}

/// A condition for the PostgreSQL processes that run batched lookups by this key.
fn runs_lookup_by(key: &str) -> String {
    format!("datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'SELECT %.slot%{key}%'")
}

const BY_SID: &str = "\"sid\" = batch.key";
const BY_USER: &str = "\"user_id\" = batch.key";
const BY_EMAIL: &str = "lower(%) = ANY";

#[test]
fn lookup_succeeds_after_its_connection_was_cut() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let app = TestApp::new(EngineKind::Postgres);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    for _ in 0..5 {
        assert_eq!(browser.get("/account/sessions").status, 200);
        for key in [BY_SID, BY_USER, BY_EMAIL] {
            let cut = app.cut_connections(&runs_lookup_by(key));
            assert_eq!(cut, 1, "one connection is enough for one browser: {key}");
        }
        app.signed_in(EMAIL);
    }
    assert_eq!(browser.get("/api/session").status, 200);
}

#[test]
fn hung_connection_fails_its_own_lookups_only() {
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
    let stop = |key| {
        let condition = runs_lookup_by(key);
        Stopped::new(database.text(&format!("SELECT pid::text AS v FROM pg_stat_activity WHERE {condition}")))
    };
    let stopped = stop(BY_SID);
    assert_eq!(browser.get("/api/session").status, 503);
    for _ in 0..20 {
        assert_eq!(browser.get("/api/session").status, 200, "other lookups use another connection");
    }
    drop(stopped);
    assert!(browser.is_signed_in());

    let stopped = stop(BY_USER);
    let page = browser.get("/account/sessions");
    assert!(page.status == 503 && page.set_cookies().is_empty(), "no page without the devices: {}", page.body);
    assert_eq!(browser.get("/api/session").status, 200);
    for _ in 0..20 {
        assert_eq!(browser.get("/account/sessions").status, 200);
    }
    drop(stopped);

    let stopped = stop(BY_EMAIL);
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 503);
    assert_eq!(browser.get("/account/sessions").status, 200);
    for _ in 0..5 {
        assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303);
    }
    drop(stopped);
}

#[test]
fn locked_sqlite_file_delays_lookups_until_their_timeout() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let first = TestApp::over(&database, Clock::fixed(CLOCK_START), |_| ());
    first.add_user(EMAIL);
    let browser = first.signed_in(EMAIL);
    first.stop();
    let mut other = SqliteConnection::establish(database.url().strip_prefix("sqlite:").unwrap()).unwrap();
    other.batch_execute("PRAGMA locking_mode = EXCLUSIVE").unwrap();
    wait_until(|| other.batch_execute("BEGIN EXCLUSIVE").is_ok());

    let long_timeout = TestApp::over(&database, Clock::fixed(CLOCK_START), |_| ());
    let short_timeout = TestApp::over(&database, Clock::fixed(CLOCK_START), |config| {
        config.database.timeout = Duration::from_millis(500);
    });
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let mut browser = browser.at(long_timeout.address);
                scope.spawn(move || browser.get("/api/session").status)
            })
            .collect();
        let mut refused: Browser = browser.at(short_timeout.address);
        assert_eq!(refused.get("/api/session").status, 503);
        // Workers do not block: while lookups wait, other requests are answered.
        for _ in 0..4 {
            assert_eq!(long_timeout.browser().get("/healthz").status, 200);
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
