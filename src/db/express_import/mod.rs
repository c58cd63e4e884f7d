//! Taking over the database of an Express application: tables that are there already, and in use.
//!
//! Migrations 1 and 2 make the tables; here, tables that others have made are brought to the same shape instead. Peers go on
//! reading and writing all the while:
//!
//! 1. everything is looked at, and what can't be taken over is refused before anything is changed (`findings`);
//! 2. columns and defaults are added, which changes no row (`change`);
//! 3. rows are filled in, a batch at a time (`backfill.sql`);
//! 4. indexes are built concurrently, the unique ones before step 3, which finds rows by them;
//! 5. constraints are added for new rows, then validated for the old ones;
//! 6. in one short transaction, with the migrations that follow: the tables that are missing, what was ended meanwhile, and the
//!    record that migrations 1 and 2 are there ([`TakeOver::finish`]).
//!
//! Each step finds out what is left to do, so a take-over that was killed goes on where it stopped.

mod catalog;
mod change;
mod findings;
mod lock_timeout;
mod shape;

use diesel::{OptionalExtension, PgConnection, RunQueryDsl, connection::SimpleConnection, sql_types::BigInt};

use super::{
    DbConnection,
    schema::types::{SessionId, SqlUuid},
};
use crate::error::{Error, Result};
use catalog::Catalog;
use shape::{SESSIONS, USER_SESSIONS, USERS};

pub(super) use lock_timeout::briefly;

/// The migrations in whose place this stands, and their statements, for tables that are missing.
const MIGRATIONS: [(&str, &str); 2] = [
    ("2026-11-24-000001_users", include_str!("../../../migrations/postgres/2026-11-24-000001_users/up.sql")),
    ("2026-11-24-000002_sessions", include_str!("../../../migrations/postgres/2026-11-24-000002_sessions/up.sql")),
];

/// How many rows one transaction fills in.
const BATCH: i64 = 1000;

/// A take-over that is ready for its last step.
pub(super) struct TakeOver(Catalog);

/// Prepares the take-over of a database that none of the migrations has seen. `None` if there is nothing to take over.
///
/// # Errors
/// [`Error::Invalid`] with a sentence for each thing that stands in the way; nothing was changed then.
pub(super) fn prepare(connection: &mut DbConnection) -> Result<Option<TakeOver>> {
    if !matches!(connection, DbConnection::Postgres(_)) {
        return Ok(None);
    }
    let catalog = Catalog::read(postgres(connection)?)?;
    if catalog.get(&USER_SESSIONS).is_none() && catalog::has_table_of_other_name(postgres(connection)?)? {
        // It also has the names of the indexes that connect-pg-simple gives to its table, however that is called.
        return Err(Error::Invalid(
            "the table of connect-pg-simple is called session, and Keyrack shares one that is called user_sessions: BEGIN; \
             ALTER TABLE session RENAME TO user_sessions; CREATE VIEW session AS SELECT * FROM user_sessions; COMMIT; the \
             application then needs no change; or, not to share it, give Keyrack a schema of its own; docs/express.md says how"
                .to_owned(),
        ));
    }
    if catalog.tables().next().is_none() {
        return Ok(None);
    }
    if connection.is_behind_pooler()? {
        return Err(Error::Invalid(
            "tables that are in use are taken over on one connection to PostgreSQL itself, and there is a pooler in between: run \
             keyrack migrate once with a DATABASE_URL that leads past it"
                .to_owned(),
        ));
    }
    // What the role or the database has set is meant for short statements.
    connection.batch_execute("SET statement_timeout = 0; SET lock_timeout = 0")?;
    let findings = findings::all(postgres(connection)?, &catalog)?;
    if !findings.is_empty() {
        return Err(Error::Invalid(findings.join("\n")));
    }
    let names: Vec<&str> = catalog.tables().map(|(relation, _)| relation.qualified.as_str()).collect();
    tracing::info!(tables = names.join(", "), "taking over the tables of another application");
    let catalog = if catalog.get(&USERS).is_some() {
        catalog
    } else {
        tracing::warn!(
            "there is no table users: an empty one is made; if your users are elsewhere, docs/express.md says how"
        );
        lock_timeout::execute_briefly(connection, MIGRATIONS[0].1)?;
        Catalog::read(postgres(connection)?)?
    };
    change::add_columns(connection, &catalog)?;
    change::build_keys(connection, &catalog)?;
    if catalog.get(&SESSIONS).is_some() {
        tracing::info!("filling in what Express did not know");
        fill_in(connection, &catalog)?;
    }
    change::build_indexes(connection, &catalog)?;
    tracing::info!("adding constraints");
    change::add_constraints(connection, &catalog)?;
    tracing::info!("waiting for a moment in which nobody uses the tables");
    Ok(Some(TakeOver(catalog)))
}

