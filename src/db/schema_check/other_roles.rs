//! Finds what other roles may do, or have done, in the schemas in which Keyrack's statements look for names.
//!
//! PostgreSQL prefers an operator or a function whose types fit a statement exactly, wherever in the `search_path` it is.
//! Keyrack's functions look in `pg_catalog` only, but its own statements look in the schema of its tables as well, so a
//! role that may create objects there can run code with Keyrack's rights (CVE-2018-1058 is about the same).

use diesel::{PgConnection, RunQueryDsl, sql_types::Text};

use super::problem::{Name, SchemaProblem};
use crate::{
    db::{DbConnection, Engine},
    error::{Error, Result},
};

/// The rule that objects of other roles break.
const RULE: &str = "object of another role";

/// Describes which other roles may create objects, and what to do: one sentence per schema. Empty on SQLite.
pub(crate) fn creator_warnings(connection: &mut DbConnection) -> Result<Vec<String>> {
    #[derive(diesel::QueryableByName)]
    struct Creators {
        #[diesel(sql_type = Text)]
        schema: String,
        #[diesel(sql_type = Text)]
        roles: String,
    }

    if connection.engine() == Engine::Sqlite {
        return Ok(Vec::new());
    }
    let rows: Vec<Creators> = diesel::sql_query(include_str!("creators.sql")).load(connection)?;
    let warning = |Creators { schema, roles }| {
        format!(
            "other roles than its owner may create objects in the schema {schema} ({roles}), and an operator or a function \
             made there could run with Keyrack's rights: run REVOKE CREATE ON SCHEMA {schema} FROM {roles}"
        )
    };
    Ok(rows.into_iter().map(warning).collect())
}

/// Finds operators and functions of other roles that Keyrack's statements might use, or its tables do use.
pub(super) fn object_problems(connection: &mut PgConnection) -> Result<Vec<SchemaProblem>> {
    let mut found: Vec<Name> = diesel::sql_query(include_str!("objects_of_others.sql")).load(connection)?;
    found.extend(diesel::sql_query(include_str!("used_objects_of_others.sql")).load::<Name>(connection)?);
    Ok(found.into_iter().map(|row| SchemaProblem::new(RULE, row.name)).collect())
}

/// Finds rights of other roles that would let them forge security events, or shorten how long they are kept.
pub(super) fn rights_problems(connection: &mut PgConnection) -> Result<Vec<SchemaProblem>> {
    let found: Vec<Name> = diesel::sql_query(include_str!("rights_on_events.sql")).load(connection)?;
    Ok(found.into_iter().map(|row| SchemaProblem::new("rights on security events", row.name)).collect())
}

/// Refuses to create tables and triggers while an operator or a function of another role could become part of them.
///
/// # Errors
/// [`Error::Invalid`] with the objects and what to do.
pub(crate) fn reject_objects_of_others(connection: &mut DbConnection) -> Result<()> {
    if connection.engine() == Engine::Sqlite {
        return Ok(());
    }
    let found: Vec<Name> = diesel::sql_query(include_str!("objects_of_others.sql")).load(connection)?;
    if found.is_empty() {
        return Ok(());
    }
    let sentences: Vec<String> = found.into_iter().map(|row| row.name).collect();
    Err(Error::Invalid(format!("nothing was migrated: {}", sentences.join("; "))))
}
