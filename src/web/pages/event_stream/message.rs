//! The text of the events.

use std::fmt::Write as _;

use actix_web::web::Bytes;

use crate::clock::Timestamp;

/// An event that says nothing. It keeps proxies from closing a connection that is quiet, and finds out that the browser is
/// gone; the browser finds out by its absence that the connection is.
pub(super) const HEARTBEAT: Bytes = Bytes::from_static(b"event: beat\ndata:\n\n");

/// Events that are sent at once.
#[derive(Default)]
pub(super) struct Messages(String);

impl Messages {
    /// Tells the browser how long to wait before it connects again after a lost connection.
    pub fn retry(mut self, millis: u64) -> Self {
        // Writing to a string can't fail.
        let _ = writeln!(self.0, "retry: {millis}");
        self
    }

    /// Adds an event. `data` is JSON, without line breaks.
    pub fn event(mut self, name: &str, id: &str, data: &serde_json::Value) -> Self {
        let _ = write!(self.0, "id: {id}\nevent: {name}\ndata: {data}\n\n");
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn into_bytes(self) -> Bytes {
        self.0.into()
    }
}

/// The data of an event about an expiry.
pub(super) fn expiry(session: &str, until: Timestamp, is_idle_expiry: bool) -> serde_json::Value {
    serde_json::json!({ "session": session, "expires_at": until, "idle": is_idle_expiry })
}
