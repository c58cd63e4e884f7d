//! While the database is down, no request is let in, no session ends, nothing hangs; then service resumes by itself.

use std::{
    io::Write,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use diesel::{Connection, PgConnection, SqliteConnection, connection::SimpleConnection};
use keyrack::clock::Clock;

use super::SetOnDrop;
use crate::support::{Answer, Browser, CLOCK_START, Cluster, EngineKind, PASSWORD, TestApp, TestDatabase, wait_until};

const EMAIL: &str = "rajat.verma@example.com";

/// A server with the default database timeout, which is shorter than that of other tests.
fn server(database: &TestDatabase) -> TestApp {
    TestApp::over(database, Clock::fixed(CLOCK_START), |config| {
        config.database.timeout = Duration::from_millis(900);
    })
}

fn is_unavailable(answer: &Answer) -> bool {
    answer.status == 503 && answer.header("retry-after").is_some() && answer.set_cookies().is_empty()
}

/// Asserts what holds while nothing can be read: requests with a cookie get 503, the sign-in form is shown, signing in
/// gets 503.
fn assert_unavailable(app: &TestApp, browser: &mut Browser, token: &str) {
    let before = browser.cookies.clone();
    let started = Instant::now();
    for path in ["/api/session", "/account/sessions"] {
        let answer = browser.get(path);
        assert!(is_unavailable(&answer), "{path}: {} {}", answer.status, answer.body);
    }
    println!("two answers 503 in {:?}", started.elapsed());
    assert_eq!(browser.cookies, before, "no cookie is touched");
    // Signing in over a session; its form was opened before the outage.
    let again = browser.post("/login", &[("email", EMAIL), ("password", PASSWORD), ("csrf_token", token)]);
    assert_eq!(again.status, 503, "{}", again.body);
    let mut stranger = app.browser();
    assert_eq!(stranger.get("/login").status, 200);
    let refused = stranger.sign_in(EMAIL, PASSWORD);
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.body.contains(EMAIL), "the form keeps the email address");
    assert!(!stranger.cookies.contains_key("keyrack.sid"));
    assert_eq!(app.browser().get("/healthz").status, 200);
    assert_eq!(app.browser().get("/readyz").status, 503);
}

/// Waits until service resumes by itself, and asserts that all browsers are still signed in.
fn assert_recovers(app: &TestApp, browsers: &mut [Browser]) {
    let started = Instant::now();
    assert_eq!(once_available(|| app.browser().get("/readyz").status), 200);
    println!("recovered after {:?}", started.elapsed());
    for browser in browsers {
        for path in ["/api/session", "/account/sessions"] {
            assert_eq!(once_available(|| browser.get(path).status), 200, "the session outlives the outage: {path}");
        }
    }
    assert_eq!(once_available(|| app.browser().sign_in(EMAIL, PASSWORD).status), 303);
}

/// Sends a request until its status is not 503, and returns that status. On a crowded machine, an answer may take longer
/// than the server waits for the database also after an outage.
fn once_available(mut request: impl FnMut() -> u16) -> u16 {
    let mut status = 503;
    wait_until(|| {
        status = request();
        status != 503
    });
    status
}

/// Runs `outage` while browsers send requests, each of which must be answered with 200 or with 503.
fn under_load(browsers: &[Browser], outage: impl FnOnce()) {
    let done = &AtomicBool::new(false);
    let (slowest, answers) = thread::scope(|scope| {
        let clients: Vec<_> = browsers
            .iter()
            .cloned()
            .map(|mut browser| {
                scope.spawn(move || {
                    let (mut slowest, mut answers) = (Duration::ZERO, 0_u32);
                    while !done.load(Ordering::SeqCst) {
                        let started = Instant::now();
                        let answer = browser.get("/api/session");
                        slowest = slowest.max(started.elapsed());
                        answers += 1;
                        assert!(answer.status == 200 || is_unavailable(&answer), "{} {}", answer.status, answer.body);
                    }
                    (slowest, answers)
                })
            })
            .collect();
        let stop = SetOnDrop(done);
        outage();
        drop(stop);
        let joined = clients.into_iter().map(|client| client.join().unwrap());
        joined.fold((Duration::ZERO, 0), |all, one| (all.0.max(one.0), all.1 + one.1))
    });
    println!("{answers} answers, the slowest after {slowest:?}");
}

/// A PostgreSQL server for this test alone, and Keyrack with four signed-in browsers; `None` without PostgreSQL.
fn postgres() -> Option<(Cluster, TestDatabase, TestApp, Vec<Browser>)> {
    if !EngineKind::Postgres.is_available() {
        return None;
    }
    let cluster = Cluster::start()?;
    let database = cluster.database();
    let app = server(&database);
    app.add_user(EMAIL);
    let browsers = (0..4).map(|_| app.signed_in(EMAIL)).collect();
    Some((cluster, database, app, browsers))
}

