//! A view `users` of another table with other columns.

use super::fixture::{USER, database, insert_data, sess};
use crate::{
    schema::parity::CONNECT_PG_SIMPLE_TABLE,
    support::{PASSWORD, Program, TestDatabase},
};

const EMAIL: &str = "rajat.verma@example.com";

const ACCOUNTS: &str = r#"
    CREATE TABLE accounts (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        mail varchar(255) NOT NULL UNIQUE,
        "firstName" text,
        "lastName" text,
        "createdAt" timestamptz NOT NULL DEFAULT now(),
        tenant integer NOT NULL DEFAULT 1
    );
    INSERT INTO accounts (id, mail, "firstName")
    VALUES ('550e8400-e29b-41d4-a716-446655440000', 'Rajat.Verma@example.com', 'Rajat');
    CREATE SCHEMA keyrack;"#;

/// Every column that Keyrack writes is a column of the table.
const WRITABLE: &str = r#"
    ALTER TABLE accounts ADD COLUMN keyrack_name text, ADD COLUMN keyrack_role text NOT NULL DEFAULT 'user',
        ADD COLUMN keyrack_hash text, ADD COLUMN keyrack_changed timestamptz NOT NULL DEFAULT now(),
        ADD COLUMN "updatedAt" timestamptz NOT NULL DEFAULT now(), ADD COLUMN "blockedAt" timestamptz;
    CREATE VIEW keyrack.users AS
        SELECT id, mail AS email, keyrack_name AS user_name, "firstName" AS first_name, "lastName" AS last_name,
            keyrack_role AS role, keyrack_hash AS password_hash, keyrack_changed AS password_changed_at,
            "createdAt" AS created_at, "updatedAt" AS updated_at, "blockedAt" AS disabled_at
        FROM public.accounts;"#;

/// Only `id`, `email` and the first and last name are columns of the table, to show whose sessions they are.
const READABLE: &str = r#"
    CREATE VIEW keyrack.users AS
        SELECT id, mail AS email, NULL::text AS user_name, "firstName" AS first_name, "lastName" AS last_name,
            'user'::text AS role, NULL::text AS password_hash, "createdAt" AS password_changed_at,
            "createdAt" AS created_at, "createdAt" AS updated_at, NULL::timestamptz AS disabled_at
        FROM public.accounts;"#;

fn url(database: &TestDatabase) -> String {
    let separator = if database.url().contains('?') { '&' } else { '?' };
    format!("{}{separator}options=-csearch_path%3Dkeyrack,public", database.url())
}

