//! Importing while the application writes, and importing again after an interruption.

use std::{
    io::{BufRead, BufReader},
    process::Child,
};

use diesel::{Connection, PgConnection, connection::SimpleConnection};

use super::fixture::{
    NO_ABSOLUTE_EXPIRY, SESSIONS, USER, USERS, all_tables, database, import, insert_data, sess, sign_in,
};
use crate::{
    schema::parity::{CONNECT_PG_SIMPLE_TABLE, Description},
    support::{EngineKind, Finished, Program, TestDatabase, wait_until},
};

/// A database with 4000 sessions that Express has written.
fn four_thousand_sessions() -> Option<TestDatabase> {
    let users = USERS.replace("varchar(255) NOT NULL UNIQUE", "varchar(254) NOT NULL");
    let database = database(&[CONNECT_PG_SIMPLE_TABLE, &users, SESSIONS])?;
    let sess = sess(USER);
    database.execute(&format!(
        "INSERT INTO sessions (sid, user_id, status, expires_at)
             SELECT 'sid-' || n, '{USER}', CASE n % 3 WHEN 0 THEN 'logged_out' ELSE 'active' END, now() +
             interval '1 hour'
             FROM generate_series(1, 4000) n;
         INSERT INTO user_sessions SELECT sid, '{sess}', now() + interval '1 day' FROM sessions WHERE status = 'active'"
    ));
    Some(database)
}

fn assert_imported(database: &TestDatabase) {
    assert_eq!(Description::of(database), Description::of(&TestDatabase::new(EngineKind::Postgres)));
    assert_eq!(
        database.count("sessions", &format!("WHERE status = 'active' AND expires_at = '{NO_ABSOLUTE_EXPIRY}'")),
        2667
    );
    assert_eq!(database.count("sessions", "WHERE end_reason = 'signed_out' AND logged_out_at = updated_at"), 1333);
    assert_eq!(database.count("sessions", "WHERE last_seen_at <> updated_at"), 0);
    assert_eq!(database.count("user_sessions", ""), 2667);
    assert_eq!(Program::new(database).done(&["doctor"]), "No problems found.\n");
}

#[test]
fn concurrent_imports_run_once() {
    let Some(database) = four_thousand_sessions() else { return };
    let program = Program::new(&database);
    let children: Vec<Child> = (0..5).map(|_| program.start(&["migrate"])).collect();
    let finished: Vec<Finished> = children.into_iter().map(Finished::wait_for).collect();
    assert!(finished.iter().all(|finished| finished.status == 0), "{finished:#?}");
    let waited = finished.iter().filter(|finished| finished.out.ends_with("is up to date.\n")).count();
    assert_eq!(waited, 4, "{finished:#?}");
    assert_imported(&database);
}

#[test]
fn killed_import_continues_where_it_stopped() {
    let Some(database) = four_thousand_sessions() else { return };
    let program = Program::new(&database);
    let mut lines = 1;
    loop {
        let mut child = program.start(&["migrate"]);
        // It logs a line at each step.
        let seen = BufReader::new(child.stderr.take().unwrap()).lines().take(lines).count();
        if seen < lines {
            assert!(child.wait().unwrap().success());
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // The application goes on.
        database.execute(
            "UPDATE user_sessions SET expire = now() + interval '1 day' WHERE sid = 'sid-1';
             UPDATE sessions SET updated_at = updated_at WHERE sid = 'sid-1'",
        );
        lines += 1;
    }
    assert!(lines > 4, "killed {} times", lines - 1);
    assert_imported(&database);
}

#[test]
fn invalid_index_is_rebuilt() {
    let Some(database) = all_tables() else { return };
    sign_in(&database, "duplicate", -5, 5, 5);
    database.execute(
        "ALTER TABLE sessions DROP CONSTRAINT sessions_sid_key;
         INSERT INTO sessions (sid, user_id, expires_at) SELECT sid, user_id, expires_at FROM sessions",
    );
    let failed = database.try_execute("CREATE UNIQUE INDEX CONCURRENTLY sessions_sid_key ON sessions (sid)");
    assert!(failed.is_err(), "the sids are not unique");
    database.execute("DELETE FROM sessions WHERE ctid = (SELECT max(ctid) FROM sessions)");
    assert_eq!(database.count("pg_index", "WHERE NOT indisvalid"), 1);
    import(&database);
    assert_eq!(database.count("pg_index", "WHERE NOT indisvalid"), 0);
    assert_eq!(database.count("pg_constraint", "WHERE conname = 'sessions_sid_key'"), 1);
}

#[test]
fn unvalidated_constraints_are_validated() {
    let Some(database) = all_tables() else { return };
    sign_in(&database, "one", -5, 5, 5);
    database.execute(
        "ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey,
             ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID,
             ADD CONSTRAINT sessions_status_check CHECK (status IN ('active', 'logged_out')) NOT VALID",
    );
    import(&database);
    assert_eq!(database.count("pg_constraint", "WHERE NOT convalidated"), 0);
}

/// Sessions that end and begin during the import end up as if they had been there before.
#[test]
fn import_includes_sessions_changed_meanwhile() {
    let Some(database) = all_tables() else { return };
    sign_in(&database, "ends", -5, 1400, 1400);
    // An open transaction that has read the table blocks the last step, and before it only ALTER TABLE.
    let mut reader = PgConnection::establish(database.url()).unwrap();
    let program = Program::new(&database);
    let mut child = program.start(&["migrate"]);
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    wait_until(|| database.count("pg_attribute", "WHERE attname = 'last_seen_at'") == 1);
    reader.batch_execute("BEGIN; SELECT count(*) FROM sessions").unwrap();
    database.execute("UPDATE sessions SET status = 'logged_out', updated_at = now() WHERE sid = 'ends'");
    sign_in(&database, "begins", 0, 1440, 1440);
    insert_data(&database, "alone", 100, &sess(USER));
    reader.batch_execute("COMMIT").unwrap();
    while log.next().is_some() {}
    assert!(child.wait().unwrap().success());
    let ended = database.rows("sessions", "WHERE sid = 'ends'").remove(0);
    assert_eq!((&ended["end_reason"], &ended["logged_out_at"]), (&"signed_out".into(), &ended["updated_at"]));
    assert_eq!(database.count("sessions", "WHERE sid = 'begins' AND status = 'active'"), 1);
}

#[test]
fn waiting_import_does_not_block_peer() {
    let Some(database) = all_tables() else { return };
    sign_in(&database, "sid", -5, 1400, 1400);
    // A long report holds a lock on the table, for which ALTER TABLE has to wait.
    let mut report = PgConnection::establish(database.url()).unwrap();
    report.batch_execute("BEGIN; SELECT count(*) FROM sessions").unwrap();
    let child = Program::new(&database).start(&["migrate"]);
    let waiting = "WHERE datname = current_database() AND application_name = 'keyrack' AND wait_event_type = 'Lock'";
    for _ in 0..3 {
        wait_until(|| database.count("pg_stat_activity", waiting) == 1);
        // The import waits for the report, and the peer behind the import: only until the import's lock timeout.
        database.execute(
            "SET lock_timeout = '900ms';
             UPDATE sessions SET updated_at = now() WHERE sid = 'sid';
             UPDATE user_sessions SET expire = expire WHERE sid = 'sid'",
        );
    }
    report.batch_execute("COMMIT").unwrap();
    let finished = Finished::wait_for(child);
    assert_eq!(finished.status, 0, "{finished:?}");
    assert_eq!(Program::new(&database).done(&["doctor"]), "No problems found.\n");
}
