//! Finds what other roles may do, or have done, where Keyrack's statements look for names.
//!
//! PostgreSQL prefers an operator or a function whose types fit a statement exactly, wherever in the `search_path` it
//! is. Keyrack's functions look in `pg_catalog` only, but its own statements look in the schema of its tables as well, so a
//! role that may create objects there can run code with Keyrack's rights (CVE-2018-1058 is about the same). The same
//! holds for the triggers and rules of a table that another role made under the name of one of Keyrack's.
//!
//! What is found here must not run while it is looked for, so these queries look in `pg_catalog` only. They come before
//! any other statement of a start, a migration or a check.

use std::time::Duration;

use diesel::{
    Connection as _, PgConnection, QueryableByName, RunQueryDsl,
    connection::SimpleConnection,
    pg::Pg,
    sql_types::{Array, Bool, Text},
};

use super::problem::{Name, SchemaProblem};
use crate::{
    db::{DatabaseUrl, DbConnection, Engine},
    error::{Error, Result},
};

/// The rule that objects of other roles break.
pub(crate) const RULE: &str = "object of another role";

/// The schemas of the `search_path` that exist, in their order, without names that another role can replace.
const PATH: &str =
    "SELECT schema::pg_catalog.text AS name FROM pg_catalog.unnest(pg_catalog.current_schemas(true)) AS t (schema)";

/// The schema of PostgreSQL's own names.
const CATALOG: &str = "pg_catalog";

/// A query of this folder, after the names that all of them use.
macro_rules! query {
    ($file:literal) => {
        concat!(include_str!("names.sql"), include_str!($file))
    };
}

/// A part of a table that uses an object of another role.
#[derive(QueryableByName)]
struct Use {
    #[diesel(sql_type = Text)]
    name: String,
    /// Whether the table is Keyrack's alone; others may belong to an application with its own triggers.
    #[diesel(sql_type = Bool)]
    is_own: bool,
}

/// Describes which other roles may create objects, and which have: one sentence per schema or object. Empty on SQLite.
pub(crate) fn creator_warnings(connection: &mut DbConnection) -> Result<Vec<String>> {
    #[derive(QueryableByName)]
    struct Creators {
        #[diesel(sql_type = Text)]
        schema: String,
        #[diesel(sql_type = Text)]
        roles: String,
    }

    let DbConnection::Postgres(connection) = connection else { return Ok(Vec::new()) };
    let rows: Vec<Creators> = load(connection, query!("creators.sql"))?;
    let warning = |Creators { schema, roles }| {
        format!(
            "other roles than its owner may create objects in the schema {schema} ({roles}), and an operator or a function \
             made there could run with Keyrack's rights: run REVOKE CREATE ON SCHEMA {schema} FROM {roles}"
        )
    };
    Ok(rows.into_iter().map(warning).collect())
}

/// Describes rights of other roles on the tables that are Keyrack's alone: one sentence per role and table. Empty on
/// SQLite.
pub(crate) fn privilege_warnings(connection: &mut DbConnection) -> Result<Vec<String>> {
    let DbConnection::Postgres(connection) = connection else { return Ok(Vec::new()) };
    names(connection, query!("privileges.sql"))
}

/// Describes operators and functions of other roles that Keyrack's statements might use. Empty on SQLite.
pub(crate) fn objects_of_others(connection: &mut DbConnection) -> Result<Vec<String>> {
    let DbConnection::Postgres(connection) = connection else { return Ok(Vec::new()) };
    names(connection, query!("objects.sql"))
}

/// Finds operators and functions of other roles that Keyrack's statements might use, or its tables do use, and foreign
/// keys that keep its rows from being changed.
pub(super) fn object_problems(connection: &mut PgConnection) -> Result<Vec<SchemaProblem>> {
    let mut found = names(connection, query!("objects.sql"))?;
    found.extend(load::<Use>(connection, query!("used_objects.sql"))?.into_iter().map(|row| row.name));
    found.extend(names(connection, query!("references.sql"))?);
    Ok(found.into_iter().map(|detail| SchemaProblem::new(RULE, detail)).collect())
}

/// Finds rights of other roles that would let them forge security events, or shorten how long they are kept.
pub(super) fn rights_problems(connection: &mut PgConnection) -> Result<Vec<SchemaProblem>> {
    let found: Vec<Name> = diesel::sql_query(include_str!("../rights_on_events.sql")).load(connection)?;
    Ok(found.into_iter().map(|row| SchemaProblem::new("rights on security events", row.name)).collect())
}

