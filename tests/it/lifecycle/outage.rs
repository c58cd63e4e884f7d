//! The database is away: nobody is let in, nobody is signed out, nothing hangs, and service resumes by itself.

use std::{
    io::Write,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use diesel::{Connection, PgConnection, SqliteConnection, connection::SimpleConnection};
use keyrack::clock::Clock;

use crate::support::{Answer, Browser, CLOCK_START, Cluster, EngineKind, PASSWORD, TestApp, TestDatabase};

const EMAIL: &str = "rajat.verma@example.com";

/// A server as it runs by default: an operation has 900 ms.
fn server(database: &TestDatabase) -> TestApp {
    TestApp::over(database, Clock::fixed(CLOCK_START), |config| {
        config.database.timeout = Duration::from_millis(900);
    })
}

fn is_away(answer: &Answer) -> bool {
    answer.status == 503 && answer.header("retry-after").is_some() && answer.set_cookies().is_empty()
}

/// What must hold while nothing can be read: 503 for who has a cookie, the sign-in form for everybody, and no sign-in.
fn assert_away(app: &TestApp, browser: &mut Browser, token: &str) {
    let before = browser.cookies.clone();
    let started = Instant::now();
    for path in ["/api/session", "/account/sessions"] {
        let answer = browser.get(path);
        assert!(is_away(&answer), "{path}: {} {}", answer.status, answer.body);
    }
    println!("two answers 503 in {:?}", started.elapsed());
    assert_eq!(browser.cookies, before, "no cookie is touched");
    // Signing in over a session: its form was opened before.
    let again = browser.post("/login", &[("email", EMAIL), ("password", PASSWORD), ("csrf_token", token)]);
    assert_eq!(again.status, 503, "{}", again.body);
    let mut stranger = app.browser();
    assert_eq!(stranger.get("/login").status, 200);
    let refused = stranger.sign_in(EMAIL, PASSWORD);
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.body.contains(EMAIL), "what was typed is kept");
    assert!(!stranger.cookies.contains_key("keyrack.sid"));
    assert_eq!(app.browser().get("/healthz").status, 200);
    assert_eq!(app.browser().get("/readyz").status, 503);
}

/// Waits for service to resume, without any help.
fn assert_back(app: &TestApp, browsers: &mut [Browser]) {
    let started = Instant::now();
    while app.browser().get("/readyz").status != 200 {
        assert!(started.elapsed() < Duration::from_secs(60), "the server does not come back");
    }
    println!("back after {:?}", started.elapsed());
    for browser in browsers {
        assert!(browser.is_signed_in(), "nobody was signed out");
    }
    assert!(app.signed_in(EMAIL).is_signed_in());
}

/// Requests go on while the database goes away: each is answered, with what it asked for or with 503.
fn under_load(browsers: &[Browser], what: impl FnOnce()) {
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
                        assert!(answer.status == 200 || is_away(&answer), "{} {}", answer.status, answer.body);
                    }
                    (slowest, answers)
                })
            })
            .collect();
        // Also if it panics: the scope waits for the clients.
        let stop = SetOnDrop(done);
        what();
        drop(stop);
        let joined = clients.into_iter().map(|client| client.join().unwrap());
        joined.fold((Duration::ZERO, 0), |all, one| (all.0.max(one.0), all.1 + one.1))
    });
    println!("{answers} answers, the slowest after {slowest:?}");
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A server of the test's own with four signed-in browsers, unless PostgreSQL is not installed.
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
fn a_postgresql_that_stops_under_load_comes_back_with_everybody_signed_in() {
    let Some((cluster, database, app, mut browsers)) = postgres() else { return };
    let token = browsers[0].get("/account/sessions").csrf_token();
    under_load(&browsers.clone(), || {
        cluster.stop_immediately();
        assert_away(&app, &mut browsers[0], &token);
        cluster.start_again();
        assert_back(&app, &mut browsers);
    });
    assert_eq!(database.count("sessions", "WHERE status = 'logged_out'"), 0);
}

#[test]
fn a_postgresql_that_is_frozen_leaves_nothing_hanging() {
    let Some((cluster, _database, app, mut browsers)) = postgres() else { return };
    let token = browsers[0].get("/account/sessions").csrf_token();
    under_load(&browsers.clone(), || {
        cluster.pause();
        assert_away(&app, &mut browsers[0], &token);
        cluster.resume();
        assert_back(&app, &mut browsers);
    });
}

#[test]
fn restarts_one_after_the_other_sign_nobody_out() {
    let Some((cluster, _database, app, mut browsers)) = postgres() else { return };
    under_load(&browsers.clone(), || {
        for _ in 0..3 {
            cluster.stop_immediately();
            cluster.start_again();
            assert_back(&app, &mut browsers);
        }
    });
}

#[test]
fn a_pool_that_is_used_up_answers_and_recovers() {
    let Some((_cluster, database, app, mut browsers)) = postgres() else { return };
    let mut other = PgConnection::establish(database.url()).unwrap();
    other.batch_execute("BEGIN; LOCK TABLE sessions, users IN ACCESS EXCLUSIVE MODE").unwrap();
    under_load(&browsers.clone(), || {
        for _ in 0..3 {
            assert!(is_away(&browsers[0].get("/api/session")));
        }
    });
    other.batch_execute("ROLLBACK").unwrap();
    assert_back(&app, &mut browsers);
}

#[test]
fn a_sqlite_file_that_another_process_holds_is_an_outage_and_no_sign_out() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let app = server(&database);
    app.add_user(EMAIL);
    let mut browsers = vec![app.signed_in(EMAIL)];

    // A writer: reading goes on, signing in does not.
    let mut other = SqliteConnection::establish(database.url().strip_prefix("sqlite:").unwrap()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    assert!(browsers[0].is_signed_in());
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 503);
    let refused = browsers[0].post_from("/account/sessions", "/logout", &[]);
    assert!(is_away(&refused), "an end that could not be written is not acknowledged: {}", refused.status);
    other.batch_execute("ROLLBACK").unwrap();
    assert_back(&app, &mut browsers);
}

/// Unmounts with the value.
struct Mounted<'a>(&'a std::path::Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0).status().unwrap();
    }
}

#[test]
fn a_full_disk_is_an_outage_for_what_writes_and_for_nothing_else() {
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

    let filler = folder.path().join("filler");
    let _ = std::fs::write(&filler, vec![0_u8; 4 << 20]);
    // What is left of the log's last page may hold one more sign-in, not twenty.
    let statuses: Vec<u16> = (0..20).map(|_| app.browser().sign_in(EMAIL, PASSWORD).status).collect();
    assert!(statuses.ends_with(&[503, 503, 503]), "{statuses:?}");
    assert!(browsers[0].is_signed_in(), "reading goes on");
    std::fs::remove_file(&filler).unwrap();
    assert_back(&app, &mut browsers);
    let report = crate::support::wait(app.keyrack.sessions().doctor(false)).unwrap();
    assert!(report.is_sound(), "{report:?}");
}
