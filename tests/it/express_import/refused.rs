//! What can't be taken over is refused, before anything is changed.

use super::express::{SESSIONS, USER, USERS, database, sign_in, whole};
use crate::{
    schema::parity::PEERS_TABLE,
    support::{Program, TestDatabase},
};

/// Everything that could have been changed.
fn everything(database: &TestDatabase) -> Vec<String> {
    database.texts(
        "SELECT concat_ws(' ', attrelid::regclass, attname, atttypid::regtype, attnotnull, atthasdef) AS v FROM pg_attribute
         JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace AND attnum > 0
         UNION ALL SELECT conname FROM pg_constraint UNION ALL SELECT tgname FROM pg_trigger
         UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
    )
}

/// That it is refused with one sentence that contains all of `parts`, and nothing is changed.
#[track_caller]
fn assert_refused(database: &TestDatabase, parts: &[&str]) {
    let before = everything(database);
    for command in [&["migrate"][..], &["serve"]] {
        let refused = Program::new(database).run(command);
        refused.assert_refused(1, parts);
        refused.assert_stderr_contains(&["cannot take over the database postgres://"]);
    }
    assert_eq!(everything(database), before);
}

/// Runs what the sentence says to run, and sees that it helps.
#[track_caller]
fn assert_mended_by(database: &TestDatabase, sql: &str) {
    let sentence = Program::new(database).run(&["migrate"]).err;
    assert!(sentence.contains(sql), "{sql:?} is not in {sentence:?}");
    database.execute(sql);
    Program::new(database).done(&["migrate"]);
}

#[test]
fn columns_of_types_that_keyrack_does_not_read_are_refused_with_the_statement_that_changes_them() {
    for (change, mend) in [
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
        // Empty, so that each column can be changed at will.
        let Some(database) = database(&[PEERS_TABLE, &USERS[..USERS.find("INSERT").unwrap()], SESSIONS]) else {
            return;
        };
        database.execute(change);
        assert_refused(&database, &[mend]);
        assert_mended_by(&database, mend);
    }
}

#[test]
fn rows_that_break_a_rule_are_refused_with_the_statement_that_mends_them() {
    for (change, mend) in [
        (
            "ALTER TABLE sessions DROP CONSTRAINT sessions_sid_key; UPDATE sessions SET sid = 'twice'",
            "DELETE FROM public.sessions a USING public.sessions b WHERE a.sid = b.sid AND a.ctid < b.ctid",
        ),
        (
            "UPDATE sessions SET status = 'expired' WHERE sid = 'one'",
            "UPDATE public.sessions SET status = 'logged_out' WHERE status NOT IN ('active', 'logged_out')",
        ),
        (
            "ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey; UPDATE sessions SET user_id = gen_random_uuid()",
            "DELETE FROM public.sessions s WHERE NOT EXISTS (SELECT FROM public.users u WHERE u.id = s.user_id)",
        ),
        (
            "ALTER TABLE sessions ALTER created_at DROP NOT NULL; UPDATE sessions SET created_at = NULL",
            "UPDATE public.sessions SET created_at = now() WHERE created_at IS NULL",
        ),
    ] {
        let Some(database) = whole() else { return };
        sign_in(&database, "one", -5, 5, 5);
        sign_in(&database, "two", -5, 5, 5);
        database.execute(change);
        assert_refused(&database, &[mend]);
        assert_mended_by(&database, mend);
    }
    let Some(database) = whole() else { return };
    database.execute("INSERT INTO users (email) VALUES ('Rajat.Verma@Example.com')");
    assert_refused(
        &database,
        &["1 value(s) of lower(email)", "SELECT lower(email), count(*) FROM public.users GROUP BY 1"],
    );
}

