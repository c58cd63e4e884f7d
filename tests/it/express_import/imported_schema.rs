//! The schema and the rows after an import.

use super::fixture::{
    NO_ABSOLUTE_EXPIRY, SESSIONS, USER, USERS, all_tables, database, import, insert_data, sess, sign_in,
};
use crate::{
    schema::{
        migrate::folders,
        parity::{CONNECT_PG_SIMPLE_TABLE, Description},
    },
    support::{EngineKind, PASSWORD, Program, TestDatabase},
};

fn fresh_schema() -> Description {
    Description::of(&TestDatabase::new(EngineKind::Postgres))
}

#[test]
fn import_of_user_sessions_alone_yields_fresh_schema() {
    for without_index in [false, true] {
        let Some(database) = database(&[CONNECT_PG_SIMPLE_TABLE]) else { return };
        if without_index {
            database.execute("DROP INDEX \"IDX_session_expire\"");
        }
        insert_data(&database, "visitor", 10, "{\"cookie\":{}}");
        let out = import(&database);
        assert!(out.contains("applied 2026-11-24-000001_users, 2026-11-24-000002_sessions, "), "{out}");
        assert_eq!(Description::of(&database), fresh_schema());
        assert_eq!(database.count("user_sessions", ""), 1);
        assert!(import(&database).ends_with("is up to date.\n"));
        assert_eq!(Program::new(&database).done(&["doctor"]), "No problems found.\n");
    }
}

#[test]
fn import_of_seed_tables_yields_fresh_schema() {
    let users = "CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email varchar(254) NOT NULL,
        user_name varchar(64), first_name varchar(64), last_name varchar(64))";
    let Some(database) = database(&[CONNECT_PG_SIMPLE_TABLE, users, SESSIONS]) else { return };
    import(&database);
    assert_eq!(Description::of(&database), fresh_schema());
    let refused = database.try_execute(&format!(
        "INSERT INTO users (id, email) VALUES ('{USER}', 'a@example.com');
         INSERT INTO sessions (sid, user_id, status, expires_at) VALUES ('x', '{USER}', 'expired', now())"
    ));
    assert!(refused.unwrap_err().to_string().contains("sessions_status_check"));
}

/// As after a restore without `__diesel_schema_migrations`, or after creating the tables by hand.
#[test]
fn import_leaves_complete_tables_untouched() {
    let Some(database) = database(&[]) else { return };
    for folder in folders(EngineKind::Postgres).iter().take(2) {
        database.execute(&std::fs::read_to_string(folder.join("up.sql")).unwrap());
    }
    database.execute("DROP TABLE replaced_sids");
    // A later migration replaces the index on email addresses.
    let tables = || {
        database.texts(
            "SELECT concat(relname, relfilenode) AS v FROM pg_class WHERE relnamespace = 'public'::regnamespace
             AND relname NOT LIKE 'replaced%' AND relname NOT LIKE '\\_\\_%' AND relname <> 'users_email_key'
             AND relname NOT LIKE 'sign\\_in%' AND relname NOT LIKE 'known%' ORDER BY 1",
        )
    };
    let before = tables();
    import(&database);
    assert_eq!(Description::of(&database), fresh_schema());
    let after = tables();
    assert!(before.iter().all(|relation| after.contains(relation)), "{before:?} {after:?}");
}

#[test]
fn import_adds_keys_defaults_and_not_null() {
    let bare = "
        CREATE TABLE users (id uuid, email text, role text, password_hash text, created_at timestamptz);
        CREATE TABLE sessions (id uuid, sid text, user_id uuid, status text, expires_at timestamptz,
        last_seen_at timestamptz);
        INSERT INTO users
        VALUES ('550e8400-e29b-41d4-a716-446655440000', 'rajat.verma@example.com', 'owner', 'bcrypt', now());
        INSERT INTO sessions VALUES (gen_random_uuid(), 'a', '550e8400-e29b-41d4-a716-446655440000', 'active',
        now(), NULL);
        CREATE TABLE user_sessions (sid text, sess json, expire timestamp)";
    let Some(database) = database(&[bare]) else { return };
    import(&database);
    let columns = |database: &TestDatabase| {
        database.texts(
            "SELECT concat_ws(' ', attrelid::regclass, attname, attnotnull, atthasdef) AS v FROM pg_attribute
             WHERE attrelid IN ('users'::regclass, 'sessions'::regclass, 'user_sessions'::regclass) AND attnum > 0
             ORDER BY 1",
        )
    };
    assert_eq!(columns(&database), columns(&TestDatabase::new(EngineKind::Postgres)));
    assert_eq!(Description::of(&database).triggers, fresh_schema().triggers);
    let program = Program::new(&database);
    program.add_user("asha.verma@example.com");
    program.serve().signed_in("asha.verma@example.com");
    // The defaults apply to a peer's own statement.
    database.execute(&format!("INSERT INTO sessions (sid, user_id, expires_at) VALUES ('b', '{USER}', now())"));
    assert_eq!(database.text("SELECT role AS v FROM users WHERE password_hash = 'bcrypt'"), "owner");
}

