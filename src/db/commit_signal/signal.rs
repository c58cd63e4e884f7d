//! The signal of one process.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

/// How long an event of another process waits at most where nothing announces it: on SQLite, and behind a pooler that lends
/// a connection for one transaction only.
const SHORT_POLL: Duration = Duration::from_millis(40);

/// The same where notifications arrive: for those that got lost.
const LONG_POLL: Duration = Duration::from_secs(1);

/// Tells of commits that have recorded security events. It is quiet about which ones.
#[derive(Debug, Default)]
pub(crate) struct CommitSignal {
    pub(super) raised: tokio::sync::Notify,
    /// Whether the broadcast of this process follows the events.
    is_followed: AtomicBool,
    /// The follower's poll interval in milliseconds; 0 as long as no connection listens.
    poll_millis: AtomicU64,
    for_announcer: Mutex<ForAnnouncer>,
    announcer_wakes: Condvar,
}

#[derive(Debug, Default)]
struct ForAnnouncer {
    is_started: bool,
    /// Whether the other instances have to be told of a commit.
    is_commit_pending: bool,
}

impl CommitSignal {
    /// Tells of a commit of this process.
    pub(in crate::db) fn raise(&self) {
        self.raised.notify_one();
        let mut announcer = self.for_announcer.lock();
        if announcer.is_started && !announcer.is_commit_pending {
            announcer.is_commit_pending = true;
            self.announcer_wakes.notify_one();
        }
    }

    /// Waits until events were committed, or for as long as they may have escaped notice.
    pub async fn wait(&self) {
        let interval = match self.poll_millis.load(Ordering::Relaxed) {
            0 => SHORT_POLL,
            millis => Duration::from_millis(millis),
        };
        let _ = tokio::time::timeout(interval, self.raised.notified()).await;
    }

    /// Says whether the broadcast follows the events. Otherwise, notifications of other processes are read now and then
    /// only.
    pub fn set_followed(&self, is_followed: bool) {
        self.is_followed.store(is_followed, Ordering::Relaxed);
        // It reads more often from now on.
        self.announcer_wakes.notify_one();
    }

    pub(super) fn is_followed(&self) -> bool {
        self.is_followed.load(Ordering::Relaxed)
    }

    /// Says whether notifications of other processes arrive.
    pub(super) fn set_listening(&self, is_listening: bool) {
        let millis = if is_listening { LONG_POLL.as_millis() } else { 0 };
        self.poll_millis.store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Notes that commits are announced. Returns false if they were before.
    pub(super) fn begin_announcing(&self) -> bool {
        !std::mem::replace(&mut self.for_announcer.lock().is_started, true)
    }

    /// Waits until there is a commit to announce, `timeout` at most. Returns whether there is one.
    pub(super) fn wait_for_commit(&self, timeout: Duration) -> bool {
        let mut announcer = self.for_announcer.lock();
        if !announcer.is_commit_pending {
            self.announcer_wakes.wait_for(&mut announcer, timeout);
        }
        std::mem::take(&mut announcer.is_commit_pending)
    }
}

#[cfg(test)]
mod tests;
