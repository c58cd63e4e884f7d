//! Reads the events for the subscribers.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::subscribers::Broadcast;
use crate::{
    db::CommitSignal,
    error::Result,
    events::{
        event::{EventCursor, SecurityEvent},
        filter::EventFilter,
        queries,
        reader::Events,
    },
};

/// How long the follower goes on without a subscriber.
const LINGER: Duration = Duration::from_secs(30);

/// The pause after each read, in which the events of many commits gather.
const READ_PAUSE: Duration = Duration::from_millis(5);

/// The pause after an error.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// How often the events are read in the order of their commits as well.
const CATCH_UP_INTERVAL: Duration = Duration::from_secs(1);

/// Events that are read at a time.
const BATCH_ROWS: usize = 1000;

/// How many of the latest ids are looked at again, for transactions that commit late. Less than a batch.
const RECENT_IDS: i64 = 900;

/// The most ids that are remembered. Beyond it, events may be told twice, which only makes pages look again.
const MAX_REMEMBERED: usize = 100_000;

impl Broadcast {
    /// Passes events on to the subscribers for as long as it is polled. It reads nothing while there are none.
    pub async fn follow(self, events: Events) {
        let signal = events.db.commit_signal();
        let mut is_failing = false;
        loop {
            while self.is_empty() {
                self.0.first_subscriber.notified().await;
            }
            signal.set_followed(true);
            match self.follow_while_needed(&events, &signal).await {
                Ok(()) => is_failing = false,
                // Only the start fails: without it, no subscription has begun.
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(error = error.chain(), "could not read the security events for open pages");
                    }
                    tokio::time::sleep(RETRY_DELAY).await;
                }
            }
            self.0.is_following.send_replace(false);
            signal.set_followed(false);
        }
    }

    async fn follow_while_needed(&self, events: &Events, signal: &CommitSignal) -> Result<()> {
        let mut follower = Follower::start(self, events).await?;
        self.0.is_following.send_replace(true);
        let (mut is_failing, mut last_needed) = (false, Instant::now());
        loop {
            signal.wait().await;
            match follower.read().await {
                Ok(()) => is_failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(
                            error = error.chain(),
                            "could not read the security events for open pages: they learn of ends later"
                        );
                    }
                    tokio::time::sleep(RETRY_DELAY).await;
                }
            }
            if !self.is_empty() {
                last_needed = Instant::now();
            } else if last_needed.elapsed() > LINGER && self.stop_unless_needed() {
                return Ok(());
            }
            tokio::time::sleep(READ_PAUSE).await;
        }
    }

    /// Stops following, so that the next subscriber waits for a new start. Returns whether it did.
    fn stop_unless_needed(&self) -> bool {
        let subscribers = self.0.subscribers.lock();
        if subscribers.is_empty() {
            self.0.is_following.send_replace(false);
        }
        subscribers.is_empty()
    }
}

/// Where the reading of events stands.
///
/// They are read in the order of their ids as soon as they are committed. A transaction that commits later than one with
/// greater ids is found by looking at the latest ids again; and what took longer, by a reading in the order of commits, which
/// waits for all older transactions of the server and so misses none.
struct Follower<'a> {
    broadcast: &'a Broadcast,
    events: &'a Events,
    /// The greatest id that was read.
    last: i64,
    /// Up to where they were read in the order of commits.
    cursor: EventCursor,
    /// The ids that were told, or were committed before the first subscription.
    told: BTreeSet<i64>,
    /// The history of the database that the ids belong to.
    generation: u64,
    caught_up_at: Instant,
}

impl<'a> Follower<'a> {
    async fn start(broadcast: &'a Broadcast, events: &'a Events) -> Result<Self> {
        let generation = events.db.history_generation();
        let cursor = events.current_cursor().await?;
        let last = events.db.read(queries::newest_id).await?;
        let recent = events.page_after(EventFilter::All, last - RECENT_IDS).await?;
        let told = recent.iter().map(|event| event.id).filter(|id| *id <= last).collect();
        Ok(Self { broadcast, events, last, cursor, told, generation, caught_up_at: Instant::now() })
    }

    async fn read(&mut self) -> Result<()> {
        loop {
            let page = self.events.page_after(EventFilter::All, self.last).await?;
            self.tell(&page);
            self.last = page.last().map_or(self.last, |event| event.id);
            if page.len() < BATCH_ROWS {
                break;
            }
        }
        if self.caught_up_at.elapsed() >= CATCH_UP_INTERVAL {
            self.catch_up().await?;
            self.caught_up_at = Instant::now();
        }
        Ok(())
    }

    /// Tells those of the events that were not told yet.
    fn tell(&mut self, events: &[SecurityEvent]) {
        self.broadcast.dispatch(events.iter().filter(|event| self.told.insert(event.id)));
        while self.told.len() > MAX_REMEMBERED {
            self.told.pop_first();
        }
    }

    async fn catch_up(&mut self) -> Result<()> {
        let newest = self.events.db.read(queries::newest_id).await?;
        if newest < self.last || self.generation != self.events.db.history_generation() {
            return self.start_again().await;
        }
        let recent = self.events.page_after(EventFilter::All, self.last - RECENT_IDS).await?;
        self.tell(&recent);
        loop {
            let (page, cursor) = self.events.next_after(self.cursor).await?;
            self.tell(&page);
            self.cursor = cursor;
            if page.len() < BATCH_ROWS {
                return Ok(());
            }
        }
    }

    /// Begins anew in a database that may have gone back to an earlier state, by a failover or a restored backup: new events
    /// may get ids there that were read before.
    async fn start_again(&mut self) -> Result<()> {
        let Self { broadcast, events, .. } = *self;
        *self = Self::start(broadcast, events).await?;
        broadcast.for_each(|mailbox| mailbox.update(|change| change.must_look = true));
        Ok(())
    }
}