/// What the words say would be lost can be kept.
#[test]
fn statuses_that_mean_signed_in_are_turned_first_and_users_without_an_address_are_not_to_be_deleted() {
    let Some(database) = whole() else { return };
    sign_in(&database, "one", -5, 5, 5);
    database.execute("UPDATE sessions SET status = 'online'; ALTER TABLE users ALTER email DROP NOT NULL; INSERT INTO users DEFAULT VALUES");
    let refused = Program::new(&database).run(&["migrate"]);
    assert_eq!(refused.status, 1, "{refused:?}");
    refused.assert_stderr_contains(&[
        "first UPDATE public.sessions SET status = 'active' WHERE status IN (those of yours that mean signed in), then",
        "which signs out whoever has one of these",
        "1 row(s) of public.users have no email: give each an address, or give Keyrack a view that leaves these users out",
    ]);
    assert!(!refused.err.contains("DELETE"), "{refused:?}");
    database.execute(
        "UPDATE sessions SET status = 'active' WHERE status IN ('online');
         UPDATE users SET email = 'somebody@example.com' WHERE email IS NULL",
    );
    Program::new(&database).done(&["migrate"]);
    assert_eq!(database.count("sessions", "WHERE status = 'active'"), 1);
}

#[test]
fn what_can_not_be_mended_in_place_is_refused_with_the_way_around_it() {
    let others = "CREATE TABLE sessions (id varchar PRIMARY KEY, payload text NOT NULL)";
    for (sql, parts) in [
        (
            "CREATE TABLE users (id serial PRIMARY KEY, email text)",
            &["public.users.id is integer", "add a uuid column and give Keyrack a view: docs/express.md"][..],
        ),
        ("CREATE TABLE users (id uuid PRIMARY KEY, mail text)", &["has no column email", "a view of them"]),
        (
            "CREATE TABLE sessions (id serial PRIMARY KEY, sid text, user_id integer, status text, expires_at timestamptz)",
            &[
                "sessions.id is integer, and Keyrack names sessions by uuid: rename this column",
                "sessions.user_id is integer",
            ],
        ),
        (others, &["public.sessions has no column sid, user_id, status, expires_at", "a schema of its own"]),
        (
            "CREATE TABLE t (sid varchar, sess json, expire timestamp(6)); CREATE VIEW user_sessions AS SELECT * FROM t",
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
        let refused = Program::new(&database).run(&["migrate"]);
        assert_eq!(refused.status, 1, "{refused:?}");
        refused.assert_stderr_contains(parts);
    }
    let Some(database) = database(&[PEERS_TABLE, USERS, SESSIONS]) else { return };
    sign_in(&database, "one", -5, 5, 5);
    database.execute("ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey; DROP TABLE users");
    assert_refused(&database, &["there is no table users", "a view of them"]);
}

#[test]
fn all_findings_are_named_at_once_each_on_a_line() {
    let Some(database) = whole() else { return };
    database.execute(&format!(
        "ALTER TABLE sessions ALTER expires_at TYPE timestamp; ALTER TABLE user_sessions ALTER sess TYPE jsonb;
         INSERT INTO sessions (sid, user_id, expires_at) VALUES ('x', '{USER}', now())"
    ));
    let refused = Program::new(&database).run(&["migrate"]);
    assert_eq!((refused.status, refused.out.as_str()), (1, ""), "{refused:?}");
    let lines: Vec<&str> = refused.err.lines().collect();
    assert_eq!(lines.len(), 3, "{refused:?}");
    assert!(lines[0].ends_with("; nothing was changed:"), "{refused:?}");
    assert!(lines[1].starts_with("  - public.sessions.expires_at is timestamp"), "{refused:?}");
    assert!(lines[2].starts_with("  - public.user_sessions.sess is jsonb"), "{refused:?}");
}

#[test]
fn a_role_that_owns_nothing_is_told_whose_it_is() {
    let Some(database) = whole() else { return };
    let role = format!("keyrack_guest_{}", std::process::id());
    database.execute(&format!("CREATE ROLE {role} LOGIN; GRANT CREATE ON SCHEMA public TO {role}"));
    let (_, host) = database.url().split_once('@').unwrap();
    let url = format!("postgres://{role}@{host}");
    let refused = Program::new(&database).with("DATABASE_URL", &url).run(&["migrate"]);
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    refused.assert_stderr_contains(&["public.sessions belongs to the role postgres", "connect as postgres"]);
}
