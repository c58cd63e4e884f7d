//! Checks that the database has the schema and the rules that Keyrack relies on, as the migrations create them.
//!
//! A name in the catalog is not enough: a trigger may be disabled, fire for replicas only, or run a function of another
//! schema, and a function may have been replaced, or look for its tables in a schema that was renamed.

mod columns;
mod definitions;
mod functions;
mod held_locks;
mod other_roles;
mod postgres;
mod problem;
mod qualified_names;
mod sqlite;
mod unreadable_rows;

use crate::{db::DbConnection, error::Result};
use problem::SchemaProblem;

pub(crate) use held_locks::held_lock_warnings;
pub(crate) use other_roles::{
    RULE as OBJECT_OF_ANOTHER_ROLE, creator_warnings, find_tables_of_others, objects_of_others, privilege_warnings,
    reject_objects_of_others, reject_tables_of_others,
};
pub(crate) use unreadable_rows::unreadable_event_warnings;

/// Finds everything that differs from the migrations. It changes nothing.
pub(crate) fn find_schema_problems(connection: &mut DbConnection) -> Result<Vec<SchemaProblem>> {
    match connection {
        DbConnection::Sqlite(connection) => sqlite::find_problems(connection),
        DbConnection::Postgres(_) => postgres::find_problems(connection),
    }
}
