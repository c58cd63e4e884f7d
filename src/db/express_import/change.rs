//! Bringing the tables to shape, while others work on them: columns, indexes, constraints.

use diesel::connection::SimpleConnection;

use super::{
    catalog::{Catalog, Relation, count},
    lock_timeout::execute_briefly,
    postgres,
    shape::{Column, Missing, Presence, SESSIONS, Table, USERS},
};
use crate::{
    db::{
        DbConnection,
        schema::indexes::{INDEXES, Index, Present},
    },
    error::Result,
};

/// Shows the ended sessions that still lack a time or a reason, so that the last of them are found at once.
pub(super) const INCOMPLETE: &str = "sessions_to_take_over";

/// What makes a session one of them.
pub(super) const IS_INCOMPLETE: &str = "status = 'logged_out' AND (logged_out_at IS NULL OR end_reason IS NULL)";

/// Adds the columns and defaults that are missing: no row changes, and nobody waits longer than for a glance.
pub(super) fn add_columns(connection: &mut DbConnection, catalog: &Catalog) -> Result<()> {
    for (relation, table) in catalog.real_tables() {
        let changes: Vec<String> = table.columns.iter().flat_map(|column| addition(catalog, table, column)).collect();
        alter(connection, relation, &changes)?;
    }
    Ok(())
}

fn addition(catalog: &Catalog, table: &Table, column: &Column) -> Vec<String> {
    let name = column.name;
    let existing = catalog.column(table, column);
    let mut changes = Vec::new();
    if let (None, Missing::Added(definition) | Missing::Filled(definition)) = (existing, column.missing) {
        changes.push(format!("ADD COLUMN {name} {definition}"));
    }
    let has_default = match existing {
        Some(attribute) => attribute.default.is_some(),
        None => matches!(column.missing, Missing::Added(_)),
    };
    if let (Presence::Default(value), false) = (column.presence, has_default) {
        changes.push(format!("ALTER COLUMN {name} SET DEFAULT {value}"));
    }
    changes
}

/// Builds the unique indexes that are missing, while everybody goes on writing. What follows finds rows by them.
pub(super) fn build_keys(connection: &mut DbConnection, catalog: &Catalog) -> Result<()> {
    build_where(connection, catalog, |index| index.unique)
}

/// Builds the others: when the rows have their values, so that filling these in changes fewer indexes.
pub(super) fn build_indexes(connection: &mut DbConnection, catalog: &Catalog) -> Result<()> {
    build_where(connection, catalog, |index| !index.unique)?;
    let Some(sessions) = catalog.get(&SESSIONS) else { return Ok(()) };
    let on = format!("{} (id) WHERE {IS_INCOMPLETE}", sessions.qualified);
    concurrently(connection, sessions, INCOMPLETE, &format!("CREATE INDEX CONCURRENTLY {INCOMPLETE} ON {on}"))
}

fn build_where(connection: &mut DbConnection, catalog: &Catalog, wanted: fn(&Index) -> bool) -> Result<()> {
    let present = Present::read(postgres(connection)?)?;
    for (relation, table) in catalog.real_tables() {
        for index in INDEXES.iter().filter(|index| index.table == table.name && wanted(index) && !present.serves(index))
        {
            build(connection, relation, index)?;
        }
    }
    Ok(())
}

fn build(connection: &mut DbConnection, relation: &Relation, index: &Index) -> Result<()> {
    let Index { name, key, unique, only, .. } = *index;
    let only = if only.is_empty() { String::new() } else { format!(" WHERE {only}") };
    // The name may be taken: by an index that does something else, or by another table's.
    let taken = format!(
        "SELECT count(*) FROM pg_class c JOIN pg_class t ON t.oid = '{table}'::regclass AND t.relnamespace = c.relnamespace \
         LEFT JOIN pg_index ON indexrelid = c.oid \
         WHERE c.relname = '{name}' AND NOT (indrelid IS NOT DISTINCT FROM t.oid AND NOT indisvalid)",
        table = relation.qualified
    );
    let is_taken = count(postgres(connection)?, &taken)? > 0;
    let name = if is_taken { format!("keyrack_{name}") } else { name.to_owned() };
    let kind = if unique { "UNIQUE INDEX" } else { "INDEX" };
    let table = &relation.qualified;
    tracing::info!(index = name, table, "building an index");
    concurrently(
        connection,
        relation,
        &name,
        &format!("CREATE {kind} CONCURRENTLY \"{name}\" ON {table} ({key}){only}"),
    )?;
    if unique && key != "lower(email)" {
        // A table has one primary key at most, and making a column that may be null part of it would read the whole table.
        let stands_in_the_way = format!(
            "SELECT (SELECT count(*) FROM pg_index WHERE indrelid = '{table}'::regclass AND indisprimary) + \
             (SELECT count(*) FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attname = '{key}' AND NOT attnotnull) \
             AS count"
        );
        let is_primary = key == "id" && count(postgres(connection)?, &stands_in_the_way)? == 0;
        let constraint = if is_primary { "PRIMARY KEY" } else { "UNIQUE" };
        let adding = format!("ALTER TABLE {table} ADD CONSTRAINT \"{name}\" {constraint} USING INDEX \"{name}\"");
        execute_briefly(connection, &adding)?;
    }
    Ok(())
}

