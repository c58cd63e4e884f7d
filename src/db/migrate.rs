//! Migrates a database to this version, and checks whether it is migrated.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use diesel::{
    RunQueryDsl,
    migration::{Migration, MigrationSource},
    sql_types::Text,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{
    connect::{
        connection::DbConnection,
        url::{DatabaseUrl, Engine},
    },
    database::Database,
    express_import, migration_lock,
    schema_check::{reject_objects_of_others, reject_tables_of_others},
};
use crate::error::{Error, Result};

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// How long one instance waits for another that migrates. An Express import of many rows takes minutes.
const MIGRATION_LOCK_TIMEOUT: Duration = Duration::from_secs(600);

/// After which wait a log line says who holds the lock.
const MIGRATION_LOCK_REPORTED_AFTER: Duration = Duration::from_secs(5);

/// How long SQLite waits for another writer's lock.
const SQLITE_LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// Applies all pending migrations or none, while other instances wait. Returns the names of those it applied.
///
/// Imports the tables of an Express application: changes them to the schema that the migrations would have created,
/// while that application goes on using them.
///
/// # Errors
/// [`Error::Invalid`] if the database can't be opened, has tables of another role, can't be imported, or was migrated by a
/// newer version; the message is for the person who started the program.
pub fn migrate(url: &DatabaseUrl) -> Result<Vec<String>> {
    let mut connection = DbConnection::create_or_open(url, SQLITE_LOCK_TIMEOUT)
        .map_err(|error| Error::Invalid(format!("cannot open the database {url}: {}", one_line(&error.to_string()))))?;
    reject_tables_of_others(url, &mut connection)?;
    check_encoding(url, &mut connection)?;
    let migrated = match recorded(&mut connection) {
        // The common case needs no lock and changes nothing.
        Ok(recorded) if recorded == known(url.engine()) => Ok(Vec::new()),
        Ok(recorded) => {
            let locked = if recorded.is_empty() { lock_first_migration(&mut connection) } else { Ok(()) };
            locked.and_then(|()| migrate_locked(url, &mut connection))
        }
        Err(error) => Err(error),
    };
    migrated.map_err(|error| match error {
        Error::Internal(cause) | Error::Unavailable(cause) => could_not_migrate(url, &mut connection, &cause),
        error => error,
    })
}

