//! Imports the tables of an Express application while that application goes on using them.
//!
//! Migrations 1 and 2 create the tables. Where an application has created them already, this module brings them to the
//! same schema instead:
//!
//! 1. [`findings`] rejects what can't be imported, before anything is changed;
//! 2. [`alter`] adds columns and defaults, which changes no row, and builds the unique indexes;
//! 3. [`backfill`] fills in the new columns, one batch of rows at a time;
//! 4. [`alter`] builds the other indexes concurrently;
//! 5. [`alter`] adds constraints for new rows first, then validates them for the existing rows;
//! 6. [`ExpressImport::finish`] creates the tables that are missing, completes the sessions that ended in
//!    between, and records migrations 1 and 2 as applied. It is one short transaction together with the migrations
//!    that follow.
//!
//! Each step finds out what is left to do, so an import that was killed continues where it stopped.

mod alter;
mod backfill;
mod catalog;
mod expected_tables;
mod findings;
mod lock_timeout;
mod missing_tables;
mod postgres;

use diesel::connection::SimpleConnection;

use crate::{
    db::{DbConnection, Peers, settings},
    error::{Error, Result},
};
use catalog::Catalog;
use expected_tables::{SESSIONS, USER_SESSIONS, USERS};

pub(super) use findings::column_problems;
pub(super) use lock_timeout::with_short_lock_timeout;
pub(super) use postgres::postgres;

/// An import that is ready for its last step.
pub(super) struct ExpressImport(Catalog);

/// Runs all steps but the last on a database that no migration has been applied to. `None` if it has none of the
/// tables.
///
/// # Errors
/// [`Error::Invalid`] with one line for each problem that prevents the import; in this case nothing was changed.
pub(super) fn prepare(connection: &mut DbConnection) -> Result<Option<ExpressImport>> {
    if !matches!(connection, DbConnection::Postgres(_)) {
        return Ok(None);
    }
    let catalog = Catalog::read(postgres(connection)?)?;
    if catalog.get(&USER_SESSIONS).is_none() && catalog::has_session_table(postgres(connection)?)? {
        // Keyrack can't create `user_sessions` beside it: connect-pg-simple gives its indexes the same names in both.
        return Err(Error::Invalid(
            "the table of connect-pg-simple is called session here, and Keyrack needs it under the name \
             user_sessions. Rename it and leave a view, so that the application needs no change: BEGIN; ALTER TABLE \
             session RENAME TO user_sessions; CREATE VIEW session AS SELECT * FROM user_sessions; COMMIT. If Keyrack \
             should not share it, give Keyrack a schema of its own; docs/express.md explains how"
                .to_owned(),
        ));
    }
    if catalog.tables().next().is_none() {
        return Ok(None);
    }
    if connection.is_behind_pooler()? {
        return Err(Error::Invalid(
            "importing tables that are in use needs a direct connection to PostgreSQL, and there is a pooler in \
             between: run keyrack migrate once with a DATABASE_URL that bypasses the pooler"
                .to_owned(),
        ));
    }
    // The limits of the role or the database are meant for short statements.
    connection.batch_execute("SET statement_timeout = 0; SET lock_timeout = 0")?;
    let findings = findings::find_all(postgres(connection)?, &catalog)?;
    if !findings.is_empty() {
        return Err(Error::Invalid(findings.join("\n")));
    }
    alter_tables(connection, catalog).map(Some).map_err(stopped_halfway)
}

/// Runs the steps that change the tables, besides the last one.
fn alter_tables(connection: &mut DbConnection, catalog: Catalog) -> Result<ExpressImport> {
    let names: Vec<&str> = catalog.tables().map(|(relation, _)| relation.qualified_name.as_str()).collect();
    tracing::info!(tables = names.join(", "), "importing the tables of another application");
    let catalog = if catalog.get(&USERS).is_some() {
        catalog
    } else {
        tracing::warn!(
            "the database has no table users, so an empty one is created; if your users are in another table, \
             docs/express.md explains how to give Keyrack a view of it"
        );
        missing_tables::create_users(connection)?;
        Catalog::read(postgres(connection)?)?
    };
    alter::add_columns(connection, &catalog)?;
    alter::build_unique_indexes(connection, &catalog)?;
    if catalog.get(&SESSIONS).is_some() {
        tracing::info!("filling in the new columns of sessions");
        backfill::backfill_sessions(connection, &catalog)?;
    }
    alter::build_other_indexes(connection, &catalog)?;
    tracing::info!("adding constraints");
    alter::add_constraints(connection, &catalog)?;
    tracing::info!("waiting for a short exclusive lock on the tables");
    Ok(ExpressImport(catalog))
}

/// Adds what was changed to the error of a step after the checks.
pub(super) fn stopped_halfway(error: Error) -> Error {
    let advice = "the import stopped halfway: columns, defaults, indexes and constraints that it has added so far stay, \
                  and the application goes on as before. No row was removed. When the cause is gone, run keyrack migrate \
                  again: it continues there";
    match error {
        Error::Unavailable(cause) => Error::Unavailable(cause),
        Error::Invalid(cause) => Error::Invalid(format!("{cause}; {advice}")),
        error => Error::Invalid(format!("{}; {advice}", error.chain())),
    }
}

impl ExpressImport {
    /// Decides that the application's sessions are adopted, if it has a table of sessions. It follows the migrations,
    /// which create the table of settings.
    pub(super) fn store_peers(&self, connection: &mut DbConnection) -> Result<()> {
        let peers = if self.0.get(&USER_SESSIONS).is_some() { Peers::Express } else { Peers::None };
        settings::store_peers_by_system(connection, peers)?;
        if peers == Peers::Express {
            tracing::info!(
                "sessions that the application starts are adopted from now on; KEYRACK_PEERS=none turns that off"
            );
        }
        Ok(())
    }

    /// Runs the last step, in the transaction in which the remaining migrations follow. Returns the names of the
    /// migrations that the import replaces.
    pub(super) fn finish(&self, connection: &mut DbConnection) -> Result<Vec<String>> {
        let Self(catalog) = self;
        // In the order in which every transaction locks rows. Reads of `sessions` have to wait, too, because its
        // temporary index is dropped.
        for (table, mode) in [(&SESSIONS, "ACCESS EXCLUSIVE"), (&USER_SESSIONS, "SHARE ROW EXCLUSIVE")] {
            if let Some(relation) = catalog.get(table) {
                connection.batch_execute(&format!("LOCK TABLE {} IN {mode} MODE", relation.qualified_name))?;
            }
        }
        let names = missing_tables::create_missing(connection, catalog)?;
        if catalog.get(&SESSIONS).is_some() {
            connection.batch_execute(include_str!("complete_ends.sql"))?;
        }
        Ok(names)
    }
}
