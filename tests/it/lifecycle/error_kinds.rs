//! Errors of a PostgreSQL server whose messages are translated: they cost a connection at most, never the service.

use std::time::Duration;

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::clock::Clock;

use crate::support::{Browser, CLOCK_START, Cluster, EngineKind, PASSWORD, TestApp, TestDatabase, wait_until};

const EMAIL: &str = "rajat.verma@example.com";

/// Runs `check` with English messages, and with German ones.
fn in_both_languages(check: impl Fn(&TestDatabase)) {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    check(&TestDatabase::new(EngineKind::Postgres));
    if let Some(cluster) = Cluster::start_in_german() {
        check(&cluster.database());
    }
}

fn server(database: &TestDatabase, timeout: Duration) -> (TestApp, Browser) {
    let app = TestApp::over(database, Clock::fixed(CLOCK_START), |config| config.database.timeout = timeout);
    app.add_user(EMAIL);
    let browser = app.signed_in(EMAIL);
    (app, browser)
}

/// Asserts that every kind of request works.
fn assert_works(app: &TestApp, browser: &mut Browser) {
    assert_eq!(browser.get("/api/session").status, 200);
    assert_eq!(browser.get("/account/sessions").status, 200);
    assert_eq!(browser.get("/account/sessions?show=ended").status, 200);
    assert_eq!(app.browser().get("/readyz").status, 200);
    let mut other = app.signed_in(EMAIL);
    assert!(other.is_signed_in());
    other.sign_out();
}

/// PostgreSQL refuses statements that were prepared when a column had another type.
#[test]
fn altered_columns_cause_no_error() {
    in_both_languages(|database| {
        let (app, mut browser) = server(database, Duration::from_secs(20));
        for alter in [
            "users ALTER user_name TYPE text",
            "users ALTER email TYPE varchar(300)",
            "sessions ALTER user_agent TYPE varchar(1000)",
            "sessions ALTER ip_address TYPE varchar(60)",
            "user_sessions ALTER sid TYPE varchar(500)",
        ] {
            assert_works(&app, &mut browser);
            if database.try_execute(&format!("ALTER TABLE {alter}")).is_ok() {
                assert_works(&app, &mut browser);
            }
        }
    });
}

/// Locks the tables on which every operation depends.
fn lock(database: &TestDatabase) -> PgConnection {
    let mut other = PgConnection::establish(database.url()).unwrap();
    other.batch_execute("BEGIN; LOCK TABLE sessions, users IN ACCESS EXCLUSIVE MODE").unwrap();
    other
}

#[test]
fn timeouts_of_the_role_return_503_and_leave_no_damage() {
    in_both_languages(|database| {
        let name = database.text("SELECT current_database() AS v");
        for setting in ["statement_timeout = '200ms'", "lock_timeout = '200ms'"] {
            database.execute(&format!("ALTER DATABASE {name} SET {setting}"));
            let (app, mut browser) = server(database, Duration::from_secs(20));
            let token = browser.get("/account/sessions").csrf_token();
            let mut other = lock(database);
            for path in ["/api/session", "/account/sessions", "/account/sessions?show=ended"] {
                let answer = browser.get(path);
                assert_eq!((answer.status, answer.set_cookies()), (503, vec![]), "{setting}: {path}");
            }
            let answer = browser.post("/logout", &[("csrf_token", &token)]);
            assert_eq!((answer.status, answer.set_cookies()), (503, vec![]), "{setting}");
            assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 503, "{setting}");
            other.batch_execute("ROLLBACK").unwrap();
            assert_works(&app, &mut browser);
            database.execute(&format!("ALTER DATABASE {name} RESET {}", setting.split(' ').next().unwrap()));
            database
                .execute("DELETE FROM user_sessions; UPDATE sessions SET status = 'logged_out'; DELETE FROM sessions");
            database.execute("DELETE FROM users");
        }
    });
}

#[test]
fn idle_in_transaction_timeout_leaves_no_damage() {
    in_both_languages(|database| {
        let name = database.text("SELECT current_database() AS v");
        database.execute(&format!("ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '1ms'"));
        let app = TestApp::over(database, Clock::fixed(CLOCK_START), |_| ());
        wait_until(|| {
            // A transaction that pauses longer than a millisecond between two statements is ended: 503.
            let status = app.browser().sign_in(EMAIL, PASSWORD).status;
            assert!(matches!(status, 303 | 401 | 503), "{status}");
            status != 503
        });
        database.execute(&format!("ALTER DATABASE {name} RESET idle_in_transaction_session_timeout"));
        app.add_user(EMAIL);
        wait_until(|| app.browser().sign_in(EMAIL, PASSWORD).status == 303);
    });
}

/// The server ends one of two transactions that wait for each other. It runs again.
#[test]
fn deadlock_is_retried() {
    in_both_languages(|database| {
        let (app, mut browser) = server(database, Duration::from_secs(20));
        let (sid, id) = (browser.sid(), browser.session_id());
        let name = database.text("SELECT current_database() AS v");
        // The other one waits so long before it looks for a deadlock that it is never the one that is ended.
        let mut other = PgConnection::establish(database.url()).unwrap();
        other.batch_execute("SET deadlock_timeout = '60s'").unwrap();
        database.execute(&format!("ALTER DATABASE {name} SET deadlock_timeout = '10ms'"));
        let app = TestApp::over(database, Clock::fixed(app.clock.now()), |_| ());
        other.batch_execute(&format!("BEGIN; UPDATE user_sessions SET sess = sess WHERE sid = '{sid}'")).unwrap();
        std::thread::scope(|scope| {
            let mut leaving = browser.at(app.address);
            let leaving = scope.spawn(move || leaving.post_from("/account/sessions", "/logout", &[]).status);
            database.wait_until_blocked("%");
            other.batch_execute(&format!("UPDATE sessions SET user_agent = 'x' WHERE id = '{id}'; COMMIT")).unwrap();
            assert_eq!(leaving.join().unwrap(), 303);
        });
        assert!(!browser.is_signed_in());
        app.assert_sound();
    });
}