#[test]
fn users_stay_signed_in_when_postgres_restarts_under_load() {
    let Some((cluster, database, app, mut browsers)) = postgres() else { return };
    let token = browsers[0].get("/account/sessions").csrf_token();
    under_load(&browsers.clone(), || {
        cluster.stop_immediately();
        assert_unavailable(&app, &mut browsers[0], &token);
        cluster.start_again();
        assert_recovers(&app, &mut browsers);
    });
    assert_eq!(database.count("sessions", "WHERE status = 'logged_out'"), 0);
}

#[test]
fn frozen_postgres_leaves_no_request_hanging() {
    let Some((cluster, _database, app, mut browsers)) = postgres() else { return };
    let token = browsers[0].get("/account/sessions").csrf_token();
    under_load(&browsers.clone(), || {
        cluster.pause();
        assert_unavailable(&app, &mut browsers[0], &token);
        cluster.resume();
        assert_recovers(&app, &mut browsers);
    });
}

#[test]
fn users_stay_signed_in_over_repeated_restarts() {
    let Some((cluster, _database, app, mut browsers)) = postgres() else { return };
    under_load(&browsers.clone(), || {
        for _ in 0..3 {
            cluster.stop_immediately();
            cluster.start_again();
            assert_recovers(&app, &mut browsers);
        }
    });
}

#[test]
fn exhausted_pool_returns_503_and_recovers() {
    let Some((_cluster, database, app, mut browsers)) = postgres() else { return };
    let mut other = PgConnection::establish(database.url()).unwrap();
    other.batch_execute("BEGIN; LOCK TABLE sessions, users IN ACCESS EXCLUSIVE MODE").unwrap();
    under_load(&browsers.clone(), || {
        for _ in 0..3 {
            assert!(is_unavailable(&browsers[0].get("/api/session")));
        }
    });
    other.batch_execute("ROLLBACK").unwrap();
    assert_recovers(&app, &mut browsers);
}

#[test]
fn locked_sqlite_file_fails_writes_and_ends_no_session() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let app = server(&database);
    app.add_user(EMAIL);
    let mut browsers = vec![app.signed_in(EMAIL)];

    // The other process writes: reads work, signing in fails.
    let mut other = SqliteConnection::establish(database.url().strip_prefix("sqlite:").unwrap()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    assert!(browsers[0].is_signed_in());
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 503);
    let refused = browsers[0].post_from("/account/sessions", "/logout", &[]);
    assert!(is_unavailable(&refused), "an end that could not be written is not acknowledged: {}", refused.status);
    other.batch_execute("ROLLBACK").unwrap();
    assert_recovers(&app, &mut browsers);
}

/// A mounted folder, unmounted when the value is dropped.
struct Mounted<'a>(&'a std::path::Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0).status().unwrap();
    }
}

#[test]
fn full_disk_fails_writes_only() {
    let folder = tempfile::tempdir().unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "keyrack-test"]).arg(folder.path()).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        // Not by eprintln!, which the test harness hides when the test passes.
        let _ = writeln!(std::io::stderr(), "FULL DISK NOT TESTED: mounting a small tmpfs needs root");
        return;
    }
    let _mounted = Mounted(folder.path());
    let database = TestDatabase::at(&folder.path().join("keyrack.db"));
    let app = server(&database);
    app.add_user(EMAIL);
    let mut browsers = vec![app.signed_in(EMAIL)];

    assert_eq!(app.browser().get("/readyz").status, 200);

    let filler = folder.path().join("filler");
    let _ = std::fs::write(&filler, vec![0_u8; 4 << 20]);
    // The last write that succeeded counts for a second. The check itself must not use up what is left.
    wait_until(|| app.browser().get("/readyz").status == 503);
    assert_eq!(app.browser().get("/healthz").status, 200);
    // The rest of the WAL's last page may hold one more sign-in, but not twenty.
    let statuses: Vec<u16> = (0..20).map(|_| app.browser().sign_in(EMAIL, PASSWORD).status).collect();
    assert!(statuses.ends_with(&[503, 503, 503]), "{statuses:?}");
    assert!(browsers[0].is_signed_in(), "reads work");
    assert_eq!(app.browser().get("/readyz").status, 503);
    std::fs::remove_file(&filler).unwrap();
    wait_until(|| app.browser().get("/readyz").status == 200);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name.to_str().unwrap().starts_with("keyrack.")), "{left:?}");
    assert_recovers(&app, &mut browsers);
    let report = crate::support::wait(app.keyrack.sessions().doctor(false)).unwrap();
    assert!(report.is_sound(), "{report:?}");
}
