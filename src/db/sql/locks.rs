//! Locks on more than rows. On SQLite they do nothing: a transaction that writes already excludes every other writer.

use std::time::Duration;

use diesel::{
    connection::SimpleConnection,
    result::{DatabaseErrorKind, Error as DieselError},
};

use crate::{
    db::{DbConnection, Engine},
    error::{Error, Result},
};

/// Work of which one instance does a batch at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedTask {
    /// Purging.
    Purge,
    /// Logging the security events of other programs.
    LogEvents,
    /// Mailing notices.
    Notices,
}

impl SharedTask {
    /// The table whose lock stands for the task. Any role may take an advisory lock, and keep it; a lock of a table needs
    /// the right to write to it. This mode conflicts with itself, but with no statement that reads or writes rows.
    fn table(self) -> &'static str {
        match self {
            Self::Purge => "keyrack_settings",
            Self::LogEvents => "keyrack_instances",
            Self::Notices => "mails",
        }
    }
}

/// How long a task that several instances share waits for another one, and for rows. It is shorter than the time limit of
/// an operation in a server.
const MAX_LOCK_WAIT: Duration = Duration::from_millis(300);

/// Waits for the task, and takes it until the transaction ends.
///
/// # Errors
/// [`Error::Unavailable`] if another transaction keeps it for longer than [`MAX_LOCK_WAIT`].
pub fn take_task(connection: &mut DbConnection, task: SharedTask) -> Result<()> {
    if connection.engine() == Engine::Sqlite {
        return Ok(());
    }
    limit_lock_wait(connection)?;
    let table = task.table();
    let lock = format!("LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE");
    connection.batch_execute(&lock).map_err(|error| match error {
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, cause) => Error::Unavailable(anyhow::anyhow!(
            "another transaction keeps the lock of {table}; if this lasts, keyrack doctor names it: {}",
            cause.message()
        )),
        error => error.into(),
    })
}

/// Limits how long this transaction waits for a lock to [`MAX_LOCK_WAIT`]. Then another transaction that does not end
/// costs it an error, and not its connection.
pub fn limit_lock_wait(connection: &mut DbConnection) -> Result<()> {
    if connection.engine() == Engine::Postgres {
        connection.batch_execute(&format!("SET LOCAL lock_timeout = {}", MAX_LOCK_WAIT.as_millis()))?;
    }
    Ok(())
}

/// Makes deferred constraints fail the statement that violates them instead of the commit, until this transaction ends.
pub fn check_constraints_at_once(connection: &mut DbConnection) -> Result<()> {
    if connection.engine() == Engine::Postgres {
        connection.batch_execute("SET CONSTRAINTS ALL IMMEDIATE")?;
    }
    Ok(())
}

/// Blocks every other transaction's writes to a table until this one ends. Reads go on.
pub fn lock_writes(connection: &mut DbConnection, table: &'static str) -> Result<()> {
    if connection.engine() == Engine::Postgres {
        connection.batch_execute(&format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))?;
    }
    Ok(())
}
