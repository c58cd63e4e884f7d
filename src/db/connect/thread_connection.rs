//! SQLite connections that belong to one thread, for reading on it without a pool.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use super::{connection::DbConnection, opener::Opener, slot::ConnectionSlot};
use crate::error::Result;

thread_local! {
    /// One slot per database: one process may have several open.
    static SLOTS: RefCell<Vec<Rc<ConnectionSlot>>> = const { RefCell::new(Vec::new()) };
}

/// Reads on this thread's connection, which never waits for a lock. Returns `None` after any failure: the caller then
/// reads through the pool, which waits, retries and returns the error.
pub(in crate::db) fn read<T>(opener: &Arc<Opener>, work: impl FnOnce(&mut DbConnection) -> Result<T>) -> Option<T> {
    let slot = slot(opener);
    let mut connection = slot.take().or_else(|| opener.open_read_only().ok())?;
    match work(&mut connection) {
        Ok(value) => {
            slot.keep(connection);
            Some(value)
        }
        Err(error) => {
            tracing::debug!(error = error.chain(), "reading through the pool instead");
            None
        }
    }
}

/// Returns this thread's slot for the database.
fn slot(opener: &Arc<Opener>) -> Rc<ConnectionSlot> {
    SLOTS.with_borrow_mut(|slots| {
        if let Some(slot) = slots.iter().find(|slot| slot.belongs_to(opener)) {
            return Rc::clone(slot);
        }
        // Closes the connections to databases that are no longer open, so that a long-lived thread keeps no file open.
        slots.retain(|slot| slot.is_needed());
        let slot = Rc::new(ConnectionSlot::new(opener));
        slots.push(Rc::clone(&slot));
        slot
    })
}
