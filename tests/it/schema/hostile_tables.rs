//! A role that puts tables, triggers or schemas of its own where Keyrack looks for its tables, before or after the
//! first migration. Keyrack's role isn't a superuser here, which has the rights of every role.

use keyrack::db::{DatabaseUrl, migrate};

use crate::support::{EngineKind, Program, TestDatabase};

/// A database that has a role for Keyrack and another one, both with capitals in their names.
pub(super) struct TwoRoles {
    pub database: TestDatabase,
    pub keyrack: String,
    pub other: String,
    /// The database as Keyrack's role.
    pub url: String,
    /// The database as the other one.
    pub other_url: String,
}

impl TwoRoles {
    pub fn new(name: &str) -> Option<Self> {
        if !EngineKind::Postgres.is_available() {
            return None;
        }
        let database = TestDatabase::blank(EngineKind::Postgres);
        let (keyrack, other) =
            (format!("Keyrack {name} {}", std::process::id()), format!("Other {name} {}", std::process::id()));
        let (scheme, rest) = database.url().split_once("://").unwrap();
        let host = rest.split_once('@').map_or(rest, |(_, host)| host);
        let host = host.split(['?', '&']).next().unwrap();
        let [url, other_url] = [&keyrack, &other].map(|role| format!("{scheme}://{}@{host}", role.replace(' ', "%20")));
        let name = database.text("SELECT quote_ident(current_database()) AS v");
        // Until version 14, every role may create objects in the schema public.
        database.execute(&format!(
            "CREATE ROLE \"{keyrack}\" LOGIN; CREATE ROLE \"{other}\" LOGIN;
             GRANT CREATE ON DATABASE {name} TO \"{keyrack}\", \"{other}\";
             GRANT USAGE, CREATE ON SCHEMA public TO \"{keyrack}\", \"{other}\""
        ));
        Some(Self { database, keyrack, other, url, other_url })
    }

    pub fn migrate(&self) -> keyrack::error::Result<Vec<String>> {
        migrate(&self.url.parse::<DatabaseUrl>().unwrap())
    }

    pub fn program(&self) -> Program<'_> {
        Program::new(&self.database).with("DATABASE_URL", &self.url)
    }

    /// Runs statements as the role, with the default `search_path`.
    pub fn execute_as(&self, role: &str, sql: &str) {
        let sql = format!("SET search_path = public; SET ROLE \"{role}\"; {sql}");
        self.database.execute(&sql);
    }

    fn other(&self, sql: &str) {
        self.execute_as(&self.other, sql);
    }

    /// A function that gives the other role Keyrack's rights as soon as Keyrack runs it.
    fn trap(&self, name: &str, head: &str) {
        let keyrack = &self.keyrack;
        self.other(&format!(
            "CREATE TABLE IF NOT EXISTS public.prey (run_as text); GRANT ALL ON public.prey TO PUBLIC;
             CREATE FUNCTION public.{name} LANGUAGE plpgsql AS $$
             BEGIN
                 IF current_user = '{keyrack}' THEN INSERT INTO public.prey VALUES (current_user); END IF;
                 {head}
             END $$"
        ));
    }

    fn was_captured(&self) -> bool {
        self.database.text("SELECT count(*)::text AS v FROM public.prey") != "0"
    }

    /// The start, the migration and the doctor, with and without repair, refuse and name what they found.
    fn assert_refused(&self, parts: &[&str]) {
        let refused = self.migrate().unwrap_err().to_string();
        let program = self.program();
        let started = program.run(&["serve"]);
        let adopted = program.run(&["adopt", "--dry-run"]);
        let (found, repaired) = (program.run(&["doctor"]), program.run(&["doctor", "--repair"]));
        assert_eq!((started.status, found.status, repaired.status), (1, 1, 1), "{started:?} {found:?} {repaired:?}");
        for part in parts {
            for text in [&refused, &started.err, &adopted.err, &found.out, &repaired.out] {
                assert!(text.contains(part), "{part:?} is not in {text:?}");
            }
        }
        let report = program.run(&["doctor", "--json"]);
        let json: serde_json::Value = serde_json::from_str(&report.out).unwrap();
        assert_eq!(json["breaches"][0]["rule"], "object of another role", "{json}");
    }

    fn assert_accepted(&self) {
        self.migrate().unwrap();
        let found = self.program().run(&["doctor"]);
        assert_eq!(found.status, 0, "{found:?}");
    }
}

