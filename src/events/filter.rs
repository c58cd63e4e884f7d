//! Which events are read, and from where on.

use super::event::SecurityEvent;
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

impl EventFilter {
    /// Whether an event is among those that are read.
    pub fn matches(self, event: &SecurityEvent) -> bool {
        match self {
            Self::All => true,
            Self::User(user) => event.user_id == Some(user),
            Self::Session(user, session) => event.user_id == Some(user) && event.session_id == Some(session),
        }
    }
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
