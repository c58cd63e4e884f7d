//! `GET /healthz` and `GET /readyz`

use std::time::Duration;

use super::snapshot::assert_snapshot;
use crate::support::{CLOCK_START, EngineKind, Program, TestApp, TestDatabase, on_both_engines, wait_until};

use keyrack::clock::Clock;

on_both_engines!(
    health_checks_are_logged_at_debug,
    healthz_and_readyz_return_200_while_running,
    readyz_returns_503_if_database_is_not_migrated,
    readyz_returns_503_until_database_is_back,
);

fn healthz_and_readyz_return_200_while_running(engine: EngineKind) {
    let app = TestApp::new(engine);
    for (path, body, snapshot) in [("/healthz", "ok\n", "healthz"), ("/readyz", "ready\n", "readyz")] {
        let answer = app.browser().get(path);
        assert_eq!((answer.status, answer.body.as_str()), (200, body));
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.set_cookies().is_empty());
        assert_snapshot(snapshot, &answer);
    }
}

fn health_checks_are_logged_at_debug(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let serving = Program::new(&database).serve();
    for path in ["/healthz", "/readyz", "/nowhere"] {
        serving.browser().get(path);
    }
    database.execute("DROP TABLE __diesel_schema_migrations");
    assert_eq!(serving.browser().get("/readyz").status, 503);
    let log = serving.stop().err;
    let logged = |path: &str| log.lines().filter(|line| line.contains(&format!("\"path\":\"{path}\""))).count();
    assert_eq!(
        (logged("/healthz"), logged("/readyz"), logged("/nowhere")),
        (0, 1, 1),
        "a failed check is logged: {log}"
    );
    let database = TestDatabase::new(engine);
    let serving = Program::new(&database).with("KEYRACK_LOG", "debug").serve();
    assert_eq!(serving.browser().get("/healthz").status, 200);
    assert!(serving.stop().err.contains("\"path\":\"/healthz\""));
}

fn readyz_returns_503_if_database_is_not_migrated(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let app = TestApp::over(&database, Clock::fixed(CLOCK_START), |_| ());
    database.execute(
        "DELETE FROM __diesel_schema_migrations WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)",
    );
    let answer = app.browser().get("/readyz");
    assert_eq!((answer.status, answer.body.as_str()), (503, "the database is not migrated to this version\n"));
    assert_snapshot("readyz-not-migrated", &answer);
    database.execute("DROP TABLE __diesel_schema_migrations");
    let answer = app.browser().get("/readyz");
    assert_eq!((answer.status, answer.body.as_str()), (503, "the database is not migrated to this version\n"));
    assert_eq!(app.browser().get("/healthz").status, 200);
}

fn readyz_returns_503_until_database_is_back(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let app = TestApp::over(&database, Clock::fixed(CLOCK_START), |config| {
        config.database.timeout = Duration::from_millis(500);
    });
    database.take_offline();
    let mut browser = app.browser();
    let answer = browser.get("/readyz");
    assert_eq!((answer.status, answer.body.as_str()), (503, "the database is not available\n"));
    assert_snapshot("readyz-outage", &answer);
    assert_eq!(browser.get("/healthz").status, 200);
    database.bring_online();
    wait_until(|| browser.get("/readyz").status == 200);
}
