//! Finds out whether the database can serve: it answers, is migrated and accepts writes, and has the right time.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use diesel::{
    RunQueryDsl,
    connection::SimpleConnection,
    sql_types::{BigInt, Bool, Nullable},
};
use uuid::Uuid;

use super::{
    connect::{
        connection::DbConnection,
        url::{DatabaseUrl, Engine},
    },
    database::Database,
    history::History,
    schema::types::{Instant as InstantType, SqlTime},
    schema_check::{creator_warnings, objects_of_others},
    sql::Readable,
};
use crate::{
    clock::{Clock, Timestamp},
    error::{Error, Result},
};

/// How long a write to a SQLite file shows that it can be written. Anyone may request `/readyz`, and each write waits
/// for the disk.
const WRITABLE_FOR: Duration = Duration::from_secs(1);

/// Pause between two looks whether the journal of ends has been applied.
const HISTORY_RETRY_DELAY: Duration = Duration::from_millis(10);

/// How long the check before the start waits for another writer's lock on SQLite.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// What has to fit into the folder of a SQLite file: the pages of a few sign-ins, in the journal and in the file.
const NEEDED_BYTES: usize = 256 * 1024;

/// Whether the database can serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It answers, is migrated to this version and accepts writes, and all ends of the journal hold in it.
    Ready,
    /// It has other migrations than this version.
    NotMigrated,
}

/// Changes no row, but fails where PostgreSQL would not let us change one: on a standby, in a read-only database, and
/// without the rights.
const POSTGRES_WRITE: &str =
    "UPDATE sessions SET sid = sid WHERE false; UPDATE user_sessions SET sid = sid WHERE false";

/// Writes a page with the content that it has, which fails in a read-only file. On a full disk it succeeds as long as the
/// journal has room for a page; see [`check_space`].
const SQLITE_WRITE: &str = "UPDATE __diesel_schema_migrations SET run_on = run_on";

impl Database {
    /// Whether the database answers, is migrated to this version and accepts writes. Waits while the journal of ends is
    /// being applied, as sessions do.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it does not answer or refuses to be written, or the journal was not applied in time.
    pub async fn readiness(&self) -> Result<Readiness> {
        if !self.is_migrated().await? {
            return Ok(Readiness::NotMigrated);
        }
        match self.engine() {
            Engine::Postgres => self.read(|connection| Ok(connection.batch_execute(POSTGRES_WRITE)?)).await?,
            Engine::Sqlite => {
                let mut written_at = self.written_at.lock().await;
                if !written_at.is_some_and(|at| at.elapsed() < WRITABLE_FOR) {
                    let folder = self.folder();
                    // Before the transaction, which keeps other writers waiting.
                    let checking = tokio::task::spawn_blocking(move || folder.as_deref().map_or(Ok(()), check_space));
                    checking.await.map_err(Error::internal)??;
                    self.transaction(|connection| Ok(connection.batch_execute(SQLITE_WRITE)?)).await?;
                    *written_at = Some(Instant::now());
                }
            }
        }
        self.wait_for_journal().await?;
        Ok(Readiness::Ready)
    }

    /// The folder of a SQLite file.
    fn folder(&self) -> Option<PathBuf> {
        let folder = self.path()?.parent()?;
        Some(if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() })
    }

    async fn wait_for_journal(&self) -> Result<()> {
        let deadline = Instant::now() + self.timeout();
        while !self.is_history_verified() {
            if Instant::now() > deadline {
                return Err(History::unverified());
            }
            tokio::time::sleep(HISTORY_RETRY_DELAY).await;
        }
        Ok(())
    }

    /// The difference between `clock` and the clock of the PostgreSQL server, in microseconds: positive if `clock` is
    /// ahead. SQLite has no clock of its own; there `clock` may only be found behind the latest security events, which
    /// this machine has written. `None` for a fixed clock.
    pub async fn clock_error(&self, clock: &Clock) -> Result<Option<i64>> {
        if matches!(clock, Clock::Fixed(_)) {
            return Ok(None);
        }
        let clock = clock.clone();
        let compare = move |connection: &mut DbConnection| match connection.engine() {
            Engine::Postgres => clock_error(connection, &clock),
            Engine::Sqlite => distance_behind_events(connection, &clock),
        };
        self.read(move |connection| compare(connection).map(Some)).await
    }

    /// Takes the clock of this machine as right, although security events of a SQLite file are in its future: they are not
    /// compared with it any longer.
    pub async fn accept_clock(&self) -> Result<()> {
        self.transaction(|connection| Ok(connection.batch_execute(ACCEPT_CLOCK)?)).await
    }
}

