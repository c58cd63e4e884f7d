//! Which history a server has: what changes when a database is replaced by an older state of itself.
//!
//! On PostgreSQL it is what changes with each known way to go back: the start of the server (another server, such as a
//! promoted standby, or a restored data folder), and the files of the two tables (a dump restored in their place, by
//! `pg_restore --clean`, `TRUNCATE`, or a renamed database). Beside it stands the position in the write-ahead log, which
//! only grows. Both are computed from memory, and each lookup compares them in its own statement: through a pooler or a
//! proxy, a connection may lead to another server from one statement to the next.
//!
//! On SQLite it is the file and a count of the commits that ended sessions, which the file contains: a lookup reads it
//! in its own statement, and so in one snapshot with the session.

use std::{
    fmt,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::atomic::{AtomicI64, Ordering},
};

use diesel::{
    PgConnection, QueryableByName, SqliteConnection, dsl,
    pg::Pg,
    prelude::*,
    query_builder::AstPass,
    result::Error as DieselError,
    sql_types::{BigInt, Bool, Nullable, Oid, Text},
};

use crate::{
    clock::Timestamp,
    db::{
        DbConnection,
        schema::keyrack_settings,
        schema::types::{Instant, SqlTime},
    },
    error::{Error, Result},
};

/// The mark of a server, and its position in the write-ahead log. The functions for the log fail on a standby, and some
/// forks lack them.
macro_rules! mark_sql {
    ($position:literal) => {
        concat!(
            "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') <> 'off' AS read_only, \
                 pg_postmaster_start_time() AS started_at, pg_relation_filepath('sessions') AS sessions_file, \
                 pg_relation_filenode('user_sessions') AS data_file, CASE WHEN pg_is_in_recovery() THEN 0 ELSE ",
            $position,
            " END AS position"
        )
    };
}

const MARK: &str = mark_sql!("CAST(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS bigint)");
const MARK_WITHOUT_WAL: &str = mark_sql!("CAST(0 AS bigint)");

/// Part of the message with which a lookup's statement fails on another history.
const OTHER_HISTORY: &str = "keyrack:other-history";

/// A lookup found another history than the one in which all journaled ends hold.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the database may have gone back to an earlier state, or is read-only; ends are being applied again")]
pub(crate) struct HistoryChanged;

impl HistoryChanged {
    /// The error of a lookup.
    pub fn error() -> Error {
        Error::Unavailable(Self.into())
    }

    /// Whether a lookup failed for this reason.
    pub fn is_cause_of(error: &Error) -> bool {
        matches!(error, Error::Unavailable(cause) if cause.is::<Self>())
    }

    /// Converts the error of a statement that a [`HistoryCheck`] is part of.
    pub fn or(error: DieselError) -> Error {
        match &error {
            DieselError::DatabaseError(_, information) if information.message().contains(OTHER_HISTORY) => {
                Self::error()
            }
            _ => error.into(),
        }
    }
}

/// What a lookup expects of the server that answers it.
#[derive(Debug)]
pub(crate) struct ExpectedMark {
    server: Server,
    /// The highest position that was seen: in the write-ahead log, or SQLite's count of commits.
    position: AtomicI64,
    has_wal: bool,
    /// Whether lookups on SQLite compare the position.
    is_checked: bool,
    /// Whether every server matches.
    is_any: bool,
}

/// What changes with each known way to go back.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Server {
    Postgres {
        started_at: Timestamp,
        /// The path of the file of `sessions`, which contains the database's oid. `None` for a partitioned table.
        sessions_file: Option<String>,
        /// The number of the file of `user_sessions`.
        data_file: Option<u32>,
    },
    Sqlite {
        device: u64,
        inode: u64,
    },
    Unknown,
}

