//! An event to write, and one that was read.

use serde_json::{Map, Value};

use super::{
    cause::EventCause,
    kind::EventKind,
    source::{Actor, Source},
};
use crate::{
    clock::Timestamp,
    db::{PasskeyId, SessionId, UserId},
};

/// An event that is to be written. It must contain no sid, no password and no token, and nothing that was typed.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    pub(super) kind: EventKind,
    pub(super) user_id: Option<UserId>,
    pub(super) session_id: Option<SessionId>,
    pub(super) actor: Actor,
    pub(super) ip_address: Option<String>,
    pub(super) detail: Map<String, Value>,
}

impl NewEvent {
    /// An event of which only its source is known.
    pub fn new(kind: EventKind, source: &Source) -> Self {
        let mut detail = Map::new();
        if let Some(name) = source.name() {
            detail.insert(source.name_key().to_owned(), name.into());
        }
        let ip_address = source.ip_address().map(|address| address.to_canonical().to_string());
        Self { kind, user_id: None, session_id: None, actor: source.actor(), ip_address, detail }
    }

    /// An event that tells why something failed or was refused.
    pub(crate) fn of_cause(cause: EventCause, source: &Source) -> Self {
        Self::new(cause.kind(), source).detail("cause", cause.as_str())
    }

    /// Names the account.
    #[must_use]
    pub fn user(self, id: UserId) -> Self {
        Self { user_id: Some(id), ..self }
    }

    /// Names the session.
    #[must_use]
    pub fn session(self, id: SessionId) -> Self {
        Self { session_id: Some(id), ..self }
    }

    /// Adds to the detail.
    #[must_use]
    pub fn detail(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.detail.insert(key.to_owned(), value.into());
        self
    }
}

/// An event as it was read.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SecurityEvent {
    /// `security_events.id`
    pub id: i64,
    /// When it was recorded; `None` if that can't be read.
    pub at: Option<Timestamp>,
    /// The word for its kind; see [`EventKind`].
    pub kind: String,
    /// The account.
    pub user_id: Option<UserId>,
    /// The session.
    pub session_id: Option<SessionId>,
    /// The word for who did it; see [`Actor`].
    pub actor: String,
    /// From where.
    pub ip_address: Option<String>,
    /// What else is known.
    pub detail: Map<String, Value>,
    /// The columns that can't be read, since another program wrote them: their values are missing here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<&'static str>,
    #[serde(skip)]
    pub(super) transaction_id: i64,
}

impl SecurityEvent {
    /// One that never happened, for pages with sample data.
    pub(crate) fn sample(kind: EventKind, at: Timestamp) -> Self {
        Self {
            id: 1,
            at: Some(at),
            kind: kind.as_str().to_owned(),
            user_id: None,
            session_id: None,
            actor: Actor::User.as_str().to_owned(),
            ip_address: Some("203.0.113.24".to_owned()),
            detail: Map::new(),
            unreadable: Vec::new(),
            transaction_id: 0,
        }
    }

    /// Its kind; `None` for one that only another version knows.
    pub fn kind(&self) -> Option<EventKind> {
        EventKind::parse(&self.kind)
    }

    /// Who did it.
    pub fn actor(&self) -> Option<Actor> {
        Actor::parse(&self.actor)
    }

    /// Whether a reader with this cursor has read it.
    pub fn is_until(&self, cursor: EventCursor) -> bool {
        self.cursor() <= cursor
    }

    /// Its place in the order of [`Events::next_after`](super::Events::next_after).
    pub(super) fn cursor(&self) -> EventCursor {
        EventCursor { transaction_id: self.transaction_id, id: self.id }
    }

    /// A text of the detail.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.detail.get(key).and_then(Value::as_str)
    }

    /// The passkey that it is about; `None` if it is about none, or that can't be read.
    pub fn passkey(&self) -> Option<PasskeyId> {
        self.text("passkey")?.parse().ok()
    }

    /// The session of the account that did it; `None` if it was no session, or that can't be read.
    pub fn by_session(&self) -> Option<SessionId> {
        self.text("by_session")?.parse().ok()
    }

    /// When it happened. A timeout is recorded by the purge, and happened before. `None` if that can't be read.
    pub fn happened_at(&self) -> Option<Timestamp> {
        self.text("ended_at").and_then(Timestamp::parse).or(self.at)
    }
}

/// How far a reader that misses nothing has come. Events are in this order, and none is added before one that
/// [`Events::next_after`](super::Events::next_after) has returned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventCursor {
    pub(super) transaction_id: i64,
    pub(super) id: i64,
}
