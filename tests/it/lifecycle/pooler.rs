//! `PgBouncer` in transaction mode in front of PostgreSQL: each transaction may run on another server connection.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use diesel::{Connection, PgConnection, RunQueryDsl, connection::SimpleConnection, sql_types::Text};
use keyrack::clock::{Clock, Timestamp};

use crate::support::{Browser, CLOCK_START, EmbeddedApp, EngineKind, Pooler, Program, TestApp, TestDatabase, wait};

const EMAIL: &str = "rajat.verma@example.com";

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    v: String,
}

/// The results of a query of other clients on both server connections that Keyrack has used. Each client holds one
/// connection until the other has the second.
fn query_as_other_clients(pooler: &Pooler, query: &str) -> Vec<String> {
    let mut clients: Vec<_> = (0..2).map(|_| PgConnection::establish(&pooler.url()).unwrap()).collect();
    for client in &mut clients {
        client.batch_execute("BEGIN").unwrap();
    }
    clients
        .iter_mut()
        .flat_map(|client| diesel::sql_query(query).load::<Row>(client).unwrap())
        .map(|row| row.v)
        .collect()
}

fn assert_no_session_state(pooler: &Pooler) {
    let prepared = query_as_other_clients(pooler, "SELECT count(*)::text AS v FROM pg_prepared_statements");
    assert_eq!(prepared, ["0", "0"], "no prepared statement is left for other clients");
    let locks = query_as_other_clients(pooler, "SELECT count(*)::text AS v FROM pg_locks WHERE locktype = 'advisory'");
    assert_eq!(locks, ["0", "0"]);
    let set = query_as_other_clients(
        pooler,
        "SELECT coalesce(string_agg(name, ' '), '') AS v FROM pg_settings
         WHERE source = 'session' AND name NOT IN ('application_name', 'TimeZone', 'client_encoding')",
    );
    assert_eq!(set, ["", ""], "only what PgBouncer itself tracks is set");
}

#[test]
fn concurrent_migrations_run_once_and_leave_no_session_state() {
    let Some(pooler) = Pooler::start() else { return };
    let (database, direct) = pooler.blank();
    direct.execute("ALTER DATABASE postgres SET statement_timeout = '60s'");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| Program::new(&database).done(&["migrate"]));
        }
    });
    let migrations = crate::schema::migrate::folders(EngineKind::Postgres).len();
    assert_eq!(direct.count("__diesel_schema_migrations", ""), migrations);
    assert_no_session_state(&pooler);
    Program::new(&database).add_user(EMAIL);
    Program::new(&database).serve().signed_in(EMAIL);
    Program::new(&database).done(&["doctor"]);
    Program::new(&database).done(&["purge"]);
    assert!(Program::new(&database).done(&["session", "list"]).contains(EMAIL));
    Program::new(&database).done(&["session", "revoke-all", "--everyone"]);
    assert_eq!(direct.count("user_sessions", ""), 0);
    assert_no_session_state(&pooler);
}

#[test]
fn express_import_through_pooler_is_refused_with_advice() {
    let Some(pooler) = Pooler::start() else { return };
    let (database, direct) = pooler.blank();
    direct.execute(crate::schema::parity::CONNECT_PG_SIMPLE_TABLE);
    let refused = Program::new(&database).run(&["migrate"]);
    refused.assert_refused(
        1,
        &["cannot import the tables", "a pooler in between", "DATABASE_URL that bypasses the pooler"],
    );
    assert_eq!(direct.count("pg_class", "WHERE relname IN ('sessions', 'users')"), 0);
    assert_no_session_state(&pooler);
    Program::new(&direct).done(&["migrate"]);
    Program::new(&database).done(&["migrate"]);
    Program::new(&database).done(&["doctor"]);
}

/// Uses two instances with one browser: what one instance has done holds on the other.
fn use_both_instances(one: &TestApp, two: &TestApp, own: &EmbeddedApp, n: usize) {
    let email = format!("user{n}@example.com");
    one.add_user(&email);
    for round in 0..4 {
        let mut here = one.signed_in(&email);
        let mut there = here.at(two.address);
        assert!(there.is_signed_in());
        assert_eq!(here.session_id(), there.session_id());
        let mut app = here.at(own.address);
        assert_eq!(app.post(&format!("/app/set/round/{round}"), &[]).status, 200);
        assert_eq!(app.get("/app/data").json()["keys"]["round"], round.to_string());
        assert_eq!(app.post("/app/renew", &[]).status, 200);
        assert!(!here.is_signed_in(), "its sid was replaced");
        let mut other = two.signed_in(&email);
        let id = app.session_id();
        let path = format!("/account/sessions/{id}/revoke");
        assert_eq!(other.post_from("/account/sessions", &path, &[]).status, 303);
        assert!(!app.is_signed_in());
        let mut copy = other.at(one.address);
        assert_eq!(copy.get("/api/session").json()["user"]["email"], email.as_str());
        other.sign_out();
        assert!(!copy.is_signed_in());
    }
}

