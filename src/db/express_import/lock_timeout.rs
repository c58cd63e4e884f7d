//! Takes table locks without blocking the application that uses the tables.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use diesel::{RunQueryDsl, connection::SimpleConnection, sql_types::Text};

use crate::{
    db::{DbConnection, Engine},
    error::{Error, Result},
};

/// Limits the wait for a lock, because every later statement queues behind the waiting one. The limit is shorter than
/// the second after which PostgreSQL looks for deadlocks, so that the import is always the transaction that fails. The
/// statement timeout of the role or the database is meant for short statements.
const SHORT_LOCK_TIMEOUT: Duration = Duration::from_millis(200);

/// The statements are written for strings in which a backslash is a plain character, whatever the role or the database
/// has set.
const OTHER_LIMITS: &str = "SET LOCAL statement_timeout = 0; SET LOCAL standard_conforming_strings = on";

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
        let started = Instant::now();
        let outcome = connection.transaction(deadline + RETRY_TIMEOUT, |connection| {
            if connection.engine() == Engine::Postgres {
                let millis = SHORT_LOCK_TIMEOUT.as_millis();
                let limits = format!("SET LOCAL lock_timeout = {millis}; {OTHER_LIMITS}");
                connection.batch_execute(&limits)?;
            }
            work(connection)
        });
        match outcome {
            Err(error) if is_lock_timeout(connection, &error, started) && Instant::now() < deadline => {
                sleep(RETRY_DELAY);
            }
            Err(error) if is_lock_timeout(connection, &error, started) => {
                return Err(Error::Invalid(format!(
                    "a lock was not free for five minutes ({}): end the long transaction or the vacuum that holds it, \
                     then try again",
                    error.root_cause()
                )));
            }
            outcome => return outcome,
        }
    }
}

/// Executes statements in a transaction of [`with_short_lock_timeout`].
pub(super) fn execute_with_short_lock_timeout(connection: &mut DbConnection, sql: &str) -> Result<()> {
    with_short_lock_timeout(connection, |connection| Ok(connection.batch_execute(sql)?))
}

/// Whether a transaction failed for want of a lock. Diesel's migrations keep only the text of the error. Where it is
/// translated, every error counts that came after the lock timeout, unless the import itself refused something.
fn is_lock_timeout(connection: &mut DbConnection, error: &Error, started: Instant) -> bool {
    let chain = error.chain();
    if chain.contains("lock timeout") || chain.contains("deadlock detected") {
        return true;
    }
    let may_be_translated = matches!(error, Error::Unavailable(_) | Error::Internal(_));
    may_be_translated && started.elapsed() >= SHORT_LOCK_TIMEOUT && !speaks_english(connection).unwrap_or(true)
}

fn speaks_english(connection: &mut DbConnection) -> Result<bool> {
    #[derive(diesel::QueryableByName)]
    struct Setting {
        #[diesel(sql_type = Text)]
        language: String,
    }

    let setting = "SELECT current_setting('lc_messages') AS language";
    let language = diesel::sql_query(setting).get_result::<Setting>(connection)?.language;
    Ok(language.starts_with("en") || language.starts_with('C') || language == "POSIX")
}
