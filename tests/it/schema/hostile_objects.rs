//! A role that may create objects in the schema of the tables, and makes operators and functions that fit exactly.

use keyrack::db::migrate;

use crate::support::{EngineKind, Program, TestDatabase};

const USER: &str = "550e8400-e29b-41d4-a716-446655440000";

/// The types of Keyrack's columns and variables, and others that PostgreSQL might convert them to.
const TYPES: &str = "ARRAY['text', 'varchar', 'bpchar', 'name', 'uuid', 'timestamptz', 'timestamp', 'json', 'bool', 'int4', 'int8', \
                     'float8', 'interval', 'xid', 'text[]']";

const OPERATORS: &str =
    "ARRAY['=', '<>', '<', '>', '<=', '>=', '~', '~*', '~~', '||', '->', '->>', '#>>', '+', '-', '*']";

/// A role without any right but that to create objects in the schema, and to write data as an application does.
struct Mallory {
    database: TestDatabase,
    role: String,
    schema: String,
}

impl Mallory {
    fn new(database: TestDatabase, name: &str) -> Self {
        let (schema, role) = (database.schema(), format!("keyrack_{name}_{}", std::process::id()));
        database.execute(&format!("CREATE ROLE {role} LOGIN; GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"));
        Self { database, role, schema }
    }

    fn execute(&self, sql: &str) {
        self.database.execute(&format!("SET ROLE {}; {sql}", self.role));
    }

    /// Runs statements whose own names are found in `pg_catalog`, with `$` for the schema of the tables.
    fn run(&self, as_role: &str, sql: &str) -> diesel::QueryResult<()> {
        let sql = sql.replace('$', &format!("{}.", self.schema));
        self.database.try_execute(&format!(
            "SET track_functions = 'all'; SET ROLE {as_role}; SET search_path = pg_catalog; {sql}"
        ))
    }

    /// Makes operators for all pairs of types, and functions with the names of those that Keyrack's functions call.
    fn set_traps(&self) {
        self.execute(&format!(
            "DO $do$
             DECLARE
                 l text; r text; o text; kind text; f text; trap text;
                 body CONSTANT text := $$LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''captured''; END'$$;
             BEGIN
                 FOREACH l IN ARRAY {TYPES} LOOP
                     FOREACH r IN ARRAY {TYPES} LOOP
                         FOREACH kind IN ARRAY ARRAY['bool', 'text', 'json', 'timestamptz'] LOOP
                             EXECUTE format('CREATE FUNCTION {schema}.trap_%s(%s, %s) RETURNS %s %s', kind, l, r, kind, body);
                         END LOOP;
                         FOREACH o IN ARRAY {OPERATORS} LOOP
                             trap := CASE
                                 WHEN o IN ('->') THEN 'json' WHEN o IN ('->>', '#>>', '||') THEN 'text'
                                 WHEN o IN ('+', '-', '*') THEN 'timestamptz' ELSE 'bool'
                             END;
                             EXECUTE format(
                                 'CREATE OPERATOR {schema}.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = {schema}.trap_%s)',
                                 o, l, r, trap
                             );
                         END LOOP;
                     END LOOP;
                 END LOOP;
                 FOR f IN
                     SELECT DISTINCT match[1] FROM pg_proc, regexp_matches(prosrc, '([a-z_]+)\\(', 'g') AS match
                     WHERE starts_with(proname, 'keyrack_') AND match[1] IN (
                         SELECT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
                     )
                 LOOP
                     FOREACH l IN ARRAY {TYPES} LOOP
                         EXECUTE format('CREATE FUNCTION {schema}.%I(%s) RETURNS text %s', f, l, body);
                         FOREACH r IN ARRAY {TYPES} LOOP
                             EXECUTE format('CREATE FUNCTION {schema}.%I(%s, %s) RETURNS text %s', f, l, r, body);
                         END LOOP;
                     END LOOP;
                 END LOOP;
                 FOREACH o IN ARRAY ARRAY['text', 'bpchar', 'name'] LOOP
                     EXECUTE format('CREATE FUNCTION {schema}.keyrack_adopt(%s, json, timestamp) RETURNS bool %s', o, body);
                 END LOOP;
             END
             $do$",
            schema = self.schema
        ));
    }
}

