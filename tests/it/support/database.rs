//! A database of its own for each test, on either engine.

use std::{
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use diesel::{
    Connection, PgConnection, QueryResult, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_types::Text,
};
use keyrack::db::{DatabaseUrl, migrate};
use serde_json::Value;
use tempfile::TempDir;

use super::postgres::{self, variants};

/// The engine that a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    Sqlite,
    Postgres,
}

impl EngineKind {
    /// Whether the engine can be tested; prints a warning if not.
    pub fn is_available(self) -> bool {
        self == Self::Sqlite || postgres::server().is_some()
    }
}

/// A database that is dropped with the value.
pub struct TestDatabase {
    kind: EngineKind,
    url: String,
    /// Contains the SQLite file and other files of the test.
    folder: TempDir,
    /// The database to drop on the shared PostgreSQL server.
    name: Option<String>,
    /// Kept between queries, since a new connection to PostgreSQL takes milliseconds.
    reader: Mutex<Option<PgConnection>>,
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Nullable<Text>)]
    v: Option<String>,
}

impl TestDatabase {
    /// Creates an empty, migrated database.
    pub fn new(kind: EngineKind) -> Self {
        let database = Self::unmigrated(kind);
        if kind == EngineKind::Sqlite {
            migrate(&database.parsed_url()).unwrap();
        }
        database
    }

    /// Creates an empty database; on PostgreSQL a copy of a migrated template, which is faster than migrating.
    fn unmigrated(kind: EngineKind) -> Self {
        match kind {
            EngineKind::Sqlite => Self::blank(kind),
            EngineKind::Postgres => Self::create(kind, &format!("TEMPLATE {}", template())),
        }
    }

    /// Creates a database without tables.
    pub fn blank(kind: EngineKind) -> Self {
        match kind {
            EngineKind::Sqlite => Self::create(kind, ""),
            EngineKind::Postgres => Self::blank_postgres(blank_options()),
        }
    }

    /// Creates a database without tables on PostgreSQL, with these options of `CREATE DATABASE`.
    pub fn blank_postgres(options: &str) -> Self {
        let blank = Self::create(EngineKind::Postgres, options);
        create_schema(blank.name.as_ref().unwrap());
        blank
    }

    /// The schema of its tables, as SQL names it. PostgreSQL only.
    pub fn schema(&self) -> String {
        self.text("SELECT quote_ident(current_schema()) AS v")
    }

    fn create(kind: EngineKind, how: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = unique_name("test");
        let url = match kind {
            EngineKind::Sqlite => format!("sqlite:{}", folder.path().join("keyrack.db").display()),
            EngineKind::Postgres => {
                admin(&format!("CREATE DATABASE {name} {how}"));
                url_of_tables(&postgres::server().unwrap().url(&name))
            }
        };
        let name = Some(name).filter(|_| kind == EngineKind::Postgres);
        Self { kind, url, folder, name, reader: Mutex::default() }
    }

    /// Migrates a database of another PostgreSQL server, such as a `Cluster`.
    pub fn in_cluster(url: &str) -> Self {
        let database = Self::at_url(url);
        migrate(&database.parsed_url()).unwrap();
        database
    }

    /// Uses a database of another PostgreSQL server as it is.
    pub fn at_url(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { kind: EngineKind::Postgres, url: url.to_owned(), folder, name: None, reader: Mutex::default() }
    }

    /// Creates a migrated SQLite database in this file.
    pub fn at(path: &std::path::Path) -> Self {
        let mut database = Self::at_url(&format!("sqlite:{}", path.display()));
        database.kind = EngineKind::Sqlite;
        migrate(&database.parsed_url()).unwrap();
        database
    }

