//! The pool of connections, and the only way to them: [`Database::read`] and [`Database::transaction`].

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use diesel::r2d2::{self, ManageConnection};
use tokio::{sync::Semaphore, task, time};

use super::{
    connection::DbConnection,
    errors::is_worth_a_retry,
    url::{DatabaseUrl, Engine},
};
use crate::{
    db::batch::sqlite_writer::Writer,
    error::{Error, Result},
};

/// How often a transaction that lost against another is tried.
const ATTEMPTS: u32 = 4;

/// How a [`Database`] is opened.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// Where it is.
    pub url: DatabaseUrl,
    /// The most connections that are open at once.
    pub pool_size: u32,
    /// How long one operation may take, waiting for a connection included, before it counts as unavailable.
    ///
    /// A server gives up within a second, so that a request is answered rather than left hanging; a command that a person
    /// started waits longer.
    pub timeout: Duration,
}

impl DatabaseOptions {
    /// What a server uses: 10 connections, 900 ms.
    pub fn for_server(url: DatabaseUrl) -> Self {
        Self { url, pool_size: 10, timeout: Duration::from_millis(900) }
    }

    /// What a command uses: one connection, five minutes, in which a doctor can read millions of rows.
    pub fn for_command(url: DatabaseUrl) -> Self {
        Self { url, pool_size: 1, timeout: Duration::from_secs(300) }
    }
}

/// A handle on the database; clones share its pool.
#[derive(Clone)]
pub struct Database {
    pool: r2d2::Pool<Manager>,
    permits: Arc<Semaphore>,
    /// SQLite's, which has one writer at a time.
    writer: Option<Writer>,
    opener: Opener,
    /// Tells this database from others that are open in this process; clones share it.
    identity: Arc<()>,
}

/// How connections to one database are opened.
#[derive(Debug, Clone)]
pub(in crate::db) struct Opener {
    url: DatabaseUrl,
    timeout: Duration,
}

impl Opener {
    pub(in crate::db) fn open(&self) -> Result<DbConnection, diesel::ConnectionError> {
        DbConnection::open(&self.url, self.timeout)
    }

    /// How long one operation may take.
    pub(in crate::db) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A connection that only reads, and waits for nobody.
    pub(in crate::db) fn open_to_read(&self) -> Result<DbConnection, diesel::ConnectionError> {
        DbConnection::open_to_read(&self.url)
    }
}

impl Database {
    /// Prepares the pool. Connections are opened when they are first needed, so this never waits for the database;
    /// see [`migrate`](crate::db::migrate()) for finding out early whether it is there.
    pub fn open(options: DatabaseOptions) -> Self {
        let DatabaseOptions { url, pool_size, timeout } = options;
        let opener = Opener { url, timeout };
        let pool = r2d2::Pool::builder()
            .max_size(pool_size.max(1))
            .min_idle(Some(0))
            .connection_timeout(timeout)
            // A dead connection shows itself at its first use and is then replaced: asking before every use would
            // cost a round trip a request.
            .test_on_check_out(false)
            .error_handler(Box::new(r2d2_log::AsDebug))
            .build_unchecked(Manager(opener.clone()));
        let permits = Arc::new(Semaphore::new(pool_size.max(1) as usize));
        let writer = Some(Writer::new(opener.clone())).filter(|_| opener.url.engine() == Engine::Sqlite);
        Self { pool, permits, writer, opener, identity: Arc::default() }
    }

    /// The engine behind the handle.
    pub fn engine(&self) -> Engine {
        self.opener.url.engine()
    }

    /// How long one operation may take.
    pub(in crate::db) fn timeout(&self) -> Duration {
        self.opener.timeout
    }

    pub(in crate::db) fn opener(&self) -> &Opener {
        &self.opener
    }

    pub(in crate::db) fn identity(&self) -> &Arc<()> {
        &self.identity
    }

    /// Runs `work` on a connection, each statement for itself.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        self.run(move |slot, _| slot.use_once(work)).await
    }

    /// Runs `work` in one transaction, again if the database let another transaction win.
    ///
    /// On SQLite it may share its commit with others, see `batch/sqlite_writer.rs`.
    pub(crate) async fn transaction<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        if let Some(writer) = &self.writer {
            return writer.transaction(work).await;
        }
        self.run(move |slot, deadline| {
            let mut attempt = 1;
            loop {
                match slot.use_once(|connection| connection.transaction(deadline, &work)) {
                    Err(error) if is_worth_a_retry(&error) && attempt < ATTEMPTS => attempt += 1,
                    outcome => return outcome,
                }
            }
        })
        .await
    }

    /// Waits for a free connection without holding a thread, then works on a thread that may block.
    ///
    /// When timeout runs out, the caller goes on and the work is left to end by itself: a transaction that has not come to
    /// its commit by then rolls back, and the connection returns to the pool only then.
    async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Slot, Instant) -> Result<T> + Send + 'static,
    {
        let (pool, permits, timeout) = (self.pool.clone(), Arc::clone(&self.permits), self.timeout());
        let deadline = Instant::now() + timeout;
        let operation = async move {
            let permit = permits.acquire_owned().await.map_err(Error::internal)?;
            task::spawn_blocking(move || {
                let _permit = permit;
                let mut slot = pool.get_timeout(timeout).map_err(|error| Error::Unavailable(error.into()))?;
                work(&mut slot, deadline)
            })
            .await
            .map_err(|panic| Error::Internal(panic.into()))?
        };
        time::timeout(timeout, operation)
            .await
            .unwrap_or_else(|elapsed| Err(Error::Unavailable(anyhow::Error::new(elapsed).context("no answer in time"))))
    }
}

/// A pooled connection, and whether it has failed.
pub struct Slot {
    connection: DbConnection,
    failed: bool,
}

impl Slot {
    fn use_once<T>(&mut self, work: impl FnOnce(&mut DbConnection) -> Result<T>) -> Result<T> {
        let outcome = work(&mut self.connection);
        // SQLite's "locked" and "full" say nothing against the connection; a lost server does.
        self.failed |= matches!(outcome, Err(Error::Unavailable(_)))
            && self.connection.engine() == Engine::Postgres
            && !outcome.as_ref().is_err_and(is_worth_a_retry);
        outcome
    }
}

/// Opens connections for the pool.
#[derive(Debug)]
struct Manager(Opener);

impl ManageConnection for Manager {
    type Connection = Slot;
    type Error = diesel::ConnectionError;

    fn connect(&self) -> Result<Slot, Self::Error> {
        Ok(Slot { connection: self.0.open()?, failed: false })
    }

    fn is_valid(&self, _: &mut Slot) -> Result<(), Self::Error> {
        Ok(())
    }

    fn has_broken(&self, slot: &mut Slot) -> bool {
        std::thread::panicking() || slot.failed || slot.connection.is_broken()
    }
}

/// Where the pool's own failures go.
mod r2d2_log {
    /// The pool tries again by itself, several times a second; each request that suffers logs its own failure.
    #[derive(Debug)]
    pub(in crate::db) struct AsDebug;

    impl<E: std::error::Error> diesel::r2d2::HandleError<E> for AsDebug {
        fn handle_error(&self, error: E) {
            tracing::debug!(%error, "no connection to the database");
        }
    }
}
