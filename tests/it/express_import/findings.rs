//! What can't be imported is rejected before anything is changed.

use super::fixture::{SESSIONS, USER, USERS, all_tables, database, sign_in};
use crate::{
    schema::parity::CONNECT_PG_SIMPLE_TABLE,
    support::{Program, TestDatabase},
};

/// The whole schema.
fn schema(database: &TestDatabase) -> Vec<String> {
    database.texts(
        "SELECT concat_ws(' ', attrelid::regclass, attname, atttypid::regtype, attnotnull, atthasdef) AS v
         FROM pg_attribute
         JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace AND attnum > 0
         UNION ALL SELECT conname FROM pg_constraint UNION ALL SELECT tgname FROM pg_trigger
         UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
    )
}

/// Asserts that the import is rejected with a message that contains all of `parts`, and changes nothing.
#[track_caller]
fn assert_rejected(database: &TestDatabase, parts: &[&str]) {
    let before = schema(database);
    for command in [&["migrate"][..], &["serve"]] {
        let rejected = Program::new(database).run(command);
        rejected.assert_refused(1, parts);
        rejected.assert_stderr_contains(&["cannot import the tables of postgres://"]);
    }
    assert_eq!(schema(database), before);
}

/// Asserts that the message contains `sql`, and that the import succeeds after it was run.
#[track_caller]
fn assert_fixed_by(database: &TestDatabase, sql: &str) {
    let message = Program::new(database).run(&["migrate"]).err;
    assert!(message.contains(sql), "{sql:?} is not in {message:?}");
    database.execute(sql);
    Program::new(database).done(&["migrate"]);
}

#[test]
fn wrong_column_is_rejected_with_fixing_statement() {
    for (change, fix) in [
        (
            "ALTER TABLE sessions ALTER expires_at TYPE timestamp",
            "ALTER TABLE public.sessions ALTER COLUMN expires_at TYPE timestamptz USING expires_at AT TIME ZONE 'UTC'",
        ),
        (
            "ALTER TABLE sessions ALTER ip_address TYPE inet USING ip_address::inet",
            "ALTER TABLE public.sessions ALTER COLUMN ip_address TYPE text USING host(ip_address)",
        ),
        (
            "ALTER TABLE sessions ALTER ip_address TYPE varchar(15)",
            "ALTER TABLE public.sessions ALTER COLUMN ip_address TYPE text USING ip_address::text",
        ),
        (
            "CREATE TYPE state AS ENUM ('active', 'logged_out'); ALTER TABLE sessions ALTER status DROP DEFAULT,
             ALTER status TYPE state USING status::state",
            "ALTER TABLE public.sessions ALTER COLUMN status TYPE text USING status::text",
        ),
        (
            "ALTER TABLE user_sessions ALTER sess TYPE jsonb",
            "ALTER TABLE public.user_sessions ALTER COLUMN sess TYPE json USING sess::json",
        ),
        (
            "ALTER TABLE user_sessions ALTER expire TYPE timestamptz",
            "ALTER TABLE public.user_sessions ALTER COLUMN expire TYPE timestamp(6)",
        ),
        ("ALTER TABLE user_sessions SET UNLOGGED", "ALTER TABLE public.user_sessions SET LOGGED"),
        (
            "ALTER TABLE sessions ALTER status SET DEFAULT 'pending'",
            "ALTER TABLE public.sessions ALTER COLUMN status SET DEFAULT 'active'",
        ),
        (
            "ALTER TABLE users ADD COLUMN \"tenantId\" integer NOT NULL",
            "ALTER TABLE public.users ALTER COLUMN \"tenantId\" DROP NOT NULL",
        ),
    ] {
        // Without rows, so that each column can be changed.
        let Some(database) = database(&[CONNECT_PG_SIMPLE_TABLE, &USERS[..USERS.find("INSERT").unwrap()], SESSIONS])
        else {
            return;
        };
        database.execute(change);
        assert_rejected(&database, &[fix]);
        assert_fixed_by(&database, fix);
    }
}

