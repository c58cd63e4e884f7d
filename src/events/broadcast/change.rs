//! What a subscriber is told.

use crate::clock::Timestamp;

/// What has happened since a subscriber last asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// The subscriber's session has ended.
    pub ended: Option<Ended>,
    /// The id of the latest event that has changed the user's list of sessions.
    pub list_changed: Option<i64>,
    /// The subscriber's session has got another sid, or was bound to a browser, so that the cookies of the subscriber may be
    /// copies that are no longer good.
    pub has_new_sid: bool,
    /// Events may have been missed, since the database went back to an earlier state: look at the session itself.
    pub must_look: bool,
    /// The server stops.
    pub is_closing: bool,
}

/// How a session has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The word in `sessions.end_reason`.
    pub reason: String,
    /// When it ended.
    pub at: Option<Timestamp>,
}
