//! The open pages, and who of them is told of an event.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::{
    change::{Change, Ended},
    mailbox::Mailbox,
};
use crate::{
    db::{SessionId, UserId},
    events::{event::SecurityEvent, kind::EventKind},
};

/// The most subscribers of one session. A browser has one, or one per page where it has no locks. A stream has a
/// connection, which can't be taken from it.
const MAX_PER_SESSION: usize = 20;

/// The most subscribers of one user.
const MAX_PER_USER: usize = 1000;

/// How long a subscriber waits for the follower.
const START_TIMEOUT: Duration = Duration::from_secs(2);

/// The open pages of one server process; clones share them.
#[derive(Debug, Clone)]
pub struct Broadcast(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) subscribers: Mutex<HashMap<UserId, Vec<Arc<Mailbox>>>>,
    /// The follower waits for the first subscriber.
    pub(super) first_subscriber: Notify,
    /// Whether the follower knows where the events of new subscribers begin.
    pub(super) is_following: watch::Sender<bool>,
    is_closed: AtomicBool,
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
    /// committed after this has returned is told; so look at the session then. Returns `None` while no follower reads
    /// events, since the server is starting or stopping, or the database can't be reached. Also returns `None` if the
    /// session or the user has too many subscribers.
    pub async fn subscribe(&self, user: UserId, session: SessionId) -> Option<Subscription> {
        let mailbox = Arc::new(Mailbox::new(session));
        {
            let mut subscribers = self.0.subscribers.lock();
            let of_user = subscribers.entry(user).or_default();
            let of_session = of_user.iter().filter(|mailbox| mailbox.session == session).count();
            if of_session >= MAX_PER_SESSION || of_user.len() >= MAX_PER_USER {
                return None;
            }
            of_user.push(Arc::clone(&mailbox));
        }
        let subscription = Subscription { user, mailbox, broadcast: self.clone() };
        self.0.first_subscriber.notify_one();
        let mut is_following = self.0.is_following.subscribe();
        let ready = is_following.wait_for(|is_following| *is_following);
        let is_ready = tokio::time::timeout(START_TIMEOUT, ready).await.is_ok_and(|ready| ready.is_ok());
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

    pub(super) fn for_each(&self, mut tell: impl FnMut(&Mailbox)) {
        self.0.subscribers.lock().values().flatten().for_each(|mailbox| tell(mailbox));
    }

    /// Tells the subscribers of the events' users. The events come together, since a user may have many pages and end many
    /// sessions: each page looks once at all of them.
    pub(super) fn dispatch<'a>(&self, events: impl IntoIterator<Item = &'a SecurityEvent>) {
        let subscribers = self.0.subscribers.lock();
        let mut news: HashMap<UserId, News> = HashMap::new();
        for event in events {
            if let Some(user) = event.user_id.filter(|user| subscribers.contains_key(user)) {
                news.entry(user).or_default().add(event);
            }
        }
        for (user, news) in news {
            for mailbox in subscribers.get(&user).into_iter().flatten() {
                let own = news.of_sessions.get(&mailbox.session);
                if news.list_changed.is_some() || own.is_some() {
                    mailbox.update(|change| news.apply(own, change));
                }
            }
        }
    }
}

/// What has happened to the sessions of one user.
#[derive(Default)]
struct News {
    list_changed: Option<i64>,
    of_sessions: HashMap<SessionId, SessionNews>,
}

/// What has happened to one of them.
#[derive(Default)]
struct SessionNews {
    ended: Option<Ended>,
    has_new_sid: bool,
}

impl News {
    fn add(&mut self, event: &SecurityEvent) {
        if changes_list(event) {
            self.list_changed = self.list_changed.max(Some(event.id));
        }
        let (has_ended, has_new_sid) = match EventKind::parse(&event.kind) {
            Some(EventKind::SessionEnded) => (true, false),
            // A sign-in may continue a session. One that is bound from now on has another cookie beside its sid.
            Some(EventKind::SessionRotated | EventKind::SignedIn | EventKind::SessionBound) => (false, true),
            _ => return,
        };
        let Some(session) = event.session_id else { return };
        let of_session = self.of_sessions.entry(session).or_default();
        of_session.has_new_sid |= has_new_sid;
        if has_ended {
            of_session.ended = Some(ended(event));
        }
    }

    fn apply(&self, own: Option<&SessionNews>, change: &mut Change) {
        change.list_changed = change.list_changed.max(self.list_changed);
        if let Some(own) = own {
            change.has_new_sid |= own.has_new_sid;
            change.ended = own.ended.clone().or(change.ended.take());
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
fn changes_list(event: &SecurityEvent) -> bool {
    EventKind::LIST_CHANGES.iter().any(|kind| event.kind == kind.as_str())
}

fn ended(event: &SecurityEvent) -> Ended {
    let reason = event.detail.get("reason").and_then(serde_json::Value::as_str).unwrap_or_default();
    Ended { reason: reason.to_owned(), at: event.at }
}

#[cfg(test)]
mod tests;
