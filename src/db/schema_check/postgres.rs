//! Compares a PostgreSQL database with the migrations.

use diesel::{
    PgConnection, RunQueryDsl,
    sql_types::{Bool, Text},
};

use super::{
    columns::postgres_column_problems,
    definitions::postgres_triggers,
    functions::function_problems,
    other_roles::{object_problems, objects_of_others, rights_problems, tables_of_others},
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

/// The statement that adds the constraint `security_events_are_readable`.
const READABLE_EVENTS: &str = include_str!("../../../migrations/postgres/2026-11-27-000071_readable_rows/up.sql");

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

pub(super) fn find_problems(connection: &mut DbConnection) -> Result<Vec<SchemaProblem>> {
    let tables = tables_of_others(postgres(connection)?)?;
    if !tables.is_empty() {
        // The other checks would read these tables, and a repair would change them.
        return Ok(tables);
    }
    // A repair creates functions and triggers, of which such an object would become a part.
    let is_repairable = objects_of_others(connection)?.is_empty();
    let problems = find_differences(connection)?;
    Ok(if is_repairable { problems } else { problems.into_iter().map(SchemaProblem::without_repair).collect() })
}

fn find_differences(connection: &mut DbConnection) -> Result<Vec<SchemaProblem>> {
    let kinds = "SELECT concat(relname, ' ', relkind) AS name FROM pg_class
                 WHERE oid IN (to_regclass('users'), to_regclass('sessions'))";
    let kinds: Vec<Name> = diesel::sql_query(kinds).load(postgres(connection)?)?;
    let has = |kind: &str| kinds.iter().any(|row| row.name == kind);
    let mut problems = Vec::new();
    // Functions first: a trigger can only be restored if its function exists.
    problems.extend(function_problems(postgres(connection)?, has("sessions p"))?);
    problems.extend(trigger_problems(postgres(connection)?, has("users v"))?);
    problems.extend(missing_indexes(postgres(connection)?, has("users v"))?);
    let sentences = |rule, rows: Vec<Name>| rows.into_iter().map(move |row| SchemaProblem::new(rule, row.name));
    let settings = diesel::sql_query(include_str!("trigger_settings.sql")).load(postgres(connection)?)?;
    problems.extend(sentences("triggers turned off", settings));
    let tables = diesel::sql_query(include_str!("tables.sql")).load(postgres(connection)?)?;
    problems.extend(sentences("changed table", tables));
    let columns = column_problems(postgres(connection)?)?;
    problems.extend(columns.into_iter().map(|detail| SchemaProblem::new("changed table", detail)));
    problems.extend(postgres_column_problems(postgres(connection)?)?);
    problems.extend(missing_constraint(postgres(connection)?)?);
    problems.extend(object_problems(postgres(connection)?)?);
    problems.extend(rights_problems(postgres(connection)?)?);
    Ok(problems)
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

/// Finds out whether the constraint is there that refuses events which Keyrack can't read.
fn missing_constraint(connection: &mut PgConnection) -> Result<Option<SchemaProblem>> {
    let missing = "SELECT 'security_events_are_readable' AS name
                   WHERE to_regclass('security_events') IS NOT NULL AND NOT EXISTS (
                       SELECT FROM pg_constraint
                       WHERE conrelid = to_regclass('security_events') AND conname = 'security_events_are_readable'
                   )";
    let missing: Vec<Name> = diesel::sql_query(missing).load(connection)?;
    let problem = |Name { name }| {
        let detail = format!("the constraint {name} is missing: restore it by keyrack doctor --repair");
        SchemaProblem::new("missing trigger or index", detail).repaired_by(READABLE_EVENTS.to_owned())
    };
    Ok(missing.into_iter().next().map(problem))
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
