//! The connection pool.

use std::{sync::Arc, time::Instant};

use diesel::r2d2::{self, ManageConnection};
use tokio::{sync::Semaphore, task, time};

use super::{
    connection::{DbConnection, TransactionFailure},
    errors::{has_no_kind, is_connection_lost, is_from_read_only_server, is_retryable, leaves_sqlite_usable},
    lease::{GivenUp, HungOperations, Lease},
    opener::Opener,
    slot::ConnectionSlot,
    url::Engine,
};
use crate::error::{Error, Result};

/// Maximum attempts, the first included.
const MAX_ATTEMPTS: u32 = 4;

/// A pool of connections to one database; clones share it.
#[derive(Clone)]
pub(in crate::db) struct Pool {
    connections: r2d2::Pool<Manager>,
    /// One per connection, so that an operation waits for a connection without occupying a thread.
    permits: Arc<Semaphore>,
    hung: HungOperations,
    opener: Arc<Opener>,
}

impl Pool {
    /// Creates a pool without opening a connection: each is opened when it is first needed. While some hang, there may be
    /// twice as many.
    pub fn new(opener: Arc<Opener>, size: u32) -> Self {
        let size = size.max(1);
        let connections = r2d2::Pool::builder()
            .max_size(size.saturating_mul(2))
            .min_idle(Some(0))
            .connection_timeout(opener.timeout())
            // Only looks whether the connection was discarded. A dead one shows itself at its first use and is then
            // replaced; a statement before every use would cost one round trip per request.
            .test_on_check_out(true)
            .error_handler(Box::new(LogConnectError))
            .build_unchecked(Manager(Arc::clone(&opener)));
        let size = size as usize;
        let (permits, hung) = (Arc::new(Semaphore::new(size)), HungOperations::at_most(size));
        Self { connections, permits, hung, opener }
    }

    pub fn opener(&self) -> &Arc<Opener> {
        &self.opener
    }

    /// Runs `work` on a connection, without a transaction around it. `work` must only read: it runs again where that
    /// may help, see [`Attempts`].
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        let read = move |connection: &mut DbConnection, _| {
            work(connection).map_err(|error| TransactionFailure { error, nothing_happened: true })
        };
        self.run(read).await
    }

    /// Runs `work` in a transaction that `commit` commits, and again where that may help, see [`Attempts`].
    pub async fn transaction<T, F, C>(&self, work: F, commit: C) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut DbConnection) -> Result<T> + Send + 'static,
        C: Fn(&mut DbConnection) -> Result<()> + Send + 'static,
    {
        self.run(move |connection, deadline| connection.try_transaction(deadline, &work, &commit)).await
    }

    /// Waits for a free connection without occupying a thread, then runs `work` on a thread that may block.
    ///
    /// After the timeout the caller gets an error and `work` continues to its end: a transaction that has not reached
    /// its commit by then rolls back, and only then does the connection return to the pool. If it takes much longer, see
    /// [`Pool::give_up_if_hung`].
    async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut DbConnection, Instant) -> Result<T, TransactionFailure> + Send + 'static,
    {
        let pool = self.clone();
        let timeout = self.opener.timeout();
        let deadline = Instant::now() + timeout;
        let lease = Lease::new(&self.hung);
        let operation = async {
            let permit = Arc::clone(&pool.permits).acquire_owned().await.map_err(Error::internal)?;
            let held = lease.hold(permit);
            let pool = pool.clone();
            task::spawn_blocking(move || {
                let _held = held;
                pool.run_blocking(deadline, work)
            })
            .await
            .map_err(|panic| Error::Internal(panic.into()))?
        };
        match time::timeout(timeout, operation).await {
            Ok(outcome) => outcome,
            Err(elapsed) => {
                task::spawn(pool.give_up_if_hung(lease));
                Err(Error::Unavailable(anyhow::Error::new(elapsed).context("no answer in time")))
            }
        }
    }

    /// Lets other operations have the permit of one that takes more than twice its time: its server or something in
    /// between is silent, and libpq waits for as long as the network acknowledges its probes. New connections may well be
    /// answered. Those that are idle now are as old as the one that hangs, and are not used again.
    async fn give_up_if_hung(self, lease: Arc<Lease>) {
        loop {
            time::sleep(self.opener.timeout()).await;
            match lease.give_up() {
                GivenUp::NotRunning => return,
                GivenUp::Yes(hung) => {
                    self.opener.discard_idle();
                    if hung == 1 {
                        tracing::warn!(
                            "an operation of the database hangs, and others use a new connection; if this lasts, look \
                             at the server, and at what is between it and Keyrack"
                        );
                    }
                    return;
                }
                GivenUp::TooMany => {}
            }
        }
    }

    /// Runs `work` on connections of the pool until it succeeds or another attempt would not help.
    fn run_blocking<T>(
        &self,
        deadline: Instant,
        work: impl Fn(&mut DbConnection, Instant) -> Result<T, TransactionFailure>,
    ) -> Result<T> {
        let mut attempts = Attempts::default();
        loop {
            let timeout = deadline.saturating_duration_since(Instant::now());
            let mut pooled = self.connections.get_timeout(timeout).map_err(|error| Error::Unavailable(error.into()))?;
            let Some(mut connection) = pooled.slot.take() else {
                pooled.is_lost = true;
                continue;
            };
            let is_kept = connection.is_kept;
            let failure = match work(&mut connection, deadline) {
                Ok(value) => {
                    pooled.slot.keep(connection);
                    return Ok(value);
                }
                Err(failure) => failure,
            };
            let is_lost = is_lost_after(&failure.error, &mut connection);
            if is_from_read_only_server(&failure.error) {
                self.opener.discard_all();
            } else if is_lost && is_kept {
                self.opener.discard_idle();
            }
            if is_lost {
                pooled.is_lost = true;
            } else {
                pooled.slot.keep(connection);
            }
            if !attempts.may_repeat(&failure, is_lost && is_kept) || Instant::now() >= deadline {
                return Err(failure.error);
            }
        }
    }
}