/// The text by which the instances compare what they have applied their journals to.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres { started_at, sessions_file, data_file } => {
                let (sessions_file, data_file) = (sessions_file.as_deref().unwrap_or("-"), data_file.unwrap_or(0));
                write!(f, "{} {sessions_file} {data_file}", started_at.as_micros())
            }
            Self::Sqlite { device, inode } => write!(f, "{device}:{inode}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl ExpectedMark {
    /// Matches no PostgreSQL server and every SQLite file.
    pub fn unknown() -> Self {
        Self { server: Server::Unknown, position: AtomicI64::new(0), has_wal: true, is_checked: false, is_any: false }
    }

    /// Matches every server, for a statement within a transaction that writes: a standby rejects it in any case.
    pub fn any() -> Self {
        Self { is_any: true, ..Self::unknown() }
    }

    pub(super) fn position(&self) -> i64 {
        self.position.load(Ordering::Relaxed)
    }

    pub(super) fn raise_position(&self, position: i64) {
        self.position.fetch_max(position, Ordering::Relaxed);
    }

    /// Whether this expects the server of `mark`.
    pub(super) fn is_server_of(&self, mark: &Mark) -> bool {
        self.server == mark.server
    }

    /// Checks that a SQLite file has all ends that were seen. `position` is what a lookup's [`sqlite_position`] found.
    ///
    /// # Errors
    /// [`HistoryChanged`] if it is lower.
    pub fn check_sqlite(&self, position: Option<&str>) -> Result<()> {
        let holds = !self.is_checked || self.position() <= parse_position(position);
        if holds { Ok(()) } else { Err(HistoryChanged::error()) }
    }

    /// The condition of a lookup that is sent now.
    pub fn check(&self) -> HistoryCheck {
        let position = self.position();
        let (started_at, sessions_file, data_file) = match &self.server {
            Server::Postgres { started_at, sessions_file, data_file } => {
                (*started_at, sessions_file.clone(), *data_file)
            }
            Server::Sqlite { .. } | Server::Unknown => (Timestamp::from_micros(0), None, None),
        };
        HistoryCheck {
            is_any: self.is_any,
            has_wal: self.has_wal,
            started_at: started_at.into(),
            sessions_file,
            data_file,
            position: format!("{:X}/{:X}", position >> 32, position & 0xffff_ffff),
        }
    }
}

/// A condition that is true on the expected history, and makes the statement fail on another one. PostgreSQL only.
///
/// The server evaluates it once per statement, and before any row: it depends on none.
#[derive(Debug)]
pub(crate) struct HistoryCheck {
    is_any: bool,
    has_wal: bool,
    started_at: SqlTime,
    sessions_file: Option<String>,
    data_file: Option<u32>,
    /// A position in the write-ahead log, as PostgreSQL spells it.
    position: String,
}

impl HistoryCheck {
    pub fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // The process id keeps the planner from evaluating it.
        const OTHERWISE_FAIL: &str =
            " ELSE CAST(concat('keyrack:other-history ', pg_backend_pid()) AS integer) IS NULL END";
        if self.is_any {
            out.push_sql("true");
            return Ok(());
        }
        out.push_sql("(SELECT CASE WHEN NOT pg_is_in_recovery() THEN CASE WHEN pg_postmaster_start_time() = ");
        out.push_bind_param::<Instant, _>(&self.started_at)?;
        out.push_sql(" AND pg_relation_filepath('sessions') IS NOT DISTINCT FROM ");
        out.push_bind_param::<Nullable<Text>, _>(&self.sessions_file)?;
        out.push_sql(" AND pg_relation_filenode('user_sessions') IS NOT DISTINCT FROM ");
        out.push_bind_param::<Nullable<Oid>, _>(&self.data_file)?;
        if self.has_wal {
            out.push_sql(" AND pg_current_wal_lsn() >= CAST(");
            out.push_bind_param::<Text, _>(&self.position)?;
            out.push_sql(" AS pg_lsn)");
        }
        out.push_sql(" AND current_setting('transaction_read_only') = 'off' THEN true");
        out.push_sql(OTHERWISE_FAIL);
        out.push_sql(OTHERWISE_FAIL);
        out.push_sql(")");
        Ok(())
    }
}

/// The history of a server, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    server: Server,
    position: i64,
    has_wal: bool,
}

impl Mark {
    /// Reads the history of the server that a connection leads to.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the server accepts no writes.
    pub fn read(connection: &mut DbConnection, file: Option<&Path>) -> Result<Self> {
        match connection {
            DbConnection::Postgres(connection) => read_postgres(connection),
            DbConnection::Sqlite(connection) => Self::of_file(file, read_sqlite_position(connection)?),
        }
    }

    fn of_file(path: Option<&Path>, position: i64) -> Result<Self> {
        let Some(path) = path else { return Err(Error::internal("a SQLite database without a file")) };
        let file = std::fs::metadata(path).map_err(|error| Error::Unavailable(error.into()))?;
        let server = Server::Sqlite { device: file.dev(), inode: file.ino() };
        Ok(Self { server, position, has_wal: false })
    }

