//! A thread's own connections to SQLite, for reading where one is.

use std::{
    cell::RefCell,
    sync::{Arc, Weak},
};

use crate::{
    db::{Database, DbConnection},
    error::Result,
};

thread_local! {
    static OWN: RefCell<Vec<Own>> = const { RefCell::new(Vec::new()) };
}

/// A connection, and the database that it is for: one process may hold several.
struct Own {
    database: Weak<()>,
    connection: DbConnection,
}

/// Reads on this thread's own connection, which waits for nobody. `None` if that failed, for whatever reason: the pool's way
/// waits, tries again, and knows what to answer.
pub(super) fn with<T>(database: &Database, work: impl FnOnce(&mut DbConnection) -> Result<T>) -> Option<T> {
    let identity = database.identity();
    let mut connection = take(identity).or_else(|| database.opener().open_to_read().ok())?;
    match work(&mut connection) {
        Ok(found) => {
            put_back(identity, connection);
            Some(found)
        }
        Err(error) => {
            tracing::debug!(error = error.chain(), "a lookup goes to the pool");
            None
        }
    }
}

/// While it is used it is nobody's, so that whatever goes wrong throws it away.
fn take(identity: &Arc<()>) -> Option<DbConnection> {
    OWN.with_borrow_mut(|all| {
        let place = all.iter().position(|own| std::ptr::eq(own.database.as_ptr(), Arc::as_ptr(identity)))?;
        Some(all.swap_remove(place).connection)
    })
}

fn put_back(identity: &Arc<()>, connection: DbConnection) {
    let own = Own { database: Arc::downgrade(identity), connection };
    OWN.with_borrow_mut(|all| {
        // Those of databases that are closed go, so that a thread which outlives them keeps no file open.
        if all.len() > 1 {
            all.retain(|own| own.database.strong_count() > 0);
        }
        all.push(own);
    });
}
