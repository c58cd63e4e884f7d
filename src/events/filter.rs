//! Which events are read, and from where on.

use crate::db::{SessionId, UserId};

/// Which events are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventFilter {
    /// All of them.
    All,
    /// Those of one account.
    User(UserId),
    /// Those of one session of an account.
    Session(UserId, SessionId),
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageStart {
    /// With the newest event. The newest come first.
    Newest,
    /// With the newest event before this id. The newest come first.
    Before(i64),
    /// With the oldest event after this id. The oldest come first.
    After(i64),
}

/// How far a reader that misses nothing has come. Events are in this order, and none is added before one that
/// [`Events::next_after`](super::Events::next_after) has returned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventCursor {
    pub(super) transaction_id: i64,
    pub(super) id: i64,
}
