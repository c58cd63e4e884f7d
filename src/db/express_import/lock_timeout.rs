//! Takes table locks without blocking the application that uses the tables.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use diesel::connection::SimpleConnection;

use crate::{
    db::{DbConnection, Engine},
    error::{Error, Result},
};

/// Limits the wait for a lock, because every later statement queues behind the waiting one. The limit is shorter than
/// the second after which PostgreSQL looks for deadlocks, so that the import is always the transaction that fails. The
/// statement timeout of the role or the database is meant for short statements. The statements are written for strings
/// in which a backslash is a plain character, whatever the role or the database has set.
const SHORT_LOCK_TIMEOUT: &str = "\
    SET LOCAL lock_timeout = '200ms'; SET LOCAL statement_timeout = 0; SET LOCAL standard_conforming_strings = on";

/// Pause between two attempts, in which other transactions proceed.
const RETRY_DELAY: Duration = Duration::from_millis(300);

/// How long attempts are repeated before the import fails.
const RETRY_TIMEOUT: Duration = Duration::from_secs(300);

/// Runs `work` in a transaction with a short lock timeout, and repeats it until it gets its locks. On SQLite, which
/// has one writer at a time, it runs once.
///
/// # Errors
/// [`Error::Invalid`] if the locks were not available for five minutes; otherwise the error of `work`.
pub(in crate::db) fn with_short_lock_timeout<T>(
    connection: &mut DbConnection,
    mut work: impl FnMut(&mut DbConnection) -> Result<T>,
) -> Result<T> {
    let deadline = Instant::now() + RETRY_TIMEOUT;
    loop {
        let outcome = connection.transaction(deadline + RETRY_TIMEOUT, |connection| {
            if connection.engine() == Engine::Postgres {
                connection.batch_execute(SHORT_LOCK_TIMEOUT)?;
            }
            work(connection)
        });
        match outcome {
            Err(error) if is_lock_timeout(&error) && Instant::now() < deadline => sleep(RETRY_DELAY),
            Err(error) if is_lock_timeout(&error) => {
                return Err(Error::Invalid(
                    "a table was locked for five minutes by a long transaction or a vacuum: end it, then try again"
                        .to_owned(),
                ));
            }
            outcome => return outcome,
        }
    }
}

/// Executes statements in a transaction of [`with_short_lock_timeout`].
pub(super) fn execute_with_short_lock_timeout(connection: &mut DbConnection, sql: &str) -> Result<()> {
    with_short_lock_timeout(connection, |connection| Ok(connection.batch_execute(sql)?))
}

/// Whether a transaction failed for want of a lock. Diesel's migrations keep only the text of the error.
fn is_lock_timeout(error: &Error) -> bool {
    let chain = error.chain();
    chain.contains("lock timeout") || chain.contains("deadlock detected")
}