#[test]
fn invalid_rows_are_rejected_with_fixing_statement() {
    for (change, fix) in [
        (
            "ALTER TABLE sessions DROP CONSTRAINT sessions_sid_key; UPDATE sessions SET sid = 'twice'",
            "DELETE FROM public.sessions a USING public.sessions b WHERE a.sid = b.sid AND a.ctid < b.ctid",
        ),
        (
            "UPDATE sessions SET status = 'expired' WHERE sid = 'one'",
            "UPDATE public.sessions SET status = 'logged_out' WHERE status NOT IN ('active', 'logged_out')",
        ),
        (
            "ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey;
             UPDATE sessions SET user_id = gen_random_uuid()",
            "DELETE FROM public.sessions s WHERE NOT EXISTS (SELECT FROM public.users u WHERE u.id = s.user_id)",
        ),
        (
            "ALTER TABLE sessions ALTER created_at DROP NOT NULL; UPDATE sessions SET created_at = NULL",
            "UPDATE public.sessions SET created_at = now() WHERE created_at IS NULL",
        ),
    ] {
        let Some(database) = all_tables() else { return };
        sign_in(&database, "one", -5, 5, 5);
        sign_in(&database, "two", -5, 5, 5);
        database.execute(change);
        assert_rejected(&database, &[fix]);
        assert_fixed_by(&database, fix);
    }
    let Some(database) = all_tables() else { return };
    database.execute("INSERT INTO users (email) VALUES ('Rajat.Verma@Example.com')");
    assert_rejected(
        &database,
        &[
            "1 value(s) of lower(email::text COLLATE \"C\")",
            "SELECT lower(email::text COLLATE \"C\"), count(*) FROM public.users GROUP BY 1",
        ],
    );
}

/// The advice must not make the administrator sign users out or delete accounts without need.
#[test]
fn advice_keeps_signed_in_statuses_and_users_without_email() {
    let Some(database) = all_tables() else { return };
    sign_in(&database, "one", -5, 5, 5);
    database.execute(
        "UPDATE sessions
     SET status = 'online'; ALTER TABLE users ALTER email DROP NOT NULL; INSERT INTO users DEFAULT VALUES",
    );
    let rejected = Program::new(&database).run(&["migrate"]);
    assert_eq!(rejected.status, 1, "{rejected:?}");
    rejected.assert_stderr_contains(&[
        "first UPDATE public.sessions SET status = 'active' WHERE status IN (your values that mean signed in), then",
        "which signs out the users of these sessions",
        "1 row(s) of public.users have no email: give each an address, or give Keyrack a view that leaves these users \
         out",
    ]);
    assert!(!rejected.err.contains("DELETE"), "{rejected:?}");
    database.execute(
        "UPDATE sessions SET status = 'active' WHERE status IN ('online');
         UPDATE users SET email = 'asha.verma@example.com' WHERE email IS NULL",
    );
    Program::new(&database).done(&["migrate"]);
    assert_eq!(database.count("sessions", "WHERE status = 'active'"), 1);
}

#[test]
fn unfixable_tables_are_rejected_with_alternative() {
    let other_purpose = "CREATE TABLE sessions (id varchar PRIMARY KEY, payload text NOT NULL)";
    for (sql, parts) in [
        (
            "CREATE TABLE users (id serial PRIMARY KEY, email text)",
            &[
                "public.users.id is integer",
                "add a uuid column and give Keyrack a view; see \"What can't be mapped\" in docs/express.md",
            ][..],
        ),
        ("CREATE TABLE users (id uuid PRIMARY KEY, mail text)", &["has no column email", "a view of them"]),
        (
            "CREATE TABLE sessions (id serial PRIMARY KEY, sid text, user_id integer, status text,
             expires_at timestamptz)",
            &[
                "sessions.id is integer, and Keyrack identifies sessions by uuid: rename this column",
                "sessions.user_id is integer",
            ],
        ),
        (other_purpose, &["public.sessions has no column sid, user_id, status, expires_at", "a schema of its own"]),
        (
            "CREATE TABLE t (sid varchar, sess json, expire timestamp(6));
             CREATE VIEW user_sessions AS SELECT * FROM t",
            &["public.user_sessions is a view, and Keyrack needs a plain table"],
        ),
        (
            "CREATE TABLE user_sessions (sid varchar, sess json, expire timestamp(6)) PARTITION BY HASH (sid)",
            &["public.user_sessions is a partitioned table"],
        ),
        (
            "CREATE VIEW users AS SELECT gen_random_uuid() AS id, 'a'::text AS email",
            &["the view public.users has no column user_name, first_name, ", "as in NULL::text AS user_name"],
        ),
    ] {
        let Some(database) = database(&[sql]) else { return };
        let rejected = Program::new(&database).run(&["migrate"]);
        assert_eq!(rejected.status, 1, "{rejected:?}");
        rejected.assert_stderr_contains(parts);
    }
    let Some(database) = database(&[CONNECT_PG_SIMPLE_TABLE, USERS, SESSIONS]) else { return };
    sign_in(&database, "one", -5, 5, 5);
    database.execute("ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey; DROP TABLE users");
    assert_rejected(&database, &["the table users does not exist", "a view of it"]);
}

