//! `/healthz` and `/readyz`

use std::time::Duration;

use crate::support::{CLOCK_START, EngineKind, TestApp, TestDatabase, on_both_engines, wait_until};

use keyrack::clock::Clock;

on_both_engines!(
    a_running_server_is_alive_and_ready,
    a_database_that_is_not_migrated_is_not_ready,
    a_database_that_is_away_is_not_ready_until_it_is_back,
);

fn a_running_server_is_alive_and_ready(engine: EngineKind) {
    let app = TestApp::new(engine);
    for (path, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = app.browser().get(path);
        assert_eq!((answer.status, answer.body.as_str()), (200, body));
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.set_cookies().is_empty());
    }
}

fn a_database_that_is_not_migrated_is_not_ready(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let app = TestApp::over(&database, Clock::fixed(CLOCK_START), |_| ());
    database.execute(
        "DELETE FROM __diesel_schema_migrations WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)",
    );
    let answer = app.browser().get("/readyz");
    assert_eq!((answer.status, answer.body.as_str()), (503, "the database is not migrated to this version\n"));
    database.execute("DROP TABLE __diesel_schema_migrations");
    let answer = app.browser().get("/readyz");
    assert_eq!((answer.status, answer.body.as_str()), (503, "the database is not migrated to this version\n"));
    assert_eq!(app.browser().get("/healthz").status, 200);
}

fn a_database_that_is_away_is_not_ready_until_it_is_back(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let app = TestApp::over(&database, Clock::fixed(CLOCK_START), |config| {
        config.database.timeout = Duration::from_millis(500);
    });
    database.take_offline();
    let mut browser = app.browser();
    let answer = browser.get("/readyz");
    assert_eq!((answer.status, answer.body.as_str()), (503, "the database is not available\n"));
    assert_eq!(browser.get("/healthz").status, 200);
    database.bring_online();
    wait_until(|| browser.get("/readyz").status == 200);
}