#[test]
fn writable_users_view_supports_all_commands() {
    let Some(database) = database(&[CONNECT_PG_SIMPLE_TABLE, ACCOUNTS, WRITABLE]) else { return };
    insert_data(&database, "express", 100, &sess(USER));
    let program = Program::new(&database).with("DATABASE_URL", &url(&database));
    let migrated = program.run(&["migrate"]);
    assert_eq!(migrated.status, 0, "{migrated:?}");
    assert_eq!(program.json(&["adopt", "--apply", "--json"])["adopted"], 1);
    assert_eq!(program.done(&["doctor"]), "No problems found.\n");

    let set = program.run_with_input(&["user", "set-password", EMAIL], &format!("{PASSWORD}\n"));
    assert!(set.out.contains("ended 1 session"), "{set:?}");
    program.add_user("asha.verma@example.com");
    assert_eq!(database.count("accounts", "WHERE mail = 'asha.verma@example.com' AND tenant = 1"), 1);
    let again = program.run_with_input(&["user", "add", "RAJAT.verma@example.com"], &format!("{PASSWORD}\n"));
    again.assert_refused(1, &["A user with this email address already exists"]);

    let serving = program.serve();
    let (mut one, mut other) = (serving.signed_in(EMAIL), serving.signed_in(EMAIL));
    assert!(one.get("/account/sessions").body.contains("Rajat"));
    let listed = program.json(&["session", "list", "--user", EMAIL, "--json"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    program.done(&["user", "disable", EMAIL]);
    assert!(!one.is_signed_in() && !other.is_signed_in());
    assert_eq!(database.count("accounts", "WHERE \"blockedAt\" IS NOT NULL"), 1);
    program.done(&["user", "enable", EMAIL]);
    assert!(serving.signed_in(EMAIL).is_signed_in());
    let set = program.run_with_input(&["user", "set-password", EMAIL, "--must-change"], &format!("{PASSWORD}\n"));
    assert_eq!(set.status, 0, "{set:?}");
    for (location, listed) in [("/account/password", "used_up"), ("", "used_up")] {
        assert_eq!(serving.browser().sign_in(EMAIL, PASSWORD).location(), location);
        let users = program.json(&["user", "list", "--json"]);
        assert!(users.as_array().unwrap().iter().any(|user| user["password"] == listed), "{users}");
    }

    // A peer whose search_path does not contain the view. Its statements fire the triggers, too.
    insert_data(&database, "later", 100, &sess(USER));
    assert_eq!(database.count("keyrack.sessions", "WHERE sid = 'later' AND status = 'active'"), 1);
    database.execute("DELETE FROM user_sessions WHERE sid = 'later'");
    assert_eq!(database.count("keyrack.sessions", "WHERE sid = 'later' AND end_reason = 'signed_out'"), 1);
    assert_eq!(program.done(&["doctor"]), "No problems found.\n");
}

#[test]
fn read_only_users_view_supports_listing_and_revoking() {
    let Some(database) = database(&[CONNECT_PG_SIMPLE_TABLE, ACCOUNTS, READABLE]) else { return };
    insert_data(&database, "express", 100, &sess(USER));
    let program = Program::new(&database).with("DATABASE_URL", &url(&database));
    program.done(&["migrate"]);
    program.done(&["adopt", "--apply"]);
    let listed = program.json(&["session", "list", "--user", EMAIL, "--json"]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert!(program.done(&["user", "list"]).contains("Rajat"));
    for arguments in
        [&["user", "set-password", EMAIL][..], &["user", "add", "asha.verma@example.com"], &["user", "disable", EMAIL]]
    {
        let refused = program.run_with_input(arguments, &format!("{PASSWORD}\n"));
        refused.assert_refused(1, &["view \"users\"", "in the application that the users belong to"]);
    }
    program.done(&["session", "revoke", listed[0]["id"].as_str().unwrap()]);
    assert_eq!(database.count("user_sessions", ""), 0);
    assert_eq!(program.done(&["doctor"]), "No problems found.\n");
}

#[test]
fn unsuitable_users_view_is_rejected() {
    for (view, parts) in [
        (
            WRITABLE.replace("SELECT id,", "SELECT tenant AS id,"),
            &["keyrack.users.id is integer", "add a uuid column", "What can't be mapped"][..],
        ),
        (
            WRITABLE.replace("\"createdAt\" AS created_at", "\"createdAt\"::timestamp AS created_at"),
            &[
                "keyrack.users.created_at is timestamp without time zone",
                "cast it in the view, as created_at::timestamptz",
            ],
        ),
        (
            format!("{WRITABLE} INSERT INTO accounts (mail) VALUES ('rajat.verma@example.com')"),
            &["1 value(s) of lower(email::text COLLATE \"C\") occur in several rows of keyrack.users"],
        ),
        (
            format!(
                "ALTER TABLE accounts ALTER mail DROP NOT NULL; {WRITABLE} INSERT INTO accounts (mail) VALUES (NULL)"
            ),
            &["1 row(s) of keyrack.users have no email: use coalesce(email, …) in the view"],
        ),
    ] {
        let Some(database) = database(&[CONNECT_PG_SIMPLE_TABLE, ACCOUNTS, &view]) else { return };
        let refused = Program::new(&database).with("DATABASE_URL", &url(&database)).run(&["migrate"]);
        refused.assert_refused(1, parts);
    }
}

#[test]
fn role_without_update_on_view_gets_advice() {
    let Some(database) = database(&[CONNECT_PG_SIMPLE_TABLE, ACCOUNTS, WRITABLE]) else { return };
    let role = format!("keyrack_viewer_{}", std::process::id());
    database.execute(&format!(
        "CREATE ROLE {role} LOGIN; ALTER TABLE user_sessions OWNER TO {role}; GRANT SELECT ON keyrack.users TO {role};
         GRANT CREATE, USAGE ON SCHEMA keyrack, public TO {role}"
    ));
    let url = url(&database);
    let (_, host) = url.split_once('@').unwrap();
    let program = Program::new(&database).with("DATABASE_URL", &format!("postgres://{role}@{host}"));
    let refused = program.run(&["migrate"]);
    database.execute(&format!("GRANT UPDATE ON keyrack.users TO {role}"));
    let done = program.run(&["migrate"]);
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    refused.assert_refused(1, &["permission denied for view users", "GRANT SELECT, UPDATE ON keyrack.users"]);
    assert_eq!(done.status, 0, "{done:?}");
}

#[test]
fn own_schema_ignores_session_table_of_other_schema() {
    let table = CONNECT_PG_SIMPLE_TABLE.replace("\"user_sessions\"", "\"session\"");
    let Some(database) = database(&[&table, "CREATE SCHEMA keyrack"]) else { return };
    let program = Program::new(&database).with("DATABASE_URL", &url(&database));
    assert_eq!(program.done(&["doctor"]), "No problems found.\n");
    assert_eq!(database.count("pg_tables", "WHERE schemaname = 'keyrack' AND tablename = 'user_sessions'"), 1);
}

/// connect-pg-simple's table is called `session` by default: it is renamed, and a view keeps the old name.
#[test]
fn peer_statements_work_through_view_named_session() {
    let table = CONNECT_PG_SIMPLE_TABLE.replace("\"user_sessions\"", "\"session\"");
    let rename = "BEGIN; ALTER TABLE session RENAME TO user_sessions; \
                  CREATE VIEW session AS SELECT * FROM user_sessions; COMMIT";
    let Some(database) = database(&[&table, super::fixture::USERS]) else { return };
    let program = Program::new(&database);
    program.run(&["migrate"]).assert_refused(1, &["is called session", rename, "a schema of its own"]);
    database.execute(rename);
    program.done(&["migrate"]);
    let sess = sess(USER);
    let set = |expire: &str| {
        format!(
            "INSERT INTO \"session\" (sess, expire, sid) SELECT '{sess}', {expire}, 'sid'
             ON CONFLICT (sid) DO UPDATE SET sess = '{sess}', expire = {expire} RETURNING sid AS v"
        )
    };
    for expire in ["now() + interval '1 hour'", "now() + interval '2 hours'"] {
        assert_eq!(database.texts(&set(expire)), ["sid"]);
    }
    assert_eq!(
        database.texts("SELECT sess ->> 'userId' AS v FROM \"session\" WHERE sid = 'sid' AND expire >= now()"),
        [USER]
    );
    let touched = database.texts("UPDATE \"session\" SET expire = now() WHERE sid = 'sid' RETURNING sid AS v");
    assert_eq!(touched, ["sid"]);
    assert_eq!(database.count("sessions", "WHERE sid = 'sid' AND status = 'active'"), 1);
    database.execute("DELETE FROM \"session\" WHERE sid = 'sid'");
    assert_eq!(database.count("sessions", "WHERE sid = 'sid' AND status = 'logged_out'"), 1);
    assert_eq!(database.texts(&set("now() + interval '1 hour'")), <[String; 0]>::default());
}
