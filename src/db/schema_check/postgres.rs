//! Compares a PostgreSQL database with the migrations.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use diesel::{
    PgConnection, RunQueryDsl,
    sql_types::{Bool, Text},
};

use super::{
    definitions::{functions, postgres_triggers},
    problem::{Name, SchemaProblem},
};
use crate::{
    db::{
        DbConnection,
        express_import::{column_problems, postgres},
        schema::indexes::{ExistingIndexes, INDEXES, Index},
    },
    error::Result,
};

/// Sets the rights and the `search_path` of all functions, as the migrations do.
const SECURE: &str = "keyrack_secure_functions";

/// The functions that use no table, and run with the rights of their caller.
const WITHOUT_TABLES: [&str; 3] = ["keyrack_readable", "keyrack_user_of", SECURE];

/// The function that docs/partitions.sql replaces.
const REPLACED_BY_PARTITIONS: &str = "keyrack_keep_active_sessions";

/// Lists where the tables are found, to compare two search paths.
const TABLES_IN_PATH: &str = "\
    SELECT string_agg(coalesce(to_regclass(name)::oid::text, '-'), ' ' ORDER BY name) AS name \
    FROM unnest(ARRAY['users', 'sessions', 'user_sessions', 'replaced_sids', 'ended_sids', 'keyrack_settings', \
        'security_events']) AS name";

/// How long the check of a search path may take.
const SEARCH_PATH_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(diesel::QueryableByName)]
struct ExistingTrigger {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    fires: bool,
    #[diesel(sql_type = Bool)]
    runs_own_function: bool,
}

#[derive(diesel::QueryableByName)]
struct ExistingFunction {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    body: String,
    #[diesel(sql_type = Bool)]
    runs_as_owner: bool,
    #[diesel(sql_type = Text)]
    search_path: String,
    #[diesel(sql_type = Bool)]
    public_may_call: bool,
    #[diesel(sql_type = Text)]
    owner: String,
    #[diesel(sql_type = Bool)]
    owner_may_write: bool,
}

pub(super) fn find_problems(connection: &mut DbConnection) -> Result<Vec<SchemaProblem>> {
    let kinds = "SELECT concat(relname, ' ', relkind) AS name FROM pg_class
                 WHERE oid IN (to_regclass('users'), to_regclass('sessions'))";
    let kinds: Vec<Name> = diesel::sql_query(kinds).load(postgres(connection)?)?;
    let has = |kind: &str| kinds.iter().any(|row| row.name == kind);
    let mut problems = Vec::new();
    // Functions first: a trigger can only be restored if its function exists.
    problems.extend(function_problems(connection, has("sessions p"))?);
    problems.extend(trigger_problems(postgres(connection)?, has("users v"))?);
    problems.extend(missing_indexes(postgres(connection)?, has("users v"))?);
    let sentences = |rule, rows: Vec<Name>| rows.into_iter().map(move |row| SchemaProblem::new(rule, row.name));
    let settings = diesel::sql_query(include_str!("trigger_settings.sql")).load(postgres(connection)?)?;
    problems.extend(sentences("triggers turned off", settings));
    let tables = diesel::sql_query(include_str!("tables.sql")).load(postgres(connection)?)?;
    problems.extend(sentences("changed table", tables));
    let columns = column_problems(postgres(connection)?)?;
    problems.extend(columns.into_iter().map(|detail| SchemaProblem::new("changed table", detail)));
    Ok(problems)
}