#[test]
fn import_prefixes_index_names_that_are_taken() {
    let Some(database) = all_tables() else { return };
    // Another table, to which connect-pg-simple has given its constraint and index names.
    database.execute(
        "ALTER TABLE user_sessions RENAME CONSTRAINT session_pkey TO user_sessions_pkey;
         DROP INDEX \"IDX_session_expire\";
         CREATE TABLE session (sid varchar CONSTRAINT session_pkey PRIMARY KEY, expire timestamp(6));
         CREATE INDEX \"IDX_session_expire\" ON session (expire);
         CREATE INDEX sessions_by_user ON sessions (ip_address)",
    );
    import(&database);
    assert_eq!(Program::new(&database).done(&["doctor"]), "No problems found.\n");
    let names = database.texts(
        "SELECT relname AS v FROM pg_class JOIN pg_index ON indexrelid = oid WHERE relname LIKE 'keyrack%'
         AND indrelid IN ('users'::regclass, 'sessions'::regclass, 'user_sessions'::regclass) ORDER BY 1",
    );
    assert_eq!(names, ["keyrack_IDX_session_expire", "keyrack_sessions_by_user", "keyrack_users_email_key"]);
}

#[test]
fn import_signs_no_user_out_and_backfills_columns() {
    let Some(database) = all_tables() else { return };
    sign_in(&database, "rolling", -2000, -500, 100);
    sign_in(&database, "fresh", -10, 1430, 1430);
    sign_in(&database, "pruned", -3000, -1500, -1);
    sign_in(&database, "browser", -5, 1400, 1400);
    sign_in(&database, "kept", -5, 1400, 1400);
    database.execute(
        "DELETE FROM user_sessions WHERE sid = 'pruned';
         UPDATE user_sessions SET sess = replace(sess::text, '\"2999-01-29T11:50:14.000Z\"', 'null')::json
         WHERE sid = 'browser';
         UPDATE user_sessions SET sess = '{\"cookie\":{},\"status\": \"logout\"}' WHERE sid = 'kept';
         UPDATE sessions SET status = 'logged_out' WHERE sid = 'kept'",
    );
    let before = database.rows("sessions", "ORDER BY sid");
    let data_before = database.rows("user_sessions", "ORDER BY sid");
    import(&database);
    assert_eq!(database.rows("user_sessions", "ORDER BY sid"), data_before);
    let after = database.rows("sessions", "ORDER BY sid");
    for (before, after) in before.iter().zip(&after) {
        let sid = before["sid"].as_str().unwrap();
        for (column, value) in before.as_object().unwrap() {
            let expected = match (column.as_str(), sid) {
                ("expires_at", "rolling" | "fresh" | "browser") => NO_ABSOLUTE_EXPIRY.into(),
                ("logged_out_at", "kept") => before["updated_at"].clone(),
                _ => value.clone(),
            };
            assert_eq!(after[column], expected, "{sid} {column}");
        }
        assert_eq!(after["last_seen_at"], before["updated_at"], "{sid}");
        let reason = if sid == "kept" { "signed_out".into() } else { serde_json::Value::Null };
        assert_eq!(after["end_reason"], reason, "{sid}");
        assert_eq!(after["remembered"], sid == "rolling" || sid == "fresh", "{sid}");
        assert_eq!(after["data_kept"], sid == "kept", "{sid}");
    }
    // A touch by the peer is not capped at the former `expires_at`.
    database.execute("UPDATE user_sessions SET expire = now() + interval '1 day' WHERE sid = 'rolling'");
    assert_eq!(database.count("user_sessions", "WHERE sid = 'rolling' AND expire > now() + interval '23 hours'"), 1);
    let doctor = Program::new(&database).run(&["doctor"]);
    assert_eq!(doctor.out.lines().count(), 1, "the session whose data was pruned: {doctor:?}");
    assert!(doctor.out.contains("active without data"), "{doctor:?}");
}

#[test]
fn imported_user_can_get_password_and_sign_in() {
    let Some(database) = database(&[CONNECT_PG_SIMPLE_TABLE, USERS]) else { return };
    insert_data(&database, "existing", 10, &sess(USER));
    let program = Program::new(&database);
    let set = program.run_with_input(&["user", "set-password", "rajat.verma@example.com"], &format!("{PASSWORD}\n"));
    assert_eq!(set.status, 0, "{set:?}");
    let serving = program.serve();
    assert!(serving.signed_in("rajat.verma@example.com").is_signed_in());
}
