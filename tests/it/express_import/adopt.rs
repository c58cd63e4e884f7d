//! `keyrack adopt`: sessions for the data that an Express application wrote before the import.

use diesel::{Connection, PgConnection, connection::SimpleConnection};

use super::fixture::{NO_ABSOLUTE_EXPIRY, USER, USERS, all_tables, database, import, insert_data, sess, sign_in};
use crate::{
    schema::parity::CONNECT_PG_SIMPLE_TABLE,
    support::{EngineKind, Finished, Program, TestDatabase},
};

/// An imported database with data of every kind.
fn data_of_every_kind() -> Option<TestDatabase> {
    let database = all_tables()?;
    sign_in(&database, "known", -5, 1400, 1400);
    sign_in(&database, "back", -5, 1400, 1400);
    database.execute("UPDATE sessions SET status = 'logged_out' WHERE sid = 'back'");
    insert_data(&database, "alone", 100, &sess(USER));
    let told = sess(USER).replacen("\"2999-01-29T11:50:14.000Z\"", "null", 1);
    let told = told.replacen("\"userId\"", "\"ipAddress\":\"203.0.113.9\",\"userAgent\":\"Firefox\",\"userId\"", 1);
    insert_data(&database, "told", 100, &told);
    insert_data(&database, "expired", -1, &sess(USER));
    insert_data(&database, "visitor", 100, "{\"cookie\":{}}");
    insert_data(&database, "number", 100, "{\"cookie\":{},\"userId\":17}");
    insert_data(&database, "name", 100, "{\"cookie\":{},\"userId\":\"user-17\"}");
    insert_data(&database, "over", 100, &sess(USER).replace("login", "logout"));
    insert_data(&database, "stranger", 100, &sess("650e8400-e29b-41d4-a716-446655440000"));
    insert_data(&database, "array", 100, "[1]");
    insert_data(&database, "nul", 100, &format!("{{\"cookie\":{{}},\"a\":\"\\u0000\",\"userId\":\"{USER}\"}}"));
    import(&database);
    Some(database)
}

fn expected(applied: bool) -> serde_json::Value {
    serde_json::json!({
        "applied": applied, "live": 10, "known": 1, "adopted": 3, "without_user": 2, "no_uuid": 2, "unknown_user": 1,
        "unreadable": 1, "busy": 0, "expired": 1, "returned": 1,
    })
}

#[test]
fn dry_run_counts_and_changes_nothing() {
    let Some(database) = data_of_every_kind() else { return };
    let program = Program::new(&database);
    let everything = || (database.rows("sessions", "ORDER BY sid"), database.rows("user_sessions", "ORDER BY sid"));
    let before = everything();
    assert_eq!(program.json(&["adopt", "--dry-run", "--json"]), expected(false));
    let said = program.done(&["adopt", "--dry-run"]);
    assert!(
        said.contains("        3  to adopt\n") && said.contains("Run `keyrack adopt --apply` to adopt them"),
        "{said}"
    );
    assert!(said.contains("        2  with a `userId` that is not a UUID\n"), "{said}");
    assert_eq!(everything(), before);
}

#[test]
fn adopt_rejects_unmigrated_database_unchanged() {
    let Some(database) = database(&[CONNECT_PG_SIMPLE_TABLE, USERS]) else { return };
    insert_data(&database, "alone", 100, &sess(USER));
    let program = Program::new(&database);
    let schema = || {
        database.texts(
            "SELECT concat_ws(' ', attrelid::regclass, attname) AS v
             FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
             WHERE relnamespace = 'public'::regnamespace AND attnum > 0
             UNION ALL SELECT tgname FROM pg_trigger ORDER BY 1",
        )
    };
    let before = schema();
    for mode in ["--dry-run", "--apply"] {
        program.run(&["adopt", mode]).assert_refused(1, &["is not migrated: run `keyrack migrate` first"]);
        assert_eq!(schema(), before);
    }
    program.done(&["migrate"]);
    assert_eq!(program.json(&["adopt", "--dry-run", "--json"])["adopted"], 1);
    // Migrated by an older version of Keyrack.
    database.execute(
        "DELETE FROM __diesel_schema_migrations WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)",
    );
    program.run(&["adopt", "--apply"]).assert_refused(1, &["is not migrated"]);
}

