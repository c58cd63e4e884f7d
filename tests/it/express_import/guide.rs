//! Runs the statements of docs/express.md.

use super::fixture::{USER, database, insert_data, sess};
use crate::{
    schema::parity::CONNECT_PG_SIMPLE_TABLE,
    support::{EngineKind, Program, TestDatabase},
};

const GUIDE: &str = include_str!("../../../docs/express.md");

/// The SQL blocks under a heading.
pub fn statements(heading: &str) -> Vec<&'static str> {
    let (_, section) = GUIDE.split_once(&format!("# {heading}\n")).unwrap();
    let section = section.split("\n#").next().unwrap();
    section.split("```sql\n").skip(1).map(|block| block.split("```").next().unwrap()).collect()
}

fn url(database: &TestDatabase) -> String {
    let (_, options) = GUIDE.split_once("app?").unwrap();
    let separator = if database.url().contains('?') { '&' } else { '?' };
    format!("{}{separator}{}", database.url(), options.split('\'').next().unwrap())
}

#[test]
fn guide_for_numeric_user_ids_works() {
    let users = "CREATE TABLE users (id serial PRIMARY KEY, email text NOT NULL, tenant integer NOT NULL);
                 INSERT INTO users (email, tenant) VALUES ('rajat.verma@example.com', 1)";
    let own = "CREATE TABLE sessions (
                   id uuid PRIMARY KEY DEFAULT gen_random_uuid(), sid text NOT NULL UNIQUE,
                   user_id integer NOT NULL REFERENCES users,
                   status text NOT NULL DEFAULT 'active', expires_at timestamptz NOT NULL
               );
               INSERT INTO sessions (sid, user_id, expires_at) VALUES ('own', 1, now() + interval '1 day')";
    for with_own in [false, true] {
        let Some(database) = database(&[CONNECT_PG_SIMPLE_TABLE, users]) else { return };
        let [recipe, own_sessions] = statements("Users with ids that are numbers").try_into().unwrap();
        if with_own {
            database.execute(own);
        }
        let number = r#"{"cookie":{},"userId":1}"#;
        insert_data(&database, "number", 100, number);
        let rejected = Program::new(&database).run(&["migrate"]);
        rejected.assert_stderr_contains(&[
            "users.id is integer",
            "What can't be mapped",
            "users.tenant has no default",
            "a view of your users",
        ]);

        database.execute(recipe);
        let program = Program::new(&database).with("DATABASE_URL", &url(&database));
        if with_own {
            program.run(&["migrate"]).assert_refused(1, &["sessions.user_id is integer", "rename this column"]);
            database.execute(own_sessions);
            insert_data(&database, "own", 100, number);
        }
        program.done(&["migrate"]);
        let counted = program.json(&["adopt", "--apply", "--json"]);
        assert_eq!((&counted["no_uuid"], &counted["adopted"]), (&1.into(), &0.into()));
        let uuid = database.text("SELECT uuid::text AS v FROM users");
        insert_data(&database, "later", 100, &sess(&uuid));
        let listed = program.json(&["session", "list", "--user", "rajat.verma@example.com", "--json"]);
        assert_eq!(listed.as_array().unwrap().len(), 1 + usize::from(with_own));
        assert_eq!(database.count("user_sessions", "WHERE sid = 'number'"), 1);
    }
}

#[test]
fn going_back_removes_triggers_and_allows_new_import() {
    let objects = "(SELECT proname FROM pg_proc UNION ALL SELECT tgname FROM pg_trigger) AS objects (name)";
    let remaining = |database: &TestDatabase| database.count(objects, r"WHERE name LIKE 'keyrack\_%'");
    let [going_back] = statements("Going back").try_into().unwrap();
    let imported = super::fixture::all_tables();
    let created_by_keyrack = EngineKind::Postgres.is_available().then(|| TestDatabase::new(EngineKind::Postgres));
    for database in [imported, created_by_keyrack].into_iter().flatten() {
        let program = Program::new(&database);
        program.done(&["migrate", "--peers", "express"]);
        database.execute(&format!(
            "INSERT INTO users (id, email) VALUES ('{USER}', 'rajat.verma@example.com') ON CONFLICT DO NOTHING"
        ));
        for sid in ["ended", "alive"] {
            insert_data(&database, sid, 100, &sess(USER));
        }
        database.execute("UPDATE sessions SET status = 'logged_out' WHERE sid = 'ended'");
        assert_ne!(remaining(&database), 0);

        database.execute(going_back);
        assert_eq!(remaining(&database), 0);
        insert_data(&database, "new", 100, &sess(USER));
        database.execute("DELETE FROM user_sessions WHERE sid = 'alive'");

        program.done(&["migrate"]);
        let adopted = program.json(&["adopt", "--apply", "--json"]);
        assert_eq!(adopted["adopted"], 1, "{adopted}");
        assert_eq!(database.texts("SELECT sid AS v FROM sessions WHERE status = 'logged_out'"), ["ended"]);
        insert_data(&database, "ended", 100, &sess(USER));
        assert_eq!(database.texts("SELECT sid AS v FROM user_sessions"), ["new"]);
        // Ends the session that a peer has ended in the meantime.
        program.done(&["doctor", "--repair"]);
        assert_eq!(database.texts("SELECT sid AS v FROM sessions WHERE status = 'active'"), ["new"]);
        assert_eq!(program.done(&["doctor"]), "No problems found.\n");
    }
}

/// connect-pg-simple creates a table of its own under names that Keyrack's table has already.
#[test]
fn own_table_of_the_application_works_under_the_names_of_the_guide() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let database = TestDatabase::new(EngineKind::Postgres);
    let own = CONNECT_PG_SIMPLE_TABLE.replace("\"user_sessions\"", "\"session\"");
    let refused = database.try_execute(&format!("BEGIN; {own} COMMIT")).unwrap_err().to_string();
    assert!(refused.contains("session_pkey"), "{refused}");
    let (_, name) = GUIDE.split_once("`CONSTRAINT ").unwrap();
    let name = name.split(' ').next().unwrap();
    database.execute(&own.replace("session_pkey", name).replace("IDX_session_expire", "own_session_expire"));
    database.execute("INSERT INTO session VALUES ('own', '{}', now())");
    let program = Program::new(&database);
    program.add_user("rajat.verma@example.com");
    program.serve().signed_in("rajat.verma@example.com");
    assert_eq!(program.done(&["doctor"]), "No problems found.\n");
    assert_eq!((database.count("session", ""), database.count("user_sessions", "")), (1, 1));
}