/// Writes what a few sign-ins need to a file without a name, which is gone at once. The number of free bytes that a file
/// system reports would not tell of a quota.
fn check_space(folder: &Path) -> Result<()> {
    let write = || {
        let mut file = unnamed_file(folder)?;
        file.write_all(&vec![0; NEEDED_BYTES])
    };
    write().map_err(|error| {
        let error = anyhow::Error::new(error);
        Error::Unavailable(error.context(format!("{NEEDED_BYTES} bytes can't be written to {}", folder.display())))
    })
}

/// Creates a file that no folder names.
fn unnamed_file(folder: &Path) -> io::Result<File> {
    let path = folder.join(format!(".keyrack-{}", Uuid::new_v4()));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

/// The latest event in the order of time may be a few places from the last one: a purge or a request may take a while. A
/// text that is not a time may come after all times.
const LATEST_EVENT: &str = "SELECT max(at) AS at FROM ( \
         SELECT at FROM security_events \
         WHERE id > coalesce((SELECT CAST(value AS integer) FROM keyrack_settings WHERE name = 'clock_accepted_at'), 0) \
         ORDER BY id DESC LIMIT 1000 \
     ) AS latest \
     WHERE typeof(at) = 'text' \
         AND at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].*'";

/// Records the last event that the clock is not compared with. SQLite only.
const ACCEPT_CLOCK: &str = "INSERT INTO keyrack_settings (name, value) \
                            SELECT 'clock_accepted_at', CAST(max(id) AS text) FROM security_events WHERE true \
                            ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// How far the clock is behind the latest events, in negative microseconds; 0 if it is not.
fn distance_behind_events(connection: &mut DbConnection, clock: &Clock) -> Result<i64> {
    #[derive(diesel::QueryableByName)]
    struct Latest {
        #[diesel(sql_type = Nullable<InstantType>)]
        at: Readable<Option<SqlTime>>,
    }

    let latest = diesel::sql_query(LATEST_EVENT).get_result::<Latest>(connection)?.at.0.flatten().map(Timestamp::from);
    Ok(latest.map_or(0, |latest| (clock.now().as_micros() - latest.as_micros()).min(0)))
}

/// The server's answer is compared with the middle between sending the statement and its arrival.
fn clock_error(connection: &mut DbConnection, clock: &Clock) -> Result<i64> {
    #[derive(diesel::QueryableByName)]
    struct ServerTime {
        #[diesel(sql_type = BigInt)]
        micros: i64,
    }

    let time = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS micros";
    let before = clock.now().as_micros();
    let server: ServerTime = diesel::sql_query(time).get_result(connection)?;
    Ok(i64::midpoint(before, clock.now().as_micros()) - server.micros)
}

/// Checks before a server starts that the database accepts writes. Returns what else an operator should know.
///
/// # Errors
/// [`Error::Invalid`] with what to do.
pub fn check_before_serving(url: &DatabaseUrl) -> Result<Vec<String>> {
    let advice = match url.engine() {
        Engine::Postgres => {
            "name the primary in DATABASE_URL, turn default_transaction_read_only off, or give the user in the URL the \
             right to change the tables"
        }
        Engine::Sqlite => {
            "the user that Keyrack runs as must own, or be allowed to write, the file, its -wal and -shm files and the \
             folder"
        }
    };
    let cannot_write = |cause: &str| {
        let cause = cause.split_whitespace().collect::<Vec<_>>().join(" ");
        Error::Invalid(format!("cannot write to the database {url}: {cause}; {advice}"))
    };
    let mut connection = DbConnection::open(url, LOCK_TIMEOUT).map_err(|error| cannot_write(&error.to_string()))?;
    let write = match url.engine() {
        Engine::Postgres => POSTGRES_WRITE,
        Engine::Sqlite => SQLITE_WRITE,
    };
    connection.batch_execute(write).map_err(|error| cannot_write(&error.to_string()))?;
    let mut warnings = creator_warnings(&mut connection)?;
    warnings.extend(objects_of_others(&mut connection)?);
    if url.has_remote_host() && !uses_tls(&mut connection).unwrap_or(true) {
        warnings.push(format!(
            "the connection to {url} is not encrypted: who can read the network sees the sessions and the password \
             hashes; add sslmode=verify-full to DATABASE_URL, with sslrootcert=system or the file of your own authority"
        ));
    }
    Ok(warnings)
}

/// Whether the connection is encrypted. Behind a pooler this is about the pooler's connection to the server.
fn uses_tls(connection: &mut DbConnection) -> Result<bool> {
    #[derive(diesel::QueryableByName)]
    struct Tls {
        #[diesel(sql_type = Bool)]
        is_used: bool,
    }

    let tls = "SELECT ssl AS is_used FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    Ok(diesel::sql_query(tls).get_result::<Tls>(connection)?.is_used)
}