#[test]
fn instances_on_shared_connections_do_not_interfere() {
    let Some(pooler) = Pooler::start() else { return };
    let (database, direct) = pooler.databases();
    // The default would let an acknowledged end be lost in a crash.
    direct.execute(
        "ALTER DATABASE postgres SET synchronous_commit = off;
         CREATE TABLE commits (synchronous text);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO commits VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
         CREATE TRIGGER note AFTER INSERT OR UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION note();",
    );
    direct.cut_connections("true");
    let clock = Clock::fixed(CLOCK_START);
    let (one, two) = (TestApp::over(&database, clock.clone(), |_| ()), TestApp::over(&database, clock.clone(), |_| ()));
    let own = EmbeddedApp::new(&one.keyrack);
    thread::scope(|scope| {
        for n in 0..8 {
            let (one, two, own) = (&one, &two, &own);
            scope.spawn(move || use_both_instances(one, two, own, n));
        }
    });
    clock.advance(Duration::from_secs(61));
    let mut last = one.signed_in("user0@example.com");
    clock.advance(Duration::from_secs(61));
    assert!(last.is_signed_in());
    one.record_activity();
    clock.advance(Duration::from_secs(100 * 24 * 3600));
    let purged = wait(two.keyrack.sessions().purge(|_| ())).unwrap();
    assert_eq!((purged.ended, purged.history_removed), (1, 65));
    one.assert_sound();
    assert_eq!(direct.texts("SELECT DISTINCT synchronous AS v FROM commits"), ["on"]);
    assert_no_session_state(&pooler);
    let others = query_as_other_clients(&pooler, "SELECT current_setting('synchronous_commit') AS v");
    assert_eq!(others, ["off", "off"], "other clients keep their setting");
}

#[test]
fn postgres_restart_behind_pooler_keeps_users_signed_in() {
    let Some(pooler) = Pooler::start() else { return };
    let (database, direct) = pooler.databases();
    let app = TestApp::over(&database, Clock::fixed(CLOCK_START), |config| {
        config.database.timeout = Duration::from_millis(900);
    });
    app.add_user(EMAIL);
    let mut browsers: Vec<Browser> = (0..4).map(|_| app.signed_in(EMAIL)).collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for browser in &mut browsers {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let answer = browser.get("/api/session");
                    let is_unavailable = answer.status == 503 && answer.set_cookies().is_empty();
                    assert!(answer.status == 200 || is_unavailable, "{} {}", answer.status, answer.body);
                }
            });
        }
        for _ in 0..2 {
            pooler.cluster().stop_immediately();
            let mut stranger = app.browser();
            assert_eq!(stranger.get("/login").status, 200);
            assert_eq!(stranger.sign_in(EMAIL, crate::support::PASSWORD).status, 503);
            assert_eq!(app.browser().get("/readyz").status, 503);
            pooler.cluster().start_again();
            let started = Instant::now();
            while app.browser().get("/readyz").status != 200 {
                assert!(started.elapsed() < Duration::from_secs(60), "the server does not recover");
            }
            println!("recovered after {:?}", started.elapsed());
        }
        done.store(true, Ordering::SeqCst);
    });
    for browser in &mut browsers {
        assert!(browser.is_signed_in());
    }
    assert_eq!(direct.count("sessions", "WHERE status = 'logged_out'"), 0);
}

/// Another client uses UTC on the same server connections.
#[test]
fn peer_reads_same_expiry_in_the_servers_time_zone() {
    let Some(pooler) = Pooler::start() else { return };
    pooler.cluster().alter_zone("Europe/Berlin");
    let (database, direct) = pooler.databases();
    let idle = Duration::from_secs(3600);
    let app = TestApp::over(&database, Clock::fixed(Clock::System.now()), |config| config.policy.timeouts.idle = idle);
    app.add_user(EMAIL);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut in_utc = PgConnection::establish(&pooler.url()).unwrap();
            while !done.load(Ordering::SeqCst) {
                let zone: Row =
                    diesel::sql_query("SELECT current_setting('TimeZone') AS v").get_result(&mut in_utc).unwrap();
                assert_eq!(zone.v, "UTC", "Keyrack does not change the zone of other clients");
            }
        });
        let mut browsers: Vec<Browser> = Vec::new();
        for _ in 0..10 {
            browsers.push(app.signed_in(EMAIL));
            let mut all = browsers.clone();
            thread::scope(|scope| {
                for browser in &mut all {
                    scope.spawn(|| assert!(browser.is_signed_in()));
                }
            });
            assert_eq!(expiries(&direct), vec![(app.clock.now() + idle).to_iso_micros(); browsers.len()]);
        }
        done.store(true, Ordering::SeqCst);
    });
    let zone = Program::new(&database).with("PGTZ", "Asia/Tokyo").run(&["doctor"]);
    assert!(zone.status == 0 && zone.err.contains("Europe/Berlin"), "PGTZ does not get through: {zone:?}");
    app.clock.advance(idle);
    assert_eq!(wait(app.keyrack.sessions().purge(|_| ())).unwrap().ended, 10);
}

/// When the sessions expire, as a peer reads it.
fn expiries(direct: &TestDatabase) -> Vec<String> {
    let texts = direct.texts(
        "SELECT to_char(expire AT TIME ZONE 'Europe/Berlin' AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS v
         FROM user_sessions",
    );
    texts.iter().map(|text| Timestamp::parse(text).unwrap().to_iso_micros()).collect()
}
