//! Connections that are lost, silent hosts, read-only servers: what a server does without a restart. PostgreSQL only.

use std::{net::TcpListener, thread, time::Duration};

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::{clock::Clock, db::Journal};

use crate::support::{
    Browser, CLOCK_START, EngineKind, PASSWORD, Pooler, Program, Relay, TestApp, TestDatabase, wait_until,
};

const EMAIL: &str = "rajat.verma@example.com";
const WAITING_FOR_LOCK: &str = "WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// A server over a database of its own, with the default timeout, which is shorter than that of other tests.
fn postgres() -> Option<(TestDatabase, TestApp)> {
    if !EngineKind::Postgres.is_available() {
        return None;
    }
    let database = TestDatabase::new(EngineKind::Postgres);
    let app = TestApp::over(&database, Clock::fixed(CLOCK_START), |config| {
        config.database.requires_writable = true;
        // Fails only if something waits for a lost connection.
        config.database.timeout = Duration::from_secs(10);
    });
    app.add_user(EMAIL);
    Some((database, app))
}

/// Uses every kind of connection, several of each.
fn use_all_connections(app: &TestApp, browser: &Browser) {
    thread::scope(|scope| {
        for _ in 0..4 {
            let mut browser = browser.clone();
            scope.spawn(move || {
                assert!(browser.is_signed_in());
                assert_eq!(browser.get("/account/sessions?show=ended").status, 200);
            });
            scope.spawn(|| app.signed_in(EMAIL).sign_out());
        }
    });
    assert_eq!(app.browser().get("/readyz").status, 200);
}

/// Each operation, as the first one after all connections were lost.
fn assert_survives(app: &TestApp, browser: &mut Browser, lose_connections: impl Fn()) {
    let mut other = app.signed_in(EMAIL);
    let token = browser.get("/account/sessions").csrf_token();
    let id = other.session_id();
    let path = format!("/account/sessions/{id}/revoke");
    for step in ["readyz", "check", "list", "history", "revoke", "sign in", "sign out", "purge"] {
        use_all_connections(app, browser);
        lose_connections();
        match step {
            "readyz" => assert_eq!(app.browser().get("/readyz").status, 200),
            "check" => assert!(browser.is_signed_in()),
            "list" => assert_eq!(browser.get("/account/sessions").status, 200),
            "history" => assert_eq!(browser.get("/account/sessions?show=ended").status, 200),
            "revoke" => assert_eq!(browser.post(&path, &[("csrf_token", &token)]).status, 303),
            "sign in" => assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303),
            "sign out" => {
                let mut leaving = app.signed_in(EMAIL);
                lose_connections();
                let answer = leaving.post_from("/account/sessions", "/logout", &[]);
                assert_eq!(answer.status, 303);
            }
            _ => assert_eq!(crate::support::wait(app.keyrack.sessions().purge(|_| ())).unwrap().ended, 0),
        }
    }
    assert!(!other.is_signed_in());
    app.assert_sound();
}

#[test]
fn lost_connections_are_replaced_without_an_error() {
    let Some((database, app)) = postgres() else { return };
    let mut browser = app.signed_in(EMAIL);
    assert_survives(&app, &mut browser, || {
        database.cut_connections("application_name = 'keyrack'");
    });
}

#[test]
fn idle_session_timeout_of_the_server_causes_no_error() {
    let Some((database, _)) = postgres() else { return };
    let name = database.text("SELECT current_database() AS v");
    // PostgreSQL 13 has no such setting.
    if database.try_execute(&format!("ALTER DATABASE {name} SET idle_session_timeout = '200ms'")).is_err() {
        return;
    }
    let app = TestApp::over(&database, Clock::fixed(CLOCK_START), |_| ());
    let mut browser = app.signed_in(EMAIL);
    let idle = "WHERE datname = current_database() AND application_name = 'keyrack'";
    assert_survives(&app, &mut browser, || wait_until(|| database.count("pg_stat_activity", idle) == 0));
}

#[test]
fn lost_connections_behind_a_pooler_are_replaced() {
    let Some(pooler) = Pooler::start() else { return };
    let (database, direct) = pooler.databases();
    let app = TestApp::over(&database, Clock::fixed(CLOCK_START), |_| ());
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    for _ in 0..3 {
        use_all_connections(&app, &browser);
        direct.cut_connections("backend_type = 'client backend'");
        wait_until(|| app.browser().get("/readyz").status == 200);
        assert!(browser.is_signed_in());
    }
}

