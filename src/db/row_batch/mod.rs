//! Changes rows in batches, without those that the database refuses to change: a foreign key of another table or a
//! trigger of an operator keeps them, or a transaction that does not end holds them.
//!
//! A batch fails because of one such row, at each attempt, and would keep all others from being changed. So it is done
//! again row by row, and what is refused is left out, counted, and named to the caller at the end.

mod refused;

use std::{fmt, slice, time::Duration};

use super::{
    Database, DbConnection, in_savepoint,
    sql::{check_constraints_at_once, limit_lock_wait},
};
use crate::error::{Error, Result};

pub(crate) use refused::Refused;

/// Attempts to change a batch while the database is not available, and the pause between them.
const MAX_ATTEMPTS: u32 = 5;
pub(crate) const RETRY_DELAY: Duration = Duration::from_millis(200);

/// The rows of a failed batch that are changed one by one in a transaction. It may have to wait for each, and must be done
/// within the time limit of an operation in a server.
const MAX_ROWS_ONE_BY_ONE: usize = 2;

impl Database {
    /// Changes a batch of rows in one transaction. If that fails, changes them one by one, and leaves out those that the
    /// database refuses to change. Returns what the calls of `change` have returned.
    ///
    /// # Errors
    /// If the database is not available.
    pub(crate) async fn change_rows<K, T, F>(&self, rows: &[K], change: F) -> Result<(Vec<T>, Refused)>
    where
        K: fmt::Display + Clone + Send + Sync + 'static,
        T: Send + 'static,
        F: Fn(&mut DbConnection, &[K]) -> Result<T> + Clone + Send + 'static,
    {
        let change_all = || {
            let (rows, change) = (rows.to_vec(), change.clone());
            self.transaction(move |connection| {
                limit_lock_wait(connection)?;
                change(connection, &rows)
            })
        };
        match retried(change_all).await {
            Ok(changed) => return Ok((vec![changed], Refused::default())),
            Err(error) if error.is_refusal() || matches!(error, Error::Unavailable(_)) => {}
            Err(error) => return Err(error),
        }
        let (mut changed, mut refused) = (Vec::new(), Refused::default());
        for few in rows.chunks(MAX_ROWS_ONE_BY_ONE) {
            let change_each = || {
                let (rows, change) = (few.to_vec(), change.clone());
                self.transaction(move |connection| change_each(connection, &rows, &change))
            };
            let (of_few, refused_of_few) = retried(change_each).await?;
            changed.extend(of_few);
            refused.extend(refused_of_few);
        }
        Ok((changed, refused))
    }
}

/// Changes rows one after the other, each in a savepoint.
fn change_each<K: fmt::Display, T>(
    connection: &mut DbConnection,
    rows: &[K],
    change: &impl Fn(&mut DbConnection, &[K]) -> Result<T>,
) -> Result<(Vec<T>, Refused)> {
    check_constraints_at_once(connection)?;
    limit_lock_wait(connection)?;
    let (mut changed, mut refused) = (Vec::new(), Refused::default());
    for row in rows {
        match in_savepoint(connection, |connection| change(connection, slice::from_ref(row)))? {
            Ok(value) => changed.push(value),
            Err(error) if error.is_refusal() => refused.add(row, &error),
            Err(error) => return Err(error),
        }
    }
    Ok((changed, refused))
}

/// Repeats an operation while the database is not available.
pub(crate) async fn retried<T, F: Future<Output = Result<T>>>(operation: impl Fn() -> F) -> Result<T> {
    let mut attempt = 1;
    loop {
        match operation().await {
            Err(error @ Error::Unavailable(_)) if attempt < MAX_ATTEMPTS && !error.is_refusal() => attempt += 1,
            outcome => return outcome,
        }
        tokio::time::sleep(RETRY_DELAY).await;
    }
}