/// One that an interrupted run has left behind is there without being used, and is made anew.
fn concurrently(connection: &mut DbConnection, relation: &Relation, name: &str, create: &str) -> Result<()> {
    let left_behind = format!(
        "SELECT count(*) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid \
         WHERE indrelid = '{}'::regclass AND relname = '{name}'",
        relation.qualified
    );
    if count(postgres(connection)?, &left_behind)? > 0 {
        let schema = relation.qualified.rsplit_once('.').map_or("public", |(schema, _)| schema);
        connection.batch_execute(&format!("DROP INDEX CONCURRENTLY {schema}.\"{name}\""))?;
    }
    Ok(connection.batch_execute(create)?)
}

/// Makes the rules hold for rows to come, at once, and then for those that are there, which nobody waits for.
pub(super) fn add_constraints(connection: &mut DbConnection, catalog: &Catalog) -> Result<()> {
    for (relation, table) in catalog.real_tables() {
        let nullable = required_but_nullable(catalog, table);
        let mut rules: Vec<(String, String)> =
            nullable.iter().map(|name| (not_null_name(name), format!("CHECK ({name} IS NOT NULL)"))).collect();
        if table.name == SESSIONS.name {
            let status = "CHECK (status IN ('active', 'logged_out'))".to_owned();
            rules.push(("sessions_status_check".to_owned(), status));
            // A view's rows can't be referred to; and who refers to another table of users goes on doing so.
            let name = "sessions_user_id_fkey".to_owned();
            let is_ours = !relation.refers || relation.not_validated.contains(&name);
            if let Some(users) = catalog.get(&USERS).filter(|users| !users.is_view() && is_ours) {
                rules.push((name, format!("FOREIGN KEY (user_id) REFERENCES {} (id)", users.qualified)));
            }
        }
        let not_validated: Vec<String> =
            rules.iter().map(|(name, _)| name).filter(|name| relation.not_validated.contains(name)).cloned().collect();
        rules.retain(|(name, _)| !relation.constraints.contains(name));
        let adding: Vec<String> =
            rules.iter().map(|(name, rule)| format!("ADD CONSTRAINT {name} {rule} NOT VALID")).collect();
        alter(connection, relation, &adding)?;
        for name in rules.iter().map(|(name, _)| name).chain(&not_validated) {
            // Others go on reading and writing meanwhile.
            connection.batch_execute(&format!("ALTER TABLE {} VALIDATE CONSTRAINT \"{name}\"", relation.qualified))?;
        }
        // The server knows by the validated rule that it need not look at the rows again.
        let settled: Vec<String> = nullable
            .iter()
            .flat_map(|name| {
                [format!("ALTER COLUMN {name} SET NOT NULL"), format!("DROP CONSTRAINT {}", not_null_name(name))]
            })
            .collect();
        alter(connection, relation, &settled)?;
    }
    Ok(())
}

fn required_but_nullable(catalog: &Catalog, table: &Table) -> Vec<&'static str> {
    let is_required = |column: &&Column| column.presence != Presence::Optional;
    let is_nullable = |column: &&Column| match catalog.column(table, column) {
        Some(attribute) => !attribute.not_null,
        None => matches!(column.missing, Missing::Filled(_)),
    };
    table.columns.iter().filter(is_required).filter(is_nullable).map(|column| column.name).collect()
}

fn not_null_name(column: &str) -> String {
    format!("keyrack_{column}_not_null")
}

fn alter(connection: &mut DbConnection, relation: &Relation, changes: &[String]) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    execute_briefly(connection, &format!("ALTER TABLE {} {}", relation.qualified, changes.join(", ")))
}