/// A port that accepts connections and never answers.
fn silent_port() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// The database's URL with another host before its own.
fn with_first_host(url: &str, host: &str) -> String {
    let (credentials, rest) = url.split_once('@').unwrap();
    format!("{credentials}@{host},{rest}")
}

#[test]
fn silent_first_host_delays_no_start_and_no_sign_in() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let database = TestDatabase::new(EngineKind::Postgres);
    let (_listener, port) = silent_port();
    let both = TestDatabase::at_url(&with_first_host(database.url(), &format!("127.0.0.1:{port}")));
    let program = Program::new(&both);
    program.add_user(EMAIL);
    let serving = program.serve();
    let mut browser = serving.signed_in(EMAIL);
    assert!(browser.is_signed_in());
    assert_eq!(serving.browser().get("/readyz").status, 200);
    browser.sign_out();
    assert_eq!(serving.stop().status, 0);
}

/// A relay to the database's server, and the database behind it.
fn relayed(database: &TestDatabase) -> (Relay, TestDatabase) {
    let (address, name) = database.url().rsplit_once('/').unwrap();
    let (host, port) = address.rsplit_once(':').unwrap();
    let relay = Relay::start(port.parse().unwrap());
    let relayed = TestDatabase::at_url(&format!("{host}:{}/{name}", relay.port()));
    (relay, relayed)
}

/// Every connection of the pool hangs: something between Keyrack and the server keeps them open, and no answer comes. The
/// network acknowledges all probes, so libpq would wait for ever.
#[test]
fn service_resumes_after_every_connection_hung() {
    const POOL: u32 = 10;
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let database = TestDatabase::new(EngineKind::Postgres);
    let (relay, relayed) = relayed(&database);
    let app = TestApp::over(&relayed, Clock::fixed(CLOCK_START), |config| {
        config.database.timeout = Duration::from_secs(2);
        config.database.pool_size = POOL;
    });
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let mut other = PgConnection::establish(database.url()).unwrap();
    for _ in 0..2 {
        other.batch_execute("BEGIN; LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE").unwrap();
        thread::scope(|scope| {
            for _ in 0..POOL {
                scope.spawn(|| assert_eq!(app.browser().get("/readyz").status, 503));
            }
            wait_until(|| database.count("pg_stat_activity", WAITING_FOR_LOCK) >= POOL as usize);
            relay.fall_silent();
        });
        other.batch_execute("ROLLBACK").unwrap();
        for path in ["/readyz", "/api/session", "/account/sessions", "/account/sessions?show=ended"] {
            assert_eq!(browser.get(path).status, 503, "{path}");
        }
        assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 503);
        relay.answer_new_connections();
        wait_until(|| app.browser().get("/readyz").status == 200);
        wait_until(|| browser.get("/api/session").status == 200);
        wait_until(|| app.browser().sign_in(EMAIL, PASSWORD).status == 303);
        assert_eq!(browser.get("/account/sessions?show=ended").status, 200);
        relay.close_connections();
    }
    assert_eq!(database.count("sessions", "WHERE status = 'logged_out'"), 0);
}

#[test]
fn database_that_becomes_read_only_is_left_at_once() {
    let Some((database, app)) = postgres() else { return };
    let mut browser = app.signed_in(EMAIL);
    use_all_connections(&app, &browser);
    let name = database.text("SELECT current_database() AS v");
    database.execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    database.cut_connections("true");
    let quick = TestApp::over(&database, Clock::fixed(CLOCK_START), |config| {
        config.database.requires_writable = true;
        config.database.timeout = Duration::from_millis(900);
    });
    let mut there = browser.at(quick.address);
    for path in ["/api/session", "/account/sessions", "/readyz"] {
        assert_eq!(there.get(path).status, 503, "{path}");
    }
    assert_eq!(quick.browser().sign_in(EMAIL, PASSWORD).status, 503);
    let refused = Program::new(&database).run(&["serve"]);
    refused.assert_refused(1, &["read-only", "name the primary"]);
    database.execute(&format!("BEGIN READ WRITE; ALTER DATABASE {name} RESET default_transaction_read_only; COMMIT"));
    wait_until(|| quick.browser().get("/readyz").status == 200);
    wait_until(|| there.get("/api/session").status == 200);
    assert!(browser.is_signed_in());
}

