//! The check of the time zone that every command makes first on PostgreSQL.

use crate::support::{Cluster, EngineKind, Finished, Program, TestDatabase};

/// All commands that read or write times.
const COMMANDS: [&[&str]; 7] = [
    &["serve"],
    &["migrate"],
    &["doctor"],
    &["adopt", "--dry-run"],
    &["purge"],
    &["session", "list"],
    &["user", "list"],
];

fn database(zone: Option<&str>) -> Option<TestDatabase> {
    let database = EngineKind::Postgres.is_available().then(|| TestDatabase::new(EngineKind::Postgres))?;
    if let Some(zone) = zone {
        alter(&database, "DATABASE current_database", &format!("SET timezone = '{zone}'"));
    }
    Some(database)
}

/// `ALTER …` with the name of the database filled in.
fn alter(database: &TestDatabase, what: &str, how: &str) {
    let what = what.replace("current_database", "%1$I");
    let how = how.replace('\'', "''");
    database.execute(&format!("DO $$ BEGIN EXECUTE format('ALTER {what} {how}', current_database()); END $$"));
}

fn with_options(database: &TestDatabase, zone: &str) -> String {
    let separator = if database.url().contains('?') { '&' } else { '?' };
    format!("{}{separator}options=-c%20TimeZone%3D{zone}", database.url())
}

#[test]
fn time_zone_requested_only_by_keyrack_is_rejected() {
    let Some(database) = database(None) else { return };
    let url = with_options(&database, "Europe/Berlin");
    for (variable, value) in
        [("PGTZ", "Europe/Berlin"), ("PGOPTIONS", "-c timezone=Europe/Berlin"), ("DATABASE_URL", url.as_str())]
    {
        for command in COMMANDS {
            let refused = Program::new(&database).with(variable, value).run(command);
            refused.assert_refused(2, &["time zone Europe/Berlin", "peers use UTC", "unset PGTZ", "prune"]);
        }
    }
}

#[test]
fn requested_time_zone_equal_to_the_servers_is_accepted() {
    let Some(in_utc) = database(None) else { return };
    let Some(in_berlin) = database(Some("Europe/Berlin")) else { return };
    let url = with_options(&in_berlin, "Europe/Berlin");
    for (database, variable, value) in [
        (&in_utc, "PGTZ", "Etc/UTC"),
        (&in_berlin, "PGTZ", "Europe/Berlin"),
        (&in_berlin, "DATABASE_URL", url.as_str()),
    ] {
        Program::new(database).with(variable, value).done(&["doctor"]);
        Program::new(database).with(variable, value).serve();
    }
    // By default, PostgreSQL uses the server's zone and not that of the machine on which Keyrack runs.
    Program::new(&in_utc).with("TZ", "Europe/Berlin").done(&["doctor"]);
    Program::new(&in_berlin)
        .with("PGTZ", "UTC")
        .run(&["doctor"])
        .assert_refused(2, &["time zone UTC", "peers use Europe/Berlin"]);
}

fn log_of(finished: &Finished) -> Vec<String> {
    finished.err.lines().map(str::to_owned).filter(|line| line.contains("\"level\"")).collect()
}

#[test]
fn daylight_saving_time_is_logged_once() {
    for (zone, mentioned) in [(None, false), (Some("Asia/Tokyo"), false), (Some("Europe/Berlin"), true)] {
        let Some(database) = database(zone) else { return };
        for command in [&["doctor"][..], &["migrate"], &["adopt", "--dry-run"]] {
            let finished = Program::new(&database).run(command);
            assert_eq!(finished.status, 0, "{finished:?}");
            let log = log_of(&finished);
            assert_eq!(log.len(), usize::from(mentioned), "{zone:?} {command:?} {log:?}");
            assert!(log.iter().all(|line| line.contains("INFO") && line.contains("daylight saving time")), "{log:?}");
        }
        let mut serving = Program::new(&database).serve();
        serving.terminate();
        assert_eq!(serving.wait().err.contains("daylight saving time"), mentioned);
    }
}

#[test]
fn role_with_another_time_zone_is_warned_about() {
    let Some(database) = database(None) else { return };
    let (peer, reader) =
        (format!("keyrack_peer_{}", std::process::id()), format!("keyrack_reader2_{}", std::process::id()));
    database.execute(&format!("CREATE ROLE {peer} LOGIN; CREATE ROLE {reader} LOGIN"));
    alter(&database, &format!("ROLE {peer} IN DATABASE current_database"), "SET timezone = 'America/New_York'");
    alter(&database, &format!("ROLE {reader} IN DATABASE current_database"), "SET timezone = 'Etc/UTC'");
    let finished = Program::new(&database).run(&["doctor"]);
    database.execute(&format!("DROP ROLE {peer}, {reader}"));
    assert_eq!((finished.status, finished.out.as_str()), (0, "No problems found.\n"), "{finished:?}");
    let log = log_of(&finished);
    assert_eq!(log.len(), 1, "{log:?}");
    for part in ["WARN", &peer, "America/New_York", "Keyrack uses UTC", "prune"] {
        assert!(log[0].contains(part), "{part:?} is not in {log:?}");
    }
}

#[test]
fn time_zone_of_own_role_is_warned_about_unless_databases() {
    let Some(cluster) = Cluster::start() else { return };
    let database = cluster.database();
    database.execute("ALTER ROLE postgres SET timezone = 'Asia/Tokyo'");
    let finished = Program::new(&database).run(&["doctor"]);
    assert_eq!(finished.status, 0, "{finished:?}");
    let log = log_of(&finished);
    assert_eq!(log.len(), 1, "{log:?}");
    for part in ["WARN", "the time zone Asia/Tokyo for Keyrack's role postgres", "ALTER DATABASE"] {
        assert!(log[0].contains(part), "{part:?} is not in {log:?}");
    }
    // A peer with the same role gets the role's zone; the zones of other roles are unknown.
    Program::new(&database).with("PGTZ", "UTC").run(&["doctor"]).assert_refused(2, &["peers use Asia/Tokyo"]);
    alter(&database, "DATABASE current_database", "SET timezone = 'Asia/Tokyo'");
    assert!(log_of(&Program::new(&database).run(&["doctor"])).is_empty());
    // A role's setting for this database overrides its general one.
    alter(&database, "ROLE postgres IN DATABASE current_database", "SET timezone = 'UTC'");
    assert_eq!(log_of(&Program::new(&database).run(&["doctor"])).len(), 1);
}
