//! Changing the shape of tables that others are working on, without holding them up.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use diesel::connection::SimpleConnection;

use crate::{
    db::{DbConnection, Engine},
    error::{Error, Result},
};

/// How long a lock is waited for: whoever comes after us waits behind us, so never long. It is shorter than the second after
/// which the server looks for deadlocks, so that it is always us who give way. What the role or the database allows a
/// statement is meant for short ones.
const TIMEOUTS: &str = "SET LOCAL lock_timeout = '200ms'; SET LOCAL statement_timeout = 0";

/// How long the others then have for themselves.
const PAUSE: Duration = Duration::from_millis(300);

/// How long it is tried in all.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs `work` in a transaction whose locks are waited for briefly, again and again until it gets them. On SQLite, whose writers
/// take turns, just once.
pub(in crate::db) fn briefly<T>(
    connection: &mut DbConnection,
    mut work: impl FnMut(&mut DbConnection) -> Result<T>,
) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let outcome = connection.transaction(deadline + PATIENCE, |connection| {
            if connection.engine() == Engine::Postgres {
                connection.batch_execute(TIMEOUTS)?;
            }
            work(connection)
        });
        match outcome {
            Err(error) if gave_way(&error) && Instant::now() < deadline => sleep(PAUSE),
            Err(error) if gave_way(&error) => {
                return Err(Error::Invalid(
                    "a table was in use for five minutes on end, by a long transaction or a vacuum: end that, then try again"
                        .to_owned(),
                ));
            }
            outcome => return outcome,
        }
    }
}

/// The same with statements.
pub(super) fn execute_briefly(connection: &mut DbConnection, sql: &str) -> Result<()> {
    briefly(connection, |connection| Ok(connection.batch_execute(sql)?))
}

/// Diesel's migrations pass on no more than the sentence.
fn gave_way(error: &Error) -> bool {
    let chain = error.chain();
    chain.contains("lock timeout") || chain.contains("deadlock detected")
}