/// Decides whether an operation that failed runs again.
///
/// Only where nothing has happened: up to [`MAX_ATTEMPTS`] times after a serialization failure or a deadlock, and where
/// the connection was lost, since it may have been lost before it was used; once after an error without a kind, on
/// another connection.
#[derive(Default)]
struct Attempts {
    failed: u32,
    has_replaced_connection: bool,
}

impl Attempts {
    fn may_repeat(&mut self, failure: &TransactionFailure, lost_kept_connection: bool) -> bool {
        self.failed += 1;
        let error = &failure.error;
        if !failure.nothing_happened || self.failed >= MAX_ATTEMPTS {
            return false;
        }
        if is_retryable(error) || is_connection_lost(error) {
            return true;
        }
        let may_help = lost_kept_connection || has_no_kind(error) || is_from_read_only_server(error);
        may_help && !std::mem::replace(&mut self.has_replaced_connection, true)
    }
}

/// Whether the connection must not be used again after this error.
fn is_lost_after(error: &Error, connection: &mut DbConnection) -> bool {
    let is_lost = matches!(error, Error::Unavailable(_))
        && match connection.engine() {
            Engine::Postgres => !is_retryable(error),
            Engine::Sqlite => !leaves_sqlite_usable(error),
        };
    is_lost || connection.is_broken()
}

/// A connection of the pool, and whether it must not be used again.
struct PooledConnection {
    slot: ConnectionSlot,
    is_lost: bool,
}

/// Why a connection of the pool is replaced instead of being used.
#[derive(Debug, thiserror::Error)]
enum ReplacedConnection {
    #[error(transparent)]
    CannotConnect(#[from] diesel::ConnectionError),
    #[error("the connection was discarded")]
    Discarded,
}

/// Opens connections for the pool and discards the broken ones.
#[derive(Debug)]
struct Manager(Arc<Opener>);

impl ManageConnection for Manager {
    type Connection = PooledConnection;
    type Error = ReplacedConnection;

    fn connect(&self) -> Result<PooledConnection, Self::Error> {
        let slot = ConnectionSlot::new(&self.0);
        slot.put_new(self.0.open_pooled()?);
        Ok(PooledConnection { slot, is_lost: false })
    }

    fn is_valid(&self, pooled: &mut PooledConnection) -> Result<(), Self::Error> {
        if pooled.slot.is_usable() { Ok(()) } else { Err(ReplacedConnection::Discarded) }
    }

    fn has_broken(&self, pooled: &mut PooledConnection) -> bool {
        std::thread::panicking() || pooled.is_lost || !pooled.slot.is_usable()
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