impl TakeOver {
    /// The last step, in the transaction in which the other migrations follow. Returns the names of those that it stands for.
    pub(super) fn finish(&self, connection: &mut DbConnection) -> Result<Vec<String>> {
        let Self(catalog) = self;
        // In the order in which every transaction locks rows. Reads of `sessions` wait as well, because its temporary index
        // is dropped.
        for (table, mode) in [(&SESSIONS, "ACCESS EXCLUSIVE"), (&USER_SESSIONS, "SHARE ROW EXCLUSIVE")] {
            if let Some(relation) = catalog.get(table) {
                connection.batch_execute(&format!("LOCK TABLE {} IN {mode} MODE", relation.qualified))?;
            }
        }
        for (name, sql) in MIGRATIONS {
            for statement in statements(sql) {
                self.run_where_needed(connection, &statement)?;
            }
            let version: String = name.chars().filter(char::is_ascii_digit).collect();
            let record = format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')");
            connection.batch_execute(&record)?;
        }
        if let Some(sessions) = catalog.get(&SESSIONS) {
            let (name, incomplete) = (&sessions.qualified, change::IS_INCOMPLETE);
            connection.batch_execute(&format!(
                "UPDATE {name} SET logged_out_at = coalesce(logged_out_at, greatest(updated_at, created_at)), \
                 end_reason = coalesce(end_reason, 'signed_out') WHERE {incomplete}; \
                 DROP INDEX {}.{}",
                name.rsplit_once('.').map_or("public", |(schema, _)| schema),
                change::INCOMPLETE
            ))?;
        }
        Ok(MIGRATIONS.map(|(name, _)| name.to_owned()).to_vec())
    }

    /// Leaves out what is about a table that was there.
    fn run_where_needed(&self, connection: &mut DbConnection, statement: &str) -> Result<()> {
        let Self(catalog) = self;
        let makes = |table: &&shape::Table| {
            statement.starts_with(&format!("CREATE TABLE {} ", table.name))
                || statement.contains(&format!(" ON {} ", table.name))
        };
        if shape::TABLES.iter().filter(|table| makes(table)).any(|table| catalog.get(table).is_some()) {
            return Ok(());
        }
        let has_view = catalog.get(&USERS).is_some_and(catalog::Relation::is_view);
        let statement = if has_view { statement.replace(" REFERENCES users (id)", "") } else { statement.to_owned() };
        Ok(connection.batch_execute(&statement)?)
    }
}

/// The statements of a migration, without its comments.
fn statements(sql: &str) -> Vec<String> {
    let code: Vec<&str> = sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    code.join("\n").split(';').map(str::trim).filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
}

#[derive(diesel::QueryableByName)]
struct Last {
    #[diesel(sql_type = SqlUuid)]
    id: SessionId,
}

fn fill_in(connection: &mut DbConnection, catalog: &Catalog) -> Result<()> {
    let sql = include_str!("backfill.sql");
    // Without data, no session has any.
    let has_data = catalog.get(&USER_SESSIONS).is_some();
    let none =
        "(SELECT ''::varchar AS sid, NULL::json AS sess, NULL::timestamp AS expire WHERE false) AS user_sessions";
    let sql =
        if has_data { sql.to_owned() } else { sql.replace("LEFT JOIN user_sessions", &format!("LEFT JOIN {none}")) };
    let mut after: SessionId = "00000000-0000-0000-0000-000000000000".parse().map_err(Error::internal)?;
    let mut rows = 0;
    loop {
        let last: Option<Last> = briefly(connection, |connection| {
            let batch = diesel::sql_query(&sql).bind::<SqlUuid, _>(after).bind::<BigInt, _>(BATCH);
            Ok(batch.get_result(postgres(connection)?).optional()?)
        })?;
        let Some(last) = last else { return Ok(()) };
        after = last.id;
        rows += BATCH;
        if rows % (100 * BATCH) == 0 {
            tracing::info!(rows, "looked at so far");
        }
    }
}

/// The connection itself; there is no take-over on the other engine.
fn postgres(connection: &mut DbConnection) -> Result<&mut PgConnection> {
    match connection {
        DbConnection::Postgres(connection) => Ok(connection),
        DbConnection::Sqlite(_) => Err(Error::internal("only PostgreSQL databases are taken over")),
    }
}