#[test]
fn readyz_returns_503_without_the_right_to_write() {
    let Some((database, app)) = postgres() else { return };
    let role = format!("{}_reader", database.text("SELECT current_database() AS v"));
    let schema = database.schema();
    database.execute(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role};
         GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}"
    ));
    let (_, rest) = database.url().split_once('@').unwrap();
    let reader = TestDatabase::at_url(&format!("postgres://{role}@{rest}"));
    let limited = TestApp::over(&reader, Clock::fixed(CLOCK_START), |_| ());
    let mut there = app.signed_in(EMAIL).at(limited.address);
    assert_eq!(there.get("/api/session").status, 200);
    assert_eq!(there.get("/readyz").status, 503);
    Program::new(&reader).run(&["serve"]).assert_refused(1, &["cannot write to the database", "the right to change"]);
    drop(limited);
    database.execute(&format!("DROP OWNED BY {role}"));
}

/// With the row locks that Keyrack takes, a stricter isolation level only makes transactions fail.
#[test]
fn stricter_default_isolation_causes_no_error() {
    for level in ["serializable", "repeatable read"] {
        let Some((database, _)) = postgres() else { return };
        let name = database.text("SELECT current_database() AS v");
        database.execute(&format!("ALTER DATABASE {name} SET default_transaction_isolation = '{level}'"));
        database.execute(
            "CREATE TABLE levels (level text);
             CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN INSERT INTO levels VALUES (current_setting('transaction_isolation')); RETURN NULL; END $$;
             CREATE TRIGGER note AFTER INSERT OR UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION note()",
        );
        let app = TestApp::over(&database, Clock::fixed(CLOCK_START), |_| ());
        let browser = app.signed_in(EMAIL);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    for _ in 0..4 {
                        app.signed_in(EMAIL).sign_out();
                        assert!(browser.clone().is_signed_in());
                    }
                });
            }
        });
        assert_eq!(database.texts("SELECT DISTINCT level AS v FROM levels"), ["read committed"], "{level}");
        app.assert_sound();
    }
}

#[test]
fn purge_is_refused_if_the_clock_is_wrong() {
    let Some((database, _)) = postgres() else { return };
    let day = 25 * 3600 * 1_000_000_i64;
    let right = TestApp::over(&database, Clock::System, |_| ());
    let mut browser = right.signed_in(EMAIL);
    for (error, part) in [(day, "1day 1h ahead of"), (-day, "1day 1h behind"), (90_000_000, "1m 30s ahead of")] {
        let app = TestApp::over(&database, Clock::Shifted(error), |_| ());
        let purged = crate::support::wait(app.keyrack.sessions().purge_step()).unwrap_err().to_string();
        assert!(purged.contains("nothing was purged") && purged.contains(part), "{purged}");
        let problem = crate::support::wait(app.keyrack.sessions().clock_problem()).unwrap().unwrap();
        assert!(problem.contains(part), "{problem}");
    }
    let seconds = TestApp::over(&database, Clock::Shifted(-20_000_000), |_| ());
    assert!(crate::support::wait(seconds.keyrack.sessions().clock_problem()).unwrap().is_some());
    crate::support::wait(seconds.keyrack.sessions().purge_step()).unwrap();
    assert_eq!(crate::support::wait(right.keyrack.sessions().clock_problem()).unwrap(), None);
    assert!(browser.is_signed_in(), "it lives");
    assert_eq!(database.count("sessions", "WHERE status = 'active'"), 1);
}

/// The thread that watches the journal of ends has one connection. While the history changes, every lookup waits for it.
#[test]
fn service_resumes_after_the_watcher_of_the_journal_hung() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let database = TestDatabase::new(EngineKind::Postgres);
    let (relay, relayed) = relayed(&database);
    let app = TestApp::over(&relayed, Clock::System, |config| {
        config.database.timeout = Duration::from_secs(2);
        config.database.journal = Some(Journal::open(database.folder().join("test.ends")).unwrap());
    });
    app.add_user(EMAIL);
    let (mut browser, ended) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    wait_until(|| database.count("keyrack_instances", "") == 1);
    relay.fall_silent();
    relay.answer_new_connections();
    // The watcher writes its row once per second, unless it hangs.
    wait_until(|| database.count("keyrack_instances", "WHERE seen_at < clock_timestamp() - interval '2 seconds'") == 1);
    // Other files, as after a restore.
    database.execute("VACUUM FULL sessions");
    wait_until(|| browser.get("/api/session").status == 200);
    wait_until(|| {
        ended.clone().try_post_from("/account/sessions", "/logout", &[]).is_some_and(|done| done.status == 303)
    });
    assert_eq!(ended.clone().get("/api/session").status, 401);
    database.execute("VACUUM FULL sessions");
    wait_until(|| browser.get("/api/session").status == 200);
    // What was taken for hung comes back to life, and must not get in the way.
    relay.close_connections();
    wait_until(|| browser.get("/api/session").status == 200);
    assert_eq!(database.count("sessions", "WHERE status = 'active'"), 1);
}
