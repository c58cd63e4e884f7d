//! Passes the events of sessions on to the open pages of their users.
//!
//! A page subscribes to one session of one user. `follow` reads the table as soon as something was committed, by whichever
//! process, and tells each subscriber what has become of its session and whether the list of devices has changed. What a
//! subscriber has not taken yet is kept as one state, not as a queue: a page that is slow costs no more than another one.

mod follow;
mod mailbox;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::{event::SecurityEvent, kind::EventKind};
use crate::{
    clock::Timestamp,
    db::{SessionId, UserId},
};
use mailbox::Mailbox;

/// The open pages of one server process; clones share them.
#[derive(Debug, Clone)]
pub struct Broadcast(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    subscribers: Mutex<HashMap<UserId, Vec<Arc<Mailbox>>>>,
    /// The follower waits for the first subscriber.
    first_subscriber: Notify,
    /// Whether the follower knows where the events of new subscribers begin.
    is_following: watch::Sender<bool>,
    is_closed: AtomicBool,
}

/// What has happened since a subscriber last asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// The subscriber's session has ended.
    pub ended: Option<Ended>,
    /// The id of the latest event that has changed the user's list of sessions.
    pub list_changed: Option<i64>,
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

/// The subscription of one page. It ends when the value is dropped.
#[derive(Debug)]
pub struct Subscription {
    user: UserId,
    mailbox: Arc<Mailbox>,
    broadcast: Broadcast,
}

impl Default for Broadcast {
    fn default() -> Self {
        Self(Arc::new(Shared {
            subscribers: Mutex::default(),
            first_subscriber: Notify::new(),
            is_following: watch::Sender::new(false),
            is_closed: AtomicBool::new(false),
        }))
    }
}

impl Broadcast {
    /// Subscribes to the changes of a user's sessions, of which `session` is the subscriber's own. Everything that is
    /// committed after this has returned is told; so look at the session then. Returns `None` while nobody reads events:
    /// the server is starting or stopping, or the database can't be reached.
    pub async fn subscribe(&self, user: UserId, session: SessionId) -> Option<Subscription> {
        let mailbox = Arc::new(Mailbox::new(session));
        self.0.subscribers.lock().entry(user).or_default().push(Arc::clone(&mailbox));
        let subscription = Subscription { user, mailbox, broadcast: self.clone() };
        self.0.first_subscriber.notify_one();
        let mut is_following = self.0.is_following.subscribe();
        let ready = is_following.wait_for(|is_following| *is_following);
        let is_ready = tokio::time::timeout(follow::START_TIMEOUT, ready).await.is_ok_and(|ready| ready.is_ok());
        (is_ready && !self.0.is_closed.load(Ordering::Acquire)).then_some(subscription)
    }

    /// Tells all subscribers that the server stops, and accepts no others.
    pub fn close(&self) {
        self.0.is_closed.store(true, Ordering::Release);
        self.for_each(|mailbox| mailbox.update(|change| change.is_closing = true));
    }

    /// The number of subscribers.
    pub fn len(&self) -> usize {
        self.0.subscribers.lock().values().map(Vec::len).sum()
    }

    /// Whether there is no subscriber.
    pub fn is_empty(&self) -> bool {
        self.0.subscribers.lock().is_empty()
    }

    fn for_each(&self, mut tell: impl FnMut(&Mailbox)) {
        self.0.subscribers.lock().values().flatten().for_each(|mailbox| tell(mailbox));
    }

    /// Tells the subscribers of the event's user.
    fn dispatch(&self, event: &SecurityEvent) {
        let Some(user) = event.user_id.filter(|_| changes_sessions(event)) else { return };
        let subscribers = self.0.subscribers.lock();
        for mailbox in subscribers.get(&user).into_iter().flatten() {
            mailbox.update(|change| {
                change.list_changed = change.list_changed.max(Some(event.id));
                if event.kind == EventKind::SessionEnded.as_str() && event.session_id == Some(mailbox.session) {
                    change.ended = Some(ended(event));
                }
            });
        }
    }
}

impl Subscription {
    /// Waits for the next change.
    pub async fn next(&self) -> Change {
        self.mailbox.next().await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut subscribers = self.broadcast.0.subscribers.lock();
        let Some(mailboxes) = subscribers.get_mut(&self.user) else { return };
        mailboxes.retain(|mailbox| !Arc::ptr_eq(mailbox, &self.mailbox));
        if mailboxes.is_empty() {
            subscribers.remove(&self.user);
        }
    }
}

/// Whether an event changes what a list of sessions shows.
fn changes_sessions(event: &SecurityEvent) -> bool {
    let changing = [
        EventKind::SignedIn,
        EventKind::SessionAdopted,
        EventKind::SessionRenamed,
        EventKind::SessionEnded,
        EventKind::AccountDeleted,
    ];
    changing.iter().any(|kind| event.kind == kind.as_str())
}

fn ended(event: &SecurityEvent) -> Ended {
    let reason = event.detail.get("reason").and_then(serde_json::Value::as_str).unwrap_or_default();
    Ended { reason: reason.to_owned(), at: event.at }
}

#[cfg(test)]
mod tests;