impl Drop for TwoRoles {
    fn drop(&mut self) {
        for role in [&self.keyrack, &self.other] {
            let _ = self.database.try_execute(&format!("DROP OWNED BY \"{role}\" CASCADE; DROP ROLE \"{role}\""));
        }
    }
}

#[test]
fn role_without_superuser_migrates_and_is_sound() {
    let Some(roles) = TwoRoles::new("sound") else { return };
    roles.assert_accepted();
}

#[test]
fn table_of_migrations_of_another_role_is_refused() {
    let Some(roles) = TwoRoles::new("versions") else { return };
    roles.trap("trap() RETURNS trigger", "RETURN NEW;");
    roles.other(
        "CREATE TABLE public.__diesel_schema_migrations (
             version varchar(50) PRIMARY KEY, run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
         );
         CREATE TRIGGER trap BEFORE INSERT ON public.__diesel_schema_migrations FOR EACH ROW EXECUTE FUNCTION trap();
         GRANT ALL ON public.__diesel_schema_migrations TO PUBLIC",
    );
    let owner = format!("belongs to the role \"{}\"", roles.other);
    roles.assert_refused(&["public.__diesel_schema_migrations", &owner, "DROP TABLE"]);
    assert!(!roles.was_captured());
    // Another owner doesn't make its trigger harmless.
    let keyrack = &roles.keyrack;
    roles.database.execute(&format!("ALTER TABLE public.__diesel_schema_migrations OWNER TO \"{keyrack}\""));
    roles.assert_refused(&["the trigger trap on __diesel_schema_migrations uses the function", &roles.other]);
    assert!(!roles.was_captured());
    roles.database.execute("DROP TABLE public.__diesel_schema_migrations");
    roles.other("DROP FUNCTION public.trap");
    roles.assert_accepted();
}

/// Reading a view runs its functions.
#[test]
fn view_in_place_of_the_table_of_migrations_is_refused() {
    let Some(roles) = TwoRoles::new("view") else { return };
    roles.trap("trap() RETURNS varchar", "RETURN 'x';");
    roles.other(
        "CREATE VIEW public.__diesel_schema_migrations AS SELECT public.trap() AS version;
         GRANT ALL ON public.__diesel_schema_migrations TO PUBLIC",
    );
    roles.assert_refused(&["the view public.__diesel_schema_migrations", "DROP VIEW"]);
    assert!(!roles.was_captured());
}

#[test]
fn trigger_and_rule_on_own_tables_are_refused() {
    let Some(roles) = TwoRoles::new("trigger") else { return };
    roles.assert_accepted();
    let other = &roles.other;
    roles.database.execute(&format!("GRANT TRIGGER ON public.keyrack_settings TO \"{other}\""));
    roles.trap("trap() RETURNS trigger", "RETURN NEW;");
    roles.other("CREATE TRIGGER trap BEFORE INSERT ON keyrack_settings FOR EACH ROW EXECUTE FUNCTION trap()");
    roles.assert_refused(&["the trigger trap on keyrack_settings uses the function", &roles.other]);
    assert!(!roles.was_captured());
    roles.database.execute(
        "DROP TRIGGER trap ON public.keyrack_settings;
         CREATE RULE quiet AS ON INSERT TO public.ended_sids DO ALSO NOTHING",
    );
    roles.assert_refused(&[
        "the rule quiet changes what statements on public.ended_sids do",
        "DROP RULE quiet ON public.ended_sids",
    ]);
    roles.database.execute(&format!(
        "DROP RULE quiet ON public.ended_sids; REVOKE TRIGGER ON public.keyrack_settings FROM \"{other}\""
    ));
    roles.other("DROP FUNCTION public.trap");
    roles.assert_accepted();
}