#[test]
fn adopt_inserts_sessions_for_live_data_of_known_users() {
    let Some(database) = data_of_every_kind() else { return };
    let program = Program::new(&database);
    let found = program.run(&["doctor"]);
    assert_eq!(found.out.matches("has a user but no session: run `keyrack adopt --apply`").count(), 3, "{found:?}");
    let known = database.rows("sessions", "WHERE sid = 'known'");
    assert_eq!(program.json(&["adopt", "--apply", "--json"]), expected(true));

    let sids = database.texts("SELECT sid AS v FROM sessions ORDER BY sid");
    assert_eq!(sids, ["alone", "back", "known", "nul", "told"]);
    assert_eq!(database.rows("sessions", "WHERE sid = 'known'"), known);
    assert_eq!(database.count("user_sessions", "WHERE sid = 'back'"), 0);
    let row = |sid: &str| database.rows("sessions", &format!("WHERE sid = '{sid}'")).remove(0);
    let (alone, told) = (row("alone"), row("told"));
    for row in [&alone, &told] {
        assert_eq!((row["status"].as_str(), row["user_id"].as_str()), (Some("active"), Some(USER)));
        assert_eq!(row["expires_at"], NO_ABSOLUTE_EXPIRY);
    }
    assert_eq!((&alone["remembered"], &told["remembered"]), (&true.into(), &false.into()));
    assert_eq!((told["ip_address"].as_str(), told["user_agent"].as_str()), (Some("203.0.113.9"), Some("Firefox")));

    // A second run has nothing to do.
    let again = program.json(&["adopt", "--apply", "--json"]);
    assert_eq!((&again["known"], &again["adopted"], &again["returned"]), (&4.into(), &0.into(), &0.into()));
    let listed = program.done(&["session", "list", "--user", "rajat.verma@example.com"]);
    assert_eq!(listed.lines().count(), 5, "{listed}");
}

#[test]
fn adopted_session_can_be_revoked() {
    let Some(database) = database(&[CONNECT_PG_SIMPLE_TABLE, USERS]) else { return };
    insert_data(&database, "alone", 100, &sess(USER));
    import(&database);
    let program = Program::new(&database);
    program.done(&["adopt", "--apply"]);
    assert_eq!(program.done(&["doctor"]), "No problems found.\n");
    let id = database.text("SELECT id::text AS v FROM sessions");
    program.done(&["session", "revoke", &id]);
    assert_eq!(database.count("user_sessions", ""), 0);
}

#[test]
fn adopt_skips_data_locked_by_peer() {
    let Some(database) = database(&[CONNECT_PG_SIMPLE_TABLE, USERS]) else { return };
    insert_data(&database, "held", 100, &sess(USER));
    insert_data(&database, "free", 100, &sess(USER));
    import(&database);
    let mut holder = PgConnection::establish(database.url()).unwrap();
    holder.batch_execute("SELECT pg_advisory_lock(7)").unwrap();
    std::thread::scope(|scope| {
        // The peer holds the row until `adopt` has skipped it.
        let peer = scope.spawn(|| {
            database.execute(
                "BEGIN; UPDATE user_sessions SET sess = sess WHERE sid = 'held';
                 SELECT pg_advisory_lock(7); SELECT pg_advisory_unlock(7); COMMIT",
            );
        });
        database.wait_until_blocked("%pg_advisory_lock(7)%");
        let adoption = Program::new(&database).json(&["adopt", "--apply", "--json"]);
        assert_eq!((&adoption["adopted"], &adoption["busy"]), (&1.into(), &1.into()));
        holder.batch_execute("SELECT pg_advisory_unlock(7)").unwrap();
        peer.join().unwrap();
    });
    assert_eq!(Program::new(&database).json(&["adopt", "--apply", "--json"])["adopted"], 1);
}

#[test]
fn adopt_handles_many_batches_beside_running_peer() {
    let Some(database) = database(&[CONNECT_PG_SIMPLE_TABLE, USERS]) else { return };
    let sess = sess(USER);
    database.execute(&format!(
        "INSERT INTO user_sessions SELECT 'sid-' || n, '{sess}', now() + interval '1 day'
         FROM generate_series(1, 3000) n"
    ));
    let program = Program::new(&database);
    program.done(&["migrate"]);
    let child = program.start(&["adopt", "--apply", "--json"]);
    for n in (1..=3000).step_by(97) {
        database.execute(&format!(
            "UPDATE user_sessions SET expire = now() + interval '2 days' WHERE sid = 'sid-{n}';
             DELETE FROM user_sessions WHERE sid = 'sid-{}'",
            n + 1
        ));
    }
    let finished = Finished::wait_for(child);
    assert_eq!(finished.status, 0, "{finished:?}");
    program.done(&["adopt", "--apply"]);
    assert_eq!(program.done(&["doctor"]), "No problems found.\n");
    assert_eq!(database.count("sessions", "WHERE status = 'active'"), database.count("user_sessions", ""));
}

#[test]
fn adopt_requires_a_mode_and_rejects_sqlite() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let program = Program::new(&database);
    for arguments in [&["adopt"][..], &["adopt", "--dry-run", "--apply"]] {
        program.run(arguments).assert_refused(2, &["keyrack adopt --dry-run", "keyrack adopt --apply"]);
    }
    program.run(&["adopt", "--apply"]).assert_refused(1, &["no Express application shares a SQLite database"]);
}
