//! What a thread does once its transaction is committed, such as writing a line to the log.
//!
//! A transaction runs on one thread from its begin to its commit, so the list belongs to the thread. What was noted by a
//! transaction that is rolled back never happens.

use std::cell::RefCell;

type Action = Box<dyn FnOnce()>;

thread_local! {
    static ACTIONS: RefCell<Vec<Action>> = const { RefCell::new(Vec::new()) };
}

/// Runs `action` after the commit of this thread's transaction. It must be short, and must not use the database.
pub(crate) fn after_commit(action: impl FnOnce() + 'static) {
    ACTIONS.with_borrow_mut(|actions| actions.push(Box::new(action)));
}

/// Forgets what an earlier transaction of this thread has left behind.
pub(super) fn clear() {
    ACTIONS.with_borrow_mut(Vec::clear);
}

/// Takes all actions, to run them after the commit.
pub(super) fn take() -> Vec<Action> {
    ACTIONS.take()
}

/// The number of actions so far: where a savepoint begins.
pub(super) fn len() -> usize {
    ACTIONS.with_borrow(Vec::len)
}

/// Forgets the actions since a savepoint that is rolled back.
pub(super) fn truncate(len: usize) {
    ACTIONS.with_borrow_mut(|actions| actions.truncate(len));
}