/// The default `search_path` is `"$user", public`.
#[test]
fn schema_of_another_role_before_the_tables_is_refused() {
    let Some(roles) = TwoRoles::new("schema") else { return };
    roles.assert_accepted();
    let (keyrack, other) = (&roles.keyrack, &roles.other);
    roles.other(&format!(
        "CREATE SCHEMA \"{keyrack}\"; GRANT USAGE, CREATE ON SCHEMA \"{keyrack}\" TO PUBLIC;
         CREATE TABLE \"{keyrack}\".known_browsers (id_hash text)"
    ));
    roles.assert_refused(&[
        &format!("the schema \"{keyrack}\" belongs to the role \"{other}\""),
        &format!("the table \"{keyrack}\".known_browsers belongs to the role \"{other}\""),
    ]);
    let functions =
        format!("SELECT count(*)::text AS v FROM pg_proc WHERE pronamespace = '\"{keyrack}\"'::regnamespace");
    assert_eq!(roles.database.text(&functions), "0");
    // An empty schema can be filled at any time.
    roles.other(&format!("DROP TABLE \"{keyrack}\".known_browsers"));
    roles.assert_refused(&[&format!("the schema \"{keyrack}\" belongs to the role \"{other}\"")]);
    // A membership that an administrator grants is trust.
    roles.database.execute(&format!("GRANT \"{other}\" TO \"{keyrack}\""));
    let migrated = roles.migrate();
    roles.database.execute(&format!("REVOKE \"{other}\" FROM \"{keyrack}\""));
    migrated.unwrap();
    roles.other(&format!("DROP SCHEMA \"{keyrack}\""));
    roles.assert_accepted();
}

#[test]
fn search_path_with_pg_catalog_at_its_end_is_refused() {
    let Some(mut roles) = TwoRoles::new("catalog") else { return };
    roles.url += "?options=-csearch_path%3Dpublic,pg_catalog";
    roles.assert_refused(&["pg_catalog after the schema public"]);
}

/// The checks themselves must not run what they look for.
#[test]
fn functions_that_the_checks_could_call_are_not_run() {
    let Some(roles) = TwoRoles::new("checks") else { return };
    roles.trap("quote_ident(name) RETURNS text", "RETURN $1::text;");
    roles.trap("format(text, text, text, text, text, text) RETURNS text", "RETURN $1;");
    roles.other(
        "CREATE FUNCTION public.keep(text, text, text) RETURNS text LANGUAGE plpgsql AS $$
         BEGIN
             IF current_user LIKE 'Keyrack %' THEN INSERT INTO public.prey VALUES (current_user); END IF;
             RETURN $3;
         END $$;
         CREATE AGGREGATE public.string_agg(text, text) (SFUNC = public.keep, STYPE = text, INITCOND = '');
         CREATE AGGREGATE public.max(varchar) (SFUNC = pg_catalog.text_larger, STYPE = text)",
    );
    let refused = roles.migrate().unwrap_err().to_string();
    for part in [
        "the function public.quote_ident(name) of the role",
        "the function public.format(text,text,text,text,text,text) of the role",
        "the aggregate public.string_agg(text,text) of the role",
        "run DROP AGGREGATE public.string_agg(text,text)",
        &roles.other,
    ] {
        assert!(refused.contains(part), "{part:?} is not in {refused:?}");
    }
    assert!(!roles.was_captured());
}

#[test]
fn aggregate_of_another_role_is_reported_by_start_and_doctor() {
    let Some(roles) = TwoRoles::new("aggregate") else { return };
    roles.assert_accepted();
    roles.other("CREATE AGGREGATE public.max(varchar) (SFUNC = pg_catalog.text_larger, STYPE = text)");
    let aggregate = "the aggregate public.max(character varying) of the role";
    let program = roles.program();
    let found = program.run(&["doctor"]);
    assert!(found.status == 1 && found.out.contains(aggregate), "{found:?}");
    assert!(found.out.contains("DROP AGGREGATE public.max(character varying)"), "{found:?}");
    program.serve().err.wait_for(aggregate);
}

