//! The connection pool.

use std::{sync::Arc, time::Instant};

use diesel::r2d2::{self, ManageConnection};
use tokio::{sync::Semaphore, task, time};

use super::{connection::DbConnection, errors::is_retryable, opener::Opener, url::Engine};
use crate::error::{Error, Result};

/// Maximum attempts, the first included. The others follow a serialization failure or deadlock.
const MAX_ATTEMPTS: u32 = 4;

/// A pool of connections to one database; clones share it.
#[derive(Clone)]
pub(in crate::db) struct Pool {
    connections: r2d2::Pool<Manager>,
    /// One per connection, so that an operation waits for a connection without occupying a thread.
    permits: Arc<Semaphore>,
    opener: Arc<Opener>,
}

impl Pool {
    /// Creates a pool without opening a connection: each is opened when it is first needed.
    pub fn new(opener: Arc<Opener>, size: u32) -> Self {
        let size = size.max(1);
        let connections = r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .connection_timeout(opener.timeout())
            // A dead connection shows itself at its first use and is then replaced. A test before every use would cost
            // one round trip per request.
            .test_on_check_out(false)
            .error_handler(Box::new(LogConnectError))
            .build_unchecked(Manager(Arc::clone(&opener)));
        Self { connections, permits: Arc::new(Semaphore::new(size as usize)), opener }
    }

    pub fn opener(&self) -> &Arc<Opener> {
        &self.opener
    }

    /// Runs `work` on a connection, without a transaction around it.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        self.run(move |connection, _| connection.run(work)).await
    }

    /// Runs `work` in a transaction, and again after a serialization failure or deadlock.
    pub async fn transaction<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        self.run(move |connection, deadline| {
            let mut attempt = 1;
            loop {
                match connection.run(|connection| connection.transaction(deadline, &work)) {
                    Err(error) if is_retryable(&error) && attempt < MAX_ATTEMPTS => attempt += 1,
                    outcome => return outcome,
                }
            }
        })
        .await
    }

    /// Waits for a free connection without occupying a thread, then runs `work` on a thread that may block.
    ///
    /// After the timeout the caller gets an error and `work` continues to its end: a transaction that has not reached
    /// its commit by then rolls back, and only then does the connection return to the pool.
    async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut PooledConnection, Instant) -> Result<T> + Send + 'static,
    {
        let (connections, permits) = (self.connections.clone(), Arc::clone(&self.permits));
        let timeout = self.opener.timeout();
        let deadline = Instant::now() + timeout;
        let operation = async move {
            let permit = permits.acquire_owned().await.map_err(Error::internal)?;
            task::spawn_blocking(move || {
                let _permit = permit;
                let connection = connections.get_timeout(timeout);
                work(&mut *connection.map_err(|error| Error::Unavailable(error.into()))?, deadline)
            })
            .await
            .map_err(|panic| Error::Internal(panic.into()))?
        };
        time::timeout(timeout, operation)
            .await
            .unwrap_or_else(|elapsed| Err(Error::Unavailable(anyhow::Error::new(elapsed).context("no answer in time"))))
    }
}

/// A connection of the pool, and whether the server was lost while it was used.
struct PooledConnection {
    connection: DbConnection,
    is_lost: bool,
}

impl PooledConnection {
    fn run<T>(&mut self, work: impl FnOnce(&mut DbConnection) -> Result<T>) -> Result<T> {
        let outcome = work(&mut self.connection);
        // After SQLite's "locked" and "full" the connection is still good; after a lost PostgreSQL server it is not.
        self.is_lost |= self.connection.engine() == Engine::Postgres
            && matches!(&outcome, Err(error @ Error::Unavailable(_)) if !is_retryable(error));
        outcome
    }
}

/// Opens connections for the pool and discards the broken ones.
#[derive(Debug)]
struct Manager(Arc<Opener>);

impl ManageConnection for Manager {
    type Connection = PooledConnection;
    type Error = diesel::ConnectionError;

    fn connect(&self) -> Result<PooledConnection, Self::Error> {
        Ok(PooledConnection { connection: self.0.open()?, is_lost: false })
    }

    fn is_valid(&self, _: &mut PooledConnection) -> Result<(), Self::Error> {
        Ok(())
    }

    fn has_broken(&self, pooled: &mut PooledConnection) -> bool {
        std::thread::panicking() || pooled.is_lost || pooled.connection.is_broken()
    }
}

/// Logs the pool's failed attempts to connect at debug level only: the pool retries several times a second, and each
/// request that fails because of it logs its own error.
#[derive(Debug)]
struct LogConnectError;

impl<E: std::error::Error> r2d2::HandleError<E> for LogConnectError {
    fn handle_error(&self, error: E) {
        tracing::debug!(%error, "could not connect to the database");
    }
}
