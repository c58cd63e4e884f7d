//! Alters tables that are in use: columns, indexes, constraints.

use diesel::connection::SimpleConnection;

use super::{
    catalog::{Catalog, Relation, count},
    expected_tables::{Column, IfMissing, Nullability, SESSIONS, Table, USERS},
    lock_timeout::execute_with_short_lock_timeout,
    postgres::postgres,
};
use crate::{
    db::{
        DbConnection,
        schema::indexes::{EMAIL_KEY, ExistingIndexes, INDEXES, Index},
    },
    error::Result,
};

/// A temporary index of the ended sessions that lack a time or a reason. `complete_ends.sql` uses it, then drops it.
const INCOMPLETE_ENDS: (&str, &str) =
    ("keyrack_incomplete_ends", "(id) WHERE status = 'logged_out' AND (logged_out_at IS NULL OR end_reason IS NULL)");

/// Adds missing columns and defaults. This changes no row, and other transactions wait only briefly.
pub(super) fn add_columns(connection: &mut DbConnection, catalog: &Catalog) -> Result<()> {
    for (relation, table) in catalog.real_tables() {
        let actions: Vec<String> =
            table.columns.iter().flat_map(|column| column_actions(catalog, table, column)).collect();
        alter_table(connection, relation, &actions)?;
    }
    Ok(())
}

/// The actions of ALTER TABLE that add a column and its default.
fn column_actions(catalog: &Catalog, table: &Table, column: &Column) -> Vec<String> {
    let name = column.name;
    let existing = catalog.column(table, column);
    let mut actions = Vec::new();
    if let (None, IfMissing::Add(definition) | IfMissing::AddAndBackfill(definition)) = (existing, column.if_missing) {
        actions.push(format!("ADD COLUMN {name} {definition}"));
    }
    let has_default = match existing {
        Some(attribute) => attribute.default.is_some(),
        None => matches!(column.if_missing, IfMissing::Add(_)),
    };
    if let (Nullability::RequiredWithDefault(value), false) = (column.nullability, has_default) {
        actions.push(format!("ALTER COLUMN {name} SET DEFAULT {value}"));
    }
    actions
}

/// Builds missing unique indexes concurrently. The backfill finds rows by them.
pub(super) fn build_unique_indexes(connection: &mut DbConnection, catalog: &Catalog) -> Result<()> {
    build_missing_indexes(connection, catalog, true)
}

/// Builds the other missing indexes concurrently. After the backfill, which then has fewer indexes to update.
pub(super) fn build_other_indexes(connection: &mut DbConnection, catalog: &Catalog) -> Result<()> {
    build_missing_indexes(connection, catalog, false)?;
    let Some(sessions) = catalog.get(&SESSIONS) else { return Ok(()) };
    let (name, definition) = INCOMPLETE_ENDS;
    let create = format!("CREATE INDEX CONCURRENTLY {name} ON {} {definition}", sessions.qualified_name);
    create_concurrently(connection, sessions, name, &create)
}

fn build_missing_indexes(connection: &mut DbConnection, catalog: &Catalog, unique: bool) -> Result<()> {
    let existing = ExistingIndexes::read(postgres(connection)?)?;
    for (relation, table) in catalog.real_tables() {
        let is_missing =
            |index: &&Index| index.table == table.name && index.unique == unique && !existing.covers(index);
        for index in INDEXES.iter().filter(is_missing) {
            build_index(connection, relation, index)?;
        }
    }
    Ok(())
}

fn build_index(connection: &mut DbConnection, relation: &Relation, index: &Index) -> Result<()> {
    let Index { name, key, unique, predicate, .. } = *index;
    let table = &relation.qualified_name;
    let is_name_taken = count(postgres(connection)?, include_str!("index_name_taken.sql"), &[table, name])? > 0;
    let name = if is_name_taken { format!("keyrack_{name}") } else { name.to_owned() };
    let kind = if unique { "UNIQUE INDEX" } else { "INDEX" };
    let condition = if predicate.is_empty() { String::new() } else { format!(" WHERE {predicate}") };
    tracing::info!(index = name, table, "building an index");
    let create = format!("CREATE {kind} CONCURRENTLY \"{name}\" ON {table} ({}){condition}", index.key_sql());
    create_concurrently(connection, relation, &name, &create)?;
    // A constraint has neither an expression nor a condition.
    if unique && key != EMAIL_KEY && predicate.is_empty() {
        let is_primary =
            key == "id" && count(postgres(connection)?, include_str!("primary_key_obstacles.sql"), &[table, key])? == 0;
        let constraint = if is_primary { "PRIMARY KEY" } else { "UNIQUE" };
        let add = format!("ALTER TABLE {table} ADD CONSTRAINT \"{name}\" {constraint} USING INDEX \"{name}\"");
        execute_with_short_lock_timeout(connection, &add)?;
    }
    Ok(())
}

