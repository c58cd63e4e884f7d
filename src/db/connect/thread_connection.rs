//! SQLite connections that belong to one thread, for reading on it without a pool.

use std::{
    cell::RefCell,
    ptr,
    sync::{Arc, Weak},
};

use super::{connection::DbConnection, opener::Opener};
use crate::error::Result;

thread_local! {
    static CONNECTIONS: RefCell<Vec<ThreadConnection>> = const { RefCell::new(Vec::new()) };
}

/// A connection and the database it belongs to: one process may have several open.
struct ThreadConnection {
    opener: Weak<Opener>,
    connection: DbConnection,
}

/// Reads on this thread's connection, which never waits for a lock. Returns `None` after any failure: the caller then
/// reads through the pool, which waits, retries and returns the error.
pub(in crate::db) fn read<T>(opener: &Arc<Opener>, work: impl FnOnce(&mut DbConnection) -> Result<T>) -> Option<T> {
    let mut connection = take(opener).or_else(|| opener.open_read_only().ok())?;
    match work(&mut connection) {
        Ok(value) => {
            put_back(opener, connection);
            Some(value)
        }
        Err(error) => {
            tracing::debug!(error = error.chain(), "reading through the pool instead");
            None
        }
    }
}

/// Takes the connection out of the thread's list while it is used, so that an error or a panic drops it.
fn take(opener: &Arc<Opener>) -> Option<DbConnection> {
    CONNECTIONS.with_borrow_mut(|all| {
        let index = all.iter().position(|one| ptr::eq(one.opener.as_ptr(), Arc::as_ptr(opener)))?;
        Some(all.swap_remove(index).connection)
    })
}

fn put_back(opener: &Arc<Opener>, connection: DbConnection) {
    CONNECTIONS.with_borrow_mut(|all| {
        // Closes the connections to databases that are no longer open, so that a long-lived thread keeps no file open.
        all.retain(|one| one.opener.strong_count() > 0);
        all.push(ThreadConnection { opener: Arc::downgrade(opener), connection });
    });
}
