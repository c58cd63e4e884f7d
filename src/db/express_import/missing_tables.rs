//! Creates the tables that the application does not have, from the statements of the migrations that the import
//! replaces.

use diesel::connection::SimpleConnection;

use super::{
    catalog::{Catalog, Relation},
    expected_tables::{TABLES, Table, USERS},
    lock_timeout::execute_with_short_lock_timeout,
};
use crate::{db::DbConnection, error::Result};

/// Name and SQL of the migrations that create the tables. The import replaces both.
const MIGRATIONS: [(&str, &str); 2] = [
    ("2026-11-24-000001_users", include_str!("../../../migrations/postgres/2026-11-24-000001_users/up.sql")),
    ("2026-11-24-000002_sessions", include_str!("../../../migrations/postgres/2026-11-24-000002_sessions/up.sql")),
];

/// Creates the table `users`.
pub(super) fn create_users(connection: &mut DbConnection) -> Result<()> {
    let (_, sql) = MIGRATIONS[0];
    execute_with_short_lock_timeout(connection, sql)
}

/// Creates the missing tables and records the migrations as applied. Returns their names.
pub(super) fn create_missing(connection: &mut DbConnection, catalog: &Catalog) -> Result<Vec<String>> {
    for (name, sql) in MIGRATIONS {
        for statement in statements(sql) {
            execute_unless_imported(connection, catalog, &statement)?;
        }
        let version: String = name.chars().filter(char::is_ascii_digit).collect();
        let record = format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')");
        connection.batch_execute(&record)?;
    }
    Ok(MIGRATIONS.map(|(name, _)| name.to_owned()).to_vec())
}

/// Executes a statement unless it creates a table, or an index of a table, that the application has.
fn execute_unless_imported(connection: &mut DbConnection, catalog: &Catalog, statement: &str) -> Result<()> {
    let creates_part_of = |table: &&Table| {
        statement.starts_with(&format!("CREATE TABLE {} ", table.name))
            || statement.contains(&format!(" ON {} ", table.name))
    };
    if TABLES.iter().filter(|table| creates_part_of(table)).any(|table| catalog.get(table).is_some()) {
        return Ok(());
    }
    // A foreign key can't reference a view.
    let has_view = catalog.get(&USERS).is_some_and(Relation::is_view);
    let statement = if has_view { statement.replace(" REFERENCES users (id)", "") } else { statement.to_owned() };
    Ok(connection.batch_execute(&statement)?)
}

/// The statements of a migration, without its comments.
fn statements(sql: &str) -> Vec<String> {
    let code: Vec<&str> = sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    code.join("\n").split(';').map(str::trim).filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
}