impl Drop for Mallory {
    fn drop(&mut self) {
        let role = &self.role;
        let _ = self.database.try_execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
    }
}

fn on_postgres(name: &str, test: impl FnOnce(&Mallory)) {
    if EngineKind::Postgres.is_available() {
        test(&Mallory::new(TestDatabase::new(EngineKind::Postgres), name));
    }
}

/// What makes every trigger run: as an application, and as an administrator. The last part of each is an error.
const STEPS: [(&str, &str); 24] = [
    ("a user", "INSERT INTO $users (id, email) VALUES ('{USER}', 'rajat.verma@example.com')"),
    ("adopting", "INSERT INTO $user_sessions VALUES ('s1', '{SESS}', '2999-01-01'), ('s2', '{SESS}', '2999-01-01')"),
    (
        "a late upsert",
        "INSERT INTO $user_sessions VALUES ('s1', '{SESS}', '2999-01-02')
         ON CONFLICT (sid) DO UPDATE SET sess = excluded.sess, expire = excluded.expire",
    ),
    (
        "a row of the application",
        "INSERT INTO $sessions (sid, user_id, expires_at) VALUES ('s2', '{USER}', '2999-01-01')",
    ),
    ("no absolute expiry", "UPDATE $sessions SET expires_at = 'infinity' WHERE sid = 's2'"),
    (
        "activity",
        "UPDATE $sessions SET last_seen_at = '2020-01-01', created_at = '2020-01-01';
         UPDATE $user_sessions SET expire = '2999-02-01', sess = '{\"role\":\"user\",\"x\":\"\\u0000\"}' WHERE sid = 's2'",
    ),
    ("another role", "UPDATE $users SET role = 'admin', email = 'rv@example.com'"),
    ("a known browser", "INSERT INTO $known_browsers (id_hash, user_id, session_id) SELECT 'h', user_id, id FROM $sessions WHERE sid = 's2'"),
    ("a revocation", "UPDATE $sessions SET status = 'logged_out', end_reason = 'revoked' WHERE sid = 's2'"),
    ("a dead sid", "INSERT INTO $user_sessions VALUES ('s2', '{SESS}', '2999-01-01')"),
    ("another user's data", "UPDATE $user_sessions SET sess = '\"{}\"' WHERE sid = 's1'"),
    ("a string", "INSERT INTO $user_sessions VALUES ('s3', '\"{\\\"userId\\\":\\\"{USER}\\\"}\"', '2999-01-01')"),
    ("a sign-out", "DELETE FROM $user_sessions WHERE sid = 's1'"),
    ("a sign-out that keeps the sid", "INSERT INTO $user_sessions VALUES ('s3', '{}', '2999-01-01') ON CONFLICT (sid) DO UPDATE SET sess = '{}'"),
    (
        "an expiry in the past",
        "INSERT INTO $user_sessions VALUES ('s4', '{SESS}', '2999-01-01');
         UPDATE $sessions SET expires_at = '2020-01-01' WHERE sid = 's4'",
    ),
    ("deleted rows", "DELETE FROM $sessions WHERE sid = 's4'; DELETE FROM $sessions"),
    (
        "a disabled user",
        "INSERT INTO $user_sessions VALUES ('s5', '{SESS}', '2999-01-01');
         UPDATE $users SET disabled_at = now(); INSERT INTO $user_sessions VALUES ('s6', '{SESS}', '2999-01-01');
         UPDATE $users SET disabled_at = NULL",
    ),
    ("emptied data", "INSERT INTO $user_sessions VALUES ('s7', '{SESS}', '2999-01-01'); TRUNCATE $user_sessions"),
    (
        "emptied sessions",
        "INSERT INTO $user_sessions VALUES ('s8', '{SESS}', '2999-01-01'); TRUNCATE $sessions, $replaced_sids",
    ),
    ("a deleted user", "INSERT INTO $user_sessions VALUES ('s9', '{SESS}', '2999-01-01'); DELETE FROM $users"),
    ("a changed setting", "UPDATE $keyrack_settings SET value = 'none' WHERE name = 'peers'"),
    ("emptied settings", "TRUNCATE $keyrack_settings"),
    ("a changed event", "UPDATE $security_events SET kind = 'other'"),
    ("deleted events", "DELETE FROM $security_events"),
];

