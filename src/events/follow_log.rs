//! Logs the events of peers and commands. They run in other processes, whose output is not the server's log.

use std::time::Duration;

use super::{event::SecurityEvent, log::log_read_event, reader::Events, shared_reader::SharedReader, source::Actor};
use crate::{
    db::{DbConnection, after_commit},
    error::Result,
};

/// How long such an event waits for its line at most, while the database can be reached.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Events that are read at a time.
const BATCH_ROWS: i64 = 1000;

impl Events {
    /// Logs them for as long as it is polled. Of several instances, one logs each event.
    pub(crate) async fn log_events_of_others(self) {
        let mut is_failing = false;
        loop {
            match self.log_next_of_others().await {
                Ok(()) => is_failing = false,
                Err(error) if !std::mem::replace(&mut is_failing, true) => tracing::warn!(
                    error = error.chain(),
                    "could not read the security events of other programs; their log lines come later"
                ),
                Err(_) => {}
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Logs those that were not logged yet. Begins with the present, if there is no cursor.
    pub async fn log_next_of_others(&self) -> Result<()> {
        let is_anything_new = self.db.read(|connection| SharedReader::LOG.has_news(connection)).await?;
        while is_anything_new && self.db.transaction(log_batch).await? {}
        Ok(())
    }
}

/// Logs the next events, once the cursor behind them is committed. Returns whether there may be more.
fn log_batch(connection: &mut DbConnection) -> Result<bool> {
    let events = SharedReader::LOG.take(connection, BATCH_ROWS)?;
    let has_more = i64::try_from(events.len()).is_ok_and(|count| count == BATCH_ROWS);
    let others = events.into_iter().filter(|event| matches!(event.actor(), Some(Actor::Peer | Actor::Command)));
    let others: Vec<SecurityEvent> = others.collect();
    if !others.is_empty() {
        after_commit(move || others.iter().for_each(log_read_event));
    }
    Ok(has_more)
}
