//! The ends of the transaction that a thread is in, until its commit writes them to the journal.
//!
//! A transaction runs on one thread from its begin to its commit, so the list belongs to the thread. That way every
//! statement that ends a session is journaled by the one function that commits, whichever verb it belongs to.

use std::cell::{Cell, RefCell};

use super::record::{EndedSession, Record, ReplacedSid};
use crate::db::after_commit;

thread_local! {
    static UNCOMMITTED: RefCell<Vec<Record>> = const { RefCell::new(Vec::new()) };
    static HAS_END: Cell<bool> = const { Cell::new(false) };
}

/// Notes that this thread's transaction was to end sessions. If they had already ended, it is acknowledged as well, so
/// their ends must be in the journal.
pub(crate) fn note_end_requested() {
    HAS_END.set(true);
}

/// Notes that this thread's transaction has ended a session.
pub(crate) fn note_end(ended: EndedSession) {
    UNCOMMITTED.with_borrow_mut(|records| records.push(Record::Ended(ended)));
}

/// Notes that this thread's transaction has given a session a new sid.
pub(crate) fn note_replaced_sid(replaced: ReplacedSid) {
    UNCOMMITTED.with_borrow_mut(|records| records.push(Record::Replaced(replaced)));
}

/// Forgets what an earlier transaction of this thread has left behind, the actions after its commit included.
pub(in crate::db) fn clear() {
    UNCOMMITTED.with_borrow_mut(Vec::clear);
    after_commit::clear();
    HAS_END.set(false);
}

/// Takes what is to be committed. `None` if the transaction was not to end anything.
pub(super) fn take() -> Option<Vec<Record>> {
    let (records, has_end) = (UNCOMMITTED.take(), HAS_END.take());
    (has_end || !records.is_empty()).then_some(records)
}

/// The number of records, and of actions after the commit, where a savepoint begins.
#[derive(Debug, Clone, Copy)]
pub(in crate::db) struct UncommittedLen {
    records: usize,
    actions: usize,
}

/// The numbers so far.
pub(in crate::db) fn len() -> UncommittedLen {
    UncommittedLen { records: UNCOMMITTED.with_borrow(Vec::len), actions: after_commit::len() }
}

/// Forgets what was noted since a savepoint that is rolled back.
pub(in crate::db) fn truncate(len: UncommittedLen) {
    UNCOMMITTED.with_borrow_mut(|records| records.truncate(len.records));
    after_commit::truncate(len.actions);
}
