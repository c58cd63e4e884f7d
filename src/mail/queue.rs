//! The queue: a mail is stored in the transaction of its cause, so that it is sent if, and only if, that is committed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    model::{ListedMail, NewMail},
    queries,
};
use crate::{
    clock::Timestamp,
    db::{Database, DbConnection, MailId, after_commit},
    error::Result,
    words::Language,
};

/// How long a mail is tried.
pub(super) const GIVEN_UP_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the row of a mail is kept.
const RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Where mails wait. Clones share the signal that there is a new one.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    added: Arc<Notify>,
    stop: Arc<Stop>,
    /// The languages that pages are offered in; empty if no mail is sent.
    languages: Arc<[Language]>,
}

/// Tells the sender to stop.
#[derive(Debug, Default)]
struct Stop {
    is_requested: AtomicBool,
    requested: Notify,
}

impl Outbox {
    /// One that takes mails, and the languages that pages are offered in, of which there is at least one.
    pub fn new(languages: &[Language]) -> Self {
        Self { added: Arc::default(), stop: Arc::default(), languages: languages.into() }
    }

    /// One that takes none, since no mail server is set up.
    pub fn closed() -> Self {
        Self { added: Arc::default(), stop: Arc::default(), languages: Arc::default() }
    }

    /// The language of mails that no page has asked for, to users of whom none is known; `None` if no mail is sent.
    pub fn language(&self) -> Option<Language> {
        self.languages.first().copied()
    }

    /// Whether pages are offered in this language.
    pub fn offers(&self, language: Language) -> bool {
        self.languages.contains(&language)
    }

    /// Stores a mail in the caller's transaction. Its sender wakes when that is committed.
    pub fn add(&self, connection: &mut DbConnection, mail: &NewMail, now: Timestamp) -> Result<MailId> {
        let id = MailId::random();
        queries::insert(connection, id, mail, now)?;
        let added = Arc::clone(&self.added);
        after_commit(move || added.notify_one());
        Ok(id)
    }

    /// Lets the sender end, once it has done with the mail that it is sending.
    pub fn stop_sender(&self) {
        self.stop.is_requested.store(true, Ordering::Relaxed);
        self.stop.requested.notify_one();
        self.added.notify_one();
    }

    /// Whether the sender is to end.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_requested.load(Ordering::Relaxed)
    }

    /// Waits for so long, unless the sender is to end.
    pub(super) async fn pause(&self, length: Duration) {
        let _ = tokio::time::timeout(length, self.stop.requested.notified()).await;
    }

    /// Waits for a mail that this process adds, `limit` at most.
    pub(super) async fn wait(&self, limit: Duration) {
        let _ = tokio::time::timeout(limit, self.added.notified()).await;
    }
}

/// The latest mails, the newest first.
pub(crate) async fn list(db: &Database, only_given_up: bool) -> Result<Vec<ListedMail>> {
    db.read(move |connection| queries::list(connection, only_given_up)).await
}

/// The number of mails that are overdue, because they could not be sent, and when the oldest of them was added.
pub(crate) async fn overdue(db: &Database, before: Timestamp) -> Result<Option<(i64, Timestamp)>> {
    db.read(move |connection| queries::overdue(connection, before)).await
}

/// Deletes up to `limit` mails that were added long ago, or whose account no longer exists.
pub(crate) fn purge(connection: &mut DbConnection, now: Timestamp, limit: i64) -> Result<usize> {
    queries::purge(connection, now - RETENTION, limit)
}