    /// Whether it is that of the SQLite file which has this path now.
    pub fn is_of_file(&self, path: Option<&Path>) -> bool {
        Self::of_file(path, 0).is_ok_and(|present| self.is_same_server(&present))
    }

    /// The text by which the instances compare what they have applied their journals to.
    pub fn name(&self) -> String {
        self.server.to_string()
    }

    /// Whether `other` was read from the same server.
    pub fn is_same_server(&self, other: &Self) -> bool {
        self.server == other.server
    }

    pub fn position(&self) -> i64 {
        self.position
    }

    /// Whether `later` is a later state of the same history.
    pub fn continues_as(&self, later: &Self) -> bool {
        self.server == later.server && self.position <= later.position
    }

    /// What lookups are to expect from now on.
    pub fn expected(&self) -> ExpectedMark {
        ExpectedMark {
            server: self.server.clone(),
            position: AtomicI64::new(self.position),
            has_wal: self.has_wal,
            is_checked: true,
            is_any: false,
        }
    }
}

fn read_postgres(connection: &mut PgConnection) -> Result<Mark> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bool)]
        read_only: bool,
        #[diesel(sql_type = Instant)]
        started_at: SqlTime,
        #[diesel(sql_type = Nullable<Text>)]
        sessions_file: Option<String>,
        #[diesel(sql_type = Nullable<Oid>)]
        data_file: Option<u32>,
        #[diesel(sql_type = BigInt)]
        position: i64,
    }

    let (row, has_wal): (Row, _) = match diesel::sql_query(MARK).get_result(connection) {
        Ok(row) => (row, true),
        Err(error) => match diesel::sql_query(MARK_WITHOUT_WAL).get_result(connection) {
            Ok(row) => (row, false),
            // The first error says more, whether the connection is lost or a table is missing.
            Err(_) => return Err(error.into()),
        },
    };
    if row.read_only {
        return Err(Error::Unavailable(anyhow::anyhow!("the database server accepts no writes")));
    }
    let Row { started_at, sessions_file, data_file, position, .. } = row;
    let server = Server::Postgres { started_at: started_at.into(), sessions_file, data_file };
    Ok(Mark { server, position, has_wal })
}

/// The row of `keyrack_settings` that counts the commits that ended sessions. SQLite only.
const SQLITE_POSITION: &str = "committed_ends";

/// A column for a lookup on SQLite: the count of commits that ended sessions, as text.
#[diesel::dsl::auto_type]
pub(crate) fn sqlite_position() -> _ {
    let setting: dsl::Find<keyrack_settings::table, &'static str> = keyrack_settings::table.find(SQLITE_POSITION);
    setting.select(keyrack_settings::value).single_value()
}

/// A count that is missing or can't be read is older than any other.
fn parse_position(position: Option<&str>) -> i64 {
    position.and_then(|position| position.parse().ok()).unwrap_or(0)
}

/// Reads the count through a connection to a SQLite file.
pub(super) fn sqlite_position_of(connection: &mut DbConnection) -> Result<i64> {
    match connection {
        DbConnection::Sqlite(connection) => read_sqlite_position(connection),
        DbConnection::Postgres(_) => Err(Error::internal("only a SQLite file has this count")),
    }
}

fn read_sqlite_position(connection: &mut SqliteConnection) -> Result<i64> {
    let position: Option<String> = diesel::select(sqlite_position()).get_result(connection)?;
    Ok(parse_position(position.as_deref()))
}

/// Raises a SQLite file's count within the transaction that ends sessions. Returns the new one.
pub(super) fn raise_sqlite_position(connection: &mut SqliteConnection) -> Result<i64> {
    let raised = read_sqlite_position(connection)? + 1;
    let value = raised.to_string();
    let setting = keyrack_settings::table.find(SQLITE_POSITION);
    if diesel::update(setting).set(keyrack_settings::value.eq(&value)).execute(connection)? == 0 {
        let row = (keyrack_settings::name.eq(SQLITE_POSITION), keyrack_settings::value.eq(&value));
        diesel::insert_into(keyrack_settings::table).values(row).execute(connection)?;
    }
    Ok(raised)
}