/// `REVOKE ... FROM PUBLIC` leaves what default privileges gave to one role.
#[test]
fn default_privileges_let_no_other_role_call_functions() {
    let Some(roles) = TwoRoles::new("default") else { return };
    let (keyrack, other) = (&roles.keyrack, &roles.other);
    roles.execute_as(
        keyrack,
        &format!(
            "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO \"{other}\";
             ALTER DEFAULT PRIVILEGES GRANT SELECT, DELETE ON TABLES TO \"{other}\""
        ),
    );
    roles.migrate().unwrap();
    let callable = format!(
        "SELECT proname::text AS v FROM pg_proc CROSS JOIN aclexplode(proacl)
         WHERE starts_with(proname, 'keyrack_') AND grantee = '\"{other}\"'::regrole ORDER BY 1"
    );
    // These two use no table, and every role may call them.
    assert_eq!(roles.database.texts(&callable), ["keyrack_readable", "keyrack_user_of"]);
    let program = roles.program();
    let warned = program.run(&["doctor"]).err;
    assert!(warned.contains(&format!("\"{other}\" has the rights DELETE, SELECT on public.ended_sids")), "{warned}");
    roles.database.execute(&format!(
        "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM \"{other}\";
         GRANT EXECUTE ON FUNCTION public.keyrack_adopt TO \"{other}\" WITH GRANT OPTION"
    ));
    let found = program.run(&["doctor"]);
    assert!(found.status == 1 && found.out.contains("keyrack_adopt may be called by a role other"), "{found:?}");
    let repaired = program.run(&["doctor", "--repair"]);
    assert!(repaired.status == 0 && repaired.out.contains("(repaired)"), "{repaired:?}");
    assert_eq!(roles.database.texts(&callable), ["keyrack_readable", "keyrack_user_of"]);
    assert!(!program.run(&["doctor"]).err.contains("has the rights"));
}

/// They would run with Keyrack's rights. A role may make triggers on its own table, with functions that it may execute.
#[test]
fn other_role_can_make_no_trigger_with_keyracks_functions() {
    let Some(roles) = TwoRoles::new("trigger") else { return };
    roles.migrate().unwrap();
    let functions = roles.database.texts(
        "SELECT proname::text AS v FROM pg_proc
         WHERE starts_with(proname, 'keyrack_') AND prorettype = 'trigger'::regtype",
    );
    assert!(functions.len() > 20, "{functions:?}");
    roles.other(
        "CREATE TABLE bait (id int);
         CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
    );
    let make = |function: &str| {
        roles.database.try_execute(&format!(
            "SET search_path = public; SET ROLE \"{}\";
             CREATE TRIGGER bait BEFORE TRUNCATE ON bait FOR EACH STATEMENT EXECUTE FUNCTION {function}()",
            roles.other
        ))
    };
    for function in functions {
        assert!(make(&function).is_err(), "{function}");
    }
    make("own").unwrap();
}

#[test]
fn foreign_key_of_another_role_on_sessions_is_reported() {
    let Some(roles) = TwoRoles::new("pinned") else { return };
    roles.assert_accepted();
    let other = &roles.other;
    roles.database.execute(&format!("GRANT REFERENCES ON public.sessions TO \"{other}\""));
    roles.other("CREATE TABLE pins (id uuid CONSTRAINT \"Pin\" REFERENCES sessions)");
    let found = roles.program().run(&["doctor"]);
    for part in [
        format!("the constraint \"Pin\" of public.pins, a table of the role \"{other}\""),
        "DROP CONSTRAINT".to_owned(),
    ] {
        assert!(found.status == 1 && found.out.contains(&part), "{part:?} is not in {found:?}");
    }
    roles.other("DROP TABLE pins; CREATE TABLE pins (id uuid REFERENCES sessions ON DELETE CASCADE ON UPDATE CASCADE)");
    roles.assert_accepted();
}