#[test]
fn all_findings_are_listed_one_per_line() {
    let Some(database) = all_tables() else { return };
    database.execute(&format!(
        "ALTER TABLE sessions ALTER expires_at TYPE timestamp; ALTER TABLE user_sessions ALTER sess TYPE jsonb;
         INSERT INTO sessions (sid, user_id, expires_at) VALUES ('x', '{USER}', now())"
    ));
    let rejected = Program::new(&database).run(&["migrate"]);
    assert_eq!((rejected.status, rejected.out.as_str()), (1, ""), "{rejected:?}");
    let lines: Vec<&str> = rejected.err.lines().collect();
    assert_eq!(lines.len(), 3, "{rejected:?}");
    assert!(lines[0].ends_with("; nothing was changed:"), "{rejected:?}");
    assert!(lines[1].starts_with("  - public.sessions.expires_at is timestamp"), "{rejected:?}");
    assert!(lines[2].starts_with("  - public.user_sessions.sess is jsonb"), "{rejected:?}");
}

#[test]
fn a_role_that_owns_nothing_is_told_whose_it_is() {
    let Some(database) = all_tables() else { return };
    let role = format!("keyrack_guest_{}", std::process::id());
    database.execute(&format!("CREATE ROLE {role} LOGIN; GRANT CREATE ON SCHEMA public TO {role}"));
    let (_, host) = database.url().split_once('@').unwrap();
    let url = format!("postgres://{role}@{host}");
    let rejected = Program::new(&database).with("DATABASE_URL", &url).run(&["migrate"]);
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    rejected.assert_stderr_contains(&["public.sessions belongs to the role postgres", "connect as postgres"]);
}

/// A step after the checks fails, here because of an event trigger that forbids to create functions.
#[test]
fn import_that_stops_halfway_says_what_stays_and_continues_later() {
    let Some(database) = all_tables() else { return };
    sign_in(&database, "s1", -10, 100, 100);
    database.execute(
        "CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql
         AS $$ BEGIN RAISE EXCEPTION 'functions are reviewed first'; END $$;
         CREATE EVENT TRIGGER forbid ON ddl_command_end WHEN TAG IN ('CREATE FUNCTION') EXECUTE FUNCTION forbid()",
    );
    let stopped = Program::new(&database).run(&["migrate"]);
    assert_eq!(stopped.status, 1);
    stopped.assert_stderr_contains(&[
        "functions are reviewed first",
        "the import stopped halfway",
        "No row was removed",
        "continues there",
    ]);
    // The application goes on, with its own statements.
    sign_in(&database, "s2", -10, 100, 100);
    database.execute("DROP EVENT TRIGGER forbid");
    Program::new(&database).done(&["migrate"]);
    assert_eq!(database.count("sessions", "WHERE status = 'active'"), 2);
    assert_eq!(Program::new(&database).done(&["doctor"]), "No problems found.\n");
}

/// connect-pg-simple gives its indexes the same names in every table.
#[test]
fn index_name_of_another_table_is_explained() {
    let Some(database) = database(&["CREATE TABLE visits (sid varchar CONSTRAINT session_pkey PRIMARY KEY)"]) else {
        return;
    };
    Program::new(&database).run(&["migrate"]).assert_refused(1, &["session_pkey", "a schema of its own"]);
}