/// Locks out other instances until the connection closes, while a database has no table of migrations.
///
/// It holds no transaction meanwhile, because building an index concurrently waits for all older transactions. Behind a
/// pooler it does nothing, because a pooler keeps the connection open; there only the transaction's lock counts.
fn lock_first_migration(connection: &mut DbConnection) -> Result<()> {
    if connection.is_behind_pooler()? {
        return Ok(());
    }
    let started = Instant::now();
    let mut is_reported = false;
    while !migration_lock::try_lock(connection)? {
        if started.elapsed() > MIGRATION_LOCK_REPORTED_AFTER && !std::mem::replace(&mut is_reported, true) {
            let holder = migration_lock::holder(connection)?;
            tracing::warn!(
                holder,
                "waiting for the lock of migrations: another Keyrack migrates, or another program keeps its lock; if \
                 this lasts, end that process by pg_terminate_backend"
            );
        }
        if started.elapsed() > MIGRATION_LOCK_TIMEOUT {
            return Err(Error::Invalid(format!(
                "{} has held the lock of migrations for ten minutes: if it is a Keyrack that migrates, wait for it; \
                 otherwise end it by pg_terminate_backend, then try again",
                migration_lock::holder(connection)?
            )));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn migrate_locked(url: &DatabaseUrl, connection: &mut DbConnection) -> Result<Vec<String>> {
    let behind_pooler = connection.is_behind_pooler()?;
    let recorded = recorded(connection)?;
    reject_newer(url, &recorded)?;
    reject_objects_of_others(connection)?;
    let prepare_import = |connection: &mut DbConnection, recorded: &BTreeSet<String>| {
        let import = recorded.is_empty().then(|| express_import::prepare(connection)).transpose();
        import.map(Option::flatten).map_err(|error| could_not_import(url, error))
    };
    let import = if behind_pooler { None } else { prepare_import(connection, &recorded)? };
    express_import::with_short_lock_timeout(connection, |connection| {
        let has_table = has_migrations_table(connection)?;
        migration_lock::lock_in_transaction(connection, has_table)?;
        let applied = applied(connection)?;
        reject_newer(url, &applied)?;
        if behind_pooler {
            // Fails if there are tables to import. Under the lock, they can't be those of another instance.
            prepare_import(connection, &applied)?;
        }
        let mut names = match &import {
            Some(import) => import.finish(connection)?,
            None => Vec::new(),
        };
        names.extend(run_pending(connection)?);
        if let Some(import) = &import {
            import.store_peers(connection)?;
        }
        Ok(names)
    })
    .map_err(|error| match import {
        Some(_) => could_not_import(url, express_import::stopped_halfway(error)),
        None => error,
    })
}

/// Lists several findings one per line.
fn could_not_import(url: &DatabaseUrl, error: Error) -> Error {
    match error {
        Error::Invalid(findings) if findings.contains('\n') => {
            let findings = findings.replace('\n', "\n  - ");
            Error::Invalid(format!("cannot import the tables of {url}; nothing was changed:\n  - {findings}"))
        }
        Error::Invalid(finding) => Error::Invalid(format!("cannot import the tables of {url}: {finding}")),
        error => error,
    }
}

/// Names the likeliest cause: a database user who may not create tables.
fn could_not_migrate(url: &DatabaseUrl, connection: &mut DbConnection, cause: &anyhow::Error) -> Error {
    let cause = one_line(&format!("{cause:#}"));
    // The server may write in another language, so it is asked about the privilege itself.
    let is_forbidden = cause.contains("must be owner") || !may_create_tables(connection);
    // connect-pg-simple gives its indexes the same names in every table.
    let is_name_taken = ["session_pkey", "IDX_session_expire"].iter().any(|name| cause.contains(name));
    let advice = if is_forbidden {
        "; the user in the URL must be allowed to create tables in it"
    } else if is_name_taken {
        "; another table of this schema, probably of connect-pg-simple, has an index of this name: give Keyrack a schema \
         of its own, as docs/express.md explains"
    } else {
        ""
    };
    Error::Invalid(format!("cannot migrate the database {url}: {cause}{advice}"))
}

fn may_create_tables(connection: &mut DbConnection) -> bool {
    let query = "SELECT (CASE WHEN has_schema_privilege(current_schema(), 'CREATE') THEN 'yes' ELSE 'no' END) AS text";
    connection.engine() == Engine::Sqlite || select_text(connection, query).is_ok_and(|answer| answer == "yes")
}

/// Refuses a PostgreSQL database in whose encoding not every name can be stored: a sign-in would fail at the first such
/// name. `SQL_ASCII` stores what it is given.
fn check_encoding(url: &DatabaseUrl, connection: &mut DbConnection) -> Result<()> {
    if connection.engine() == Engine::Sqlite {
        return Ok(());
    }
    let query =
        "SELECT pg_encoding_to_char(encoding)::text AS text FROM pg_database WHERE datname = current_database()";
    match select_text(connection, query)?.as_str() {
        "UTF8" | "SQL_ASCII" => Ok(()),
        other => Err(Error::Invalid(format!(
            "the database {url} has the encoding {other}, which can't store every name: Keyrack needs UTF8; create \
             another database with `createdb --template=template0 --encoding=UTF8 --locale=C.UTF-8 NAME`, and copy what is in \
             this one with pg_dump and psql"
        ))),
    }
}

/// Returns the column `text` of a query's only row.
fn select_text(connection: &mut DbConnection, query: &str) -> Result<String> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        text: String,
    }

    Ok(diesel::sql_query(query).get_result::<Row>(connection)?.text)
}

impl Database {
    /// Whether the database answers and has exactly the migrations of this version.
    pub async fn is_migrated(&self) -> Result<bool> {
        self.read(|connection| {
            let expected = known(connection.engine());
            Ok(recorded(connection)? == expected)
        })
        .await
    }
}

fn applied(connection: &mut DbConnection) -> Result<BTreeSet<String>> {
    let versions = match connection {
        DbConnection::Postgres(connection) => connection.applied_migrations(),
        DbConnection::Sqlite(connection) => connection.applied_migrations(),
    };
    Ok(versions.map_err(Error::internal)?.iter().map(ToString::to_string).collect())
}

/// Returns the versions in Diesel's migration table, without creating the table if it is missing.
fn recorded(connection: &mut DbConnection) -> Result<BTreeSet<String>> {
    if !has_migrations_table(connection)? {
        return Ok(BTreeSet::new());
    }
    let rows: Vec<Version> = diesel::sql_query("SELECT version FROM __diesel_schema_migrations").load(connection)?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

#[derive(diesel::QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

fn has_migrations_table(connection: &mut DbConnection) -> Result<bool> {
    let table = match connection.engine() {
        Engine::Postgres => {
            "SELECT relname::text AS version FROM pg_class WHERE oid = to_regclass('__diesel_schema_migrations')"
        }
        Engine::Sqlite => "SELECT name AS version FROM sqlite_master WHERE name = '__diesel_schema_migrations'",
    };
    let tables: Vec<Version> = diesel::sql_query(table).load(connection)?;
    Ok(!tables.is_empty())
}

/// Returns the versions that this program contains.
fn known(engine: Engine) -> BTreeSet<String> {
    fn versions<DB: diesel::backend::Backend>(source: &EmbeddedMigrations) -> BTreeSet<String> {
        let migrations: Vec<Box<dyn Migration<DB>>> = source.migrations().unwrap_or_default();
        migrations.iter().map(|migration| migration.name().version().to_string()).collect()
    }

    match engine {
        Engine::Postgres => versions::<diesel::pg::Pg>(&POSTGRES),
        Engine::Sqlite => versions::<diesel::sqlite::Sqlite>(&SQLITE),
    }
}

fn reject_newer(url: &DatabaseUrl, applied: &BTreeSet<String>) -> Result<()> {
    match applied.difference(&known(url.engine())).next() {
        None => Ok(()),
        Some(version) => Err(Error::Invalid(format!(
            "the database {url} was migrated by a newer Keyrack (it has migration {version}, which this version, {}, \
             does not know): run that version, or restore a backup from before",
            env!("CARGO_PKG_VERSION")
        ))),
    }
}

fn run_pending(connection: &mut DbConnection) -> Result<Vec<String>> {
    fn run<DB, C>(connection: &mut C, source: EmbeddedMigrations) -> diesel::migration::Result<Vec<String>>
    where
        DB: diesel::backend::Backend,
        C: MigrationHarness<DB>,
    {
        let pending = connection.pending_migrations(source)?;
        connection.run_migrations(&pending)?;
        Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
    }

    let names = match connection {
        DbConnection::Postgres(connection) => run(connection, POSTGRES),
        DbConnection::Sqlite(connection) => run(connection, SQLITE),
    };
    names.map_err(Error::internal)
}

/// Joins libpq's several indented lines.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