    pub fn kind(&self) -> EngineKind {
        self.kind
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn parsed_url(&self) -> DatabaseUrl {
        self.url.parse().unwrap()
    }

    /// Simulates an outage: connections break, and new ones are refused. On SQLite, connections that are open keep the
    /// file, so use another instance.
    pub fn take_offline(&self) {
        match self.kind {
            EngineKind::Sqlite => self.rename_files("", ".away"),
            EngineKind::Postgres => {
                let name = self.name.as_deref().expect("stop the cluster instead");
                admin(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"));
                let others = format!("FROM pg_stat_activity WHERE datname = '{name}'");
                // PostgreSQL 13 can't wait in pg_terminate_backend.
                admin(&format!(
                    "SELECT pg_terminate_backend(pid) {others}; \
                     DO $$ BEGIN \
                       WHILE EXISTS (SELECT {others}) LOOP PERFORM pg_stat_clear_snapshot(), pg_sleep(0.001); END LOOP; \
                     END $$"
                ));
            }
        }
    }

    /// Ends the outage of [`TestDatabase::take_offline`].
    pub fn bring_online(&self) {
        match self.kind {
            EngineKind::Sqlite => self.rename_files(".away", ""),
            EngineKind::Postgres => {
                let name = self.name.as_deref().expect("start the cluster instead");
                admin(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true"));
            }
        }
    }

    fn rename_files(&self, from: &str, to: &str) {
        let path = self.url.strip_prefix("sqlite:").unwrap();
        std::fs::rename(format!("{path}{from}"), format!("{path}{to}")).unwrap();
        for journal in ["-wal", "-shm"] {
            if std::fs::exists(format!("{path}{from}{journal}")).unwrap() {
                std::fs::rename(format!("{path}{from}{journal}"), format!("{path}{to}{journal}")).unwrap();
            }
        }
    }

    /// A folder that lives as long as the database.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Decides that sessions which other programs write are adopted, as `KEYRACK_PEERS=express` does.
    pub fn adopt_peers(&self) {
        keyrack::db::set_peers(&self.parsed_url(), keyrack::db::Peers::Express).unwrap();
    }

    /// Runs statements on a new connection, as a foreign client does.
    pub fn execute(&self, sql: &str) {
        self.try_execute(sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }

    /// Like [`TestDatabase::execute`], for statements that may fail.
    pub fn try_execute(&self, sql: &str) -> QueryResult<()> {
        match self.kind {
            EngineKind::Sqlite => self.sqlite().batch_execute(sql),
            EngineKind::Postgres => self.postgres().batch_execute(sql),
        }
    }

    /// The rows of a query that selects one text column called `v`.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        let rows: Vec<Row> = match self.kind {
            EngineKind::Sqlite => diesel::sql_query(sql).load(&mut self.sqlite()),
            EngineKind::Postgres => self.load_from_postgres(sql),
        }
        .unwrap_or_else(|error| panic!("{error}\n{sql}"));
        rows.into_iter().map(|row| row.v.unwrap_or_else(|| "NULL".to_owned())).collect()
    }

    /// Like [`TestDatabase::texts`], for a query that returns one row.
    pub fn text(&self, sql: &str) -> String {
        let texts = self.texts(sql);
        assert_eq!(texts.len(), 1, "one row expected: {sql}\n{texts:?}");
        texts.into_iter().next().unwrap()
    }

    /// The number of rows of a table; `rest` may be a `WHERE` clause.
    pub fn count(&self, table: &str, rest: &str) -> usize {
        self.text(&format!("SELECT CAST(count(*) AS text) AS v FROM {table} {rest}")).parse().unwrap()
    }

    /// A table's rows as JSON objects with a key per column. Times are RFC 3339 in UTC with microseconds, JSON columns
    /// are JSON.
    pub fn rows(&self, table: &str, rest: &str) -> Vec<Value> {
        let sql = match self.kind {
            EngineKind::Postgres => format!("SELECT row_to_json(t)::text AS v FROM (SELECT * FROM {table} {rest}) t"),
            EngineKind::Sqlite => {
                let columns = self.texts(&format!("SELECT name AS v FROM pragma_table_info('{table}')"));
                let value = |name: &String| match name.as_str() {
                    "sess" | "detail" => format!("'{name}', json({name})"),
                    "remembered" | "data_kept" | "must_change_password" | "from_new_browser" => {
                        format!("'{name}', json(iif({name}, 'true', 'false'))")
                    }
                    _ => format!("'{name}', {name}"),
                };
                let fields = columns.iter().map(value).collect::<Vec<_>>().join(", ");
                format!("SELECT json_object({fields}) AS v FROM (SELECT * FROM {table} {rest})")
            }
        };
        self.texts(&sql).iter().map(|text| with_plain_times(serde_json::from_str(text).unwrap())).collect()
    }

    /// Waits until a statement like this (a LIKE pattern) is blocked by a lock in this database. PostgreSQL only.
    pub fn wait_until_blocked(&self, statement: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let blocked = format!(
            "WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0 AND query LIKE '{statement}'"
        );
        while self.count("pg_stat_activity", &blocked) == 0 {
            assert!(
                Instant::now() < deadline,
                "no such statement is blocked: {:?}",
                self.texts("SELECT query AS v FROM pg_stat_activity")
            );
            std::thread::yield_now();
        }
    }

    /// Cuts the connections to this database whose rows in `pg_stat_activity` meet the condition, waits until they are
    /// gone, and returns how many they were. PostgreSQL 13 can't wait in `pg_terminate_backend`.
    pub fn cut_connections(&self, condition: &str) -> usize {
        let cut = self.texts(&format!(
            "SELECT pid::text AS v FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
             AND query <> '' AND {condition}"
        ));
        for pid in &cut {
            self.text(&format!("SELECT pg_terminate_backend({pid})::text AS v"));
        }
        let left = format!("WHERE pid::text = ANY ('{{{}}}')", cut.join(","));
        super::wait_until(|| self.count("pg_stat_activity", &left) == 0);
        cut.len()
    }

    /// Reuses the last connection, unless it was cut or another thread uses it.
    fn load_from_postgres(&self, sql: &str) -> QueryResult<Vec<Row>> {
        let Ok(mut reader) = self.reader.try_lock() else { return diesel::sql_query(sql).load(&mut self.postgres()) };
        if let Some(connection) = reader.as_mut()
            && let Ok(rows) = diesel::sql_query(sql).load(connection)
        {
            return Ok(rows);
        }
        diesel::sql_query(sql).load(reader.insert(self.postgres()))
    }

    fn sqlite(&self) -> SqliteConnection {
        let mut connection = SqliteConnection::establish(self.url.strip_prefix("sqlite:").unwrap()).unwrap();
        connection.batch_execute("PRAGMA busy_timeout = 10000; PRAGMA foreign_keys = ON").unwrap();
        connection
    }

    fn postgres(&self) -> PgConnection {
        PgConnection::establish(&self.url).unwrap()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            admin(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// Formats times in one way, since PostgreSQL and SQLite print them differently.
fn with_plain_times(mut row: Value) -> Value {
    for (name, value) in row.as_object_mut().unwrap() {
        if (name.ends_with("_at") || name == "at" || name == "expire")
            && let Value::String(text) = value
        {
            let zoned = if text.ends_with('Z') || text.contains('+') { text.clone() } else { format!("{text}Z") };
            let time = keyrack::clock::Timestamp::parse(&zoned).unwrap_or_else(|| panic!("not a time: {zoned}"));
            *text = time.to_iso_micros();
        }
    }
    row
}

/// The migrated database that others are copied from, created once per process.
fn template() -> &'static str {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let name = unique_name("template");
        admin(&format!("CREATE DATABASE {name} {}", blank_options()));
        create_schema(&name);
        migrate(&url_of_tables(&postgres::server().unwrap().url(&name)).parse().unwrap()).unwrap();
        name
    })
}

/// How a new database differs from the server's usual ones.
fn blank_options() -> &'static str {
    if variants::is_on(variants::TURKISH) {
        "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'tr' LOCALE 'C.UTF-8'"
    } else {
        ""
    }
}

/// Creates the schema "My App" and its role, if the tables are to be there.
fn create_schema(database: &str) {
    static ROLE: OnceLock<()> = OnceLock::new();
    if !variants::is_on(variants::CAPITALS) {
        return;
    }
    ROLE.get_or_init(|| {
        let exists = "EXCEPTION WHEN duplicate_object THEN NULL";
        admin(&format!("DO $$ BEGIN CREATE ROLE \"MyApp\" SUPERUSER LOGIN; {exists}; END $$"));
    });
    let url = postgres::server().unwrap().url(database);
    let create = "CREATE SCHEMA \"My App\" AUTHORIZATION \"MyApp\"";
    PgConnection::establish(&url).unwrap().batch_execute(create).unwrap();
}

/// The URL of a database whose tables may be in the schema "My App", which belongs to the role `MyApp`.
fn url_of_tables(url: &str) -> String {
    if !variants::is_on(variants::CAPITALS) {
        return url.to_owned();
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    let (scheme, rest) = url.split_once("://").unwrap();
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://MyApp@{host}{separator}options=-csearch_path%3D%22My%5C%20App%22")
}

fn unique_name(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("keyrack_{what}_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn admin(sql: &str) {
    let url = postgres::server().unwrap().admin_url();
    PgConnection::establish(&url).unwrap().batch_execute(sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
}