/// Without the schema of the tables in the functions' `search_path`, nothing that is made there can be called.
#[test]
fn functions_use_no_operator_or_function_of_another_role() {
    on_postgres("trapper", |mallory| {
        let database = &mallory.database;
        database.adopt_peers();
        mallory.set_traps();
        let sess =
            format!("{{\"userId\":\"{USER}\",\"role\":\"user\",\"email\":\"e\",\"cookie\":{{\"expires\":\"x\"}}}}");
        for (what, sql) in STEPS {
            let sql = sql.replace("{SESS}", &sess).replace("{USER}", USER);
            let outcome = mallory.run("NONE", &sql);
            let message = outcome.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(message.is_empty() || what.ends_with("event") || what.ends_with("events"), "{what}: {message}");
            assert!(!message.contains("captured"), "{what}: {message}");
        }
        let refused = mallory.run("NONE", "TRUNCATE $security_events").unwrap_err().to_string();
        assert!(refused.contains("never truncated"), "{refused}");
        let events = mallory.run("NONE", "UPDATE $security_events SET kind = 'other'").unwrap_err().to_string();
        assert!(events.contains("never changed"), "{events}");
        // Every function has run, so that none was left out above.
        let unused = || {
            database.texts(
                "SELECT proname::text AS v FROM pg_proc LEFT JOIN pg_stat_user_functions ON funcid = pg_proc.oid
                 WHERE pg_catalog.starts_with(proname::text, 'keyrack_') AND calls IS NULL
                     AND prorettype = 'pg_catalog.trigger'::regtype::oid",
            )
        };
        let version = database.text("SELECT current_setting('server_version_num') AS v");
        if version.parse::<u32>().unwrap() < 150_000 {
            // Before version 15, an idle connection keeps its counts of calls to itself.
            return;
        }
        crate::support::wait_until(|| unused().is_empty());
        let traps = "SELECT funcname::text AS v FROM pg_stat_user_functions WHERE pg_catalog.starts_with(funcname::text, 'trap_')";
        assert!(database.texts(traps).is_empty());
    });
}

/// As the role itself, which has the rights of an application.
#[test]
fn role_with_create_right_runs_no_code_as_owner() {
    on_postgres("climber", |mallory| {
        let (database, schema, role) = (&mallory.database, &mallory.schema, &mallory.role);
        database.adopt_peers();
        database.execute(&format!(
            "INSERT INTO users (id, email) VALUES ('{USER}', 'rajat.verma@example.com');
             GRANT SELECT, INSERT, UPDATE, DELETE ON user_sessions TO {role}"
        ));
        mallory.execute(&format!(
            "CREATE FUNCTION {schema}.equal(varchar, varchar) RETURNS bool LANGUAGE plpgsql AS $$
             BEGIN
                 IF current_user <> '{role}' THEN
                     EXECUTE 'ALTER ROLE {role} CREATEROLE';
                 END IF;
                 RETURN $1::text = $2::text;
             END $$;
             CREATE OPERATOR {schema}.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = {schema}.equal)"
        ));
        let sess = format!("{{\"userId\":\"{USER}\"}}");
        let insert = format!("INSERT INTO $user_sessions VALUES ('s1', '{sess}', '2999-01-01')");
        mallory.run(role, &insert).unwrap();
        mallory.run(role, "DELETE FROM $user_sessions").unwrap();
        assert_eq!(
            database.text(&format!("SELECT rolcreaterole::text AS v FROM pg_roles WHERE rolname = '{role}'")),
            "false"
        );
        assert_eq!(database.count("sessions", "WHERE status = 'logged_out'"), 1, "the triggers ran");
    });
}