/// Finds what lets another role run code as Keyrack at its next statement, whatever that is: a `search_path` that leads
/// elsewhere first, and tables that belong to that role or run its code.
pub(in crate::db::schema_check) fn tables_of_others(connection: &mut PgConnection) -> Result<Vec<SchemaProblem>> {
    let path: Vec<Name> = diesel::sql_query(PATH).load(connection)?;
    let first = path.iter().find(|schema| !schema.name.starts_with("pg_temp_")).map_or("", |schema| &schema.name);
    let found = if first == CATALOG {
        let mut found = names(connection, query!("tables.sql"))?;
        let uses: Vec<Use> = load(connection, query!("used_objects.sql"))?;
        found.extend(uses.into_iter().filter(|row| row.is_own).map(|row| row.name));
        found
    } else {
        vec![format!(
            "the search_path names pg_catalog after the schema {first}, so that objects of {first} replace PostgreSQL's own: \
             leave pg_catalog out of it, in DATABASE_URL and for the role and the database"
        )]
    };
    Ok(found.into_iter().map(|detail| SchemaProblem::new(RULE, detail)).collect())
}

/// Finds the same in a database that nothing else has read yet: one sentence each. Empty on SQLite.
///
/// # Errors
/// [`Error::Unavailable`] if the database doesn't answer.
pub(crate) fn find_tables_of_others(url: &DatabaseUrl) -> Result<Vec<String>> {
    if url.engine() == Engine::Sqlite {
        return Ok(Vec::new());
    }
    // The command itself reports why a database can't be opened.
    let Ok(DbConnection::Postgres(mut connection)) = DbConnection::open(url, Duration::ZERO) else {
        return Ok(Vec::new());
    };
    Ok(tables_of_others(&mut connection)?.into_iter().map(|problem| problem.detail).collect())
}

/// Refuses a database in which another role would run code as Keyrack, before anything else reads or writes it.
///
/// # Errors
/// [`Error::Invalid`] with what belongs to which role, and what to do.
pub(crate) fn reject_tables_of_others(url: &DatabaseUrl, connection: &mut DbConnection) -> Result<()> {
    let DbConnection::Postgres(connection) = connection else { return Ok(()) };
    let found = tables_of_others(connection)?;
    if found.is_empty() {
        return Ok(());
    }
    let sentences: Vec<String> = found.into_iter().map(|problem| problem.detail).collect();
    Err(Error::Invalid(format!("the database {url} was not read or changed: {}", sentences.join("; "))))
}

/// Refuses to create tables and triggers while an operator or a function of another role could become part of them.
///
/// # Errors
/// [`Error::Invalid`] with the objects and what to do.
pub(crate) fn reject_objects_of_others(connection: &mut DbConnection) -> Result<()> {
    match objects_of_others(connection)? {
        found if found.is_empty() => Ok(()),
        found => Err(Error::Invalid(format!("nothing was migrated: {}", found.join("; ")))),
    }
}

fn names(connection: &mut PgConnection, query: &str) -> Result<Vec<String>> {
    Ok(load::<Name>(connection, query)?.into_iter().map(|row| row.name).collect())
}

/// Runs a query whose operators and functions are found in `pg_catalog` only.
fn load<T>(connection: &mut PgConnection, query: &str) -> Result<Vec<T>>
where
    T: QueryableByName<Pg> + 'static,
{
    connection.transaction(|connection| {
        let path: Vec<Name> = diesel::sql_query(PATH).load(connection)?;
        let path: Vec<String> = path.into_iter().map(|schema| schema.name).collect();
        let setting = "SELECT pg_catalog.current_setting('search_path') AS name";
        let setting: Name = diesel::sql_query(setting).get_result(connection)?;
        connection.batch_execute("SET LOCAL search_path = pg_catalog, pg_temp")?;
        let rows = diesel::sql_query(query).bind::<Array<Text>, _>(path).load(connection)?;
        // The caller may go on with its own transaction.
        diesel::sql_query("SELECT pg_catalog.set_config('search_path', $1, true)")
            .bind::<Text, _>(setting.name)
            .execute(connection)?;
        Ok(rows)
    })
}
