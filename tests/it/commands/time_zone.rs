//! What every command does before it works on a PostgreSQL database: a look at its time zone.

use crate::support::{Cluster, EngineKind, Finished, Program, TestDatabase};

/// All that read or write times.
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
fn a_zone_that_only_we_ask_for_is_refused_with_what_to_do() {
    let Some(database) = database(None) else { return };
    let url = with_options(&database, "Europe/Berlin");
    for (variable, value) in
        [("PGTZ", "Europe/Berlin"), ("PGOPTIONS", "-c timezone=Europe/Berlin"), ("DATABASE_URL", url.as_str())]
    {
        for command in COMMANDS {
            let refused = Program::new(&database).with(variable, value).run(command);
            refused.assert_refused(2, &["are in Europe/Berlin", "others' in UTC", "unset PGTZ", "prune"]);
        }
    }
}

#[test]
fn a_zone_that_others_have_as_well_may_be_asked_for() {
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
    // The zone of the server, where nothing else is said, and not the one of the machine that Keyrack runs on.
    Program::new(&in_utc).with("TZ", "Europe/Berlin").done(&["doctor"]);
    Program::new(&in_berlin)
        .with("PGTZ", "UTC")
        .run(&["doctor"])
        .assert_refused(2, &["are in UTC", "others' in Europe/Berlin"]);
}

fn log_of(finished: &Finished) -> Vec<String> {
    finished.err.lines().map(str::to_owned).filter(|line| line.contains("\"level\"")).collect()
}

#[test]
fn clocks_that_change_are_mentioned_once_and_utc_is_not() {
    for (zone, mentioned) in [(None, false), (Some("Asia/Tokyo"), false), (Some("Europe/Berlin"), true)] {
        let Some(database) = database(zone) else { return };
        for command in [&["doctor"][..], &["migrate"], &["adopt", "--dry-run"]] {
            let finished = Program::new(&database).run(command);
            assert_eq!(finished.status, 0, "{finished:?}");
            let log = log_of(&finished);
            assert_eq!(log.len(), usize::from(mentioned), "{zone:?} {command:?} {log:?}");
            assert!(log.iter().all(|line| line.contains("INFO") && line.contains("whose clocks change")), "{log:?}");
        }
        let mut serving = Program::new(&database).serve();
        serving.terminate();
        assert_eq!(serving.wait().err.contains("whose clocks change"), mentioned);
    }
}

#[test]
fn a_role_with_another_zone_is_named_in_a_warning() {
    let Some(database) = database(None) else { return };
    let (peer, reader) =
        (format!("keyrack_peer_{}", std::process::id()), format!("keyrack_reader2_{}", std::process::id()));
    database.execute(&format!("CREATE ROLE {peer} LOGIN; CREATE ROLE {reader} LOGIN"));
    alter(&database, &format!("ROLE {peer} IN DATABASE current_database"), "SET timezone = 'America/New_York'");
    alter(&database, &format!("ROLE {reader} IN DATABASE current_database"), "SET timezone = 'Etc/UTC'");
    let finished = Program::new(&database).run(&["doctor"]);
    database.execute(&format!("DROP ROLE {peer}, {reader}"));
    assert_eq!((finished.status, finished.out.as_str()), (0, "Every rule is kept.\n"), "{finished:?}");
    let log = log_of(&finished);
    assert_eq!(log.len(), 1, "{log:?}");
    for part in ["WARN", &peer, "America/New_York", "and Keyrack UTC", "prune"] {
        assert!(log[0].contains(part), "{part:?} is not in {log:?}");
    }
}

#[test]
fn a_zone_of_our_own_role_is_named_in_a_warning_unless_the_database_has_it_too() {
    let Some(cluster) = Cluster::start() else { return };
    let database = cluster.database();
    database.execute("ALTER ROLE postgres SET timezone = 'Asia/Tokyo'");
    let finished = Program::new(&database).run(&["doctor"]);
    assert_eq!(finished.status, 0, "{finished:?}");
    let log = log_of(&finished);
    assert_eq!(log.len(), 1, "{log:?}");
    for part in ["WARN", "role postgres has the time zone Asia/Tokyo", "ALTER DATABASE"] {
        assert!(log[0].contains(part), "{part:?} is not in {log:?}");
    }
    // It is asked for on the way of a peer with the same role; that of another role can't be told.
    Program::new(&database).with("PGTZ", "UTC").run(&["doctor"]).assert_refused(2, &["others' in Asia/Tokyo"]);
    alter(&database, "DATABASE current_database", "SET timezone = 'Asia/Tokyo'");
    assert_eq!(Program::new(&database).run(&["doctor"]).err, "");
    // Of two settings of one role, the one for this database counts.
    alter(&database, "ROLE postgres IN DATABASE current_database", "SET timezone = 'UTC'");
    assert_eq!(log_of(&Program::new(&database).run(&["doctor"])).len(), 1);
}