#[test]
fn right_to_create_is_warned_of_at_start_and_by_doctor() {
    on_postgres("warned", |mallory| {
        let (schema, role) = (&mallory.schema, &mallory.role);
        mallory.database.execute(&format!("GRANT CREATE ON SCHEMA {schema} TO PUBLIC"));
        let warning = format!("may create objects in the schema {schema} (PUBLIC, {role})");
        let advice = format!("REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {role}");
        let program = Program::new(&mallory.database);
        let mut serving = program.serve();
        let line: serde_json::Value = serde_json::from_str(&serving.err.wait_for("may create objects")).unwrap();
        let log = line["message"].as_str().unwrap();
        assert!(log.contains(&warning) && log.contains(&advice), "{log}");
        let found = program.run(&["doctor"]);
        assert_eq!(found.status, 0, "no rule is broken: {found:?}");
        assert!(found.err.contains(&warning) && found.err.contains(&advice), "{found:?}");
        assert!(program.json(&["doctor", "--json"])["warnings"][0].as_str().unwrap().contains(&warning));
        mallory.database.execute(&advice);
        assert_eq!(program.run(&["doctor"]).err, "");
    });
}

#[test]
fn objects_of_another_role_are_reported_by_doctor() {
    on_postgres("reported", |mallory| {
        let (schema, role) = (&mallory.schema, &mallory.role);
        mallory.execute(&format!(
            "CREATE FUNCTION {schema}.trap(varchar, varchar) RETURNS bool LANGUAGE sql AS 'SELECT true';
             CREATE OPERATOR {schema}.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = {schema}.trap);
             CREATE FUNCTION {schema}.lower(varchar) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
             CREATE FUNCTION {schema}.keyrack_adopt(text, json, timestamp) RETURNS bool LANGUAGE sql AS 'SELECT true'"
        ));
        mallory.database.execute("ALTER TABLE sessions ADD CONSTRAINT odd CHECK (end_reason = end_reason)");
        let found = Program::new(&mallory.database).run(&["doctor"]);
        assert_eq!(found.status, 1, "{found:?}");
        for part in [
            format!("(character varying,character varying) of the role {role} might be run"),
            format!("lower(character varying) of the role {role} might be run"),
            format!("keyrack_adopt(text,json,timestamp without time zone) of the role {role} has the name of one"),
            "the constraint odd of sessions uses the operator".to_owned(),
        ] {
            assert!(found.out.contains(&part), "{part:?} is not in {found:?}");
        }
    });
}

/// Otherwise it would become part of a CHECK or of a trigger's condition.
#[test]
fn database_with_operator_of_another_role_is_not_migrated() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let mallory = Mallory::new(TestDatabase::blank(EngineKind::Postgres), "early");
    let schema = &mallory.schema;
    mallory.execute(&format!(
        "CREATE FUNCTION {schema}.trap(varchar, varchar) RETURNS bool LANGUAGE sql AS 'SELECT true';
         CREATE OPERATOR {schema}.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = {schema}.trap)"
    ));
    let url = mallory.database.parsed_url();
    let refused = migrate(&url).unwrap_err().to_string();
    for part in ["nothing was migrated", "the operator", &mallory.role, "DROP OPERATOR"] {
        assert!(refused.contains(part), "{part:?} is not in {refused:?}");
    }
    mallory.execute(&format!("DROP OPERATOR {schema}.= (varchar, varchar)"));
    assert!(!migrate(&url).unwrap().is_empty());
}
