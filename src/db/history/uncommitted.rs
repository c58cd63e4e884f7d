//! The ends of the transaction that a thread is in, until its commit writes them to the journal.
//!
//! A transaction runs on one thread from its begin to its commit, so the list belongs to the thread. That way every
//! statement that ends a session is journaled by the one function that commits, whichever verb it belongs to.

use std::cell::RefCell;

use super::record::{EndedSession, Record, ReplacedSid};

thread_local! {
    static UNCOMMITTED: RefCell<Vec<Record>> = const { RefCell::new(Vec::new()) };
}

/// Notes that this thread's transaction has ended a session.
pub(crate) fn note_end(ended: EndedSession) {
    UNCOMMITTED.with_borrow_mut(|records| records.push(Record::Ended(ended)));
}

/// Notes that this thread's transaction has given a session a new sid.
pub(crate) fn note_replaced_sid(replaced: ReplacedSid) {
    UNCOMMITTED.with_borrow_mut(|records| records.push(Record::Replaced(replaced)));
}

/// Forgets what an earlier transaction of this thread has left behind.
pub(in crate::db) fn clear() {
    UNCOMMITTED.with_borrow_mut(Vec::clear);
}

/// Takes what is to be committed.
pub(super) fn take() -> Vec<Record> {
    UNCOMMITTED.take()
}

/// The number of records so far: where a savepoint begins.
pub(in crate::db) fn len() -> usize {
    UNCOMMITTED.with_borrow(Vec::len)
}

/// Forgets the records since a savepoint that is rolled back.
pub(in crate::db) fn truncate(len: usize) {
    UNCOMMITTED.with_borrow_mut(|records| records.truncate(len));
}