fn function_problems(connection: &mut DbConnection, has_partitions: bool) -> Result<Vec<SchemaProblem>> {
    let rows: Vec<ExistingFunction> = diesel::sql_query(include_str!("functions.sql")).load(postgres(connection)?)?;
    let existing: BTreeMap<&str, &ExistingFunction> = rows.iter().map(|row| (row.name.as_str(), row)).collect();
    let mut problems = Vec::new();
    let mut definitions: Vec<_> = functions().into_iter().collect();
    // Restoring any other function needs this one.
    definitions.sort_by_key(|(name, _)| *name != SECURE);
    for (name, definition) in definitions {
        let repair = || format!("{}; SELECT {SECURE}()", definition.statement);
        let problem = |what: &str| {
            let detail = format!("the function {name} {what}: restore it by keyrack doctor --repair");
            SchemaProblem::new("changed function", detail)
        };
        match existing.get(name) {
            None => problems.push(problem("is missing").repaired_by(repair())),
            Some(_) if has_partitions && name == REPLACED_BY_PARTITIONS => {}
            Some(function) if function.body != definition.body => {
                problems.push(problem("differs from the migrations").repaired_by(repair()));
            }
            Some(_) if WITHOUT_TABLES.contains(&name) => {}
            Some(function) if !function.owner_may_write => {
                let owner = &function.owner;
                problems.push(SchemaProblem::new(
                    "changed function",
                    format!(
                        "the function {name} belongs to the role {owner}, which may not write to the tables: run ALTER \
                         FUNCTION {name} OWNER TO their owner"
                    ),
                ));
            }
            Some(function) if !function.runs_as_owner || function.search_path.is_empty() => {
                let what = "runs with the rights or the search_path of its caller";
                problems.push(problem(what).repaired_by(format!("SELECT {SECURE}()")));
            }
            Some(function) if function.public_may_call => {
                let what = "may be called by every role";
                problems.push(problem(what).repaired_by(format!("SELECT {SECURE}()")));
            }
            Some(_) => {}
        }
    }
    let paths = rows.iter().map(|row| row.search_path.as_str()).filter(|path| !path.is_empty());
    for path in paths.collect::<BTreeSet<_>>() {
        problems.extend(path_problem(connection, path)?);
    }
    Ok(problems)
}

/// Finds out whether functions with this `search_path` find the same tables as this connection.
fn path_problem(connection: &mut DbConnection, path: &str) -> Result<Option<SchemaProblem>> {
    let here: Name = diesel::sql_query(TABLES_IN_PATH).get_result(postgres(connection)?)?;
    let there: Name = connection.transaction(Instant::now() + SEARCH_PATH_TIMEOUT, |connection| {
        let connection = postgres(connection)?;
        diesel::sql_query("SELECT set_config('search_path', $1, true)").bind::<Text, _>(path).execute(connection)?;
        Ok(diesel::sql_query(TABLES_IN_PATH).get_result(connection)?)
    })?;
    let problem = || {
        let detail = format!(
            "the triggers look for their tables in {path}, where they are not, or where others of the same names are; a \
             schema was probably renamed: run keyrack doctor --repair"
        );
        SchemaProblem::new("renamed schema", detail).repaired_by(format!("SELECT {SECURE}()"))
    };
    Ok((here.name != there.name).then(problem))
}

fn trigger_problems(connection: &mut PgConnection, has_view: bool) -> Result<Vec<SchemaProblem>> {
    let existing: Vec<ExistingTrigger> = diesel::sql_query(include_str!("triggers.sql")).load(connection)?;
    let mut problems = Vec::new();
    for (name, definition) in postgres_triggers() {
        // A view needs no trigger.
        if definition.table == "users" && has_view {
            continue;
        }
        let (table, statement) = (definition.table, definition.statement);
        let problem = |what: &str| {
            let detail = format!("{name} {what}: restore it by keyrack doctor --repair");
            SchemaProblem::new("missing trigger or index", detail)
        };
        match existing.iter().find(|trigger| trigger.name == name && trigger.table == table) {
            None => problems.push(problem("is missing").repaired_by(statement.to_owned())),
            Some(trigger) if !trigger.runs_own_function => {
                let recreate = format!("DROP TRIGGER {name} ON {table}; {statement}");
                problems.push(problem("runs a function of another schema").repaired_by(recreate));
            }
            Some(trigger) if !trigger.fires => {
                let enable = format!("ALTER TABLE {table} ENABLE TRIGGER {name}");
                problems.push(problem("is disabled, or fires on replicas only").repaired_by(enable));
            }
            Some(_) => {}
        }
    }
    Ok(problems)
}

/// Finds the required indexes that no existing index covers. Views have no indexes: those of the table behind it are up
/// to its owner.
fn missing_indexes(connection: &mut PgConnection, has_view: bool) -> Result<Vec<SchemaProblem>> {
    let existing = ExistingIndexes::read(connection)?;
    let is_missing = |index: &&Index| !(existing.covers(index) || has_view && index.table == "users");
    let problem = |index: &Index| {
        let detail = format!("{} is missing: restore it from the migrations", index.name);
        SchemaProblem::new("missing trigger or index", detail)
    };
    Ok(INDEXES.iter().filter(is_missing).map(problem).collect())
}