/// Creates an index concurrently. An invalid index of this name, left behind by an interrupted run, is dropped first.
fn create_concurrently(connection: &mut DbConnection, relation: &Relation, name: &str, create: &str) -> Result<()> {
    let table = &relation.qualified_name;
    let left_behind = "SELECT count(*) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid \
                       WHERE indrelid = $1::regclass AND relname = $2";
    if count(postgres(connection)?, left_behind, &[table, name])? > 0 {
        let schema = table.rsplit_once('.').map_or("public", |(schema, _)| schema);
        connection.batch_execute(&format!("DROP INDEX CONCURRENTLY {schema}.\"{name}\""))?;
    }
    Ok(connection.batch_execute(create)?)
}

/// Adds constraints that hold for new rows at once, then validates them for the existing rows, which blocks no other
/// transaction.
pub(super) fn add_constraints(connection: &mut DbConnection, catalog: &Catalog) -> Result<()> {
    for (relation, table) in catalog.real_tables() {
        let nullable = required_but_nullable(catalog, table);
        let mut constraints: Vec<(String, String)> =
            nullable.iter().map(|name| (not_null_check(name), format!("CHECK ({name} IS NOT NULL)"))).collect();
        if table.name == SESSIONS.name {
            constraints.extend(sessions_constraints(catalog, relation));
        }
        let is_unvalidated = |name: &&String| relation.unvalidated_constraints.contains(name);
        let unvalidated: Vec<String> =
            constraints.iter().map(|(name, _)| name).filter(is_unvalidated).cloned().collect();
        constraints.retain(|(name, _)| !relation.constraints.contains(name));
        let additions: Vec<String> =
            constraints.iter().map(|(name, rule)| format!("ADD CONSTRAINT {name} {rule} NOT VALID")).collect();
        alter_table(connection, relation, &additions)?;
        for name in constraints.iter().map(|(name, _)| name).chain(&unvalidated) {
            let table = &relation.qualified_name;
            connection.batch_execute(&format!("ALTER TABLE {table} VALIDATE CONSTRAINT \"{name}\""))?;
        }
        // With the validated CHECK, SET NOT NULL does not read the table.
        let replacements: Vec<String> = nullable
            .iter()
            .flat_map(|name| {
                [format!("ALTER COLUMN {name} SET NOT NULL"), format!("DROP CONSTRAINT {}", not_null_check(name))]
            })
            .collect();
        alter_table(connection, relation, &replacements)?;
    }
    Ok(())
}

/// The constraints of `sessions`, besides NOT NULL: name and definition.
fn sessions_constraints(catalog: &Catalog, sessions: &Relation) -> Vec<(String, String)> {
    let status = "CHECK (status IN ('active', 'logged_out'))".to_owned();
    let mut constraints = vec![("sessions_status_check".to_owned(), status)];
    // A foreign key can't reference a view, and an existing foreign key to another table stays as it is.
    let name = "sessions_user_id_fkey".to_owned();
    let is_free = !sessions.has_user_foreign_key || sessions.unvalidated_constraints.contains(&name);
    if let Some(users) = catalog.get(&USERS).filter(|users| !users.is_view() && is_free) {
        constraints.push((name, format!("FOREIGN KEY (user_id) REFERENCES {} (id)", users.qualified_name)));
    }
    constraints
}

fn required_but_nullable(catalog: &Catalog, table: &Table) -> Vec<&'static str> {
    let is_required = |column: &&Column| column.nullability != Nullability::Nullable;
    let is_nullable = |column: &&Column| match catalog.column(table, column) {
        Some(attribute) => !attribute.not_null,
        None => matches!(column.if_missing, IfMissing::AddAndBackfill(_)),
    };
    table.columns.iter().filter(is_required).filter(is_nullable).map(|column| column.name).collect()
}

fn not_null_check(column: &str) -> String {
    format!("keyrack_{column}_not_null")
}

fn alter_table(connection: &mut DbConnection, relation: &Relation, actions: &[String]) -> Result<()> {
    if actions.is_empty() {
        return Ok(());
    }
    let sql = format!("ALTER TABLE {} {}", relation.qualified_name, actions.join(", "));
    execute_with_short_lock_timeout(connection, &sql)
}
